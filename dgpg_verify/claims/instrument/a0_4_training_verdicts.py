"""A0.4: the verdicts on training runs. They must be wrong no more often than stated on curves whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.question import Question, checked
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.core import Cell, Estimate, Evidence
from dgpg_verify.statistics import DroppingRule, settling_error_rates, standard_settling_rules, uneven_curves

REPETITIONS: Mapping[str, int] = {"smoke": 40, "standard": 400, "full": 1000}
CONTROL = "control/failed runs dropped"


def design(scale: str) -> list[Row]:
    """Error rates of every rule on synthetic curves: quick, late, never, drifting, collapsing, noisy."""
    names = [*(f"rule/{rule.name}" for rule in standard_settling_rules()), CONTROL]
    options = {"repetitions": REPETITIONS[scale]}
    return [Row("A0.4", name, {1: 1}, options, stream=f"A0.4/{name}") for name in names]


def measure(cell: Cell) -> dict[str, Any]:
    rules: dict[str, tuple[Any, Any]] = {f"rule/{rule.name}": (rule, None) for rule in standard_settling_rules()}
    rules[CONTROL] = (DroppingRule(CONTROL, "percentile", 40), uneven_curves())
    return {"records": settling_error_rates(*rules[cell.row], int(cell.options["repetitions"]), cell.seed % 2**31)}


def questions(measured: Measured) -> list[Question]:
    return [_question(series) for series in measured.values()]


def _question(series: Series[Evidence]) -> Question:
    control = series.key == CONTROL
    records = series.flat[0].values["records"]
    worst = max(records, key=lambda record: max(record["false_support"], record["false_refutation"]))
    rate, allowed = max(worst["false_support"], worst["false_refutation"]), float(worst["allowed"])
    repetitions = int(worst["repetitions"])
    words = f"errs in {rate:.3f} of {repetitions} experiments at worst ({worst['truth']}); allowed {allowed:.3f}"
    estimate = Estimate(rate, None, None, 0.999, repetitions)
    return Question(
        key=series.key,
        statistic="largest error rate",
        read=[series],
        verdict=checked(rate <= allowed, words, estimate),
        sentence=words,
        relation="at_most",
        expected=allowed,
        system="synthetic curves",
        policy="various",
        setting="",
        kind="control" if control else "oracle",
        expected_label="refuted" if control else "supported",
    )


def tables(measured: Measured) -> dict[str, list[dict[str, Any]]]:
    return {"calibration": [record for series in measured.values() for record in series.flat[0].values["records"]]}


CLAIM = Claim(
    id="A0.4",
    title="Verdicts on training runs",
    source="this project",
    statement="Verdicts on the time to converge err no more than stated, and a rule that drops failed runs is caught.",
    family="instrument",
    design=design,
    measure=measure,
    questions=questions,
    tables=tables,
)
