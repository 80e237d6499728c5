"""Figure: how much of an agent's gradient variance comes from the other agents' random choices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import dodge, n_axis, quiet, rule
from dgpg_verify.reporting.drawing.captions import fleets_text, left_out
from dgpg_verify.reporting.drawing.look import BAD, GOOD, credit_look
from dgpg_verify.reporting.drawing.marks import bars, dots, joined
from dgpg_verify.reporting.frame import Frame, Frames, at, known, mean, need, over_n, per_agent, places, unique, where
from dgpg_verify.reporting.noise.credits import credit_keys, headline_credits, place_grid, titled

EDGE = 5e-4  # shares closer than this to 0 or 1 are drawn on the edge
SUPPORT, REFUTE = 0.01, 0.05  # supported: upper end at most the first; refuted: lower end above the second
TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999)


def _title(rows: Frame) -> str:
    last = rows["n"].max()
    points = {name: over_n(where(mine, n=last), "share", mean) for name, mine in titled(rows)}
    shares = [f"{_percent(p['value'].iloc[0])} with {name}" for name, p in points.items() if len(p)]
    if not shares:
        return "Share of the gradient's noise that comes from the other agents' choices"
    return f"Share of the noise that the others' choices make at N\u00a0=\u00a0{last:g}: {', '.join(shares)}"


def _percent(share: float) -> str:
    """Two figures of whatever is smaller, the share or its rest: 0.41 %, 36 %, 99.953 %."""
    rest = min(share, 1.0 - share)
    digits = 1 if rest <= 0 else max(0, 1 - math.floor(math.log10(100 * rest)))
    return f"{100 * share:.{min(digits, 4)}f}\u00a0%"


def _panel(ax: Axes, rows: Frame, credits: Sequence[str]) -> None:
    """Every fleet as a dot with its interval, means over fleets joined, the thresholds that decide."""
    n_axis(ax, rows["n"])
    ax.set_yscale("logit")
    ax.set_ylim(EDGE, 1 - EDGE)
    ax.set_yticks(TICKS, [f"{100 * t:g}\u00a0%" for t in TICKS])
    ax.set_yticks([], minor=True)
    ax.axhspan(EDGE, SUPPORT, color=GOOD, alpha=0.10, lw=0, zorder=0)
    rule(ax, SUPPORT, color=GOOD, lw=1.1)
    rule(ax, REFUTE, color=BAD, lw=1.1)
    for k, credit in enumerate(credits):
        look, shift, mine = credit_look(credit), dodge(ax, k, len(credits)), where(rows, credit=credit)
        value, low, high = (mine[c].clip(EDGE, 1 - EDGE) for c in ("share", "share_low", "share_high"))
        bars(ax, mine["n"] * shift, low, high, look, lw=0.9, alpha=0.3, zorder=2)
        dots(ax, mine["n"] * shift, value, look, clip_on=False)
        points = over_n(mine, "share", mean)
        joined(ax, points["n"] * shift, np.clip(points["value"], EDGE, 1 - EDGE), look, clip_on=False)
    quiet(ax)


def draw_cross_agent(frames: Frames) -> Figure:
    """Cross-agent share against N per credit, every fleet with its interval, with the thresholds that decide.

    Table `cross_agent`; logit axis, so that both 1 % and 99.9 % can be read. Raises NothingToDraw.
    """
    rows = need(known(per_agent(frames["cross_agent"]), "share"), "cross_agent", "share")
    credits = headline_credits(rows)
    drawn = where(rows, credit=credits)
    first = places(drawn)[0]
    fig, axes = place_grid(
        drawn,
        title=_title(at(drawn, first)),
        subtitle="A noise-free gradient would lie in the green band.",
        caption=f"{fleets_text(drawn)}; dots with thin bars are fleets with their intervals, large marks means. "
        "Share = E tr Cov(gradient given own and environment's random streams) / V. Dashed: 'noise-free' is supported "
        "when the interval's upper end is at most 1\u00a0%, refuted when its lower end is above 5\u00a0%. Shares "
        f"within 0.05\u00a0% of an end are drawn on the edge.{left_out(sorted(unique(rows, 'credit')), credits)}",
        keys=credit_keys(credits),
    )
    for place, ax in axes.items():
        _panel(ax, at(drawn, place), credits)
    axes[first].set_ylabel("share of the variance (logit axis)")
    return fig
