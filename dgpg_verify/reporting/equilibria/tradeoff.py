"""Figure: what a rule for alpha(N) buys in variance, and what it costs in the equilibrium."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.lines import limits
from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import (
    GOOD,
    MUTED,
    EndLabel,
    alpha_color,
    alpha_value,
    detail,
    label_ends,
    log_y,
    n_axis,
    panels,
    quiet,
    styled,
)
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import system_name

BOUNDED = 0.15  # an exponent up to here counts as bounded
SYSTEMS = {"team": "Linear-quadratic team", "game": "Load-balancing game"}
RULES = {"n^-0.5": "1 \u2212 1/\u221aN", "alpha*": "\u03b1*", "0.9->0.2": "0.9 \u2192 0.2"}
COLORS = {"n^-0.5": "#009e73", "alpha*": "#1b3a5c", "0.9->0.2": "#7f7f7f"}


@dataclass(frozen=True)
class Rule:
    """One rule of one system: its exponent with interval, and its points over N."""

    rule: str
    exponent: float | None
    low: float | None
    high: float | None
    n: tuple[float, ...]
    shift: tuple[float, ...]
    lost: tuple[float, ...]

    @property
    def name(self) -> str:
        return RULES.get(self.rule, f"\u03b1 = {self.rule}")

    @property
    def color(self) -> str:
        return COLORS.get(self.rule) or alpha_color(alpha_value(self.rule))


def tradeoff_system(row: Record) -> str:
    return str(row.get("system") or "")


def tradeoff_rules(rows: Sequence[Record]) -> list[Rule]:
    """Rows of one system as rules, in the order they come; places where a number is unknown are left out."""
    made = []
    for row in rows:
        middle, low, high = (number(row.get(field)) for field in ("variance_exponent", "low", "high"))
        lists = zip(*(row.get(field) or [] for field in ("n_values", "shift", "value_lost")))
        known = sorted(point for point in lists if all(number(v) is not None for v in point))
        columns = zip(*known) if known else ((), (), ())
        n, shift, lost = (tuple(map(float, column)) for column in columns)
        made.append(Rule(str(row["rule"]), middle, low, high, n, shift, lost))
    return made


def _exponents(ax: Axes, rules: Sequence[Rule]) -> None:
    """One line a rule: exponent of the variance with its interval; green where it is bounded."""
    ends = [v for rule in rules for v in (rule.exponent, rule.low, rule.high) if v is not None]
    low, high = min([-0.1, *ends]), max([1.1, *ends])
    ax.set_xlim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    ax.axvspan(ax.get_xlim()[0], BOUNDED, color=GOOD, alpha=0.12, lw=0, zorder=0)
    ax.axvline(1.0, color=MUTED, lw=0.9, ls=":", zorder=1)
    for k, rule in enumerate(rules):
        y = len(rules) - 1 - k
        if rule.exponent is None:
            continue
        if rule.low is not None and rule.high is not None:
            ax.plot([rule.low, rule.high], [y, y], color=rule.color, lw=2.2, zorder=3, solid_capstyle="butt")
        ax.plot([rule.exponent], [y], ls="none", marker="o", ms=7, color=rule.color, mec="white", mew=0.6, zorder=4)
    ax.set_yticks(range(len(rules)), [rule.name for rule in reversed(rules)])
    ax.set_ylim(-0.6, len(rules) - 0.4)
    quiet(ax)
    ax.grid(False)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("exponent of V in N")


def _over_n(ax: Axes, rules: Sequence[Rule], field: str) -> None:
    ns = [n for rule in rules for n in rule.n]
    n_axis(ax, ns)
    values = [v for rule in rules for v in getattr(rule, field)]
    if field == "shift":
        ax.set_ylim(-0.03, max([1.0, *values]) * 1.05)
    else:
        log_y(ax, *limits(values, least_decades=1.0))
    floor, ends = ax.get_ylim()[0], []
    for rule in rules:
        y = np.maximum(getattr(rule, field), floor) if field != "shift" else np.array(getattr(rule, field))
        if not len(y):
            continue
        (line,) = ax.plot(rule.n, y, color=rule.color, marker="o", ms=5, mec="white", mew=0.5, lw=1.4, zorder=3)
        line.set_gid("replicates")
        ends.append(EndLabel(rule.n[-1], float(y[-1]), rule.name, "", rule.color))
    quiet(ax)
    label_ends(ax, ends, size=8.6)


def draw_tradeoff(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Exponent of the variance, share of the way to the optimum of G and value lost, one row of panels a system.

    tables["tradeoff"]: one record a system and rule, with lists over n_values. Raises NothingToDraw.
    """
    table = tables.get("tradeoff", ())
    every = {s: tradeoff_rules([r for r in table if tradeoff_system(r) == s]) for s in map(tradeoff_system, table)}
    systems = [system for system, rules in every.items() if any(rule.n for rule in rules)]
    need(systems, "tradeoff", "rule with its points over N")
    found = [every[system] for system in systems]
    caption = (
        "Left: exponent of the variance of J_\u03b1's gradient in N with its interval; green: bounded (at most "
        "0.15), dotted: growth like N. Middle: how far the optimum (team) or the equilibrium followed by best "
        "replies (game) has gone from that of J (0) to that of G (1). \u03b1*: the least noisy mixture. 0.9 \u2192 "
        "0.2: variance averaged over start, middle and end, the rest at its end. Right: value lost in J, divided by "
        f"N; losses of 0 and gains are drawn on the lower edge. Points are means over fleets. {dispute}"
    )
    with styled():
        fig, axes = panels(
            len(systems), 3, title=_title(found[0]), caption=caption, height=2.3, gap=(1.25, 0.95), detailed=True,
            subtitle="A rule that keeps the variance bounded for every N gives the return up, and moves the "
            "equilibrium to that of the guidance.", label_room=0.7, width=13.0,
        )  # fmt: skip
        for line, system, rules in zip(axes, systems, found):
            box = line[0].get_position()
            line[0].set_position((box.x0 + 0.075, box.y0, box.width - 0.02, box.height))
            name = SYSTEMS.get(system) or (system_name(system) if system else "")
            _exponents(line[0], rules)
            _over_n(line[1], rules, "shift")
            _over_n(line[2], rules, "lost")
            for ax, text in zip(line, ("noise", "way to the optimum of G", "value lost, per agent")):
                detail(ax, name if ax is line[0] else "", text)
    return fig


def _title(rules: Sequence[Rule]) -> str:
    """Of the rules that bound the variance the one that moves least; of all the one that moves least."""
    known = [rule for rule in rules if rule.n and rule.exponent is not None]
    bounded = [rule for rule in known if (rule.high if rule.high is not None else rule.exponent or 0.0) <= BOUNDED]
    if not known:
        return "What a rule for \u03b1 costs in the equilibrium"
    still = min(known, key=lambda rule: rule.shift[-1])
    share = f"{100 * still.shift[-1]:.0f}\u00a0%"
    said = f"{still.name} moves it {share} of the way, with V growing like N^{still.exponent:.2f}"
    if not bounded:
        return f"No rule tried bounds the variance; {said}"
    least = min(bounded, key=lambda rule: rule.shift[-1])
    return (
        f"Bounded variance takes the optimum at least {100 * least.shift[-1]:.0f}\u00a0% of the way to that of G "
        f"({least.name}, N\u00a0=\u00a0{least.n[-1]:g}); {said}"
    )
