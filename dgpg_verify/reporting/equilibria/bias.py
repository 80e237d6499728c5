"""Figure: in how many fleets the equilibrium sets of J and J_alpha are equal, against the bias of the reference."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.captions import count_range
from dgpg_verify.reporting.drawing.look import Look, alpha_color
from dgpg_verify.reporting.drawing.marks import key
from dgpg_verify.reporting.drawing.sheet import detail, grid
from dgpg_verify.reporting.equilibria import laws
from dgpg_verify.reporting.equilibria.aggregate import SIZE, biased_rates, pure_rates, schedule_end
from dgpg_verify.reporting.equilibria.rates import percent, rate_axis, rate_curve, size_text
from dgpg_verify.reporting.frame import Frame, Frames, few, need, where

MOST_ALPHAS = 4


def draw_equilibrium_bias(frames: Frames) -> Figure:
    """Share of fleets with equal sets against the bias of the reference (0 = fluid): a panel per cost."""
    rows = need(biased_rates(pure_rates(frames["equilibrium_rates"])), "equilibrium_rates", "biased reference")
    rows = where(rows, alpha=few(rows["alpha"], MOST_ALPHAS))
    looks = {alpha: Look(alpha_color(alpha)) for alpha in sorted(rows["alpha"].unique())}
    costs = laws.costs_in(rows)
    fig, axes = grid(
        costs, most=4, title=_title(rows), caption=_caption(rows), gap=(0.55, 0.8),
        subtitle="Share of fleets with the same pure equilibria of J and J_\u03b1 when the reference is made wrong "
        "on purpose.",
        keys=[key(f"\u03b1 = {alpha:g}", style) for alpha, style in looks.items()],
    )  # fmt: skip
    for cost, ax in axes.items():
        own = where(rows, cost=cost)
        _panel(ax, own, looks, rows["bias"])
        detail(ax, laws.cost_name(cost), size_text(tuple(own[SIZE].iloc[0])))
    return fig


def _panel(ax: Axes, rows: Frame, looks: dict[float, Look], biases: Frame) -> None:
    rate_axis(ax)
    reach = biases.max() - biases.min()
    for k, (alpha, style) in enumerate(looks.items()):
        own = where(rows, alpha=alpha).sort_values("bias")
        rate_curve(ax, own, own["bias"] + reach * laws.aside(k, len(looks)), style)
    ticks = sorted(biases.unique())
    ax.set_xticks(ticks, [f"{bias:g}" for bias in ticks])
    ax.set_xlabel("bias D of the reference")


def _caption(rows: Frame) -> str:
    return (
        f"{count_range(rows['fleets'])} random fleets per point, bars are Clopper\u2013Pearson intervals. Bias D: the "
        "reference of every server times 1 + D or 1 \u2212 D, alternating by rank of capacity; 0 is the fluid "
        "reference. Green: 99\u00a0% and more."
    )


def _title(rows: Frame) -> str:
    """Rates without and with the largest bias where training ends, over all costs drawn."""
    end = schedule_end(rows)
    rates = end.groupby("bias")["rate"].agg(["min", "max"])
    parts = [
        f"in {' to '.join(dict.fromkeys(percent(rate) for rate in rates.loc[bias]))} of fleets with bias {bias:g}"
        for bias in (rows["bias"].min(), rows["bias"].max())
        if bias in rates.index
    ]
    alpha = end["alpha"].iloc[0]
    return f"At \u03b1\u00a0=\u00a0{alpha:g} the equilibria are the same {' and '.join(parts)}"
