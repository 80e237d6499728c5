"""How training rows look: colour and marker from method and setting, dashes from sharing; families share a panel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.grid import Keys
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import row_label

SOLID: Any = "-"
DASHED: Any = (0, (2.4, 1.1))


@dataclass(frozen=True)
class Look:
    """Colour, marker and dashes of one row; `order` sorts legends."""

    color: str
    marker: str
    dash: Any
    order: int
    label: str

    @property
    def face(self) -> str:
        """Filled for own parameters, hollow for shared ones: dashes alone are hard to see behind a marker."""
        return "white" if self.dash == DASHED else self.color

    @property
    def edge(self) -> str:
        return self.color if self.face == "white" or self.marker == "P" else "white"


_METHODS = {
    "dgpg": ("#0072b2", "s"),
    "mappo": ("#d55e00", "o"),
    "ippo": ("#e69f00", "^"),
    "happo": ("#6b7a2b", "v"),
    "reinforce": ("#5d4a66", "p"),
    "guidance_only": ("#8a5fb5", "h"),
    "imitation": ("#7f7f7f", "<"),
    "residual": ("#b08a4a", ">"),
    "difference": ("#009e73", "P"),
}
_SETTINGS = {
    "sum": ("#0072b2", "s"),
    "parts": ("#56b4e9", "D"),
    "mixed": ("#cc79a7", "X"),
    "mean": ("#1b3a5c", "d"),
}
_OTHER = ("#a0522d", "*")
_AGAIN = ("H", "8", "1", "2", "3", "4")  # rows that would look alike differ in marker and dashes
FAMILIES = {
    "DG-PG": ("dgpg",),
    "Without guidance": ("mappo", "ippo", "happo", "reinforce"),
    "Other methods": (),
}


def method_of(record: Mapping[str, Any]) -> str:
    """The method of a record; tables without one start the row's key with it."""
    return str(record.get("method") or str(record.get("row", "")).split("/")[0])


def family_of(record: Mapping[str, Any]) -> str:
    """Which rows share a panel: DG-PG, methods without guidance, other methods."""
    method = method_of(record)
    return next((name for name, methods in FAMILIES.items() if method in methods), "Other methods")


def families(records: Iterable[Record]) -> list[str]:
    """The families present, in the order in which they are drawn."""
    seen = {family_of(record) for record in records}
    return [name for name in FAMILIES if name in seen]


def label_of(record: Mapping[str, Any]) -> str:
    """A row's label as it is shown."""
    return row_label(record.get("label"), method_of(record))


def _look(record: Mapping[str, Any]) -> Look:
    method, setting = method_of(record), str(record.get("setting") or "")
    color, marker = _METHODS.get(method, _OTHER)
    if method == "dgpg":
        color, marker = _SETTINGS.get(setting, (color, marker))
    shared = record.get("sharing") == "shared"
    order = [*_METHODS, method].index(method) * 100 + 20 * [*_SETTINGS, setting].index(setting) + 2 * shared
    dash = DASHED if shared else SOLID
    return Look(color, marker, dash, order, label_of(record))


def looks(tables: Tables, records: Iterable[Record]) -> dict[str, Look]:
    """Row key -> look, in legend order. Rows of one label and look (parts of one curve) share a legend entry; no
    two other rows look or are called alike.

    Tables that name only the row borrow method, setting and sharing from `runs`, `training_scores` or `curves`.
    """
    known = {str(r["row"]): r for name in ("curves", "training_scores", "runs") for r in tables.get(name, ())}
    found: dict[str, Look] = {}
    for record in records:
        row = str(record["row"])
        if row not in found:
            found[row] = _look({**known.get(row, {}), **record})
    found = dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))
    drawn: dict[Any, list[str]] = {}
    named: dict[str, Any] = {}
    for row, one in found.items():
        same = (one.color, one.marker, one.dash)
        if named.setdefault(one.label, same) != same:
            found[row] = replace(found[row], label=f"{one.label} ({row.replace('_', ' ')})")
        alike = drawn.setdefault(same, [])
        if one.label not in alike:
            alike.append(one.label)
        if count := alike.index(one.label):
            found[row] = replace(found[row], marker=_AGAIN[(count - 1) % len(_AGAIN)], dash=(0, (3, 1, 1, 1)))
    return found


def look_keys(found: Mapping[str, Look]) -> Keys:
    """Legend entries of rows: line and marker as in the panels."""
    return [
        (
            Line2D(
                [],
                [],
                color=one.color,
                marker=one.marker,
                ms=6,
                lw=1.8,
                ls=one.dash,
                mfc=one.face,
                mec=one.edge,
                mew=0.8,
            ),
            one.label,
        )
        for one in dict.fromkeys(found.values())
    ]
