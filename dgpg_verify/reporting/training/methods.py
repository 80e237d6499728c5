"""Name, family and look of every training row; families of methods share a row of panels."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.captions import left_out
from dgpg_verify.reporting.drawing.look import DASHED, INK, SOLID, Look
from dgpg_verify.reporting.drawing.marks import key
from dgpg_verify.reporting.drawing.sheet import LEFT, WIDTH, indent, panels
from dgpg_verify.reporting.frame import Frame, Frames
from dgpg_verify.reporting.wording import row_label

METHODS = {
    "dgpg": ("#0072b2", "s"),
    "mappo": ("#d55e00", "o"),
    "ippo": ("#e69f00", "^"),
    "happo": ("#6b7a2b", "v"),
    "reinforce": ("#5d4a66", "p"),
    "guidance_only": ("#8a5fb5", "h"),
    "imitation": ("#7f7f7f", "<"),
    "residual": ("#b08a4a", ">"),
    "difference": ("#009e73", "P"),
    "difference_replay": ("#44aa99", "d"),
}
SETTINGS = {  # of DG-PG, leading readings first: titles are made of the first that was measured
    "parts": ("#56b4e9", "D"),
    "both": ("#004488", "H"),
    "mixed": ("#cc79a7", "X"),
    "sum": ("#0072b2", "s"),
    "mean": ("#1b3a5c", "d"),
}
UNKNOWN = ("#a0522d", "*")
VARIANTS = ("D", "X", "8", "d", "*", "H")  # markers of further rows that would look alike
DOTTED: Any = (0, (3, 1, 1, 1))
LEGEND = 2.7  # inches right of the panels
OTHERS = "Other methods"
FAMILIES = {
    "DG-PG": ("dgpg",),
    "Without guidance": ("mappo", "ippo", "happo", "reinforce"),
    OTHERS: (),
}
FAMILY_OF = {method: family for family, methods in FAMILIES.items() for method in methods}


@dataclass(frozen=True)
class MethodLook(Look):
    """The look of a training row, with its name in legends and its family."""

    label: str = ""
    family: str = OTHERS


Looks = Mapping[str, MethodLook]


def identified(frames: Frames, rows: Frame) -> Frame:
    """`rows` with method, setting and sharing filled in, and with the columns `family` and `name` (as shown).

    A table that names only the row borrows from `runs`, `training_scores` or `curves`; a row that these do not hold
    starts with its method.
    """
    filled = rows.copy()
    for table in ("runs", "training_scores", "curves"):
        known = frames[table].drop_duplicates("row", keep="last").set_index("row")
        for column in ("method", "setting", "sharing"):
            filled[column] = filled[column].where(filled[column] != "", filled["row"].map(known[column])).fillna("")
    filled["method"] = filled["method"].where(filled["method"] != "", filled["row"].str.split("/").str[0])
    filled["family"] = filled["method"].map(FAMILY_OF).fillna(OTHERS)
    filled["name"] = [row_label(label, method) for label, method in zip(filled["label"], filled["method"])]
    return filled


def telling_rows(rows: Frame, most: int = 8) -> Frame:
    """`rows` of at most `most` names (parts of one curve share theirs): those trained at the most N, of equals those
    that claims are about first."""
    first = rows.drop_duplicates("name").set_index("name")
    order = {method: k for k, method in enumerate(("dgpg", "mappo", "ippo", "guidance_only"))}
    rank = {
        name: (
            -same["n"].nunique(),
            first["sharing"][name] == "shared",
            order.get(str(first["method"][name]), len(order)),
            name,
        )
        for name, same in rows.groupby("name")
    }
    return rows[rows["name"].isin(sorted(rank, key=rank.__getitem__)[:most])]


def fewer_families(rows: Frame, columns: int, most: int = 8) -> Frame:
    """`rows` with all methods but DG-PG in one family where three families of `columns` panels were too many."""
    if rows["family"].nunique() * columns <= most:
        return rows
    return rows.assign(family=rows["family"].where(rows["family"] == next(iter(FAMILIES)), OTHERS))


def rows_left_out(measured: Frame, drawn: Frame) -> str:
    """Says which rows were measured and have no curve."""
    return left_out(measured["name"], drawn["name"], place="the table of scores", most=12)


def of_family(looks: Looks, family: str) -> dict[str, MethodLook]:
    """The looks of the rows of one family, in legend order."""
    return {row: look for row, look in looks.items() if look.family == family}


def looks(*tables: Frame) -> dict[str, MethodLook]:
    """Row key -> look of identified rows, in legend order.

    Rows of one name and look (parts of one curve) share a legend entry; no two others look or are called alike.
    """
    rows = pd.concat([table[["row", "method", "setting", "sharing", "family", "name"]] for table in tables])
    plain = {str(row["row"]): _look(row) for row in rows.drop_duplicates("row").to_dict("records")}
    plain = dict(sorted(plain.items(), key=lambda item: (item[1].order, item[0])))
    names: dict[tuple[Any, ...], list[str]] = {}  # look -> labels that have it
    first: dict[str, tuple[Any, ...]] = {}  # label -> the look it first has
    distinct = {}
    for row, look in plain.items():
        same = (look.color, look.marker, look.dash)
        alike = names.setdefault(same, [])
        if look.label not in alike:
            alike.append(look.label)
        distinct[row] = _variant(look, alike.index(look.label))
        if first.setdefault(look.label, same) != same:
            distinct[row] = replace(distinct[row], label=f"{look.label} ({row.replace('_', ' ')})")
    return distinct


def _look(row: Mapping[str, Any]) -> MethodLook:
    """Colour and marker from the method (of DG-PG from the setting), dashes from shared parameters."""
    method, setting, shared = row["method"], row["setting"], row["sharing"] == "shared"
    color, marker = METHODS.get(method, UNKNOWN)
    if method == "dgpg":
        color, marker = SETTINGS.get(setting, (color, marker))
    order = 100 * [*METHODS, method].index(method) + 20 * [*SETTINGS, setting].index(setting) + 2 * shared
    return MethodLook(color, marker, order, DASHED if shared else SOLID, row["name"], row["family"])


def _variant(look: MethodLook, k: int) -> MethodLook:
    """The k-th row that would look alike: darker, with another marker and dots in its line."""
    if k == 0:
        return look
    darker = to_hex(tuple(np.mean([to_rgb(look.color), to_rgb(INK)], axis=0)))
    return replace(look, color=darker, marker=VARIANTS[(k - 1) % len(VARIANTS)], dash=DOTTED)


def family_panels(looks: Looks, columns: int, xlabel: str, **layout: Any) -> tuple[Figure, dict[str, np.ndarray]]:
    """A row of panels for each family present, with a legend of only its rows on the right.

    `xlabel` stands below the last row; `layout` goes to `panels`. Returns the figure and family -> its axes,
    from top to bottom.
    """
    present = [family for family in FAMILIES if of_family(looks, family)]
    fig, axes = panels(len(present), columns, width=WIDTH if columns > 1 else 8.5, detailed=True, **layout)
    indent(fig, axes, LEFT, LEGEND)
    for ax, family in zip(axes[:, -1], present):
        entries = [key(look.label, look) for look in dict.fromkeys(of_family(looks, family).values())]
        handles, labels = zip(*entries)
        ax.legend(handles, [textwrap.fill(label, 28) for label in labels], loc="upper left", frameon=False,
                  bbox_to_anchor=(1.03, 1.02), borderaxespad=0.0, handletextpad=0.5, labelspacing=0.6)  # fmt: skip
    for ax in axes[-1]:
        ax.set_xlabel(xlabel)
    return fig, dict(zip(present, axes))
