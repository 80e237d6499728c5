"""Figure: does it matter which alpha is used? Level and episodes to settle for every alpha and setting."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import Limits, quiet
from dgpg_verify.reporting.drawing.look import GOOD, INK, MUTED, Look, alpha_color, alpha_value
from dgpg_verify.reporting.drawing.marks import bars, dots, joined
from dgpg_verify.reporting.drawing.sheet import WIDTH, detail, panels
from dgpg_verify.reporting.frame import Frame, Frames, known, need, where
from dgpg_verify.reporting.training import aggregate, captions
from dgpg_verify.reporting.training.axes import score_axis, settle_axis
from dgpg_verify.reporting.training.marks import settle_dots
from dgpg_verify.reporting.training.methods import identified
from dgpg_verify.reporting.wording import SETTINGS

SPREAD = 0.01  # 1 % of the way from Random to Best-Fit: a share of the mean score says nothing where that is near 0
USUAL_N = 50  # of several N, the one nearest to this is drawn
COLUMNS = 5
MEAN = Look(INK, "o")
CAPTION = (
    "Coloured dots are runs (orange: mostly return, blue: mostly guidance, grey: a schedule), black marks means "
    "with intervals. Green band: 0.01 wide around the mean of the fixed \u03b1, 1\u00a0% of the way from "
    "Random to Best-Fit (the ledger judges 1\u00a0% of the return; dashed: Random = 0, Best-Fit = 1). Open "
    "triangles: never settled; a mean is not drawn then. Dotted: 10 and 20 episodes."
)
Place = str  # setting and sharing, separated by a blank


def draw_alpha_sensitivity(frames: Frames) -> Figure:
    """Every run's level (above) and episodes to settle (below) per alpha, one column per setting, at one N.

    Table `runs`, part alpha, and DG-PG of part main at the same N; means with intervals from `training_scores`.
    """
    runs, scores = (_with_alpha(frames, table) for table in ("runs", "training_scores"))
    fixed = need(where(runs, part="alpha"), "runs", "record of part alpha")
    n = min(fixed["n"], key=lambda size: abs(np.log(size / USUAL_N)))
    runs, scores, fixed = (where(rows, n=n) for rows in (runs, scores, fixed))
    columns = sorted(dict.fromkeys(fixed["place"]), key=_order)[:COLUMNS]
    runs, scores = where(runs, place=columns), where(scores, place=columns)
    limits, top = aggregate.level_limits([*runs["level"], *scores["low"], *scores["high"]]), aggregate.settle_top(runs)
    spreads = {place: aggregate.alpha_spread(where(runs, place=place)) for place in columns}
    subtitle = (
        f"N = {n:g}. Level: mean score over the last 20 % of evaluations. Claimed: every fixed \u03b1 converges fast, "
        "all within 1\u00a0% of each other."
    )
    fig, axes = panels(
        2, len(columns), title=_title(spreads), subtitle=subtitle, height=2.4, gap=(0.55, 0.75), detailed=True,
        caption=f"{CAPTION}{captions.outside_text(aggregate.outside(runs['level'], limits), 'level')}",
        width=WIDTH if len(columns) > 1 else 7.5,
    )  # fmt: skip
    for (above, below), place in zip(axes.T, columns):
        mine, stated = (where(rows, place=place) for rows in (runs, scores))
        score_axis(above, limits, named=above is axes[0, 0])
        settle_axis(below, top)
        _panels(above, below, _placed(mine), stated, limits, top)
        _band(above, spreads[place][0])
        spread = spreads[place][1]
        detail(above, _heading(place), f"spread of the means {spread:.2g}" if np.isfinite(spread) else "")
    axes[1, 0].set_ylabel("episodes to settle")
    return fig


def _with_alpha(frames: Frames, table: str) -> Frame:
    """Fixed alphas, and DG-PG's published schedule beside them, with the columns `place` and text `alpha`."""
    rows = identified(frames, known(frames[table], "alpha"))
    rows = rows[(rows["part"] == "alpha") | ((rows["part"] == "main") & (rows["method"] == "dgpg"))]
    return rows.assign(alpha=rows["alpha"].astype(str), place=rows["setting"] + " " + rows["sharing"])


def _order(place: Place) -> tuple[int, Place]:
    setting = place.partition(" ")[0]
    return [*SETTINGS, setting].index(setting), place


def _alphas(runs: Frame) -> list[str]:
    """Fixed alphas first, ascending, then schedules."""
    return sorted(set(runs["alpha"]), key=lambda a: ("->" in a, alpha_value(a) is None, alpha_value(a) or 0.0, a))


def _look(alpha: str) -> Look:
    """Return's colour at 0, guidance's at 1, grey for a schedule."""
    return Look(MUTED if "->" in alpha else alpha_color(alpha_value(alpha)))


def _placed(runs: Frame) -> Frame:
    """Runs with `k`, the place of their alpha, and `x`, their own beside it."""
    k = runs["alpha"].map(_alphas(runs).index)
    of_alpha = runs.groupby("alpha")["level"]
    size = of_alpha.transform("size")
    return runs.assign(k=k, x=k + 0.48 * (of_alpha.cumcount() - (size - 1) / 2) / size.clip(lower=6))


def _panels(above: Axes, below: Axes, runs: Frame, scores: Frame, limits: Limits, top: float) -> None:
    """Levels above and episodes to settle below: runs in the colour of their alpha, means in black."""
    for alpha, same in runs.groupby("alpha"):
        dots(above, same["x"], same["level"], _look(str(alpha)), limits=limits)
        settle_dots(below, same["x"], same["settled_at"], _look(str(alpha)), top)
    place = runs.groupby("alpha")["k"].first()
    settled = runs.groupby("alpha")["settled_at"].count() == runs.groupby("alpha").size()
    for ax, field, shown in ((above, "", place.notna()), (below, "settle", settled)):
        means = aggregate.estimates(scores, runs, "alpha", field).reindex(place.index[shown])
        bars(ax, place[shown], means["low"], means["high"], MEAN)
        joined(ax, place[shown], means["value"], MEAN, ls="none", ms=6.5, mew=0.6)
        ax.set_xlim(-0.6, len(place) - 0.4)
        ax.set_xticks(place, [alpha.replace("->", "\u2192") for alpha in place.index])
        quiet(ax)
    below.set_xlabel("\u03b1")


def _band(ax: Axes, centre: float) -> None:
    if np.isfinite(centre):
        ax.axhspan(centre - SPREAD / 2, centre + SPREAD / 2, color=GOOD, alpha=0.35, lw=1.0, ec=GOOD, zorder=1)


def _heading(place: Place) -> str:
    setting, _, sharing = place.partition(" ")
    name = SETTINGS.get(setting, setting or "as set").split(":")[0]
    return f"{name}, shared parameters" if sharing == "shared" else name


def _title(spreads: dict[Place, tuple[float, float]]) -> str:
    finite = {place: spread for place, (_, spread) in spreads.items() if np.isfinite(spread)}
    if not finite:
        return "Sensitivity to \u03b1"
    parts = [f"{place.partition(' ')[0] or 'as set'} {spread:.2g}" for place, spread in finite.items()]
    return f"Spread of the mean score over \u03b1, per setting: {', '.join(parts)}"
