"""Figure: how much of an agent's gradient variance comes from the other agents' random choices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.grid import credit_keys, grid
from dgpg_verify.reporting.drawing.lines import headline_credits, not_drawn
from dgpg_verify.reporting.drawing.select import Group, by_n, fleets_text, groups, need, number, pick
from dgpg_verify.reporting.drawing.style import BAD, GOOD, credit_style, dodge, n_axis, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import credit_name

EDGE = 5e-4  # shares closer than this to 0 or 1 are drawn on the edge
SUPPORT, REFUTE = 0.01, 0.05  # supported: upper end at most the first; refuted: lower end above the second
TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999)


def _title(rows: Sequence[Record]) -> str:
    last = max(row["n"] for row in rows)
    said = []
    for names in (("return", "return:centred"), ("guidance", "guidance:chain_rule")):
        values = by_n([row for row in rows if row["credit"] in names], "share").get(float(last), [])
        if values:
            said.append(f"{_percent(float(np.mean(values)))} with {credit_name(names[0])}")
    if not said:
        return "Share of the gradient's noise that comes from the other agents' choices"
    return f"Share of the noise that the others' choices make at N\u00a0=\u00a0{last:g}: {', '.join(said)}"


def _percent(share: float) -> str:
    """Two figures of whatever is smaller, the share or its rest: 0.41 %, 36 %, 99.953 %."""
    rest = min(share, 1.0 - share)
    digits = 1 if rest <= 0 else max(0, 1 - math.floor(math.log10(100 * rest)))
    return f"{100 * share:.{min(digits, 4)}f}\u00a0%"


def _panel(ax: Axes, rows: Sequence[Record], credits: Sequence[str]) -> None:
    n_axis(ax, [row["n"] for row in rows])
    ax.set_yscale("logit")
    ax.set_ylim(EDGE, 1 - EDGE)
    ax.set_yticks(TICKS, [f"{100 * t:g}\u00a0%" for t in TICKS])
    ax.set_yticks([], minor=True)
    ax.axhspan(EDGE, SUPPORT, color=GOOD, alpha=0.10, lw=0, zorder=0)
    for threshold, color in ((SUPPORT, GOOD), (REFUTE, BAD)):
        ax.axhline(threshold, color=color, lw=1.1, ls=(0, (5, 2)), zorder=1)
    for k, credit in enumerate(credits):
        mine = [row for row in rows if row["credit"] == credit and number(row.get("share")) is not None]
        if not mine:
            continue
        style = credit_style(credit)
        shift = dodge(ax, k, len(credits))
        values = np.clip([row["share"] for row in mine], EDGE, 1 - EDGE)
        ends = [(number(row.get("share_low")), number(row.get("share_high"))) for row in mine]
        low = np.clip([v if e[0] is None else e[0] for v, e in zip(values, ends)], EDGE, 1 - EDGE)
        high = np.clip([v if e[1] is None else e[1] for v, e in zip(values, ends)], EDGE, 1 - EDGE)
        x = np.array([float(row["n"]) for row in mine]) * shift
        ax.vlines(x, low, high, color=style.color, lw=0.9, alpha=0.3, zorder=2)
        ax.scatter(x, values, s=15, color=style.color, marker=style.marker, alpha=0.45, linewidths=0, zorder=3,
                   clip_on=False, gid="replicates")  # fmt: skip
        means = {n: float(np.clip(np.mean(v), EDGE, 1 - EDGE)) for n, v in by_n(mine, "share").items()}
        ax.plot(np.array(list(means)) * shift, list(means.values()), color=style.color, marker=style.marker, ms=6.2,
                mec="white", mew=0.5, lw=1.3, zorder=4, clip_on=False)  # fmt: skip
    quiet(ax)


def draw_cross_agent(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Cross-agent share against N per credit, every fleet with its interval, with the thresholds that decide.

    tables["cross_agent"]; logit axis, so that both 1 % and 99.9 % can be read. Raises NothingToDraw.
    """
    found = [
        row
        for row in pick(tables.get("cross_agent", ()), group)
        if (row.get("sharing") or "independent") == "independent" and number(row.get("share")) is not None
    ]
    need(found, "cross_agent", "share")
    credits = headline_credits(found)
    left = not_drawn(found, credits)
    found = [row for row in found if row["credit"] in credits]
    places = groups(found)
    caption = (
        f"{fleets_text(found)}; dots with thin bars are fleets with their intervals, large marks means. "
        "Share = E tr Cov(gradient "
        "given own and environment's random streams) / V. Dashed: 'noise-free' is supported when the "
        "interval's upper end is "
        "at most 1\u00a0%, refuted when its lower end is above 5\u00a0%. Shares within 0.05\u00a0% of an "
        f"end are drawn on the edge.{left} {dispute}"
    )
    with styled():
        fig, axes = grid(places, title=_title(pick(found, places[0])), caption=caption, keys=credit_keys(credits),
                         subtitle=f"Numbers of the title: {places[0].title}. A noise-free gradient would "
                                  "lie in the green band.")  # fmt: skip
        for place, ax in axes.items():
            _panel(ax, pick(found, place), credits)
        for ax in list(axes.values())[:1]:
            ax.set_ylabel("share of the variance (logit axis)")
    return fig
