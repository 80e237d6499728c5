"""Figure: where a biased method comes to rest, as a share of the gap it started from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import log_x, power_text, quiet, rule
from dgpg_verify.reporting.drawing.look import BAD, MUTED, Look, shades
from dgpg_verify.reporting.drawing.marks import bars, dots, key
from dgpg_verify.reporting.drawing.sheet import grid, indent
from dgpg_verify.reporting.frame import Frame, Frames, known, need, where
from dgpg_verify.reporting.samples import names
from dgpg_verify.reporting.samples.aggregate import at_rest, largest_floors
from dgpg_verify.reporting.wording import number_text

LOWEST = 1e-6  # smaller floors are rounding or far below every eps: drawn on the left edge
HIGHEST = 3.0
SMALLEST_EPS = 1.0 / 300.0  # of what C3 asks for
ROOM = 3.0  # only eps above this many floors enter a fit
MOST_SIZES = 7
GAME, LEADING = "game/fluid", [f"{setting}:published" for setting in ("mixed", "parts", "both")]
CAPTION = (
    "Floor: exact per-agent gap in J where the noise-free run of a method comes to rest, as a share of the gap it "
    "starts from; median over fleets, bars: spread over fleets. Red: floors at which the smallest \u03b5 (first "
    f"gap / 300) can no longer be asked, as only \u03b5 above {ROOM:g} floors are. Schedules stand at their last "
    f"\u03b1. Floors below {power_text(-6)} are drawn on the left edge."
)


def draw_complexity_floors(frames: Frames) -> Figure:
    """Floor over the first gap by alpha (rules below): a panel per system, a shade per N."""
    rows = known(frames["complexity_floors"], "floor", "n_agents")
    rows = need(rows, "complexity_floors", "floor").assign(moving=rows["settled"].map(at_rest).eq(False))
    rows = where(rows, n_agents=_sizes(rows))
    systems, order, colors = (
        names.systems_in(rows),
        sorted(names.methods_in(rows), key=_place),
        shades(rows["n_agents"]),
    )
    keys = [key(f"N = {n:g}", Look(color), lw=1.3, mec=color) for n, color in colors.items()]
    if rows["moving"].any():
        keys.append(key("still moving", Look(MUTED), ls="none", mfc="white", mec=MUTED))
    fig, axes = grid(
        systems, most=4 if len(systems) <= 4 else 3, title=_title(rows), caption=CAPTION, keys=keys,
        subtitle="A method that follows J_\u03b1 = (1 \u2212 \u03b1) J \u2212 \u03b1 G stops at the optimum of "
        "J_\u03b1. What is then left of the gap in J cannot be bought with samples.", gap=(0.35, 1.15),
        height=0.32 * len(order) + 0.3, width=13.0 if len(systems) > 1 else 7.5,
    )  # fmt: skip
    indent(fig, np.array(list(axes.values())), 1.95)
    left = min(ax.get_position().x0 for ax in axes.values())
    for system, ax in axes.items():
        _axis(ax, order)
        _floors(ax, where(rows, system=system), order, colors)
        ax.set_title(names.system_lines(system), fontsize=9.8)
        if ax.get_position().x0 > left + 1e-6:
            ax.set_yticklabels([])
    return fig


def _place(method: str) -> float:
    """Fixed alphas ascending, then the rules and other credits."""
    alpha = names.alpha_of(method)
    return math.inf if alpha is None else alpha


def _axis(ax: Axes, order: Sequence[str]) -> None:
    """Methods from top to bottom, the floor to the right; red: what the smallest eps cannot bear."""
    log_x(ax, LOWEST * 0.6, HIGHEST)
    ax.set_ylim(len(order) - 0.4, -0.6)
    alphas = {method: f" (\u03b1 = {alpha:g})" for method, alpha in names.FIXED.items()}
    ax.set_yticks(range(len(order)), [names.method(method) + alphas.get(method, "") for method in order])
    ax.axvspan(SMALLEST_EPS / ROOM, HIGHEST, color=BAD, alpha=0.08, lw=0, zorder=0)
    rule(ax, x=SMALLEST_EPS / ROOM, color=BAD, lw=0.9, ls=(0, (5, 2)))
    fixed = sum(_place(method) < math.inf for method in order)
    if 0 < fixed < len(order):
        rule(ax, fixed - 0.5, lw=0.7, ls=":")
    quiet(ax, lines=False)
    ax.set_xlabel("floor / first gap")


def _floors(ax: Axes, rows: Frame, order: Sequence[str], colors: dict[float, str]) -> None:
    """Median floor with its spread over fleets, one shade per N, small N above; hollow where a run still moves."""
    places = {method: k for k, method in enumerate(order)}
    for k, (n, color) in enumerate(colors.items()):
        at_n = where(rows, n_agents=n)
        y = at_n["method"].map(places) + 0.62 * ((k + 0.5) / len(colors) - 0.5)
        wide = at_n["high"] > LOWEST
        bars(ax, y[wide], at_n["low"][wide].clip(lower=LOWEST), at_n["high"][wide], Look(color), across=True, lw=1.3,
             alpha=0.6, zorder=3)  # fmt: skip
        for chosen, face in ((~at_n["moving"], color), (at_n["moving"], "white")):
            dots(ax, at_n["floor"][chosen].clip(lower=LOWEST), y[chosen], Look(color), s=22, alpha=1.0, color=face,
                 edgecolors=color, linewidths=0.9, zorder=4)  # fmt: skip


def _sizes(rows: Frame) -> list[float]:
    """At most MOST_SIZES N: those that most systems have, of these the largest."""
    systems = rows.groupby("n_agents")["system"].nunique()
    return sorted(sorted(systems.index, key=lambda n: (-systems[n], -n))[:MOST_SIZES])


def _title(rows: Frame) -> str:
    """Median floors at the largest N: of the leading readings with the reference that the game has; where they were not
    measured, of the published schedule (else of the largest one) in each system."""
    led = where(rows, system=GAME, method=LEADING)
    if len(led):
        last = where(led, n_agents=led["n_agents"].max()).set_index("method")["floor"]
        shares = [f"{_share(last[method])} ({method.partition(':')[0]})" for method in LEADING if method in last]
        said = f"With its own reference DG-PG cannot close {', '.join(shares)} of the game's first gap"
        return f"{said} (N = {led['n_agents'].max():g})"
    largest = largest_floors(rows).set_index("system")
    shares = []
    for system in names.systems_in(largest.reset_index()):
        shares.append(f"{_share(largest.loc[system, 'floor'])} ({names.system(system)})")
    return f"Share of the first gap that {names.method(largest['method'].iloc[0])} cannot close: {', '.join(shares)}"


def _share(floor: float) -> str:
    return "nothing" if floor < LOWEST else f"{number_text(100.0 * floor, 2)}\u00a0%"
