"""records.json as pandas DataFrames, and the few selections that all figures need.

A frame has every column that data/tables.toml lists for its table, in the rows' order. A missing number is NaN, a
missing text is "". Lists stay lists. 'load_balancing (shared)' is 'load_balancing' with sharing 'shared'.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from dgpg_verify.reporting.records import COLUMNS, TEXT, Record, Tables
from dgpg_verify.reporting.wording import policy_name, system_name
from dgpg_verify.statistics import geometric_mean_interval

Frame: TypeAlias = pd.DataFrame
Frames: TypeAlias = Mapping[str, pd.DataFrame]
Summary = tuple[float, float, float]  # value, low, high
LEVEL = 0.95  # of intervals over replicates drawn beside a mean


class NothingToDraw(LookupError):
    """The tables hold no row for this figure; the message says which table and why."""


def frames(records: Tables) -> dict[str, Frame]:
    """Tables of records as frames; one that data/tables.toml does not list keeps its own columns."""
    return {name: frame(records.get(name, ()), COLUMNS.get(name, ())) for name in dict.fromkeys([*COLUMNS, *records])}


def frame(rows: Iterable[Record], columns: Iterable[str] = ()) -> Frame:
    """Records as one frame with at least `columns`: numbers as numbers, NaN or "" where a value is missing."""
    table = pd.DataFrame(list(rows))
    filled = {name: _filled(table.get(name), name in TEXT) for name in dict.fromkeys([*columns, *table])}
    return pd.DataFrame(filled, index=table.index)


def _filled(values: pd.Series | None, text: bool) -> pd.Series | float | str:
    """A column without gaps; one value for all rows where nothing is known."""
    if values is None or values.isna().all():
        return "" if text else np.nan
    if text:
        values = values.astype(object).where(values.notna(), "").astype(str)
        return values.str.removesuffix(" (shared)") if values.name == "system" else values
    return values.replace([np.inf, -np.inf], np.nan) if values.dtype.kind == "f" else values


def need(rows: Frame, table: str, what: str) -> Frame:
    """`rows`, or NothingToDraw if there are none."""
    if rows.empty:
        raise NothingToDraw(f"table {table!r} holds no {what}")
    return rows


def where(rows: Frame, **fields: Any) -> Frame:
    """Rows whose columns equal the values given; a list, tuple or set means any of its values."""
    kept = np.ones(len(rows), dtype=bool)
    for name, value in fields.items():
        several = isinstance(value, list | tuple | set | frozenset)
        kept &= (rows[name].isin(list(value)) if several else rows[name] == value).to_numpy()
    return rows[kept]


def known(rows: Frame, *columns: str) -> Frame:
    """Rows in which none of `columns` is missing."""
    return rows.dropna(subset=list(columns))


def positive(rows: Frame, *columns: str) -> list[float]:
    """All positive numbers in `columns`, for the limits of a logarithmic axis."""
    values = rows[list(columns)].to_numpy(dtype=float).ravel()
    return [float(v) for v in values[values > 0]]


def unique(rows: Frame, column: str, order: Iterable[Hashable] = ()) -> list[Any]:
    """The values of a column, those in `order` first, then as they first appear."""
    present = dict.fromkeys(rows[column])
    return [*(v for v in order if v in present), *(v for v in present if v not in set(order))]


def few(values: Iterable[float], most: int) -> list[float]:
    """At most `most` of `values`, both ends kept, the others spread evenly on a log scale."""
    distinct = sorted({float(v) for v in values})
    if len(distinct) <= most:
        return distinct
    targets = np.geomspace(distinct[0], distinct[-1], most)
    return sorted({min(distinct, key=lambda v: abs(np.log(v / w))) for w in targets})


def by_n(rows: Frame, column: str, n: str = "n") -> dict[float, np.ndarray]:
    """n -> the known replicates of `column`, n ascending."""
    known_rows = known(rows, column, n)
    return {float(size): group[column].to_numpy(dtype=float) for size, group in known_rows.groupby(n)}


def over_n(rows: Frame, column: str, summary: Callable[[np.ndarray], Summary], n: str = "n") -> Frame:
    """One row per n (ascending) with columns n, value, low, high: `summary` of the replicates of `column`.

    An n at which the summary is NaN is left out.
    """
    summaries = [(size, *summary(values)) for size, values in by_n(rows, column, n).items()]
    return pd.DataFrame(summaries, columns=["n", "value", "low", "high"], dtype=float).dropna(subset="value")


def mean(values: np.ndarray) -> Summary:
    """Arithmetic mean, without an interval."""
    return float(np.mean(values)), np.nan, np.nan


def median(values: np.ndarray) -> Summary:
    """Median, without an interval."""
    return float(np.median(values)), np.nan, np.nan


def geometric_mean(values: np.ndarray) -> Summary:
    """Geometric mean of the positive values with its 95 % t-interval; NaN without any."""
    above_zero = values[values > 0]
    if len(above_zero) < 2:
        value = float(above_zero[0]) if len(above_zero) else np.nan
        return value, value, value
    interval = geometric_mean_interval(above_zero, LEVEL)
    return interval.value, interval.low, interval.high  # type: ignore[return-value]  # known for two or more


def top_decade_slope(rows: Frame, column: str) -> float | None:
    """Plain log-log slope of `column` over the top decade of N, for titles; verdicts come from the ledger."""
    decade = known(rows, column, "n")
    decade = decade[(decade[column] > 0) & (decade["n"] >= decade["n"].max() / 10)].sort_values("n", kind="stable")
    if decade["n"].nunique() < 2:
        return None
    return float(np.polyfit(np.log(decade["n"].to_numpy(dtype=float)), np.log(decade[column].to_numpy()), 1)[0])


@dataclass(frozen=True, order=True)
class Place:
    """What shares a panel: one system on one graph under one policy."""

    system: str
    graph: str
    policy: str

    @property
    def title(self) -> str:
        return " \u00b7 ".join(part for part in (self.system_title, self.detail) if part)

    @property
    def system_title(self) -> str:
        return system_name(self.system)

    @property
    def detail(self) -> str:
        """Graph and policy in words."""
        graph = f"{self.graph} graph" if self.graph in ("sparse", "dense") else self.graph.replace("_", " ")
        return ", ".join(part for part in (graph, policy_name(self.policy)) if part)

    @property
    def key(self) -> str:
        """A name for files: letters, digits and dashes only."""
        text = "-".join(part for part in (self.system, self.graph, self.policy) if part)
        return "".join(c if c.isalnum() else "-" for c in text).strip("-") or "all"


PLACE = ["system", "graph", "policy"]


def places(rows: Frame) -> list[Place]:
    """The places of a table in the order in which they first appear."""
    return [Place(*key) for key in rows[PLACE].drop_duplicates().itertuples(index=False)]


def at(rows: Frame, place: Place | None) -> Frame:
    """Rows of `place`; all rows without one."""
    return rows if place is None else where(rows, system=place.system, graph=place.graph, policy=place.policy)


def main_places(rows: Frame, *, least: int = 3, each_policy: bool = True) -> list[Place]:
    """The places worth a figure of their own: at least `least` values of N (or the most there are).

    Without `each_policy` only the first policy of every system and graph.
    """
    sizes = {place: at(rows, place)["n"].nunique() for place in places(rows)}
    kept = [place for place, count in sizes.items() if count >= min(least, max(sizes.values()))]
    if each_policy:
        return kept
    first: dict[tuple[str, str], Place] = {}
    for place in kept:
        first.setdefault((place.system, place.graph), place)
    return list(first.values())


def telling_places(rows: Frame, most: int = 6) -> list[Place]:
    """At most `most` places, about as many of each system: those of systems as they are before those of variants (a
    system with a remark, such as 'cloud (recorded)'), and of these the ones with the most N."""
    found = places(rows)
    plain = [place for place in found if not re.search(r"[ /]", place.system)] or found
    sizes = {place: at(rows, place)["n"].nunique() for place in plain}
    ranked: dict[str, list[Place]] = {}
    for place in sorted(plain, key=lambda place: -sizes[place]):
        ranked.setdefault(place.system, []).append(place)
    turns = [place for turn in zip_longest(*ranked.values()) for place in turn if place is not None]
    return [place for place in found if place in turns[:most]]


def in_primary_setting(rows: Frame) -> Frame:
    """Rows of the setting 'sum' where measured, else of the first one; rows without a setting belong to it."""
    settings = [s for s in unique(rows, "setting") if s]
    primary = "sum" if "sum" in settings or not settings else settings[0]
    return where(rows, setting=[primary, ""])


def per_agent(rows: Frame) -> Frame:
    """Rows with own parameters for each agent, about one agent's block of them."""
    independent = where(rows, sharing=["independent", ""])
    return independent[independent["scope"] != "team"] if "scope" in independent else independent


def shared(rows: Frame) -> Frame:
    """Rows with shared parameters: the update applied (team) where measured, else per agent."""
    kept = where(rows, sharing="shared")
    team = where(kept, scope="team")
    return kept if team.empty else team


def fit_of(fits: Frame, like: Frame, statistic: str) -> Mapping[str, Any] | None:
    """The fit of `statistic` for the system, policy, sharing, graph, setting, credit and scope of `like`'s first row.

    None where `like` is empty or no exponent was fitted.
    """
    if like.empty:
        return None
    keys = ("system", "policy", "sharing", "graph", "setting", "credit", "scope")
    first = like.iloc[0]
    matching = known(where(fits, statistic=statistic, **{key: first[key] for key in keys}), "exponent")
    return None if matching.empty else dict(matching.iloc[0])


def exploded(rows: Frame, *columns: str) -> Frame:
    """One row per place of the lists in `columns`, as numbers; a single number counts as a list of one.

    Lists of one row that differ in length are filled up with NaN. The index names the row that a place comes from.
    """
    names = list(columns)
    lists = rows[names].map(lambda value: value if isinstance(value, list) else [value])
    length = lists.map(len).max(axis=1)
    filled = {c: [v + [np.nan] * (n - len(v)) for v, n in zip(lists[c], length)] for c in names}
    return rows.assign(**filled).explode(names).astype(dict.fromkeys(names, float))


def to_records(rows: Frame) -> list[Record]:
    """The rows of a frame as records: a missing value is None."""
    return rows.astype(object).where(rows.notna(), None).to_dict("records")
