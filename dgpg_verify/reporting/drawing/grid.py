"""Small multiples: one panel per system, graph and policy, with one legend row above them all."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.select import Group
from dgpg_verify.reporting.drawing.style import WIDTH, credit_style, detail, panels
from dgpg_verify.reporting.wording import credit_name

Keys = list[tuple[Line2D, str]]


def credit_keys(credits: Sequence[str]) -> Keys:
    """Legend entries of credits: marker and colour as in the panels."""
    return [
        (Line2D([], [], color=s.color, marker=s.marker, ms=7, lw=1.4, mec="white", mew=0.7), credit_name(c))
        for c in credits
        for s in (credit_style(c),)
    ]


def grid(
    places: Sequence[Group],
    *,
    title: str,
    subtitle: str,
    caption: str,
    keys: Keys,
    height: float = 2.5,
    label_room: float = 0.0,
    most: int = 3,
) -> tuple[Figure, dict[Group, Axes]]:
    """Panels for `places`, at most `most` in a row, titled by the place; unused ones are removed."""
    cols = 2 if len(places) == 4 else min(len(places), most)
    rows = math.ceil(len(places) / cols)
    width = WIDTH if cols > 1 else 8.5
    fig, axes = panels(
        rows,
        cols,
        title=title,
        subtitle=subtitle,
        caption=caption,
        height=height,
        width=width,
        label_room=label_room,
        gap=(0.85, 1.05),
        keys=keys,
        detailed=True,
    )
    flat = [ax for line in axes for ax in line]
    for ax in flat[len(places) :]:
        ax.remove()
    for ax, place in zip(flat, places):
        detail(ax, place.system_title, place.detail)
    return fig, dict(zip(places, flat))
