"""Figures of scores and of episodes to settle: against N, over alpha, and how many runs reach a score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import Limits, dodge, n_axis, quiet, rule, share_y
from dgpg_verify.reporting.drawing.look import GOOD, INK, MUTED, Look, alpha_color, alpha_value
from dgpg_verify.reporting.drawing.marks import bars, joined, summary
from dgpg_verify.reporting.drawing.sheet import detail, panels
from dgpg_verify.reporting.frame import Frame, Frames, known, need, where
from dgpg_verify.reporting.training import aggregate, captions
from dgpg_verify.reporting.training.drawing import REFERENCES, run_dots, score_axis, settle_axis
from dgpg_verify.reporting.training.methods import (
    Looks,
    family_panels,
    fewer_families,
    identified,
    looks,
    of_family,
    rows_left_out,
    telling_rows,
)
from dgpg_verify.reporting.wording import SETTINGS, number_text

SCALING_SUBTITLE = (
    "Score: Random = 0, Best-Fit = 1. A method whose time to converge does not depend on N stays flat on the right."
)
SCALING_CAPTION = (
    "Small marks are runs. Left: mean score over the last 20 % of evaluations; large marks are interquartile means "
    "with intervals. Right: first evaluation from which on the 3-point median stays above 95 % of the way from "
    "start to level; large marks are 90th percentiles with intervals; dotted: claimed, 10 (v1, N \u2264 200) and "
    "20 (v3, mean). Open triangles: {never} of {runs} runs never settle within the episodes trained (censored), or "
    "more than 10 % of a row's runs."
)
SPREAD = 0.01  # 1 % of the way from Random to Best-Fit: a share of the mean score means nothing where that is near 0
USUAL_N = 50  # of several N, the one nearest to this is drawn
SETTING_COLUMNS, PROFILE_COLUMNS = 4, 4  # a figure has eight panels at most
NORMALISED = "mixed and normalised"  # how the labels of rows end that are the reading `joint`
MEAN = Look(INK, "o")
ALPHA_CAPTION = (
    "Coloured dots are runs (orange: mostly return, blue: mostly guidance, grey: a schedule), black marks means "
    "with intervals. Green band: 0.01 wide around the mean of the fixed \u03b1, 1\u00a0% of the way from "
    "Random to Best-Fit (the ledger judges 1\u00a0% of the return; dashed: Random = 0, Best-Fit = 1). Open "
    "triangles: never settled; a mean is not drawn then. Dotted: 10 and 20 episodes."
)
Place = str  # setting and sharing, separated by a blank


def draw_training_scaling(frames: Frames) -> Figure:
    """Left the level (interquartile mean over runs), right the 90th percentile of episodes to settle, against N.

    Tables `runs` (dots) and `training_scores` (marks, intervals), part main; one row of panels per family of methods.
    """
    runs, scores = (identified(frames, where(frames[table], part="main")) for table in ("runs", "training_scores"))
    measured = need(scores if runs.empty else runs, "training_scores", "record of part main")
    drawn = telling_rows(measured)
    runs, scores = (where(rows, name=list(drawn["name"])) for rows in (runs, scores))
    look = looks(scores, runs)
    limits, beyond = aggregate.limits_by_family(runs, "level")
    top = aggregate.settle_top(runs)
    never = SCALING_CAPTION.format(never=runs["settled_at"].isna().sum(), runs=len(runs))
    fig, axes = family_panels(
        look, 2, "agents N", title=_scaling_title(scores, look), subtitle=SCALING_SUBTITLE,
        caption=f"{never}{captions.outside_text(beyond, 'level')} {captions.lengths_text(runs)}"
        f"{rows_left_out(measured, drawn)}",
        height=2.15, gap=(0.8, 0.98),
    )  # fmt: skip
    for family, (left, right) in axes.items():
        for ax, title in ((left, "score of the last 20 %"), (right, "episodes to settle")):
            n_axis(ax, {*runs["n"], *scores["n"]}, None)
            detail(ax, family, title)
            quiet(ax)
        score_axis(left, span := limits.get(family, aggregate.score_limits([])))
        settle_axis(right, top)
        shown = of_family(look, family)
        for k, (row, style) in enumerate(shown.items()):
            _over_n(
                left, right, where(runs, row=row), where(scores, row=row), style, span, top, dodge(left, k, len(shown))
            )
    return fig


def _over_n(
    left: Axes, right: Axes, runs: Frame, scores: Frame, look: Look, limits: Limits, top: float, shift: float
) -> None:
    """One row: levels on the left, episodes to settle on the right; a percentile never reached is an open triangle."""
    run_dots(left, right, runs["n"] * shift, runs, look, limits, top)
    summary(left, known(aggregate.points_over_n(scores, "iqm"), "value"), look, shift)
    times = aggregate.settle_points(scores, top)
    late = times["value"] >= top
    summary(right, times[~late], look, shift)
    right.plot(times["n"][late] * shift, times["value"][late], ls="none", marker="^", ms=8, mfc="white", mec=look.color,
               mew=1.4, zorder=6, clip_on=False)  # fmt: skip


def _scaling_title(scores: Frame, look: Looks) -> str:
    """Level and time of DG-PG's first setting at the largest N."""
    rows = [row for row in look if not where(scores, row=row, method="dgpg").empty]
    if not rows:
        return "Level reached and episodes to settle against N"
    last = where(scores, row=rows[0]).sort_values("n").iloc[-1]
    level, statistic = (last["mean"], "mean") if np.isnan(last["iqm"]) else (last["iqm"], "interquartile mean")
    parts = [] if np.isnan(level) else [f"score {number_text(level, 2)} ({statistic})"]
    if np.isfinite(last["settle_p90"]):
        parts.append(f"90 % of runs settle within {last['settle_p90']:.3g} episodes")
    elif last["never"] > 0:
        parts.append(f"{last['seeds'] - last['never']:g} of {last['seeds']:g} runs settle")
    return f"{look[rows[0]].label} at N\u00a0=\u00a0{last['n']:g}: {', '.join(parts) or 'too few runs'}"


def draw_alpha_sensitivity(frames: Frames) -> Figure:
    """Every run's level (above) and episodes to settle (below) per alpha, one column per setting, at one N.

    Table `runs`, part alpha, and DG-PG of part main at the same N; means with intervals from `training_scores`.
    """
    runs, scores = (_with_alpha(frames, table) for table in ("runs", "training_scores"))
    fixed = need(where(runs, part="alpha"), "runs", "record of part alpha")
    n = min(fixed["n"], key=lambda size: abs(np.log(size / USUAL_N)))
    columns = sorted(set(where(fixed, n=n)["place"]), key=_order)[:SETTING_COLUMNS]
    runs, scores = (where(rows, n=n, place=columns) for rows in (runs, scores))
    limits, top = aggregate.level_limits([*runs["level"], *scores["low"], *scores["high"]]), aggregate.settle_top(runs)
    spreads = {place: aggregate.alpha_spread(where(runs, place=place)) for place in columns}
    subtitle = (
        f"N = {n:g}. Level: mean score over the last 20 % of evaluations. Claimed: every fixed \u03b1 converges fast, "
        "all within 1\u00a0% of each other."
    )
    fig, axes = panels(
        2, len(columns), title=_alpha_title(spreads), subtitle=subtitle, height=2.4, gap=(0.55, 0.75), detailed=True,
        caption=f"{ALPHA_CAPTION}{captions.outside_text(aggregate.outside(runs['level'], limits), 'level')}",
    )  # fmt: skip
    for (above, below), (place, (centre, spread)) in zip(axes.T, spreads.items()):
        score_axis(above, limits, named=above is axes[0, 0])
        settle_axis(below, top)
        _over_alpha(above, below, where(runs, place=place), where(scores, place=place), limits, top)
        if np.isfinite(centre):
            band = (centre - SPREAD / 2, centre + SPREAD / 2)
            above.axhspan(*band, color=GOOD, alpha=0.35, lw=1.0, ec=GOOD, zorder=1)
        detail(above, _heading(place), f"spread of the means {spread:.2g}" if np.isfinite(spread) else "")
    axes[1, 0].set_ylabel("episodes to settle")
    return fig


def _with_alpha(frames: Frames, table: str) -> Frame:
    """Fixed alphas, and DG-PG's published schedule beside them, with the columns `place` and text `alpha`."""
    rows = identified(frames, known(frames[table], "alpha"))
    rows = rows[(rows["part"] == "alpha") | ((rows["part"] == "main") & (rows["method"] == "dgpg"))]
    reading = rows["setting"].mask(rows["label"].str.endswith(NORMALISED), "joint")  # else two readings are one panel
    return rows.assign(alpha=rows["alpha"].astype(str), place=reading + " " + rows["sharing"])


def _order(place: Place) -> tuple[int, Place]:
    setting = place.partition(" ")[0]
    return [*SETTINGS, setting].index(setting), place


def _over_alpha(above: Axes, below: Axes, runs: Frame, scores: Frame, limits: Limits, top: float) -> None:
    """Levels above and episodes to settle below: runs in the colour of their alpha, schedules grey, means in black."""
    # fixed alphas first, ascending, then schedules
    order = sorted(set(runs["alpha"]), key=lambda a: ("->" in a, alpha_value(a) is None, alpha_value(a) or 0.0, a))
    for k, alpha in enumerate(order):
        same = where(runs, alpha=alpha)
        x = k + 0.48 * (np.arange(len(same)) - (len(same) - 1) / 2) / max(len(same), 6)
        color = MUTED if "->" in alpha else alpha_color(alpha_value(alpha))
        run_dots(above, below, x, same, Look(color), limits, top)
    settled = runs["settled_at"].notna().groupby(runs["alpha"]).all()
    for ax, field, shown in ((above, "", order), (below, "settle", [alpha for alpha in order if settled[alpha]])):
        means = aggregate.estimates(scores, runs, "alpha", field).reindex(shown)
        places = [order.index(alpha) for alpha in shown]
        bars(ax, places, means["low"], means["high"], MEAN)
        joined(ax, places, means["value"], MEAN, ls="none", ms=6.5, mew=0.6)
        ax.set_xlim(-0.6, len(order) - 0.4)
        ax.set_xticks(range(len(order)), [alpha.replace("->", "\u2192") for alpha in order])
        quiet(ax)
    below.set_xlabel("\u03b1")


def _heading(place: Place) -> str:
    setting, _, sharing = place.partition(" ")
    name = SETTINGS.get(setting, setting or "as set").split(":")[0]
    return f"{name}, shared parameters" if sharing == "shared" else name


def _alpha_title(spreads: Mapping[Place, tuple[float, float]]) -> str:
    finite = {place: spread for place, (_, spread) in spreads.items() if np.isfinite(spread)}
    if not finite:
        return "Sensitivity to \u03b1"
    parts = [f"{place.partition(' ')[0] or 'as set'} {spread:.2g}" for place, spread in finite.items()]
    return f"Spread of the mean score over \u03b1, per setting: {', '.join(parts)}"


def draw_score_profiles(frames: Frames) -> Figure:
    """Share of runs whose score exceeds a threshold, against the threshold, with bands; one column per N.

    Table `profiles`, part main; families of methods in rows of panels.
    """
    measured = known(where(frames["profiles"], part="main"), "share")
    measured = identified(frames, need(measured, "profiles", "share of part main"))
    sizes = aggregate.telling_sizes(measured, PROFILE_COLUMNS)
    drawn = telling_rows(measured)
    rows = fewer_families(where(drawn, n=sizes), len(sizes))
    span = (float(rows["threshold"].min()), float(rows["threshold"].max()))
    look = looks(rows)
    fig, axes = family_panels(
        look, len(sizes), "score", title=_profile_title(rows, look), height=1.75, gap=(0.5, 0.98),
        subtitle="The share of runs whose score exceeds the value below.",
        caption=_profile_caption(rows, span[0]) + captions.sizes_left_out(measured["n"], sizes)
        + rows_left_out(measured, drawn),
    )  # fmt: skip
    for family, line in axes.items():
        for ax, n in zip(line, sizes):
            _profiles(ax, where(rows, family=family, n=n), look, span)
            detail(ax, f"{n:g} agents", family)
        line[0].set_ylabel("share of runs")
    return fig


def _profile_title(rows: Frame, look: Looks) -> str:
    """The share of runs above half of what Best-Fit gains, at the largest N, of the first rows of every family."""
    last = where(rows, n=rows["n"].max())
    threshold = min(last["threshold"], key=lambda value: abs(value - 0.5))
    shares = where(last, threshold=threshold).drop_duplicates("row").set_index("row")["share"]
    named = [row for row in look if row in shares][:4]
    parts = "; ".join(f"{look[row].label} {100 * shares[row]:.3g}\u00a0%" for row in named)
    return f"Runs that end above a score of {threshold:.2g} at N\u00a0=\u00a0{last['n'].iloc[0]:g}: {parts}"


def _profiles(ax: Axes, rows: Frame, look: Looks, span: Limits) -> None:
    """Profiles as steps, bands shaded, a few markers so that nothing hangs on colour alone."""
    ax.set_xlim(span)
    share_y(ax, -0.02, 1.03, 0.5)
    rule(ax, 0.5, lw=0.8, ls=(0, (2, 2)))
    for score in REFERENCES:
        rule(ax, x=score)
    profiles = dict(list(rows.sort_values("threshold", kind="stable").groupby("row")))
    for row in (row for row in look if row in profiles):
        profile, style = profiles[row], look[row]
        x, y = profile["threshold"], profile["share"]
        if profile[["low", "high"]].notna().all(axis=None):
            band: dict[str, Any] = {"color": style.color, "alpha": 0.07, "lw": 0, "zorder": 2}
            ax.fill_between(x, profile["low"], profile["high"], step="post", **band)
        marked = np.unique(np.linspace(0, len(x) - 1, 6).astype(int)).tolist()
        joined(ax, x, y, style, drawstyle="steps-post", lw=1.8, ms=5, mew=0.8, markevery=marked, gid="replicates",
               zorder=4, clip_on=False)  # fmt: skip
    quiet(ax)


def _profile_caption(rows: Frame, low: float) -> str:
    widest = rows["band"].max()
    band = f"; a whole curve at once: \u00b1\u00a0{widest:.2g}" if np.isfinite(widest) else ""
    return (
        "A curve further to the right is better: at every score, the share of runs above it. Dashed: Random = 0, "
        f"Best-Fit = 1, and half of the runs. Shaded: intervals, score by score{band}. Score of a run: mean over the "
        f"last 20 % of its evaluations; runs below {low:g} lie left of the frame."
    )
