"""Figure: what the minimum over alpha costs: alpha*, N(1 - alpha*), min V against V_G, return share there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.lines import limits
from dgpg_verify.reporting.drawing.select import (
    Group,
    by_n,
    fleets_text,
    groups,
    in_primary_setting,
    need,
    number,
    pick,
)
from dgpg_verify.reporting.drawing.style import (
    GOOD,
    INK,
    MUTED,
    EndLabel,
    credit_style,
    label_ends,
    log_y,
    n_axis,
    panels,
    quiet,
    styled,
)
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import number_text

MEDIAN = "#a8569f"  # the middle of the colours between return and guidance: a mixture


def _series(ax: Axes, rows: Sequence[Record], field: str, color: str, marker: str = "o") -> tuple[float, float] | None:
    """Every fleet as a dot, the median over fleets as a line; returns its last point."""
    found = by_n(rows, field)
    if not found:
        return None
    pairs = np.array([(n, v) for n, values in found.items() for v in values])
    inside = np.maximum(pairs[:, 1], ax.get_ylim()[0])
    ax.scatter(
        pairs[:, 0], inside, s=15, color=color, alpha=0.35, linewidths=0, marker=marker, zorder=2, gid="replicates"
    )
    ns, medians = list(found), [float(np.median(v)) for v in found.values()]
    ax.plot(ns, medians, color=color, lw=1.5, marker=marker, ms=5.5, mec="white", mew=0.6, zorder=3)
    return ns[-1], medians[-1]


def _median(rows: Sequence[Record], field: str, n: float) -> str:
    values = by_n([row for row in rows if row["n"] == n], field).get(float(n), [])
    return number_text(float(np.median(values)), 2 if field == "return_share" else 3) if values else "-"


def _values(rows: Sequence[Record], *fields: str) -> list[float]:
    return [v for row in rows for field in fields if (v := number(row.get(field))) is not None and v > 0]


def draw_optimal_alpha(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Four panels against N: alpha*, N(1 - alpha*), min over alpha of V beside V_G, return share and efficiency.

    tables["optimal"], primary setting, own parameters; `group` picks system, graph and policy. Raises NothingToDraw.
    """
    table = [
        row
        for row in in_primary_setting(tables.get("optimal", ()))
        if (row.get("sharing") or "independent") == "independent"
    ]
    need(table, "optimal", "row")
    group = group or groups(table)[0]
    rows = pick(table, group)
    need(rows, "optimal", f"row for {group.title}")
    last = max(row["n"] for row in rows)
    title = (
        f"At N\u00a0=\u00a0{last} the least noise is at "
        f"\u03b1*\u00a0=\u00a0{_median(rows, 'alpha_star', last)}, where the return's "
        f"share of the update is {_median(rows, 'return_share', last)}"
    )
    caption = (
        f"{fleets_text(rows)}, every dot one fleet, lines are medians; the return's share is over all fleets "
        "together. \u03b1* = (V_PG \u2212 C)/(V_PG + "
        "V_G \u2212 2C) clipped to "
        "[0, 1], pooled over agents. A level N(1 \u2212 \u03b1*) means that the weight left to the "
        f"return falls like 1/N. {dispute}"
    )
    with styled():
        subtitle = f"{group.title}. The price of min over \u03b1: what is left of the return."
        fig, axes = panels(1, 4, title=title, subtitle=subtitle, caption=caption, height=2.7, gap=(0.62, 0.6),
                           width=13.0, label_room=0.56)  # fmt: skip
        first, second, third, fourth = axes[0]
        for ax in axes[0]:
            n_axis(ax, [row["n"] for row in rows])
        first.set_ylim(0, 1.04)
        log_y(second, *limits(_values(rows, "n_one_minus_alpha"), least_decades=1.5))
        log_y(third, *limits(_values(rows, "min_variance", "guidance_variance"), least_decades=1.0))
        log_y(fourth, *limits([*_values(rows, "return_share", "efficiency"), 1.0]))
        _series(first, rows, "alpha_star", MEDIAN)
        _series(second, rows, "n_one_minus_alpha", MEDIAN)
        guidance = credit_style("guidance")
        ends = [
            (third, _series(third, rows, "guidance_variance", guidance.color, "s"), "V_G", guidance.color),
            (third, _series(third, rows, "min_variance", MEDIAN), "min V", MEDIAN),
            (fourth, _series(fourth, rows, "return_share", credit_style("return").color), "return\nshare",
             credit_style("return").color),
            (fourth, _series(fourth, rows, "efficiency", GOOD, "^"), "efficiency", GOOD),
        ]  # fmt: skip
        for ax, name in zip(axes[0], ("\u03b1*", "N (1 \u2212 \u03b1*)", "noise V", "at \u03b1*")):
            ax.set_title(name)
            quiet(ax)
            label_ends(
                ax, [EndLabel(*end, text, "", color) for a, end, text, color in ends if a is ax and end], size=8.4
            )
        first.axhline(1.0, color=MUTED, lw=0.8, ls=":")
        first.text(0.03, 0.03, "1 = guidance alone\n0 = return alone", transform=first.transAxes, size=8.4, color=MUTED)
        fourth.axhline(1.0, color=INK, lw=0.6, ls=":")
    return fig
