"""Figure: does a stationary point move as far as the shift law says when guidance is mixed in?"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import limits, log_y, quiet
from dgpg_verify.reporting.drawing.captions import count_range
from dgpg_verify.reporting.drawing.look import GRID, MIX, MUTED, Look, shades
from dgpg_verify.reporting.drawing.marks import dots, key
from dgpg_verify.reporting.drawing.sheet import detail, panels
from dgpg_verify.reporting.equilibria.aggregate import largest_errors, shift_pairs
from dgpg_verify.reporting.equilibria.laws import kind_name
from dgpg_verify.reporting.frame import Frame, Frames, need, positive, unique, where
from dgpg_verify.reporting.wording import number_text

LAWS = {  # what moves, and how far the law reaches
    "team": "optimum; the law is exact",
    "saddle": "mixed equilibria; the law is exact",
    "entropy": "unique optimum; exact for small moves",
}


def draw_equilibrium_shift(frames: Frames) -> Figure:
    """Found against predicted norm of the shift: a panel per kind of equilibrium, a colour per alpha, every point."""
    table = frames["equilibrium_shift"]
    pairs = need(shift_pairs(table), "equilibrium_shift", "predicted and found shift")
    kinds = unique(pairs, "kind", LAWS)
    colors = shades(where(table, kind=kinds)["alpha"].dropna(), MIX)  # by rank: alphas lie close
    errors = largest_errors(table)
    text = "; ".join(f"{kind_name(kind).lower()} {number_text(errors[kind], 2)}" for kind in kinds)
    fig, axes = panels(
        1, len(kinds), title=f"The shift law against what was found, largest relative error: {text}",
        subtitle="How far a mixed, regularised or interior equilibrium moves when guidance is mixed in.",
        caption=_caption(table, len(table.index.difference(pairs.index))),
        keys=[key(f"\u03b1 = {alpha:g}", Look(color), ls="none", mec=color) for alpha, color in colors.items()],
        height=3.0, detailed=True, width=12.0 if len(kinds) > 1 else 6.5,
    )  # fmt: skip
    for ax, kind in zip(axes.flat, kinds):
        _panel(ax, where(pairs, kind=kind), colors)
        detail(ax, kind_name(kind), LAWS.get(kind, ""))
    axes[0, 0].set_ylabel("found shift")
    return fig


def _caption(table: Frame, missing: int) -> str:
    """What a point is, the law, and how many records have no point."""
    beyond = f" {missing} records without a shift or a prediction are not drawn." if missing else ""
    return (
        f"Every point is the mean over {count_range(table['fleets'])} games at one \u03b1; both axes logarithmic, "
        "dashed: predicted = found. The law: "
        "\u0394\u03b8 = \u03b1 [(1 \u2212 \u03b1) H_J \u2212 \u03b1 H_G]\u207b\u00b9 \u2207G at the stationary "
        "point of J; H are Hessians. The error of the title: the largest of one game, relative to the shift "
        f"predicted. Pure equilibria do not move at all: they stay or vanish.{beyond}"
    )


def _panel(ax: Axes, pairs: Frame, colors: dict[float, str]) -> None:
    span = limits(positive(pairs, "predicted", "found"), least_decades=1.0)
    log_y(ax, *span)
    ticks, texts = ax.get_yticks(), [text.get_text() for text in ax.get_yticklabels()]
    crowded = max(map(len, texts)) * len(texts) > 34  # labels side by side need more room than stacked ones
    ax.set_xscale("log")
    ax.set_xlim(span)
    ax.set_xticks(ticks, ["" if crowded and k % 2 else text for k, text in enumerate(texts)])
    ax.set_xticks([], minor=True)
    ax.plot(span, span, color=MUTED, lw=1.0, ls=(0, (6, 2)), zorder=1)
    for alpha, group in pairs.groupby("alpha"):
        dots(ax, group["predicted"], group["found"], Look(colors[alpha]), s=15 if len(pairs) > 100 else 42, alpha=0.6)
    quiet(ax)
    ax.grid(True, axis="x", color=GRID, linewidth=0.8)
    ax.set_xlabel("predicted shift")
