"""Figure: where a biased method comes to rest, as a share of the gap it started from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import BAD, MUTED, panels, power_text, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.samples.parts import (
    at_rest,
    complexity_method,
    complexity_system,
    indent,
    log_x,
    methods_in,
    shades,
    systems_in,
)
from dgpg_verify.reporting.wording import number_text

LOWEST = 1e-6  # smaller floors are rounding or far below every eps: drawn on the left edge
SMALLEST_EPS = 1.0 / 300.0  # of what C3 asks for
ROOM = 3.0  # only eps above this many floors are asked for
MOST_COLUMNS = 4
FIXED = {"return": 0.0, "guidance": 1.0}


def alpha_of(method: str) -> float | None:
    """The alpha of a method that keeps one; None for schedules and other credits."""
    if method in FIXED:
        return FIXED[method]
    kind, _, argument = method.partition(":")
    try:
        return float(argument) if kind == "guided" and "@" not in method else None
    except ValueError:
        return None


def _order(methods: Sequence[str]) -> list[str]:
    """Fixed alphas ascending, then the rules and other credits."""
    fixed = sorted((m for m in methods if alpha_of(m) is not None), key=lambda m: alpha_of(m) or 0.0)
    return [*fixed, *(m for m in methods if alpha_of(m) is None)]


def _name(method: str) -> str:
    alpha = {"return": " (\u03b1 = 0)", "guidance": " (\u03b1 = 1)"}.get(method, "")
    return complexity_method(method) + alpha


def _axis(ax: Axes, order: Sequence[str]) -> None:
    """Methods from top to bottom, the floor to the right; red: what the smallest eps cannot bear."""
    log_x(ax, LOWEST * 0.6, 3.0)
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.set_yticks(range(len(order)), [_name(method) for method in order])
    low = SMALLEST_EPS / ROOM
    ax.axvspan(low, 3.0, color=BAD, alpha=0.08, lw=0, zorder=0)
    ax.axvline(low, color=BAD, lw=0.9, ls=(0, (5, 2)), zorder=1)
    fixed = sum(alpha_of(method) is not None for method in order)
    if 0 < fixed < len(order):
        ax.axhline(fixed - 0.5, color=MUTED, lw=0.7, ls=":")
    quiet(ax)
    ax.grid(False)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("floor / first gap")


def _panel(ax: Axes, rows: Sequence[Record], order: Sequence[str], colors: dict[float, str]) -> None:
    """Median floor with its spread over fleets, one shade an N, small N above."""
    _axis(ax, order)
    for k, (n, color) in enumerate(colors.items()):
        mine = [row for row in rows if float(row["n_agents"]) == n]
        shift = 0.62 * ((k + 0.5) / len(colors) - 0.5)
        y = np.array([order.index(str(row["method"])) + shift for row in mine])
        x = np.maximum([float(row["floor"]) for row in mine], LOWEST)
        for place, row in zip(y, mine):
            low, high = number(row.get("low")), number(row.get("high"))
            if low is not None and high is not None and high > LOWEST:
                ax.plot([max(low, LOWEST), high], [place, place], color=color, lw=1.3, alpha=0.6, zorder=3)
        for settled in (True, False):
            at = np.array([(at_rest(row) is not False) == settled for row in mine], dtype=bool)
            if at.any():
                dots = ax.scatter(x[at], y[at], s=22, color=color if settled else "white", edgecolors=color,
                                  linewidths=0.9, zorder=4)  # fmt: skip
                dots.set_gid("replicates")


def draw_complexity_floors(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Floor over the first gap by alpha (rules below), a panel a system, one shade an N.

    tables["complexity_floors"]. Raises NothingToDraw.
    """
    table = tables.get("complexity_floors", ())
    rows = [r for r in table if number(r.get("floor")) is not None and number(r.get("n_agents"))]
    need(rows, "complexity_floors", "floor")
    systems, order = systems_in(rows), _order(methods_in(rows))
    colors = shades(sorted({float(row["n_agents"]) for row in rows}))
    cols = len(systems) if len(systems) <= MOST_COLUMNS else 3
    lines = -(-len(systems) // cols)
    keys = [(Line2D([], [], color=c, marker="o", ms=6.5, lw=1.3, mec=c), f"N = {n:g}") for n, c in colors.items()]
    if any(at_rest(row) is False for row in rows):
        keys.append((Line2D([], [], ls="none", marker="o", ms=6, mfc="white", mec=MUTED), "still moving"))
    caption = (
        "Floor: exact per-agent gap in J where the noise-free run of a method comes to rest, as a share of the gap it "
        "starts from; median over fleets, bars: spread over fleets. Red: floors at which the smallest \u03b5 (first "
        f"gap / 300) can no longer be asked, as only \u03b5 above {ROOM:g} floors are. Schedules stand at their last "
        f"\u03b1. Floors below {power_text(-6)} are drawn on the left edge. {dispute}"
    )
    with styled():
        fig, axes = panels(
            lines, cols, title=_title(rows, systems), caption=caption, keys=keys, height=0.32 * len(order) + 0.3,
            subtitle="A method that follows J_\u03b1 = (1 \u2212 \u03b1) J \u2212 \u03b1 G stops at the optimum of "
            "J_\u03b1. What is then left of the gap in J cannot be bought with samples.", gap=(0.35, 1.15),
            detailed=True, width=13.0 if cols > 1 else 7.5,
        )  # fmt: skip
        indent(fig, axes, 1.95)
        for k, ax in enumerate(ax for line in axes for ax in line):
            if k >= len(systems):
                ax.remove()
                continue
            _panel(ax, [row for row in rows if row["system"] == systems[k]], order, colors)
            ax.set_title(complexity_system(systems[k]).replace(", ", ",\n"), fontsize=9.8)
            if k % cols:
                ax.set_yticklabels([])
    return fig


def _title(rows: Sequence[Record], systems: Sequence[str]) -> str:
    """Median floor of the published schedule (else of the largest one) in each system, at the largest N."""
    methods = [str(row["method"]) for row in rows]
    method = "guided:published" if "guided:published" in methods else _worst(rows)
    said = []
    for system in systems:
        mine = [row for row in rows if (row["system"], row["method"]) == (system, method)]
        if mine:
            row = max(mine, key=lambda row: float(row["n_agents"]))
            said.append(f"{_share(row['floor'])} ({complexity_system(system)})")
    return f"Share of the first gap that {complexity_method(method)} cannot close: {', '.join(said)}"


def _worst(rows: Sequence[Record]) -> str:
    return str(max(rows, key=lambda row: float(row["floor"]))["method"])


def _share(floor: float) -> str:
    return "nothing" if floor < LOWEST else f"{number_text(100.0 * float(floor), 2)}\u00a0%"
