"""Figure: efficiency of a gradient estimate against N, one panel per system, graph and policy."""

from __future__ import annotations

from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import dodge, limits, log_y, n_axis, quiet
from dgpg_verify.reporting.drawing.captions import fleets_text, left_out
from dgpg_verify.reporting.drawing.look import alpha_value
from dgpg_verify.reporting.frame import (
    Frame,
    Frames,
    at,
    geometric_mean,
    in_primary_setting,
    known,
    need,
    over_n,
    per_agent,
    places,
    positive,
    unique,
    where,
)
from dgpg_verify.reporting.noise.credits import credit_keys, draw_credit, headline_credits, place_grid, titled
from dgpg_verify.reporting.wording import number_text

TOP = 1.25  # upper end of the axis: the exact gradient has efficiency 1, an estimate may lie above


def _credits(rows: Frame) -> list[str]:
    """Headline credits and the guided one nearest to an even mixture."""
    guided = [c for c in sorted(set(rows["credit"])) if c.startswith("guided:") and "@gae" not in c]
    nearest = sorted(guided, key=lambda c: abs((alpha_value(c.split(":", 1)[1].split("@")[0]) or 9) - 0.5))
    return headline_credits(rows) + nearest[:1]


def _title(rows: Frame) -> str:
    """The shared return beside guidance at the largest N."""
    last = rows["n"].max()
    points = {name: over_n(where(mine, n=last), "efficiency", geometric_mean) for name, mine in titled(rows)}
    shares = [f"{name} {number_text(100 * p['value'].iloc[0], 2)}\u00a0%" for name, p in points.items() if len(p)]
    if not shares:
        return "Efficiency of one roll-out's gradient against the number of agents"
    return (
        f"One roll-out buys this share of the exact gradient's progress at N\u00a0=\u00a0{last:g}: {', '.join(shares)}"
    )


def _beyond(rows: Frame) -> str:
    """Says how many fleets lie beyond the axis."""
    zeros, above = int((rows["efficiency"] == 0).sum()), int((rows["efficiency"] > TOP).sum())
    edges = [f"{zeros} fleets with efficiency 0 on the lower edge"] if zeros else []
    edges += [f"{above} above {TOP:g} on the upper edge"] if above else []
    return f" Hollow triangles: {', '.join(edges)}." if edges else ""


def draw_efficiency(frames: Frames) -> Figure:
    """Efficiency against N, log-log, every fleet: guaranteed progress of the best step relative to the exact gradient.

    Table `moments`. Raises NothingToDraw.
    """
    rows = known(in_primary_setting(per_agent(frames["moments"])), "efficiency")
    credits = _credits(need(rows, "moments", "efficiency (it needs the exact gradient)"))
    drawn = where(rows, credit=credits)
    low, _ = limits(positive(drawn, "efficiency"))
    first = places(drawn)[0]
    fig, axes = place_grid(
        drawn,
        title=_title(at(drawn, first)),
        subtitle="Own parameters per agent, agents stacked; both axes logarithmic.",
        caption=f"{fleets_text(drawn)}; small marks are fleets, large marks geometric means with 95 % intervals. "
        "Efficiency = max(0, <mean gradient, exact gradient>)\u00b2 / (|exact gradient|\u00b2 \u00d7 mean squared "
        "length): counts bias and noise, 1 is the exact gradient."
        + _beyond(drawn)
        + left_out(sorted(unique(rows, "credit")), credits),
        keys=credit_keys(credits),
    )
    for place, ax in axes.items():
        mine = at(drawn, place)
        n_axis(ax, mine["n"])
        log_y(ax, low, TOP)
        for k, credit in enumerate(credits):
            draw_credit(ax, where(mine, credit=credit), "efficiency", credit, dodge(ax, k, len(credits)))
        quiet(ax)
        ax.set_ylabel("efficiency")
    return fig
