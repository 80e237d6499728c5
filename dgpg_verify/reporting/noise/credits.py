"""What the noise figures share: which credits are drawn, one panel per place, one credit's replicates and means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import dodge
from dgpg_verify.reporting.drawing.captions import fleets_text, left_out
from dgpg_verify.reporting.drawing.look import BAND, credit_look
from dgpg_verify.reporting.drawing.marks import EndLabel, dots, fitted, key, summary
from dgpg_verify.reporting.drawing.sheet import detail, grid
from dgpg_verify.reporting.frame import (
    PLACE,
    Frame,
    Place,
    at,
    fit_of,
    geometric_mean,
    known,
    need,
    over_n,
    places,
    telling_places,
    where,
)
from dgpg_verify.reporting.wording import credit_name, exponent_text, slope_phrase

HEADLINE = ("return", "gae:central", "guidance", "guidance:exact", "difference", "branch")
TITLED = {"shared return": ["return"], "guidance": ["guidance"]}  # what titles compare: credits by their name there

Text = Callable[[str, Frame], str]


def of_place(rows: Frame, table: str, place: Place, what: str = "row") -> Frame:
    """Rows of one place. Raises NothingToDraw where the table holds none."""
    return need(at(need(rows, table, what), place), table, f"{what} for {place.title}")


def at_any(rows: Frame, places: Sequence[Place]) -> Frame:
    """Rows of any of the places."""
    return rows[[Place(*key) in places for key in rows[PLACE].itertuples(index=False)]]


def headline_credits(rows: Frame) -> list[str]:
    """The credits drawn where room is short, in legend order."""
    measured = list(dict.fromkeys(rows["credit"]))
    chosen = [credit for credit in HEADLINE if credit in measured] or measured
    return sorted(chosen, key=lambda credit: (credit_look(credit).order, credit))


def by_place(
    rows: Frame,
    credits: Sequence[str],
    draw: Callable[[Axes, Frame], None],
    text: Text,
    *,
    title: str,
    plain_title: str,
    subtitle: str,
    caption: str,
    titled: Mapping[str, Sequence[str]] = TITLED,
    legend: bool = True,
    **layout: Any,
) -> Figure:
    """One panel for each of the telling places of the rows of `credits`; the title is about the first one, which the
    subtitle names.

    Parameters
    ----------
    draw : fills a panel with the rows of its place.
    text : what the title compares, see `compared`.
    title : {compared} stands for that comparison at the largest N, {last} for this N.
    plain_title : where nothing can be compared.
    caption : goes on after the number of fleets, where rows come from fleets.
    titled : credits by the name under which the title compares them.
    layout : goes to `grid`.
    """
    measured = where(rows, credit=list(credits))
    first, *_ = shown = telling_places(measured)
    drawn = at_any(measured, shown)
    others = left_out([p.title for p in places(measured)], [p.title for p in shown], place="the table of rows")
    last = at(drawn, first)["n"].max()
    texts = compared(where(at(drawn, first), n=last), text, titled)
    fleets = f"{fleets_text(drawn)}; " if "fleet" in drawn else ""
    fig, axes = grid(
        shown,
        title=title.format(compared=texts, last=last) if texts else plain_title,
        subtitle=f"Numbers of the title: {first.title}. {subtitle}",
        caption=fleets + caption + left_out(sorted(set(rows["credit"])), credits) + others,
        keys=[key(credit_name(credit), credit_look(credit)) for credit in credits] if legend else (),
        **layout,
    )
    for place, ax in axes.items():
        draw(ax, at(drawn, place))
        detail(ax, place.system_title, place.detail)
    return fig


def compared(rows: Frame, text: Text, titled: Mapping[str, Sequence[str]] = TITLED) -> str:
    """`text` of each name and its rows, as far as they were measured, for titles."""
    pairs = [(name, where(rows, credit=list(credits))) for name, credits in titled.items()]
    return ", ".join(filter(None, (text(name, same) for name, same in pairs if not same.empty)))


def slope_text(fits: Frame, statistic: str) -> Text:
    """For `compared`, what the fits say of each credit: 'shared return grows like N^0.98, ...'."""

    def text(name: str, same: Frame) -> str:
        fit = fit_of(fits, same, statistic)
        return f"{name} {slope_phrase(*_slope(fit))}" if fit else ""

    return text


def _slope(fit: Mapping[str, Any]) -> tuple[float | None, ...]:
    """Exponent and interval of a fit; None where an end is missing."""
    return tuple(None if pd.isna(fit[name]) else float(fit[name]) for name in ("exponent", "low", "high"))


def draw_credits(ax: Axes, fits: Frame, rows: Frame, column: str, credits: Sequence[str]) -> list[EndLabel]:
    """Every replicate as a dot, geometric means with intervals over them, the deciding fits.

    Dots beyond the frame sit on it, hollow. N is moved by a factor for each credit, for reading only. Returns the
    labels for the lines' ends.
    """
    ends, used = [], []
    for k, credit in enumerate(credits):
        look, shift, same = credit_look(credit), dodge(ax, k, len(credits)), known(where(rows, credit=credit), column)
        points, fit = over_n(same, column, geometric_mean), fit_of(fits, same, column)
        dots(ax, same["n"] * shift, same[column], look, limits=ax.get_ylim())
        summary(ax, points, look, shift, lw=0.9)
        used += fitted(ax, fit, look)
        if not points.empty:
            slope = "slope {} [{}, {}]".format(*map(exponent_text, _slope(fit))) if fit else ""
            last = points.iloc[-1]
            ends.append(EndLabel(last["n"], last["value"], credit_name(credit), slope, look.color))
    if used:
        ax.axvspan(min(used) * 0.93, ax.get_xlim()[1], color=BAND, zorder=0, lw=0)
    return ends
