"""What the command `samples` prints."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from dgpg_verify.reporting.records import group_by
from dgpg_verify.reporting.terminal import table_lines
from dgpg_verify.reporting.wording import exponent_text

Answer = Mapping[str, Any]
WIDE = 120
MISFIT = 0.01  # lack-of-fit p-value below which a straight line is rejected
ROUNDING = 1e-9  # floors below this share of the first gap are none
POWERS = {  # exponent -> its name and what it is
    "p": ("p", "power of N at a fixed gap per agent"),
    "q": ("q", "power of 1/eps"),
    "q_log": ("q with log", "the same after dividing by log(1/eps)"),
    "p_total": ("p + q", "power of N at a fixed gap of the whole team"),
}


def samples_text(answer: Answer) -> str:
    """n_eps at every N, then the powers of each method with intervals, then what could not be fitted and why."""
    options = "".join(f", {name} {value}" for name, value in answer["options"].items())
    methods = answer["methods"]
    trained = answer["step"] == "adam"  # trained policies have no exact gap
    gap = "gap per agent to Best-Fit on held-out workloads" if trained else "exact gap per agent"
    notes = [line for method in methods for note in _notes(method) for line in textwrap.wrap(note, WIDE)]
    return "\n".join(
        [
            f"{answer['system']}{options}: {answer['fleets']} fleets, {answer['step']} steps, at most "
            f"{answer['budget']} joint samples per run, seed {answer['seed']}",
            f"n_eps: joint samples until the {gap} stays below gap at the start / factor; median fleet",
            "never: share of fleets not seen to arrive; floor: gap that stays without any noise, share of the first",
            "",
            *_samples(methods, answer["eps_factors"]),
            "",
            f"n_eps ~ N^p (1/eps)^q, {100 * answer['level']:g} % intervals over fleets, top decade of N "
            "(the claims: N >= 32 only)",
            *_powers(methods),
            *(f"{name}: {words}" for name, words in POWERS.values()),
            *[""] * bool(notes),
            *notes,
        ]
    )


def _samples(methods: Sequence[Answer], factors: Sequence[float]) -> list[str]:
    head = ["method", "N", "floor", *(name for factor in factors for name in (f"/{factor:g}", "never"))]
    rows = []
    for method in methods:
        for cell in method["cells"]:
            row = [method["method"], str(cell["n"]), _floor(cell)]
            for samples in cell["samples"]:
                row.append("-" if samples["median"] is None else f"{samples['median']:.0f}")
                row.append(f"{100 * samples['censored']:.0f} %" if samples["censored"] else "")
            rows.append(row)
    return table_lines(head, rows, right=head[1:])


def _floor(cell: Answer) -> str:
    if cell["floor"] is None:
        return "?"
    if not cell["floor_settled"]:
        return f"< {cell['floor']:.2g}"
    return "none" if cell["floor"] < ROUNDING else f"{cell['floor']:.2g}"


def _powers(methods: Sequence[Answer]) -> list[str]:
    head = ["method", *(name for name, _ in POWERS.values())]
    rows = []
    for method in methods:
        fits = [[exponent_text(method["exponents"][key][end]) for end in ("value", "low", "high")] for key in POWERS]
        rows.append([method["method"], *(v if v == "-" else f"{v} [{low}, {high}]" for v, low, high in fits)])
    return table_lines(head, rows, right=head[1:])


def _notes(method: Answer) -> list[str]:
    """Why a power is missing or not to be trusted, which eps were left out, how many runs diverged."""
    fits = {name: method["exponents"][key] for key, (name, _) in POWERS.items()}
    reasons = group_by(fits, lambda name: fits[name]["why"])
    notes = [f"no {', '.join(names)}: {why}" for why, names in reasons.items() if why]
    if method["dropped"] and not any(method["dropped"] in note for note in notes):
        notes.append(f"smaller eps do not enter: {method['dropped']}")
    for name, fit in fits.items():
        if fit["lack_of_fit"] is not None and fit["lack_of_fit"] < MISFIT:
            notes.append(f"{name} is not a straight line (lack of fit p = {fit['lack_of_fit']:.2g})")
    diverged = sum(cell["diverged"] for cell in method["cells"])
    if diverged:
        notes.append(f"{diverged} runs diverged and never arrive")
    return [f"{method['method']}: {note}" for note in notes]
