"""What equilibrium figures show: by hand on small frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dgpg_verify.reporting.equilibria.aggregate import (
    at_size,
    biased_rates,
    columns_of,
    largest_errors,
    lost_below,
    lost_steps,
    main_size,
    near,
    pure_rates,
    rule_points,
    rules,
    schedule_end,
    shift_pairs,
)
from dgpg_verify.reporting.equilibria.laws import EVERY_AT
from dgpg_verify.reporting.frame import frame, frames
from tests.reporting.equilibria.synthetic_equilibria import MAIN, RULES, rates, tradeoff

LAW = {"cost": "delay", "reference": "fluid"}


@pytest.mark.parametrize("kept", [True, False])
def test_share_lost_is_the_same_whether_equilibria_without_a_limit_are_listed(kept: bool) -> None:
    values = [0.3, 0.1, 0.5, 1.0] if kept else [0.3, 0.1, 0.5]
    steps = lost_steps(frame([LAW | {"values": values, "share_never": 0.25}]))
    assert steps["alpha"].tolist() == [0.0, 0.1, 0.3, 0.5, 1.0]
    assert steps["share"].tolist() == pytest.approx([0.0, 0.25, 0.5, 0.75, 0.75])
    lost = [lost_below(steps, alpha)["share"].item() for alpha in (0.05, 0.1, 0.2, 0.4, 0.9)]
    assert lost == pytest.approx([0.0, 0.0, 0.25, 0.5, 0.75])


def test_without_limits_either_nothing_is_lost_or_nothing_is_known() -> None:
    steps = lost_steps(frame([LAW | {"values": [], "share_never": 1.0}, LAW | {"values": None, "share_never": 0.5},
                              LAW | {"values": [0.5], "share_never": None}]))  # fmt: skip
    assert steps[["alpha", "share"]].to_numpy().tolist() == [[0.0, 0.0], [1.0, 0.0]]
    assert lost_steps(frames({})["alpha_limits"]).empty


def test_rates_are_those_of_pure_equilibria_with_their_place_and_bias() -> None:
    row = LAW | {"n_agents": 4, "n_actions": None, "points": "pure", "alpha": 0.2, "rate": 0.5}
    changes = ({}, {"alpha": "every"}, {"reference": "biased:0.3"}, {"reference": "own"}, {"points": "mixed"},
               {"rate": None}, {"points": None})  # fmt: skip
    found = pure_rates(frame([row | change for change in changes]))
    assert found["place"].tolist() == [0.2, EVERY_AT, 0.2, 0.2, 0.2]
    np.testing.assert_array_equal(found["alpha"], [0.2, np.nan, 0.2, 0.2, 0.2])
    np.testing.assert_array_equal(found["bias"], [0.0, 0.0, 0.3, np.nan, 0.0])
    assert (found["n_actions"] == 0).all()


def test_the_main_size_is_that_of_most_references() -> None:
    found = pure_rates(frame(rates()))
    assert main_size(found) == MAIN
    assert main_size(found[found["reference"] == "fluid"]) == (6, 3)  # the larger of equals
    assert set(at_size(found, MAIN)["n_agents"]) == {MAIN[0]}


def test_biased_rates_stand_beside_the_fluid_ones_of_their_size() -> None:
    found = biased_rates(pure_rates(frame(rates())))
    assert set(found["reference"]) == {"fluid", "biased:0.1", "biased:0.3"}
    assert set(zip(found["n_agents"], found["n_actions"])) == {MAIN} and found["alpha"].notna().all()
    plain = [row for row in rates() if not row["reference"].startswith("biased")]
    assert biased_rates(pure_rates(frame(plain))).empty


def test_the_end_of_the_schedule_is_the_alpha_nearest_to_a_fifth() -> None:
    assert schedule_end(frame([{"alpha": a} for a in (0.9, 0.25, 0.05, None)]))["alpha"].tolist() == [0.25]
    assert schedule_end(frame([{"alpha": None}])["alpha"].to_frame())["alpha"].isna().all()


def test_pairs_are_positive_and_errors_relative_to_what_was_predicted() -> None:
    rows = [
        {"kind": "a", "alpha": 0.1, "predicted": 0.0, "found": 0.1, "largest_error": 0.1},
        {"kind": "a", "alpha": 0.2, "predicted": 0.2, "found": 0.3, "largest_error": 0.1},
        {"kind": "b", "alpha": 0.1, "predicted": 0.2, "found": 0.2, "largest_error": 0.03},
        {"kind": "b", "alpha": 0.1, "predicted": 0.2, "found": 0.0, "largest_error": 0.01},
    ]
    assert shift_pairs(frame(rows))[["predicted", "found"]].to_numpy().tolist() == [[0.2, 0.3], [0.2, 0.2]]
    errors = largest_errors(frame(rows))
    assert errors["a"] == pytest.approx(0.5) and errors["b"] == pytest.approx(0.15)


def test_rules_keep_their_points_in_the_order_of_n() -> None:
    backwards = [row | {k: row[k][::-1] for k in ("n_values", "shift", "value_lost")} for row in tradeoff()]
    points = rule_points(frame(backwards))
    for _, own in points.groupby(["system", "rule"]):
        assert own["n"].tolist() == [16, 32, 64, 128, 256]
    found = rules(frame(backwards))
    assert found["rule"].tolist() == [*RULES] * 2 and set(found["first_n"]) == {16} and set(found["last_n"]) == {256}
    assert dict(zip(found["rule"], found["bounded"])) == {r: r in ("n^-0.5", "alpha*") for r in RULES}
    wide = rules(frame([row | {"high": None} for row in backwards]))
    assert wide["bounded"].tolist() == found["bounded"].tolist()  # by the exponent where there is no interval
    gone = rules(frame([backwards[0] | {"shift": [None] * 5}]))
    assert gone["last_shift"].isna().all() and len(gone) == 1


def test_equilibria_are_the_same_within_rounding() -> None:
    record = pd.Series({"x": [0.0, 1.0, None], "y": [1.0, 0.0, 0.5], "z": None})
    points = columns_of(record, ["x", "y"]).to_numpy()
    assert points.tolist() == [[0.0, 1.0], [1.0, 0.0]] and columns_of(record, ["x", "z"]).empty
    assert near(points, np.array([[1.0 - 1e-7, 1e-7], [0.0, 0.9]])).tolist() == [False, True]
    assert near(points, np.empty((0, 2))).tolist() == [False, False] and len(near(np.empty((0, 2)), points)) == 0
