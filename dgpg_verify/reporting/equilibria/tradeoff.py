"""Figure: what a rule for alpha(N) buys in variance, and what it costs in the equilibrium."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import limits, log_y, n_axis, quiet, rule
from dgpg_verify.reporting.drawing.look import GOOD, Look, alpha_color, alpha_value
from dgpg_verify.reporting.drawing.marks import EndLabel, bars, dots, joined, label_ends
from dgpg_verify.reporting.drawing.sheet import detail, panels
from dgpg_verify.reporting.equilibria.aggregate import BOUNDED, rule_points, rules
from dgpg_verify.reporting.equilibria.laws import kind_name
from dgpg_verify.reporting.frame import Frame, Frames, known, need, positive, unique, where
from dgpg_verify.reporting.wording import WORDS

COLORS = {"n^-0.5": "#009e73", "alpha*": "#1b3a5c", "0.9->0.2": "#7f7f7f"}
CAPTION = (
    "Left: exponent of the variance of J_\u03b1's gradient in N with its interval; green: bounded (at most "
    "0.15), dotted: growth like N. Middle: how far the optimum (team) or the equilibrium followed by best "
    "replies (game) has gone from that of J (0) to that of G (1). \u03b1*: the least noisy mixture. 0.9 \u2192 "
    "0.2: variance averaged over start, middle and end, the rest at its end. Right: value lost in J, divided by "
    "N; losses of 0 and gains are drawn on the lower edge. Points are means over fleets."
)


def rule_name(name: str) -> str:
    """A rule for alpha(N) in words."""
    return WORDS["rules"].get(name, f"\u03b1 = {name}")


def draw_tradeoff(frames: Frames) -> Figure:
    """Exponent of the variance, share of the way to the optimum of G and value lost: a row of panels per system."""
    table = frames["tradeoff"]
    points = need(rule_points(table), "tradeoff", "rule with its points over N")
    systems = [system for system in unique(table, "system") if system in set(points["system"])]
    fig, axes = panels(
        len(systems), 3, title=_title(where(rules(table), system=systems[0])), caption=CAPTION, height=2.3,
        subtitle="A rule that keeps the variance bounded for every N gives the return up, and moves the "
        "equilibrium to that of the guidance.", gap=(1.25, 0.95), detailed=True, label_room=0.7, width=13.0,
    )  # fmt: skip
    for (noise, way, value), system in zip(axes, systems):
        box = noise.get_position()
        noise.set_position((box.x0 + 0.075, box.y0, box.width - 0.02, box.height))
        _exponents(noise, where(rules(table), system=system))
        _over_n(way, where(points, system=system), "shift")
        _over_n(value, where(points, system=system), "lost")
        detail(noise, kind_name(system), "noise")
        detail(way, "", "way to the optimum of G")
        detail(value, "", "value lost, per agent")
    return fig


def _look(name: str) -> Look:
    return Look(COLORS.get(name) or alpha_color(alpha_value(name)))


def _exponents(ax: Axes, rule_rows: Frame) -> None:
    """One line per rule: exponent of the variance with its interval; green where it is bounded."""
    ends = rule_rows[["exponent", "low", "high"]].to_numpy()
    low, high = np.nanmin(ends, initial=-0.1), np.nanmax(ends, initial=1.1)
    room = 0.06 * (high - low)
    ax.set_xlim(low - room, high + room)
    ax.set_ylim(len(rule_rows) - 0.4, -0.6)
    ax.axvspan(low - room, BOUNDED, color=GOOD, alpha=0.12, lw=0, zorder=0)
    rule(ax, x=1.0, lw=0.9, ls=":")
    for y, row in enumerate(rule_rows.itertuples()):
        bars(ax, y, row.low, row.high, _look(row.rule), across=True, lw=2.2, zorder=3)
        dots(ax, row.exponent, y, _look(row.rule), s=49, alpha=1.0, edgecolors="white", linewidths=0.6, zorder=4)
    ax.set_yticks(range(len(rule_rows)), [rule_name(name) for name in rule_rows["rule"]])
    quiet(ax, lines=False)
    ax.set_xlabel("exponent of V in N")


def _over_n(ax: Axes, points: Frame, field: str) -> None:
    """A line per rule with its name at the end; on the logarithmic axis of `lost` what is not positive at the edge."""
    n_axis(ax, points["n"])
    if field == "shift":
        ax.set_ylim(-0.03, max(1.0, points[field].max()) * 1.05)
    else:
        log_y(ax, *limits(positive(points, field), least_decades=1.0))
    floor = -np.inf if field == "shift" else ax.get_ylim()[0]
    ends = []
    for name in unique(points, "rule"):
        curve, style = where(points, rule=name), _look(name)
        y = curve[field].clip(lower=floor)
        joined(ax, curve["n"], y, style, ms=5, lw=1.4, zorder=3, gid="replicates")
        ends.append(EndLabel(curve["n"].iloc[-1], y.iloc[-1], rule_name(name), "", style.color))
    quiet(ax)
    label_ends(ax, ends, size=8.6)


def _title(rule_rows: Frame) -> str:
    """The rule that moves the optimum least: among those that bound the variance, and among all."""
    moved = known(rule_rows, "exponent", "last_shift").sort_values("last_shift", kind="stable")
    if moved.empty:
        return "What a rule for \u03b1 costs in the equilibrium"
    still, bounded = moved.iloc[0], moved[moved["bounded"]]
    least = (
        f"{rule_name(still['rule'])} moves it {100 * still['last_shift']:.0f}\u00a0% of the way, with V growing like "
        f"N^{still['exponent']:.2f}"
    )
    if bounded.empty:
        return f"No rule tried bounds the variance; {least}"
    best = bounded.iloc[0]
    return (
        f"Bounded variance takes the optimum at least {100 * best['last_shift']:.0f}\u00a0% of the way to that of G "
        f"({rule_name(best['rule'])}, N\u00a0=\u00a0{best['last_n']:g}); {least}"
    )
