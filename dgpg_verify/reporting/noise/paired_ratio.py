"""Figure: variance relative to the exact difference reward on the same fleet, against N."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.grid import grid
from dgpg_verify.reporting.drawing.lines import draw_credits, headline_credits, not_drawn
from dgpg_verify.reporting.drawing.select import (
    Group,
    find_fit,
    fleets_text,
    groups,
    in_primary_setting,
    need,
    number,
    per_agent,
    pick,
)
from dgpg_verify.reporting.drawing.style import MUTED, label_ends, n_axis, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import credit_name, slope_phrase


def _title(tables: Tables, rows: Sequence[Record]) -> str:
    said = []
    for names in (("return", "return:centred"), ("guidance", "guidance:chain_rule")):
        mine = [row for row in rows if row["credit"] in names]
        fit = find_fit(tables, mine[0], "paired_ratio") if mine else None
        if fit:
            slope = (number(fit.get(k)) for k in ("exponent", "low", "high"))
            said.append(f"{credit_name(names[0])} {slope_phrase(*slope)}")
    start = "Noise relative to the exact difference reward"
    return f"{start}: {', '.join(said)}" if said else f"{start}, against N"


def draw_paired_ratio(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Paired ratio against N, log-log, every fleet, interval and slope; one panel per system, graph and policy.

    tables["moments"], tables["fits"]; `group` restricts to one panel. Raises NothingToDraw.
    """
    found = [row for row in in_primary_setting(per_agent(tables.get("moments", ())))
             if number(row.get("paired_ratio")) is not None and row["credit"] != "difference"]  # fmt: skip
    rows = pick(found, group)
    need(rows, "moments", "paired ratio")
    credits = headline_credits(rows)
    drawn = [row for row in rows if row["credit"] in credits]
    places = groups(drawn)
    caption = (
        f"{fleets_text(drawn)}; every small mark is one fleet measured with both credits, so that its "
        "heavy tails cancel; "
        "large marks are geometric means with 95 % intervals, thick lines the deciding slopes on the shaded N. "
        f"Dotted: as noisy as the difference reward.{not_drawn(rows, credits)} {dispute}"
    )
    with styled():
        fig, axes = grid(places, title=_title(tables, pick(drawn, places[0])), caption=caption, keys=[], most=2,
                         subtitle=f"Numbers of the title: {places[0].title}. V(credit) / V(exact "
                                  "difference reward), both summed over agents.",
                         label_room=1.8, height=2.15)  # fmt: skip
        for place, ax in axes.items():
            mine = pick(drawn, place)
            n_axis(ax, [row["n"] for row in mine])
            ends = draw_credits(ax, tables, mine, "paired_ratio", credits)
            ax.axhline(1.0, color=MUTED, lw=1.0, ls=":", zorder=1)
            ax.set_ylabel("paired ratio")
            quiet(ax)
            label_ends(ax, ends)
    return fig
