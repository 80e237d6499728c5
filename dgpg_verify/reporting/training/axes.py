"""Axes of the training figures: scores between Random = 0 and Best-Fit = 1, episodes, episodes to settle."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes

from dgpg_verify.reporting.drawing.axes import Limits, log_y, plain_text, quiet, rule
from dgpg_verify.reporting.drawing.look import GRID, INK, MUTED

CLAIMED = (10, 20)  # episodes to converge as claimed: v1, and v3 on average
STRAIGHT = 10.0  # a long episode axis is linear up to here, logarithmic beyond
LONG = 100.0  # from here on an episode axis is long
FLOOR = 0.8  # lower end of a logarithmic axis of episodes
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # between ticks of a score axis
REFERENCES = {0.0: "Random 0", 1.0: "Best-Fit 1"}


def score_axis(ax: Axes, limits: Limits, *, named: bool = True) -> None:
    """Score upwards, with Random = 0 and Best-Fit = 1 as reference lines, named beside the axis (`named`)."""
    low, high = limits
    ax.set_ylim(low, high)
    step = next((s for s in STEPS if (high - low) / s < 7), STEPS[-1])
    ticks = np.round(np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step, 6) + 0.0  # no -0.0
    texts = REFERENCES if named else {}
    ax.set_yticks(ticks, [texts.get(float(t), f"{t:.{2 if step < 0.1 else 1}f}") for t in ticks])
    for score in REFERENCES:
        if low <= score <= high:
            rule(ax, score, zorder=1.5)


def score_across(ax: Axes, limits: Limits, heights: Iterable[float]) -> None:
    """Score to the right, with Random = 0 and Best-Fit = 1 as reference lines, and a thin line at each height."""
    ax.set_xlim(limits)
    for score in REFERENCES:
        rule(ax, x=score, zorder=1.5)
    for y in heights:
        ax.axhline(y, color=GRID, lw=0.7, zorder=0)
    quiet(ax, lines=False)
    ax.set_xlabel("score")


def names_left(ax: Axes, heights: Iterable[float], names: Iterable[str], *, shown: bool) -> None:
    """Names of the lines left of the panel; without `shown` the other panels' empty ticks."""
    if shown:
        ax.set_yticks(list(heights), list(names))
        ax.tick_params(axis="y", labelsize=9.0, labelcolor=INK, pad=6)
    else:
        ax.set_yticks([])


def settle_axis(ax: Axes, top: float) -> None:
    """Episodes upwards from 1 to `top`, logarithmic; the claimed 10 and 20 dotted."""
    log_y(ax, FLOOR, top * 1.25)
    ticks = [m * 10**k for k in range(6) for m in (1, 2, 5) if m * 10**k <= top * 1.25]
    ax.set_yticks(ticks, [plain_text(t) for t in ticks])
    for episodes in CLAIMED:
        rule(ax, episodes, lw=1.2, ls=":")


def episode_axis(ax: Axes, last: float, *, label: bool = True) -> None:
    """Episodes to the right, the claimed 10 and 20 dotted; beyond 100 episodes linear to 10, then logarithmic."""
    if last > LONG:
        ax.set_xscale("symlog", linthresh=STRAIGHT, linscale=0.8)
        marks = [0, 5, 10, *(m * 10**k for k in range(1, 6) for m in (2, 5, 10) if m * 10**k <= last * 1.02)]
        marks = [m for m in marks if last <= 300 or m < 20 or str(m)[0] == "1"]
    else:
        marks = list(range(0, int(last) + 1, 5 if last <= 20 else 10 if last <= 50 else 20))
    ax.set_xlim(-0.02 * max(last, 1.0), max(last, 1.0) * 1.03)
    ax.set_xticks(marks, [plain_text(m) for m in marks])
    ax.set_xticks([], minor=True)
    for episode in CLAIMED:
        if episode <= last:
            ax.axvline(episode, color=MUTED, lw=0.9, ls=":", alpha=0.7, zorder=0.5)
    if label:
        ax.set_xlabel("episodes")
