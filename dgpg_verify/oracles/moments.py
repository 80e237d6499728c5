"""What every oracle of gradient moments returns: exact means, variances and covariances of the credits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import InputError, check_choice, check_finite, check_real
from dgpg_verify.oracles.mixing import mixing_weights, optimal_alpha, return_share, setting_scales
from dgpg_verify.oracles.pointing import POINTING_COSINE, rollouts_to_point

Array = NDArray[np.float64]
VANISHING = 1e-24  # a squared mean below this part of E||g||^2 is rounding: the mean is taken to vanish


@dataclass(frozen=True, eq=False)
class ExactCreditMoments:
    """Exact moments of one credit's gradient estimate from one roll-out, to be compared with grad J.

    mean [N, P]; variance [N] = tr Cov(g_i); cross_agent [N] = E tr Cov(g_i given own and environment streams)
    or None where the oracle does not offer it; gradient [N, P] = grad J. All on the sum scale, per episode.
    """

    name: str
    mean: Array
    variance: Array
    cross_agent: Array | None
    gradient: Array

    @property
    def signal_squared(self) -> Array:
        """||E g_i||^2, [N]."""
        return np.asarray((self.mean**2).sum(1))

    @property
    def noise_to_signal(self) -> float | None:
        """sum_i V_i / sum_i ||E g_i||^2, or None when the mean vanishes."""
        if self.mean_vanishes:
            return None
        return float(self.variance.sum()) / float(self.signal_squared.sum())

    @property
    def mean_vanishes(self) -> bool:
        """Whether E g is zero up to rounding."""
        signal = float(self.signal_squared.sum())
        return signal <= VANISHING * (signal + float(self.variance.sum()))

    @property
    def cross_agent_share(self) -> float | None:
        """Pooled share of the variance that the other agents' streams cause; None if unknown or no variance."""
        total = float(self.variance.sum())
        if self.cross_agent is None or total <= 0.0:
            return None
        return float(self.cross_agent.sum()) / total

    @property
    def alignment(self) -> float | None:
        """cos(E g, grad J), agents stacked; None where one of them vanishes."""
        norms = math.sqrt(float(self.signal_squared.sum()) * float((self.gradient**2).sum()))
        if norms <= 0.0 or self.mean_vanishes:
            return None
        return float((self.mean * self.gradient).sum()) / norms

    @property
    def efficiency(self) -> float | None:
        """max(0, <E g, grad J>)^2 / (||grad J||^2 E||g||^2), agents stacked: progress of the best step."""
        second = float(self.signal_squared.sum() + self.variance.sum())
        norm = float((self.gradient**2).sum())
        inner = max(0.0, float((self.mean * self.gradient).sum()))
        return inner**2 / (norm * second) if norm * second > 0.0 else None

    def rollouts_to_point(self, cosine: float = POINTING_COSINE) -> int | None:
        """Roll-outs until the stacked estimate points along grad J in the root-mean-square sense."""
        return rollouts_to_point(self.mean, float(self.variance.sum()), self.gradient, cosine)


@dataclass(frozen=True, eq=False)
class SharedMoments:
    """The same for shared parameters, where the update is sum_i g_i: mean [C, P], covariance [C, C] (traces)."""

    mean: Array
    covariance: Array


@dataclass(frozen=True, eq=False)
class OracleMoments:
    """Exact moments of C credits for N agents with P parameters each.

    names: the C credits in order; means [C, N, P]; covariances [C, C, N] = tr Cov(g_i^a, g_i^b), the diagonal being the
    variances; cross [C, C, N] = E tr Cov(g_i^a, g_i^b given own stream and environment), None where not offered;
    deviations [C] = standard deviation of the credit itself, agents pooled about one mean. objective J (maximised) and
    guidance_objective G (minimised) with their gradients [N, P]. shared: the same for the summed update, where offered.
    """

    names: tuple[str, ...]
    means: Array
    covariances: Array
    cross: Array | None
    deviations: Array
    objective: float
    objective_gradient: Array
    guidance_objective: float
    guidance_gradient: Array
    shared: SharedMoments | None = None

    @property
    def n_agents(self) -> int:
        return self.means.shape[1]

    def index(self, name: str) -> int:
        """Place of a credit; InputError naming the credits this oracle knows."""
        return self.names.index(check_choice("credit", name, self.names))

    def __getitem__(self, name: str) -> ExactCreditMoments:
        """Moments of a credit, or of `guided:ALPHA[@BASE][+GUIDANCE]` by the mixing identity (setting sum)."""
        if not name.startswith("guided:"):
            k = self.index(name)
            cross = None if self.cross is None else self.cross[k, k]
            return self._record(name, self.means[k], self.covariances[k, k], cross)
        head, _, guidance = name.partition("+")
        alpha, _, base = head.removeprefix("guided:").partition("@")
        return self.guided(check_real(f"alpha of {name}", alpha, 0.0, 1.0), base or "return", guidance or "guidance")

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def covariance(self, a: str, b: str) -> Array:
        """tr Cov(g_i^a, g_i^b) for each agent, [N]."""
        return self.covariances[self.index(a), self.index(b)]

    def guided(
        self, alpha: float, base: str = "return", guidance: str = "guidance", setting: str = "sum"
    ) -> ExactCreditMoments:
        """Moments of (1 - alpha) s_b base + alpha s_g guidance; the scales belong to the setting."""
        a, b = self.index(base), self.index(guidance)
        w_a, w_b = mixing_weights(alpha, self.scales(setting, base))

        def mix(table: Array) -> Array:
            return w_a**2 * table[a, a] + w_b**2 * table[b, b] + w_a * w_b * (table[a, b] + table[b, a])

        mean = w_a * self.means[a] + w_b * self.means[b]
        cross = None if self.cross is None else mix(self.cross)
        other = "" if guidance == "guidance" else f"+{guidance}"
        return self._record(f"guided:{alpha:g}@{base}{other}", mean, mix(self.covariances), cross)

    def scales(self, setting: str = "sum", base: str = "return") -> tuple[float, float]:
        """Factors of base credit and guidance in a setting (sum, mean, mixed, parts)."""
        return setting_scales(setting, self.n_agents, float(self.deviations[self.index(base)]))

    def optimal_alpha(self, base: str = "return", guidance: str = "guidance", setting: str = "sum") -> float:
        """argmin over alpha in [0, 1] of the variance pooled over agents."""
        a, b = self.index(base), self.index(guidance)
        v_a, v_b, c = (self.covariances[i, j].sum() for i, j in ((a, a), (b, b), (a, b)))
        return float(optimal_alpha(v_a, v_b, c, self.scales(setting, base)))

    def return_share(self, alpha: float, setting: str = "sum", base: str = "return") -> float:
        """omega of the guided credit; NaN where both gradients vanish."""
        norms = (np.linalg.norm(self.objective_gradient), np.linalg.norm(self.guidance_gradient))
        return float(return_share(alpha, *norms, self.scales(setting, base)))

    def shared_variance(self, name: str) -> float:
        """tr Cov(sum_i g_i): the update of shared parameters. InputError where the oracle lacks it."""
        if self.shared is None:
            raise InputError("this oracle does not offer the shared-parameter team: use enumeration at small N")
        k = self.index(name)
        return float(self.shared.covariance[k, k])

    def _record(self, name: str, mean: Array, variance: Array, cross: Array | None) -> ExactCreditMoments:
        return ExactCreditMoments(name, mean, variance, cross, self.objective_gradient)


def pair_table(count: int, shape: tuple[int, ...], entry: Callable[[int, int], Array | float]) -> Array:
    """The symmetric table [count, count, *shape] of entry(a, b), which is called for b <= a only."""
    table = np.empty((count, count, *shape))
    for a in range(count):
        for b in range(a + 1):
            table[a, b] = table[b, a] = entry(a, b)
    return table


def check_moments(means: Array, covariances: Array, cross: Array) -> None:
    """Raise NonFiniteError at the first NaN or infinity, naming its table and place."""
    check_finite("mean", means)
    check_finite("covariance", covariances)
    check_finite("cross-agent covariance", cross)


def check_credits(credits: Sequence[str] | None, known: Sequence[str]) -> tuple[str, ...]:
    """The credits asked for, or all of them; InputError on an unknown, repeated or missing name."""
    if credits is None:
        return tuple(known)
    names = tuple(check_choice("credit", name, known) for name in credits)
    if not names or len(set(names)) != len(names):
        raise InputError(f"credits = {list(credits)} is not allowed: each must be named once, at least one of them")
    return names
