"""Figure in plain words: how many roll-outs until one agent's step points the right way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import quiet, rule
from dgpg_verify.reporting.drawing.look import GRID, MUTED, credit_look
from dgpg_verify.reporting.drawing.marks import dots
from dgpg_verify.reporting.frame import PLACE, Frame, Frames, need, where
from dgpg_verify.reporting.noise.credits import by_place, headline_credits
from dgpg_verify.reporting.wording import count_text

WANTED = (5, 50, 200, 1500)  # the N at which roll-outs until a step points the right way are compared
LEFT = 0.85  # roll-outs at the left edge: every stem starts there


def _text(rollouts: float, censored: bool) -> str:
    if np.isnan(rollouts):
        return "not reached"
    return f"more than {count_text(rollouts)}" if censored else count_text(rollouts)


def _needed_text(name: str, rows: Frame) -> str:
    median = rollouts_needed(rows).iloc[0]
    return f"{_text(median['rollouts'], median['censored'])} with {name}"


def _panel(ax: Axes, rows: Frame, credits: Sequence[str], most: float) -> None:
    """One block per N, one stem per credit."""
    sizes = sorted(set(rows["n"]))
    credits = [credit for credit in credits if credit in set(rows["credit"])]
    ax.set_ylim(len(sizes) - 0.42, -0.62)
    ax.set_xscale("log")
    ax.set_xlim(LEFT, most * 14)
    decades = [10.0**d for d in range(int(np.ceil(np.log10(most))) + 1)]
    ax.set_xticks(decades, [count_text(count) for count in decades])
    for median in rollouts_needed(rows).itertuples():
        block, k = sizes.index(median.n), credits.index(median.credit)
        y = block + (k - (len(credits) - 1) / 2) / (len(credits) + 0.9)
        counts = where(rows, n=median.n, credit=median.credit)["rollouts"].fillna(most).clip(lower=1.0)
        _stem(ax, y, median, most)
        dots(ax, counts, y, credit_look(median.credit), marker="o", s=12, zorder=3)
    for block in range(1, len(sizes)):
        rule(ax, block - 0.5, color=GRID, lw=0.8, ls="-", zorder=0)
    ax.set_yticks(range(len(sizes)), [f"{n:g}\nagents" for n in sizes])
    quiet(ax, lines=False)
    ax.tick_params(axis="y", labelcolor=MUTED)
    ax.set_xlabel("roll-outs (logarithmic)")


def _stem(ax: Axes, y: float, median: Any, most: float) -> None:
    """The median as a stem with its number at the end; dotted with an arrow where it is a lower bound."""
    look = credit_look(median.credit)
    end = most if np.isnan(median.rollouts) else max(median.rollouts, 1.0)
    dash, marker = ((0, (1.5, 1)), ">") if median.censored else ("-", look.marker)
    ax.plot([LEFT, end], [y, y], color=look.color, lw=3.4, alpha=0.3, solid_capstyle="butt", zorder=2, ls=dash)
    ax.plot([end], [y], ls="none", marker=marker, ms=7, color=look.color, mec="white", mew=0.5, zorder=4)
    ax.annotate(
        _text(median.rollouts, median.censored), (end, y), xytext=(7, 0), textcoords="offset points", va="center",
        size=9, color=look.color, weight="bold",
    )  # fmt: skip


def draw_pointing(frames: Frames) -> Figure:
    """Roll-outs until the cosine between an agent's averaged gradient and the exact one reaches 0.7.

    Table `pointing`; one panel per system and policy, one block per N. Raises NothingToDraw.
    """
    rows = few_sizes(need(frames["pointing"], "pointing", "row"))
    credits = [*headline_credits(rows), *(c for c in dict.fromkeys(rows["credit"]) if c.startswith("guided:"))]
    most = max(where(rows, credit=credits)["rollouts"].max(), 10.0)
    blocks = rows.groupby(PLACE)["n"].nunique().max()
    return by_place(
        rows,
        credits,
        lambda ax, same: _panel(ax, same, credits, most),
        _needed_text,
        title="Roll-outs until an agent's step points the right way: {compared}, among {last} agents",
        plain_title="Roll-outs until an agent's step points the right way",
        subtitle="What every agent needs before its step helps.",
        caption="Points the right way: cosine of at least 0.7 (within 45 degrees) between the average of that many "
        "roll-outs' gradients and the exact gradient. Arrow and dotted stem: not reached within the roll-outs "
        "measured, or never because of bias. Medians over replicates, small dots are replicates. Of all N measured, "
        "those nearest to 5, 50, 200 and 1500.",
        most=2,
        height=0.36 + 0.23 * blocks * (len(credits) + 0.9),
    )


def few_sizes(rows: Frame) -> Frame:
    """Per place the rows of at most four N: those measured nearest to 5, 50, 200 and 1500."""

    def nearest(sizes: pd.Series) -> pd.Series:
        measured = np.unique(sizes)
        distance = np.abs(np.log(np.divide.outer(WANTED, measured)))
        return sizes.isin(measured[distance.argmin(axis=1)])

    return rows[rows.groupby(PLACE)["n"].transform(nearest).astype(bool)]


def rollouts_needed(rows: Frame) -> Frame:
    """`pointing` with one row per place, credit and n: the upper median of `rollouts` over replicates.

    A replicate that never points the right way counts as beyond every number; where the median is one, `rollouts` is
    NaN. `censored` says that the median is a lower bound.
    """
    keys = [*PLACE, "credit", "n"]
    rows = rows.assign(rollouts=rows["rollouts"].fillna(np.inf))
    median = rows.groupby(keys, sort=False)["rollouts"].transform("quantile", 0.5, interpolation="higher")
    medians = rows.assign(
        rollouts=median.mask(median == np.inf),
        censored=(rows["censored"].eq(True) & (rows["rollouts"] >= median)) | (median == np.inf),
    )
    return medians.groupby(keys, as_index=False, sort=False).agg({"rollouts": "first", "censored": "any"})
