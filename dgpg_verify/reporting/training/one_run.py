"""The learning curve of one run in one panel."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes

from dgpg_verify.reporting.drawing.axes import quiet, rule
from dgpg_verify.reporting.drawing.look import MUTED, Look
from dgpg_verify.reporting.drawing.marks import joined
from dgpg_verify.reporting.frame import Frame, known
from dgpg_verify.reporting.training.aggregate import score_limits
from dgpg_verify.reporting.training.drawing import episode_axis, score_axis

LOOK = Look("#0072b2")


def draw_run(ax: Axes, rows: Frame, references: Mapping[str, float], title: str) -> Axes:
    """Scores (Random = 0, Best-Fit = 1) against episodes; without scores mean returns with their intervals.
    Dotted: the 10 and 20 episodes that the paper claims.

    Parameters
    ----------
    rows : columns episode, score, evaluation, evaluation_low and evaluation_high.
    references : mean returns to compare with, each a named line; read only where there is no score.
    """
    scored = rows["score"].notna().any()
    points = known(rows, "score" if scored else "evaluation")
    episode_axis(ax, float(points["episode"].max()))
    if scored:
        score_axis(ax, score_limits(points["score"]))
        joined(ax, points["episode"], points["score"], LOOK)
    else:
        ends = points["evaluation_low"], points["evaluation_high"]
        ax.fill_between(points["episode"], *ends, color=LOOK.color, alpha=0.16, lw=0, zorder=1)
        joined(ax, points["episode"], points["evaluation"], LOOK)
        for name, value in references.items():
            rule(ax, value)
            ax.annotate(name, (1.0, value), xycoords=("axes fraction", "data"), color=MUTED, ha="right", va="bottom")
    ax.set(xlabel="episodes", ylabel="score" if scored else "return of an episode", title=title)
    quiet(ax)
    return ax
