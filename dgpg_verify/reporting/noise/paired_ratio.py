"""Figure: variance relative to the exact difference reward on the same fleet, against N."""

from __future__ import annotations

from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import n_axis, quiet, rule
from dgpg_verify.reporting.drawing.captions import fleets_text, left_out
from dgpg_verify.reporting.drawing.marks import label_ends
from dgpg_verify.reporting.frame import Frames, at, in_primary_setting, known, need, per_agent, places, where
from dgpg_verify.reporting.noise.credits import draw_credits, headline_credits, place_grid, slopes_text


def draw_paired_ratio(frames: Frames) -> Figure:
    """Paired ratio against N, log-log, every fleet, interval and slope; one panel per system, graph and policy.

    Tables `moments` and `fits`. Raises NothingToDraw.
    """
    rows = known(in_primary_setting(per_agent(frames["moments"])), "paired_ratio")
    rows = need(rows[rows["credit"] != "difference"], "moments", "paired ratio")
    credits = headline_credits(rows)
    drawn = where(rows, credit=credits)
    first = places(drawn)[0]
    slopes = slopes_text(frames["fits"], at(drawn, first), "paired_ratio")
    fig, axes = place_grid(
        drawn,
        most=2,
        title=f"Noise relative to the exact difference reward{f': {slopes}' if slopes else ', against N'}",
        subtitle="V(credit) / V(exact difference reward), both summed over agents.",
        caption=f"{fleets_text(drawn)}; every small mark is one fleet measured with both credits, so that its heavy "
        "tails cancel; large marks are geometric means with 95 % intervals, thick lines the deciding slopes on the "
        "shaded N. Dotted: as noisy as the difference reward."
        f"{left_out(sorted(set(rows['credit'])), credits)}",
        label_room=1.8,
        height=2.15,
    )
    for place, ax in axes.items():
        mine = at(drawn, place)
        n_axis(ax, mine["n"])
        ends = draw_credits(ax, frames["fits"], mine, "paired_ratio", credits)
        rule(ax, 1.0, ls=":")
        ax.set_ylabel("paired ratio")
        quiet(ax)
        label_ends(ax, ends)
    return fig
