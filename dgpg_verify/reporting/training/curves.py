"""Figures of learning curves, every run a thin line: methods side by side, and one method at every N."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.look import Look, shades
from dgpg_verify.reporting.drawing.marks import key
from dgpg_verify.reporting.drawing.sheet import detail, grid
from dgpg_verify.reporting.frame import Frame, Frames, few, known, need, where
from dgpg_verify.reporting.training import aggregate, captions
from dgpg_verify.reporting.training.drawing import curves_panel
from dgpg_verify.reporting.training.methods import (
    Looks,
    family_panels,
    fewer_families,
    identified,
    looks,
    rows_left_out,
    telling_rows,
)
from dgpg_verify.reporting.wording import system_name

COLUMNS = 4
TITLED = {"dgpg": 2, "mappo": 1, "ippo": 1, "guidance_only": 1}  # how many rows of a method the title names
METHODS = ("dgpg", "guidance_only", "mappo")  # whose curves over N are drawn
MARKERS = "osD^vPX"
PANELS, SIZES = 6, len(MARKERS)


def _learning_curves(frames: Frames, part: str, subtitle: str) -> Figure:
    """Learning curves of table `curves`, one column per N, methods that belong together in one row of panels."""
    table = need(where(frames["curves"], part=part), "curves", f"record of part {part}")
    measured = identified(frames, need(known(table, "score"), "curves", "score"))
    scored = telling_rows(measured)
    systems = measured.groupby("system", sort=False)
    most = max(COLUMNS // systems.ngroups, 1)
    columns = [(str(system), n) for system, same in systems for n in aggregate.telling_sizes(same, most)]
    rows = scored[[column in columns for column in zip(scored["system"], scored["n"])]]
    rows = fewer_families(rows, len(columns))
    look = looks(rows)
    limits, beyond = aggregate.limits_by_family(rows, "score")
    caption = captions.curves_text(rows, beyond, ", on evaluation streams no run was trained on")
    caption += captions.sizes_left_out(table["n"], [n for _, n in columns])
    caption += rows_left_out(measured, scored)
    last = where(rows, system=columns[-1][0], n=columns[-1][1])
    fig, axes = family_panels(
        look, len(columns), "episodes", title=_median_title(last, look), subtitle=subtitle, caption=caption,
        height=2.05, gap=(0.5, 0.98),
    )  # fmt: skip
    for family, line in axes.items():
        for ax, (system, n) in zip(line, columns):
            column = where(rows, system=system, n=n)
            same = where(column, family=family)
            curves_panel(ax, same, "row", look, limits[family], column["episode"].max(), named=ax is line[0])
            detail(ax, f"{n:g} agents" if systems.ngroups == 1 else f"{system_name(system)}, N = {n:g}", family)
    return fig


draw_learning_curves = partial(
    _learning_curves,
    part="main",
    subtitle="All methods share architecture, roll-outs per update, evaluation, fleets and seeds; baselines get more "
    "episodes. Dashed: shared parameters. Many methods were trained at few agents only.",
)
draw_learning_curves_real = partial(
    _learning_curves, part="real", subtitle="Fleets and jobs after public records instead of drawn ones."
)
draw_learning_curves_patient = partial(
    _learning_curves,
    part="patient",
    subtitle="Baselines with shared parameters and ten roll-outs per update: wrong, or slow? Guidance alone with more "
    "updates: biased, or not finished?",
)


draw_learning_curves_claimed = partial(
    _learning_curves,
    part="claimed",
    subtitle="Baselines with the 500 episodes that the paper gives them, at DG-PG's settings (preset) and at a "
    "practitioner's: discount 0.95, five roll-outs per update, shared parameters.",
)


def _median_title(rows: Frame, look: Looks) -> str:
    """The last evaluation of the most telling rows at one N, in numbers."""
    median, method = aggregate.last_medians(rows), rows.drop_duplicates("row").set_index("row")["method"]
    parts = []
    for name, most in TITLED.items():
        same = [row for row in look if method.get(row) == name and row in median]
        independent = [row for row in same if not row.endswith("/shared")]
        parts += [f"{look[row].label} {median[row]:.2f}" for row in (independent or same)[:most]]
    if not parts:
        return "Learning curves"
    return f"Median score at the last evaluation, N\u00a0=\u00a0{rows['n'].iloc[0]:g}: {'; '.join(parts)}"


def draw_curves_over_n(frames: Frames) -> Figure:
    """Learning curves of the rows trained at most N, one panel per row, colour by N: does the time grow with N?

    Table `curves`, part main: DG-PG, guidance alone, MAPPO; `training_scores` for the title.
    """
    curves = identified(frames, known(where(frames["curves"], part="main"), "score"))
    measured = need(where(curves, method=METHODS), "curves", "score of DG-PG, guidance alone or MAPPO in part main")
    look = looks(measured)
    sizes = few(measured["n"], SIZES)
    of_row = measured.groupby("row")["n"]
    widest = sorted(look, key=lambda row: -of_row.nunique()[row])[:PANELS]
    shown = [row for row in look if row in widest]
    rows = where(measured, row=shown, n=sizes)
    limits = aggregate.score_limits(rows["score"])
    span = of_row.agg(["min", "max"])
    ends = {row: " to ".join(dict.fromkeys(f"{n:g}" for n in span.loc[row])) for row in look}
    left = [f"{look[row].label} (N = {ends[row]})" for row in look if row not in shown]
    caption = captions.curves_text(rows, aggregate.outside(rows["score"], limits))
    caption += f" Not drawn here: {', '.join(left)}." if left else ""
    # light for few agents, dark for many, each with its own marker
    of_n = {n: Look(color, marker) for (n, color), marker in zip(shades(sizes).items(), MARKERS)}
    fig, axes = grid(
        shown, title=settling_title(frames["training_scores"], shown, look), caption=caption, gap=(0.6, 1.0),
        subtitle="If the time to converge did not depend on N, the curves of a panel would rise together.",
        keys=[key(f"N = {n:g}", style) for n, style in of_n.items()],
    )  # fmt: skip
    left_edge = min(ax.get_position().x0 for ax in axes.values())
    for row, ax in axes.items():
        same = where(rows, row=row)
        named = ax.get_position().x0 == left_edge
        curves_panel(ax, same, "n", of_n, limits, same["episode"].max(), named=named)
        ax.set_xlabel("episodes")
        detail(ax, look[row].label, f"N = {ends[row]}")
    return fig


def settling_title(scores: Frame, rows: Sequence[str], look: Looks) -> str:
    """Mean episodes to settle at the smallest and largest N, of the first row whose runs settle at both."""
    for row in rows:
        points = known(where(scores, row=row), "settle_mean").sort_values("n")
        if points["n"].nunique() > 1:
            (small, at_small), (large, at_large) = points[["n", "settle_mean"]].iloc[[0, -1]].to_numpy(dtype=float)
            return (
                f"{look[row].label}: runs settle after {at_small:.3g} episodes on average at N\u00a0=\u00a0{small:g}, "
                f"{at_large:.3g} at N\u00a0=\u00a0{large:g}"
            )
    return "The same method at every N: does the time to converge grow?"
