"""One measurement in one panel: its credits side by side, or the agents of one credit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from dgpg_verify.reporting.drawing.axes import limits, log_x, log_y, quiet, rule
from dgpg_verify.reporting.drawing.look import credit_look
from dgpg_verify.reporting.drawing.marks import bars, dots, joined
from dgpg_verify.reporting.frame import Frame, positive
from dgpg_verify.reporting.wording import credit_name

TITLES = {"variance": "Variance of an agent's gradient", "noise_to_signal": "Noise-to-signal",
          "efficiency": "Efficiency", "alignment": "Alignment, cos(E g, grad J)"}  # fmt: skip
LINEAR = "alignment"  # the one that may be negative


def draw_measured(ax: Axes, rows: Frame, quantity: str, agents: Mapping[str, ArrayLike]) -> Axes:
    """A line per credit: its pooled value with the interval, and a dot for every agent that `agents` holds.

    Parameters
    ----------
    rows : columns credit, `quantity`, `quantity`_low and `quantity`_high; one whose value is missing has no mark.
    agents : values by credit, for the quantities that every agent has.
    """
    ends = [quantity, f"{quantity}_low", f"{quantity}_high"]
    if quantity == LINEAR:
        rule(ax, x=1.0)
        ax.margins(x=0.05)
    else:
        log_x(ax, *limits([*positive(rows, *ends), *(v for values in agents.values() for v in np.asarray(values))]))
    for place, row in enumerate(rows.to_dict("records")):
        look = credit_look(row["credit"])
        values = np.asarray(agents.get(row["credit"], []), dtype=float)
        dots(ax, values[values > 0], place, look)
        bars(ax, place, row[ends[1]], row[ends[2]], look, across=True)
        joined(ax, [row[quantity]], [place], look)
    known = rows[quantity].notna()
    names = [credit_name(name) + ("" if there else "\n(not measurable)") for name, there in zip(rows["credit"], known)]
    ax.set_yticks(range(len(rows)), names)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_title(TITLES[quantity])
    quiet(ax, lines=False)
    return ax


def draw_agents(ax: Axes, rows: Frame, credit: str) -> Axes:
    """The variance of every agent (columns agent, variance), and their mean as a dashed line."""
    variance = rows["variance"]
    dots(ax, rows["agent"], variance, credit_look(credit))
    if (variance > 0).any():
        log_y(ax, *limits(variance))
    rule(ax, float(variance.mean()))
    ax.set_xlabel("agent")
    ax.set_title(f"Variance of each agent's gradient, {credit_name(credit)}; dashed: mean")
    quiet(ax)
    return ax
