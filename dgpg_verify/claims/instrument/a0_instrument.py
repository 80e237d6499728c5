"""A0: the instrument itself. Before it is believed where no closed form exists, it must agree with each oracle at its
stated coverage, its verdicts must be wrong no more often than stated, and its controls must fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dgpg_verify.claims.instrument.checks import (
    ORACLES,
    QUANTITIES,
    bit_identities,
    constant_reward_is_not_measurable,
    coverage_batch,
    independent_rewards,
    observed_guidance_bias,
)
from dgpg_verify.claims.ledger import ledger_row, provenance
from dgpg_verify.claims.records import RECORDS
from dgpg_verify.claims.registry import cell_seed
from dgpg_verify.core import Cell, Estimate, Evidence, Label, LedgerRow, Verdict
from dgpg_verify.statistics import (
    PRIMARY_LEVEL,
    calibration_table,
    control_table,
    coverage_record,
    fit_scaling,
    judge,
)

COVERAGE = 0.95
BATCH = 10  # configurations in one cell
REPETITIONS = 1000
STATEMENT = "The instrument agrees with every oracle, errs no more than stated, and its controls fail."


@dataclass(frozen=True)
class InstrumentAudit:
    """Coverage against four oracles, measured verdict error rates, bit identities and controls."""

    id: str = "A0"
    title: str = "The instrument itself"
    source: str = "this project"
    statement: str = STATEMENT
    relation: str = "equal"
    expected: float = 0.0
    margin: float = 0.0
    controls: Sequence[Any] = ("independent rewards", "constant reward", "faulty procedures")

    @property
    def recorded(self) -> Mapping[str, tuple[str, str]]:
        return RECORDS

    def cells(self, scale: str, seed: int) -> Sequence[Cell]:
        batches = {"smoke": 2, "standard": 20, "full": 40}[scale]
        fleets = {"smoke": 4, "standard": 12, "full": 20}[scale]
        cells = [
            Cell("A0", f"coverage/{oracle}", BATCH, k, cell_seed(seed, f"A0/{oracle}", BATCH, k))
            for oracle in ORACLES
            for k in range(batches)
        ]
        cells += [Cell("A0", "identities", 16, k, cell_seed(seed, "A0/identities", 16, k)) for k in range(fleets)]
        cells += [Cell("A0", "observed_bias", 1024, k, cell_seed(seed, "A0/observed", 1024, k)) for k in range(fleets)]
        cells += [Cell("A0", "constant_reward", 16, 0, cell_seed(seed, "A0/constant", 16, 0))]
        cells += [
            Cell("A0", "independent_rewards", n, k, cell_seed(seed, "A0/independent", n, k))
            for n in (32, 64, 128, 256)
            for k in range(fleets)
        ]
        return [*cells, Cell("A0", "error_rates", 1, 0, cell_seed(seed, "A0/errors", 1, 0))]

    def measure(self, cell: Cell) -> Evidence:
        began = time.perf_counter()
        kind, _, detail = cell.row.partition("/")
        measures: dict[str, Callable[[], dict[str, Any]]] = {
            "coverage": lambda: coverage_batch(detail, cell.seed, BATCH, COVERAGE),
            "identities": lambda: bit_identities(cell.n, cell.seed),
            "observed_bias": lambda: observed_guidance_bias(cell.n, cell.seed),
            "constant_reward": lambda: constant_reward_is_not_measurable(cell.n, cell.seed),
            "independent_rewards": lambda: independent_rewards(cell.n, cell.seed),
            "error_rates": lambda: _error_rates(cell.seed),
        }
        return Evidence(cell, measures[kind](), time.perf_counter() - began)

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        rows = [_coverage_row(oracle, quantity, evidence) for oracle in ORACLES for quantity in QUANTITIES]
        rows += _error_rows(_of(evidence, "error_rates"))
        rows += _identity_rows(_of(evidence, "identities"), _of(evidence, "observed_bias"))
        rows.append(_constant_row(_of(evidence, "constant_reward")))
        rows.append(_independent_row(_of(evidence, "independent_rewards")))
        return rows

    def tables(self, evidence: Sequence[Evidence]) -> dict[str, list[dict[str, Any]]]:
        coverage = [_coverage(oracle, quantity, evidence) for oracle in ORACLES for quantity in QUANTITIES]
        errors = _of(evidence, "error_rates")[0].values
        return {"coverage": coverage, "calibration": [*errors["standard"], *errors["faulty"]]}


def _of(evidence: Sequence[Evidence], row: str) -> list[Evidence]:
    return [item for item in evidence if item.cell.row == row]


def _error_rates(seed: int) -> dict[str, Any]:
    small = seed % 2**31
    return {"standard": calibration_table(REPETITIONS, small), "faulty": control_table(REPETITIONS, small)}


def _coverage(oracle: str, quantity: str, evidence: Sequence[Evidence]) -> dict[str, Any]:
    hits = np.concatenate([np.asarray(e.values[quantity]) for e in _of(evidence, f"coverage/{oracle}")])
    return coverage_record(oracle, quantity, COVERAGE, len(hits), int((hits == 0).sum()))


def _coverage_row(oracle: str, quantity: str, evidence: Sequence[Evidence]) -> LedgerRow:
    record = _coverage(oracle, quantity, evidence)
    fits = record["allowed_low"] <= record["misses"] <= record["allowed_high"]
    said = (
        f"{record['misses']} of {record['configurations']} {COVERAGE:.0%} intervals miss the exact value; "
        f"{record['allowed_low']} to {record['allowed_high']} are expected of honest intervals"
    )
    mine = _of(evidence, f"coverage/{oracle}")
    return _row(
        f"coverage/{oracle}/{quantity}", f"interval coverage, {quantity}", oracle, "supported" if fits else "refuted",
        said, "oracle", mine, estimate=record["misses"] / record["configurations"], expected=1.0 - COVERAGE,
    )  # fmt: skip


def _error_rows(evidence: Sequence[Evidence]) -> list[LedgerRow]:
    values = evidence[0].values
    rows = []
    for error in ("false_support", "false_refutation"):
        worst = max(values["standard"], key=lambda r, error=error: r[error])  # type: ignore[misc]
        fine = worst[error] <= worst["allowed"]
        said = (
            f"worst of {len(values['standard'])} (procedure, truth) pairs: {worst[error]:.3f} "
            f"({worst['procedure']}; {worst['truth']}), allowed {worst['allowed']:.3f}"
        )
        rows.append(
            _row(f"error_rates/{error}", error.replace("_", " ") + " rate", "synthetic estimators",
                 "supported" if fine else "refuted", said, "oracle", evidence, worst[error], worst["allowed"])
        )  # fmt: skip
    for name in dict.fromkeys(r["procedure"] for r in values["faulty"]):
        rates = [max(r["false_support"], r["false_refutation"]) for r in values["faulty"] if r["procedure"] == name]
        caught = max(rates) > values["faulty"][0]["allowed"]
        rows.append(
            _row(f"error_rates/{name}", "largest error rate of a faulty procedure", "synthetic estimators",
                 "refuted" if caught else "supported", f"a faulty procedure errs up to {max(rates):.3f} of the time",
                 "control", evidence, max(rates), values["faulty"][0]["allowed"], "refuted")
        )  # fmt: skip
    return rows


def _identity_rows(evidence: Sequence[Evidence], observed: Sequence[Evidence]) -> list[LedgerRow]:
    bias, cosine = (float(np.mean([item.values[name] for item in observed])) for name in ("relative_bias", "cosine"))
    price = (
        f"; the price: at N = {observed[0].cell.n} its mean differs from -grad G by {bias:.2f} of its length, "
        f"cosine {cosine:.2f} (exact, mean of {len(observed)} fleets)"
    )
    rows = []
    for name in evidence[0].values:
        changed = max(float(item.values[name]) for item in evidence)
        said = f"largest difference {changed:g} over {len(evidence)} fleets; bit for bit is 0"
        said += price if name.startswith("guidance at") else ""
        label: Label = "supported" if changed == 0.0 else "refuted"
        rows.append(
            _row(
                f"identities/{name}",
                name,
                "load_balancing",
                label,
                said,
                "control",
                evidence,
                changed,
                0.0,
                "supported",
            )
        )
    return rows


def _constant_row(evidence: Sequence[Evidence]) -> LedgerRow:
    measurable = bool(evidence[0].values["measurable"])
    label: Label = "supported" if measurable else "inconclusive"
    said = "a constant reward has neither noise nor signal: " + (
        "a ratio was printed" if measurable else "not measurable"
    )
    return _row("constant_reward", "noise_to_signal", "load_balancing, all weights 0", label, said, "control", evidence,
                None, None, "inconclusive")  # fmt: skip


def _independent_row(evidence: Sequence[Evidence]) -> LedgerRow:
    sizes = sorted({item.cell.n for item in evidence})
    table = [[float(e.values["noise_to_signal"]) for e in evidence if e.cell.n == n] for n in sizes]
    fit = fit_scaling(sizes, table, PRIMARY_LEVEL)
    verdict = judge(fit, 1.0, 0.15, "theta")
    said = f"every agent is paid for its own job only, so Theta(N) must be refuted: {verdict.why}"
    system = "load_balancing, own reward only"
    estimate, label = fit.exponent, verdict.label
    return _row(
        "independent_rewards", "noise_to_signal", system, label, said, "control", evidence, estimate, 1.0, "refuted"
    )


def _row(
    key: str,
    statistic: str,
    system: str,
    verdict: Label,
    because: str,
    kind: Any,
    evidence: Sequence[Evidence],
    estimate: float | None,
    expected: float | None,
    expected_label: Label | None = None,
) -> LedgerRow:
    return ledger_row(
        "A0",
        key,
        Verdict(verdict, because, Estimate(estimate, None, None, COVERAGE, len(evidence))),
        provenance(evidence),
        {},
        statement=STATEMENT,
        holds_when=because,
        system=system,
        policy="various",
        statistic=statistic,
        relation="equal",
        expected=expected,
        kind=kind,
        expected_label="supported" if kind == "oracle" else expected_label,
    )


CLAIM = InstrumentAudit()
