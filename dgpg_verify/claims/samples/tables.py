"""Flat records behind the figures on samples to a gap, made from the cells alone. Unknown numbers are None.

Gaps are per agent; where "share" is said, over the gap at the start. Quantiles are over fleets, low 0.1 and high 0.9.
system: team/aligned, team/biased, game/fluid, game/biased, game/plain, cloud, or control/growing, constant, biased.
step_rule: theory, greedy, tuned, adam (of a trained policy), "theory wide" (one eps, larger N).
factor: gap at the start over eps.

complexity_curves: system, method, step_rule, n_agents, samples [C], median, low, high [C] (gap as a share of the
    start's), expected [C] or None (exact mean of the recursion, the same share), roll_outs.
complexity_arrivals: system, method, step_rule, n_agents, factor, eps (median), median, low, high (of n_eps; None:
    never arrived), censored (share), fleets, each [F] (n_eps of every fleet, None: never arrived).
complexity_exponents: system, method, step_rule, what (p, q, q_log, p_total), value, low, high, level, verdict,
    expected, relation, fleets, censored.
complexity_floors: system, method, n_agents, floor (median, share of the start), low, high, settled (share).
complexity_constants: system, n_agents, what (smoothness, 1/mu, noise_trace, k0), source ("closed form", "measured",
    "along the path"), median, low, high.
complexity_predicted: system, method, n_agents, factor, predicted, observed, ratio (medians; predicted / observed).
complexity_tuning: system, method, n_agents, scale, tried [scales], median_samples [the same places, None: never].
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dgpg_verify.claims.declared import declared
from dgpg_verify.claims.samples.design import ALIGNED, THEORY
from dgpg_verify.claims.samples.measure.laws import NEVER
from dgpg_verify.claims.samples.read import Array, LearningRuns, arrivals_in, fit_of, read_runs
from dgpg_verify.claims.series import Measured
from dgpg_verify.core import Evidence

Record = dict[str, Any]
LEVEL = 0.95
POINTS = 60  # drawn on a curve at most


def samples_tables(measured: Measured) -> dict[str, list[Record]]:
    """Every table whose cells are there."""
    ended, plain, controls = (read_runs(measured, *parts) for parts in (("run", "cloud"), ("plain",), ("control",)))
    runs = [*ended, *read_runs(measured, "limit")]
    floors = [s for s in (*runs, *read_runs(measured, "floor")) if s.step == THEORY]
    tables = {
        "complexity_curves": [_curve(s, item) for s in (*runs, *plain) for item in s.evidence],
        "complexity_arrivals": [record for s in (*runs, *controls) for record in _arrivals(s)],
        "complexity_exponents": [record for s in (*ended, *controls) for record in _exponents(s)],
        "complexity_floors": [_floor(s, item) for s in floors for item in s.evidence],
        "complexity_constants": [record for s in read_runs(measured, "constants") for record in _constants(s)],
        "complexity_predicted": [record for s in runs for record in _predicted(s)],
        "complexity_tuning": [_tuning(s, item) for s in runs for item in s.evidence if item.values.get("scale")],
    }
    filled = {name: records for name, records in tables.items() if records}
    return filled | {"declared": declared("samples")} if filled else {}


def _named(series: LearningRuns, item: Evidence) -> Record:
    return {"system": series.law, "method": series.method, "n_agents": item.cell.n}


def _with_rule(series: LearningRuns) -> Record:
    return {"system": series.law, "method": series.method, "step_rule": " ".join(series.rule)}


def _numbers(item: Evidence, name: str) -> Array:
    return np.asarray(item.values[name], dtype=np.float64)


def _three(values: Array) -> Record:
    """median, low 0.1 and high 0.9 over fleets; infinite ones are unknown."""
    return dict(zip(("median", "low", "high"), np.quantile(values, (0.5, 0.1, 0.9), method="higher")))


def _curve(series: LearningRuns, item: Evidence) -> Record:
    samples, share = np.asarray(item.values["samples"]), _numbers(item, "share")
    places = np.unique(np.linspace(0, len(samples) - 1, POINTS).astype(int))
    drawn = np.where(share == NEVER, np.inf, share)[:, places]
    exact = item.values.get("expected")
    return _with_rule(series) | {
        "n_agents": item.cell.n, "samples": samples[places],
        **dict(zip(("median", "low", "high"), drawn)),
        "expected": None if exact is None else [float(exact[k]) if k < len(exact) else None for k in places],
        "roll_outs": int(item.values["roll_outs"]),
    }  # fmt: skip


def _arrivals(series: LearningRuns) -> Iterator[Record]:
    for item in series.evidence:
        for factor, high in zip(series.factors, arrivals_in(item).T):
            yield _with_rule(series) | {"n_agents": item.cell.n} | _three(high) | {
                "factor": factor, "eps": float(np.median(_numbers(item, "start")) / factor),
                "censored": float(np.isinf(high).mean()), "fleets": len(high), "each": high,
            }  # fmt: skip


def _exponents(series: LearningRuns) -> Iterator[Record]:
    """At 95 % each; the verdicts of the ledger's primary rows are at their own, higher level."""
    fit, (p, q, total) = fit_of(series, LEVEL), series.exponents
    for what, asked in (("p", p), ("q", q), ("q_log", q), ("p_total", total)):
        power = getattr(fit, what)
        yield _with_rule(series) | {
            "what": what, "value": power.exponent, "low": power.low, "high": power.high, "level": LEVEL,
            "verdict": asked.verdict(fit).label, "expected": asked.expected, "relation": asked.relation,
            "fleets": fit.fleets, "censored": fit.censored,
        }  # fmt: skip


def _floor(series: LearningRuns, item: Evidence) -> Record:
    share = _three(_numbers(item, "floor") / _numbers(item, "start"))
    settled = float(_numbers(item, "settled").mean())
    return _named(series, item) | {"floor": share.pop("median")} | share | {"settled": settled}


def _constants(series: LearningRuns) -> Iterator[Record]:
    source = "closed form" if series.law == ALIGNED else "along the path"
    for item in series.evidence:
        values = [
            ("smoothness", source, _numbers(item, "smoothness")),
            ("1/mu", source, 1.0 / _numbers(item, "mu")),
            ("noise_trace", source, _numbers(item, "noise_trace")),
            ("k0", source, _numbers(item, "k0")),
        ]
        if "measured" in item.values:
            low, high = _numbers(item, "measured").T
            values += [("smoothness", "measured", high), ("1/mu", "measured", 1.0 / low)]
        for what, found_by, numbers in values:
            named = {"system": series.law, "n_agents": item.cell.n, "what": what, "source": found_by}
            yield named | _three(numbers)


def _predicted(series: LearningRuns) -> Iterator[Record]:
    for item in (item for item in series.evidence if "predicted" in item.values):
        medians = (np.median(values, axis=0).tolist() for values in (_numbers(item, "predicted"), arrivals_in(item)))
        for factor, predicted, observed in zip(series.factors, *medians):
            ratio = predicted / observed if np.isfinite(observed) else None
            yield _named(series, item) | {
                "factor": factor, "predicted": predicted, "observed": observed, "ratio": ratio,
            }  # fmt: skip


def _tuning(series: LearningRuns, item: Evidence) -> Record:
    tries = item.values["tries"]
    return _named(series, item) | {
        "scale": float(item.values["scale"]), "tried": [trial["scale"] for trial in tries],
        "median_samples": [trial["median_samples"] for trial in tries],
    }  # fmt: skip
