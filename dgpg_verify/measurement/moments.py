"""What a measurement returns: per-agent and team moments of every credit, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dgpg_verify.core import Estimate, InputError
from dgpg_verify.measurement.cross_agent import FrozenPairs
from dgpg_verify.measurement.jackknife import Moments, Summed

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """Sums over agents: covariance [C, C], signal [C, C] (unbiased <E g_c, E g_d>)."""

    covariance: Array
    signal: Array


@dataclass(frozen=True)
class TeamMoments:
    """Moments of the update applied: the stack of all g_i (independent parameters), or sum_i g_i (shared)."""

    variance: float
    signal_squared: float
    noise_to_signal: Estimate
    efficiency: Estimate | None
    alignment: Estimate | None


@dataclass(frozen=True)
class CreditMoments:
    """Moments of one credit. Arrays float64; ratios across agents are ratios of means (a mean of ratios has none).

    mean [N, P]; variance [N] = tr Cov (ddof 1), on the credit's own scale, mean_variance its mean over agents with an
    interval; signal_squared [N], unbiased and
    possibly negative; noise_to_signal = sum V / sum |E g|^2; median and p90 of the per-agent ratios beside it;
    cross_agent [N], NaN for agents that were not sampled; cross_agent_share pooled over the sampled ones.
    """

    name: str
    mean: Array
    variance: Array
    mean_variance: Estimate
    signal_squared: Array
    noise_to_signal: Estimate
    noise_to_signal_median: float | None
    noise_to_signal_p90: float | None
    efficiency: Estimate | None
    alignment: Estimate | None
    cross_agent: Array | None
    cross_agent_share: float | None
    team: TeamMoments


class GradientMoments(Mapping[str, CreditMoments]):
    """All credits of one measurement, on common random numbers: a mapping from name to CreditMoments."""

    def __init__(self, parts: MeasuredParts):
        self._parts = parts
        self._cache: dict[str, CreditMoments] = {}

    def __getitem__(self, name: str) -> CreditMoments:
        index = self._parts.index(name)
        if name not in self._cache:
            self._cache[name] = self._parts.credit_moments(index)
        return self._cache[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts.names)

    def __len__(self) -> int:
        return len(self._parts.names)

    def __contains__(self, name: object) -> bool:
        return self._parts.aliases.get(name, name) in self._parts.names  # type: ignore[call-overload]

    @property
    def rollouts(self) -> int:
        return self._parts.agent.count

    @property
    def critics(self) -> dict[str, float]:
        """Explained variance of the critics behind the credits, by credit."""
        return dict(self._parts.explained)

    def covariance(self, a: str, b: str) -> Array:
        """tr Cov(g_a,i, g_b,i) for every agent, [N]."""
        w = self._parts.weights
        i, j = self._parts.index(a), self._parts.index(b)
        return np.asarray(np.einsum("c,cdn,d->n", w[i], self._parts.agent.covariance, w[j]))

    def pooled(self) -> Pooled:
        """Covariance and signal matrices of the requested credits, summed over agents: [C, C] each."""
        return self._parts.pooled_of(self._parts.weights, self._parts.agent.summed())

    def pooled_team(self) -> Pooled:
        """The same for the update applied: of sum_i g_i under shared parameters, of the stack otherwise."""
        return self._parts.pooled_of(self._parts.weights, self._parts.team.summed())

    @property
    def deviations(self) -> dict[str, float]:
        """Standard deviation of each directly measured credit over all live entries of the pilot, by name."""
        return dict(self._parts.deviations)

    def cross_products(self) -> Array | None:
        """Cross-agent part of the pooled covariance of the requested credits [C, C], or None without pick-freeze."""
        return self._parts.cross_pooled()

    def optimal_alpha(self, base: str = "return", guidance: str = "guidance") -> Estimate:
        """alpha minimising sum_i Var((1 - alpha) g_base + alpha g_guidance): (V_PG - C)/(V_PG + V_G - 2C), clipped."""
        rows = self._parts.weights[[self._parts.index(base), self._parts.index(guidance)]]
        return self._parts.jackknife(lambda pool: _best_alpha(pool.covariance), rows)


def _best_alpha(covariance: Array) -> float:
    v_pg, v_g, c = covariance[0, 0], covariance[1, 1], covariance[0, 1]
    spread = v_pg + v_g - 2.0 * c
    return float(np.clip((v_pg - c) / spread, 0.0, 1.0)) if spread > 0 else float("nan")


@dataclass(frozen=True)
class MeasuredParts:
    """Everything accumulated: basis moments per agent and for the team, with leave-one-group-out copies.

    weights [requested, C] turn basis credits into requested ones; target_index: basis row holding grad J (an exact
    one has zero covariance), None if no target; unbiased: which requested credits have mean grad J.
    """

    names: tuple[str, ...]
    aliases: Mapping[str, str]
    weights: Array
    agent: Moments
    agent_jackknife: Sequence[Summed]
    team: Moments
    team_jackknife: Sequence[Summed]
    target_index: int | None
    unbiased: tuple[bool, ...]
    frozen: FrozenPairs | None
    explained: Mapping[str, float]
    deviations: Mapping[str, float]
    level: float = 0.95

    def index(self, name: str) -> int:
        known = self.aliases.get(name, name)
        if known not in self.names:
            raise InputError(f"credit {name!r} was not measured: it must be one of {', '.join(self.names)}")
        return self.names.index(known)

    def credit_moments(self, i: int) -> CreditMoments:
        row = self.weights[i]
        variance = np.einsum("c,cdn,d->n", row, self.agent.covariance, row)
        signal = np.einsum("c,cdn,d->n", row, self.agent.signal, row)
        if self.unbiased[i] and self.target_index is not None:
            own_signal = self.agent.signal[self.target_index, self.target_index]
        else:
            own_signal = signal
        median, p90 = _agent_ratios(variance, own_signal)
        cross, share = self._cross(row, variance)
        return CreditMoments(
            name=self.names[i],
            mean=np.einsum("c,cnp->np", row, self.agent.mean),
            variance=variance,
            mean_variance=self.jackknife(lambda p: float(p.covariance[0, 0]) / len(variance), self.weights[[i]]),
            signal_squared=signal,
            noise_to_signal=self._noise_to_signal(i, team=False),
            noise_to_signal_median=median,
            noise_to_signal_p90=p90,
            efficiency=self._against_target(i, efficiency, team=False),
            alignment=self._against_target(i, alignment, team=False),
            cross_agent=cross,
            cross_agent_share=share,
            team=self._team(i),
        )

    def pooled_of(self, rows: Array, of: Summed) -> Pooled:
        return Pooled(rows @ of.covariance @ rows.T, rows @ of.signal @ rows.T)

    def cross_pooled(self) -> Array | None:
        """sum over agents of the cross-agent products, scaled up from the sampled agents by variance."""
        if self.frozen is None:
            return None
        sampled = self.agent.covariance[:, :, self.frozen.agents].sum(-1)
        everyone = self.agent.covariance.sum(-1)
        scale = np.trace(everyone) / max(np.trace(sampled), 1e-300)
        return np.asarray(self.weights @ self.frozen.products.sum(-1) @ self.weights.T * scale)

    def jackknife(
        self, statistic: Callable[[Pooled], float], rows: Array, team: bool = False, debias: bool = False
    ) -> Estimate:
        """A pooled statistic with a delete-a-group jackknife interval (t, groups - 1 degrees of freedom).

        debias: subtract the jackknife's estimate of the bias, for a ratio whose bias is as large as its spread.
        """
        moments, parts = (self.team, self.team_jackknife) if team else (self.agent, self.agent_jackknife)
        whole = moments.summed()
        value = statistic(self.pooled_of(rows, whole))
        left_out = np.array([statistic(self.pooled_of(rows, part)) for part in parts])
        groups = len(left_out)
        thin = groups < 2 or min(part.count for part in parts) < 2  # no variance without one of the groups
        if not np.isfinite(value) or thin or not np.isfinite(left_out).all():
            return Estimate(float(value) if np.isfinite(value) else None, None, None, self.level, whole.count)
        se = np.sqrt((groups - 1) / groups * ((left_out - left_out.mean()) ** 2).sum())
        half = float(stats.t.ppf(0.5 + self.level / 2, groups - 1) * se)
        if debias:
            value = groups * value - (groups - 1) * float(left_out.mean())
        return Estimate(float(value), float(value) - half, float(value) + half, self.level, whole.count)

    def _rows_with_target(self, i: int) -> Array | None:
        if self.target_index is None:
            return None
        target = np.zeros(self.weights.shape[1])
        target[self.target_index] = 1.0
        return np.stack([self.weights[i], target])

    def _noise_to_signal(self, i: int, team: bool) -> Estimate:
        with_target = self._rows_with_target(i)
        if with_target is not None and self.unbiased[i]:
            return self.jackknife(lambda p: ratio(p.covariance[0, 0], p.signal[1, 1]), with_target, team)
        return self.jackknife(lambda p: ratio(p.covariance[0, 0], p.signal[0, 0]), self.weights[[i]], team)

    def _against_target(self, i: int, statistic: Callable[[Pooled], float], team: bool) -> Estimate | None:
        rows = self._rows_with_target(i)
        # a cosine near 1 varies by O(1/R) and is biased by as much: uncorrected, its interval would miss
        return None if rows is None else self.jackknife(statistic, rows, team, debias=statistic is alignment)

    def _team(self, i: int) -> TeamMoments:
        pool = self.pooled_of(self.weights[[i]], self.team.summed())
        return TeamMoments(
            variance=float(pool.covariance[0, 0]),
            signal_squared=float(pool.signal[0, 0]),
            noise_to_signal=self._noise_to_signal(i, team=True),
            efficiency=self._against_target(i, efficiency, team=True),
            alignment=self._against_target(i, alignment, team=True),
        )

    def _cross(self, row: Array, variance: Array) -> tuple[Array | None, float | None]:
        if self.frozen is None:
            return None, None
        part = np.einsum("c,cdn,d->n", row, self.frozen.products, row)
        own = variance[self.frozen.agents]
        shares = np.full(variance.shape, np.nan)
        shares[self.frozen.agents] = np.where(own > 0, part / np.where(own > 0, own, 1.0), np.nan)
        pooled = float(part.sum() / own.sum()) if own.sum() > 0 else None
        return shares, pooled


def ratio(noise: float, signal: float) -> float:
    """noise / signal, NaN (not measurable) when the signal estimate is not positive."""
    return float(noise / signal) if signal > 0 else float("nan")


def efficiency(pool: Pooled) -> float:
    """max(0, <E g, grad J>)^2 / (|grad J|^2 E|g|^2) of credit 0 against target 1."""
    second_moment = pool.covariance[0, 0] + pool.signal[0, 0]
    inner = max(0.0, pool.signal[0, 1])
    below = pool.signal[1, 1] * second_moment
    return float(inner**2 / below) if below > 0 else float("nan")


def alignment(pool: Pooled) -> float:
    """cos(E g, grad J) of credit 0 against target 1, agents stacked."""
    below = pool.signal[0, 0] * pool.signal[1, 1]
    return float(pool.signal[0, 1] / np.sqrt(below)) if below > 0 else float("nan")


def _agent_ratios(variance: Array, signal: Array) -> tuple[float | None, float | None]:
    """Median and 90th percentile over agents of V_i / |E g_i|^2; None where the quantile is not measurable."""
    ratios = np.where(signal > 0, variance / np.where(signal > 0, signal, 1.0), np.inf)
    median, p90 = np.quantile(ratios, [0.5, 0.9], method="higher")
    return tuple(float(q) if np.isfinite(q) else None for q in (median, p90))  # type: ignore[return-value]
