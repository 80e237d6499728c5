"""Figure: what weighing the balance of a dispatch down does to the guidance's noise, and to the balance."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import quiet, rule
from dgpg_verify.reporting.drawing.look import MUTED, Look, credit_look
from dgpg_verify.reporting.drawing.marks import bars, joined, key
from dgpg_verify.reporting.drawing.sheet import panels
from dgpg_verify.reporting.frame import Frame, Frames, known, need, where
from dgpg_verify.statistics.verdict import MARGIN

LOOKS = {
    "variance": (credit_look("guidance"), "noise: variance of one agent's gradient"),
    "imbalance_penalty": (Look("#8a5fb5", "D"), "imbalance left: its penalty per generator"),
}


def draw_balance(frames: Frames) -> Figure:
    """Both powers of N against gamma, with their intervals, and those that were predicted. Table `balance_weights`.
    Raises NothingToDraw."""
    rows = need(known(frames["balance_weights"], "exponent").sort_values("gamma"), "balance_weights", "C8 row")
    fig, axes = panels(
        1, 1, title=_title(rows), height=3.0, width=8.5,
        subtitle="Powers of N against gamma, where the balance of all generators weighs N^-gamma in what the guidance "
        "descends.",
        caption="Bars: 95 % intervals over draws. Dashed: what was written down before measuring: noise N^(1 - 2 "
        "gamma) down to N^0, imbalance N^(2 gamma - 1) up to gamma = 1/2. Grey: no growth, within the margin.",
        keys=[key(words, look) for look, words in LOOKS.values()],
    )  # fmt: skip
    ax = axes[0, 0]
    ax.axhspan(-MARGIN, MARGIN, color=MUTED, alpha=0.12, lw=0.0, zorder=0)
    rule(ax, 0.0)
    for statistic, (look, _) in LOOKS.items():
        _draw(ax, where(rows, statistic=statistic), look)
    ax.set_xlabel("gamma")
    ax.set_ylabel("power of N")
    ax.set_xticks(sorted(rows["gamma"].unique()))
    quiet(ax)
    return fig


def _draw(ax: Axes, rows: Frame, look: Look) -> None:
    bars(ax, rows["gamma"], rows["low"], rows["high"], look)
    joined(ax, rows["gamma"], rows["exponent"], look)
    predicted = known(rows, "predicted")
    ax.plot(predicted["gamma"], predicted["predicted"], color=look.color, ls=(0, (4, 2)), lw=1.0, zorder=3)


def _title(rows: Frame) -> str:
    """From which weight on the noise no longer grows, and up to which the imbalance still falls."""
    noise, left = (where(rows, statistic=statistic) for statistic in LOOKS)
    still = noise[noise["high"] <= MARGIN]["gamma"]
    falls = left[left["high"] < -MARGIN]["gamma"]
    if still.empty or falls.empty or still.min() > falls.max():
        return "No weight of the balance both quiets the guidance and keeps the balance"
    ends = np.unique([still.min(), falls.max()])
    weights = " to ".join(f"N^-{gamma:g}" for gamma in ends)
    return f"With a weight of {weights} the noise does not grow and the imbalance left still falls"
