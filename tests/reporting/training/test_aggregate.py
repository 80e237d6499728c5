"""What the training figures show, computed from frames: limits, medians, lines that are compared, censored times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dgpg_verify.reporting.frame import Frame, frames, where
from dgpg_verify.reporting.training import aggregate
from dgpg_verify.reporting.training.captions import lengths_text, outside_text, runs_text
from dgpg_verify.reporting.training.curves import settling_title
from dgpg_verify.reporting.training.methods import MethodLook, identified
from tests.reporting.training.synthetic_training import training_tables


def rows_of(table: str, *rows: dict[str, Any]) -> Frame:
    """Records as identified rows of a table."""
    made = frames({table: rows})
    return identified(made, made[table])


def curve(replicate: int, *scores: float | None) -> list[dict[str, Any]]:
    """Evaluations of one run at episodes 0, 2, 4, ..."""
    where_ = {"row": "mappo", "system": "cloud", "part": "main", "n": 5, "replicate": replicate}
    return [where_ | {"episode": 2 * k, "samples": 200 * k, "score": score} for k, score in enumerate(scores)]


def score(row: str, n: int, mean: float | None, part: str = "main", **fields: Any) -> dict[str, Any]:
    return {"row": row, "label": row, "n": n, "part": part, "mean": mean} | fields


@pytest.mark.parametrize("values", [[], [0.4, 0.5], [-30.0, 0.2], [5.0], [np.nan, 0.3]])
def test_score_axes_always_hold_random_and_best_fit(values: list[float]) -> None:
    low, high = aggregate.score_limits(values)
    assert -1.2 < low < 0 and 1 < high < 2.7


def test_level_axes_hold_best_fit_and_random_only_where_levels_come_near_it() -> None:
    low, high = aggregate.level_limits([0.9, 1.0, np.nan])
    assert 0.8 < low < 0.9 and 1.05 < high < 1.1
    assert aggregate.level_limits([-0.2])[0] < -0.2


def test_only_known_values_beyond_the_ends_lie_outside() -> None:
    assert aggregate.outside([-2.0, 0.0, 1.0, 3.0, np.nan], (0.0, 1.0)) == 2


def test_limits_of_a_family_do_not_depend_on_another() -> None:
    rows = rows_of("runs", {"row": "mappo", "level": -0.7}, {"row": "dgpg/sum", "level": 0.9})
    limits, beyond = aggregate.limits_by_family(rows, "level")
    assert limits["Without guidance"][0] < -0.7 < limits["DG-PG"][0] and beyond == 0


def test_a_score_that_is_not_known_is_no_point() -> None:
    rows = rows_of("curves", *curve(0, 0.0, None, 0.2), *curve(1, 0.1, 0.3, 0.5), *curve(2, None))
    first, second = aggregate.run_curves(rows)
    assert first.tolist() == [[0, 0.0], [4, 0.2]] and second.tolist() == [[0, 0.1], [2, 0.3], [4, 0.5]]
    assert aggregate.run_curves(rows.iloc[:0]) == []


def test_median_curve_is_the_median_where_half_of_the_runs_are() -> None:
    rows = rows_of("curves", *curve(0, 0.0), *curve(1, 0.0, 0.25), *curve(2, 0.0, 0.75, 9.0))
    assert aggregate.median_curve(rows).to_numpy().tolist() == [[0, 0.0], [2, 0.5]]
    assert aggregate.last_medians(rows) == {"mappo": 0.5}
    assert aggregate.samples_per_episode(rows) == 100.0


def test_sizes_are_the_smallest_the_fullest_and_from_there_to_the_largest() -> None:
    many = [{"row": method, "n": n} for method in ("dgpg", "mappo", "ippo") for n in (2, 5, 10)]
    rows = rows_of("curves", *many, *({"row": "dgpg", "n": n} for n in (20, 100, 1500)))
    assert aggregate.telling_sizes(rows, 4) == [2, 10, 100, 1500]
    assert aggregate.telling_sizes(where(rows, n=[2, 5, 20]), 4) == [2, 5, 20]


def test_the_shortened_runs_stand_for_what_was_trained_longer() -> None:
    rows = rows_of("training_scores", score("mappo", 5, 0.1), score("mappo/equal", 5, 0.2, "equal"),
                   score("mappo", 10, 0.3), score("x", 5, 0.4, "ablation"))  # fmt: skip
    kept = aggregate.equally_long(rows)
    assert [*zip(kept["row"], kept["n"])] == [("mappo/equal", 5), ("mappo", 10)]


def test_estimates_are_those_stated_else_the_mean_of_the_runs() -> None:
    scores = rows_of("training_scores", score("a", 5, 0.5, low=0.4, high=0.6), score("b", 5, None))
    runs = rows_of("runs", *({"row": row, "n": 5, "level": level, "settled_at": 3.0}
                             for row, level in (("a", 9.0), ("b", 0.1), ("b", 0.3))))  # fmt: skip
    points = aggregate.estimates(scores, runs, "row")
    assert points.loc["a"].tolist() == [0.5, 0.4, 0.6]
    assert points.loc["b", "value"] == pytest.approx(0.2) and points.loc["b", ["low", "high"]].isna().all()
    assert aggregate.estimates(scores, runs, "row", "settle")["value"].tolist() == [3.0, 3.0]


def test_lines_come_by_group_and_then_by_level_with_a_gap_before_each_group() -> None:
    scores = rows_of("training_scores", score("x", 5, 0.2, group="B"), score("y", 5, 0.8, group="B"),
                     score("z", 5, 0.1, group="A"))  # fmt: skip
    lines = aggregate.ablation_lines(scores, rows_of("runs"), first="A")
    assert lines["name"].tolist() == ["z", "y", "x"] and lines["mean"].tolist() == [0.1, 0.8, 0.2]
    assert np.diff(lines["y"], prepend=0.0).tolist() == [1.25, 2.25, 1.0]


def test_gains_are_taken_where_both_means_are_known() -> None:
    own = rows_of("training_scores", score("a", 5, 0.7), score("b", 5, None), score("c", 5, 0.1))
    preset = rows_of("training_scores", score("a", 5, 0.2), score("b", 5, 0.1))
    gains = aggregate.tuning_gains(own, preset)
    assert gains.index.tolist() == ["a"] and gains["gain"].tolist() == [pytest.approx(0.5)]


def test_a_time_to_settle_is_late_only_where_runs_never_settled() -> None:
    fields = ("settle_p90", "settle_p90_low", "settle_p90_high", "never")
    cases = {2: (7.0, 5.0, None, 0), 5: (None, 9.0, None, 3), 10: (None, None, None, 0), 20: (99.0, 8.0, 99.0, 1)}
    rows = rows_of("training_scores", *(score("a", n, 1.0, **dict(zip(fields, case))) for n, case in cases.items()))
    points = aggregate.settle_points(rows, top=30.0)
    assert points["n"].tolist() == [2, 5, 20] and points["value"].tolist() == [7.0, 30.0, 30.0]
    assert points["low"].tolist() == [5.0, 9.0, 8.0] and points["high"].tolist() == [30.0] * 3


def test_the_time_axis_ends_with_the_longest_run() -> None:
    runs = rows_of("runs", {"row": "a", "horizon_episodes": 40, "settled_at": 12.0}, {"row": "b"})
    assert aggregate.settle_top(runs) == 40 and aggregate.settle_top(runs.iloc[1:]) == aggregate.LEAST_TOP


def test_the_ends_of_settling_are_the_smallest_and_the_largest_n_with_a_mean() -> None:
    rows = rows_of("training_scores", *(score("a", n, 1.0, settle_mean=t)
                                        for n, t in ((50, 8.0), (2, 4.0), (10, 6.0), (99, None))))  # fmt: skip
    look = {"a": MethodLook("#000000", label="A")}
    said = "A: runs settle after 4 episodes on average at N\u00a0=\u00a02, 8 at N\u00a0=\u00a050"
    assert settling_title(rows, ["a"], look) == said
    assert "does the time to converge grow?" in settling_title(where(rows, n=[50, 99]), ["a"], look)


def test_the_exponent_is_that_of_the_guided_noise_at_the_end() -> None:
    rng = np.random.default_rng(3)
    powers = {("end", "guided"): 2.0, ("start", "guided"): 0.0, ("end", "base"): 1.0}
    rows = rows_of("training_noise", *(
        {"row": "dgpg/sum", "n": n, "replicate": k, "point": point, "credit": credit,
         "variance": n**power * np.exp(0.01 * rng.standard_normal())}
        for n in (10, 20, 40, 70, 100) for k in range(3) for (point, credit), power in powers.items()))  # fmt: skip
    (exponent,) = aggregate.noise_exponents(rows, "variance").values()
    assert exponent == pytest.approx(2.0, abs=0.05)
    assert aggregate.noise_exponents(where(rows, point="start"), "variance") == {}


def test_methods_that_were_trained_longer_are_named_with_their_n() -> None:
    lengths = (("A", 5, 30), ("A", 50, 30), ("A", 10, 30), ("B", 10, 78), ("B", 5, 78))
    runs = rows_of("runs", *({"row": row, "label": row, "n": n, "horizon_episodes": e} for row, n, e in lengths))
    assert lengths_text(runs) == "Trained for 30 episodes; 78: B (N = 5, 10)."
    assert lengths_text(runs[:3]) == "Trained for 30 episodes."
    assert lengths_text(rows_of("runs", {"row": "A", "n": 5})) == ""


def test_captions_count_runs_and_what_lies_outside() -> None:
    runs = frames(training_tables(seeds=3))["runs"]
    assert runs_text(runs) == "3 runs for every row and N"
    assert runs_text(runs.iloc[1:]) == "2 to 3 runs for every row and N"
    assert runs_text(runs.iloc[:1]) == "1 run for every row and N" and runs_text(runs.iloc[:0]) == "no run"
    texts = [outside_text(count, "level") for count in (0, 1, 2)]
    assert texts == ["", " 1 level lies outside the frame.", " 2 levels lie outside the frame."]


def test_the_spread_over_alpha_is_that_of_the_means_of_fixed_alphas() -> None:
    levels = (("0.2", 0.1), ("0.2", 0.3), ("0.8", 0.5), ("0.9->0.2", 7.0))
    runs = rows_of("runs", *({"row": "a", "alpha": alpha, "level": level} for alpha, level in levels))
    assert aggregate.alpha_spread(runs) == pytest.approx((0.35, 0.3))
    assert np.isnan(aggregate.alpha_spread(runs.iloc[3:])).all()
