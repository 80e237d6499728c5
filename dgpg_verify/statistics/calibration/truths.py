"""Synthetic estimators whose scaling is known, on which every verdict procedure is tried before use.

A truth is a curve of typical values over N and a law of the fleets' multiplicative noise. "False" is fixed
here, before any run: let e* be the least-squares slope of the log curve on log N over the top decade of the
measured N, the quantity a verdict is about. Supporting an exponent e is false if e* lies outside e -+
margin (`big_o`: above e + margin); refuting it is false if e* lies inside (`big_o`: at most e + margin). For
a + b N a verdict is about the measured decade: a crossover inside it moves e* and must be seen, one beyond it cannot
be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dgpg_verify.statistics.checks import Array
from dgpg_verify.statistics.scaling import top_decade

STANDARD_N = (4, 8, 16, 32, 64, 128, 256)  # the top decade holds four of them
STANDARD_REPLICATES = 20

Curve = Callable[[Array], Array]
Noise = Callable[[Generator, Array, int, int], Array]


@dataclass(frozen=True)
class Truth:
    """A law of values over N.

    curve: N [L] -> log typical value [L]; noise(rng, N [L], B, R) -> log noise [B, L, R], mean 0.
    """

    name: str
    curve: Curve
    noise: Noise

    def sample(self, rng: Generator, n_values: NDArray[np.int64], repetitions: int, replicates: int) -> Array:
        """Values > 0 of `repetitions` whole experiments: [repetitions, L, replicates]."""
        sizes = n_values.astype(np.float64)
        return np.exp(self.curve(sizes)[:, None] + self.noise(rng, sizes, repetitions, replicates))

    def local_exponent(self, n_values: NDArray[np.int64]) -> float:
        """e*: least-squares slope of the log curve over the top decade."""
        sizes = n_values[top_decade(n_values)].astype(np.float64)
        return float(np.polyfit(np.log(sizes), self.curve(sizes), 1)[0])


def power_law(exponent: float, noise: Noise, label: str) -> Truth:
    """N^exponent."""
    return Truth(f"N^{exponent:g}, {label}", lambda n: exponent * np.log(n), noise)


def crossover(start: float, noise: Noise, label: str) -> Truth:
    """a + b N with a = b * start: flat below N = start, exponent 1 above."""
    return Truth(f"a + bN, a/b = {start:g}, {label}", lambda n: np.log1p(n / start), noise)


def decay(size: float, noise: Noise, label: str) -> Truth:
    """1 + size / N: bounded, approached from above."""
    return Truth(f"1 + {size:g}/N, {label}", lambda n: np.log1p(size / n), noise)


def regime_change(start: float, noise: Noise, label: str) -> Truth:
    """max(1, N / start): a sharp change of regime."""
    return Truth(f"max(1, N/{start:g}), {label}", lambda n: np.log(np.maximum(1.0, n / start)), noise)


def lognormal(spread: float) -> Noise:
    """Log-normal fleets: normal logs with standard deviation `spread`."""
    return lambda rng, sizes, runs, fleets: spread * rng.standard_normal((runs, len(sizes), fleets))


def pareto(tail: float) -> Noise:
    """Pareto fleets, P(value > v) ~ v^-tail (infinite variance for tail <= 2): exponential, so skewed, logs."""
    return lambda rng, sizes, *shape: _skewed(rng, sizes, *shape) / tail


def student(spread: float) -> Noise:
    """Logs with a power-law tail (Student, 3 degrees of freedom): no moment of the value exists."""
    return lambda rng, sizes, runs, fleets: spread * rng.standard_t(3.0, (runs, len(sizes), fleets))


def contaminated(spread: float, share: float = 0.05, factor: float = 20.0) -> Noise:
    """Log-normal fleets, of which a `share` is larger by `factor`: one-sided outliers."""

    def draw(rng: Generator, sizes: Array, repetitions: int, replicates: int) -> Array:
        shape = (repetitions, len(sizes), replicates)
        outlier = rng.random(shape) < share
        return spread * rng.standard_normal(shape) + np.log(factor) * (outlier - share)

    return draw


def shrinking(spread: float) -> Noise:
    """Skewed logs whose spread falls like N^-1/2 from N = 32 on, as when fleets average over their agents."""
    return lambda rng, sizes, *shape: spread * np.sqrt(32.0 / sizes)[:, None] * _skewed(rng, sizes, *shape)


def _skewed(rng: Generator, sizes: Array, repetitions: int, replicates: int) -> Array:
    return rng.standard_exponential((repetitions, len(sizes), replicates)) - 1.0


def standard_truths() -> list[Truth]:
    """Known exponents, least favourable ones at the margin's edge, intercepts, two regimes, heavy tails."""
    calm, plain, wide = lognormal(0.1), lognormal(0.3), lognormal(1.0)
    truths = [power_law(e, calm, "log-normal fleets 0.1") for e in (0.0, 0.5, 1.0)]
    truths += [power_law(e, plain, "log-normal fleets 0.3") for e in (0.0, 0.15, 0.16, 0.84, 0.85, 1.0)]
    truths += [power_law(e, wide, "log-normal fleets 1") for e in (0.0, 0.16, 1.0)]
    truths += [power_law(e, pareto(1.5), "Pareto fleets, tail 1.5") for e in (0.0, 0.16, 0.5, 0.84, 1.0)]
    truths += [power_law(e, pareto(8.0), "Pareto fleets, tail 8") for e in (0.0, 0.15, 0.16, 0.84, 0.85, 1.0)]
    truths += [power_law(e, student(0.1), "Student-3 logs 0.1") for e in (0.0, 0.15, 0.16, 0.84, 0.85, 1.0)]
    truths += [power_law(e, contaminated(0.1), "1 fleet in 20 x 20") for e in (0.0, 0.15, 0.16, 0.5, 0.85, 1.0)]
    truths += [power_law(e, shrinking(0.3), "skewed, spread ~ N^-1/2") for e in (0.0, 0.15, 0.16, 0.84, 0.85, 1.0)]
    truths += [crossover(start, calm, "log-normal fleets 0.1") for start in (4.0, 64.0, 256.0)]
    truths += [crossover(start, pareto(8.0), "Pareto fleets, tail 8") for start in (4.0, 64.0, 256.0)]
    truths += [decay(size, calm, "log-normal fleets 0.1") for size in (4.0, 16.0, 256.0)]
    truths += [regime_change(start, calm, "log-normal fleets 0.1") for start in (64.0, 128.0)]
    truths += [regime_change(start, student(0.1), "Student-3 logs 0.1") for start in (64.0, 128.0)]
    return truths
