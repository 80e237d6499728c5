"""Figure: what is lost in the original objective at the worst, best and reached equilibrium of J_alpha."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import Limits, quiet, rule
from dgpg_verify.reporting.drawing.marks import bars, joined
from dgpg_verify.reporting.drawing.sheet import detail, panels
from dgpg_verify.reporting.equilibria import laws
from dgpg_verify.reporting.equilibria.aggregate import schedule_end
from dgpg_verify.reporting.frame import Frame, Frames, known, need, where
from dgpg_verify.reporting.wording import number_text

LINES = (  # equilibrium, what is drawn of it, the panels' subtitle and label
    ("worst", "mean_loss", "worst equilibrium", "loss"),
    ("reached", "mean_loss", "reached equilibrium", "loss"),
)
CAPTION = (
    "Means over fleets with 95\u00a0% intervals, as a share of the range of J (highest minus lowest reward). "
    "Loss: J at the worst (reached) equilibrium of J minus J at that of J_\u03b1; below 0 the guided game "
    "is better. Reached: where all agents climbing the exact expected objective end, from uniform policies. "
    "The best equilibrium and NashConv stand in the table. Dotted: \u03b1 = 0.2 and 0.9."
)


def draw_equilibrium_values(frames: Frames) -> Figure:
    """Mean loss of worst and reached equilibrium against alpha.

    A column per cost, a colour per reference.
    """
    table = need(known(frames["equilibrium_values"], "mean_loss"), "equilibrium_values", "mean_loss")
    references, costs = laws.main_references(table), laws.costs_in(table)
    rows = known(where(table, reference=references), "alpha")
    lines = [line for line in LINES if where(rows, which=line[0])[line[1]].notna().any()]
    fig, axes = panels(
        len(lines), len(costs), title=_title(rows), caption=CAPTION + laws.left_out_of(table, references),
        subtitle="What mixing guidance into the objective costs in the original one.", height=1.75, gap=(0.7, 0.68),
        keys=laws.reference_keys(references), detailed=True,
    )  # fmt: skip
    for r, (which, value, name, label) in enumerate(lines):
        line = where(rows, which=which)
        line = line.assign(value=line[value])
        for ax, cost in zip(axes[r], costs):
            laws.alpha_axis(ax, label=r == len(lines) - 1)
            ax.set_ylim(_limits(line[["value", "low", "high"]].to_numpy(dtype=float)))
            _series(ax, where(line, cost=cost), references)
            detail(ax, laws.cost_name(cost) if r == 0 else "", name)
        axes[r, 0].set_ylabel(label)
    return fig


def _series(ax: Axes, rows: Frame, references: Sequence[str]) -> None:
    """Means over fleets against alpha, one line per reference, with intervals where the table has them."""
    for k, reference in enumerate(references):
        points, look = known(where(rows, reference=reference), "value").sort_values("alpha"), laws.look(reference)
        x = points["alpha"] + laws.aside(k, len(references))
        bars(ax, x, points["low"], points["high"], look, lw=1.5, alpha=0.65, zorder=3)
        joined(ax, x, points["value"], look, ms=5.5, zorder=4, clip_on=False, gid="replicates")
    rule(ax, 0.0, lw=0.9, ls=(0, (5, 2)))
    quiet(ax)


def _limits(values: np.ndarray) -> Limits:
    """One scale for a row of panels, 0 always inside."""
    low, high = np.nanmin(values, initial=0.0), np.nanmax(values, initial=0.0)
    room = 0.06 * (high - low or 1.0)
    return float(low - room), float(high + room)


def _title(rows: Frame) -> str:
    """The worst equilibrium with the fluid reference at the alpha where training ends: the costliest system."""
    worst = schedule_end(where(rows, reference="fluid", which="worst"))
    if worst.empty:
        return "What equilibria of J_\u03b1 lose in J"
    most = worst.loc[worst["mean_loss"].idxmax()]
    loss = number_text(100 * most["mean_loss"], 2)
    return (
        f"At \u03b1\u00a0=\u00a0{most['alpha']:g} with the fluid reference the worst equilibrium loses on average at "
        f"most {loss}\u00a0% of the range of J ({laws.cost_name(most['cost']).lower()})"
    )
