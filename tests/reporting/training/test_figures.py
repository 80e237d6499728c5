"""Figures of training: every run drawn, censored runs marked, titles from the data, nothing lost in silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.spec import FigureSpec
from dgpg_verify.reporting.figures import FIGURES
from dgpg_verify.reporting.frame import NothingToDraw, few, frames, where
from dgpg_verify.reporting.training.comparisons import group_of_row
from dgpg_verify.reporting.training.methods import identified, telling_rows
from tests.reporting.drawn import unknown_in
from tests.reporting.training.synthetic_training import budget_tables, training_tables

Tables = dict[str, list[dict[str, Any]]]
TRAINING = [spec for spec in FIGURES if spec.claim.startswith(("C4", "C5"))]


@pytest.fixture(scope="module")
def made() -> Tables:
    return training_tables(seeds=4)


def draw(name: str, tables: Tables) -> Figure:
    spec = next(spec for spec in TRAINING if spec.name == name)
    return spec.make(frames(tables))


def dots(figure: Figure, *, hollow: bool = False) -> int:
    """Runs drawn as dots; only the hollow ones (beyond an axis, or never settled) if asked."""
    found = [c for ax in figure.axes for c in ax.collections if isinstance(c, PathCollection)]
    found = [c for c in found if c.get_gid() == "replicates" and (len(c.get_facecolor()) == 0 or not hollow)]
    return sum(len(c.get_offsets()) for c in found)


def thin_lines(figure: Figure) -> int:
    found = [c for ax in figure.axes for c in ax.collections if isinstance(c, LineCollection)]
    return sum(len(c.get_segments()) for c in found if c.get_gid() == "replicates")


def runs_in(rows: list[dict[str, Any]]) -> int:
    return len({(r["row"], r["n"], r["replicate"]) for r in rows})


def title(figure: Figure) -> str:
    return figure.texts[0].get_text().replace("\n", " ")


def caption(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.texts).replace("\n", " ")


def telling(made: Tables, table: str) -> list[dict[str, Any]]:
    """The records of part main whose rows are drawn where room is short."""
    main = [r for r in made[table] if r.get("part", "main") == "main"]
    tables = frames(made)
    kept = set(telling_rows(identified(tables, where(tables[table], part="main")))["row"])
    assert len(kept) < len({r["row"] for r in main})
    return [r for r in main if r["row"] in kept]


def test_learning_curves_draw_every_run_of_the_telling_methods(made: Tables) -> None:
    rows = [r for r in telling(made, "curves") if r["n"] in (2, 10, 50, 500)]
    figure = draw("learning_curves", made)
    assert len(figure.axes) == 8  # four N from the smallest to the largest, DG-PG and the others
    assert thin_lines(figure) == runs_in(rows) >= 100


def test_recorded_fleets_have_a_figure_of_their_own(made: Tables) -> None:
    assert thin_lines(draw("learning_curves_real", made)) == runs_in([r for r in made["curves"] if r["part"] == "real"])
    with pytest.raises(NothingToDraw, match="part real"):
        draw("learning_curves_real", {"curves": [r for r in made["curves"] if r["part"] != "real"]})


def test_patient_baselines_have_a_figure_of_their_own(made: Tables) -> None:
    assert thin_lines(draw("learning_curves_patient", made)) == runs_in(
        [r for r in made["curves"] if r["part"] == "patient"]
    )
    with pytest.raises(NothingToDraw, match="part patient"):
        draw("learning_curves_patient", {"curves": [r for r in made["curves"] if r["part"] != "patient"]})


def test_title_of_the_curves_is_the_last_evaluation_at_the_n_it_names(made: Tables) -> None:
    rows = [r for r in made["curves"] if r["row"] == "guidance_only" and r["n"] == 500]
    last = max(r["episode"] for r in rows)
    value = float(np.median([r["score"] for r in rows if r["episode"] == last]))
    text = title(draw("learning_curves", made))
    assert "N\u00a0=\u00a0500" in text and f"guidance only {value:.2f}" in text


def test_scores_far_below_random_are_cut_off_and_counted(made: Tables) -> None:
    changed = [dict(r) for r in made["curves"]]
    hit = [r for r in changed if r["row"] == "ippo" and r["n"] == 10 and r["replicate"] == 0][-3:]
    for r in hit:
        r["score"] = -40.0
    figure = draw("learning_curves", {**made, "curves": changed})
    assert min(ax.get_ylim()[0] for ax in figure.axes) > -2
    assert "3 evaluations lie outside the frame" in caption(figure)
    assert "outside the frame" not in caption(draw("learning_curves", made))


def test_curves_over_n_draw_every_run_of_the_sizes_shown(made: Tables) -> None:
    rows = [r for r in made["curves"] if r["part"] == "main" and r["method"] in ("dgpg", "guidance_only", "mappo")]
    shown = few([r["n"] for r in rows], 7)
    assert len(shown) == 7
    figure = draw("curves_over_n", made)
    drawn = {ax.get_title(loc="left") for ax in figure.axes}
    assert len(drawn) == 6 and {"DG-PG, sum", "DG-PG, parts", "guidance only"} <= drawn
    assert thin_lines(figure) == runs_in([r for r in rows if r["n"] in shown and r["label"] in drawn
                                            and r["row"] != "mappo/large"])  # fmt: skip


def test_scaling_draws_every_run_twice_and_marks_those_that_never_settle(made: Tables) -> None:
    runs = telling(made, "runs")
    never = sum(r["settled_at"] is None for r in runs)
    figure = draw("training_scaling", made)
    assert dots(figure) == 2 * len(runs)
    assert never > 0 and dots(figure, hollow=True) == never
    assert f"{never} of {len(runs)} runs never settle" in caption(figure)


def test_scaling_title_says_never_when_the_percentile_is_censored(made: Tables) -> None:
    def said(**changes: Any) -> str:
        scores = [{**r, **changes} if r["row"] == "dgpg/parts" else r for r in made["training_scores"]]
        return title(draw("training_scaling", {**made, "training_scores": scores}))

    assert "2 of 4 runs settle" in said(settle_p90=None, never=2, seeds=4)
    assert "settle" not in said(settle_p90=None, never=0)  # not known is not never
    assert "90 % of runs settle within 7 episodes" in said(settle_p90=7.0)


def test_a_percentile_that_is_not_known_is_no_late_one(made: Tables) -> None:
    def triangles(never: int) -> int:
        scores = [{**r, "settle_p90": None, "never": never} for r in made["training_scores"] if r["part"] == "main"]
        figure = draw("training_scaling", {"runs": made["runs"], "training_scores": scores})
        lines = [line for ax in figure.axes for line in ax.lines]
        return sum(len(line.get_xdata()) for line in lines if line.get_marker() == "^" and line.get_markersize() == 8)

    assert triangles(0) == 0
    assert triangles(1) == len(telling(made, "training_scores"))


def test_alpha_draws_every_run_beside_the_published_schedule(made: Tables) -> None:
    alpha = [r for r in made["runs"] if r["part"] == "alpha"]
    beside = [r for r in made["runs"] if r["row"] in ("dgpg/sum", "dgpg/parts") and r["n"] == 50]
    figure = draw("alpha_sensitivity", made)
    assert dots(figure) == 2 * (len(alpha) + len(beside)) and len(beside) == 8
    ticks = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert ticks == ["0.2", "0.4", "0.6", "0.8", "0.9\u21920.2"]


def test_two_readings_of_one_setting_are_two_panels(made: Tables) -> None:
    """`joint` is the setting `mixed`, normalised last."""
    parts = [r for r in made["runs"] if r["part"] == "alpha" and r["setting"] == "parts"]
    mixed = [{**r, "setting": "mixed", "row": f"mixed {r['row']}", "label": "x, mixed"} for r in parts]
    joint = [{**r, "row": f"joint {r['row']}", "label": "x, mixed and normalised"} for r in mixed]
    figure = draw("alpha_sensitivity", {"runs": parts + mixed + joint})
    assert [ax.get_title("left") for ax in figure.axes[:3]] == ["mixed", "parts", "joint"] and len(figure.axes) == 6
    assert "mixed 0.0" in title(figure) and "joint 0.0" in title(figure)


@pytest.mark.parametrize(("step", "said"), [(0.01, "0.03"), (0.0, "0")])
def test_spread_over_alpha_is_that_of_the_means(made: Tables, step: float, said: str) -> None:
    runs = [{**r, "level": 1.0 + step * (float(r["alpha"]) - 0.5) / 0.2} for r in made["runs"] if r["part"] == "alpha"]
    published = [{**r, "level": 7.0} for r in made["runs"] if r["part"] == "main"]  # a schedule is no fixed alpha
    text = title(draw("alpha_sensitivity", {"runs": runs + published})).replace("\u00a0", " ")
    assert f"sum {said}, parts {said}" in text


def test_ablations_draw_every_run_and_name_the_largest_loss(made: Tables) -> None:
    kept = [
        r
        for r in made["runs"]
        if r["part"] == "ablation"
        or (r["part"] == "main" and r["n"] in (10, 50) and r["method"] in ("dgpg", "mappo", "guidance_only"))
    ]
    figure = draw("ablations", made)
    assert dots(figure) == len(kept)
    assert "reference shuffled over servers" in title(figure)
    worse = [{**r, "level": -3.0, "mean": -3.0} if r["row"] == "ablation/exact influence" else r for r in made["runs"]]
    scores = [{**r, "mean": -3.0} if r["row"] == "ablation/exact influence" else r for r in made["training_scores"]]
    other = draw("ablations", {**made, "runs": worse, "training_scores": scores})
    assert "exact influence" in title(other) and dots(other, hollow=True) == 8


def test_ablations_are_sorted_within_groups_and_mappo_is_said_to_lack_the_descent_term(made: Tables) -> None:
    names = [text.get_text() for text in draw("ablations", made).axes[0].get_yticklabels()]
    assert names.count("MAPPO (no descent term)") == 1
    references = [name for name in names if name.startswith("reference")]
    assert references[0] == "reference rounded to 0.1" and references[-1] == "reference shuffled over servers"
    assert "reference of 10 steps ago" in names and "\u03b1 = N^-0.5" in names and not any(":" in n for n in names)
    assert names.index("DG-PG, parts") < names.index("guidance only") < names.index("MAPPO (no descent term)")


def test_own_settings_stand_beside_the_shared_ones_at_equal_episodes(made: Tables) -> None:
    figure = draw("own_settings", made)
    own = [r for r in made["runs"] if r["part"] == "own"]
    assert dots(figure) == len(own) == 24
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["DG-PG, parts", "MAPPO", "HAPPO"]  # by the mean at their own settings
    before = next(r["mean"] for r in made["training_scores"] if (r["row"], r["n"], r["part"]) == ("mappo", 10, "main"))
    after = next(r["mean"] for r in made["training_scores"] if (r["row"], r["n"]) == ("mappo/tuned", 10))
    text = f"move \u2018MAPPO\u2019 most: mean score {after:.2f} in place of {before:.2f} ({after - before:+.2f})"
    assert text in title(figure)
    cut = [{**r, "row": "mappo/equal", "part": "equal", "mean": after - 1} for r in made["training_scores"]
           if (r["row"], r["n"]) == ("mappo", 10)]  # fmt: skip
    other = draw("own_settings", {**made, "training_scores": [*made["training_scores"], *cut]})
    assert f"mean score {after:.2f} in place of {after - 1:.2f} (+1.00) at 10 agents" in title(other)
    lost = [{**r, "mean": -3.0} if (r["row"], r["n"]) == ("happo/tuned", 10) else r for r in made["training_scores"]]
    other = draw("own_settings", {**made, "training_scores": lost})
    assert "move \u2018HAPPO\u2019 most: mean score -3.00" in title(other)
    with pytest.raises(NothingToDraw, match="part own"):
        draw("own_settings", {"training_scores": [r for r in made["training_scores"] if r["part"] != "own"]})


@pytest.mark.parametrize(
    ("record", "group"),
    [
        ({"row": "ablation/reference noise:1", "part": "ablation"}, "Other reference"),
        ({"row": "ablation/alpha 0.9->0", "part": "ablation"}, "Schedule of \u03b1"),
        ({"row": "dgpg/sum", "part": "main"}, "As run"),
        ({"row": "a/b", "part": "ablation", "method": "residual"}, "residual policy"),
    ],
)
def test_groups_of_ablations(record: dict[str, Any], group: str) -> None:
    assert group_of_row({"label": "", "method": "dgpg"} | record) == group


def test_profiles_draw_one_curve_per_row_and_n(made: Tables) -> None:
    figure = draw("score_profiles", made)
    drawn = sum(line.get_gid() == "replicates" for ax in figure.axes for line in ax.lines)
    shown = {float(ax.get_title(loc="left").split()[0]) for ax in figure.axes}
    assert drawn == len({(r["row"], r["n"]) for r in telling(made, "profiles") if r["n"] in shown})
    assert "\u00b1\u00a00.43" in caption(figure) and "N = 5, 20, 100, 200." in caption(figure)


def test_noise_draws_every_measurable_record_and_counts_the_others(made: Tables) -> None:
    rows = [r for r in made["training_noise"] if r["row"] in ("dgpg/sum", "dgpg/parts")]
    lost = sum(r["paired_ratio"] is None for r in rows)
    figure = draw("training_noise", made)
    assert lost > 0 and dots(figure) == len(rows) - lost
    assert f"in {lost} of {len(rows)} records" in caption(
        figure
    ) and "not drawn here (in records.json): DG-PG, mixed" in caption(figure)


def test_a_share_that_is_not_measurable_at_the_largest_n_is_said_to_be_so(made: Tables) -> None:
    last = max(r["n"] for r in made["training_noise"])
    lost = [{**r, "return_share": None if r["n"] == last else r["return_share"]} for r in made["training_noise"]]
    for table, said in ((made["training_noise"], "return share 0."), (lost, f"not measurable at N = {last}")):
        figure = draw("training_noise", {"training_noise": table})
        assert any(said in text.get_text() for ax in figure.axes for text in ax.texts)


def test_noise_against_the_number_of_agents_needs_two_of_them(made: Tables) -> None:
    alone = [r for r in made["training_noise"] if r["n"] == made["training_noise"][0]["n"]]
    with pytest.raises(NothingToDraw, match=f"at N = {alone[0]['n']} alone"):
        draw("training_noise", {"training_noise": alone})


@pytest.mark.parametrize("spec", TRAINING, ids=lambda spec: spec.name)
def test_one_run_without_intervals_can_be_drawn(spec: FigureSpec, made: Tables) -> None:
    intervals = [f"{name}_{end}" for name in ("iqm", "settle_p90", "settle_mean") for end in ("low", "high")]
    blank = dict.fromkeys(("iqm", "low", "high", "settle_p90", "settle_mean", "settled_at", *intervals))
    small = {
        name: [{**r, **{k: None for k in blank if k in r}} for r in rows if (r.get("replicate") or 0) == 0]
        for name, rows in made.items()
    }
    assert unknown_in(spec.make(frames(small))) == []


def test_every_training_figure_has_a_title(made: Tables) -> None:
    assert len(TRAINING) == 13
    for spec in TRAINING:
        assert spec.make(frames(made)).texts[0].get_text(), spec.name


@pytest.fixture(scope="module")
def budget() -> Tables:
    return budget_tables(seeds=4)


def listed(figure: Figure, panel: int) -> list[str]:
    """Texts of the list right of a panel, line by line."""
    return [text.get_text() for text in figure.axes[panel].texts]


def test_budget_draws_every_method_at_every_n_against_samples_and_seconds(budget: Tables) -> None:
    figure = draw("score_by_budget", budget)
    assert len(figure.axes) == 8 and sum(len(legend.get_texts()) for legend in figure.legends) == 8
    assert all(ax.get_xscale() == "log" and len(ax.collections) == 10 for ax in figure.axes)  # bands
    ends = {max(line.get_xdata()) for line in figure.axes[0].lines if len(line.get_xdata()) > 2}
    assert ends == {3_000.0, 20_000.0, 50_000.0}
    assert "DG-PG, parts, 30 and 200 episodes" in {
        text.get_text() for legend in figure.legends for text in legend.get_texts()
    }


def test_budget_lists_and_names_what_is_first_at_best_fit(budget: Tables) -> None:
    def said(**samples: float | None) -> Figure:
        reach = [
            {**r, "samples": samples.get(f"{r['row']}@{r['n']}"), "seconds": None, "never": 4 - 3 * bool(samples)}
            for r in budget["first_reach"]
        ]
        return draw("score_by_budget", {**budget, "first_reach": reach})

    figure = said(**{"dgpg/parts@5": 900.0, "difference_replay@5": 800.0, "difference_replay@10": 1200.0,
                     "mappo/practitioner@20": 9000.0})  # fmt: skip
    text = title(figure).replace("\u202f", " ")
    assert "difference reward, replayed at N = 5, 10 (800 to 1 200 samples)" in text
    assert "MAPPO, practitioner at N = 20 (9 000 samples); none at N = 50" in text
    assert "DG-PG" not in text  # at N = 5 it is second
    names = [name for name in listed(figure, 1) if name.startswith(("DG-PG", "difference"))]
    assert names[:2] == ["difference reward, replayed", "DG-PG, parts"] and "1 of 4" in listed(figure, 1)
    assert "no method is at Best-Fit in most of its runs" in title(said())
    assert "processor seconds" in caption(draw("score_by_budget", budget)).split("All methods")[0]


def test_budget_shows_other_rows_only_where_those_it_wants_are_missing(budget: Tables) -> None:
    short = [{**r, "row": "mappo", "label": "MAPPO"} for r in budget["curves"] if r["row"] == "mappo/practitioner"]

    def names(curves: list[dict[str, Any]]) -> set[str]:
        figure = draw("score_by_budget", {**budget, "curves": curves})
        return {text.get_text() for legend in figure.legends for text in legend.get_texts()}

    assert "MAPPO" not in names(budget["curves"] + short)
    left = [r for r in budget["curves"] if r["row"] not in ("mappo/practitioner", "dgpg/parts")]
    assert {"MAPPO", "DG-PG, parts, 200 episodes"} <= names(left + short)


def test_budget_of_a_run_that_kept_no_seconds_says_so(budget: Tables) -> None:
    curves = [{name: value for name, value in r.items() if name != "seconds"} for r in budget["curves"]]
    figure = draw("score_by_budget", {"curves": curves})
    assert [("not kept in this run" in listed(figure, k)) for k in range(4)] == [False, True, False, True]
    with pytest.raises(NothingToDraw, match="compared by budget"):
        draw("score_by_budget", {"curves": [r for r in curves if r["row"] == "other"]})
