"""Objections raised on the paper, and where in this run's rows, figures and tables each one is answered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from dgpg_verify.core import LedgerRow


@dataclass(frozen=True)
class Objection:
    """One objection. Rows answer it by claim id, or (controls) by a word in key or statement; figures by key."""

    number: int
    question: str
    ids: tuple[str, ...] = ()
    control_words: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    sections: tuple[tuple[str, str], ...] = ()
    open_part: str = ""
    tables: tuple[tuple[str, str], ...] = ()
    first: tuple[str, ...] = ()  # rows with one of these words are linked first


@dataclass(frozen=True)
class Answer:
    """What this run has to say on an objection; without rows and figures it is not covered."""

    objection: Objection
    rows: tuple[LedgerRow, ...]
    figures: tuple[str, ...]
    covered: bool
    sections: tuple[tuple[str, str], ...] = field(default=())
    tables: tuple[tuple[str, str], ...] = field(default=())


OBJECTIONS = (
    Objection(
        1,
        "Is the guidance gradient unbiased for the gradient of the true objective, and how does its variance depend on "
        "the number of agents and on how accurate the model is?",
        ids=("C1.1", "C1.2", "C1.3", "C1.4"),
        control_words=("biased", "noise", "shuffled", "rounded", "lagged"),
        figures=("variance", "cross_agent", "fixed_alpha", "efficiency", "training_noise"),
        sections=(("oracles", "oracle coverage"),),
    ),
    Objection(
        2,
        "Are the fixed points of the guided objective exactly those of the original one, for deterministic and for "
        "stochastic policies?",
        ids=("C2.1", "C2.2", "A2"),
        figures=("equilibrium_rates", "alpha_limits", "equilibrium_shift", "equilibrium_field"),
        tables=(("counterexamples", "counterexamples in words"), ("equilibrium_rates", "rates of equal sets")),
    ),
    Objection(
        3,
        "Can the model be evaluated at a cost that does not depend on the number of agents, and what are the "
        "smoothness constants?",
        ids=("C5", "A3", "A4"),
        figures=("locality", "guidance_cost", "complexity_constants"),
        sections=(("speed", "cost and speed"),),
        tables=(("complexity_constants", "constants of smoothness and gradient domination over N"),),
    ),
    Objection(
        4,
        "How is the analytical model built and put into training, and what is left when the descent term is removed "
        "from the same architecture?",
        ids=("C4.1", "C4.2", "C4.3", "C4.4"),
        figures=("ablations", "learning_curves", "guidance_cost"),
        tables=(("training_scores", "scores of every row, ablations among them"),),
        first=("ablation", "guidance_only", "guidance only", "mappo"),
    ),
    Objection(
        5,
        "What do the logarithms and constants hidden in the sample-complexity bound amount to?",
        ids=("C3.1", "C3.2"),
        figures=("samples_to_gap", "complexity_collapse", "complexity_floors", "complexity_constants"),
        tables=(
            ("complexity_exponents", "powers of N and of 1/\u03b5, with and without a logarithm"),
            ("complexity_predicted", "samples predicted from the constants against those needed"),
        ),
    ),
    Objection(
        6,
        "How many seeds stand behind the training curves, and what exactly is the metric?",
        ids=("C4.1", "C4.2", "C4.3", "C4.4"),
        figures=(
            "learning_curves",
            "learning_curves_patient",
            "learning_curves_real",
            "score_profiles",
            "training_scaling",
            "own_settings",
        ),
        tables=(("training_scores", "seeds, scores and intervals of every row"), ("tuning", "search for settings")),
    ),
    Objection(
        7,
        "How does the method compare with value decomposition, centralised critics and other variance reduction?",
        ids=("C6",),
    ),
    Objection(
        8,
        "What happens when the model is deliberately biased, or not differentiable?",
        control_words=("biased", "shuffled", "lagged", "rounded", "endogenous", "noise", "makespan"),
        figures=("ablations", "equilibrium_bias"),
        sections=(("controls", "all controls"),),
    ),
)


def answer(
    objection: Objection, rows: Sequence[LedgerRow], figures: Collection[str], tables: Collection[str] = ()
) -> Answer:
    """Collect the rows, figures and tables of this run that speak to `objection`."""

    def speaks(row: LedgerRow) -> bool:
        if row.kind in ("claim", "audit"):
            return row.id in objection.ids
        text = f"{row.row} {row.statement} {row.setting}".lower()
        return row.kind == "control" and any(word in text for word in objection.control_words)

    def late(row: LedgerRow) -> bool:
        return not any(word in f"{row.row} {row.statement}".lower() for word in objection.first)

    found = tuple(sorted((row for row in rows if speaks(row)), key=late))
    drawn = tuple(key for key in objection.figures if key in figures)
    shown = tuple(item for item in objection.tables if item[0] in tables)
    covered = bool(found or drawn or shown)
    return Answer(objection, found, drawn, covered, objection.sections if covered else (), shown)
