"""Short versions of the campaigns in scripts/campaigns, and files that the long ones found to end otherwise."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dgpg_verify.core import Cell, Evidence, InputError, check_real
from dgpg_verify.reporting.ledger import read_ledger, write_ledger
from dgpg_verify.runs.cells import cell_file, write_cell
from scripts.campaigns.elsewhere import differences, distance
from scripts.campaigns.formats import FORMATS
from scripts.campaigns.fuzz import campaign

ROOT = Path(__file__).resolve().parent.parent
Damage = Callable[[bytes], bytes]


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_read_or_refused(name: str) -> None:
    found = campaign(FORMATS[name], seed=0, seconds=2.0, most=120)
    assert not found.failures and found.refused > 0


def _careless(path: Path) -> object:
    with path.open("rb") as stream, np.load(stream, allow_pickle=True) as stored:
        return stored["record"][()]


def test_the_campaign_sees_what_it_looks_for() -> None:
    """Code that runs, and another exception than InputError."""
    found = campaign(replace(FORMATS["cell"], read=_careless), seed=0, seconds=5.0, most=40)
    assert "a file was written or removed, or code ran" in found.failures and len(found.failures) > 1


def _other(old: str, new: str) -> Damage:
    def damage(valid: bytes) -> bytes:
        assert old.encode() in valid
        return valid.replace(old.encode(), new.encode(), 1)

    return damage


def _member(name: str, content: bytes) -> Damage:
    """An .npz with other content in one of its arrays' files, under a right checksum."""

    def damage(valid: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(valid)) as old, zipfile.ZipFile(buffer, "w") as new:
            for each in old.namelist():
                new.writestr(each, content if each == name else old.read(each))
        return buffer.getvalue()

    return damage


def _header(text: str) -> bytes:
    """The begin of an .npy file with this header."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def _json(**fields: object) -> Damage:
    return lambda valid: json.dumps({**json.loads(valid), **fields}).encode()


def _row(**fields: object) -> Damage:
    def damage(valid: bytes) -> bytes:
        index = json.loads(valid)
        index["rows"][0] |= fields
        return json.dumps(index).encode()

    return damage


def _unpacked(old: str, new: str) -> Damage:
    return lambda valid: gzip.compress(_other(old, new)(gzip.decompress(valid)))


def _sql(change: str) -> Damage:
    def damage(valid: bytes) -> bytes:
        with closing(sqlite3.connect(":memory:")) as base:
            base.deserialize(valid)
            base.execute(change)
            base.commit()
            return base.serialize()

    return damage


FOUND: dict[str, tuple[str, Damage]] = {
    "a whole number beyond floats": ("ledger", _other('"level": 0.95', f'"level": {"9" * 400}')),
    "a number of 5000 digits": ("records", _other('"n": 2', f'"n": {"9" * 5000}')),
    "nested too deep": ("records", lambda valid: b"[" * 100_000),
    "half a character": ("ledger", _other("a statement", "\\ud800")),
    "a row's options that are a number": ("run index", _row(options=3)),
    "a row's stream that is a number": ("run index", _row(stream=3)),
    "a billion replicates": ("run index", _row(n_values={"2": 10**9})),
    "agents of a cell in words": ("run index", _row(agents_per_cell="all")),
    "a header that does not end": ("cell", _member("record.npy", _header("{'descr': '<U9', 'shape': ("))),
    "a shape beyond numbers": ("cell", _member("array0.npy", _header(f"{{'descr': '<f8', 'fortran_order': False, "
                                                                     f"'shape': ({10**30},)}}"))),
    "a header of evidence that does not end": ("compact evidence", _member("keys.npy", _header("{'descr': ("))),
    "a place that is a number": ("run config", _json(place=3)),
    "no episodes": ("run config", _json(episodes=None)),
    "episodes beyond floats": ("run config", lambda valid: b'{"episodes": 1e400}'),
    "a payoff of a billion digits": ("game .nfg", _other(".5e0", "1e999999999")),
    "digits that are none, of zones": ("TNTP trips", _other("ZONES> 2", "ZONES> ²")),
    "digits that are none, of a zone": ("TNTP trips", _other("2 : 3.0", "² : 3.0")),
    "zones of 5000 digits": ("TNTP trips", _other("ZONES> 2", f"ZONES> {'9' * 5000}")),
    "a zone of 5000 digits": ("TNTP trips", _other("2 : 3.0", f"{'9' * 5000} : 3.0")),
    "times that overflow": ("TNTP network", _other("10 1 2 0.15", "10 1 1e308 1e308")),
    "requests beyond floats": ("published google", _other("'cpus': 0.125", f"'cpus': {'9' * 400}")),
    "times of a record that overflow": ("published azure_csv", _other("0,big,0,0.0,", "0,big,0,1e308,")),
    "a run time that is nan": ("published swf", _unpacked(" 5 121.0 ", " 5 nan ")),
    "text for a number in SQLite": ("published azure", _sql("UPDATE vm SET starttime = 'soon'")),
    "a setting of 5000 digits": ("settings NAME=VALUE", _other("a=1\n", f"a={'9' * 5000}\na=1\n")),
    "a setting nested too deep": ("settings NAME=VALUE", _other("a=1\n", f"a={'[' * 100_000}\na=1\n")),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_what_the_campaigns_found_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    form, damage = FOUND[name]
    path = FORMATS[form].make(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError) as refused:
        FORMATS[form].read(path)
    assert "\n" not in str(refused.value)


def test_a_whole_number_beyond_floats_is_out_of_range() -> None:
    with pytest.raises(InputError, match="it must be a finite number"):
        check_real("load", 10**400)


def test_kills_and_a_clock_set_back() -> None:
    """In a process of its own, since they fork; of the command that takes least."""
    words = (
        "from scripts.campaigns import kills, places; import sys; sys.argv[1:] = {}; code = {}.main(); assert not code"
    )
    lines = [words.format(["--only", "measure", "--kills", "3"], "kills"),
             words.format(["--only", "clock_set_back", "--command", "measure"], "places")]  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("one", "other", "far"),
    [
        ({"a": [1.0, 2.0], "seconds": 1.0}, {"a": [1.0, 2.0], "seconds": 9.0}, 0.0),
        ({"a": [1.0, 2.0]}, {"a": [1.0, float(np.nextafter(2.0, 3.0))]}, 1.0),
        ({"a": np.array([4.0, 1e-9])}, {"a": np.array([4.0, 2e-9])}, 1e-9 / np.spacing(4.0)),
        ({"a": [["x", 1.0], [None, [2, 3]]]}, {"a": [["x", 1.0], [None, [2, 3]]]}, 0.0),
        ({"a": [["x", 1.0], [None, [2, 3]]]}, {"a": [["y", 1.0], [None, [2, 3]]]}, np.inf),
        ({"a": 1.0}, {"b": 1.0}, np.inf),
        ({"a": [1.0]}, {"a": [1.0, 1.0]}, np.inf),
        ({"a": None}, {"a": 0.0}, np.inf),
    ],
    ids=["time", "one rounding", "of the largest", "nested", "text", "name", "length", "missing"],
)
def test_the_distance_of_two_cells_is_in_roundings(one: object, other: object, far: float) -> None:
    assert distance(one, other) == pytest.approx(far)


def test_two_runs_differ_in_what_differs(tmp_path: Path) -> None:
    """Same claims, and the same with a verdict, a number and a cell changed by hand."""
    cells = [Cell("toy", "row", n, 0, 1) for n in (2, 4)]
    for run in ("one", "other"):
        for cell in cells:
            write_cell(tmp_path / run / cell_file(cell), "00", Evidence(cell, {"value": 1.0}, 0.5))
        write_ledger(tmp_path / run, [])
    assert not differences(tmp_path / "one", tmp_path / "other").beyond(0.0)
    write_cell(tmp_path / "other" / cell_file(cells[0]), "00", Evidence(cells[0], {"value": 1.0 + 2**-50}, 0.5))
    near = differences(tmp_path / "one", tmp_path / "other")
    assert near.farthest == {"toy": 4.0} and near.equal == {"toy": (1, 2)}
    assert near.beyond(3.0) and not near.beyond(4.0)
    (tmp_path / "other" / cell_file(cells[1])).unlink()
    assert differences(tmp_path / "one", tmp_path / "other").beyond(4.0)


def test_two_runs_differ_in_a_verdict(tmp_path: Path) -> None:
    rows = read_ledger(ROOT / "reports" / "reference")
    write_ledger(tmp_path / "one", rows)
    write_ledger(tmp_path / "other", [replace(rows[0], verdict="inconclusive"), *rows[1:]])
    found = differences(tmp_path / "one", tmp_path / "other")
    assert len(found.verdicts) == 1 and rows[0].row in found.verdicts[0] and found.beyond(np.inf)


PLANTED = """
from scripts.campaigns.altered import ROOT, Mutant
from scripts.campaigns.mutants import Usual, run

file, tests = "dgpg_verify/statistics/power.py", ["tests/statistics/test_power.py"]
source = (ROOT / file).read_text()

def planted(old, new):
    assert source.count(old) == 1
    return Mutant(file, 1, source.replace(old, new))

usual = Usual.measure(tests)
assert not usual.survives(planted("(1.0 - check_level(level)) / check_int", "(1.0 - check_level(level)) * check_int"))
assert usual.survives(planted("return 1.0 - (1.0 -", "return 1.0 - 1.0 * (1.0 -"))
assert run(tests, planted("MAXIMUM = 10**7", "while True: pass\\nMAXIMUM = 10**7"), 2.0)[0] == -9
"""


def test_mutants_that_are_seen_and_one_that_cannot_be() -> None:
    """Planted ones, so that no library is needed; in a process that has not imported the package."""
    ran = subprocess.run([sys.executable, "-c", PLANTED], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_no_test_has_to_tell_apart_is_not_altered() -> None:
    pytest.importorskip("cosmic_ray", reason="the extra `mutants`")
    from scripts.campaigns.altered import positions

    raised = "def f(a: int | None = 0) -> int | str:\n    raise ValueError(a + 1)\n"
    assert {name for name, _, _ in positions(raised)} == {"NumberReplacer"}  # of the default alone
    assert len(list(positions(raised))) == 2
    assert "ReplaceComparisonOperator_Lt_LtE" in {name for name, _, _ in positions("x = a < b\n")}
