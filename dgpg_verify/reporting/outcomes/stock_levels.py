"""Inventory positions of retailers against their base-stock levels, before and after training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dgpg_verify.reporting.drawing.axes import quiet
from dgpg_verify.reporting.drawing.look import MUTED, Look, styled
from dgpg_verify.reporting.drawing.marks import bars, dots
from dgpg_verify.reporting.drawing.sheet import detail, panels

Array = NDArray[np.float64]
LOOKS = (Look("#d55e00"), Look("#0072b2"))  # before, after
CAPTION = (
    "Dot: a retailer, its inventory position after ordering (on hand, less owed, and on the way) on average over "
    "{workloads} evaluations and their steps; bar: from the tenth to the ninetieth in a hundred. Dashed: the level "
    "itself. Cost: mean over the evaluations. {others}"
)


def draw_stock_levels(
    levels: Array, positions: Mapping[str, Array], details: Mapping[str, str], title: str, subtitle: str,
    **words: object,
) -> Figure:  # fmt: skip
    """One panel for each of `positions` [samples, N], in units of stock. levels: [N]; details: the line below a panel's
    name; words: what the caption leaves open."""
    ends = {name: np.quantile(own, (0.1, 0.9), axis=0) for name, own in positions.items()}
    every = np.concatenate([levels, *(end.ravel() for end in ends.values())])
    span, height = _padded(levels), _padded(every)
    with styled():
        figure, axes = panels(
            1, len(positions), title=title, subtitle=subtitle, caption=CAPTION.format(**words), height=3.2,
            detailed=True, gap=(0.6, 0.8),
        )  # fmt: skip
        for ax, (name, own), look in zip(axes[0], positions.items(), LOOKS):
            ax.plot(span, span, color=MUTED, lw=1.0, ls=(0, (6, 2)), zorder=1)
            bars(ax, levels, ends[name][0], ends[name][1], look, lw=0.8, alpha=0.35)
            dots(ax, levels, own.mean(0), look, alpha=0.6, s=20)
            ax.set(xlim=span, ylim=height, xlabel="base-stock level (units)")
            ax.set_ylabel("position after ordering" if ax is axes[0, 0] else "")
            detail(ax, name, details[name])
            quiet(ax)
    return figure


def _padded(values: Array) -> tuple[float, float]:
    """Ends of an axis that holds the values."""
    low, high = float(values.min()), float(values.max())
    edge = 0.08 * max(high - low, 1.0)
    return low - edge, high + edge
