"""Figure: why a fixed alpha, the minimum over alpha and normalised mixing give different answers.

Upper row: V(N) at fixed alpha in the four settings, measured points over the predicted curve, with the minimum over
alpha. Lower row: the share of the return in the update. Bounded noise below a vanishing share is bounded because the
return has been switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import equal_spans, limits, log_y, n_axis, quiet
from dgpg_verify.reporting.drawing.look import BAND, INK, Look, alpha_color, alpha_value
from dgpg_verify.reporting.drawing.marks import EndLabel, bars, dots, joined, label_ends
from dgpg_verify.reporting.drawing.sheet import detail, panels
from dgpg_verify.reporting.frame import (
    Frame,
    Frames,
    Place,
    at,
    known,
    mean,
    need,
    over_n,
    per_agent,
    places,
    positive,
    top_decade_slope,
    unique,
    where,
)
from dgpg_verify.reporting.wording import SETTINGS, exponent_text

ORDER = ("sum", "mean", "mixed", "parts")
MARKS = {"start": "^", "middle": "D", "mid": "D", "end": "v"}  # points of the published schedule
Alpha = float | str
FILLED: dict[str, Any] = {"s": 22, "edgecolors": "white", "linewidths": 0.5, "alpha": 1.0, "zorder": 4}
CAPTION = (
    "Dots: measured V with its interval; thin curves: (1\u2212\u03b1)\u00b2V_PG + \u03b1\u00b2V_G + "
    "2\u03b1(1\u2212\u03b1)C from the moments of the two parts alone. Dashed: minimum over \u03b1 (small dots: "
    "fleets). Triangles on the axis: crossover N_c, beyond which the return's noise dominates. Hollow marks: points "
    "of the published schedule. All upper panels span the same number of decades. Slopes named in title and notes are "
    "plain fits over the top decade; verdicts come from the ledger."
)


def _label(alpha: Alpha) -> str:
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


def _alphas(rows: Frame) -> list[Alpha]:
    """Every alpha measured, a number before the schedule's point of the same value, ascending."""
    return sorted(
        unique(rows, "alpha"), key=lambda a: (alpha_value(a) is None, alpha_value(a) or 0.0, isinstance(a, str))
    )


def _even(rows: Frame) -> Alpha | None:
    """The fixed alpha nearest to an even mixture, of which title and notes speak."""
    alphas = [a for a in _alphas(rows) if alpha_value(a) not in (None, 0.0, 1.0)]
    return min(alphas, key=lambda a: (isinstance(a, str), abs((alpha_value(a) or 0) - 0.5)), default=None)


def _title(rows: Frame, best: Frame, settings: Sequence[str]) -> str:
    even = _even(rows)
    if even is None:
        return "V(N) at fixed \u03b1"
    slopes = {s: top_decade_slope(where(rows, alpha=even, setting=s), "variance") for s in settings}
    powers = ", ".join(f"N^{exponent_text(slope)} ({s})" for s, slope in slopes.items() if slope is not None)
    lowest = top_decade_slope(where(best, setting=settings[0]), "min_variance")
    tail = f"; min over \u03b1: N^{exponent_text(lowest)}" if lowest is not None else ""
    return f"At fixed \u03b1 = {_label(even)} the noise goes like {powers}{tail}"


def _hollow(look: Look) -> dict[str, Any]:
    return FILLED | {"s": 30, "facecolors": "none", "edgecolors": look.color, "linewidths": 1.1, "color": None}


def _noise(ax: Axes, rows: Frame, best: Frame) -> list[EndLabel]:
    """Measured V with its interval over the predicted curve, one colour per alpha; min over alpha in ink."""
    edge, ends = ax.get_ylim()[0], []
    for alpha in _alphas(rows):
        mine = where(rows, alpha=alpha).sort_values("n", kind="stable")
        curve = mine[mine["predicted"] > 0]
        point = str(alpha).partition("@")[2]
        look = Look(alpha_color(alpha_value(alpha)), MARKS.get(point, "o"))
        joined(ax, curve["n"], curve["predicted"], look, marker="", lw=1.5, zorder=2)
        bars(ax, mine["n"], mine["variance_low"].clip(lower=edge), mine["variance_high"], look, lw=1.0, alpha=0.5)
        dots(ax, mine["n"], mine["variance"], look, **(_hollow(look) if point else FILLED))
        last = mine.iloc[-1]
        ends.append(EndLabel(last["n"], last["variance"], _label(alpha), "", look.color))
        if curve["n"].min() <= last["crossover_n"] <= curve["n"].max():
            ax.plot([last["crossover_n"]], [edge], marker="^", ms=7, color=look.color, clip_on=False, zorder=6)
    return _merged(ends) + _optimum(ax, best, "min_variance")


def _share(ax: Axes, rows: Frame, best: Frame) -> list[EndLabel]:
    """The return's share at every alpha, and at the optimum; says its slope at the alpha of the title."""
    for alpha in _alphas(rows):
        curve = known(where(rows, alpha=alpha), "return_share").sort_values("n", kind="stable")
        look = Look(alpha_color(alpha_value(alpha)))
        joined(ax, curve["n"], curve["return_share"], look, lw=1.5, ms=3.6, mec="none", zorder=2)
    even = _even(rows)
    slope = None if even is None else top_decade_slope(where(rows, alpha=even), "return_share")
    if even is not None and slope is not None:
        text = f"\u03b1 = {_label(even)}: \u03c9 goes like N^{exponent_text(slope)}"
        ax.text(0.02, 0.03, text, transform=ax.transAxes, size=8.6, color=INK)
    ax.axhspan(ax.get_ylim()[0], 0.1, color=BAND, zorder=0, lw=0)
    return _optimum(ax, best, "return_share")


def _optimum(ax: Axes, best: Frame, column: str) -> list[EndLabel]:
    """The optimum over alpha: every fleet as a dot, the mean over fleets dashed."""
    found = best[best[column] > 0]
    if found.empty:
        return []
    points, look = over_n(found, column, mean), Look(INK)
    dots(ax, found["n"], found[column], look, s=7, alpha=0.25, zorder=4)
    joined(ax, points["n"], points["value"], look, marker="", lw=2.0, ls=(0, (4, 1.6)))
    return [EndLabel(points["n"].iloc[-1], points["value"].iloc[-1], "min", "", INK)]


def _column(top: Axes, bottom: Axes, rows: Frame, best: Frame) -> None:
    """Noise above, share below, in one setting."""
    for ax, label, draw in ((top, None, _noise), (bottom, "agents N", _share)):
        n_axis(ax, rows["n"], label)
        label_ends(ax, draw(ax, rows, best), size=8.3)
        quiet(ax)


def draw_fixed_alpha(frames: Frames, place: Place | None = None) -> Figure:
    """V(N) at fixed alpha over its prediction (above) and the return share (below), one column per setting.

    Tables `alpha` and `optimal`; by default the first place measured. Raises NothingToDraw.
    """
    table = per_agent(frames["alpha"])
    table = need(table[table["variance"] > 0], "alpha", "row with a variance")
    place = place or places(table)[0]
    rows = need(at(table, place), "alpha", f"row for {place.title}")
    best = at(per_agent(frames["optimal"]), place)
    settings = unique(rows, "setting", ORDER)
    columns = [(where(rows, setting=s), where(best, setting=s)) for s in settings]
    spans = equal_spans([positive(a, "variance", "predicted") + positive(b, "min_variance") for a, b in columns])
    floor = limits(positive(rows, "return_share") + positive(best, "return_share"))[0]
    fleets = best["fleet"].nunique()
    fig, axes = panels(
        2,
        len(settings),
        title=_title(rows, best, settings),
        subtitle=f"{place.title}. Above: noise of the mixture. Below: how much of the update still comes from the "
        "return. Where the noise is bounded over a falling share, the return is being switched off. Labels: \u03b1.",
        caption=CAPTION + (f" {fleets} fleets per N." if fleets else ""),
        height=2.75,
        label_room=0.8,
        gap=(0.5, 0.42),
        width=13.0,
        detailed=True,
    )
    for (top, bottom), setting, column, span in zip(axes.T, settings, columns, spans):
        log_y(top, *span)
        log_y(bottom, min(floor / 2, 0.2), 1.3)
        _column(top, bottom, *column)
        name, _, text = SETTINGS.get(setting, setting).partition(": ")
        detail(top, name, text)
    axes[0, 0].set_ylabel("noise V(N), pooled over agents")
    axes[1, 0].set_ylabel("return share \u03c9 (shaded: below 10\u00a0%)")
    return fig
