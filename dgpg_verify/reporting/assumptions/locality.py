"""Figure: the quantities that the assumption of local influence requires to stay bounded, against N."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import dodge, limits, log_y, n_axis, quiet
from dgpg_verify.reporting.drawing.look import Look
from dgpg_verify.reporting.drawing.marks import dots, joined, key
from dgpg_verify.reporting.drawing.sheet import grid
from dgpg_verify.reporting.frame import (
    PLACE,
    Frame,
    Frames,
    Place,
    at,
    known,
    mean,
    need,
    over_n,
    places,
    positive,
    top_decade_slope,
    unique,
    where,
)
from dgpg_verify.reporting.wording import exponent_text

CONTROL = "one_total"  # the control, in which every influence touches one shared total: it must grow
LOOKS = (
    Look("#0072b2"), Look("#d55e00", "s"), Look("#009e73", "^"), Look("#8a5fb5", "D"), Look("#e69f00", "v"),
    Look("#56b4e9", "P"), Look("#cc79a7", "X"), Look("#6b7a2b", "h"),
)  # fmt: skip


def steepest(rows: Frame) -> tuple[float, str] | None:
    """Slope and name of the quantity whose mean grows fastest over the top decade of N, the control left out."""
    slopes = []
    for (*keys, quantity), group in rows.groupby([*PLACE, "quantity"]):
        slope = top_decade_slope(over_n(group, "value", mean), "value")
        if slope is not None and CONTROL not in keys[0]:
            slopes.append((slope, f"{quantity} ({Place(*keys).title})"))
    return max(slopes, default=None)


def draw_locality(frames: Frames) -> Figure:
    """The quantities of the local-influence audit (A3) against N, one panel each, one colour per system.

    Table `assumptions`, audit "A3". Raises NothingToDraw.
    """
    rows = need(known(where(frames["assumptions"], audit="A3"), "value", "n"), "assumptions", "A3 row with N")
    fastest = steepest(rows)
    title = "What local influence says must stay bounded"
    if fastest is not None:
        title = f"Local influence: {fastest[1]} grows fastest, like N^{exponent_text(fastest[0])}"
    looks = {place: LOOKS[k % len(LOOKS)] for k, place in enumerate(places(rows))}
    control = " (control: must grow)"
    fig, axes = grid(
        unique(rows, "quantity"), most=4, title=title, height=2.4, width=12.0, gap=(0.7, 1.1),
        subtitle="The audit passes where every quantity stays bounded as agents are added. Both axes logarithmic.",
        caption=f"Up to {rows['fleet'].nunique()} fleets per N, every dot one fleet, lines are means; slopes of the "
        "title are plain fits over the top decade, verdicts come from the ledger.",
        keys=[key(p.title + (control if CONTROL in p.system else ""), look) for p, look in looks.items()],
    )  # fmt: skip
    for quantity, ax in axes.items():
        _panel(ax, where(rows, quantity=quantity), looks)
        ax.set_title("\n".join(textwrap.wrap(quantity, 30)), fontsize=9.5)
    return fig


def _panel(ax: Axes, rows: Frame, looks: Mapping[Place, Look]) -> None:
    """Every fleet as a dot, means over fleets joined; one colour per system."""
    n_axis(ax, rows["n"])
    log_y(ax, *limits(positive(rows, "value"), least_decades=1.0))
    floor = ax.get_ylim()[0]
    for k, (place, look) in enumerate(looks.items()):
        fleets, shift = at(rows, place), dodge(ax, k, len(looks))
        points = over_n(fleets, "value", mean)
        dots(ax, fleets["n"] * shift, fleets["value"].clip(lower=floor), look)
        joined(ax, points["n"] * shift, points["value"].clip(lower=floor), look)
    quiet(ax)
