"""Figure: level reached and episodes to settle against N, every run a dot, runs that never settle at the top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import detail, dodge, n_axis, panels, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.training.methods import Look, families, family_of, look_keys, looks, method_of
from dgpg_verify.reporting.training.runs import (
    Limits,
    dots,
    lengths_text,
    outside,
    outside_text,
    score_axis,
    score_limits,
    settle_axis,
    settle_dots,
)
from dgpg_verify.reporting.wording import number_text

PART = "main"


def _summary(ax: Axes, rows: Sequence[Record], look: Look, fields: Sequence[str], shift: float, top: float) -> None:
    """The statistic with its interval at every N, joined; beyond `top` (never settled) an open triangle."""
    ns = [float(r["n"]) for r in rows]
    found = sorted(zip(ns, *([number(r.get(f)) for r in rows] for f in fields)), key=lambda point: point[0])
    known = np.array([[n, v, v if lo is None else lo, top if hi is None else min(hi, top)]
                      for n, v, lo, hi in found if v is not None and v < top]).reshape(-1, 4)  # fmt: skip
    if len(known):
        ax.vlines(known[:, 0] * shift, known[:, 2], known[:, 3], color=look.color, lw=1.6, zorder=4)
        ax.plot(known[:, 0] * shift, known[:, 1], color=look.color, lw=1.3, ls=look.dash, marker=look.marker, ms=6.4,
                mfc=look.face, mec=look.edge, mew=0.8, zorder=5)  # fmt: skip
    censored = {float(r["n"]) for r in rows if r.get("never")}  # an unknown percentile is no late one
    never = [n * shift for n, v, *_ in found if (v is None and n in censored) or (v is not None and v >= top)]
    if never and np.isfinite(top):
        ax.plot(never, [top] * len(never), ls="none", marker="^", ms=8, mfc="white", mec=look.color, mew=1.4,
                zorder=6, clip_on=False)  # fmt: skip


def _level_panel(ax: Axes, runs: Sequence[Record], sums: Sequence[Record], found: Mapping[str, Look],
                 limits: Limits) -> None:  # fmt: skip
    score_axis(ax, limits)
    for k, (row, look) in enumerate(found.items()):
        shift = dodge(ax, k, len(found))
        mine = [r for r in runs if r["row"] == row and number(r.get("level")) is not None]
        dots(ax, [r["n"] * shift for r in mine], [r["level"] for r in mine], look.color, look.marker, limits=limits)
        _summary(ax, [r for r in sums if r["row"] == row], look, ("iqm", "iqm_low", "iqm_high"), shift, np.inf)


def _settle_panel(ax: Axes, runs: Sequence[Record], sums: Sequence[Record], found: Mapping[str, Look],
                  top: float) -> None:  # fmt: skip
    settle_axis(ax, top)
    for k, (row, look) in enumerate(found.items()):
        shift = dodge(ax, k, len(found))
        mine = [r for r in runs if r["row"] == row]
        at = [number(r.get("settled_at")) for r in mine]
        settle_dots(ax, [r["n"] * shift for r in mine], at, (look.color, look.marker), top)
        fields = ("settle_p90", "settle_p90_low", "settle_p90_high")
        _summary(ax, [r for r in sums if r["row"] == row], look, fields, shift, top)


def _title(sums: Sequence[Record], found: Mapping[str, Look]) -> str:
    lead = next((row for row in found if any(r["row"] == row and method_of(r) == "dgpg" for r in sums)), None)
    mine = sorted((r for r in sums if r["row"] == lead), key=lambda r: r["n"])
    if not mine:
        return "Level reached and episodes to settle against N"
    last = mine[-1]
    settle = number(last.get("settle_p90"))
    level = number(last.get("mean" if last.get("iqm") is None else "iqm"))
    what = "mean" if last.get("iqm") is None else "interquartile mean"
    said = [] if level is None else [f"score {number_text(level, 2)} ({what})"]
    if settle is not None:
        said.append(f"90 % of runs settle within {settle:.3g} episodes")
    elif last.get("never"):
        said.append(f"{last['seeds'] - last['never']} of {last['seeds']} runs settle")
    return f"{found[str(lead)].label} at N\u00a0=\u00a0{last['n']:g}: {', '.join(said) or 'too few runs'}"


def draw_training_scaling(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Left the level (interquartile mean over runs), right the 90th percentile of episodes to settle, against N.

    tables["runs"] (dots) and tables["training_scores"] (marks, intervals), part main; one row of panels
    per family of methods. Raises NothingToDraw.
    """
    runs = [r for r in tables.get("runs", ()) if r.get("part") == PART]
    sums = [r for r in tables.get("training_scores", ()) if r.get("part") == PART]
    need([*sums, *runs], "training_scores", "record of part main")
    found, present = looks(tables, [*sums, *runs]), families([*sums, *runs])
    levels = {f: [v for r in runs if family_of(r) == f and (v := number(r.get("level"))) is not None] for f in present}
    limits = {f: score_limits(levels[f]) for f in present}
    beyond = sum(outside(levels[f], limits[f]) for f in present)
    horizon = [v for r in runs if (v := number(r.get("horizon_episodes"))) is not None]
    horizon += [v for r in runs if (v := number(r.get("settled_at"))) is not None]
    top = max([*horizon, 30.0])
    never = sum(number(r.get("settled_at")) is None for r in runs)
    caption = (
        "Small marks are runs. Left: mean score over the last 20 % of evaluations; large marks are interquartile means "
        "with intervals. Right: first evaluation from which on the 3-point median stays above 95 % of the way from "
        "start to level; large marks are 90th percentiles with intervals; dotted: claimed, 10 (v1, N \u2264 200) and "
        f"20 (v3, mean). Open triangles: {never} of {len(runs)} runs "
        "never settle within the episodes trained (censored), or more than 10 % of a row's runs."
        f"{outside_text(beyond, 'levels lie')} {lengths_text(runs)} {dispute}"
    )
    with styled():
        fig, axes = panels(
            len(present), 2, title=_title(sums, found), height=2.15, gap=(0.8, 0.98), keys=look_keys(found),
            subtitle="Score: Random = 0, Best-Fit = 1. A method whose time to converge does not depend on N stays flat "
            "on the right.", caption=caption, detailed=True,
        )  # fmt: skip
        ns = [r["n"] for r in (*sums, *runs)]
        for f, (line, family) in enumerate(zip(axes, present)):
            mine = {row: one for row, one in found.items()
                    if any(r["row"] == row and family_of(r) == family for r in (*sums, *runs))}  # fmt: skip
            for ax in line:
                n_axis(ax, ns, "agents N" if f == len(present) - 1 else None)
            _level_panel(line[0], runs, sums, mine, limits[family])
            _settle_panel(line[1], runs, sums, mine, top)
            for ax, what in zip(line, ("score of the last 20 %", "episodes to settle")):
                quiet(ax)
                detail(ax, family, what)
    return fig
