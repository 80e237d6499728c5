"""What the figures of sample complexity show: by hand on small frames, and on the made-up tables."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.reporting.frame import frame, frames
from dgpg_verify.reporting.samples.aggregate import (
    MOST_POINTS,
    at_rest,
    drawn_factors,
    drawn_steps,
    fitted_text,
    fleet_runs,
    gap_curves,
    growth,
    largest_floors,
    level_text,
    powers,
    prediction_pairs,
)
from tests.reporting.samples.synthetic_samples import FACTORS, arrivals, curves

LEARNER = {"system": "team/aligned", "method": "return", "step_rule": "theory"}


def test_the_theorys_steps_are_drawn_where_measured_system_by_system() -> None:
    rows = frame([{"system": s, "step_rule": r} for s, r in (("a", "greedy"), ("a", "theory"), ("b", "x"), ("b", "y"))])
    assert drawn_steps(rows)[["system", "step_rule"]].to_numpy().tolist() == [["a", "theory"], ["b", "x"]]
    assert drawn_steps(frames({})["complexity_arrivals"]).empty


def test_a_power_belongs_to_system_method_and_steps() -> None:
    fits = [
        LEARNER | {"what": "q", "value": 9.0, "low": None, "high": None},
        LEARNER | {"what": "p", "value": None, "low": None, "high": None},
        LEARNER | {"what": "p", "value": 0.98, "low": 0.93, "high": 1.03},
        LEARNER | {"what": "p", "value": 0.5, "low": 0.4, "high": 0.6, "step_rule": "greedy"},
        LEARNER | {"what": "p", "value": -0.001, "low": None, "high": 0.1, "method": "difference"},
    ]
    rows = frame([LEARNER, LEARNER, LEARNER | {"method": "difference"}, LEARNER | {"method": "guidance"}])
    found = powers(frame(fits), rows)
    assert fitted_text(found, "team/aligned", "return") == "p = 0.98 [0.93, 1.03]"
    assert fitted_text(found, "team/aligned", "difference") == "p = 0.00"
    assert fitted_text(found, "team/aligned", "guidance") == fitted_text(found, "game/fluid", "return") == ""
    assert level_text(frame([{"level": 0.99}, {"level": 0.95}, {"level": None}])) == "95 to 99\u00a0% intervals"
    assert level_text(frame([{"level": None}])) == "intervals"


def test_every_fleet_is_a_run_infinite_where_it_never_arrived() -> None:
    rows = frame([LEARNER | {"n_agents": 4, "factor": 10.0, "each": [5.0, None, 0.0]},
                  LEARNER | {"n_agents": None, "factor": 10.0, "each": [1.0]}])  # fmt: skip
    assert fleet_runs(rows)["each"].tolist() == [5.0, np.inf, np.inf]
    runs = fleet_runs(frame(arrivals()))
    assert len(runs) == sum(len(row["each"]) for row in arrivals())
    assert drawn_factors(runs) == [FACTORS[0], FACTORS[2], FACTORS[3]]
    assert drawn_factors(frame([{"factor": 3.0}])) == [3.0] and drawn_factors(frame([{"factor": None}])) == []


def test_curves_are_thinned_evenly_and_keep_both_ends() -> None:
    count = 3 * MOST_POINTS
    row = LEARNER | {"n_agents": 8, "samples": list(range(count)), "median": [1.0] * count, "low": None, "high": None,
                     "expected": [0.5] * 7}  # fmt: skip
    curve = gap_curves(frame([row, row | {"samples": [0, 1], "median": [1.0, 1.0]}]))
    assert len(curve) == MOST_POINTS and set(curve.index) == {0}  # the second has one positive point: no curve
    assert (curve["samples"].iloc[0], curve["samples"].iloc[-1]) == (1.0, count - 1.0)  # 0 samples have no logarithm
    assert set(np.diff(curve["samples"])) <= {3.0, 4.0} and curve["low"].isna().all()
    assert curve["expected"].count() == 2 and gap_curves(frames({})["complexity_curves"]).empty


def test_short_curves_keep_every_positive_point() -> None:
    rows = curves()[:5]
    curve = gap_curves(frame(rows))
    for k, row in enumerate(rows):
        assert curve.loc[k, "median"].tolist() == row["median"][1:]


def test_pairs_are_those_of_fleets_that_arrived() -> None:
    rows = [{"predicted": 9.0, "observed": 3.0, "ratio": 3.0}, {"predicted": 9.0, "observed": None, "ratio": None}]
    assert prediction_pairs(frame(rows))["ratio"].tolist() == [3.0]


def test_growth_is_between_the_ends_of_n_in_one_source() -> None:
    base = {"what": "1/mu", "source": "measured"}
    rows = [
        base | {"system": "a", "n_agents": 16, "median": 6.0},
        base | {"system": "a", "n_agents": 4, "median": 2.0},
        base | {"system": "a", "n_agents": 64, "median": 50.0, "source": "closed form"},
        base | {"system": "a", "n_agents": 64, "median": 70.0, "what": "smoothness"},
        base | {"system": "b", "n_agents": 4, "median": 2.0},
    ]
    assert growth(frame(rows), "1/mu").to_dict() == {"a": 3.0}


@pytest.mark.parametrize(
    "settled, rest", [(True, True), (False, False), (1.0, True), (0.75, False), (None, None), (np.nan, None)]
)
def test_runs_rest_where_those_of_every_fleet_do(settled: bool | float | None, rest: bool | None) -> None:
    assert at_rest(settled) is rest


def test_the_floor_named_is_the_published_schedules_at_the_largest_n() -> None:
    rows = [{"system": s, "method": m, "n_agents": n, "floor": f} for s, m, n, f in (
        ("a", "guided:published", 8, 0.5), ("a", "guided:published", 64, 0.1), ("a", "guidance", 64, 0.9),
        ("b", "guidance", 8, 0.3))]  # fmt: skip
    assert largest_floors(frame(rows))[["system", "floor"]].to_numpy().tolist() == [["a", 0.1]]
    other = largest_floors(frame([row for row in rows if row["method"] == "guidance"]))
    assert other[["system", "floor"]].to_numpy().tolist() == [["a", 0.9], ["b", 0.3]]
