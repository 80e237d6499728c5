"""Costs and references of equilibrium figures: names in words, one look each, what is drawn where room is short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.select import number
from dgpg_verify.reporting.drawing.style import GRID, MUTED, CreditStyle
from dgpg_verify.reporting.records import Record

COSTS = {"quadratic": "Quadratic cost", "delay": "Delay cost", "mm1": "Queueing cost (mm1)", "makespan": "Makespan"}
PUBLISHED = (0.2, 0.9)  # ends of the published schedule of alpha
EVERY = "every"  # alpha of a row that asks for all alphas at once
_LOOKS = {
    "perfect": CreditStyle("#009e73", "P", 0),
    "fluid": CreditStyle("#0072b2", "s", 1),
    "speed_aware": CreditStyle("#8a5fb5", "D", 2),
    "biased": CreditStyle("#b08a4a", "^", 3),
    "shuffled": CreditStyle("#d55e00", "o", 4),
}
_NAMES = {
    "perfect": "perfectly aligned",
    "fluid": "fluid (the paper's)",
    "speed_aware": "aware of speeds",
    "shuffled": "shuffled (control)",
}
_SPARE = CreditStyle("#7f7f7f", "X", 9)


def look(reference: str) -> CreditStyle:
    """Colour and marker of a reference, the same in every figure."""
    return _LOOKS.get(reference.partition(":")[0], _SPARE)


def bias_of(reference: str) -> float | None:
    """D of 'biased:D', 0 of 'fluid', None of another reference."""
    kind, _, text = reference.partition(":")
    if kind == "fluid":
        return 0.0
    try:
        return float(text) if kind == "biased" else None
    except ValueError:
        return None


def reference_name(reference: str) -> str:
    """A reference in words."""
    bias = bias_of(reference)
    if bias:
        return f"fluid, biased by {100 * bias:g}\u00a0%"
    return _NAMES.get(reference, reference.replace("_", " "))


def cost_name(cost: str) -> str:
    return COSTS.get(cost, cost.replace("_", " "))


def costs_in(rows: Iterable[Record]) -> list[str]:
    """The costs of the rows, known ones first in their order."""
    found = dict.fromkeys(str(row["cost"]) for row in rows)
    return [cost for cost in COSTS if cost in found] + [cost for cost in found if cost not in COSTS]


def main_references(rows: Iterable[Record]) -> list[str]:
    """References in legend order; of several biased ones only that nearest to 20 %."""
    found = sorted(dict.fromkeys(str(row["reference"]) for row in rows), key=lambda r: (look(r).order, r))
    biased = [r for r in found if bias_of(r)]
    keep = min(biased, key=lambda r: abs(abs(bias_of(r) or 0.0) - 0.2), default=None)
    return [r for r in found if r not in biased or r == keep]


def rim(style: CreditStyle) -> str:
    """The colour of a mark's rim: white, but a white rim would leave a thin cross of a plus."""
    return style.color if style.marker == "P" else "white"


def left_out(rows: Iterable[Record], drawn: Sequence[str]) -> str:
    """Says which references are measured but not drawn."""
    names = dict.fromkeys(str(row["reference"]) for row in rows)
    left = [reference_name(name) for name in names if name not in drawn]
    return f" Measured but not drawn here (in records.json): {', '.join(left)}." if left else ""


def reference_keys(references: Sequence[str]) -> list[tuple[Line2D, str]]:
    """Legend entries of references."""
    made = []
    for reference in references:
        style = look(reference)
        line = Line2D([], [], color=style.color, marker=style.marker, ms=7, lw=1.4, mec=rim(style), mew=0.5)
        made.append((line, reference_name(reference)))
    return made


def alphas_of(rows: Iterable[Record]) -> list[float]:
    """The fixed alphas of the rows, ascending."""
    return sorted({a for row in rows if (a := number(row.get("alpha"))) is not None})


def alpha_axis(ax: Axes, *, label: bool = True, every: bool = False) -> None:
    """alpha from 0 to 1, the published schedule's ends marked; with `every` a place for 'every alpha' on the right."""
    ax.set_xlim(-0.03, 1.17 if every else 1.03)
    ticks = [0.0, 0.2, 0.4, 0.6, 0.8] + [1.0] * (not every)  # beside "every" there is no room for 1
    ax.set_xticks([*ticks, *[1.11] * every], [*(f"{t:g}" for t in ticks), *["every"] * every])
    if every:
        ax.axvline(1.02, color=GRID, lw=0.8)
    for end in PUBLISHED:
        ax.axvline(end, color=MUTED, lw=0.8, ls=":", zorder=0.5)
    if label:
        ax.set_xlabel("\u03b1")


def grouped(count: int) -> str:
    """A count with thin spaces: 3 000."""
    return f"{count:,}".replace(",", "\u2009")


def count_range(values: Iterable[Any]) -> str:
    """'300' or '300 to 3 000' for a caption."""
    found = sorted({int(v) for value in values if (v := number(value)) is not None})
    if not found:
        return "an unknown number of"
    return grouped(found[0]) if len(found) == 1 else f"{grouped(found[0])} to {grouped(found[-1])}"
