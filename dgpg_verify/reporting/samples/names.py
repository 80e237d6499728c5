"""Systems, methods and step rules of sample complexity: names in words, one look per method, their order."""

from __future__ import annotations

import re

from dgpg_verify.reporting.drawing.captions import left_out
from dgpg_verify.reporting.drawing.look import Look, credit_look
from dgpg_verify.reporting.frame import Frame, unique
from dgpg_verify.reporting.wording import WORDS, worded

SCHEDULES = {  # rules for alpha over the run or over N
    "published": ("\u03b1 0.9 \u2192 0.2", Look("#7f7f7f", "^", 31)),
    "optimal": ("\u03b1*", Look("#1b3a5c", "D", 32)),
    "sqrt": ("\u03b1 = 1 \u2212 1/\u221aN", Look("#8a5fb5", "v", 33)),
    "zero": ("\u03b1 \u2192 0", Look("#cc79a7", "X", 34)),
}
SCALED = {  # settings other than sums
    "mixed": (", mixed", Look("#6b7a2b", "<", 50)),
    "parts": (", parts", Look("#8c4a1e", ">", 60)),
    "both": (", both", Look("#3f7f8f", "p", 70)),
}
FIXED = {"return": 0.0, "guidance": 1.0}  # alpha of credits that mix nothing


def system(name: str) -> str:
    """A system's name for a title; an unknown one as it is."""
    return worded("learners", name)


def system_lines(name: str) -> str:
    """A system's name on two lines, for a narrow panel."""
    return system(name).replace(", ", ",\n")


def method(name: str) -> str:
    """A method's name for a label: shared return, \u03b1 = 0.2, \u03b1*, ..., `@difference` in words."""
    head, _, base = name.partition("@")
    kind, _, argument = head.partition(":")
    words = worded("learning", head)
    if (kind == "guided" or kind in SCALED) and argument:
        words = SCHEDULES[argument][0] if argument in SCHEDULES else f"\u03b1 = {argument}"
        words += SCALED[kind][0] if kind in SCALED else ""
    return f"{words} on {base} reward" if base and base != "return" else words


def step(rule: str) -> str:
    """A step rule in words; an unknown one as it is."""
    return worded("steps", rule)


def look(name: str) -> Look:
    """Colour and marker of a method, the same in every figure."""
    head, _, base = name.partition("@")
    kind, _, schedule = head.partition(":")
    plain = SCHEDULES[schedule][1] if schedule in SCHEDULES else credit_look(head)
    beside = SCALED.get("mixed" if base else kind)
    return Look(beside[1].color, beside[1].marker, plain.order + beside[1].order) if beside else plain


def methods_left_out(rows: Frame, drawn: list[str]) -> str:
    """Says which methods are measured but not drawn."""
    methods = methods_in(rows)
    return left_out(methods, drawn, method, place="the table and records.json", most=len(methods))


def alpha_of(method: str) -> float | None:
    """The alpha of a method that keeps one; None for schedules and other credits."""
    guided = re.fullmatch(r"guided:(\d+(?:\.\d+)?)", method)
    return float(guided[1]) if guided else FIXED.get(method)


def method_order(name: str) -> tuple[int, str]:
    """Sort key of methods in legends."""
    return look(name).order, name


def system_order(name: str) -> tuple[int, str]:
    """Sort key of systems on the page: known ones first."""
    return [*WORDS["learners"], name].index(name), name


def systems_in(rows: Frame) -> list[str]:
    """Systems of the rows, known ones first in page order."""
    return unique(rows, "system", WORDS["learners"])


def methods_in(rows: Frame) -> list[str]:
    """Methods of the rows in legend order."""
    return sorted(unique(rows, "method"), key=method_order)


def headline(rows: Frame, chosen: tuple[str, ...]) -> list[str]:
    """Those of the `chosen` methods that were measured; without any, as many others."""
    measured = methods_in(rows)
    return [method for method in chosen if method in measured] or measured[: len(chosen)]
