"""Figure: does a stationary point move as far as the shift law says when guidance is mixed in?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.lines import limits
from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import GRID, MIX, MUTED, detail, log_y, panels, quiet, styled
from dgpg_verify.reporting.equilibria.references import alphas_of, count_range
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import number_text

KINDS = {
    "team": ("Linear-quadratic team", "optimum; the law is exact"),
    "saddle": ("Saddles of 2 \u00d7 2 games", "mixed equilibria; the law is exact"),
    "entropy": ("Games with entropy", "unique optimum; exact for small moves"),
}
FLOOR = 1e-18  # a predicted or found shift of 0 has no place on a log axis


Pair = tuple[float, float, float]  # alpha, predicted, found


def _pairs(rows: Sequence[Record]) -> list[Pair]:
    """Where both are known and positive; a record holds one number a field, or a list with one a game."""
    made = []
    for row in rows:
        both = [
            row.get(name) if isinstance(row.get(name), list) else [row.get(name)] for name in ("predicted", "found")
        ]
        for values in zip(*both):
            alpha, predicted, found = (number(v) for v in (row.get("alpha"), *values))
            if alpha is not None and predicted is not None and found is not None and min(predicted, found) > FLOOR:
                made.append((alpha, predicted, found))
    return made


def _panel(ax: Axes, pairs: Sequence[Pair], colors: Mapping[float, str]) -> None:
    span = limits([v for _, *both in pairs for v in both], least_decades=1.0)
    log_y(ax, *span)
    ticks, texts = ax.get_yticks(), [text.get_text() for text in ax.get_yticklabels()]
    ax.set_xscale("log")
    ax.set_xlim(span)
    room = max(len(text) for text in texts) * len(texts) > 34  # labels side by side need more room than stacked ones
    ax.set_xticks(ticks, [text if not (room and k % 2) else "" for k, text in enumerate(texts)])
    ax.set_xticks([], minor=True)
    ax.plot(span, span, color=MUTED, lw=1.0, ls=(0, (6, 2)), zorder=1)
    for alpha, color in colors.items():
        if not any(a == alpha for a, *_ in pairs):
            continue
        x, y = np.array([(p, f) for a, p, f in pairs if a == alpha]).T
        dots = ax.scatter(x, y, s=15 if len(pairs) > 100 else 42, color=color, alpha=0.6, linewidths=0, zorder=2,
                          rasterized=len(pairs) > 3000)  # fmt: skip
        dots.set_gid("replicates")
    quiet(ax)
    ax.grid(True, axis="x", color=GRID, linewidth=0.8)
    ax.set_xlabel("predicted shift")


def _error(rows: Sequence[Record], pairs: Sequence[Pair]) -> float:
    """The largest error relative to the shift predicted: as stated (of one game to the mean shift), else of the "
    "pairs."""
    stated = [(number(r.get("largest_error")), number(r.get("predicted"))) for r in rows]
    known = [error / predicted for error, predicted in stated if error is not None and predicted]
    return max(known or [abs(found - predicted) / predicted for _, predicted, found in pairs])


def draw_equilibrium_shift(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Found against predicted norm of the shift, one panel a kind of equilibrium, one colour an alpha, every point.

    tables["equilibrium_shift"]. Raises NothingToDraw.
    """
    table = tables.get("equilibrium_shift", ())
    kinds = [k for k in KINDS if any(row.get("kind") == k for row in table)]
    kinds += [k for k in dict.fromkeys(str(row.get("kind")) for row in table) if k not in kinds]
    by_kind = {kind: [row for row in table if row.get("kind") == kind] for kind in kinds}
    pairs = {kind: _pairs(rows) for kind, rows in by_kind.items()}
    shown = [kind for kind in kinds if pairs[kind]]
    need(shown, "equilibrium_shift", "predicted and found shift")
    missing = sum(not _pairs([row]) for row in table)
    beyond = f" {missing} records without a shift or a prediction are not drawn." if missing else ""
    games = [row.get("fleets") for row in table]
    points = (
        "one game"
        if any(isinstance(row.get("found"), list) for row in table)
        else (f"the mean over {count_range(games)} games" if any(games) else "one game")
    )
    alphas = alphas_of(row for row in table if row.get("kind") in shown)
    colors = {a: to_hex(MIX(k / max(len(alphas) - 1, 1))) for k, a in enumerate(alphas)}  # by rank: alphas lie close
    keys = [
        (Line2D([], [], color=color, marker="o", ls="none", ms=6.5), f"\u03b1 = {alpha:g}")
        for alpha, color in colors.items()
    ]
    caption = (
        f"Every point is {points} at one \u03b1; both axes logarithmic, dashed: predicted = found. The law: "
        "\u0394\u03b8 = \u03b1 [(1 \u2212 \u03b1) H_J \u2212 \u03b1 H_G]\u207b\u00b9 \u2207G at the stationary "
        "point of J; H are Hessians. The error of the title: the largest of one game, relative to the shift "
        f"predicted. Pure equilibria do not move at all: they stay or vanish.{beyond} {dispute}"
    )
    said = "; ".join(
        f"{KINDS.get(k, (k, ''))[0].lower()} {number_text(_error(by_kind[k], pairs[k]), 2)}" for k in shown
    )
    with styled():
        fig, axes = panels(
            1, len(shown), title=f"The shift law against what was found, largest relative error: {said}",
            subtitle="How far a mixed, regularised or interior equilibrium moves when guidance is mixed in.",
            caption=caption, keys=keys, height=3.0, gap=(0.75, 0.8), detailed=True,
            width=12.0 if len(shown) > 1 else 6.5,
        )  # fmt: skip
        for ax, kind in zip(axes[0], shown):
            _panel(ax, pairs[kind], colors)
            detail(ax, *KINDS.get(kind, (kind, "")))
        axes[0][0].set_ylabel("found shift")
    return fig
