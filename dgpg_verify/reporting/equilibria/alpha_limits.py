"""Figure: up to which alpha do the pure equilibria of J survive? Distribution of alpha_c."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import detail, panels, quiet, styled
from dgpg_verify.reporting.equilibria.references import (
    alpha_axis,
    cost_name,
    costs_in,
    grouped,
    left_out,
    look,
    main_references,
    reference_keys,
)
from dgpg_verify.reporting.records import Record, Tables


def lost_share(row: Record, alpha: float) -> float | None:
    """Share of the equilibria of J that are none of J_alpha at `alpha`: those with alpha_c < alpha."""
    values, never = row.get("values") or [], number(row.get("share_never"))
    limited = np.array([v for v in values if v < 1.0])  # 1 stands for no limit
    if never is None or (never < 1.0 and not len(limited)):
        return None
    return float((limited < alpha).mean() * (1.0 - never)) if len(limited) else 0.0


def _curve(ax: Axes, row: Record) -> None:
    """The share lost below every alpha as steps; its end at alpha = 1 is what has a limit at all."""
    style, never = look(str(row["reference"])), number(row.get("share_never"))
    limited = np.sort([v for v in row.get("values") or [] if v < 1.0])
    if never is None or (never < 1.0 and not len(limited)):
        return
    x = np.concatenate([[0.0], limited, [1.0]])
    y = (1.0 - never) * np.concatenate([[0.0], np.arange(1, len(limited) + 1) / max(len(limited), 1), [1.0]])
    if not len(limited):
        y = np.zeros(2)
    (line,) = ax.plot(x, y, drawstyle="steps-post", color=style.color, lw=1.6, zorder=3)
    line.set_gid("replicates")
    ax.plot([1.0], [y[-1]], ls="none", marker=style.marker, color=style.color, ms=6.5, mec="white", mew=0.6, zorder=4,
            clip_on=False)  # fmt: skip


def draw_alpha_limits(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Share of the pure equilibria of J with alpha_c below alpha (exact, every one a step), a panel a cost.

    tables["alpha_limits"]; one colour a reference. Raises NothingToDraw.
    """
    table = [row for row in tables.get("alpha_limits", ()) if number(row.get("share_never")) is not None]
    need(table, "alpha_limits", "share_never")
    references, costs = main_references(table), costs_in(table)
    rows = [row for row in table if row["reference"] in references]
    steps = sum(v < 1.0 for row in rows for v in row.get("values") or [])
    caption = (
        f"Every step is one equilibrium of a random fleet, {grouped(steps)} in all (at most 2\u2009000 a curve), its "
        "\u03b1_c exact: the least of |\u0394J| / (|\u0394J| + |\u0394G|) over the moves of one agent that lower G. "
        "The mark at \u03b1 = 1 is the share that is ever lost; the rest survives any mixing. Dotted: \u03b1 = 0.2 "
        f"and 0.9, the ends of the published schedule.{left_out(table, references)} {dispute}"
    )
    with styled():
        fig, axes = panels(
            1, len(costs), title=_title(rows), caption=caption, keys=reference_keys(references), height=2.7,
            subtitle="Share of the pure equilibria of J that J_\u03b1 has lost. A pure equilibrium does not move: it "
            "stays one up to \u03b1_c and is none beyond.", gap=(0.55, 0.8), detailed=True,
            width=12.0 if len(costs) > 1 else 7.5,
        )  # fmt: skip
        for ax, cost in zip(axes[0], costs):
            alpha_axis(ax)
            for row in rows:
                if row["cost"] == cost:
                    _curve(ax, row)
            ax.set_ylim(-0.02, 1.03)
            ax.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25\u00a0%", "50\u00a0%", "75\u00a0%", "100\u00a0%"])
            quiet(ax)
            detail(ax, cost_name(cost), "share lost below \u03b1")
    return fig


def _title(rows: Sequence[Record]) -> str:
    """What the fluid reference has lost where the published schedule starts and where it ends."""
    fluid = [row for row in rows if row["reference"] == "fluid"]
    said = []
    for row in fluid:
        early, late = lost_share(row, 0.9), lost_share(row, 0.2)
        if early is not None and late is not None:
            said.append(
                f"{cost_name(str(row['cost'])).split()[0].lower()} {100 * early:.0f}\u00a0%, {100 * late:.0f}\u00a0%"
            )
    if not said:
        return "Up to which \u03b1 the pure equilibria of J survive"
    return f"Equilibria lost with the fluid reference at \u03b1\u00a0=\u00a00.9 and at 0.2: {'; '.join(said)}"
