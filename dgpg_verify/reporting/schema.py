"""The tables of records.json, as data/tables.toml lists them: which claims fill each one, and its columns.

A reader of a table finds every column listed there, whatever the file holds: one that the file lacks is missing in all
rows (empty text for the columns in TEXT, NaN for the others).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Schema:
    """Claims that fill a table, by the start of their ids ("" = every run), and the names of its columns."""

    claims: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


_DATA = tomllib.loads(resources.files(__package__).joinpath("data/tables.toml").read_text(encoding="utf-8"))
TEXT = frozenset(_DATA["text"].split())
SCHEMAS = {name: Schema(tuple(t["claims"]), tuple(t["columns"].split())) for name, t in _DATA["tables"].items()}
TABLES = tuple(SCHEMAS)
