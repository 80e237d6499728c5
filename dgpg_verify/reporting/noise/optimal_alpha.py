"""Figure: what the minimum over alpha costs: alpha*, N(1 - alpha*), min V against V_G, return share there."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import limits, log_y, n_axis, quiet, rule
from dgpg_verify.reporting.drawing.captions import fleets_text
from dgpg_verify.reporting.drawing.look import GOOD, INK, MIX, MUTED, Look, credit_look, to_hex
from dgpg_verify.reporting.drawing.marks import EndLabel, dots, joined, label_ends
from dgpg_verify.reporting.drawing.sheet import panels
from dgpg_verify.reporting.frame import (
    Frame,
    Frames,
    Place,
    at,
    in_primary_setting,
    median,
    need,
    over_n,
    per_agent,
    places,
    positive,
    where,
)
from dgpg_verify.reporting.wording import number_text

MIXTURE = Look(to_hex(MIX(0.5)))
Series = tuple[str, Look, str]  # column, look, label at the line's end
PANELS: dict[str, tuple[Series, ...]] = {
    "\u03b1*": (("alpha_star", MIXTURE, ""),),
    "N (1 \u2212 \u03b1*)": (("n_one_minus_alpha", MIXTURE, ""),),
    "noise V": (("guidance_variance", credit_look("guidance"), "V_G"), ("min_variance", MIXTURE, "min V")),
    "at \u03b1*": (
        ("return_share", Look(credit_look("return").color), "return\nshare"),
        ("efficiency", Look(GOOD, "^"), "efficiency"),
    ),
}


def _title(rows: Frame) -> str:
    last = rows["n"].max()
    points = [over_n(where(rows, n=last), column, median)["value"] for column in ("alpha_star", "return_share")]
    star, share = (number_text(p.iloc[0], digits) if len(p) else "-" for p, digits in zip(points, (3, 2)))
    return (
        f"At N\u00a0=\u00a0{last} the least noise is at \u03b1*\u00a0=\u00a0{star}, where the return's share of the "
        f"update is {share}"
    )


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


def _panel(ax: Axes, rows: Frame, series: tuple[Series, ...]) -> None:
    """Every fleet as a dot, medians over fleets joined, series named at their ends where there are two."""
    ends = []
    for column, look, label in series:
        points = over_n(rows, column, median)
        dots(ax, rows["n"], rows[column].clip(lower=ax.get_ylim()[0]), look)
        joined(ax, points["n"], points["value"], look)
        if label and not points.empty:
            ends.append(EndLabel(points["n"].iloc[-1], points["value"].iloc[-1], label, "", look.color))
    quiet(ax)
    label_ends(ax, ends, size=8.4)


def draw_optimal_alpha(frames: Frames, place: Place | None = None) -> Figure:
    """Four panels against N: alpha*, N(1 - alpha*), min over alpha of V beside V_G, return share and efficiency.

    Table `optimal`, primary setting, own parameters; by default the first place measured. Raises NothingToDraw.
    """
    table = need(per_agent(in_primary_setting(frames["optimal"])), "optimal", "row")
    place = place or places(table)[0]
    rows = need(at(table, place), "optimal", f"row for {place.title}")
    fig, axes = panels(
        1,
        4,
        title=_title(rows),
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
        _panel(ax, rows, series)
    return fig
