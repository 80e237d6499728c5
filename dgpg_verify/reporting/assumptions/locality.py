"""Figure: the quantities that the assumption of local influence requires to stay bounded, against N."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import dodge, limits, log_y, n_axis, quiet
from dgpg_verify.reporting.drawing.captions import left_out
from dgpg_verify.reporting.drawing.look import DASHED, MUTED, Look
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
JUDGED = "sum over others of E <z_i, z_j>^2"
LOOKS = (
    Look("#0072b2"), Look("#d55e00", "s"), Look("#009e73", "^"), Look("#8a5fb5", "D"), Look("#e69f00", "v"),
    Look("#56b4e9", "P"), Look("#cc79a7", "X"), Look("#6b7a2b", "h"),
)  # fmt: skip


MOST = 7  # places, so that a legend can be read
OF_CONTROL = Look(MUTED, "o", dash=DASHED)


def _title(rows: Frame) -> str:
    """How fast the quantity that is judged grows where it grows fastest, beside the control."""
    judged = where(rows, quantity=JUDGED)
    result, control = steepest(judged), steepest(judged, control=True)
    if result is None:
        return "What local influence says must stay bounded"
    against = f", against N^{exponent_text(control[0])} in the control" if control else ""
    return f"Local influence: {JUDGED} grows at most like N^{exponent_text(result[0])} ({result[1]}){against}"


def steepest(rows: Frame, control: bool = False) -> tuple[float, str] | None:
    """Slope and place of the mean that grows fastest over the top decade, outside the control or in it."""
    slopes = []
    for keys, group in rows.groupby(PLACE):
        slope = top_decade_slope(over_n(group, "value", mean), "value")
        if slope is not None and (CONTROL in keys[0]) == control:
            slopes.append((slope, Place(*keys).title))
    return max(slopes, default=None)


def draw_locality(frames: Frames) -> Figure:
    """The quantities of the local-influence audit (A3) against N, one panel each, one colour per system.

    Table `assumptions`, audit "A3". Raises NothingToDraw.
    """
    rows = need(known(where(frames["assumptions"], audit="A3"), "value", "n"), "assumptions", "A3 row with N")
    drawn = _drawn(rows)
    looks = dict(zip(drawn, LOOKS))
    looks |= {place: OF_CONTROL for place in places(rows) if CONTROL in place.system}
    fig, axes = grid(
        unique(rows, "quantity"), most=4, title=_title(rows), height=2.4, width=12.0, gap=(0.7, 1.1),
        subtitle="The audit passes where what the title names stays bounded as agents are added; the control (dashed, "
        "grey), in which all agents act on one total, must grow. The other quantities stand beside it.",
        caption=f"Up to {rows['fleet'].nunique()} fleets per N, every dot one fleet, lines are means; slopes of the "
        "title are plain fits over the top decade, verdicts come from the ledger."
        + left_out((place.title for place in places(rows)), (place.title for place in looks)),
        keys=[key("control: one total for all" if look == OF_CONTROL else p.title, look) for p, look in looks.items()],
    )  # fmt: skip
    for quantity, ax in axes.items():
        _panel(ax, where(rows, quantity=quantity), looks)
        ax.set_title("\n".join(textwrap.wrap(quantity, 30)), fontsize=9.5)
    return fig


def _drawn(rows: Frame) -> list[Place]:
    """At most MOST places beside the control: what the title names, then systems as they are before their variants."""
    steep = steepest(where(rows, quantity=JUDGED))
    found = [place for place in places(rows) if CONTROL not in place.system]
    kept = sorted(found, key=lambda place: (not steep or place.title != steep[1], "/" in place.system))[:MOST]
    return [place for place in found if place in kept]


def _panel(ax: Axes, rows: Frame, looks: Mapping[Place, Look]) -> None:
    """Every fleet as a dot, means over fleets joined; one colour per system."""
    n_axis(ax, rows["n"])
    log_y(ax, *limits([v for place in looks for v in positive(at(rows, place), "value")], least_decades=1.0))
    floor = ax.get_ylim()[0]
    for k, (place, look) in enumerate(looks.items()):
        fleets, shift = at(rows, place), dodge(ax, k, len(looks))
        points = over_n(fleets, "value", mean)
        dots(ax, fleets["n"] * shift, fleets["value"].clip(lower=floor), look)
        joined(ax, points["n"] * shift, points["value"].clip(lower=floor), look)
    quiet(ax)
