"""records.json and variance_vs_n.csv: the flat tables that figures are drawn from.

data/tables.toml lists the tables: which claims fill each one, its columns, and the section of the page it stands in.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import tomllib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from dgpg_verify.core import InputError, to_json
from dgpg_verify.core.records import PLAIN
from dgpg_verify.reporting.provenance import ran
from dgpg_verify.runs.files import check_schema, read_json, write_atomic

Record = dict[str, Any]
Tables = Mapping[str, Sequence[Record]]
Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)

RECORDS = "records.json"
SUMMARY = "summary.json.gz"
EACH = frozenset(("fleet", "replicate", "episode"))  # columns of tables that list what was measured one by one
VARIANCE_CSV = "variance_vs_n.csv"


def data(name: str) -> dict[str, Any]:
    """What data/`name`.toml holds."""
    return tomllib.loads(resources.files(__package__).joinpath(f"data/{name}.toml").read_text(encoding="utf-8"))


_DATA = data("tables")
VARIANCE_COLUMNS = tuple(_DATA["variance_csv"].split())
TEXT = frozenset(_DATA["text"].split())  # columns of text: empty where missing
COLUMNS = {name: tuple(table["columns"].split()) for name, table in _DATA["tables"].items()}
SECTIONS = {name: table["section"] for name, table in _DATA["tables"].items() if "section" in table}
BOUNDS = {name: dict(table.get("bounds", {})) for name, table in _DATA["tables"].items()}
ROUNDING = 1e-9
TABLES = tuple(COLUMNS)


def write_records(folder: Path, tables: Tables) -> Path:
    """Write records.json, whole or not at all, and renew a summary beside it. Records must be flat: text, numbers,
    booleans, null, flat lists; ValueError for a number beyond its bounds."""
    for name, rows in tables.items():
        _check_flat(RECORDS, name, rows)
    if beyond := out_of_bounds(tables):
        raise ValueError(f"{len(beyond)} numbers of {RECORDS} are beyond what they can be, such as {beyond[0]}")
    # one record per line: a third of the size of one number per line, and a diff shows the record
    blocks = [f"{json.dumps(name)}: [\n{_lines(rows)}\n]" for name, rows in tables.items()]
    path = write_atomic(folder / RECORDS, '{"schema": 1, "tables": {\n' + ",\n".join(blocks) + "\n}}\n")
    if (folder / SUMMARY).is_file():
        write_summary(folder)
    return path


def write_summary(folder: Path) -> Path:
    """Write summary.json.gz: records.json without the tables that list single replicates, packed; the same records give
    the same bytes."""
    tables = {name: rows for name, rows in read_records(folder).items() if rows and not EACH & set(rows[0])}
    content = json.dumps({"schema": 1, "tables": tables}, ensure_ascii=False, allow_nan=False)
    return write_atomic(folder / SUMMARY, gzip.compress(content.encode(), mtime=0))


def _lines(rows: Iterable[Record]) -> str:
    return ",\n".join(json.dumps(to_json(row), ensure_ascii=False, allow_nan=False) for row in rows)


def read_records(folder: Path) -> dict[str, list[Record]]:
    """Read records.json of a run folder, or the file itself; every known table is present, maybe empty.

    Raises InputError naming file, table and record if it is corrupt.
    """
    path = folder if folder.suffix == ".json" else folder / RECORDS
    tables = check_schema(path, read_json(path), "tables", dict)
    for name, rows in tables.items():
        if not isinstance(rows, list):
            raise InputError(f"{path.name}: table {name!r} is a {type(rows).__name__}: it must be a list")
        _check_flat(path.name, name, rows)
    return {name: list(tables.get(name, [])) for name in (*TABLES, *(t for t in tables if t not in TABLES))}


def _check_flat(file: str, name: str, rows: Iterable[Any]) -> None:
    for k, record in enumerate(rows):
        if not isinstance(record, Mapping):
            kind = type(record).__name__
            raise InputError(f"{file}: table {name!r} record {k} is a {kind}: it must be an object")
        for key, value in record.items():
            if type(value) in PLAIN:
                continue
            items = value if isinstance(value, list | tuple) else [value]
            if any(isinstance(item, Mapping | list | tuple) for item in items):
                raise InputError(f"{file}: table {name!r} record {k} field {key!r} is nested: it must be flat")
        n = record.get("n")
        if n is not None and (isinstance(n, bool) or not isinstance(to_json(n), int | float) or n < 1):
            raise InputError(f"{file}: table {name!r} record {k}: n = {n!r} is not allowed: it must be >= 1")


def out_of_bounds(tables: Tables) -> list[str]:
    """Numbers that cannot be, such as a cosine of -31, each with its table, record and bounds."""
    return [
        f"{name}[{k}].{column} = {row[column]!r}: it must be in [{least}, {most}]"
        for name, rows in tables.items()
        for column, (least, most) in BOUNDS.get(name, {}).items()
        for k, row in enumerate(rows)
        if row.get(column) is not None
        and (row[column] < least - ROUNDING or row[column] > most + ROUNDING)  # NaN is not known, as null
    ]


def expected_tables(claims: Iterable[str] | None) -> list[str]:
    """The tables that a run of these claims should hold; those of all claims if it is not known which were run."""
    known = None if claims is None else list(claims)
    return [name for name in TABLES if any(ran(prefix, known) for prefix in _DATA["tables"][name]["claims"])]


def write_variance_csv(folder: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write variance_vs_n.csv; rows may hold more fields than the file's columns, an unknown number is empty.

    Raises InputError naming the row that lacks a column. Floats are written so that they read back exactly.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, VARIANCE_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for k, row in enumerate(rows):
        missing = [name for name in VARIANCE_COLUMNS if name not in row]
        if missing:
            raise InputError(f"{VARIANCE_CSV} row {k}: {', '.join(missing)} missing: every column is needed")
        writer.writerow(to_json(row))
    return write_atomic(folder / VARIANCE_CSV, buffer.getvalue())


def group_by(rows: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Items with the same `key` together, keys and items in the order in which they come."""
    groups: dict[Key, list[Item]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups
