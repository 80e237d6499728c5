"""What the noise figures share: which credits are drawn, their legend, one credit's replicates, means and slope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import dodge, limits, log_y
from dgpg_verify.reporting.drawing.look import BAND, credit_look
from dgpg_verify.reporting.drawing.marks import EndLabel, dots, fitted, key, summary
from dgpg_verify.reporting.drawing.sheet import Keys, detail, grid
from dgpg_verify.reporting.frame import (
    Frame,
    Place,
    fit_of,
    geometric_mean,
    known,
    over_n,
    places,
    positive,
    unique,
    where,
)
from dgpg_verify.reporting.wording import credit_name, exponent_text, slope_phrase

HEADLINE = ("return", "return:centred", "gae:central", "guidance", "guidance:chain_rule", "guidance:exact",
            "difference", "branch")  # fmt: skip
TITLED = (("return", "return:centred"), ("guidance", "guidance:chain_rule"))  # the two that titles compare


def headline_credits(rows: Frame) -> list[str]:
    """The credits drawn where room is short, in legend order; guided ones have their own figure."""
    measured = unique(rows, "credit")
    chosen = [c for c in HEADLINE if c in measured] or [c for c in measured if not c.startswith("guided")] or measured
    return sorted(chosen, key=lambda credit: (credit_look(credit).order, credit))


def credit_keys(credits: Sequence[str]) -> Keys:
    """Legend entries of credits."""
    return [key(credit_name(credit), credit_look(credit)) for credit in credits]


def place_grid(rows: Frame, *, subtitle: str, **layout: Any) -> tuple[Figure, dict[Place, Axes]]:
    """One panel per place of `rows`, titled by it; the subtitle names the first, which the title speaks of."""
    found = places(rows)
    fig, axes = grid(found, subtitle=f"Numbers of the title: {found[0].title}. {subtitle}", **layout)
    for place, ax in axes.items():
        detail(ax, place.system_title, place.detail)
    return fig, axes


def titled(rows: Frame) -> Iterator[tuple[str, Frame]]:
    """Name and rows of the shared return and of guidance, as far as they were measured."""
    for names in TITLED:
        found = where(rows, credit=names)
        if not found.empty:
            yield credit_name(names[0]), found


def slopes_text(fits: Frame, rows: Frame, statistic: str) -> str:
    """What the fits say of the shared return and of guidance: 'shared return grows like N^0.98, ...'."""
    found = ((name, fit_of(fits, mine, statistic)) for name, mine in titled(rows))
    return ", ".join(f"{name} {slope_phrase(*_slope(fit))}" for name, fit in found if fit)


def _slope(fit: Mapping[str, Any]) -> tuple[float | None, ...]:
    """Exponent and interval of a fit; None where an end is missing."""
    return tuple(None if pd.isna(fit[name]) else float(fit[name]) for name in ("exponent", "low", "high"))


def draw_credits(ax: Axes, fits: Frame, rows: Frame, column: str, credits: Sequence[str]) -> list[EndLabel]:
    """All `credits` of `rows` against N on one log-log panel; returns the labels for the lines' ends."""
    log_y(ax, *limits(positive(rows, column)))
    ends, used = [], []
    for k, credit in enumerate(credits):
        mine = known(where(rows, credit=credit), column)
        points = draw_credit(ax, mine, column, credit, dodge(ax, k, len(credits)))
        fit = fit_of(fits, mine, column)
        used += fitted(ax, fit, credit_look(credit))
        if not points.empty:
            slope = "slope {} [{}, {}]".format(*map(exponent_text, _slope(fit))) if fit else ""
            last = points.iloc[-1]
            ends.append(EndLabel(last["n"], last["value"], credit_name(credit), slope, credit_look(credit).color))
    if used:
        ax.axvspan(min(used) * 0.93, ax.get_xlim()[1], color=BAND, zorder=0, lw=0)
    return ends


def draw_credit(ax: Axes, rows: Frame, column: str, credit: str, shift: float) -> Frame:
    """Every replicate as a dot, geometric means with intervals over them; dots beyond the frame sit on it, hollow.

    `shift` moves N by a factor, for reading only. Returns the means by N.
    """
    look = credit_look(credit)
    dots(ax, rows["n"] * shift, rows[column], look, limits=ax.get_ylim())
    points = over_n(rows, column, geometric_mean)
    summary(ax, points, look, shift, lw=0.9)
    return points
