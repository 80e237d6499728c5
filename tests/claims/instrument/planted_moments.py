"""Closed forms of teams with planted noise, written from the formulas alone: nothing of the package makes a number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dgpg_verify.core import Cell, Evidence

NAMES = ("return", "guidance", "score")


@dataclass(frozen=True)
class Moments:
    """One agent's: variance and signal of both gradients; of the return and the guidance themselves the standard
    deviations, their covariance, and the guidance's mean (the return is taken about its own)."""

    n: int
    return_variance: float
    return_signal: float
    guidance_variance: float
    guidance_signal: float
    return_deviation: float
    guidance_mean: float
    guidance_deviation: float
    value_covariance: float

    def mixture(self, reading: str, alpha: float) -> float:
        """Variance of the mixture's gradient; the two parts are not correlated."""
        a, b = 1.0 - alpha, alpha
        if reading == "joint":
            # (w - E w) psi has the part of the mean taken off: g + E w psi, with |E w psi|^2 = (E w)^2 / 2, and
            # Cov(g, psi) = -E w / 2, since w = E w + what is not correlated with 1
            centred = self.guidance_variance - self.guidance_mean**2 / 2.0
            spread = (a * self.return_deviation / self.n) ** 2 + (b * self.guidance_deviation) ** 2
            spread += 2.0 * a * b * self.value_covariance / self.n
            return (a**2 * self.return_variance / self.n**2 + b**2 * centred) / spread
        of_return = {"parts": 1.0 / self.return_deviation, "both": 1.0 / self.return_deviation, "mixed": 1.0 / self.n}
        of_guidance = 1.0 / self.guidance_deviation if reading == "both" else 1.0
        return (a * of_return[reading]) ** 2 * self.return_variance + (b * of_guidance) ** 2 * self.guidance_variance


def moments(n: int, own: float, common: float, pull: float, scale: float = 1.0) -> Moments:
    """Of the reward sqrt(m) (own sum s + common xi) and the guidance w = -sqrt(m) (pull eta s + 1 - s)."""
    return Moments(
        n=n,
        return_variance=scale * (own**2 * (n - 1) + common**2) / 2.0,
        return_signal=scale * own**2 / 2.0,
        guidance_variance=scale * (1.0 + pull**2) / 2.0,
        guidance_signal=scale / 2.0,
        return_deviation=math.sqrt(scale * (own**2 * n + common**2)),
        guidance_mean=-math.sqrt(scale),
        guidance_deviation=math.sqrt(scale * (1.0 + pull**2)),
        value_covariance=scale * own,
    )


def planted_moments(n: int, planted: Mapping[str, Any], scale: float = 1.0) -> Moments:
    """From what is planted: the variance of the return's gradient and the noise to signal of the guidance."""
    own, variance, ratio = (float(planted[name]) for name in ("own", "variance", "ratio"))
    return moments(n, own, math.sqrt(2.0 * variance - own**2 * (n - 1)), math.sqrt(ratio - 1.0), scale)


def cell_values(exact: Moments) -> dict[str, Any]:
    """What a cell without sampling error holds: sums over agents of the covariances of return, guidance and score."""
    n = exact.n
    covariance = np.diag([exact.return_variance, exact.guidance_variance, 0.5])
    covariance[1, 2] = covariance[2, 1] = exact.guidance_mean / 2.0
    signal = np.zeros((3, 3))
    root = math.sqrt(exact.return_signal), math.sqrt(exact.guidance_signal)
    signal[:2, :2] = np.outer(root, root)
    values = np.diag([exact.return_deviation**2, exact.guidance_deviation**2, 0.0])
    values[0, 1] = values[1, 0] = exact.value_covariance
    return {
        "measured/names": list(NAMES),
        "measured/covariance": covariance * n,
        "measured/signal": signal * n,
        "measured/value_means": np.array([0.0, exact.guidance_mean, 1.0]),
        "measured/value_covariances": values,
        "measured/rollouts": 1000,
    }


def batch(row: Any, fleets: int, spread: float, rng: np.random.Generator) -> list[Evidence]:
    """Cells of a row as if measured, one at each N: closed forms, times log-normal noise of the fleets' scales and of
    what was measured of each."""
    found = []
    for n in row.n_values:
        options = {**row.options, **row.options_at[n], "seeds": list(range(fleets))}
        scales, noise = np.exp(spread * rng.standard_normal((2, fleets)))
        each = [cell_values(planted_moments(n, options["planted"], scale)) for scale in scales]
        joined = {name: np.stack([one[name] for one in each]) if isinstance(v, np.ndarray) else v
                  for name, v in each[0].items()}  # fmt: skip
        joined["measured/covariance"] = noise[:, None, None] * joined["measured/covariance"]
        found.append(Evidence(Cell(row.family, row.key, n, 0, 0, options), joined, 1.0))
    return found
