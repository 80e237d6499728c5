"""How often the verdicts on p and q err on sample sizes whose law is known, and whether their intervals cover.

A truth is log n = p log N + q log(1/eps) + k log log(1/eps) plus noise of the fleet, read between checkpoints 5 % apart
and cut at a budget. "False" is fixed before any run: e* is p, or the least-squares slope of the truth over
all eps under a model; a statement about q holds if e* lies in the margin under either model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dgpg_verify.core import check_int
from dgpg_verify.statistics.calibration.exponents import PRIMARY_LEVEL
from dgpg_verify.statistics.calibration.harness import (
    Judged,
    Labels,
    Record,
    allowed_rate,
    coverage_record,
    error_rates,
    is_allowed,
)
from dgpg_verify.statistics.calibration.truths import Noise, contaminated, lognormal, pareto, shrinking, student
from dgpg_verify.statistics.checks import Array, check_level
from dgpg_verify.statistics.sample_fits import MINIMUM_N, fit_samples
from dgpg_verify.statistics.sample_parts import (
    Bounds,
    either_model,
    enough_eps,
    grid_slack,
    log_centre,
    power_of_eps,
    power_of_n,
    slope_coefficients,
    trim_count,
    typical_values,
    usable_eps,
)
from dgpg_verify.statistics.scaling import top_decade
from dgpg_verify.statistics.verdict import exponent_labels

SAMPLE_N = (10, 32, 100, 178, 316, 562, 1000)  # the top decade holds five
SAMPLE_EPS = tuple(float(e) for e in 1.0 / np.geomspace(10.0, 300.0, 6))
SAMPLE_FLEETS = 16
STEP = float(np.log(1.05))  # between checkpoints, in log samples
WIGGLE = 0.03  # of one arrival about its fleet's own line
P_STATEMENTS = (("theta", 0.0), ("theta", 0.5), ("theta", 1.0), ("big_o", 0.0))
Q_STATEMENT = "q, theta, expected 1"
STATEMENTS = (*(f"p, {relation}, expected {expected:g}" for relation, expected in P_STATEMENTS), Q_STATEMENT)
DECIDING = top_decade(np.array(SAMPLE_N), MINIMUM_N)

Distortion = Callable[[Array, Array], tuple[Array, Array]]


@dataclass(frozen=True)
class SampleTruth:
    """Exponents, power k of the logarithm, law of the fleets' logs (half of it, drawn anew, for their slopes), and the
    share of fleets that do not arrive at the largest N and smallest eps; the budget grows as N^budget_power."""

    name: str
    p: float
    q: float
    noise: Noise
    log_power: float = 0.0
    censored: float = 0.0
    budget_power: float = 0.0

    def curve(self) -> Array:
        """log n over SAMPLE_EPS, up to N."""
        x = -np.log(SAMPLE_EPS)
        return np.asarray(self.q * x + self.log_power * np.log(x), dtype=np.float64)

    def exponents(self) -> tuple[float, float]:
        """e* of q under C/eps and under (C/eps) log(1/eps)."""
        x = -np.log(SAMPLE_EPS)
        c = slope_coefficients(x)
        return float(c @ self.curve()), float(c @ (self.curve() - np.log(x)))

    def holds(self) -> list[bool]:
        """Whether each of STATEMENTS is true."""
        of_p = [is_allowed(self.p, relation, expected) for relation, expected in P_STATEMENTS]
        return [*of_p, any(is_allowed(exponent, "theta", 1.0) for exponent in self.exponents())]

    def sample(self, rng: Generator, repetitions: int) -> tuple[Array, Array]:
        """low and high of whole experiments, each [repetitions, F, G, E]."""
        sizes, x = np.array(SAMPLE_N, dtype=np.float64), -np.log(SAMPLE_EPS)
        level = self.noise(rng, sizes, repetitions, SAMPLE_FLEETS)
        slope = 0.5 * self.noise(rng, sizes, repetitions, SAMPLE_FLEETS)
        grid = (self.p * np.log(sizes))[:, None] + self.curve() + 5.0
        logs = grid + np.moveaxis(level, -1, 1)[..., None] + np.moveaxis(slope, -1, 1)[..., None] * (x - x.mean())
        logs = logs + WIGGLE * rng.standard_normal(logs.shape)
        low, high = np.floor(logs / STEP) * STEP, (np.floor(logs / STEP) + 1.0) * STEP
        if self.censored:
            last = np.quantile(logs[:, :, -1, -1], 1.0 - self.censored)
            budgets = last + self.budget_power * np.log(sizes / sizes[-1])[:, None]
            low, high = np.minimum(low, budgets), np.where(logs > budgets, np.inf, high)
        return np.exp(low), np.exp(high)


def standard_sample_truths() -> list[SampleTruth]:
    """p 0, 1/2, 1 and at the margin's edges; q at its edges; heavy tails, outliers, skew; 0 to 40 % censored."""
    calm, plain, tail = lognormal(0.1), lognormal(0.3), pareto(8.0)
    rows = [("log-normal fleets 0.1", calm, p, c) for p in (0.0, 0.5, 1.0) for c in (0.0, 0.2, 0.4)]
    rows += [("log-normal fleets 0.1", calm, p, 0.2) for p in (0.15, 0.16, 0.84, 0.85)]
    rows += [("log-normal fleets 0.3", plain, p, c) for p in (0.16, 0.85) for c in (0.0, 0.4)]
    rows += [("Pareto fleets, tail 8", tail, p, c) for p in (0.0, 0.16, 0.85, 1.0) for c in (0.0, 0.2, 0.4)]
    rows += [("Student-3 logs 0.1", student(0.1), p, c) for p in (0.0, 0.16, 0.85, 1.0) for c in (0.0, 0.4)]
    rows += [("1 fleet in 20 x 20", contaminated(0.1), p, c) for p in (0.15, 0.84, 1.0) for c in (0.0, 0.2)]
    rows += [("skewed, spread ~ N^-1/2", shrinking(0.3), p, c) for p in (0.0, 0.16, 0.84, 1.0) for c in (0.0, 0.4)]
    truths = [SampleTruth(_name(p, 1.0, 0.0, law, c), p, 1.0, noise, 0.0, c) for law, noise, p, c in rows]
    plain_q, log_q = SampleTruth("", 0.0, 1.0, calm).exponents()
    rise = plain_q - log_q  # what the logarithm adds to a slope over these eps
    # Just inside and outside the union of both models' margins, and a logarithm on top of other powers.
    for q, k in ((0.84, 0.0), (0.86, 0.0), (1.2, 0.0), (1.14 + rise, 0.0), (1.16 + rise, 0.0), (2.0, 0.0)):
        truths += [SampleTruth(_name(0.5, q, k, law, 0.2), 0.5, q, noise, k, 0.2) for law, noise in _laws()]
    for q in (0.5, 1.0, 1.16):
        truths += [SampleTruth(_name(0.0, q, 1.0, law, 0.1), 0.0, q, noise, 1.0, 0.1) for law, noise in _laws()]
    return truths


def sample_labels(low: Array, high: Array, level: float = PRIMARY_LEVEL) -> dict[str, Labels]:
    """`judge_p` and `judge_q` of `fit_samples` for B experiments at once, through the same fits and the same rule.

    low, high [B, F, G, E] over SAMPLE_N and SAMPLE_EPS; statement -> labels [B].
    """
    labels = {name: np.full(len(low), "inconclusive") for name in STATEMENTS}
    groups: dict[tuple[int, int], list[int]] = {}
    sizes, eps = np.array(SAMPLE_N), np.array(SAMPLE_EPS)
    plain: NDArray[np.bool_] = np.asarray(np.isfinite(high).reshape(len(high), -1).all(1))
    for k in range(len(low)):
        bounds = Bounds(sizes, eps, np.zeros(len(sizes)), low[k], high[k])
        used = len(eps) if plain[k] else usable_eps(bounds, DECIDING)[0]
        if used:
            trim = 0 if plain[k] else trim_count(bounds.logs[:, DECIDING, :used])
            groups.setdefault((used, trim), []).append(k)
    for (used, trim), members in groups.items():
        bottom, top = (np.moveaxis(end[members][:, :, DECIDING, :used], 1, 0) for end in (low, high))
        for name, values in _group_labels(bottom, top, trim, level).items():
            labels[name][members] = values
    return labels


def _group_labels(low: Array, high: Array, trim: int, level: float) -> dict[str, Labels]:
    """Labels of experiments with as many eps and as much trimming: low, high [F, B, G, E] of the deciding N."""
    x, steps = np.log(np.array(SAMPLE_N)[DECIDING]), -np.log(SAMPLE_EPS[: low.shape[-1]])
    typical = typical_values(log_centre(low, high), trim)
    slack = grid_slack(low, high, typical)
    p = power_of_n(x, typical.mean(-1), slack.mean(-1), trim)
    labels: dict[str, Labels] = {
        f"p, {relation}, expected {expected:g}": exponent_labels(
            *p.ends(level), p.lack_of_fit, expected, relation=relation
        )
        for relation, expected in P_STATEMENTS
    }
    if enough_eps(steps):
        models = [power_of_eps(x, steps, typical - rival, slack, trim) for rival in (0.0, np.log(steps))]
        labels[Q_STATEMENT] = either_model(*(exponent_labels(*q.ends(level), q.lack_of_fit, 1.0) for q in models))
    return labels


def sample_error_rates(
    truths: Sequence[SampleTruth] | None = None,
    repetitions: int = 1000,
    seed: int = 0,
    level: float = PRIMARY_LEVEL,
    distort: Distortion | None = None,
) -> list[Record]:
    """Fit and judge `repetitions` synthetic experiments per truth: p against four statements, q against 1.

    Parameters
    ----------
    truths
        Default `standard_sample_truths()`.
    level
        Level of each interval.
    distort
        What a faulty rule does to low and high [B, F, G, E] first.

    Returns
    -------
    Flat records as in `exponent_error_rates`, one per truth and statement.

    Notes
    -----
    Cost: repetitions * F * G * E numbers per truth.
    """
    level, allowed = check_level(level), allowed_rate(repetitions)

    def judged(truth: SampleTruth, rng: Generator) -> Iterator[Judged]:
        low, high = truth.sample(rng, repetitions)
        labels = sample_labels(*(distort(low, high) if distort else (low, high)), level)
        for name, holds in zip(STATEMENTS, truth.holds(), strict=True):
            yield name, labels[name], holds

    return error_rates(standard_sample_truths() if truths is None else truths, judged, seed, allowed)


def sample_control_rates(repetitions: int = 300, seed: int = 0) -> list[Record]:
    """`sample_error_rates` of two faulty rules, with `rule` in front: each must exceed `allowed` somewhere.

    "budget as arrival": a run that never arrives counts as arriving at its last checkpoint. "copies as fleets":
    sixteen copies of each fleet pass for independent fleets (p is then saved by its lack-of-fit test, q is not).
    """
    tail = pareto(8.0)
    cut = [SampleTruth("p 1.16, budget ~ N, 95 % censored", 1.16, 0.1, lognormal(0.3), 0.0, 0.95, 1.0)]
    edge = [SampleTruth(f"q {q:g}, Pareto fleets", 0.5, q, tail) for q in (0.849, 0.851)]
    faulty: list[tuple[str, Distortion, list[SampleTruth]]] = [
        ("budget as arrival", _budget_as_arrival, cut),
        ("copies as fleets", _copies_as_fleets, edge),
    ]
    return [
        {"rule": name, **record}
        for name, distort, truths in faulty
        for record in sample_error_rates(truths, repetitions, seed, level=0.99, distort=distort)
    ]


def sample_coverage(configurations: int = 200, level: float = 0.95, seed: int = 0) -> list[Record]:
    """Misses of the intervals of p, q and p + q over random truths, one experiment each, as `coverage_record`s.

    Truths: p in (0, 1.2), q in (0.8, 1.3), fleets of five laws, 0 to 40 % censored; a part that is not measurable
    is drawn again.
    """
    configurations, level = check_int("configurations", configurations, 1), check_level(level)
    rng = np.random.default_rng(np.random.SeedSequence(check_int("seed", seed, 0), spawn_key=(1,)))
    laws, misses, done = [noise for _, noise in _laws()] + [lognormal(0.3), student(0.3)], np.zeros(3, dtype=int), 0
    while done < configurations:
        p, q, cut = rng.uniform(0.0, 1.2), rng.uniform(0.8, 1.3), rng.choice([0.0, 0.1, 0.2, 0.4])
        truth = SampleTruth("", p, q, laws[rng.integers(len(laws))], 0.0, cut)
        # The quantile of one experiment would fix its count of censored fleets: cut at that of 64.
        low, high = truth.sample(rng, 64)
        fit = fit_samples(SAMPLE_N, SAMPLE_EPS, low[0], high[0], level)
        parts = [(fit.p, p), (fit.q, q), (fit.p_total, p + q)]
        if all(part.measurable for part, _ in parts):
            done += 1
            misses += [not (part.low or 0.0) <= true <= (part.high or 0.0) for part, true in parts]
    names = ("p", "q", "p + q")
    return [coverage_record("synthetic n_eps", n, level, done, int(m)) for n, m in zip(names, misses, strict=True)]


def _budget_as_arrival(low: Array, high: Array) -> tuple[Array, Array]:
    """Control that must fail."""
    return low, np.where(np.isposinf(high), low, high)


def _copies_as_fleets(low: Array, high: Array) -> tuple[Array, Array]:
    """Control that must fail."""
    return np.tile(low, (1, 16, 1, 1)), np.tile(high, (1, 16, 1, 1))


def _laws() -> list[tuple[str, Noise]]:
    return [
        ("log-normal fleets 0.1", lognormal(0.1)),
        ("Pareto fleets, tail 8", pareto(8.0)),
        ("Student-3 logs 0.1", student(0.1)),
    ]


def _name(p: float, q: float, k: float, law: str, censored: float) -> str:
    power = " log(1/eps)" if k else ""
    return f"N^{p:.3g} eps^-{q:.3g}{power}, {law}, {100 * censored:.0f} % censored"
