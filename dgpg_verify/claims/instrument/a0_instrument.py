"""A0: the instrument itself. Before it is believed where no closed form exists, it must agree with each oracle at its
stated coverage, its verdicts must be wrong no more often than stated, and its controls must fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.instrument.measure import (
    AT_FULL_SCALE,
    BATCH,
    COVERAGE,
    ORACLES,
    QUANTITIES,
    measure_instrument,
)
from dgpg_verify.claims.question import Question, checked
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.core import Estimate, Evidence, Label, Verdict
from dgpg_verify.statistics import PRIMARY_LEVEL, coverage_record, fit_scaling, judge

SYNTHETIC = "synthetic estimators"
ERRORS = ("false_support", "false_refutation")
Cells = Series[Evidence]


def design(scale: str) -> list[Row]:
    """Coverage against the oracles, bit identities, controls, and the error rates of the verdict rules."""
    oracles = [oracle for oracle in ORACLES if scale == "full" or oracle not in AT_FULL_SCALE]
    batches = {"smoke": 2, "standard": 20, "full": 40}[scale]
    fleets = {"smoke": 4, "standard": 12, "full": 20}[scale]
    return [
        *(Row("A0", f"coverage/{oracle}", {BATCH: batches}, stream=f"A0/{oracle}") for oracle in oracles),
        Row("A0", "identities", {16: fleets}, stream="A0/identities"),
        Row("A0", "observed_bias", {1024: fleets}, stream="A0/observed"),
        Row("A0", "constant_reward", {16: 1}, stream="A0/constant"),
        Row("A0", "independent_rewards", dict.fromkeys((32, 64, 128, 256), fleets), stream="A0/independent"),
        Row("A0", "error_rates", {1: 1}, stream="A0/errors"),
    ]


def questions(measured: Measured) -> list[Question]:
    """Of the rows that are measured: a sitting may leave some out."""
    coverage = [_coverage(oracle, quantity, measured) for oracle in _oracles(measured) for quantity in QUANTITIES]
    others: Mapping[tuple[str, ...], Callable[..., list[Question]]] = {
        ("error_rates",): lambda series: [*_errors(series), *_faulty_procedures(series)],
        ("identities", "observed_bias"): _identities,
        ("constant_reward",): lambda series: [_constant_reward(series)],
        ("independent_rewards",): lambda series: [_independent_rewards(series)],
    }
    asked = [ask(*map(measured.__getitem__, rows)) for rows, ask in others.items() if measured.keys() >= set(rows)]
    return [*coverage, *chain.from_iterable(asked)]


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


def _oracles(measured: Measured) -> list[str]:
    return [oracle for oracle in ORACLES if f"coverage/{oracle}" in measured]


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
    """The largest error rates of the rules in use."""
    records, asked = series.flat[0].values["standard"], []
    for error in ERRORS:
        worst = max(records, key=itemgetter(error))
        rate, allowed, statistic = float(worst[error]), float(worst["allowed"]), error.replace("_", " ") + " rate"
        why = (
            f"worst of {len(records)} (procedure, truth) pairs: {rate:.3f} ({worst['procedure']}; "
            f"{worst['truth']}), allowed {allowed:.3f}"
        )
        about: dict[str, Any] = {"expected": allowed, "system": SYNTHETIC, "kind": "oracle"}
        asked.append(_check(f"error_rates/{error}", statistic, series, rate <= allowed, why, rate, **about))
    return asked


def _faulty_procedures(series: Cells) -> list[Question]:
    """Rules with a planted fault must err visibly."""
    records, asked = series.flat[0].values["faulty"], []
    allowed, statistic = float(records[0]["allowed"]), "largest error rate of a faulty procedure"
    about: dict[str, Any] = {"expected": allowed, "system": SYNTHETIC, "kind": "control", "must": "refuted"}
    for name in dict.fromkeys(record["procedure"] for record in records):
        rate = float(max(record[error] for record in records if record["procedure"] == name for error in ERRORS))
        why = f"a faulty procedure errs up to {rate:.3f} of the time"
        asked.append(_check(f"error_rates/{name}", statistic, series, rate <= allowed, why, rate, **about))
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
    asked: list[Question] = []
    about: dict[str, Any] = {"expected": 0.0, "system": "load_balancing", "kind": "control"}
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
    about: dict[str, Any] = {"expected": None, "system": "load_balancing, all weights 0", "kind": "control"}
    return _check("constant_reward", "noise_to_signal", series, measurable or "inconclusive", why, None,
                  "inconclusive", **about)  # fmt: skip


def _independent_rewards(series: Cells) -> Question:
    """Noise that does not grow must not pass as Theta(N)."""
    table = list(series.values(lambda item: float(item.values["noise_to_signal"])).values())
    fit = fit_scaling(series.n_values, table, PRIMARY_LEVEL)
    verdict = judge(fit, 1.0)
    why = f"every agent is paid for its own job only, so Theta(N) must be refuted: {verdict.why}"
    about: dict[str, Any] = {"expected": 1.0, "system": "load_balancing, own reward only", "kind": "control"}
    return _check("independent_rewards", "noise_to_signal", series, verdict.label, why, fit.exponent, "refuted",
                  **about)  # fmt: skip


def tables(measured: Measured) -> dict[str, list[dict[str, Any]]]:
    errors = measured["error_rates"].flat[0].values if "error_rates" in measured else {"standard": [], "faulty": []}
    coverage = [
        _coverage_record(oracle, quantity, measured) for oracle in _oracles(measured) for quantity in QUANTITIES
    ]
    return {"coverage": coverage, "calibration": [*errors["standard"], *errors["faulty"]]}


CLAIM = Claim(
    id="A0",
    title="The instrument itself",
    source="this project",
    statement="The instrument agrees with every oracle, errs no more than stated, and its controls fail.",
    family="instrument",
    design=design,
    measure=measure_instrument,
    questions=questions,
    tables=tables,
)
