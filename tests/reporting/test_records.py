"""records.json and variance_vs_n.csv: round trips, agreed columns, broken tables named."""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path
from typing import Any

import pytest

from dgpg_verify.core import InputError
from dgpg_verify.reporting import (
    TABLES,
    read_records,
    write_records,
    write_variance_csv,
)
from dgpg_verify.reporting.provenance import ran
from dgpg_verify.reporting.records import BOUNDS, COLUMNS, out_of_bounds
from dgpg_verify.runs.files import read_json
from tests.reporting.synthetic_run import moments, tables

ROOT = Path(__file__).parents[2]


def test_tables_survive_the_file(tmp_path: Path) -> None:
    made = {name: rows[:50] for name, rows in tables().items()}
    write_records(tmp_path, made)
    read = read_records(tmp_path)
    assert {name: rows for name, rows in read.items() if rows} == made
    assert set(TABLES) <= set(read)


def test_missing_tables_are_empty_and_nan_is_null(tmp_path: Path) -> None:
    path = write_records(tmp_path, {"optimal": [{"n": 2, "alpha_star": math.nan}]})
    assert "NaN" not in path.read_text()
    read = read_records(tmp_path)
    assert read["moments"] == [] and read["optimal"] == [{"n": 2, "alpha_star": None}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": 1, "tables": []}', "'tables' is a list"),
        ('{"schema": 1, "tables": {"moments": {}}}', "table 'moments' is a dict"),
        ('{"schema": 1, "tables": {"moments": [1]}}', "record 0 is a int"),
        ('{"schema": 1, "tables": {"moments": [{"a": {"b": 1}}]}}', "nested"),
        ('{"schema": 1, "tables": {"moments": [{"n": 0}]}}', "n = 0"),
        ('{"schema": 1, "tables": {"moments": [{"n": "two"}]}}', "n = 'two'"),
        ('{"schema": 1, "tables": {"moments": [{"n": -Infinity}]}}', "-Infinity"),
    ],
)
def test_broken_records_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "records.json").write_text(text)
    with pytest.raises(InputError) as caught:
        read_records(tmp_path)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_nested_records_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nested"):
        write_records(tmp_path, {"moments": [{"n": 2, "more": {"x": 1}}]})
    assert list(tmp_path.iterdir()) == []


def test_csv_has_exactly_the_agreed_columns_and_exact_numbers(tmp_path: Path) -> None:
    made: list[dict[str, Any]] = moments(fleets=2)
    made[0]["variance"] = 0.1 + 0.2
    made[1]["signal_squared"] = math.nan
    path = write_variance_csv(tmp_path, made)
    agreed = "system,policy,sharing,setting,credit,n,fleet,seed,rollouts,variance,signal_squared,samples,graph"
    assert path.read_text().splitlines()[0] == agreed
    read = list(csv.DictReader(path.read_text().splitlines()))
    assert len(read) == len(made)
    assert float(read[0]["variance"]) == 0.1 + 0.2
    assert read[1]["signal_squared"] == ""


def test_csv_refuses_missing_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fleet"):
        write_variance_csv(tmp_path, [{k: v for k, v in moments(fleets=1)[0].items() if k != "fleet"}])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [-31.7, 1.001, 24.0])
def test_no_record_is_written_with_a_number_that_cannot_be(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match=r"moments\[1\]\.alignment = .*: it must be in \[-1, 1\]"):
        write_records(tmp_path, {"moments": [{"n": 2, "alignment": 1.0}, {"n": 2, "alignment": value}]})
    assert list(tmp_path.iterdir()) == []
    write_records(tmp_path, {"moments": [{"n": 2, "alignment": math.nan}, {"n": 2, "alignment": None}]})


@pytest.mark.parametrize(("prefix", "claims"), [("C1", ["C1.2", "C1"]), ("C4.1", ["C4.1a"]), ("C10", ["C10"])])
def test_a_head_names_its_own_claims(prefix: str, claims: list[str]) -> None:
    assert all(ran(prefix, [claim]) for claim in claims) and ran(prefix, None)
    assert not ran(prefix, ["A1", f"{prefix}0", f"C{prefix}"])


COMMITTED = sorted(
    path for name in ("records.json", "summary.json.gz") for path in (ROOT / "reports").glob(f"reference*/{name}")
)
# measured before two lengths had to be told from 0 each; measured again by the run that replaces the folder
BEFORE = {"reference": "beyond their bounds: moments.alignment, .efficiency, optimal.efficiency, cross_agent.share"}


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_committed_records_hold_no_number_that_cannot_be(path: Path) -> None:
    if (old := BEFORE.get(path.parent.name)) and not (path.parent / "evidence").exists():
        pytest.skip(f"{path.parent.name}: {old}")
    tables = read_json(path)["tables"]
    assert out_of_bounds(tables) == []
    assert sum(len(tables.get(name, [])) for name in BOUNDS) > 0


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_committed_records_have_the_columns_that_are_listed(path: Path) -> None:
    """A column that no claim writes and one that is not listed are both a reader's loss."""
    if not (path.parent / "evidence").exists():
        pytest.skip(f"{path.parent.name}: tables of an earlier version, without the evidence to make them again")
    tables = {name: rows for name, rows in read_json(path)["tables"].items() if rows and name in COLUMNS}
    assert tables
    assert {name: {*itertools.chain(*rows)} for name, rows in tables.items()} == {n: {*COLUMNS[n]} for n in tables}
