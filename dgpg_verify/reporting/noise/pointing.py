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
from dgpg_verify.reporting.frame import PLACE, Frame, Frames, need, where
from dgpg_verify.reporting.noise.credits import TITLED, by_place, headline_credits
from dgpg_verify.reporting.wording import count_text

WANTED = (5, 50, 200, 1500)  # the N at which roll-outs until a step points the right way are compared
LEFT = 0.85  # roll-outs at the left edge: every stem starts there


def _text(rollouts: float) -> str:
    return "not reached" if np.isnan(rollouts) else count_text(rollouts)


def _needed_text(name: str, rows: Frame) -> str:
    """'240 with guidance'; of several credits the least and the most: '17 to 240 with DG-PG'."""
    texts = [_text(rollouts) for rollouts in rows["rollouts"].sort_values()]  # missing ones last
    return f"{' to '.join(dict.fromkeys((texts[0], texts[-1])))} with {name}"


def _panel(ax: Axes, rows: Frame, credits: Sequence[str], most: float) -> None:
    """One block per N, one stem per credit."""
    sizes = sorted(set(rows["n"]))
    credits = [credit for credit in credits if credit in set(rows["credit"])]
    ax.set_ylim(len(sizes) - 0.42, -0.62)
    ax.set_xscale("log")
    ax.set_xlim(LEFT, most * 14)
    decades = [10.0**d for d in range(int(np.ceil(np.log10(most))) + 1)]
    ax.set_xticks(decades, [count_text(count) for count in decades])
    for row in where(rows, credit=credits).itertuples():
        block, k = sizes.index(row.n), credits.index(row.credit)
        _stem(ax, block + (k - (len(credits) - 1) / 2) / (len(credits) + 0.9), row, most)
    for block in range(1, len(sizes)):
        rule(ax, block - 0.5, color=GRID, lw=0.8, ls="-", zorder=0)
    ax.set_yticks(range(len(sizes)), [f"{n:g}\nagents" for n in sizes])
    quiet(ax, lines=False)
    ax.tick_params(axis="y", labelcolor=MUTED)
    ax.set_xlabel("roll-outs (logarithmic)")


def _stem(ax: Axes, y: float, row: Any, most: float) -> None:
    """The number as a stem that it ends; dotted with an arrow where it is never reached."""
    look, never = credit_look(row.credit), bool(np.isnan(row.rollouts))
    end = most if never else row.rollouts
    dash, marker = ((0, (1.5, 1)), ">") if never else ("-", look.marker)
    ax.plot([LEFT, end], [y, y], color=look.color, lw=3.4, alpha=0.3, solid_capstyle="butt", zorder=2, ls=dash)
    ax.plot([end], [y], ls="none", marker=marker, ms=7, color=look.color, mec=look.edge, mew=0.5, zorder=4)
    ax.annotate(
        _text(row.rollouts), (end, y), xytext=(7, 0), textcoords="offset points", va="center",
        size=9, color=look.color, weight="bold",
    )  # fmt: skip


def draw_pointing(frames: Frames) -> Figure:
    """Roll-outs until the cosine between an agent's averaged gradient and the exact one reaches 0.7.

    Medians over fleets. Table `pointing`; one panel per system and policy, one block per N. Raises NothingToDraw.
    """
    rows = few_sizes(need(frames["pointing"], "pointing", "row"))
    guided = [credit for credit in dict.fromkeys(rows["credit"]) if credit.startswith("guided:")]
    credits = [*headline_credits(rows), *guided]
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
        "roll-outs' gradients and the exact gradient, from the exact moments of one roll-out's. Medians over fleets. "
        "Arrow and dotted stem: half of the fleets or more never reach it, because of bias. Of all N measured, those "
        "nearest to 5, 50, 200 and 1500.",
        titled=TITLED | {"DG-PG": guided},
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
