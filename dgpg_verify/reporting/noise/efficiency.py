"""Figure: efficiency of a gradient estimate against N, one panel per system, graph and policy."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.grid import credit_keys, grid
from dgpg_verify.reporting.drawing.lines import draw_means, draw_replicates, headline_credits, limits, not_drawn
from dgpg_verify.reporting.drawing.select import (
    Group,
    by_n,
    fleets_text,
    geometric_mean,
    groups,
    in_primary_setting,
    need,
    number,
    per_agent,
    pick,
)
from dgpg_verify.reporting.drawing.style import alpha_value, credit_style, dodge, log_y, n_axis, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import credit_name, number_text


def _credits(rows: Sequence[Record]) -> list[str]:
    """Headline credits and the guided one nearest to an even mixture."""
    guided = {str(r["credit"]) for r in rows if str(r["credit"]).startswith("guided:") and "@gae" not in r["credit"]}
    nearest = sorted(guided, key=lambda c: abs((alpha_value(c.split(":", 1)[1].split("@")[0]) or 9) - 0.5))
    return headline_credits(rows) + nearest[:1]


def _title(rows: Sequence[Record]) -> str:
    """The largest N of the first panel, return beside guidance."""
    said = []
    last = max(row["n"] for row in rows)
    for names in (("return", "return:centred"), ("guidance", "guidance:chain_rule")):
        mine = by_n([row for row in rows if row["credit"] in names and row["n"] == last], "efficiency")
        mean = geometric_mean(next(iter(mine.values()), []))
        if mean:
            said.append(f"{credit_name(names[0])} {number_text(100 * mean[0], 2)}\u00a0%")
    if not said:
        return "Efficiency of one roll-out's gradient against the number of agents"
    return f"One roll-out buys this share of the exact gradient's progress at N\u00a0=\u00a0{last:g}: {', '.join(said)}"


def _panel(ax: Axes, rows: Sequence[Record], credits: Sequence[str], low: float) -> None:
    n_axis(ax, [row["n"] for row in rows])
    log_y(ax, low, 1.25)
    for k, credit in enumerate(credits):
        mine = [row for row in rows if row["credit"] == credit]
        shift = dodge(ax, k, len(credits))
        draw_replicates(ax, mine, "efficiency", credit_style(credit), shift, low)
        draw_means(ax, mine, "efficiency", credit_style(credit), shift)
    quiet(ax)


def draw_efficiency(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Efficiency against N, log-log, every fleet: guaranteed progress of the best step relative to the exact gradient.

    tables["moments"]; `group` restricts to one panel. Raises NothingToDraw.
    """
    found = [row for row in in_primary_setting(per_agent(tables.get("moments", ())))
             if number(row.get("efficiency")) is not None]  # fmt: skip
    rows = pick(found, group)
    need(rows, "moments", "efficiency (it needs the exact gradient)")
    credits = _credits(rows)
    drawn = [row for row in rows if row["credit"] in credits]
    zeros = sum(number(row["efficiency"]) == 0 for row in drawn)
    low, _ = limits([v for row in drawn if (v := number(row["efficiency"]))])
    first = groups(drawn)[0]
    caption = (
        f"{fleets_text(drawn)}; small marks are fleets, large marks geometric means with 95 % intervals. "
        "Efficiency = "
        "max(0, <mean gradient, exact gradient>)\u00b2 / (|exact gradient|\u00b2 \u00d7 mean squared "
        "length): counts "
        f"bias and noise, 1 is the exact gradient."
        + (f" {zeros} fleets with efficiency 0 sit as hollow triangles on the lower edge." if zeros else "")
        + f"{not_drawn(rows, credits)} {dispute}"
    )
    with styled():
        fig, axes = grid(
            groups(drawn),
            title=_title(pick(drawn, first)),
            subtitle=f"Numbers of the title: {first.title}. Own parameters per agent, agents stacked; "
            "both axes logarithmic.",
            caption=caption,
            keys=credit_keys(credits),
        )
        for place, ax in axes.items():
            _panel(ax, pick(drawn, place), credits, low)
            ax.set_ylabel("efficiency")
    return fig
