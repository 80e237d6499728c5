"""What `scaling` prints: its means, its exponents with verdicts, and why a verdict is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dgpg_verify.cli.options import text_table

if TYPE_CHECKING:
    from dgpg_verify.cli.scaling.answer import Answer

HEAD = ("credit", "N", "variance", "noise-to-signal")
FIT_HEAD = ("credit", "quantity", "exponent of N", "O(1)?", "O(N)?")
NOTE = """\
variance: tr Cov of an agent's gradient, mean over agents; noise-to-signal: that over |E g|^2
both are geometric means over fleets; intervals at 95 %; - = not measurable on every fleet
O(1)?, O(N)?: supported where the interval of the exponent lies below 0.15, 1.15, refuted where it lies above"""


def answer_text(answer: Answer) -> str:
    """Everything, as the command prints it."""
    rows: list[tuple[str, ...]] = []
    for (name, size), means in answer.means.items():
        rows.append((name, str(size), *map(str, means.values())))
    values = text_table(HEAD, rows, right=("N",))
    return "\n\n".join([f"{_about(answer)}\n{values}", _exponents(answer), "\n".join([NOTE, *_reasons(answer)])])


def short_text(answer: Answer) -> str:
    """What was measured, and the exponents with their verdicts."""
    return f"{_about(answer)}\n{_exponents(answer)}"


def _about(answer: Answer) -> str:
    return ", ".join(f"{name} {value}" for name, value in answer.about.items())


def _exponents(answer: Answer) -> str:
    fits = [
        (fit.credit, fit.quantity.replace("_", "-"), str(fit.fit.estimate), fit.constant.label, fit.linear.label)
        for fit in answer.fits
    ]
    return text_table(FIT_HEAD, fits)


def _reasons(answer: Answer) -> list[str]:
    """One line for each fit that left something undecided."""
    lines: dict[str, None] = {}
    for fit in answer.fits:
        for question, verdict in (("O(1)", fit.constant), ("O(N)", fit.linear)):
            if verdict.label == "inconclusive":
                asked = question if fit.fit.measurable else "exponent"
                lines[f"{fit.credit}, {fit.quantity.replace('_', '-')}, {asked}: {verdict.why}"] = None
    return list(lines)
