"""Figure: what the assumption of local influence says must stay bounded, measured against N."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.lines import limits
from dgpg_verify.reporting.drawing.select import Group, by_n, groups, need, number, pick
from dgpg_verify.reporting.drawing.style import WIDTH, dodge, log_y, n_axis, panels, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import exponent_text

CONTROL = "one_total"  # the control, in which every influence touches one shared total: it must grow
LOOKS = (("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#8a5fb5", "D"), ("#e69f00", "v"), ("#56b4e9", "P"),
         ("#cc79a7", "X"), ("#6b7a2b", "h"))  # fmt: skip


def _panel(ax: Axes, rows: Sequence[Record], places: Sequence[Group], looks: Sequence[tuple[str, str]]) -> None:
    """Every fleet as a dot, means over fleets joined; one colour per system."""
    n_axis(ax, [row["n"] for row in rows])
    log_y(ax, *limits([v for row in rows if (v := number(row["value"])) and v > 0], least_decades=1.0))
    floor = ax.get_ylim()[0]
    for k, (place, (color, marker)) in enumerate(zip(places, looks)):
        found = by_n(pick(rows, place), "value")
        if not found:
            continue
        shift = dodge(ax, k, len(places))
        x, y = np.array([(n * shift, max(v, floor)) for n, values in found.items() for v in values]).T
        ax.scatter(x, y, s=14, color=color, marker=marker, alpha=0.35, linewidths=0, zorder=2, gid="replicates")
        means = [max(float(np.mean(v)), floor) for v in found.values()]
        ax.plot(
            np.array(list(found)) * shift,
            means,
            color=color,
            marker=marker,
            ms=5.8,
            mec="white",
            mew=0.5,
            lw=1.3,
            zorder=3,
        )
    quiet(ax)


def _steepest(rows: Sequence[Record]) -> str:
    """The quantity and system whose mean grows fastest over the top decade: what to look at first."""
    worst: tuple[float, str] | None = None
    for quantity in dict.fromkeys(str(row["quantity"]) for row in rows):
        for place in groups(rows):
            if CONTROL in place.system:
                continue
            found = by_n(pick(rows, place, quantity=quantity), "value")
            points = [(n, float(np.mean(v))) for n, v in found.items() if np.mean(v) > 0 and n >= max(found) / 10]
            if len(points) > 1:
                n, v = np.log(np.array(points)).T
                slope = float(np.polyfit(n, v, 1)[0])
                worst = max(worst or (-math.inf, ""), (slope, f"{quantity} ({place.title})"))
    if worst is None:
        return "What local influence says must stay bounded"
    return f"Local influence: {worst[1]} grows fastest, like N^{exponent_text(worst[0])}"


def draw_locality(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """The quantities of the local-influence audit (A3) against N, one panel each, one colour per system.

    tables["assumptions"] rows with audit "A3". Raises NothingToDraw.
    """
    rows = [
        row
        for row in pick(tables.get("assumptions", ()), group)
        if row.get("audit") == "A3" and number(row.get("value")) is not None and row.get("n") is not None
    ]
    need(rows, "assumptions", "A3 row with N")
    quantities = list(dict.fromkeys(str(row["quantity"]) for row in rows))
    places = groups(rows)
    looks = [LOOKS[k % len(LOOKS)] for k in range(len(places))]
    cols = min(len(quantities), 4)
    fleets = len({row.get("fleet") for row in rows})
    caption = (
        f"Up to {fleets} fleets per N, every dot one fleet, lines are means; slopes of the title are "
        "plain fits over the "
        f"top decade, verdicts come from the ledger. {dispute}"
    )
    keys = [
        (
            Line2D([], [], color=c, marker=m, ms=6.5, lw=1.3, mec="white", mew=0.5),
            place.title + (" (control: must grow)" if CONTROL in place.system else ""),
        )
        for place, (c, m) in zip(places, looks)
    ]
    with styled():
        fig, axes = panels(math.ceil(len(quantities) / cols), cols, title=_steepest(rows), caption=caption, keys=keys,
                           subtitle="The audit passes where every quantity stays bounded as agents are "
                                    "added. Both axes logarithmic.",
                           height=2.4, width=WIDTH, gap=(0.7, 1.1), detailed=True)  # fmt: skip
        flat = [ax for line in axes for ax in line]
        for ax in flat[len(quantities) :]:
            ax.remove()
        for ax, quantity in zip(flat, quantities):
            _panel(ax, [row for row in rows if row["quantity"] == quantity], places, looks)
            ax.set_title("\n".join(textwrap.wrap(quantity, 30)), fontsize=9.5)
    return fig
