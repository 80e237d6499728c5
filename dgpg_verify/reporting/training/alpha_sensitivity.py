"""Figure: does it matter which alpha is used? Level and episodes to settle for every alpha and setting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import (
    GOOD,
    INK,
    MUTED,
    alpha_color,
    alpha_value,
    detail,
    panels,
    quiet,
    styled,
)
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.training.methods import method_of
from dgpg_verify.reporting.training.runs import (
    Limits,
    dots,
    outside,
    outside_text,
    score_axis,
    settle_axis,
    settle_dots,
)
from dgpg_verify.reporting.wording import SETTINGS

SPREAD = 0.01  # 1 % of the way from Random to Best-Fit: a share of the mean score says nothing where that is near 0


Place = tuple[str, str]  # setting, sharing


def _place(record: Record) -> Place:
    return str(record.get("setting") or ""), str(record.get("sharing") or "")


def _order(place: Place) -> tuple[int, Place]:
    return [*SETTINGS, place[0]].index(place[0]), place


def _kept(record: Record, n: float, columns: Sequence[Place]) -> bool:
    """Fixed alphas at this N, and DG-PG's published schedule in the same settings beside them."""
    if record.get("alpha") is None or float(record["n"]) != n or _place(record) not in columns:
        return False
    return record.get("part") == "alpha" or (record.get("part") == "main" and method_of(record) == "dgpg")


def _alphas(rows: Sequence[Record]) -> list[str]:
    """Fixed alphas first, ascending, then schedules."""
    names = {str(r["alpha"]) for r in rows}
    return sorted(names, key=lambda a: ("->" in a, alpha_value(a) is None, alpha_value(a) or 0.0, a))


def _levels(rows: Sequence[Record], alphas: Sequence[str]) -> list[list[float]]:
    return [[v for r in rows if str(r["alpha"]) == a and (v := number(r.get("level"))) is not None] for a in alphas]


def _color(alpha: str) -> str:
    """Return's colour at 0, guidance's at 1, grey for a schedule."""
    return MUTED if "->" in alpha else alpha_color(alpha_value(alpha))


def _jitter(k: int, count: int) -> list[float]:
    """Places around k for `count` dots beside each other."""
    return [k + 0.24 * (i - (count - 1) / 2) / max(count, 6) * 2 for i in range(count)]


def _mean_mark(ax: Axes, k: int, sums: Sequence[Record], fields: Sequence[str], values: Sequence[float]) -> None:
    """The mean with its interval from `training_scores`; the plain mean of the runs without one."""
    stated = [[number(r.get(f)) for f in fields] for r in sums]
    mean, low, high = stated[0] if stated and stated[0][0] is not None else [None] * 3
    if mean is None and values:
        mean = float(np.mean(values))
    if mean is None:
        return
    if low is not None and high is not None:
        ax.vlines(k, low, high, color=INK, lw=1.6, zorder=4)
    ax.plot([k], [mean], ls="none", marker="o", ms=6.5, color=INK, mec="white", mew=0.6, zorder=5)


def _level_panel(ax: Axes, rows: Sequence[Record], sums: Sequence[Record], alphas: Sequence[str],
                 limits: Limits, named: bool) -> str:  # fmt: skip
    """Draw the levels; returns the spread of the fixed alphas' means in words."""
    levels = _levels(rows, alphas)
    score_axis(ax, limits, named=named)
    fixed = [float(np.mean(v)) for a, v in zip(alphas, levels) if v and "->" not in a]
    said = ""
    if fixed:
        centre = float(np.mean(fixed))
        ax.axhspan(centre - SPREAD / 2, centre + SPREAD / 2, color=GOOD, alpha=0.35, lw=1.0, ec=GOOD, zorder=1)
        said = f"spread of the means {max(fixed) - min(fixed):.2g}"
    for k, (alpha, values) in enumerate(zip(alphas, levels)):
        dots(ax, _jitter(k, len(values)), values, _color(alpha), limits=limits)
        mine = [r for r in sums if str(r.get("alpha")) == alpha]
        _mean_mark(ax, k, mine, ("mean", "low", "high"), values)
    return said


def _settle_panel(ax: Axes, rows: Sequence[Record], sums: Sequence[Record], alphas: Sequence[str], top: float) -> None:
    settle_axis(ax, top)
    for k, alpha in enumerate(alphas):
        found = [number(r.get("settled_at")) for r in rows if str(r["alpha"]) == alpha]
        settle_dots(ax, _jitter(k, len(found)), found, (_color(alpha), "o"), top)
        mine = [r for r in sums if str(r.get("alpha")) == alpha]
        fields = ("settle_mean", "settle_mean_low", "settle_mean_high")
        if None not in found:
            _mean_mark(ax, k, mine, fields, [v for v in found if v is not None])


def _limits(values: Sequence[float]) -> Limits:
    """Around the levels and Best-Fit; Random only where levels come near it, so that 1 % can be seen."""
    low, high = max(min([*values, 0.95]), -1.0), min(max([*values, 1.05]), 2.0)
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def draw_alpha_sensitivity(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Every run's level (above) and episodes to settle (below) per alpha, one column a setting, at one N.

    tables["runs"], part alpha, and DG-PG of part main at the same N; means with intervals from
    tables["training_scores"]. Raises NothingToDraw.
    """
    of_alpha = [r for r in tables.get("runs", ()) if r.get("part") == "alpha" and r.get("alpha") is not None]
    need(of_alpha, "runs", "record of part alpha")
    n = min({float(r["n"]) for r in of_alpha}, key=lambda v: abs(np.log(v / 50.0)))
    columns = sorted({_place(r) for r in of_alpha if float(r["n"]) == n}, key=_order)[:5]
    rows, sums = ([r for r in tables.get(name, ()) if _kept(r, n, columns)] for name in ("runs", "training_scores"))
    levels = [v for r in rows if (v := number(r.get("level"))) is not None]
    limits = _limits([*levels, *(v for r in sums for f in ("low", "high") if (v := number(r.get(f))) is not None)])
    top = max([30.0, *(v for r in rows for f in ("settled_at", "horizon_episodes") if (v := number(r.get(f))))])
    caption = (
        "Coloured dots are runs (orange: mostly return, blue: mostly guidance, grey: a schedule), black marks means "
        "with intervals. Green band: 0.01 wide around the mean of the fixed \u03b1, 1\u00a0% of the way from "
        "Random to Best-Fit (the ledger judges 1\u00a0% of the return; dashed: Random = 0, Best-Fit = 1). Open "
        "triangles: never settled; a mean is not drawn then. Dotted: 10 and 20 episodes."
        f"{outside_text(outside(levels, limits), 'levels lie')} {dispute}"
    )
    with styled():
        fig, axes = panels(
            2, len(columns), title="", subtitle=f"N = {n:g}. Level: mean score over the last 20 % of evaluations. "
            "Claimed: every fixed \u03b1 converges fast, all within 1\u00a0% of each other.", caption=caption,
            height=2.4, gap=(0.55, 0.75), detailed=True, width=12.0 if len(columns) > 1 else 7.5,
        )  # fmt: skip
        said = []
        for c, place in enumerate(columns):
            setting, sharing = place
            mine, stated = ([r for r in found if _place(r) == place] for found in (rows, sums))
            alphas = _alphas(mine)
            spread = _level_panel(axes[0][c], mine, stated, alphas, limits, c == 0)
            _settle_panel(axes[1][c], mine, stated, alphas, top)
            name = setting or "as set"
            shared = ", shared parameters" if sharing == "shared" else ""
            detail(axes[0][c], f"{SETTINGS.get(setting, name).split(':')[0]}{shared}", spread)
            said += [f"{name} {spread.split()[-1]}"] if spread else []
            for ax in (axes[0][c], axes[1][c]):
                ax.set_xlim(-0.6, len(alphas) - 0.4)
                ax.set_xticks(range(len(alphas)), [a.replace("->", "\u2192") for a in alphas])
                quiet(ax)
            axes[1][c].set_xlabel("\u03b1")
        axes[1][0].set_ylabel("episodes to settle")
        title = (
            f"Spread of the mean score over \u03b1, per setting: {', '.join(said)}" if said else "Sensitivity to \u03b1"
        )
        fig.texts[0].set_text(title)
    return fig
