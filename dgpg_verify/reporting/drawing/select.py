"""Picking rows out of the tables: groups that share a panel, replicates per N, the fit that belongs to a line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from dgpg_verify.reporting.frame import NothingToDraw
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import system_name


@dataclass(frozen=True, order=True)
class Group:
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
        policy = self.policy.replace("_", " ")
        if policy and "policy" not in policy:
            policy += " policy"
        return ", ".join(part for part in (self.graph_text, policy) if part)

    @property
    def graph_text(self) -> str:
        return f"{self.graph} graph" if self.graph in ("sparse", "dense") else self.graph.replace("_", " ")

    @property
    def key(self) -> str:
        """A name for files: letters, digits and dashes only."""
        text = "-".join(part for part in (self.system, self.graph, self.policy) if part)
        return "".join(c if c.isalnum() else "-" for c in text).strip("-") or "all"


def group_of(record: Record) -> Group:
    """The group of a record; 'load_balancing (shared)' stands beside 'load_balancing', its sharing is a field."""
    system, graph, policy = (str(record.get(k) or "") for k in ("system", "graph", "policy"))
    return Group(system.removesuffix(" (shared)"), graph, policy)


def groups(rows: Iterable[Record]) -> list[Group]:
    """The groups of a table in the order in which they first appear."""
    return list(dict.fromkeys(group_of(row) for row in rows))


def main_groups(rows: Sequence[Record], *, least: int = 3, each_policy: bool = True) -> list[Group]:
    """The groups worth a figure of their own: at least `least` values of N (or the most there are).

    Without `each_policy` only the first policy of every system and graph.
    """
    found = groups(rows)
    sizes = {place: len({row.get("n") for row in pick(rows, place)}) for place in found}
    kept = [place for place in found if sizes[place] >= min(least, max(sizes.values()))]
    if each_policy:
        return kept
    first: dict[tuple[str, str], Group] = {}
    for place in kept:
        first.setdefault((place.system, place.graph), place)
    return list(first.values())


def number(value: Any) -> float | None:
    """A finite float, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def primary_setting(rows: Sequence[Record]) -> str:
    """'sum' where measured (the primary setting), else the first one."""
    seen = [str(row.get("setting") or "") for row in rows]
    return "sum" if "sum" in seen or not seen else seen[0]


def in_primary_setting(rows: Iterable[Record]) -> list[Record]:
    """Rows of the primary setting; rows that name no setting belong to it."""
    kept = list(rows)
    wanted = primary_setting([r for r in kept if r.get("setting")])
    return [row for row in kept if str(row.get("setting") or wanted) == wanted]


def per_agent(rows: Iterable[Record]) -> list[Record]:
    """Rows about one agent's block of parameters, own parameters for each agent."""
    return [
        r for r in rows if (r.get("sharing") or "independent") == "independent" and r.get("scope", "agent") != "team"
    ]


def shared(rows: Iterable[Record]) -> list[Record]:
    """Rows with shared parameters: the update applied (team) where measured, else per agent."""
    kept = [row for row in rows if row.get("sharing") == "shared"]
    team = [row for row in kept if row.get("scope") == "team"]
    return team or kept


def pick(rows: Iterable[Record], group: Group | None = None, **fields: Any) -> list[Record]:
    """Rows of `group` whose fields equal those given."""
    return [
        row
        for row in rows
        if (group is None or group_of(row) == group) and all(row.get(k) == v for k, v in fields.items())
    ]


def by_n(rows: Iterable[Record], field: str) -> dict[float, list[float]]:
    """n -> the finite replicates of `field`, n ascending."""
    found: dict[float, list[float]] = {}
    for row in rows:
        value = number(row.get(field))
        if value is not None and row.get("n") is not None:
            found.setdefault(float(row["n"]), []).append(value)
    return dict(sorted(found.items()))


def geometric_mean(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Geometric mean with its 95 % t-interval over replicates; None without positive values."""
    logs = np.log([v for v in values if v > 0])
    if logs.size == 0:
        return None
    centre = float(logs.mean())
    if logs.size == 1:
        return math.exp(centre), math.exp(centre), math.exp(centre)
    half = float(stats.t.ppf(0.975, logs.size - 1) * logs.std(ddof=1) / math.sqrt(logs.size))
    return math.exp(centre), math.exp(centre - half), math.exp(centre + half)


def find_fit(tables: Tables, like: Record, statistic: str) -> Record | None:
    """The fit that belongs to the same system, policy, sharing, graph, setting, credit and scope as `like`."""
    keys = ("system", "policy", "sharing", "graph", "setting", "credit", "scope")
    for fit in tables.get("fits", ()):
        same = all(k not in fit or (fit.get(k) or "") == (like.get(k) or "") for k in keys)
        if same and fit.get("statistic") == statistic and number(fit.get("exponent")) is not None:
            return fit
    return None


def fleets_text(rows: Sequence[Record]) -> str:
    """How many fleets stand behind every N: '20 fleets per N' or '12 to 20 fleets per N'."""
    sets: dict[Any, set[Any]] = {}
    for row in rows:
        if row.get("fleet") is not None:
            sets.setdefault((group_of(row), row.get("sharing"), row.get("credit"), row.get("n")), set()).add(
                row["fleet"]
            )
    counts = sorted(len(fleets) for fleets in sets.values())
    if not counts:
        return "number of fleets not recorded"
    low, high = counts[0], counts[-1]
    if low == high:
        return f"{low} fleet{'s' if low > 1 else ''} per N"
    return f"{low} to {high} fleets per N"


def need(rows: Sequence[Any], table: str, what: str) -> None:
    """Raise NothingToDraw unless there are rows."""
    if not rows:
        raise NothingToDraw(f"table {table!r} holds no {what}")
