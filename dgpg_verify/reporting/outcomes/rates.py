"""Rates of flows against those of Kelly's system problem, before and after training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dgpg_verify.reporting.drawing.axes import limits, log_x, log_y, quiet
from dgpg_verify.reporting.drawing.look import MUTED, Look, styled
from dgpg_verify.reporting.drawing.marks import bars, dots
from dgpg_verify.reporting.drawing.sheet import detail, panels

Array = NDArray[np.float64]
LOOKS = (Look("#d55e00"), Look("#0072b2"), Look("#5b6473"))  # before, after, nearest levels
CAPTION = (
    "Dot: a flow, its rate on average over the policy's random choices; bar: levels chosen in every tenth case at "
    "least. Dashed: Kelly's rate, of the greatest sum of w log(rate) less the penalty of links above capacity. "
    "Nearest levels: those nearest in ratio to Kelly's rates. Cost: mean over {workloads} evaluations. {others}"
)


def draw_rates(
    kelly: Array, rates: Mapping[str, Array], spans: Mapping[str, tuple[Array, Array]], details: Mapping[str, str],
    title: str, subtitle: str, **words: object,
) -> Figure:  # fmt: skip
    """One panel for each of `rates`. kelly, rates: [N], units of capacity; spans: name of a panel -> ends of each
    flow's bar; details: the line below a panel's name; words: what the caption leaves open."""
    span = limits(np.concatenate([kelly, *rates.values(), *(end for ends in spans.values() for end in ends)]))
    with styled():
        figure, axes = panels(
            1, len(rates), title=title, subtitle=subtitle, caption=CAPTION.format(**words), height=3.2, detailed=True,
            gap=(0.6, 0.8),
        )  # fmt: skip
        for ax, (name, own), look in zip(axes[0], rates.items(), LOOKS):
            log_y(ax, *span)
            ticks = ax.get_yticks()
            log_x(ax, *span)
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.plot(span, span, color=MUTED, lw=1.0, ls=(0, (6, 2)), zorder=1)
            if name in spans:
                bars(ax, kelly, *spans[name], look, lw=0.8, alpha=0.35)
            dots(ax, kelly, own, look, alpha=0.6, s=20)
            ax.set(xlabel="Kelly's rate (units of capacity)", ylabel="rate" if ax is axes[0, 0] else "")
            detail(ax, name, details[name])
            quiet(ax)
    return figure
