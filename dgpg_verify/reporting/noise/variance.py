"""Figure: variance and noise-to-signal against N, per agent and, beside it, with shared parameters."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

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
    shared,
)
from dgpg_verify.reporting.drawing.style import label_ends, n_axis, panels, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import credit_name, slope_phrase

FIELDS = (("variance", "variance V, pooled over agents"), ("noise_to_signal", "noise-to-signal, pooled"))


def _title(tables: Tables, rows: Sequence[Record]) -> str:
    """What the fits say of the return and of guidance, per agent."""
    said = []
    for names in (("return", "return:centred"), ("guidance", "guidance:chain_rule")):
        mine = [row for row in rows if row["credit"] in names]
        fit = find_fit(tables, mine[0], "noise_to_signal") if mine else None
        if fit:
            slope = (number(fit.get(k)) for k in ("exponent", "low", "high"))
            said.append(f"{credit_name(names[0])} {slope_phrase(*slope)}")
    return f"Noise-to-signal per agent: {', '.join(said)}" if said else "Gradient noise against the number of agents"


def draw_variance(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Variance (above) and noise-to-signal (below) against N, log-log, every fleet, interval and slope.

    tables["moments"], tables["fits"]; `group` picks system, graph and policy (default: the first measured);
    `dispute` is the command printed under the figure. Raises NothingToDraw.
    """
    moments = tables.get("moments", ())
    need(moments, "moments", "row")
    group = group or groups(moments)[0]
    rows = in_primary_setting(pick(moments, group))
    columns = [("own parameters, per agent", per_agent(rows)), ("shared parameters, update applied", shared(rows))]
    columns = [(name, found) for name, found in columns if found]
    need([row for _, found in columns for row in found], "moments", f"row for {group.title}")
    credits = headline_credits([row for _, found in columns for row in found])
    caption = (
        f"{fleets_text(columns[0][1])}; every small mark is one fleet, large marks are geometric means with 95 % "
        f"intervals over fleets. Shaded N decide: thick line and fan are the deciding slope and its interval."
        f"{not_drawn(rows, credits)} {dispute}"
    )
    with styled():
        beside = len(columns) == 1  # without shared rows the two statistics stand side by side
        fig, axes = panels(
            1 if beside else 2,
            2,
            title=_title(tables, columns[0][1]),
            subtitle=f"{group.title}. A straight line is a power of N: slope 1 is proportional to N, "
            "slope 0 independent of it.",
            caption=caption,
            label_room=1.8,
            gap=(0.85, 0.6),
        )
        for c, (name, found) in enumerate(columns):
            for f, (field, label) in enumerate(FIELDS):
                ax = axes[0][f] if beside else axes[f][c]
                n_axis(ax, [row["n"] for row in found])
                ends = draw_credits(ax, tables, found, field, credits)
                ax.set_ylabel(label)
                ax.set_title(name if f == 0 or beside else "")
                quiet(ax)
                label_ends(ax, ends)
    return fig
