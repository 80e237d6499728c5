"""Figure: why a fixed alpha, the minimum over alpha and normalised mixing give different answers.

Upper row: V(N) at fixed alpha in the four settings, measured points over the predicted curve, with the minimum over
alpha. Lower row: the share of the return in the update. Bounded noise below a vanishing share is bounded because the
return has been switched off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.lines import limits
from dgpg_verify.reporting.drawing.select import Group, by_n, groups, need, number, pick
from dgpg_verify.reporting.drawing.style import (
    BAND,
    INK,
    EndLabel,
    alpha_color,
    alpha_value,
    detail,
    label_ends,
    log_y,
    n_axis,
    panels,
    quiet,
    styled,
)
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import SETTINGS, exponent_text

ORDER = ("sum", "mean", "mixed", "parts")
MARKS = {"start": "^", "middle": "D", "mid": "D", "end": "v"}


def _independent(rows: Sequence[Record]) -> list[Record]:
    return [row for row in rows if (row.get("sharing") or "independent") == "independent"]


def _label(alpha: float | str | None) -> str:
    """'0.4' for a fixed alpha, '0.9 start' for a point of the schedule."""
    value = alpha_value(alpha)
    if value is None:
        return str(alpha)
    return f"{value:g} {str(alpha).partition('@')[2].replace('middle', 'mid')}".strip()


def _merged(ends: Sequence[EndLabel]) -> list[EndLabel]:
    """One label for lines that end at the same alpha: '0.2' and '0.2 end' become '0.2, end'."""
    kept: list[EndLabel] = []
    for end in ends:
        value, _, point = end.name.partition(" ")
        twin = next((k for k, other in enumerate(kept) if point and other.name == value), None)
        if twin is None:
            kept.append(end)
        else:
            kept[twin] = replace(kept[twin], name=f"{value}, {point}")
    return kept


def _alphas(rows: Sequence[Record]) -> list[float | str]:
    """Every alpha measured, a number before the schedule's point of the same value, ascending."""
    seen = {row["alpha"] for row in rows}
    return sorted(seen, key=lambda a: (alpha_value(a) is None, alpha_value(a) or 0.0, isinstance(a, str)))


def _slope(curve: dict[float, list[float]]) -> float | None:
    """Plain log-log slope over the top decade of N, for the title only; verdicts come from the fits."""
    points = [(n, v) for n, values in curve.items() for v in values if v > 0 and n >= max(curve) / 10]
    if len({n for n, _ in points}) < 2:
        return None
    n, v = np.log(np.array(points)).T
    return float(np.polyfit(n, v, 1)[0])


def _shown(rows: Sequence[Record]) -> float | str | None:
    """The fixed alpha nearest to an even mixture, of which title and notes speak."""
    alphas = [a for a in _alphas(rows) if alpha_value(a) not in (None, 0.0, 1.0)]
    return min(alphas, key=lambda a: (isinstance(a, str), abs((alpha_value(a) or 0) - 0.5)), default=None)


def _title(rows: Sequence[Record], best: Sequence[Record], settings: Sequence[str]) -> str:
    chosen = _shown(rows)
    if chosen is None:
        return "V(N) at fixed \u03b1"
    said = []
    for setting in settings:
        slope = _slope(by_n(pick(rows, alpha=chosen, setting=setting), "variance"))
        if slope is not None:
            said.append(f"N^{exponent_text(slope)} ({setting})")
    lowest = _slope(by_n(pick(best, setting=settings[0]), "min_variance"))
    tail = f"; min over \u03b1: N^{exponent_text(lowest)}" if lowest is not None else ""
    return f"At fixed \u03b1 = {_label(chosen)} the noise goes like {', '.join(said)}{tail}"


def _top(ax: Axes, rows: Sequence[Record], best: Sequence[Record]) -> list[EndLabel]:
    """Measured V with its interval over the predicted curve, one colour per alpha; min over alpha in ink."""
    ends = []
    for alpha in _alphas(rows):
        mine = sorted((r for r in rows if r["alpha"] == alpha and number(r.get("variance"))), key=lambda r: r["n"])
        if not mine:
            continue
        color = alpha_color(alpha_value(alpha))
        curve = [(r["n"], p) for r in mine if (p := number(r.get("predicted")))]
        if curve:
            ax.plot(*zip(*curve), color=color, lw=1.5, zorder=2)
        for row in mine:
            low, high = number(row.get("variance_low")), number(row.get("variance_high"))
            if low is not None and high is not None:
                ax.vlines(row["n"], max(low, ax.get_ylim()[0]), high, color=color, lw=1.0, alpha=0.5, zorder=3)
        marker = MARKS.get(str(alpha).partition("@")[2], "o")
        hollow = "@" in str(alpha)
        dots = ax.scatter([r["n"] for r in mine], [r["variance"] for r in mine], s=30 if hollow else 22, marker=marker,
                          facecolors="none" if hollow else color, edgecolors=color if hollow else "white",
                          linewidths=1.1 if hollow else 0.5, zorder=4)  # fmt: skip
        dots.set_gid("replicates")
        ends.append(EndLabel(mine[-1]["n"], mine[-1]["variance"], _label(alpha), "", color))
        crossover = number(mine[-1].get("crossover_n"))
        if crossover and curve and curve[0][0] <= crossover <= curve[-1][0]:
            edge = ax.get_ylim()[0]
            ax.plot([crossover], [edge], marker="^", ms=7, color=color, clip_on=False, zorder=6)
    return _merged(ends) + _best(ax, best, "min_variance", "min")


def _best(ax: Axes, best: Sequence[Record], field: str, name: str) -> list[EndLabel]:
    """The optimum over alpha: every fleet as a dot, the mean over fleets dashed."""
    found = {n: [v for v in values if v > 0] for n, values in by_n(best, field).items()}
    found = {n: values for n, values in found.items() if values}
    if not found:
        return []
    x, y = np.array([(n, v) for n, values in found.items() for v in values]).T
    ax.scatter(x, y, s=7, color=INK, alpha=0.25, linewidths=0, zorder=4, gid="replicates")
    ns, means = list(found), [float(np.mean(v)) for v in found.values()]
    ax.plot(ns, means, color=INK, lw=2.0, ls=(0, (4, 1.6)), zorder=5)
    return [EndLabel(ns[-1], means[-1], name, "", INK)]


def _bottom(ax: Axes, rows: Sequence[Record], best: Sequence[Record]) -> list[EndLabel]:
    """The return's share at every alpha, and at the optimum; says its slope at the alpha of the title."""
    for alpha in _alphas(rows):
        curve = sorted((r["n"], w) for r in rows if r["alpha"] == alpha and (w := number(r.get("return_share"))))
        if curve:
            ax.plot(*zip(*curve), color=alpha_color(alpha_value(alpha)), lw=1.5, marker="o", ms=3.6, mec="none")
    chosen = _shown(rows)
    slope = _slope(by_n(pick(rows, alpha=chosen), "return_share")) if chosen is not None else None
    if slope is not None:
        text = f"\u03b1 = {_label(chosen)}: \u03c9 goes like N^{exponent_text(slope)}"
        ax.text(0.02, 0.03, text, transform=ax.transAxes, size=8.6, color=INK)
    return _best(ax, best, "return_share", "min")


def _equal_span(columns: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """Limits of the same number of decades for every column, so that equal slopes look equal."""
    spans = [limits(values) for values in columns]
    most = max(math.log10(high / low) for low, high in spans)
    return [limits([low, high], pad=0.0, least_decades=most) for low, high in spans]


def draw_fixed_alpha(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """V(N) at fixed alpha over its prediction (above) and the return share (below), one column per setting.

    tables["alpha"], tables["optimal"]; `group` picks system, graph and policy. Raises NothingToDraw.
    """
    table = [r for r in _independent(tables.get("alpha", ())) if number(r.get("variance"))]
    need(table, "alpha", "row with a variance")
    group = group or groups(table)[0]
    rows = pick(table, group)
    need(rows, "alpha", f"row for {group.title}")
    best = pick(_independent(tables.get("optimal", ())), group)
    seen = list(dict.fromkeys(str(row.get("setting")) for row in rows))
    settings = [s for s in ORDER if s in seen] + [s for s in seen if s not in ORDER]
    columns = [(pick(rows, setting=s), pick(best, setting=s)) for s in settings]
    tops = _equal_span([[v for r in (*a, *b) for k in ("variance", "predicted", "min_variance")
                         if (v := number(r.get(k))) and v > 0] for a, b in columns])  # fmt: skip
    shares = [w for r in (*rows, *best) if (w := number(r.get("return_share"))) and w > 0]
    caption = (
        "Dots: measured V with its interval; thin curves: (1\u2212\u03b1)\u00b2V_PG + \u03b1\u00b2V_G + "
        "2\u03b1(1\u2212\u03b1)C "
        "from the moments of the two parts alone. Dashed: minimum over \u03b1 (small dots: fleets). "
        "Triangles on the "
        "axis: crossover N_c, beyond which the return's noise dominates. Hollow marks: points of the "
        "published schedule. All upper panels span the same number of decades. "
        "Slopes named in title and notes are plain fits over the top decade; verdicts come from the ledger. "
        f"{_fleets(best)}{dispute}"
    )
    with styled():
        fig, axes = panels(
            2,
            len(settings),
            title=_title(rows, best, settings),
            subtitle=f"{group.title}. Above: noise of the mixture. Below: how much of the update still "
            "comes from the return. "
            "Where the noise is bounded over a falling share, the return is being switched off. Labels: \u03b1.",
            caption=caption,
            height=2.75,
            label_room=0.8,
            gap=(0.5, 0.42),
            width=13.0,
            detailed=True,
        )
        for k, (setting, (mine, optimum)) in enumerate(zip(settings, columns)):
            top, bottom = axes[0][k], axes[1][k]
            ns = [row["n"] for row in mine]
            for ax in (top, bottom):
                n_axis(ax, ns, "agents N" if ax is bottom else None)
            log_y(top, *tops[k])
            log_y(bottom, min(limits(shares)[0] / 2, 0.2), 1.3)
            label_ends(top, _top(top, mine, optimum), size=8.3)
            label_ends(bottom, _bottom(bottom, mine, optimum), size=8.3)
            bottom.axhspan(bottom.get_ylim()[0], 0.1, color=BAND, zorder=0, lw=0)
            name, _, text = SETTINGS.get(setting, setting).partition(": ")
            detail(top, name, text)
            for ax in (top, bottom):
                quiet(ax)
        axes[0][0].set_ylabel("noise V(N), pooled over agents")
        axes[1][0].set_ylabel("return share \u03c9 (shaded: below 10\u00a0%)")
    return fig


def _fleets(best: Sequence[Record]) -> str:
    count = len({row.get("fleet") for row in best})
    return f"{count} fleets per N. " if count else ""
