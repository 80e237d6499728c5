"""Tables of training from made-up runs: longer rows stand twice, comparisons are at equal length."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.training.design import training_design
from dgpg_verify.claims.training.tables import training_tables
from dgpg_verify.reporting.frame import frame
from dgpg_verify.reporting.training.aggregate import with_ablations
from tests.claims.judging import measured_of
from tests.claims.training.evidence import episodes_of, training_evidence

DESIGN = {row.key: row for row in training_design("full")}
SHORT, LONG = DESIGN["dgpg/parts"], DESIGN["mappo"]
# at N = 10 another row is shorter still, so that a length taken over all N would be the wrong one
SHORTER = replace(DESIGN["guidance_only"], options={**DESIGN["guidance_only"].options, "episodes": 15})


def falls(row: Row, low: float) -> Any:
    """1 up to 30 episodes, then `low`."""
    return np.where(episodes_of(row) <= 30, 1.0, low)


@pytest.fixture(scope="module")
def tables() -> dict[str, list[dict[str, Any]]]:
    rows = {row.key: row for row in (SHORT, LONG, SHORTER)}
    evidence = [
        *training_evidence(SHORT, 5, [np.full(len(episodes_of(SHORT)), 0.5 + 0.01 * k) for k in range(4)]),
        *training_evidence(LONG, 5, [falls(LONG, -0.3 - 0.01 * k) for k in range(4)]),
        *training_evidence(LONG, 10, [falls(LONG, -0.3 - 0.01 * k) for k in range(4)]),
        *training_evidence(SHORTER, 10, [np.full(len(episodes_of(SHORTER)), 0.2 + 0.01 * k) for k in range(4)]),
    ]
    return training_tables(measured_of(evidence, rows))


def found(table: list[dict[str, Any]], row: str, n: int) -> list[dict[str, Any]]:
    return [record for record in table if record["row"] == row and record["n"] == n]


def test_a_longer_row_stands_as_it_ended_and_as_it_stood_when_the_others_ended(tables: Any) -> None:
    (whole,), (cut,) = (found(tables["training_scores"], row, 5) for row in ("mappo", "mappo/equal"))
    assert (whole["episodes"], whole["part"]) == (78, "main") and whole["mean"] == pytest.approx(-0.315)
    assert (cut["episodes"], cut["part"], cut["label"]) == (30, "equal", "MAPPO, 30 episodes")
    assert cut["mean"] == pytest.approx(1.0) and cut["never"] is None  # six evaluations tell no time to settle
    assert [run["level"] for run in found(tables["runs"], "mappo/equal", 5)] == pytest.approx([1.0] * 4)
    (at_ten,) = found(tables["training_scores"], "mappo/equal", 10)
    assert at_ten["episodes"] == 12  # the last evaluation within the 15 episodes of the shortest row at that N
    assert not found(tables["training_scores"], "dgpg/parts/equal", 5)


def test_profiles_and_comparisons_are_at_equal_length(tables: Any) -> None:
    profile = {record["threshold"]: record["share"] for record in found(tables["profiles"], "mappo", 5)}
    assert profile[0.9] == 1.0 and profile[-0.2] == 1.0
    (better,) = (r for r in found(tables["improvements"], "mappo", 5) if r["against"] == "dgpg/parts")
    assert better["probability"] == pytest.approx(1.0)


def test_ablations_are_compared_with_rows_of_their_length_and_none_is_lost() -> None:
    def record(row: str, n: int, part: str) -> dict[str, Any]:
        return {"row": row, "n": n, "part": part, "method": row.split("/")[0], "label": row}

    records = [
        record("mappo", 5, "main"), record("mappo/equal", 5, "equal"), record("mappo", 10, "main"),
        record("dgpg/parts", 10, "main"), record("happo", 10, "main"), record("dgpg/x", 10, "ablation"),
        record("dgpg/y", 5, "ablation"), record("dgpg/parts", 20, "main"),
    ]  # fmt: skip
    kept = with_ablations(frame(records))
    places = sorted(zip(kept["row"], kept["n"]))
    assert places == [("dgpg/parts", 10), ("dgpg/x", 10), ("dgpg/y", 5), ("mappo", 10), ("mappo/equal", 5)]


def steps(row: Row, at: float, level: float = 1.05) -> Any:
    """0.5 until episode `at`, `level` from then on."""
    return np.where(episodes_of(row) >= at, level, 0.5)


def first_reach(row: Row, n: int, curves: Any) -> dict[str, Any]:
    tables = training_tables(measured_of(training_evidence(row, n, curves), {row.key: row}))
    (record,) = found(tables["first_reach"], row.key, n)
    return record


def test_first_at_best_fit_is_a_median_over_runs_that_counts_those_that_never_are() -> None:
    record = first_reach(SHORT, 5, [steps(SHORT, at) for at in (4, 6, 8, 99)])
    assert (record["episodes"], record["samples"], record["never"], record["seeds"]) == (7.0, 700.0, 1, 4)
    assert record["seconds"] == pytest.approx(7 * 1.0 / (len(episodes_of(SHORT)) - 1))  # evaluated at every episode
    record = first_reach(SHORT, 5, [steps(SHORT, at) for at in (4, 99, 99, 99)])
    assert not np.isfinite(record["episodes"]) and record["never"] == 3
    assert first_reach(SHORT, 5, [steps(SHORT, 4, 0.999)])["never"] == 1


def test_one_lucky_evaluation_is_not_at_best_fit() -> None:
    lucky = steps(SHORT, 12)
    lucky[3] = 1.3
    assert first_reach(SHORT, 5, [lucky])["episodes"] == 12.0


def test_a_run_whose_seconds_were_not_kept_is_at_best_fit_after_an_unknown_time() -> None:
    items = training_evidence(SHORT, 5, [steps(SHORT, 6)])
    values = {name: value for name, value in items[0].values.items() if name != "0/seconds"}
    tables = training_tables(measured_of([replace(items[0], values=values)], {SHORT.key: SHORT}))
    (record,) = tables["first_reach"]
    assert record["episodes"] == 6.0 and np.isnan(record["seconds"])


def test_curves_hold_the_time_spent_until_each_evaluation(tables: Any) -> None:
    (curve,) = ([r for r in found(tables["curves"], "mappo", 5) if r["replicate"] == k] for k in (1,))
    assert [r["seconds"] for r in curve] == pytest.approx(np.linspace(0.0, 1.0, len(curve)))


def test_candidates_and_controls_are_not_asked_when_they_are_at_best_fit(tables: Any) -> None:
    row = DESIGN["search/mappo/discount 0.95"]
    evidence = training_evidence(row, 10, [np.ones(len(episodes_of(row)))] * 2)
    assert training_tables(measured_of(evidence, DESIGN))["first_reach"] == []
    assert {r["row"] for r in tables["first_reach"]} == {"dgpg/parts", "mappo", "guidance_only"}
