"""Figures of the credits' noise against N: variance, paired ratio, efficiency, and the other agents' share of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import dodge, limits, log_y, n_axis, quiet, rule
from dgpg_verify.reporting.drawing.captions import fleets_text, left_out
from dgpg_verify.reporting.drawing.look import BAD, GOOD, credit_look
from dgpg_verify.reporting.drawing.marks import dots, joined, label_ends
from dgpg_verify.reporting.drawing.sheet import panels
from dgpg_verify.reporting.frame import (
    Frame,
    Frames,
    Place,
    geometric_mean,
    in_primary_setting,
    known,
    need,
    per_agent,
    positive,
    shared,
    telling_places,
    where,
)
from dgpg_verify.reporting.noise.credits import (
    at_any,
    by_place,
    compared,
    draw_credits,
    headline_credits,
    of_place,
    slope_text,
)
from dgpg_verify.reporting.wording import count_text

VARIANCES = {"noise_to_signal": "noise-to-signal, pooled", "variance": "variance V, pooled over agents"}
TOP = 1.25  # upper end of the axis of efficiency: the exact gradient has 1, an estimate may lie above
EDGE = 5e-4  # shares closer than this to 0 or 1 are drawn on the edge
SUPPORT, REFUTE = 0.01, 0.05  # supported: upper end at most the first; refuted: lower end above the second
TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999)


def draw_variance(frames: Frames, place: Place) -> Figure:
    """Noise-to-signal (above), which the title is about, and variance (below) against N, log-log, per agent and beside
    it with shared parameters.

    Every fleet, interval and slope. Tables `moments` and `fits`. Raises NothingToDraw.
    """
    rows = in_primary_setting(of_place(frames["moments"], "moments", place))
    parts = {"own parameters, per agent": per_agent(rows), "shared parameters, update applied": shared(rows)}
    parts = {name: part for name, part in parts.items() if not part.empty}
    drawn = need(pd.concat([rows.iloc[:0], *parts.values()]), "moments", f"row for {place.title}")
    credits, first = headline_credits(drawn), next(iter(parts.values()))
    slopes = compared(first, slope_text(frames["fits"], "noise_to_signal"))
    beside = len(parts) == 1  # without shared rows the two statistics stand side by side
    fig, axes = panels(
        1 if beside else 2,
        2,
        title=f"Noise-to-signal per agent: {slopes}" if slopes else "Gradient noise against the number of agents",
        subtitle=f"{place.title}. A straight line is a power of N: slope 1 is proportional to N, "
        "slope 0 independent of it.",
        caption=f"{fleets_text(first)}; every small mark is one fleet, large marks are geometric means with 95 % "
        "intervals over fleets. Shaded N decide: thick line and fan are the deciding slope and its interval."
        f"{left_out(sorted(set(drawn['credit'])), credits)}",
        label_room=1.8,
        gap=(0.85, 0.6),
    )
    for line, (name, part) in zip(axes.T if not beside else axes, parts.items()):
        for ax, (column, label) in zip(line, VARIANCES.items()):
            _credits_panel(ax, frames["fits"], part, column, credits)
            ax.set_ylabel(label)
            ax.set_title(name if beside or ax is line[0] else "")
    return fig


def _credits_panel(ax: Axes, fits: Frame, rows: Frame, column: str, credits: Sequence[str]) -> None:
    """`column` of all credits against N, log-log, with slopes at the lines' ends."""
    n_axis(ax, rows["n"])
    log_y(ax, *limits(positive(rows, column)))
    label_ends(ax, draw_credits(ax, fits, rows, column, credits))
    quiet(ax)


def draw_paired_ratio(frames: Frames) -> Figure:
    """Variance relative to the exact difference reward on the same fleet, against N, log-log, with slopes.

    Every fleet; one panel per system, graph and policy. Tables `moments` and `fits`. Raises NothingToDraw.
    """
    rows = known(in_primary_setting(per_agent(frames["moments"])), "paired_ratio")
    rows = need(rows[rows["credit"] != "difference"], "moments", "paired ratio")
    credits = headline_credits(rows)

    def draw(ax: Axes, same: Frame) -> None:
        _credits_panel(ax, frames["fits"], same, "paired_ratio", credits)
        rule(ax, 1.0, ls=":")
        ax.set_ylabel("paired ratio")

    return by_place(
        rows,
        credits,
        draw,
        slope_text(frames["fits"], "paired_ratio"),
        title="Noise relative to the exact difference reward: {compared}",
        plain_title="Noise relative to the exact difference reward, against N",
        subtitle="V(credit) / V(exact difference reward), both summed over agents.",
        caption="every small mark is one fleet measured with both credits, so that its heavy tails cancel; "
        "large marks are geometric means with 95 % intervals, thick lines the deciding slopes on the shaded N. "
        "Dotted: as noisy as the difference reward.",
        legend=False,
        most=2,
        label_room=1.8,
        height=2.15,
    )


def draw_efficiency(frames: Frames) -> Figure:
    """Efficiency against N, log-log, every fleet: guaranteed progress of the best step relative to the exact gradient.

    Table `moments`. Raises NothingToDraw.
    """
    rows = known(in_primary_setting(per_agent(frames["moments"])), "efficiency")
    need(rows, "moments", "efficiency (it needs the exact gradient)")
    credits = headline_credits(rows)
    drawn = where(rows, credit=credits)
    drawn = at_any(drawn, telling_places(drawn))
    low, _ = limits(positive(drawn, "efficiency"))

    def draw(ax: Axes, same: Frame) -> None:
        n_axis(ax, same["n"])
        log_y(ax, low, TOP)
        draw_credits(ax, frames["fits"], same, "efficiency", credits)
        quiet(ax)
        ax.set_ylabel("efficiency")

    return by_place(
        rows,
        credits,
        draw,
        _efficiency_text,
        title="At N\u00a0=\u00a0{last:g} one roll-out buys of the progress of an exact step: {compared}",
        plain_title="Efficiency of one roll-out's gradient against the number of agents",
        subtitle="Own parameters per agent, agents stacked; both axes logarithmic.",
        caption="small marks are fleets, large marks geometric means with 95 % intervals. Efficiency = "
        "max(0, <mean gradient, exact gradient>)\u00b2 / (|exact gradient|\u00b2 \u00d7 mean squared length): counts "
        f"bias and noise, 1 is the exact gradient.{_beyond(drawn['efficiency'])}",
    )


def _efficiency_text(name: str, rows: Frame) -> str:
    share, *_ = geometric_mean(rows["efficiency"].to_numpy(dtype=float))
    return "" if np.isnan(share) or share <= 0 else f"1 part in {count_text(max(1.0 / share, 1.0))} with {name}"


def _beyond(efficiency: pd.Series) -> str:
    """Says how many fleets lie beyond the axis."""
    zeros, above = int((efficiency == 0).sum()), int((efficiency > TOP).sum())
    edges = [f"{zeros} fleets with efficiency 0 on the lower edge"] if zeros else []
    edges += [f"{above} above {TOP:g} on the upper edge"] if above else []
    return f" Hollow triangles: {', '.join(edges)}." if edges else ""


def draw_cross_agent(frames: Frames) -> Figure:
    """Cross-agent share against N per credit, every fleet and the means, with the thresholds that decide.

    How much of an agent's gradient variance comes from the other agents' random choices. Table `cross_agent`; logit
    axis, so that both 1 % and 99.9 % can be read. Raises NothingToDraw.
    """
    rows = need(known(per_agent(frames["cross_agent"]), "share"), "cross_agent", "share")
    credits = headline_credits(rows)
    fig = by_place(
        rows,
        credits,
        lambda ax, same: _share_panel(ax, same, credits),
        lambda name, same: f"{_percent(same['share'].mean())} with {name}",
        title="Share of the noise that the others' choices make at N\u00a0=\u00a0{last:g}: {compared}",
        plain_title="Share of the gradient's noise that comes from the other agents' choices",
        subtitle="A noise-free gradient would lie in the green band.",
        caption="dots are fleets, large marks means. Share = E tr "
        "Cov(gradient given own and environment's random streams) / V. Dashed: 'noise-free' is supported when the "
        "interval's upper end is at most 1\u00a0%, refuted when its lower end is above 5\u00a0%. Shares within "
        "0.05\u00a0% of an end are drawn on the edge.",
    )
    fig.axes[0].set_ylabel("share of the variance (logit axis)")
    return fig


def _share_panel(ax: Axes, rows: Frame, credits: Sequence[str]) -> None:
    """Every fleet as a dot, means over fleets joined, the thresholds that decide."""
    n_axis(ax, rows["n"])
    ax.set_yscale("logit")
    ax.set_ylim(EDGE, 1 - EDGE)
    ax.set_yticks(TICKS, [f"{100 * t:g}\u00a0%" for t in TICKS])
    ax.axhspan(EDGE, SUPPORT, color=GOOD, alpha=0.10, lw=0, zorder=0)
    rule(ax, SUPPORT, color=GOOD, lw=1.1)
    rule(ax, REFUTE, color=BAD, lw=1.1)
    for k, credit in enumerate(credits):
        look, shift, same = credit_look(credit), dodge(ax, k, len(credits)), where(rows, credit=credit)
        dots(ax, same["n"] * shift, same["share"].clip(EDGE, 1 - EDGE), look, clip_on=False)
        means = same.groupby("n")["share"].mean()
        joined(ax, means.index * shift, means.clip(EDGE, 1 - EDGE), look, clip_on=False)
    quiet(ax)


def _percent(share: float) -> str:
    """Two figures of whatever is smaller, the share or its rest: 0.41 %, 36 %, 99.953 %."""
    rest = min(share, 1.0 - share)
    digits = 1 if rest <= 0 else max(0, 1 - math.floor(math.log10(100 * rest)))
    return f"{100 * share:.{min(digits, 4)}f}\u00a0%"
