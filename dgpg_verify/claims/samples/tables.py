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
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.claims.declared import declared
from dgpg_verify.claims.samples.design import ALIGNED, MAPPO, RETURN, THEORY
from dgpg_verify.claims.samples.measure.laws import NEVER
from dgpg_verify.claims.samples.read import LearningRuns, arrivals_in, fit_of, read_runs
from dgpg_verify.claims.series import Measured
from dgpg_verify.statistics import judge_p, judge_q

Records = list[dict[str, Any]]
LEVEL = 0.95
POINTS = 60  # drawn on a curve at most


def samples_tables(measured: Measured) -> dict[str, Records]:
    """Every table whose cells are there."""
    runs, plain = read_runs(measured, "run", "cloud"), read_runs(measured, "plain")
    controls, constants = read_runs(measured, "control"), read_runs(measured, "constants")
    ended = [series for series in runs if series.to_the_end]
    made = {
        "complexity_curves": [record for s in (*runs, *plain) for record in _curves(s)],
        "complexity_arrivals": [record for s in (*runs, *controls) for record in _arrivals(s)],
        "complexity_exponents": [record for s in (*ended, *controls) for record in _exponents(s)],
        "complexity_floors": [record for s in (*runs, *read_runs(measured, "floor")) for record in _floors(s)],
        "complexity_constants": [record for s in constants for record in _constants(s)],
        "complexity_predicted": [record for s in runs for record in _predicted(s)],
        "complexity_tuning": [record for s in runs for record in _tuning(s)],
    }
    found = {name: records for name, records in made.items() if records}
    return found | {"declared": declared("samples")} if found else {}


def _named(series: LearningRuns, n: int) -> dict[str, Any]:
    return {"system": series.law, "method": series.method, "step_rule": _rule(series), "n_agents": n}


def _rule(series: LearningRuns) -> str:
    """The step rule, and the grid where it is not the usual one: such cells are no part of the usual fit."""
    return " ".join([series.step, *([str(series.options["grid"])] if "grid" in series.options else [])])


def _plain_numbers(values: ArrayLike) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in np.asarray(values, dtype=np.float64).ravel()]


def _three(values: NDArray[np.float64]) -> dict[str, float | None]:
    """median, low 0.1 and high 0.9 over fleets; infinite ones are unknown."""
    found = _plain_numbers(np.quantile(values, (0.5, 0.1, 0.9), method="higher"))
    return dict(zip(("median", "low", "high"), found))


def _curves(series: LearningRuns) -> Iterator[dict[str, Any]]:
    for item in series.evidence:
        samples, share = np.asarray(item.values["samples"]), np.asarray(item.values["share"], dtype=np.float64)
        share = np.where(share == NEVER, np.inf, share)
        places = np.unique(np.linspace(0, len(samples) - 1, POINTS).astype(int))
        exact = item.values.get("expected")
        drawn = None
        if exact is not None:
            drawn = [float(exact[k]) if k < len(exact) else None for k in places]
        yield _named(series, item.cell.n) | {
            "samples": samples[places].tolist(), "median": _plain_numbers(share[0, places]),
            "low": _plain_numbers(share[1, places]), "high": _plain_numbers(share[2, places]),
            "expected": drawn, "roll_outs": int(item.values["roll_outs"]),
        }  # fmt: skip


def _arrivals(series: LearningRuns) -> Iterator[dict[str, Any]]:
    for item in series.evidence:
        start, high = np.asarray(item.values["start"], dtype=np.float64), arrivals_in(item)
        for place, factor in enumerate(series.factors):
            seen = high[:, place]
            yield _named(series, item.cell.n) | _three(seen) | {
                "factor": factor, "eps": float(np.median(start) / factor), "censored": float(np.isinf(seen).mean()),
                "fleets": len(seen), "each": _plain_numbers(seen),
            }  # fmt: skip


def _exponents(series: LearningRuns) -> Iterator[dict[str, Any]]:
    """At 95 % each; the verdicts of the ledger's primary rows are at their own, higher level."""
    fit = fit_of(series, LEVEL)
    linear = series.method in (RETURN, MAPPO) or series.law == "control/growing"
    p, relation = (1.0, "theta") if linear else (0.0, "big_o")
    parts = {
        "p": (fit.p, judge_p(fit, p, relation=relation), p, relation),
        "q": (fit.q, judge_q(fit), 1.0, "theta"),
        "q_log": (fit.q_log, judge_q(fit), 1.0, "theta"),
        "p_total": (fit.p_total, judge_p(fit, p + 1.0, total=True), p + 1.0, "theta"),
    }
    named = {"system": series.law, "method": series.method, "step_rule": _rule(series)}
    for what, (found, verdict, expected, claimed) in parts.items():
        yield named | {
            "what": what, "value": found.exponent, "low": found.low, "high": found.high, "level": LEVEL,
            "verdict": verdict.label, "expected": expected, "relation": claimed, "fleets": fit.fleets,
            "censored": fit.censored,
        }  # fmt: skip


def _floors(series: LearningRuns) -> Iterator[dict[str, Any]]:
    if series.step != THEORY:
        return
    for item in series.evidence:
        start, floor = (np.asarray(item.values[name], dtype=np.float64) for name in ("start", "floor"))
        found = _three(floor / start)
        yield {
            "system": series.law, "method": series.method, "n_agents": item.cell.n, "floor": found["median"],
            "low": found["low"], "high": found["high"],
            "settled": float(np.asarray(item.values["settled"], dtype=np.float64).mean()),
        }  # fmt: skip


def _constants(series: LearningRuns) -> Iterator[dict[str, Any]]:
    source = "closed form" if series.law == ALIGNED else "along the path"
    for item in series.evidence:
        named = {"system": series.law, "n_agents": item.cell.n}
        mu, top = (np.asarray(item.values[name], dtype=np.float64) for name in ("mu", "smoothness"))
        values = {
            "smoothness": top,
            "1/mu": 1.0 / mu,
            "noise_trace": item.values["noise_trace"],
            "k0": item.values["k0"],
        }
        for what, found in values.items():
            yield named | {"what": what, "source": source} | _three(np.asarray(found, dtype=np.float64))
        if "measured" in item.values:
            low, high = np.asarray(item.values["measured"], dtype=np.float64).T
            yield named | {"what": "smoothness", "source": "measured"} | _three(high)
            yield named | {"what": "1/mu", "source": "measured"} | _three(1.0 / low)


def _predicted(series: LearningRuns) -> Iterator[dict[str, Any]]:
    for item in series.evidence:
        if "predicted" not in item.values:
            continue
        promised, seen = np.asarray(item.values["predicted"], dtype=np.float64), arrivals_in(item)
        for place, factor in enumerate(series.factors):
            first, then = float(np.median(promised[:, place])), float(np.median(seen[:, place]))
            known = np.isfinite(then)
            yield {
                "system": series.law, "method": series.method, "n_agents": item.cell.n, "factor": factor,
                "predicted": first, "observed": then if known else None, "ratio": first / then if known else None,
            }  # fmt: skip


def _tuning(series: LearningRuns) -> Iterator[dict[str, Any]]:
    for item in series.evidence:
        if item.values.get("scale") is not None:
            tries = list(item.values["tries"])
            yield {"system": series.law, "method": series.method, "n_agents": item.cell.n,
                   "scale": float(item.values["scale"]), "tried": [one["scale"] for one in tries],
                   "median_samples": [one["median_samples"] for one in tries]}  # fmt: skip
