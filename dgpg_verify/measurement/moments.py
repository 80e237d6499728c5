"""What a measurement returns: per-agent and team moments of every credit, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import Estimate, InputError
from dgpg_verify.core.moments import EstimateMoments, bounded, optimal_alpha, ratio
from dgpg_verify.measurement.cross_agent import FrozenPairs
from dgpg_verify.measurement.jackknife import Moments, Summed
from dgpg_verify.statistics.intervals import symmetric, t_quantile, within

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TeamMoments:
    """Moments of the update applied: the stack of all g_i (independent parameters), or sum_i g_i (shared)."""

    variance: float
    signal_squared: float
    noise_to_signal: Estimate
    efficiency: Estimate | None
    alignment: Estimate | None


@dataclass(frozen=True, repr=False)
class CreditMoments:
    """Moments of one credit. Arrays float64; ratios across agents are ratios of means (a mean of ratios has none).

    mean [N, P]; variance [N] = tr Cov (ddof 1), on the credit's own scale, mean_variance its mean over agents with an
    interval; signal_squared [N], unbiased and possibly negative; noise_to_signal = sum V / sum |E g|^2; cross_agent
    [N], NaN for agents that were not sampled; cross_agent_share pooled over the sampled ones.
    """

    name: str
    mean: Array
    variance: Array
    mean_variance: Estimate
    signal_squared: Array
    noise_to_signal: Estimate
    efficiency: Estimate | None
    alignment: Estimate | None
    cross_agent: Array | None
    cross_agent_share: float | None
    team: TeamMoments

    def __repr__(self) -> str:
        from dgpg_verify.measurement.readable import credit_text

        return credit_text(self)

    def to_frame(self) -> pd.DataFrame:
        """One row per agent.

        Columns: agent, 0 to N - 1; variance = tr Cov g_i and signal_squared = |E g_i|^2 (unbiased, possibly negative),
        both in (reward per parameter)^2 on the credit's own scale; cross_agent, the share of the variance that comes
        from the other agents' actions, NaN where it was not sampled.
        """
        from dgpg_verify.measurement.readable import agents_frame

        return agents_frame(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """The variance of every agent, drawn into `ax` or into a new pyplot figure."""
        from dgpg_verify.measurement.readable import plot_agents

        return plot_agents(self, ax)


@dataclass(frozen=True, eq=False, repr=False)
class GradientMoments(Mapping[str, CreditMoments]):
    """All credits of one measurement, on common random numbers: a mapping from name to CreditMoments.

    Parameters
    ----------
    names, aliases : names of the requested credits; text given -> name.
    weights : [requested, C], which turn basis credits into requested ones.
    agent, team : moments of the basis, per agent and of the update applied (of sum_i g_i under shared parameters, of
        the stack otherwise).
    target_index : basis row holding grad J (an exact one has zero covariance), None if no target.
    unbiased : which requested credits have mean grad J.
    critics : explained variance of the critics behind the credits, by credit.
    value_means, value_covariances : [requested], [requested, requested], of the credits' own values over all live
        entries of the pilot.
    """

    names: tuple[str, ...]
    aliases: Mapping[str, str]
    weights: Array
    agent: Moments
    team: Moments
    target_index: int | None
    unbiased: tuple[bool, ...]
    frozen: FrozenPairs | None
    critics: Mapping[str, float]
    value_means: Array
    value_covariances: Array
    level: float = 0.95
    _cache: dict[str, CreditMoments] = field(default_factory=dict, init=False)

    def __getitem__(self, name: str) -> CreditMoments:
        index = self._index(name)
        if name not in self._cache:
            self._cache[name] = self._credit_moments(index)
        return self._cache[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return self.aliases.get(name, name) in self.names  # type: ignore[call-overload]

    def __repr__(self) -> str:
        from dgpg_verify.measurement.readable import measurement_text

        return measurement_text(self)

    def to_frame(self) -> pd.DataFrame:
        """One row per credit, everything pooled over agents; what is not measurable is NaN.

        Columns: credit; variance (mean over agents of tr Cov g_i) and signal_squared (mean of |E g_i|^2), both in
        (reward per parameter)^2 on the credit's own scale; noise_to_signal, efficiency and alignment, without unit;
        each but signal_squared with the ends of its interval in _low and _high; cross_agent_share, a share of the
        variance.
        """
        from dgpg_verify.measurement.readable import credits_frame

        return credits_frame(self)

    def plot(self, quantity: str = "noise_to_signal", ax: Axes | None = None) -> Axes:
        """One quantity of every credit with its interval, drawn into `ax` or into a new pyplot figure.

        Parameters
        ----------
        quantity : noise_to_signal, variance (with a dot per agent), efficiency or alignment.

        Raises
        ------
        InputError : another quantity.
        """
        from dgpg_verify.measurement.readable import plot_credits

        return plot_credits(self, quantity, ax)

    @property
    def rollouts(self) -> int:
        return self.agent.count

    def covariance(self, a: str, b: str) -> Array:
        """tr Cov(g_a,i, g_b,i) for every agent, [N]."""
        w = self.weights
        return np.asarray(np.einsum("c,cdn,d->n", w[self._index(a)], self.agent.covariance, w[self._index(b)]))

    def cross_products(self) -> Array | None:
        """Cross-agent part of the requested credits' covariance [C, C], summed over agents and scaled up from the
        sampled ones by variance; None without pick-freeze."""
        if self.frozen is None:
            return None
        sampled = self.agent.covariance[:, :, self.frozen.agents].sum(-1)
        everyone = self.agent.covariance.sum(-1)
        scale = np.trace(everyone) / max(np.trace(sampled), 1e-300)
        return np.asarray(self.weights @ self.frozen.products.sum(-1) @ self.weights.T * scale)

    def optimal_alpha(self, base: str = "return", guidance: str = "guidance") -> Estimate:
        """alpha minimising sum_i Var((1 - alpha) g_base + alpha g_guidance): (V_PG - C)/(V_PG + V_G - 2C), clipped."""
        rows = self.weights[[self._index(base), self._index(guidance)]]
        return self._jackknife(lambda summed: best_alpha(summed.of(rows).covariance), self.agent)

    def _index(self, name: str) -> int:
        known = self.aliases.get(name, name)
        if known not in self.names:
            raise InputError(f"credit {name!r} was not measured: it must be one of {', '.join(self.names)}")
        return self.names.index(known)

    def _credit_moments(self, i: int) -> CreditMoments:
        row = self.weights[i]
        variance = np.einsum("c,cdn,d->n", row, self.agent.covariance, row)
        signal = np.einsum("c,cdn,d->n", row, self.agent.signal, row)
        cross, share = self._cross(row, variance)
        team = self.team.summed().of(row)
        return CreditMoments(
            name=self.names[i],
            mean=np.einsum("c,cnp->np", row, self.agent.mean),
            variance=variance,
            mean_variance=within(
                self._jackknife(lambda s: float(row @ s.covariance @ row) / len(variance), self.agent), 0.0, math.inf
            ),
            signal_squared=signal,
            cross_agent=cross,
            cross_agent_share=share,
            team=TeamMoments(float(team.covariance), float(team.signal), **self._ratios(i, self.team)),
            **self._ratios(i, self.agent),
        )

    def _ratios(self, i: int, moments: Moments) -> dict[str, Any]:
        """noise_to_signal, efficiency and alignment of a credit; the last two need a target.

        What divides by a squared length needs one that is told from 0, its interval above it: two lengths that noise
        makes negative have a positive product, and one near 0 gives any ratio. Else not measurable; the
        noise-to-signal ratio, which has no upper bound, keeps its value without an interval.
        """
        row, target = self.weights[i], self.target_index
        of = partial(_moments_of, row, target)
        signal, objective = self._told(lambda s: of(s).signal, moments), self._told(lambda s: of(s).objective, moments)
        if self.unbiased[i] and target is not None:
            noise, measured = self._jackknife(lambda s: ratio(of(s).variance, of(s).objective), moments), objective
        else:
            noise, measured = self._jackknife(lambda s: of(s).noise_to_signal, moments), signal
        noise = within(noise if measured else replace(noise, low=None, high=None), 0.0, math.inf)
        if target is None:
            return {"noise_to_signal": noise, "efficiency": None, "alignment": None}
        efficiency = alignment = Estimate(None, None, None, self.level, moments.count)
        if objective:
            efficiency = within(self._jackknife(lambda s: of(s).efficiency, moments), 0.0, 1.0)
        if objective and row[target] > 0.0 and not np.delete(row, target).any():  # the target itself
            alignment = replace(alignment, value=1.0, low=1.0, high=1.0)
        elif objective and signal:
            # a cosine near 1 varies by O(1/R) and is biased by as much: uncorrected, its interval would miss
            alignment = within(self._jackknife(lambda s: of(s).alignment, moments, debias=True), -1.0, 1.0)
        return {"noise_to_signal": noise, "efficiency": efficiency, "alignment": alignment}

    def _told(self, length: Callable[[Summed], float], moments: Moments) -> bool:
        """Whether a squared length is told from 0: the interval of its estimate lies above it."""
        low = self._jackknife(length, moments).low
        return low is not None and low > 0.0

    def _jackknife(self, statistic: Callable[[Summed], float], moments: Moments, debias: bool = False) -> Estimate:
        """A pooled statistic with a delete-a-group jackknife interval (t, groups - 1 degrees of freedom).

        debias: subtract the jackknife's estimate of the bias, for a ratio whose bias is as large as its spread.
        """
        value = statistic(moments.summed())
        left_out = np.array([statistic(part) for part in moments.left_out])
        groups = len(left_out)
        thin = groups < 2 or min(part.count for part in moments.left_out) < 2  # no variance without one of the groups
        if not np.isfinite(value) or thin or not np.isfinite(left_out).all():
            return Estimate(float(value) if np.isfinite(value) else None, None, None, self.level, moments.count)
        se = np.sqrt((groups - 1) / groups * ((left_out - left_out.mean()) ** 2).sum())
        centre = groups * value - (groups - 1) * left_out.mean() if debias else value
        return symmetric(float(centre), t_quantile(groups - 1, self.level) * float(se), self.level, moments.count)

    def _cross(self, row: Array, variance: Array) -> tuple[Array | None, float | None]:
        if self.frozen is None:
            return None, None
        part = np.einsum("c,cdn,d->n", row, self.frozen.products, row)
        sampled = variance[self.frozen.agents]
        shares = np.full(variance.shape, np.nan)
        shares[self.frozen.agents] = np.divide(part, sampled, out=np.full_like(part, np.nan), where=sampled > 0)
        # over the variance of all agents: that of a few is another law's where agents differ much
        pooled = float(bounded(ratio(part.mean(), variance.mean()), 0.0, 1.0))
        return bounded(shares, 0.0, 1.0), pooled if np.isfinite(pooled) else None


def _moments_of(row: Array, target: int | None, summed: Summed) -> EstimateMoments:
    """Moments of the combination `row` of the basis; NaN for what needs a target where there is none."""
    inner = np.full(len(row), np.nan) if target is None else summed.signal[target]
    return EstimateMoments.combine(row, summed.covariance, summed.signal, inner, inner[target or 0])


def best_alpha(covariance: Array) -> float:
    """The alpha of least variance of two credits [2, 2]; NaN (not measurable) where the variance does not bend."""
    parts = covariance[0, 0], covariance[1, 1], covariance[0, 1]
    return float(optimal_alpha(*parts)) if parts[0] + parts[1] - 2.0 * parts[2] > 0 else float("nan")
