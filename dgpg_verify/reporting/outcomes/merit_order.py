"""Generators in merit order: cumulative output against incremental cost, before and after training, and the optimum."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dgpg_verify.reporting.drawing.axes import quiet, rule
from dgpg_verify.reporting.drawing.look import DASHED, INK, MUTED, Look, styled
from dgpg_verify.reporting.drawing.marks import key
from dgpg_verify.reporting.drawing.sheet import panels

Array = NDArray[np.float64]
LOOKS = (Look("#d55e00", ""), Look("#0072b2", ""), Look(INK, "", dash=DASHED))  # before, after, reference
CAPTION = (
    "Step: one generator, as wide as its output (on average over the policy's random choices), as high as its "
    "incremental cost there, q p + b; generators in order of this cost. Where no limit binds, it is one and the same "
    "in the optimum. Cost: fuel and lack of balance, mean over {workloads} evaluations. {others}"
)


def draw_merit_order(
    curves: Mapping[str, tuple[Array, Array]], demand: float, title: str, subtitle: str, **words: object
) -> Figure:
    """One stair per dispatch. curves: name -> output [N] and incremental cost [N] of every generator, the reference
    last; demand in the unit of the outputs. words: what the caption leaves open."""
    keys = [key(name, look, lw=2.0) for name, look in zip(curves, LOOKS)]
    with styled():
        figure, axes = panels(1, 1, title=title, subtitle=subtitle, caption=CAPTION.format(**words), height=3.6,
                              width=9.0, keys=keys)  # fmt: skip
        ax = axes[0, 0]
        for (output, cost), look in zip(curves.values(), LOOKS):
            order = np.argsort(cost, kind="stable")
            edges = np.concatenate([[0.0], output[order].cumsum()])
            ax.stairs(cost[order], edges, baseline=None, color=look.color, lw=2.0, ls=look.dash)
        rule(ax, x=demand)
        ax.annotate(f"demand {demand:.4g}", (demand, 1.0), (-4, -2), xycoords=("data", "axes fraction"),
                    textcoords="offset points", color=MUTED, ha="right", va="top")  # fmt: skip
        ax.set(xlabel="cumulative output (units of power)", ylabel="incremental cost (cost a unit of power)")
        ax.set_xlim(0.0, None)
        quiet(ax)
    return figure
