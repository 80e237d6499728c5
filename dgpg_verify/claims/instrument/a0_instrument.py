"""A0: the instrument itself. Before it is believed where no closed form exists, it must agree with each oracle at its
stated coverage, its verdicts must be wrong no more often than stated, and its controls must fail."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.instrument.measure import (
    ORACLES,
    QUANTITIES,
    bit_identities,
    constant_reward_is_not_measurable,
    coverage_batch,
    independent_rewards,
    observed_guidance_bias,
)
from dgpg_verify.claims.question import Question, checked
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.core import Cell, Estimate, Evidence, Label, Verdict
from dgpg_verify.statistics import (
    PRIMARY_LEVEL,
    calibration_table,
    control_table,
    coverage_record,
    fit_scaling,
    headline_error_rates,
    judge,
    majority,
)

COVERAGE = 0.95
BATCH = 10  # configurations in one cell
REPETITIONS = 1000
ERRORS = ("false_support", "false_refutation")
ERROR_TABLES: dict[str, tuple[Callable[[int, int], list[Any]], ...]] = {
    "standard": (calibration_table, headline_error_rates),
    "faulty": (control_table, partial(headline_error_rates, rule=majority)),
}
Cells = Series[Evidence]


def design(scale: str) -> list[Row]:
    """Coverage against four oracles, bit identities, controls, and the error rates of the verdict rules."""
    batches = {"smoke": 2, "standard": 20, "full": 40}[scale]
    fleets = {"smoke": 4, "standard": 12, "full": 20}[scale]
    return [
        *(Row("A0", f"coverage/{oracle}", {BATCH: batches}, stream=f"A0/{oracle}") for oracle in ORACLES),
        Row("A0", "identities", {16: fleets}, stream="A0/identities"),
        Row("A0", "observed_bias", {1024: fleets}, stream="A0/observed"),
        Row("A0", "constant_reward", {16: 1}, stream="A0/constant"),
        Row("A0", "independent_rewards", dict.fromkeys((32, 64, 128, 256), fleets), stream="A0/independent"),
        Row("A0", "error_rates", {1: 1}, stream="A0/errors"),
    ]


def measure(cell: Cell) -> dict[str, Any]:
    (kind, _, oracle), seed = cell.row.partition("/"), cell.seed % 2**31
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "coverage": lambda: coverage_batch(oracle, cell.seed, BATCH, COVERAGE),
        "identities": lambda: bit_identities(cell.n, seed),
        "observed_bias": lambda: observed_guidance_bias(cell.n, seed),
        "constant_reward": lambda: constant_reward_is_not_measurable(cell.n, seed),
        "independent_rewards": lambda: independent_rewards(cell.n, seed),
        "error_rates": lambda: {
            name: [record for table in tables for record in table(REPETITIONS, seed)]
            for name, tables in ERROR_TABLES.items()
        },
    }
    return measures[kind]()


def questions(measured: Measured) -> list[Question]:
    return [
        *(_coverage(oracle, quantity, measured) for oracle in ORACLES for quantity in QUANTITIES),
        *_errors(measured["error_rates"]),
        *_identities(measured["identities"], measured["observed_bias"]),
        _constant_reward(measured["constant_reward"]),
        _independent_rewards(measured["independent_rewards"]),
    ]


def _check(
    key: str, statistic: str, series: Cells, label: Label | bool, why: str, value: float | None,
    must: Label = "supported", **about: Any,
) -> Question:  # fmt: skip
    """A row whose label follows from a count, and must be `must`. label: or whether it holds; why: the sentence too."""
    estimate = Estimate(value, None, None, COVERAGE, len(series.flat))
    return Question(
        key=key,
        statistic=statistic,
        read=[series],
        verdict=checked(label, why, estimate) if isinstance(label, bool) else Verdict(label, why, estimate),
        sentence=why,
        policy="various",
        relation="equal",
        expected_label=must,
        **about,
    )


def _coverage_record(oracle: str, quantity: str, measured: Measured) -> dict[str, Any]:
    hits = measured[f"coverage/{oracle}"].joined(quantity)
    return coverage_record(oracle, quantity, COVERAGE, len(hits), int((hits == 0).sum()))


def _coverage(oracle: str, quantity: str, measured: Measured) -> Question:
    record, row = _coverage_record(oracle, quantity, measured), f"coverage/{oracle}"
    low, high, misses, count = (record[name] for name in ("allowed_low", "allowed_high", "misses", "configurations"))
    why = (
        f"{misses} of {count} {COVERAGE:.0%} intervals miss the exact value; "
        f"{low} to {high} are expected of honest intervals"
    )
    about = (f"{row}/{quantity}", f"interval coverage, {quantity}", measured[row], low <= misses <= high, why)
    return _check(*about, misses / count, expected=1.0 - COVERAGE, system=oracle, kind="oracle")


def _errors(series: Cells) -> list[Question]:
    """The largest error rates of the rules in use; and of rules with a planted fault, which must err visibly."""
    records, faulty = (series.flat[0].values[name] for name in ("standard", "faulty"))
    asked, system = [], "synthetic estimators"
    for error in ERRORS:
        worst = max(records, key=itemgetter(error))
        rate, allowed, statistic = worst[error], worst["allowed"], error.replace("_", " ") + " rate"
        why = (
            f"worst of {len(records)} (procedure, truth) pairs: {rate:.3f} ({worst['procedure']}; "
            f"{worst['truth']}), allowed {allowed:.3f}"
        )
        about = {"expected": allowed, "system": system, "kind": "oracle"}
        asked.append(_check(f"error_rates/{error}", statistic, series, bool(rate <= allowed), why, rate, **about))
    allowed, statistic = faulty[0]["allowed"], "largest error rate of a faulty procedure"
    about = {"expected": allowed, "system": system, "kind": "control"}
    for name in dict.fromkeys(record["procedure"] for record in faulty):
        rate = max(record[error] for record in faulty if record["procedure"] == name for error in ERRORS)
        why, key = f"a faulty procedure errs up to {rate:.3f} of the time", f"error_rates/{name}"
        asked.append(_check(key, statistic, series, bool(rate <= allowed), why, rate, "refuted", **about))
    return asked


def _identities(series: Cells, observed: Cells) -> list[Question]:
    """What must be equal bit for bit, and what guidance at the state seen before acting costs."""
    bias, cosine = (
        float(np.mean([item.values[name] for item in observed.flat])) for name in ("relative_bias", "cosine")
    )
    price = (
        f"; the price: at N = {observed.n_values[0]} its mean differs from -grad G by {bias:.2f} of its length, "
        f"cosine {cosine:.2f} (exact, mean of {len(observed.flat)} fleets)"
    )
    asked, about = [], {"expected": 0.0, "system": "load_balancing", "kind": "control"}
    for name in series.flat[0].values:
        change = max(float(item.values[name]) for item in series.flat)
        why = f"largest difference {change:g} over {len(series.flat)} fleets; bit for bit is 0"
        why += price if name.startswith("guidance at") else ""
        asked.append(_check(f"identities/{name}", name, series, change == 0.0, why, change, **about))
    return asked


def _constant_reward(series: Cells) -> Question:
    measurable = bool(series.flat[0].values["measurable"])
    outcome = "a ratio was printed" if measurable else "not measurable"
    why = f"a constant reward has neither noise nor signal: {outcome}"
    about = {"expected": None, "system": "load_balancing, all weights 0", "kind": "control"}
    return _check("constant_reward", "noise_to_signal", series, measurable or "inconclusive", why, None,
                  "inconclusive", **about)  # fmt: skip


def _independent_rewards(series: Cells) -> Question:
    """Noise that does not grow must not pass as Theta(N)."""
    table = list(series.values(lambda item: float(item.values["noise_to_signal"])).values())
    fit = fit_scaling(series.n_values, table, PRIMARY_LEVEL)
    verdict = judge(fit, 1.0)
    why = f"every agent is paid for its own job only, so Theta(N) must be refuted: {verdict.why}"
    about = {"expected": 1.0, "system": "load_balancing, own reward only", "kind": "control"}
    return _check("independent_rewards", "noise_to_signal", series, verdict.label, why, fit.exponent, "refuted",
                  **about)  # fmt: skip


def tables(measured: Measured) -> dict[str, list[dict[str, Any]]]:
    errors = measured["error_rates"].flat[0].values
    coverage = [_coverage_record(oracle, quantity, measured) for oracle in ORACLES for quantity in QUANTITIES]
    return {"coverage": coverage, "calibration": [*errors["standard"], *errors["faulty"]]}


CLAIM = Claim(
    id="A0",
    title="The instrument itself",
    source="this project",
    statement="The instrument agrees with every oracle, errs no more than stated, and its controls fail.",
    family="instrument",
    design=design,
    measure=measure,
    questions=questions,
    tables=tables,
)
