"""What the figures of sample complexity share: names, looks, the step rule that is drawn, numbers out of records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.select import number
from dgpg_verify.reporting.drawing.style import CreditStyle, credit_style, power_text
from dgpg_verify.reporting.records import Record
from dgpg_verify.reporting.wording import exponent_text

SYSTEMS = {  # in the order of the page: those with an honest reference first
    "team/aligned": "Team, aligned",
    "game/fluid": "Game with entropy, fluid reference",
    "team/biased": "Team, biased reference",
    "game/biased": "Game with entropy, biased reference",
    "game/plain": "Plain game, beside its noise-free flow",
    "cloud": "Cloud, gap to Best-Fit (estimated)",
    "control/growing": "Control, noise that grows with N",
    "control/constant": "Control, noise that does not grow",
    "control/biased": "Control, biased gradient",
}
METHODS = {
    "return": "shared return",
    "difference": "difference reward",
    "guidance": "guidance alone",
    "guidance:exact": "guidance alone, exact form",
    "mappo": "MAPPO",
    "guidance_only": "guidance alone",
    "dgpg": "DG-PG, \u03b1 0.9 \u2192 0.2",
}
RULES = {
    "published": "\u03b1 0.9 \u2192 0.2",
    "optimal": "\u03b1*",
    "sqrt": "\u03b1 = 1 \u2212 1/\u221aN",
    "zero": "\u03b1 \u2192 0",
}
LOOKS = {
    "published": CreditStyle("#7f7f7f", "^", 31),
    "optimal": CreditStyle("#1b3a5c", "D", 32),
    "sqrt": CreditStyle("#8a5fb5", "v", 33),
    "zero": CreditStyle("#cc79a7", "X", 34),
}
STEPS = {
    "theory": "the theory's steps",
    "greedy": "greedy oracle steps",
    "tuned": "tuned steps",
    "theory wide": "the theory's steps, one \u03b5, larger N",
    "adam": "clipped surrogate with Adam",
}
SHADES = LinearSegmentedColormap.from_list("sizes", ["#9fd0ee", "#0072b2", "#10263f"])  # small to large N


def complexity_system(name: str) -> str:
    """A system's name for a title; an unknown one as it is."""
    return SYSTEMS.get(name, name.replace("_", " "))


def complexity_method(name: str) -> str:
    """A method's name for a label: shared return, \u03b1 = 0.2, \u03b1*, ..., `@difference` said in words."""
    head, _, base = name.partition("@")
    kind, _, argument = head.partition(":")
    said = METHODS.get(head, head.replace("_", " "))
    if kind in ("guided", "mixed") and argument:
        said = RULES.get(argument, f"\u03b1 = {argument}") + (", J a mean" if kind == "mixed" else "")
    return f"{said} on {base} reward" if base and base != "return" else said


def step_name(rule: str) -> str:
    """A step rule in words; theory*2 is the theory's, scaled."""
    head, _, scale = rule.partition("*")
    return STEPS.get(rule) or (f"{STEPS['theory']}, times {scale}" if head == "theory" and scale else rule)


def method_look(name: str) -> CreditStyle:
    """Colour and marker of a method, the same in every figure."""
    head, _, base = name.partition("@")
    found = LOOKS.get(head.partition(":")[2]) or credit_style(head)
    return CreditStyle("#6b7a2b", "<", found.order + 50) if base or head.startswith("mixed") else found


def systems_in(rows: Iterable[Record]) -> list[str]:
    """Systems of the rows, known ones first in page order."""
    seen = dict.fromkeys(str(row["system"]) for row in rows)
    return [*(s for s in SYSTEMS if s in seen), *(s for s in seen if s not in SYSTEMS)]


def methods_in(rows: Iterable[Record]) -> list[str]:
    """Methods of the rows in legend order."""
    return sorted({str(row["method"]) for row in rows}, key=lambda name: (method_look(name).order, name))


def first_step_rule(rows: Sequence[Record]) -> list[Record]:
    """Rows of the step rule that is drawn, system by system: the theory's where measured, else the first one met."""
    rules: dict[str, list[str]] = {}
    for row in rows:
        rules.setdefault(str(row["system"]), []).append(str(row.get("step_rule") or ""))
    drawn = {system: "theory" if "theory" in found else found[0] for system, found in rules.items()}
    return [row for row in rows if str(row.get("step_rule") or "") == drawn[str(row["system"])]]


def at_rest(row: Record) -> bool | None:
    """Whether the noise-free run came to rest: in every fleet, where the record holds a share; None if unknown."""
    settled = row.get("settled")
    if isinstance(settled, bool):
        return settled
    share = number(settled)
    return None if share is None else share >= 1.0


def left_out(every: Iterable[str], drawn: Iterable[str]) -> str:
    """Says which measured methods a figure leaves out."""
    shown = set(drawn)
    rest = [complexity_method(name) for name in every if name not in shown]
    return f" Measured but not drawn here (in the table and records.json): {', '.join(rest)}." if rest else ""


def shades(sizes: Sequence[float]) -> dict[float, str]:
    """One shade for each N, by rank."""
    return {n: to_hex(SHADES(k / max(len(sizes) - 1, 1))) for k, n in enumerate(sorted(sizes))}


def exponent_of(rows: Iterable[Record], like: Record, what: str) -> Record | None:
    """The fitted exponent `what` (p, q, ...) of the same system, method and step rule, where it has a value."""
    keys = ("system", "method", "step_rule")
    for row in rows:
        same = row.get("what") == what and all(row.get(k) == like.get(k) for k in keys)
        if same and number(row.get("value")) is not None:
            return row
    return None


def slope_text(row: Record | None) -> str:
    """'p = 0.98 [0.93, 1.03]', or why there is none."""
    if row is None:
        return "no p"
    value, low, high = (number(row.get(k)) for k in ("value", "low", "high"))
    if low is None or high is None:
        return f"p = {exponent_text(value)}"
    return f"p = {exponent_text(value)} [{exponent_text(low)}, {exponent_text(high)}]"


def level_text(rows: Iterable[Record]) -> str:
    """The level of the intervals drawn, in words."""
    levels = sorted({100.0 * v for row in rows if (v := number(row.get("level"))) is not None})
    return "intervals" if not levels else f"{' to '.join(f'{v:.4g}' for v in levels)}\u00a0% intervals"


def log_x(ax: Axes, low: float, high: float) -> None:
    """Log axis in x with as many powers of ten as fit a narrow panel."""
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    first, last = int(np.ceil(np.log10(low))), int(np.floor(np.log10(high)))
    step = max(1, int(np.ceil((last - first + 1) / 4)))
    powers = range(first, last + 1, step)
    ax.set_xticks([10.0**k for k in powers], [power_text(k) for k in powers])
    ax.set_xticks([], minor=True)


def indent(fig: Figure, axes: Sequence[Sequence[Axes]], left: float, right: float = 0.25) -> None:
    """Leave `left` and `right` inches beside the first and the last column, taken from all columns alike."""
    width = fig.get_figwidth()
    first, last = axes[0][0].get_position().x0, axes[0][-1].get_position().x1
    share = (1.0 - (left + right) / width) / (last - first)
    for ax in (ax for line in axes for ax in line):
        box = ax.get_position()
        ax.set_position((left / width + (box.x0 - first) * share, box.y0, box.width * share, box.height))
