"""Figure: smoothness and gradient-domination constants against N, and what they predict against what was needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.lines import limits
from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import (
    MUTED,
    EndLabel,
    detail,
    label_ends,
    log_y,
    n_axis,
    panels,
    quiet,
    styled,
)
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.samples.parts import (
    complexity_method,
    complexity_system,
    log_x,
    method_look,
    methods_in,
    systems_in,
)
from dgpg_verify.reporting.wording import number_text

DRAWN = {"smoothness": "largest curvature L", "1/mu": "1 / \u03bc of gradient domination"}
COLORS = {"team/aligned": "#0072b2", "team/biased": "#56b4e9", "game/fluid": "#d55e00", "game/biased": "#e69f00",
          "game/plain": "#8a5fb5"}  # fmt: skip
SPARE = "#6b7a2b"


def pairs_of(rows: Sequence[Record]) -> list[tuple[float, float]]:
    """(predicted, observed) where both are known and positive; a record holds a number a field, or one a fleet."""
    made = []
    for row in rows:
        both = [row.get(k) if isinstance(row.get(k), list) else [row.get(k)] for k in ("predicted", "observed")]
        for predicted, observed in zip(*both):
            found = number(predicted), number(observed)
            if found[0] is not None and found[1] is not None and min(found[0], found[1]) > 0:
                made.append((found[0], found[1]))
    return made


def _constant(ax: Axes, rows: Sequence[Record]) -> None:
    """One line a system and source, its spread over fleets; measured ones are hollow and dashed."""
    n_axis(ax, {float(row["n_agents"]) for row in rows})
    ends = []
    values = [v for row in rows for k in ("median", "low", "high") if (v := number(row.get(k))) is not None]
    log_y(ax, *limits(values, least_decades=1.0))
    for system in systems_in(rows):
        color = COLORS.get(system, SPARE)
        for source in dict.fromkeys(str(row.get("source") or "") for row in rows if row["system"] == system):
            mine = [row for row in rows if row["system"] == system and str(row.get("source") or "") == source]
            mine.sort(key=lambda row: row["n_agents"])
            x, y = (np.array([float(row[k]) for row in mine]) for k in ("n_agents", "median"))
            closed = source.startswith("closed")
            line: dict[str, Any] = {
                "lw": 1.5,
                "ls": "-" if closed else (0, (4, 2)),
                "mfc": color if closed else "white",
            }
            (drawn,) = ax.plot(x, y, color=color, marker="o" if closed else "s", ms=5.5, zorder=3, **line)
            drawn.set_gid("replicates")
            for row in mine:
                low, high = number(row.get("low")), number(row.get("high"))
                if low is not None and high is not None and low > 0:
                    ax.plot([row["n_agents"]] * 2, [low, high], color=color, lw=1.2, alpha=0.5, zorder=2)
        ends.append(EndLabel(float(x[-1]), float(y[-1]), complexity_system(system).replace(" with entropy", ""), "",
                             color))  # fmt: skip
    quiet(ax)
    label_ends(ax, ends, size=8.4)


def _predicted(ax: Axes, rows: Sequence[Record]) -> None:
    """Observed against predicted samples, one mark a record or fleet; on the dashed line they are equal."""
    every = pairs_of(rows)
    span = limits([v for pair in every for v in pair], least_decades=1.0)
    log_x(ax, *span)
    log_y(ax, *span)
    ax.plot(span, span, color=MUTED, lw=1.0, ls=(0, (6, 2)), zorder=1)
    ax.fill_between(span, span, [span[0]] * 2, color="#009e73", alpha=0.08, lw=0, zorder=0)
    for method in methods_in(rows):
        found = pairs_of([row for row in rows if row["method"] == method])
        if found:
            look = method_look(method)
            x, y = np.array(found).T
            dots = ax.scatter(x, y, s=20, color=look.color, marker=look.marker, alpha=0.6, linewidths=0, zorder=3)
            dots.set_gid("replicates")
    quiet(ax)
    ax.set_xlabel("predicted from the constants")


def draw_complexity_constants(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """L and 1/mu against N by system; predicted against observed n_eps by method.

    tables["complexity_constants"] and tables["complexity_predicted"]; a panel without data is left out. Raises
    NothingToDraw.
    """
    every = tables.get("complexity_constants", ())
    known = [r for r in every if (number(r.get("median")) or 0.0) > 0 and number(r.get("n_agents"))]
    shown = [what for what in DRAWN if any(row.get("what") == what for row in known)]
    predicted = [row for row in tables.get("complexity_predicted", ()) if pairs_of([row])]
    count = len(shown) + bool(predicted)
    need([*shown, *predicted], "complexity_constants", "constant or prediction")
    methods = methods_in(predicted)
    keys = [(Line2D([], [], ls="none", color=method_look(m).color, marker=method_look(m).marker, ms=6.5),
             complexity_method(m)) for m in methods]  # fmt: skip
    caption = (
        "Constants: median over fleets, bars: spread over fleets; filled: closed form, hollow and dashed: measured "
        "(in the game along its noise-free run). Predicted: the theory's bound on the samples to \u03b5 from these "
        f"constants, with its own step sizes; green: fewer were needed, as a bound demands. {dispute}"
    )
    with styled():
        fig, axes = panels(
            1, count, title=_title(known, predicted), caption=caption, keys=keys, height=3.0, gap=(0.95, 0.8),
            subtitle="The rate behind C3 asks that neither L nor 1/\u03bc grows with N.", detailed=True,
            width={1: 7.5, 2: 11.0}.get(count, 13.5),
        )  # fmt: skip
        for ax, what in zip(axes[0], shown):
            box = ax.get_position()
            ax.set_position((box.x0, box.y0, box.width - 1.5 / fig.get_figwidth(), box.height))
            _constant(ax, [row for row in known if row["what"] == what])
            detail(ax, DRAWN[what], "against N")
        if predicted:
            _predicted(axes[0][-1], predicted)
            detail(axes[0][-1], "Samples to \u03b5", "needed against predicted")
    return fig


def _title(known: Sequence[Record], predicted: Sequence[Record]) -> str:
    """Growth of 1/mu from the least to the largest N by system, and by how much the prediction exceeds need."""
    said = []
    for system in systems_in(known):
        mine = [row for row in known if (row["system"], row["what"]) == (system, "1/mu")]
        mine = sorted((r for r in mine if r.get("source") == mine[0].get("source")), key=lambda r: r["n_agents"])
        if len(mine) > 1 and mine[0]["n_agents"] < mine[-1]["n_agents"]:
            factor = float(mine[-1]["median"]) / float(mine[0]["median"])
            said.append(f"times {number_text(factor, 2)} ({complexity_system(system)})")
    ratios = [p / o for p, o in pairs_of(predicted)]
    text = f"1/\u03bc from the least to the largest N: {', '.join(said[:3])}" if said else ""
    if ratios:
        bound = f"the bound is {number_text(min(ratios), 2)} to {number_text(max(ratios), 2)} times what was needed"
        text = f"{text}; {bound}" if text else bound[0].upper() + bound[1:]
    return text or "Constants against N"
