"""Methods at their own settings: chosen without the run that is judged, only from searches that are whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from dgpg_verify.claims.training.c4_2_baselines_fail import CLAIM as BASELINE_CLAIMS
from dgpg_verify.claims.training.c4_3_best_fit import CLAIM as BEST_FIT_CLAIMS
from dgpg_verify.claims.training.design import BASELINES, DGPG, MIXTURES, TUNED, training_design
from dgpg_verify.claims.training.read import Search, Trained, read_training, searches
from dgpg_verify.claims.training.tables import training_tables
from dgpg_verify.claims.training.tried import SEARCH
from dgpg_verify.core import Evidence
from dgpg_verify.reporting.frame import frames
from dgpg_verify.reporting.training.comparisons import draw_own_settings
from tests.claims.judging import judge, measured_of
from tests.claims.training.evidence import episodes_of, training_evidence

COUNT = len(SEARCH) + 1  # candidates: the preset and all points
DESIGN = {row.key: row for row in training_design("full")}


def trained_of(items: list[Evidence]) -> dict[tuple[str, int], Trained]:
    return read_training(measured_of(items, DESIGN))


def candidates_of(key: str) -> list[str]:
    """The rows of a method's search, its default first."""
    return list(DESIGN[key].notes["candidates"])


def candidate(key: str, levels: Any, n: int = 10) -> list[Evidence]:
    row = DESIGN[key]
    return training_evidence(row, n, [np.full(len(episodes_of(row)), level) for level in levels])


def search_of(key: str, table: np.ndarray, n: int = 10) -> list[Evidence]:
    """table [C, R]: the level of every candidate on every seed."""
    return [item for name, levels in zip(candidates_of(key), table, strict=True) for item in candidate(name, levels, n)]


def only(evidence: list[Evidence]) -> Search:
    (found,) = searches(trained_of(evidence))
    return found


def test_cross_fitting_against_a_plain_loop() -> None:
    table = np.random.default_rng(5).normal(size=(COUNT, 6))
    search = only(search_of("dgpg/sum", table))
    row = search.tuned
    assert (row.key, row.part, row.label, row.episodes) == ("dgpg/sum/tuned", "own", "DG-PG, sum, tuned", 30)
    for seed in range(6):
        means = [np.mean([levels[k] for k in range(6) if k != seed]) for levels in table]
        assert search.chosen[seed] == int(np.argmax(means))
        assert search.tuned.levels[seed] == pytest.approx(table[search.chosen[seed], seed])
        assert search.tuned.runs[seed].replicate == seed


def test_cross_fitting_is_not_optimistic_where_choosing_in_sample_is() -> None:
    """On pure noise a search finds nothing: cross-fitted scores have mean 0, in-sample ones do not.

    40 experiments of all candidates and 6 seeds; |t| > 4.3 with 39 degrees of freedom has probability 1.1e-4 if the
    mean is 0.
    """
    tables = np.random.default_rng(7).normal(size=(40, COUNT, 6))
    fitted = np.array([only(search_of("dgpg/sum", table)).tuned.levels.mean() for table in tables])
    in_sample = np.array([table[table.mean(1).argmax()].mean() for table in tables])
    assert abs(stats.ttest_1samp(fitted, 0.0).statistic) < 4.3
    assert stats.ttest_1samp(in_sample, 0.0).statistic > 4.3


def test_a_search_that_is_not_whole_says_nothing() -> None:
    """A sitting may have measured some of the candidates, without the default among them, or on fewer seeds."""
    keys = candidates_of("mappo")
    whole = {key: candidate(key, [0.1, 0.2, 0.3]) for key in keys}
    assert len(searches(trained_of([item for items in whole.values() for item in items]))) == 1
    for missing in keys:
        some = trained_of([item for key, items in whole.items() if key != missing for item in items])
        assert searches(some) == []
        fewer = {**whole, missing: whole[missing][1:]}
        assert searches(trained_of([item for items in fewer.values() for item in items])) == []
    assert searches(trained_of([item for items in whole.values() for item in items[:1]])) == []


def test_full_is_whole_with_the_candidates_it_declares() -> None:
    full = {row.key: row for row in training_design("full")}
    keys = full["mappo"].notes["candidates"]
    assert len(keys) == 9  # the preset and eight points
    items = [
        item for key in keys for item in training_evidence(full[key], 10, [np.zeros(len(episodes_of(full[key])))] * 2)
    ]
    (search,) = searches(read_training(measured_of(items, full)))
    assert len(search.candidates) == len(keys)


def test_the_default_competes_after_as_many_episodes_as_the_others() -> None:
    """What MAPPO reaches between 30 and 78 episodes must not count."""
    row = DESIGN["mappo"]
    late = [np.where(episodes_of(row) <= 30, 0.1, 0.9)] * 4
    others = [item for key in candidates_of("mappo")[1:] for item in candidate(key, [0.2] * 4)]
    search = only(training_evidence(row, 10, late) + others)
    assert search.chosen != (0,) * 4 and search.tuned.levels == pytest.approx([0.2] * 4)
    assert search.tuned.episodes == 30


@pytest.fixture(scope="module")
def tables() -> dict[str, list[dict[str, Any]]]:
    """DG-PG gains by the second candidate, MAPPO by the fifth; the differences between seeds are small."""
    seeds = 0.01 * np.arange(4)
    table = {"dgpg/sum": np.full(COUNT, 0.3), "dgpg/parts": np.full(COUNT, 0.8), "mappo": np.full(COUNT, 0.1)}
    table["dgpg/sum"][2], table["mappo"][4] = 0.6, 0.4
    items = [item for key, levels in table.items() for item in search_of(key, levels[:, None] + seeds)]
    return training_tables(measured_of(items, DESIGN))


def test_tables_hold_every_method_at_its_own_settings(tables: Any) -> None:
    scores = {r["row"]: r for r in tables["training_scores"] if r["part"] == "own"}
    assert {row: r["mean"] for row, r in scores.items()} == pytest.approx(
        {"dgpg/sum/tuned": 0.615, "dgpg/parts/tuned": 0.815, "mappo/tuned": 0.415}
    )
    assert scores["mappo/tuned"]["sharing"] == "chosen" and scores["mappo/tuned"]["episodes"] == 30
    levels = [r["level"] for r in tables["runs"] if r["row"] == "mappo/tuned"]
    assert levels == pytest.approx([0.4, 0.41, 0.42, 0.43])
    for name in ("curves", "profiles", "training_noise"):
        assert not [r for r in tables[name] if r["row"].endswith("/tuned")]


def test_own_settings_are_compared_with_own_settings(tables: Any) -> None:
    found = {(r["row"], r["against"]): r["probability"] for r in tables["improvements"]}
    own = {pair: value for pair, value in found.items() if pair[0].endswith("/tuned")}
    assert own == {
        ("dgpg/sum/tuned", "dgpg/parts/tuned"): 0.0,
        ("dgpg/parts/tuned", "dgpg/sum/tuned"): 1.0,
        ("mappo/tuned", "dgpg/sum/tuned"): 0.0,
        ("mappo/tuned", "dgpg/parts/tuned"): 0.0,
    }
    assert all(not against.endswith("/tuned") for row, against in found if not row.endswith("/tuned"))


def test_times_to_settle_are_given_only_where_every_run_was_evaluated_often() -> None:
    """Five roll-outs an update leave seven evaluations: too few, also for a row in which only some runs chose them."""
    keys = candidates_of("dgpg/sum")
    few = next(k for k, key in enumerate(keys) if DESIGN[key].options["settings"].get("rollouts") == 5)
    table = np.full((COUNT, 4), -1.0)
    table[0], table[few] = [0.0, 0.0, 0.0, 1.0], [0.3, 0.3, 0.3, 0.2]
    episodes = np.arange(0.0, 31.0, 5.0)
    items = []
    for k, (key, levels) in enumerate(zip(keys, table)):
        for item in candidate(key, levels):
            values, seed = item.values, item.cell.replicate
            if k == few:
                cut = {"episodes": episodes, "returns": -100.0 + 60.0 * np.full(7, levels[seed])}
                values = values | {f"{seed}/{name}": value for name, value in cut.items()}
            items.append(replace(item, values=values))
    assert only(items).chosen == (0, 0, 0, few)
    scores = {r["row"]: r for r in training_tables(measured_of(items, DESIGN))["training_scores"]}
    assert scores["dgpg/sum"]["never"] is not None
    assert (scores["dgpg/sum/tuned"]["never"], scores["dgpg/sum/tuned"]["settle_mean"]) == (None, None)


def test_what_a_tuned_row_was_read_from_are_all_candidates() -> None:
    table = np.full((COUNT, 6), 0.1)
    rows = {row.row: row for row in judge(BASELINE_CLAIMS[0], search_of("ippo", table), DESIGN)}
    assert len(rows["C4.2a/ippo/N=10/fails/tuned"].files) == COUNT


def test_what_is_searched() -> None:
    """Every setting of DG-PG and every other method, each in its own setting, HAPPO without sharing; another discount,
    which decides more than most, is tried for all."""
    assert {*DGPG, *BASELINES} < {*TUNED}
    for key in TUNED:
        assert any("discount" in DESIGN[name].options["settings"] for name in candidates_of(key)[1:]), key
        for name in candidates_of(key)[1:]:
            mixture = MIXTURES.get(key.partition("/")[2], {})
            assert mixture.items() <= DESIGN[name].options["settings"].items(), name
            assert key != "happo" or DESIGN[name].options["sharing"] == "independent"


@pytest.fixture(scope="module")
def claimed() -> list[Evidence]:
    """MAPPO in both budgets, DG-PG in `parts` in both: with the paper's budget MAPPO gains by its last candidate."""
    seeds = 0.01 * np.arange(6)

    def levels(key: str, low: float, high: float) -> np.ndarray:
        rows = np.full(len(candidates_of(key)), low)
        rows[-1] = high
        return rows[:, None] + seeds

    asked = {"mappo": (0.1, 0.2), "mappo/preset": (0.3, 0.8), "happo/preset": (0.1, 0.3),
             "dgpg/parts": (0.5, 0.6), "dgpg/parts/200 episodes": (0.9, 1.0)}  # fmt: skip
    return [item for key, ends in asked.items() for item in search_of(key, levels(key, *ends))]


def test_a_search_with_the_papers_budget_is_named_by_its_episodes(claimed: list[Evidence]) -> None:
    found = {search.key: search.tuned for search in searches(trained_of(claimed))}
    assert {key: (row.key, row.label, row.part, row.episodes) for key, row in found.items()} == {
        "mappo": ("mappo/tuned", "MAPPO, tuned", "own", 30),
        "mappo/500 episodes": ("mappo/500 episodes/tuned", "MAPPO, 500 episodes, tuned", "claimed own", 500),
        "happo/500 episodes": ("happo/500 episodes/tuned", "HAPPO, 500 episodes, tuned", "claimed own", 500),
        "dgpg/parts": ("dgpg/parts/tuned", "DG-PG, parts, tuned", "own", 30),
        "dgpg/parts/200 episodes": ("dgpg/parts/200 episodes/tuned", "DG-PG, parts, 200 episodes, tuned",
                                    "claimed own", 200),
    }  # fmt: skip


def test_verdicts_of_both_searches_stand_beside_each_other(claimed: list[Evidence]) -> None:
    fails = {row.row: row for row in judge(BASELINE_CLAIMS[0], claimed, DESIGN)}
    keys = [f"C4.2a/{key}/N=10/fails/tuned" for key in ("mappo", "mappo/500 episodes", "happo/500 episodes")]
    assert {key for key in fails if key.endswith("/tuned")} == {*keys}
    assert [fails[key].verdict for key in keys] == ["supported", "refuted", "supported"]
    row = fails[keys[1]]
    assert not row.primary and row.reading == "" and row.setting == "tuned"
    assert "MAPPO, 500 episodes, tuned, N = 10" in row.holds_when
    assert "at its own settings of those tried" in row.holds_when and "preset" not in row.holds_when
    assert len(row.files) == len(candidates_of("mappo/preset")) == 6
    scores = {row.row: row for row in judge(BEST_FIT_CLAIMS[0], claimed, DESIGN)}
    row = scores["C4.3a/dgpg/parts/200 episodes/tuned/N=10/score"]
    assert not row.primary and "200 episodes" in row.holds_when
    assert "at its own settings of those tried" in row.holds_when
    assert "C4.3a/mappo/500 episodes/tuned/N=10/score" in scores and "C4.3a/mappo/tuned/N=10/score" in scores


def test_searches_of_both_budgets_are_never_compared_with_each_other(claimed: list[Evidence]) -> None:
    tables = training_tables(measured_of(claimed, DESIGN))
    tuned = {(r["row"], r["against"]) for r in tables["improvements"] if r["row"].endswith("/tuned")}
    assert tuned == {
        ("mappo/tuned", "dgpg/parts/tuned"),
        ("mappo/500 episodes/tuned", "dgpg/parts/200 episodes/tuned"),
        ("happo/500 episodes/tuned", "dgpg/parts/200 episodes/tuned"),
    }
    tried = [
        (r["setting"], r["episodes"], r["chosen"]) for r in tables["tuning"] if r["method"] == "mappo/500 episodes"
    ]
    assert [setting for setting, *_ in tried[:2]] == ["default", "practitioner"]
    assert {episodes for _, episodes, _ in tried} == {500} and [chosen for *_, chosen in tried] == [0] * 5 + [6]
    assert {r["episodes"] for r in tables["tuning"] if r["method"] == "mappo"} == {30}
    drawn = draw_own_settings(frames(tables))
    assert {text.get_text() for text in drawn.axes[0].get_yticklabels()} == {"DG-PG, parts", "MAPPO"}
    assert "500" not in drawn.texts[0].get_text()
