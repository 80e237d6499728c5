"""Costs and references of equilibrium figures: names in words, one look per reference, the axis in alpha."""

from __future__ import annotations

import re
from collections.abc import Sequence

from matplotlib.axes import Axes

from dgpg_verify.reporting.drawing.axes import rule
from dgpg_verify.reporting.drawing.captions import left_out
from dgpg_verify.reporting.drawing.look import GRID, Look
from dgpg_verify.reporting.drawing.marks import key
from dgpg_verify.reporting.drawing.sheet import Keys
from dgpg_verify.reporting.frame import Frame, unique
from dgpg_verify.reporting.wording import WORDS, system_name, worded

PUBLISHED = (0.2, 0.9)  # ends of the published schedule of alpha
EVERY = "every"  # alpha of a row that asks for all alphas at once
EVERY_AT = 1.11  # where such a row stands on the axis in alpha
STEP_ASIDE = 0.008  # shift in alpha that keeps the marks of neighbouring series apart
LOOKS = {
    "perfect": Look("#009e73", "P", 0),
    "fluid": Look("#0072b2", "s", 1),
    "speed_aware": Look("#8a5fb5", "D", 2),
    "biased": Look("#b08a4a", "^", 3),
    "shuffled": Look("#d55e00", "o", 4),
}
OTHER = Look("#7f7f7f", "X", 9)


def look(reference: str) -> Look:
    """Colour and marker of a reference, the same in every figure."""
    return LOOKS.get(reference.partition(":")[0], OTHER)


def bias_of(reference: str) -> float | None:
    """D of 'biased:D', 0 of 'fluid', None of another reference."""
    bias = re.fullmatch(r"biased:(-?\d+(?:\.\d+)?)", reference)
    return 0.0 if reference == "fluid" else float(bias[1]) if bias else None


def reference_name(reference: str) -> str:
    """A reference in words."""
    bias = bias_of(reference)
    return f"fluid, biased by {100 * bias:g}\u00a0%" if bias else worded("references", reference)


def cost_name(cost: str) -> str:
    """A cost in words, for a title."""
    return worded("costs", cost)


def kind_name(kind: str) -> str:
    """A kind of games or teams in words, else a system."""
    return WORDS["kinds"].get(kind) or system_name(kind)


def cost_word(cost: str) -> str:
    """A cost in one word, for a list."""
    return cost_name(cost).split()[0].lower()


def costs_in(rows: Frame) -> list[str]:
    """The costs of the rows, known ones first in their order."""
    return unique(rows, "cost", WORDS["costs"])


def main_references(rows: Frame) -> list[str]:
    """References in legend order; of several biased ones only that nearest to 20 %."""
    in_order = sorted(unique(rows, "reference"), key=lambda name: (look(name).order, name))
    biases = {name: bias for name in in_order if (bias := bias_of(name))}
    nearest = min(biases, key=lambda name: abs(abs(biases[name]) - 0.2), default=None)
    return [name for name in in_order if name not in biases or name == nearest]


def left_out_of(rows: Frame, drawn: Sequence[str]) -> str:
    """Says which references are measured but not drawn."""
    return left_out(unique(rows, "reference"), drawn, reference_name)


def reference_keys(references: Sequence[str]) -> Keys:
    """Legend entries of references."""
    return [key(reference_name(reference), look(reference)) for reference in references]


def aside(k: int, count: int) -> float:
    """Shift in alpha of series k of `count`."""
    return STEP_ASIDE * (k - (count - 1) / 2)


def alpha_axis(ax: Axes, *, label: bool = True, every: bool = False) -> None:
    """alpha from 0 to 1, the published schedule's ends marked; with `every` a place for 'every alpha' on the right."""
    ticks = {0.0: "0", 0.2: "0.2", 0.4: "0.4", 0.6: "0.6", 0.8: "0.8"}
    ticks |= {EVERY_AT: EVERY} if every else {1.0: "1"}  # beside "every" there is no room for 1
    ax.set_xlim(-0.03, EVERY_AT + 0.06 if every else 1.03)
    ax.set_xticks(list(ticks), list(ticks.values()))
    if every:
        ax.axvline(1.02, color=GRID, lw=0.8)
    for end in PUBLISHED:
        rule(ax, x=end, lw=0.8, ls=":", zorder=0.5)
    if label:
        ax.set_xlabel("\u03b1")
