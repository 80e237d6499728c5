"""A0.4: the verdicts on training runs. They must be wrong no more often than stated on curves whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.question import Question, checked, must_get
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.core import Cell, Estimate, Evidence
from dgpg_verify.statistics import DroppingRule, settling_error_rates, standard_settling_rules, uneven_curves
from dgpg_verify.statistics.calibration.harness import Record

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
    records = series.flat[0].values["records"]
    worst = max(records, key=lambda record: max(record["false_support"], record["false_refutation"]))
    where = f" at worst ({worst['truth']})"
    asked = ask_errors(series.key, series, worst, where, system="synthetic curves", policy="various")
    return must_get(asked, "refuted") if series.key == CONTROL else asked


def ask_errors(key: str, series: Series[Evidence], record: Record, where: str = "", **more: Any) -> Question:
    """Whether a rule errs no more often than its record allows. where: behind the count; more: fields of a Question,
    such as a sentence other than the reason."""
    rate, allowed = max(record["false_support"], record["false_refutation"]), float(record["allowed"])
    repetitions = int(record["repetitions"])
    why = f"errs in {rate:.3f} of {repetitions} experiments{where}; allowed {allowed:.3f}"
    about = {"sentence": why, "setting": "", "kind": "oracle", "expected_label": "supported", **more}
    return Question(
        key=key,
        statistic="largest error rate",
        read=[series],
        verdict=checked(rate <= allowed, why, Estimate(rate, None, None, 0.999, repetitions)),
        relation="at_most",
        expected=allowed,
        **about,
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
