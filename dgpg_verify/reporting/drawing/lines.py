"""One credit against N: every replicate as a dot, the geometric mean with its interval, the deciding slope."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from dgpg_verify.reporting.drawing.select import by_n, find_fit, geometric_mean, number
from dgpg_verify.reporting.drawing.style import BAND, CreditStyle, EndLabel, credit_style, dodge, log_y
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import credit_name, exponent_text

HEADLINE = ("return", "return:centred", "gae:central", "guidance", "guidance:chain_rule", "guidance:exact",
            "difference", "branch")  # fmt: skip


def headline_credits(rows: Iterable[Record]) -> list[str]:
    """The credits drawn where room is short, in legend order; guided ones have their own figure."""
    seen = {str(row["credit"]) for row in rows}
    chosen = [c for c in HEADLINE if c in seen] or [c for c in seen if not c.startswith("guided")] or list(seen)
    return sorted(chosen, key=lambda c: (credit_style(c).order, c))


def not_drawn(rows: Iterable[Record], drawn: Iterable[str]) -> str:
    """Says which measured credits a figure leaves out, so that nobody takes them for missing."""
    left = sorted({str(row["credit"]) for row in rows} - set(drawn))
    if not left:
        return ""
    named = ", ".join(left[:6]) + (f" and {len(left) - 6} more" if len(left) > 6 else "")
    return f" Measured but not drawn here (in records.json): {named}."


def limits(values: Iterable[float], *, pad: float = 0.07, least_decades: float = 0.0) -> tuple[float, float]:
    """Log-axis limits around positive values, at least `least_decades` wide."""
    logs = np.log10([v for v in values if v > 0] or [1.0])
    low, high = float(logs.min()), float(logs.max())
    extra = max(0.0, least_decades - (high - low), 0.3 - (high - low)) / 2
    low, high = low - extra, high + extra
    room = pad * (high - low)
    return 10.0 ** (low - room), 10.0 ** (high + room)


def draw_replicates(
    ax: Axes, rows: Sequence[Record], field: str, style: CreditStyle, shift: float, floor: float
) -> int:
    """Every replicate as a dot (`shift` moves N by a factor, for reading only); zeros sit on `floor`, hollow.

    Returns the number of dots.
    """
    pairs = [(n, value) for n, values in by_n(rows, field).items() for value in values]
    inside = [(n, v) for n, v in pairs if v > floor]
    below = [n for n, v in pairs if v <= floor]
    dots: dict[str, Any] = {"marker": style.marker, "s": 15, "linewidths": 0, "alpha": 0.38, "zorder": 2}
    if inside:
        x, y = np.array(inside).T
        ax.scatter(x * shift, y, color=style.color, rasterized=len(inside) > 1500, gid="replicates", **dots)
    if below:
        at_floor = ax.scatter(np.array(below) * shift, [floor] * len(below), s=20, marker="v", facecolors="none",
                              edgecolors=style.color, linewidths=0.8, zorder=2, clip_on=False)  # fmt: skip
        at_floor.set_gid("replicates")
    return len(pairs)


def _edge(style: CreditStyle) -> str:
    return style.color if style.marker == "P" else "white"  # a white rim would leave a thin cross


def draw_means(
    ax: Axes, rows: Sequence[Record], field: str, style: CreditStyle, shift: float
) -> list[tuple[float, float]]:
    """Geometric means with 95 % intervals over replicates, joined by a thin line; returns the (n, mean) drawn."""
    found = [(n, m) for n, values in by_n(rows, field).items() if (m := geometric_mean(values))]
    if not found:
        return []
    x = np.array([n for n, _ in found]) * shift
    mid, low, high = np.array([m for _, m in found]).T
    ax.vlines(x, low, high, color=style.color, lw=1.6, zorder=4)
    ax.plot(x, mid, style.marker, color=style.color, ms=6.4, mec=_edge(style), mew=0.5, ls="none", zorder=5)
    ax.plot(x, mid, color=style.color, lw=0.9, alpha=0.55, zorder=3)
    return [(n, m[0]) for n, m in found]


def draw_fit(ax: Axes, fit: Record, style: CreditStyle) -> None:
    """The deciding line over the N it was fitted on, with the fan of slopes inside its interval."""
    used = [float(n) for n in fit.get("n_used") or []]
    start, slope = number(fit.get("intercept")), number(fit.get("exponent"))
    if len(used) < 2 or start is None or slope is None:
        return
    n = np.geomspace(min(used), max(used), 30)
    centre = np.exp(np.mean(np.log(used)))
    level = 10.0 ** (start + slope * np.log10(centre))
    ax.plot(n, level * (n / centre) ** slope, color=style.color, lw=2.2, zorder=3, solid_capstyle="round")
    low, high = number(fit.get("low")), number(fit.get("high"))
    if low is not None and high is not None:
        fan = [level * (n / centre) ** s for s in (low, high)]
        ax.fill_between(n, np.minimum(*fan), np.maximum(*fan), color=style.color, alpha=0.16, lw=0, zorder=1)


def fit_label(fit: Record | None) -> str:
    """'slope 0.98 [0.93, 1.03]' of the deciding fit, or nothing."""
    if fit is None:
        return ""
    parts = (exponent_text(number(fit.get(k))) for k in ("exponent", "low", "high"))
    return "slope {} [{}, {}]".format(*parts)


def draw_credits(
    ax: Axes, tables: Tables, rows: Sequence[Record], field: str, credits: Sequence[str], *, labels: bool = True
) -> list[EndLabel]:
    """All `credits` of `rows` against N on one log-log panel; returns the labels for the lines' ends."""
    values = [v for found in by_n(rows, field).values() for v in found if v > 0]
    low, high = limits(values)
    log_y(ax, low, high)
    ends = []
    used: list[float] = []
    for k, credit in enumerate(credits):
        mine = [row for row in rows if row["credit"] == credit]
        if not by_n(mine, field):
            continue
        style = credit_style(credit)
        shift = dodge(ax, k, len(credits))
        draw_replicates(ax, mine, field, style, shift, low)
        means = draw_means(ax, mine, field, style, shift)
        fit = find_fit(tables, mine[0], field)
        if fit:
            draw_fit(ax, fit, style)
            used += [float(n) for n in fit.get("n_used") or []]
        if means and labels:
            ends.append(EndLabel(*means[-1], credit_name(credit), fit_label(fit), style.color))
    if used:
        ax.axvspan(min(used) * 0.93, ax.get_xlim()[1], color=BAND, zorder=0, lw=0)
    return ends
