"""Frames: every column there, nothing lost, missing values NaN or empty text; summaries over replicates."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from dgpg_verify.reporting import read_records, write_records
from dgpg_verify.reporting.frame import (
    NothingToDraw,
    Place,
    at,
    by_n,
    few,
    fit_of,
    frame,
    frames,
    geometric_mean,
    in_primary_setting,
    main_places,
    median,
    need,
    over_n,
    per_agent,
    places,
    shared,
    top_decade_slope,
    where,
)
from dgpg_verify.reporting.records import COLUMNS
from tests.reporting import synthetic_run

PLACE = {"system": "a", "graph": "", "policy": "p"}


def test_a_file_becomes_frames_with_every_column_of_the_schema(tmp_path: Path) -> None:
    write_records(tmp_path, {"optimal": [{"n": 2, "alpha_star": None, "graph": None}], "own": [{"x": 1}]})
    read = frames(read_records(tmp_path))
    assert set(read) == {*COLUMNS, "own"}
    assert all(set(columns) <= set(read[name]) for name, columns in COLUMNS.items())
    row = read["optimal"].iloc[0]
    assert math.isnan(row["alpha_star"]) and row["graph"] == "" and row["n"] == 2 and math.isnan(row["fleet"])
    assert list(read["own"]["x"]) == [1]


def test_every_column_that_a_run_writes_is_in_the_schema() -> None:
    for name, rows in synthetic_run.tables().items():
        assert {column for row in rows for column in row} <= set(COLUMNS[name]), name


def test_rows_keep_their_order_and_lists_stay_lists() -> None:
    rows = frame([{"n": 3, "each": [1, None]}, {"n": 1, "each": []}, {"n": 2}])
    assert list(rows["n"]) == [3, 1, 2]
    assert rows["each"][0] == [1, None]
    assert list(frame([{"system": "cloud (shared)"}, {"system": "cloud (load 0.5)"}])["system"]) == [
        "cloud",
        "cloud (load 0.5)",
    ]


def test_infinite_numbers_are_missing() -> None:
    assert frame([{"v": math.inf}, {"v": 1.0}])["v"].isna().tolist() == [True, False]


def test_rows_are_chosen_by_value_by_several_values_and_by_place() -> None:
    rows = frame([PLACE | {"n": n, "credit": c} for n in (1, 2) for c in "xyz"] + [{"system": "b", "n": 1}])
    rows["credit"] = rows["credit"].fillna("")
    assert len(where(rows, n=1, credit=["x", "z"])) == 2
    assert len(at(frames({"moments": rows.to_dict("records")})["moments"], Place("a", "", "p"))) == 6


def test_an_empty_selection_says_which_table_lacks_what() -> None:
    with pytest.raises(NothingToDraw, match="table 'optimal' holds no row"):
        need(frames({})["optimal"], "optimal", "row")


def test_replicates_come_by_n_in_order_without_missing_ones() -> None:
    rows = frame([{"n": 8, "v": 1.0}, {"n": 2, "v": 3.0}, {"n": 8, "v": None}, {"n": 8, "v": 2.0}])
    assert {n: values.tolist() for n, values in by_n(rows, "v").items()} == {2.0: [3.0], 8.0: [1.0, 2.0]}
    points = over_n(rows, "v", median)
    assert points["n"].tolist() == [2.0, 8.0] and points["value"].tolist() == [3.0, 1.5]


def test_a_geometric_mean_takes_positive_values_and_has_the_interval_of_their_logs() -> None:
    value, low, high = geometric_mean(np.array([1.0, 100.0, 0.0]))
    assert value == pytest.approx(10.0)
    half = 12.706204736 * math.log(10.0)  # t quantile at one degree of freedom; standard error of the two logs
    assert math.log(high / value) == pytest.approx(half) == pytest.approx(math.log(value / low))
    assert geometric_mean(np.array([4.0])) == (4.0, 4.0, 4.0)
    assert math.isnan(geometric_mean(np.array([0.0]))[0])


def test_the_slope_is_that_of_the_top_decade() -> None:
    rows = frame([{"n": n, "v": float(n) if n >= 10 else 1e6} for n in (1, 5, 10, 50, 100)])
    assert top_decade_slope(rows, "v") == pytest.approx(1.0)
    assert top_decade_slope(rows.iloc[:1], "v") is None


def test_own_and_shared_parameters_are_told_apart() -> None:
    rows = frames({"moments": [
        {"sharing": "independent", "n": 1}, {"sharing": None, "n": 2},
        {"sharing": "independent", "scope": "team", "n": 3},
        {"sharing": "shared", "scope": "team", "n": 4}, {"sharing": "shared", "scope": "agent", "n": 5},
    ]})["moments"]  # fmt: skip
    assert per_agent(rows)["n"].tolist() == [1, 2]
    assert shared(rows)["n"].tolist() == [4]
    assert shared(rows.iloc[[4]])["n"].tolist() == [5]


def test_the_primary_setting_is_the_sum_else_the_first() -> None:
    rows = frames({"optimal": [{"setting": "mean"}, {"setting": "sum"}, {"setting": None}]})["optimal"]
    assert in_primary_setting(rows)["setting"].tolist() == ["sum", ""]
    assert in_primary_setting(rows.iloc[:1])["setting"].tolist() == ["mean"]


def test_places_of_few_sizes_have_no_figure_of_their_own() -> None:
    rows = [{"system": s, "policy": p, "n": n} for s, p, most in (("a", "p", 4), ("a", "q", 3), ("b", "p", 2))
            for n in range(1, most + 1)]  # fmt: skip
    made = frames({"moments": rows})["moments"]
    assert [p.system for p in places(made)] == ["a", "a", "b"]
    assert [(p.system, p.policy) for p in main_places(made)] == [("a", "p"), ("a", "q")]
    assert [(p.system, p.policy) for p in main_places(made, each_policy=False)] == [("a", "p")]


def test_a_fit_belongs_to_its_own_series() -> None:
    made = frames(synthetic_run.tables())
    like = where(made["moments"], system="cloud_aws", graph="dense", sharing="shared", credit="guidance")
    fit = fit_of(made["fits"], like, "variance")
    assert fit is not None and fit["graph"] == "dense" and fit["exponent"] == pytest.approx(1.013)
    assert fit_of(made["fits"], like, "alignment") is None and fit_of(made["fits"], like.iloc[:0], "variance") is None


def test_few_keeps_both_ends() -> None:
    assert few([1, 2, 4, 8, 1000], 3) == [1.0, 8.0, 1000.0]
    assert few([3, 3, 2], 4) == [2.0, 3.0]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("uniform", "uniform policy"),
        ("heuristic:least_committed:0.3", "least committed policy, temperature 0.3"),
        ("linear@best_fit:1", "linear policy on best fit, temperature 1"),
        ("toward:0.5", "policy 50 % of the way to the optimum"),
        ("", ""),
    ],
)
def test_a_policy_stands_in_words(policy: str, said: str) -> None:
    assert Place("cloud", "", policy).detail == said
