"""The ledger file: schema round trip, corrupt files refused by name, tables that fit their place."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from dgpg_verify.core import InputError
from dgpg_verify.reporting import ledger_markdown, read_ledger, terminal_table, write_ledger
from dgpg_verify.runs.files import write_atomic
from tests.reporting.synthetic_run import ledger, ledger_row


def test_rows_survive_the_file(tmp_path: Path) -> None:
    write_ledger(tmp_path, ledger())
    assert read_ledger(tmp_path) == ledger()
    assert read_ledger(tmp_path / "ledger.json") == ledger()


def test_unknown_numbers_are_null_never_nan(tmp_path: Path) -> None:
    row = ledger_row("r", "C1.1", estimate=math.nan, low=-math.inf, high=math.inf, return_share=math.nan)
    path = write_ledger(tmp_path, [row])
    assert "NaN" not in path.read_text() and "Infinity" not in path.read_text()
    read = read_ledger(tmp_path)[0]
    assert (read.estimate, read.low, read.high, read.return_share) == (None, None, None, None)


def test_a_plain_schema_1_file_without_kind_is_read(tmp_path: Path) -> None:
    path = write_ledger(tmp_path, [ledger_row("r", "C1.1")])
    data = json.loads(path.read_text())
    del data["rows"][0]["kind"], data["rows"][0]["expected_label"]
    path.write_text(json.dumps(data))
    assert read_ledger(tmp_path)[0].kind == "claim"


CORRUPTIONS: dict[str, tuple[Any, str]] = {
    "verdict": ("maybe", "verdict = 'maybe'"),
    "estimate": ("1.0", "estimate = '1.0'"),
    "level": (None, "level = None"),
    "primary": (1, "primary = 1"),
    "recorded": ({"label": "supported"}, "recorded ="),
    "n_values": ([2, "4"], "n_values ="),
    "verdict_margins": ({"0.1": "yes"}, "verdict_margins ="),
    "kind": ("guess", "kind = 'guess'"),
    "seeds": (3, "seeds = 3"),
    "replicates": (1.5, "replicates = 1.5"),
    "expected_label": ("no", "expected_label = 'no'"),
    "statement": (None, "statement = None"),
    "extra": (1, "unknown field 'extra'"),
}


@pytest.mark.parametrize("field", CORRUPTIONS)
def test_a_corrupt_field_is_named(tmp_path: Path, field: str) -> None:
    value, message = CORRUPTIONS[field]
    path = write_ledger(tmp_path, [ledger_row("some/row", "C1.1")])
    data = json.loads(path.read_text())
    data["rows"][0][field] = value
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="some/row") as caught:
        read_ledger(tmp_path)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON at line 1"),
        ("[]", "schema = 'list'"),
        ('{"schema": 2, "rows": []}', "schema = 2"),
        ('{"schema": 1, "rows": {}}', "'rows' is a dict"),
        ('{"schema": 1, "rows": [3]}', "row 0 is a int"),
        ('{"schema": 1, "rows": [{}]}', "missing"),
        ('{"schema": 1, "rows": [NaN]}', "holds NaN"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "ledger.json").write_text(text)
    with pytest.raises(InputError) as caught:
        read_ledger(tmp_path)
    assert message in str(caught.value) and "ledger.json" in str(caught.value) and "\n" not in str(caught.value)


def test_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        read_ledger(tmp_path)
    (tmp_path / "ledger.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        read_ledger(tmp_path)


def test_a_repeated_key_is_refused(tmp_path: Path) -> None:
    write_ledger(tmp_path, [ledger_row("a", "C1.1"), ledger_row("a", "C1.2")])
    with pytest.raises(InputError, match="more than once"):
        read_ledger(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    write_ledger(tmp_path, ledger())
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    bad = dataclasses.replace(ledger_row("x", "C1.1"), verdict_margins={"0.1": object()})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        write_ledger(tmp_path, [bad])
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_rename_that_fails_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        write_atomic(tmp_path / "taken", "text")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_terminal_table_fits_and_says_once_what_is_not_recorded() -> None:
    long = ledger_row("C1.1/" + "very_long_name/" * 20 + "END", "C1.1", statistic="x" * 90)
    lines = terminal_table([*ledger(), long]).splitlines()
    assert max(map(len, lines)) <= 120
    assert all(line.isascii() for line in lines)
    assert len(lines) == 2 + len(ledger()) + 1 + 1  # head, rows, the long one, counts
    assert any("END" in line for line in lines), "a long key keeps its end"
    by_key = {line.split()[1]: line for line in lines[2:-1]}
    assert by_key["cloud_aws/dense/paired"].endswith(" -")  # without a recorded verdict
    assert "as recorded" in by_key["load_balancing/nsr"]
    assert "EXPECTED refuted" in by_key["control/shared_total"]
    unrecorded = sum(row.recorded is None and row.expected_label is None for row in [*ledger(), long])
    assert lines[-1].endswith(f"; {unrecorded} have no recorded verdict to be compared with (-)")
    assert "UNRECORDED" not in "".join(lines)


def test_a_wide_terminal_shows_whole_keys() -> None:
    long = ledger_row("C1.1/" + "x" * 80, "C1.1")
    assert "x" * 80 not in terminal_table([long]) and "x" * 80 in terminal_table([long], width=150)


def test_a_short_table_holds_what_stands_out() -> None:
    rows = [
        ledger_row("C1.1/fine", "C1.1", recorded={"label": "supported", "reason": "x"}),
        ledger_row("C1.1/new", "C1.1"),
        ledger_row("C1.1/bad", "C1.1", "refuted", recorded={"label": "refuted", "reason": "x"}),
        ledger_row("C1.1/lost", "C1.1", "inconclusive", recorded={"label": "refuted", "reason": "x"}),
        ledger_row("C1.1/open", "C1.1", "inconclusive"),
        ledger_row("C1.1/caught", "C1.1", "refuted", kind="control", expected_label="refuted"),
        ledger_row("C1.1/missed", "C1.1", "supported", kind="control", expected_label="refuted"),
    ]
    lines = terminal_table(rows, whole=False).splitlines()
    assert [line.split()[1] for line in lines[2:-2]] == ["bad", "lost", "missed"]
    assert lines[-2].startswith("4 more rows") and lines[-1].startswith("7 rows")


def test_a_verdict_against_the_record_is_shown() -> None:
    row = ledger_row("r", "C1.1", "refuted", recorded={"label": "supported", "reason": "x"})
    assert "WAS supported" in terminal_table([row])


def test_markdown_holds_every_row_and_keeps_its_tables_whole() -> None:
    odd = ledger_row("pipe|row", "C1.1", statistic="a|b")
    text = ledger_markdown([*ledger(), odd])
    for row in ledger():
        assert f"`{row.row}`" in text and row.because in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {9}
