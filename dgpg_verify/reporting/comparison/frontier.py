"""Figure: noise, bias and time of every credit, and which of them no other beats in bias and price at once.

The price of a step is what it takes until its signal is as large as its noise: as many roll-outs as the noise-to-signal
says, one at least, each of which is played and weighed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.core.moments import EstimateMoments
from dgpg_verify.reporting.drawing.axes import limits, quiet
from dgpg_verify.reporting.drawing.look import INK, MUTED, SIZES, Look, shades
from dgpg_verify.reporting.drawing.marks import dots, key
from dgpg_verify.reporting.drawing.sheet import detail, indent, panels
from dgpg_verify.reporting.frame import Frame, Frames, few, need, where
from dgpg_verify.reporting.wording import credit_name

MOST_SIZES = 3  # N that are drawn
OURS = "dgpg/"  # the mixtures, by their reading
LINE = 0.26  # inches a credit
COLUMNS = {
    "noise": ("noise-to-signal", "variance over squared mean step"),
    "angle": ("bias", "degrees from grad J"),
    "seconds": ("time of the credit", "times that of playing"),
    "price": ("price of a step", "roll-outs x (1 + time)"),
}


def draw_frontier(frames: Frames) -> Figure:
    """One line a credit, one mark for each of at most three N. Table `frontier`. Raises NothingToDraw."""
    rows = need(frames["frontier"], "frontier", "credit")
    points = frontier_points(rows)
    sizes = few(common_sizes(points), MOST_SIZES)
    last = where(points, n=max(sizes))
    order, best = list(last.sort_values("price")["credit"]), undominated(last)
    users = dict(zip(rows["credit"], rows["methods"], strict=True))
    names = [_name(credit, users[credit]) for credit in order]
    looks = {n: Look(color, "o") for n, color in shades(sizes, SIZES).items()}
    fig, axes = panels(
        1, 4, title=_title(order, best, max(sizes)), height=LINE * (len(order) + 1), width=12.0, gap=(0.3, 0.8),
        subtitle="One line a credit, in the order of its price among most agents; bold: no other is better there in "
        "both bias and price.",
        caption="Load balancing, uniform policies; ratios of means over fleets, learned parts fitted on separate "
        "roll-outs. Time: of the credit, over that of playing the roll-outs. Price: roll-outs until the mean step is "
        "as large as its noise, one at least, times what each takes. No mark in the first column: no noise. DG-PG at "
        f"alpha = 0.2. Up to {rows['fleet'].nunique()} fleets for each N.{_fitting(where(rows, n=max(sizes)))}",
        keys=[key(f"N = {n:g}", look, ls="none") for n, look in looks.items()], detailed=True,
    )  # fmt: skip
    for ax, column in zip(axes[0], COLUMNS, strict=True):
        for n in sizes:
            _marks(ax, where(points, n=n), order, column, looks[n])
        _column(ax, points[column], [credit in best for credit in order], column)
    axes[0][0].set_yticklabels(names)
    indent(fig, axes, 3.3)
    return fig


def frontier_points(rows: Frame) -> Frame:
    """One row per credit and N: noise-to-signal, angle to grad J in degrees, seconds and price, of means over fleets.
    Squares that are estimated without bias may fall below 0: NaN then."""
    sums = rows.groupby(["credit", "n"], sort=False, as_index=False)[
        ["variance", "signal", "inner", "objective", "seconds"]
    ].mean()
    moments = [EstimateMoments(r.variance, r.signal, r.inner, r.objective) for r in sums.itertuples()]
    cosines = [moment.alignment for moment in moments]
    noise = np.array([moment.noise_to_signal for moment in moments])
    return sums.assign(
        noise=noise,
        price=np.maximum(noise, 1.0) * (1.0 + sums["seconds"]),
        angle=[math.nan if math.isnan(c) else math.degrees(math.acos(min(1.0, max(-1.0, c)))) for c in cosines],
    )[["credit", "n", *COLUMNS]]


def common_sizes(points: Frame) -> list[float]:
    """The N at which every credit was measured, ascending: learned ones are too slow for the largest. Raises
    NothingToDraw where there is none."""
    counts = points.groupby("n")["credit"].nunique()
    return [
        float(n) for n in need(counts[counts == points["credit"].nunique()].reset_index(), "frontier", "common N")["n"]
    ]


def undominated(points: Frame) -> list[str]:
    """Credits of one N to which no other is at least equal in angle and price and better in one of them."""
    table = points[["angle", "price"]].fillna(np.inf).to_numpy()
    beaten = [any((other <= mine).all() and (other < mine).any() for other in table) for mine in table]
    return [credit for credit, lost in zip(points["credit"], beaten, strict=True) if not lost]


def _marks(ax: Axes, points: Frame, order: Sequence[str], column: str, look: Look) -> None:
    places = [order.index(credit) for credit in points["credit"]]
    values = points[column].where(points[column] > 0.0) if column != "angle" else points[column]
    dots(ax, values, places, look, alpha=0.95, s=26, zorder=4)


def _column(ax: Axes, values: pd.Series, bold: Sequence[bool], column: str) -> None:
    ax.set_ylim(len(bold) - 0.4, -0.6)
    if column == "angle":
        ax.set_xlim(-3.0, max(95.0, float(values.max()) + 3.0))
    else:
        ax.set_xscale("log")
        ax.set_xlim(*limits(values[values > 1e-9].to_numpy(), pad=0.1, least_decades=1.0))
    ax.set_yticks(range(len(bold)), [""] * len(bold))
    for label, best in zip(ax.get_yticklabels(), bold, strict=True):
        label.set(weight="bold" if best else "normal", color=INK if best else MUTED, size=9)
    quiet(ax)
    ax.grid(True, axis="both", lw=0.5)
    detail(ax, *COLUMNS[column])


def _name(credit: str, methods: str) -> str:
    """A credit in words; a mixture by the method's name."""
    return methods if credit.startswith(OURS) else credit_name(credit)


def _fitting(rows: Frame) -> str:
    """How long the learned parts took, credit by credit, in the means over the fleets of one N."""
    means = rows.groupby("credit", sort=False)["fitting"].mean()
    took = [f"{credit_name(str(credit))} {seconds:.2g} s" for credit, seconds in means[means > 0.0].items()]
    return f" Fitted in: {', '.join(took)}." if took else ""


def _title(order: Sequence[str], best: Sequence[str], n: float) -> str:
    ours = [credit.removeprefix(OURS) for credit in best if credit.startswith(OURS)]
    stands = f"DG-PG is among them in reading {' and '.join(ours)}" if ours else "DG-PG is in no reading among them"
    return f"Among {n:g} agents {len(best)} of {len(order)} credits are unbeaten in bias and price at once; {stands}"
