"""Figure: joint samples that every method needs to shares of the first gap, among few and many agents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.comparison.frontier import LINE, MOST_SIZES
from dgpg_verify.reporting.drawing.axes import limits, quiet
from dgpg_verify.reporting.drawing.look import SIZES, Look, shades
from dgpg_verify.reporting.drawing.marks import dots, key
from dgpg_verify.reporting.drawing.sheet import detail, indent, panels
from dgpg_verify.reporting.frame import Frame, Frames, few, need, where

MOST_FACTORS = 3


def draw_arrivals(frames: Frames) -> Figure:
    """One line a method, one mark for each of at most three N: the upper median over fleets. Table `compared_arrivals`.
    Raises NothingToDraw."""
    points = median_arrivals(need(frames["compared_arrivals"], "compared_arrivals", "method"))
    sizes, factors = few(sorted(points["n"].unique()), MOST_SIZES), few(sorted(points["factor"].unique()), MOST_FACTORS)
    order = ordered(points, max(sizes))
    looks = {n: Look(color, "o") for n, color in shades(sizes, SIZES).items()}
    fig, axes = panels(
        1, len(factors), title=_title(points, order, max(sizes), factors), height=LINE * (len(order) + 1), width=12.0,
        gap=(0.3, 0.8),
        subtitle="One line a method; first those that come nearest, with fewest samples, among most agents.",
        caption="Load balancing; every method from the same start, with the settings that systems of one step have "
        "where nothing else is asked. Upper medians over fleets; no mark: more than half of the fleets did not come to "
        "stay within that share of the first gap.",
        keys=[key(f"N = {n:g}", look, ls="none") for n, look in looks.items()], detailed=True,
    )  # fmt: skip
    for ax, factor in zip(axes[0], factors, strict=True):
        for n in sizes:
            part = where(points, n=n, factor=factor)
            dots(ax, part["samples"], [order.index(name) for name in part["method"]], looks[n], alpha=0.95, s=26)
        _column(ax, points, len(order), factor)
    axes[0][0].set_yticks(range(len(order)), order, size=9)
    indent(fig, axes, 3.0)
    return fig


def median_arrivals(rows: Frame) -> Frame:
    """One row per method, N and factor: the upper median of samples over fleets, NaN where half did not arrive."""
    rows = rows.assign(samples=rows["samples"].fillna(np.inf))
    keys = ["method", "n", "factor"]
    medians = rows.groupby(keys, sort=False)["samples"].quantile(0.5, interpolation="higher").reset_index()
    return medians.assign(samples=medians["samples"].replace(np.inf, np.nan))


def ordered(points: Frame, n: float) -> list[str]:
    """Methods by how many shares they reach among n agents, then by the samples to the last of them."""
    found = where(points, n=n).groupby("method", sort=False)["samples"].agg(["count", "max"])
    return list(found.sort_values(["count", "max"], ascending=[False, True]).index)


def _column(ax: Axes, points: Frame, lines: int, factor: float) -> None:
    ax.set_ylim(lines - 0.4, -0.6)
    ax.set_xscale("log")
    ax.set_xlim(*limits(points["samples"].dropna().to_numpy(), pad=0.1, least_decades=1.0))
    ax.set_yticks(range(lines), [""] * lines)
    quiet(ax)
    ax.grid(True, axis="both", lw=0.5)
    detail(ax, f"gap / {factor:g}", "joint samples")


def _title(points: Frame, order: Sequence[str], n: float, factors: Sequence[float]) -> str:
    last = where(points, n=n, factor=max(factors)).dropna(subset="samples")
    return (
        f"Among {n:g} agents {last['method'].nunique()} of {len(order)} methods come within 1/{max(factors):g} of the "
        "first gap"
    )
