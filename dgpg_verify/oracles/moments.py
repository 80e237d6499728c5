"""What every oracle of gradient moments returns: exact means, variances and covariances of the credits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import InputError, check_choice, check_finite, check_real
from dgpg_verify.core.moments import EstimateMoments, mixing_weights, mixture_scales, optimal_alpha

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
    def pooled(self) -> EstimateMoments:
        """Moments of all agents' gradients as one vector. A mean that is zero up to rounding is taken to vanish."""
        variance, signal = float(self.variance.sum()), float(self.signal_squared.sum())
        if signal <= VANISHING * (signal + variance):
            signal = 0.0
        gradient = self.gradient
        return EstimateMoments(variance, signal, float((self.mean * gradient).sum()), float((gradient**2).sum()))

    @property
    def cross_agent_share(self) -> float | None:
        """Pooled share of the variance that the other agents' streams cause; None if unknown or no variance."""
        total = float(self.variance.sum())
        if self.cross_agent is None or total <= 0.0:
            return None
        return float(self.cross_agent.sum()) / total


@dataclass(frozen=True, eq=False)
class OracleMoments:
    """Exact moments of C credits for N agents with P parameters each.

    names: the C credits in order; means [C, N, P]; covariances [C, C, N] = tr Cov(g_i^a, g_i^b), the diagonal being the
    variances; cross [C, C, N] = E tr Cov(g_i^a, g_i^b given own stream and environment), None where not offered;
    value_means [C] and value_covariances [C, C]: of the credits themselves, agents pooled about one mean. objective J
    (maximised) and guidance_objective G (minimised) with their gradients [N, P]. shared [C, C]: tr Cov of the summed
    updates (shared parameters), where offered.
    """

    names: tuple[str, ...]
    means: Array
    covariances: Array
    cross: Array | None
    value_means: Array
    value_covariances: Array
    objective: float
    objective_gradient: Array
    guidance_objective: float
    guidance_gradient: Array
    shared: Array | None = None

    @property
    def n_agents(self) -> int:
        return self.means.shape[1]

    @property
    def deviations(self) -> Array:
        """Standard deviation of each credit itself, [C]."""
        return np.sqrt(np.maximum(np.diag(self.value_covariances), 0.0))

    def index(self, name: str) -> int:
        """Place of a credit; InputError naming the credits of this oracle."""
        return self.names.index(check_choice("credit", name, self.names))

    def __getitem__(self, name: str) -> ExactCreditMoments:
        """Moments of a credit, or of `guided:ALPHA[@BASE][+GUIDANCE]` by the mixing identity (setting sum)."""
        if not name.startswith("guided:"):
            return self._combination(name, (name,), (1.0,))
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
        """Moments of (1 - alpha) s_b base + alpha s_g guidance; the scales belong to the setting.

        The setting joint subtracts a constant and raises InputError where the credit `score` is missing.
        """
        places = [self.index(part) for part in (base, guidance)]
        tables = self.value_means[places], self.value_covariances[np.ix_(places, places)]
        *scales, offset = mixture_scales(setting, alpha, self.n_agents, *tables)
        w_base, w_guidance = map(float, mixing_weights(alpha, (scales[0], scales[1])))
        other = "" if guidance == "guidance" else f"+{guidance}"
        name = f"guided:{alpha:g}@{base}{other}"
        if setting != "joint":
            return self._combination(name, (base, guidance), (w_base, w_guidance))
        return self._combination(name, (base, guidance, "score"), (w_base, w_guidance, offset))

    def _combination(self, name: str, parts: Sequence[str], weights: Sequence[float]) -> ExactCreditMoments:
        places, factors = [self.index(part) for part in parts], np.array(weights)
        pairs = np.ix_(places, places)

        def quadratic(table: Array) -> Array:
            return np.asarray(np.einsum("a,abn,b->n", factors, table[pairs], factors))

        return ExactCreditMoments(
            name,
            np.einsum("a,anp->np", factors, self.means[places]),
            quadratic(self.covariances),
            None if self.cross is None else quadratic(self.cross),
            self.objective_gradient,
        )

    def optimal_alpha(self, base: str = "return", guidance: str = "guidance") -> float:
        """argmin over alpha in [0, 1] of the variance pooled over agents (setting sum)."""
        pairs = ((base, base), (guidance, guidance), (base, guidance))
        return float(optimal_alpha(*(self.covariance(*pair).sum() for pair in pairs)))

    def shared_variance(self, name: str) -> float:
        """tr Cov(sum_i g_i): the update of shared parameters. InputError where the oracle lacks it."""
        if self.shared is None:
            raise InputError("this oracle does not offer the shared-parameter team: use enumeration at small N")
        k = self.index(name)
        return float(self.shared[k, k])


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
