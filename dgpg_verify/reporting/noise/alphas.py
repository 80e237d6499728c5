"""Figures over alpha: what a fixed alpha, the minimum over alpha and normalised mixing do, and what the minimum costs.

Bounded noise below a vanishing share of the return is bounded because the return has been switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.core.moments import LEADING_MIXTURES, MEASURED_SETTINGS
from dgpg_verify.reporting.drawing.axes import equal_spans, limits, log_y, n_axis, nothing_in, quiet, rule
from dgpg_verify.reporting.drawing.captions import fleets_text
from dgpg_verify.reporting.drawing.look import BAND, GOOD, INK, MUTED, Look, alpha_color, credit_look
from dgpg_verify.reporting.drawing.marks import EndLabel, bars, dots, joined, label_ends
from dgpg_verify.reporting.drawing.sheet import detail, panels
from dgpg_verify.reporting.frame import (
    Frame,
    Frames,
    Place,
    at,
    in_primary_setting,
    known,
    per_agent,
    positive,
    top_decade_slope,
    unique,
    where,
)
from dgpg_verify.reporting.noise.credits import of_place
from dgpg_verify.reporting.wording import SETTINGS, exponent_text, number_text

ORDER = MEASURED_SETTINGS
MOST_SETTINGS = 4
FILLED: dict[str, Any] = {"s": 22, "edgecolors": "white", "linewidths": 0.5, "alpha": 1.0, "zorder": 4}
RATIOS = {
    "noise_to_signal": "noise relative to the signal",
    "paired_ratio": "noise relative to the difference reward's",
}
CAPTION = (
    "Dots: geometric means over fleets with their intervals, of the ratio that the verdict judges. Dashed, below: at "
    "the \u03b1 of least noise (small dots: fleets; none for joint). All upper panels span the same number of decades. "
    "Slopes named in title and notes, at the \u03b1 of the title, are plain fits over the top decade; verdicts come "
    "from the ledger."
)
MIXTURE = Look(alpha_color(0.5))
PANELS = {  # at alpha*: title -> (column, look, label at the line's end) of each series
    "\u03b1*": (("alpha_star", MIXTURE, ""),),
    "N (1 \u2212 \u03b1*)": (("n_one_minus_alpha", MIXTURE, ""),),
    "noise V": (("guidance_variance", credit_look("guidance"), "V_G"), ("min_variance", MIXTURE, "min V")),
    "at \u03b1*": (
        ("return_share", Look(credit_look("return").color), "return\nshare"),
        ("efficiency", Look(GOOD, "^"), "efficiency"),
    ),
}


def draw_fixed_alpha(frames: Frames, place: Place) -> Figure:
    """The ratio that the verdict judges at fixed alpha (above) and the return share (below), one column per setting.

    Tables `alpha` and `optimal`. Raises NothingToDraw.
    """
    rows = of_place(known(per_agent(frames["alpha"]), "ratio"), "alpha", place, "row with a ratio")
    best = at(per_agent(frames["optimal"]), place)
    ratio = str(rows["ratio_name"].iloc[0])
    settings = _telling_settings(unique(rows, "setting", ORDER))
    columns = [where(rows, setting=setting) for setting in settings]
    spans = equal_spans([positive(mixtures, "ratio") for mixtures in columns])
    floor = limits(positive(rows, "return_share") + positive(best, "return_share"))[0]
    fleets = best["fleet"].nunique()
    fig, axes = panels(
        2,
        len(settings),
        title=_fixed_title(rows, settings, ratio),
        subtitle=f"{place.title}. Above: {RATIOS[ratio]}. Below: how much of the update still comes from the return. "
        "Where the noise is bounded over a falling share, the return is being switched off. Labels: \u03b1.",
        caption=CAPTION + (f" {fleets} fleets per N." if fleets else ""),
        height=2.75,
        label_room=0.8,
        gap=(0.5, 0.42),
        width=13.0,
        detailed=True,
    )
    for (top, bottom), setting, mixtures, span in zip(axes.T, settings, columns, spans):
        log_y(top, *span)
        log_y(bottom, min(floor / 2, 0.2), 1.3)
        n_axis(top, mixtures["n"], None)
        n_axis(bottom, mixtures["n"])
        _noise(top, mixtures)
        _share(bottom, mixtures, where(best, setting=setting))
        name, _, text = SETTINGS.get(setting, setting).partition(": ")
        detail(top, name, text)
    axes[0, 0].set_ylabel(ratio.replace("_", " "))
    axes[1, 0].set_ylabel("return share \u03c9 (shaded: below 10\u00a0%)")
    return fig


def _telling_settings(settings: Sequence[str]) -> list[str]:
    """At most four settings: the sum, whose noise grows, and of the others those first that may decide a claim."""
    ranked = sorted(settings, key=lambda name: (name != "sum", name not in LEADING_MIXTURES))
    return [name for name in settings if name in ranked[:MOST_SETTINGS]]


def _even(rows: Frame) -> float | None:
    """The alpha nearest to an even mixture, named by title and notes."""
    inside = (float(alpha) for alpha in unique(rows, "alpha") if 0.0 < alpha < 1.0)
    return min(inside, key=lambda alpha: abs(alpha - 0.5), default=None)


def _fixed_title(rows: Frame, settings: Sequence[str], ratio: str) -> str:
    even = _even(rows)
    slopes = {s: top_decade_slope(where(rows, alpha=even, setting=s), "ratio") for s in settings}
    powers = ", ".join(f"N^{exponent_text(slope)} ({s})" for s, slope in slopes.items() if slope is not None)
    return f"At fixed \u03b1 = {even:g} the {RATIOS[ratio]} goes like {powers}" if powers else "Noise at fixed \u03b1"


def _noise(ax: Axes, rows: Frame) -> None:
    """The judged ratio with its interval, one colour per alpha."""
    ends: list[EndLabel] = []
    for alpha in sorted(unique(rows, "alpha")):
        same, look = where(rows, alpha=alpha).sort_values("n", kind="stable"), Look(alpha_color(alpha))
        joined(ax, same["n"], same["ratio"], look, marker="", lw=1.5, zorder=2)
        bars(ax, same["n"], same["ratio_low"].clip(lower=ax.get_ylim()[0]), same["ratio_high"], look, lw=1.0, alpha=0.5)
        dots(ax, same["n"], same["ratio"], look, **FILLED)
        last = same.iloc[-1]
        ends.append(EndLabel(last["n"], last["ratio"], f"{alpha:g}", "", look.color))
    label_ends(ax, ends, size=8.3)
    quiet(ax)


def _share(ax: Axes, rows: Frame, best: Frame) -> None:
    """The return's share at every alpha, and at that of least noise (every fleet, and the mean over fleets dashed);
    notes its slope at the alpha of the title."""
    for alpha in sorted(unique(rows, "alpha")):
        curve = known(where(rows, alpha=alpha), "return_share").sort_values("n", kind="stable")
        joined(ax, curve["n"], curve["return_share"], Look(alpha_color(alpha)), lw=1.5, ms=3.6, mec="none", zorder=2)
    slope = top_decade_slope(where(rows, alpha=_even(rows)), "return_share")
    if slope is not None:
        text = f"\u03c9 goes like N^{exponent_text(slope)}"  # at the alpha of the title
        ax.text(0.02, 0.03, text, transform=ax.transAxes, size=8.6, color=INK)
    ax.axhspan(ax.get_ylim()[0], 0.1, color=BAND, zorder=0, lw=0)
    if rows["return_share"].isna().all():
        nothing_in(ax)
    shown = best[best["return_share"] > 0]
    if not shown.empty:
        means, look = shown.groupby("n")["return_share"].mean(), Look(INK)
        dots(ax, shown["n"], shown["return_share"], look, s=7, alpha=0.25, zorder=4)
        joined(ax, means.index, means, look, marker="", lw=2.0, ls=(0, (4, 1.6)))
        label_ends(ax, [EndLabel(means.index[-1], means.iloc[-1], "min", "", INK)], size=8.3)
    quiet(ax)


def draw_optimal_alpha(frames: Frames, place: Place) -> Figure:
    """Four panels against N: alpha*, N(1 - alpha*), min over alpha of V beside V_G, return share and efficiency.

    Table `optimal`, primary setting, own parameters. Raises NothingToDraw.
    """
    rows = of_place(per_agent(in_primary_setting(frames["optimal"])), "optimal", place)
    fig, axes = panels(
        1,
        4,
        title=_optimal_title(rows),
        subtitle=f"{place.title}. The price of min over \u03b1: what is left of the return.",
        caption=f"{fleets_text(rows)}, every dot one fleet, lines are medians; the return's share is over all fleets "
        "together. \u03b1* = (V_PG \u2212 C)/(V_PG + V_G \u2212 2C) clipped to [0, 1], pooled over agents. A level "
        "N(1 \u2212 \u03b1*) means that the weight left to the return falls like 1/N.",
        height=2.7,
        gap=(0.62, 0.6),
        width=13.0,
        label_room=0.56,
    )
    for ax in axes.flat:
        n_axis(ax, rows["n"])
    _scale(axes[0], rows)
    for ax, (name, series) in zip(axes.flat, PANELS.items()):
        ax.set_title(name)
        ends = []
        for column, look, label in series:
            medians = rows.groupby("n")[column].median().dropna()
            dots(ax, rows["n"], rows[column].clip(lower=ax.get_ylim()[0]), look)
            joined(ax, medians.index, medians, look)
            if label and not medians.empty:
                ends.append(EndLabel(medians.index[-1], medians.iloc[-1], label, "", look.color))
        if rows[[column for column, *_ in series]].isna().all(axis=None):
            nothing_in(ax)
        label_ends(ax, ends, size=8.4)
        quiet(ax)
    return fig


def _scale(axes: Sequence[Axes], rows: Frame) -> None:
    """Axes of the four panels; what the ends of the first one mean."""
    first, second, third, fourth = axes
    first.set_ylim(0, 1.04)
    log_y(second, *limits(positive(rows, "n_one_minus_alpha"), least_decades=1.5))
    log_y(third, *limits(positive(rows, "min_variance", "guidance_variance"), least_decades=1.0))
    log_y(fourth, *limits([*positive(rows, "return_share", "efficiency"), 1.0]))
    rule(first, 1.0, lw=0.8, ls=":")
    first.text(0.03, 0.03, "1 = guidance alone\n0 = return alone", transform=first.transAxes, size=8.4, color=MUTED)
    rule(fourth, 1.0, color=INK, lw=0.6, ls=":")


def _optimal_title(rows: Frame) -> str:
    last = rows["n"].max()
    star, share = where(rows, n=last)[["alpha_star", "return_share"]].median()
    told = f"is {number_text(share, 2)}" if share == share else "cannot be told from noise"  # NaN: in no fleet
    return (
        f"At N\u00a0=\u00a0{last} the least noise is at \u03b1*\u00a0=\u00a0{number_text(star)}, where the return's "
        f"share of the update {told}"
    )
