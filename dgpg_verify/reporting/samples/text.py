"""What the command `complexity` says, as a table for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from dgpg_verify.reporting.wording import exponent_text

Answer = Mapping[str, Any]
WIDE = 120
MISFIT = 0.01  # lack-of-fit p-value below which a straight line is not believed
ROUNDING = 1e-9  # floors below this share of the first gap are none
WORDS = (
    ("p", "p", "power of N at a fixed gap per agent"),
    ("q", "q", "power of 1/eps"),
    ("q_log", "q with log", "the same after dividing by log(1/eps)"),
    ("p_total", "p + q", "power of N at a fixed gap of the whole team"),
)


def complexity_text(answer: Answer) -> str:
    """n_eps at every N, then the powers of each method with intervals, then what could not be fitted and why."""
    options = "".join(f", {name} {value}" for name, value in answer["options"].items())
    factors, methods = answer["eps_factors"], answer["methods"]
    lines = [
        f"{answer['system']}{options}: {answer['fleets']} fleets, {answer['step']} steps, at most "
        f"{answer['budget']} joint samples a run, seed {answer['seed']}",
        f"n_eps: joint samples until the {_gap(answer)} stays below gap at the start / factor; median fleet",
        "never: share of fleets not seen to arrive; floor: gap that stays without any noise, share of the first",
        "",
        *_samples(methods, factors),
        "",
        f"n_eps ~ N^p (1/eps)^q, {100 * answer['level']:g} % intervals over fleets, top decade of N "
        "(the claims: N >= 32 only)",
        *_powers(methods),
        *(f"{name}: {words}" for _, name, words in WORDS),
    ]
    notes = [line for method in methods for note in _notes(method) for line in textwrap.wrap(note, WIDE)]
    return "\n".join(lines + ([""] if notes else []) + notes)


def _gap(answer: Answer) -> str:
    """What gap was measured: trained policies (step rule adam) have no exact one."""
    trained = answer["step"] == "adam"
    return "gap per agent to Best-Fit on held-out workloads" if trained else "exact gap per agent"


def _samples(methods: Sequence[Answer], factors: Sequence[float]) -> list[str]:
    head = ["method", "N", "floor", *(text for f in factors for text in (f"/{f:g}", "never"))]
    body = []
    for method in methods:
        for cell in method["cells"]:
            found = [text for one in cell["samples"] for text in (_count(one["median"]), _share(one["censored"]))]
            body.append([method["method"], str(cell["n"]), _floor(cell), *found])
    return _columns([head, *body])


def _powers(methods: Sequence[Answer]) -> list[str]:
    head = ["method", *(name for _, name, _ in WORDS)]
    body = [[method["method"], *(_power(method["exponents"][key]) for key, *_ in WORDS)] for method in methods]
    return _columns([head, *body])


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value else ""


def _floor(cell: Answer) -> str:
    if cell["floor"] is None:
        return "?"
    if not cell["floor_settled"]:
        return f"< {cell['floor']:.2g}"
    return "none" if cell["floor"] < ROUNDING else f"{cell['floor']:.2g}"


def _power(found: Answer) -> str:
    if found["value"] is None:
        return "-"
    value, low, high = (exponent_text(found[key]) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _notes(method: Answer) -> list[str]:
    """Why a power is missing or not to be trusted, which eps were left out, how many runs diverged."""
    notes = []
    exponents = method["exponents"]
    for why in dict.fromkeys(exponents[key]["why"] for key, *_ in WORDS if exponents[key]["why"]):
        names = [name for key, name, _ in WORDS if exponents[key]["why"] == why]
        notes.append(f"{method['method']}: no {', '.join(names)}: {why}")
    if method["dropped"] and not any(method["dropped"] in note for note in notes):
        notes.append(f"{method['method']}: smaller eps do not enter: {method['dropped']}")
    for key, name, _ in WORDS:
        misfit = exponents[key]["lack_of_fit"]
        if misfit is not None and misfit < MISFIT:
            notes.append(f"{method['method']}: {name} is no straight line (lack of fit p = {misfit:.2g})")
    lost = sum(cell["diverged"] for cell in method["cells"])
    if lost:
        notes.append(f"{method['method']}: {lost} runs diverged and never arrive")
    return notes


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells under each other, the first column to the left, numbers to the right."""
    wide = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [text.ljust(width) if k == 0 else text.rjust(width) for k, (text, width) in enumerate(zip(row, wide))]
        lines.append("  ".join(cells).rstrip())
    return lines
