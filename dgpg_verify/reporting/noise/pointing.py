"""Figure in plain words: how many roll-outs until one agent's step points the right way."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.grid import credit_keys, grid
from dgpg_verify.reporting.drawing.lines import headline_credits, not_drawn
from dgpg_verify.reporting.drawing.select import Group, groups, need, number, pick
from dgpg_verify.reporting.drawing.style import GRID, MUTED, credit_style, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import count_text, credit_name

WANTED = (5, 50, 200, 1500)
Answer = tuple[float | None, bool]  # median roll-outs (None: not reached), censored


def _answer(rows: Sequence[Record]) -> Answer:
    """The median over replicates, a never-reached one counting as beyond every number."""
    values = sorted(np.inf if (v := number(row.get("rollouts"))) is None else v for row in rows)
    middle = values[len(values) // 2]
    censored = any(row.get("censored") for row in rows if (number(row.get("rollouts")) or np.inf) >= middle)
    return (None, True) if np.isinf(middle) else (middle, censored)


def _text(answer: Answer) -> str:
    value, censored = answer
    if value is None:
        return "not reached"
    return f"more than {count_text(value)}" if censored else count_text(value)


def _title(rows: Sequence[Record]) -> str:
    last = max(row["n"] for row in rows)
    said = []
    for names in (("return", "return:centred"), ("guidance", "guidance:chain_rule")):
        mine = [row for row in rows if row["credit"] in names and row["n"] == last]
        if mine:
            said.append(f"{_text(_answer(mine))} with {credit_name(names[0])}")
    start = "Roll-outs until an agent's step points the right way"
    return f"{start}: {', '.join(said)}, among {last} agents" if said else start


def _few(rows: Sequence[Record]) -> list[Record]:
    """The rows of at most four N: those measured nearest to 5, 50, 200 and 1500."""
    ns = sorted({row["n"] for row in rows})
    chosen = {min(ns, key=lambda n: abs(math.log(n / wanted))) for wanted in WANTED}
    return [row for row in rows if row["n"] in chosen]


def _panel(ax: Axes, rows: Sequence[Record], credits: Sequence[str], most: float) -> None:
    """One block per N, one stem per credit, the number written at its end."""
    ns = sorted({row["n"] for row in rows})
    credits = [credit for credit in credits if any(row["credit"] == credit for row in rows)]
    step = 1.0 / (len(credits) + 0.9)
    ax.set_ylim(len(ns) - 0.42, -0.62)
    ax.set_xscale("log")
    ax.set_xlim(0.85, most * 14)
    decades = range(int(np.ceil(np.log10(most))) + 1)
    ax.set_xticks([10.0**d for d in decades], [count_text(10.0**d) for d in decades])
    ax.set_xticks([], minor=True)
    for block, n in enumerate(ns):
        for k, credit in enumerate(credits):
            mine = [row for row in rows if row["n"] == n and row["credit"] == credit]
            if not mine:
                continue
            style = credit_style(credit)
            y = block + step * (k - (len(credits) - 1) / 2)
            value, censored = _answer(mine)
            end = most if value is None else max(value, 1.0)
            ax.plot([0.85, end], [y, y], color=style.color, lw=3.4, alpha=0.3, solid_capstyle="butt", zorder=2,
                    ls=(0, (1.5, 1)) if censored else "-")  # fmt: skip
            each = [max(v, 1.0) if (v := number(row.get("rollouts"))) is not None else most for row in mine]
            ax.scatter(
                each, [y] * len(each), s=12, color=style.color, alpha=0.4, linewidths=0, zorder=3, gid="replicates"
            )
            ax.plot([end], [y], ls="none", marker=">" if censored else style.marker, ms=7, color=style.color,
                    mec="white", mew=0.5, zorder=4)  # fmt: skip
            ax.annotate(_text((value, censored)), (end, y), xytext=(7, 0), textcoords="offset points", va="center",
                        size=9, color=style.color, weight="bold")  # fmt: skip
        if block:
            ax.axhline(block - 0.5, color=GRID, lw=0.8, zorder=0)
    ax.set_yticks(range(len(ns)), [f"{n:g}\nagents" for n in ns])
    quiet(ax)
    ax.grid(False)
    ax.tick_params(axis="y", length=0, labelcolor=MUTED)
    ax.set_xlabel("roll-outs (logarithmic)")


def draw_pointing(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Roll-outs until the cosine between an agent's averaged gradient and the exact one reaches 0.7.

    tables["pointing"]; one panel per system and policy, one block per N. Raises NothingToDraw.
    """
    rows = pick(tables.get("pointing", ()), group)
    need(rows, "pointing", "row")
    credits = headline_credits(rows)
    left = not_drawn(rows, credits)
    places = groups(rows)
    rows = [row for place in places for row in _few(pick(rows, place)) if row["credit"] in credits]
    most = max([v for row in rows if (v := number(row.get("rollouts"))) is not None] + [10.0])
    blocks = max(len({row["n"] for row in pick(rows, place)}) for place in places)
    caption = (
        "Points the right way: cosine of at least 0.7 (within 45 degrees) between the average of that "
        "many roll-outs' gradients "
        "and the exact gradient. Arrow and dotted stem: not reached within the roll-outs measured, or "
        "never because of bias. "
        f"Medians over replicates, small dots are replicates. Of all N measured, those nearest to 5, 50, 200 and 1500."
        f"{left} {dispute}"
    )
    with styled():
        fig, axes = grid(
            places,
            title=_title(pick(rows, places[0])),
            subtitle=f"Numbers of the title: {places[0].title}. What every agent needs before its step helps.",
            caption=caption,
            keys=credit_keys(credits),
            most=2,
            height=0.36 + 0.23 * blocks * (len(credits) + 0.9),
        )
        for place, ax in axes.items():
            _panel(ax, pick(rows, place), credits, most)
    return fig
