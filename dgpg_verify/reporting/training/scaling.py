"""Figure: level reached and episodes to settle against N, every run a dot, runs that never settle at the top."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import Limits, dodge, n_axis, quiet
from dgpg_verify.reporting.drawing.marks import dots, summary
from dgpg_verify.reporting.drawing.sheet import detail
from dgpg_verify.reporting.frame import Frame, Frames, known, need, where
from dgpg_verify.reporting.training import aggregate, captions
from dgpg_verify.reporting.training.axes import score_axis, settle_axis
from dgpg_verify.reporting.training.marks import settle_dots
from dgpg_verify.reporting.training.methods import Looks, families, family_panels, identified, looks, of_family
from dgpg_verify.reporting.wording import number_text

SUBTITLE = (
    "Score: Random = 0, Best-Fit = 1. A method whose time to converge does not depend on N stays flat on the right."
)
CAPTION = (
    "Small marks are runs. Left: mean score over the last 20 % of evaluations; large marks are interquartile means "
    "with intervals. Right: first evaluation from which on the 3-point median stays above 95 % of the way from "
    "start to level; large marks are 90th percentiles with intervals; dotted: claimed, 10 (v1, N \u2264 200) and "
    "20 (v3, mean). Open triangles: {never} of {runs} runs never settle within the episodes trained (censored), or "
    "more than 10 % of a row's runs."
)


def draw_training_scaling(frames: Frames) -> Figure:
    """Left the level (interquartile mean over runs), right the 90th percentile of episodes to settle, against N.

    Tables `runs` (dots) and `training_scores` (marks, intervals), part main; one row of panels per family of methods.
    """
    runs, scores = (identified(frames, where(frames[table], part="main")) for table in ("runs", "training_scores"))
    need(scores if runs.empty else runs, "training_scores", "record of part main")
    look = looks(scores, runs)
    limits, beyond = aggregate.limits_by_family(runs, "level")
    top = aggregate.settle_top(runs)
    never = CAPTION.format(never=runs["settled_at"].isna().sum(), runs=len(runs))
    fig, axes = family_panels(
        look, 2, title=_title(scores, look), height=2.15, gap=(0.8, 0.98), subtitle=SUBTITLE,
        caption=f"{never}{captions.outside_text(beyond, 'level')} {captions.lengths_text(runs)}",
    )  # fmt: skip
    for (left, right), family in zip(axes, families(look)):
        shown = of_family(look, family)
        for ax, what in ((left, "score of the last 20 %"), (right, "episodes to settle")):
            n_axis(ax, {*runs["n"], *scores["n"]}, "agents N" if family == families(look)[-1] else None)
            detail(ax, family, what)
        _panels(left, right, runs, scores, shown, limits.get(family, aggregate.score_limits([])), top)
    return fig


def _panels(left: Axes, right: Axes, runs: Frame, scores: Frame, shown: Looks, limits: Limits, top: float) -> None:
    """Levels on the left, episodes to settle on the right; a percentile that is never reached is an open triangle."""
    score_axis(left, limits)
    settle_axis(right, top)
    for k, (row, look) in enumerate(shown.items()):
        shift, same, stated = dodge(left, k, len(shown)), where(runs, row=row), where(scores, row=row)
        dots(left, same["n"] * shift, same["level"], look, limits=limits)
        summary(left, known(aggregate.points_over_n(stated, "iqm"), "value"), look, shift)
        settle_dots(right, same["n"] * shift, same["settled_at"], look, top)
        times = aggregate.settle_points(stated, top)
        late = times["value"] >= top
        summary(right, times[~late], look, shift)
        right.plot(times["n"][late] * shift, times["value"][late], ls="none", marker="^", ms=8, mfc="white",
                   mec=look.color, mew=1.4, zorder=6, clip_on=False)  # fmt: skip
    quiet(left)
    quiet(right)


def _title(scores: Frame, look: Looks) -> str:
    """Level and time of DG-PG's first setting at the largest N."""
    rows = [row for row in look if not where(scores, row=row, method="dgpg").empty]
    if not rows:
        return "Level reached and episodes to settle against N"
    last = where(scores, row=rows[0]).sort_values("n").iloc[-1]
    what = "mean" if np.isnan(last["iqm"]) else "interquartile mean"
    level = last["mean"] if np.isnan(last["iqm"]) else last["iqm"]
    parts = [] if np.isnan(level) else [f"score {number_text(level, 2)} ({what})"]
    if np.isfinite(last["settle_p90"]):
        parts.append(f"90 % of runs settle within {last['settle_p90']:.3g} episodes")
    elif last["never"] > 0:
        parts.append(f"{last['seeds'] - last['never']:g} of {last['seeds']:g} runs settle")
    return f"{look[rows[0]].label} at N\u00a0=\u00a0{last['n']:g}: {', '.join(parts) or 'too few runs'}"
