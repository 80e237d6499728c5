"""Figure: what is lost in the original objective at the worst, best and reached equilibrium of J_alpha."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import MUTED, detail, panels, quiet, styled
from dgpg_verify.reporting.equilibria.references import (
    alpha_axis,
    alphas_of,
    cost_name,
    costs_in,
    left_out,
    look,
    main_references,
    reference_keys,
    rim,
)
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import number_text

WHICH = {"best": "best equilibrium", "worst": "worst equilibrium", "reached": "reached equilibrium"}


def _series(ax: Axes, rows: Sequence[Record], field: str, references: Sequence[str]) -> None:
    """Means over fleets against alpha, with intervals where the table has them."""
    for k, reference in enumerate(references):
        style, shift = look(reference), 0.008 * (k - (len(references) - 1) / 2)
        found = sorted(
            (a, v, number(row.get("low")), number(row.get("high")))
            for row in rows
            if row["reference"] == reference
            and (a := number(row["alpha"])) is not None
            and (v := number(row.get(field))) is not None
        )
        if not found:
            continue
        x, y = np.array([(a + shift, v) for a, v, _, _ in found]).T
        for place, (_, _, low, high) in zip(x, found):
            if field == "mean_loss" and low is not None and high is not None:
                ax.plot([place, place], [low, high], color=style.color, lw=1.5, alpha=0.65, zorder=3)
        ax.plot(x, y, color=style.color, lw=1.3, alpha=0.8, zorder=3)
        drawn = ax.scatter(x, y, s=28, color=style.color, marker=style.marker, edgecolors=rim(style), linewidths=0.5,
                           zorder=4, clip_on=False)  # fmt: skip
        drawn.set_gid("replicates")


def _limits(rows: Sequence[Record], fields: Sequence[str]) -> tuple[float, float]:
    """One scale for a row of panels, 0 always inside."""
    values = [0.0] + [v for row in rows for field in fields if (v := number(row.get(field))) is not None]
    low, high = min(values), max(values)
    room = 0.06 * (high - low or 1.0)
    return low - room, high + room


def draw_equilibrium_values(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Mean loss of best, worst and reached equilibrium against alpha, and NashConv of the reached one in J.

    tables["equilibrium_values"]; a column a cost, one colour a reference. Raises NothingToDraw.
    """
    table = [row for row in tables.get("equilibrium_values", ()) if number(row.get("mean_loss")) is not None]
    need(table, "equilibrium_values", "mean_loss")
    references, costs = main_references(table), costs_in(table)
    rows = [row for row in table if row["reference"] in references]
    lines = [(which, "mean_loss", name) for which, name in WHICH.items() if any(r["which"] == which for r in rows)]
    reached = [row for row in rows if row["which"] == "reached" and number(row.get("nash_conv")) is not None]
    if reached:
        lines.append(("reached", "nash_conv", "reached: NashConv in J"))
    caption = (
        "Means over fleets with 95\u00a0% intervals, as a share of the range of J (highest minus lowest reward). "
        "Loss: J at the best (worst, reached) equilibrium of J minus J at that of J_\u03b1; below 0 the guided game "
        "is better. Reached: where all agents climbing the exact expected objective end, from uniform policies. "
        "NashConv: what all agents together could gain in J by leaving it. Dotted: \u03b1 = 0.2 and "
        f"0.9.{left_out(table, references)} {dispute}"
    )
    with styled():
        fig, axes = panels(
            len(lines), len(costs), title=_title(rows), caption=caption, keys=reference_keys(references),
            subtitle="What mixing guidance into the objective costs in the original one.", height=1.75,
            gap=(0.7, 0.68), detailed=True, width=12.0 if len(costs) > 1 else 7.5,
        )  # fmt: skip
        for r, (which, field, name) in enumerate(lines):
            of_line = [row for row in rows if row["which"] == which]
            limits = _limits(of_line, (field, "low", "high") if field == "mean_loss" else (field,))
            for c, cost in enumerate(costs):
                ax = axes[r][c]
                alpha_axis(ax, label=r == len(lines) - 1)
                ax.set_ylim(limits)
                ax.axhline(0.0, color=MUTED, lw=0.9, ls=(0, (5, 2)), zorder=1)
                _series(ax, [row for row in of_line if row["cost"] == cost], field, references)
                quiet(ax)
                detail(ax, cost_name(cost) if r == 0 else "", name)
            axes[r][0].set_ylabel("loss" if field == "mean_loss" else "NashConv")
    return fig


def _title(rows: Sequence[Record]) -> str:
    """The worst equilibrium with the fluid reference at the alpha where training ends: the costliest system."""
    found = [row for row in rows if row["reference"] == "fluid" and row["which"] == "worst"]
    if not alphas_of(found):
        return "What equilibria of J_\u03b1 lose in J"
    alpha = min(alphas_of(found), key=lambda a: abs(a - 0.2))
    worst = max((row for row in found if row["alpha"] == alpha), key=lambda row: row["mean_loss"])
    return (
        f"At \u03b1\u00a0=\u00a0{alpha:g} with the fluid reference the worst equilibrium loses on average at most "
        f"{number_text(100 * worst['mean_loss'], 2)}\u00a0% of the range of J ({cost_name(str(worst['cost'])).lower()})"
    )
