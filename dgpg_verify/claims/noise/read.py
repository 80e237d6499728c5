"""Reading a cell: every statistic of C1 as a function of the pooled second moments of its base credits.

Guided credits are mixtures, so their variance, signal and cross-agent share at any alpha and in any setting follow
from two credits and their covariance, in `joint` from the bare score too; nothing is measured again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import Evidence, InputError
from dgpg_verify.core.moments import EstimateMoments, bounded, mixing_weights, mixture_scales, optimal_alpha, ratio
from dgpg_verify.statistics import mean_of
from dgpg_verify.statistics.intervals import t_quantile

Array = NDArray[np.float64]
UNBIASED = ("return", "return:raw", "difference")  # in one-shot systems, where the exact gradient is known
QUIETER = {"return": "return:to_go", "return:raw": "return:to_go"}  # same mean, less noise: used for signals


@dataclass(frozen=True)
class CreditStats(EstimateMoments):
    """One credit, or a mixture of two, on one fleet; means over agents.

    Parameters
    ----------
    cross : the part of the variance that the others' randomness causes; NaN where it was not measured.
    yardstick : variance of the difference reward on the guidance's scale, so that dividing both parts of a mixture by N
        changes nothing. It is exact in one-shot systems; over several steps the one-step difference reward stands for
        it, which touches only the agent's own job.
    squared_lengths : of what the return and the guidance add to the mean update.
    exact : whether those lengths are known exactly. Measured ones are unbiased and may fall below 0 in noise.
    rollouts : behind all moments; 0 where they are exact.
    objective_variance : of the credit of mean grad J that <E g, grad J> is read from.
    """

    cross: float
    yardstick: float
    squared_lengths: tuple[float, ...]
    exact: tuple[bool, ...]
    rollouts: int
    objective_variance: float

    @property
    def alignment(self) -> float:
        """cos(E g, grad J); NaN unless both lengths are told from 0."""
        told = told_from_zero(self.signal, self.variance, self.rollouts) and self._objective_told
        return float(bounded(super().alignment, -1.0, 1.0)) if told else math.nan

    @property
    def efficiency(self) -> float:
        """As of `EstimateMoments`; NaN unless |grad J| is told from 0."""
        return float(bounded(super().efficiency, 0.0, 1.0)) if self._objective_told else math.nan

    @property
    def _objective_told(self) -> bool:
        return told_from_zero(self.objective, self.objective_variance, self.rollouts)

    @property
    def paired_ratio(self) -> float:
        return ratio(self.variance, self.yardstick)

    @property
    def cross_agent_share(self) -> float:
        return ratio(self.cross, self.variance)

    @property
    def cross_agent_part(self) -> float:
        """The others' part of the variance, over the variance of the difference reward."""
        return self.cross_agent_share * self.paired_ratio


@dataclass(frozen=True, eq=False)
class CellStats:
    """Base credits of one fleet, means over agents: covariance, signal and cross [C, C], to_objective = <E g, grad J>
    [C]; value_means [C], value_covariances [C, C]: of the credits themselves; lengths: |grad J|^2 ("return") and
    |grad G|^2 ("guidance"); exact: whether they are."""

    n: int
    fleet: int
    seed: int
    rollouts: int
    names: tuple[str, ...]
    covariance: Array
    signal: Array
    cross: Array
    value_means: Array
    value_covariances: Array
    to_objective: Array
    lengths: Mapping[str, float]
    exact: tuple[bool, ...]

    @classmethod
    def read(cls, evidence: Evidence, source: str = "measured", team: bool = False) -> CellStats:
        """Signals are taken from the exact gradient of J, or from a quieter credit of the same mean, where there is
        one; over several steps |grad G|^2 is that of the immediate chain-rule guidance."""
        cell, prefix = evidence.cell, "team_" if team else ""
        values = {k.partition("/")[2]: v for k, v in evidence.values.items() if k.startswith(source + "/")}
        names = tuple(values["names"])
        place = {name: names.index(name) for name in names}
        quiet = [place.get(QUIETER.get(name, name), place[name]) for name in names]
        signal = _per_agent(values[prefix + "signal"], cell.n)[np.ix_(quiet, quiet)]
        if "score" in place:  # its mean is 0
            signal[place["score"]] = signal[:, place["score"]] = 0.0
        exact = {"return": values.get(prefix + "objective_signal"), "guidance": values.get("guidance_signal")}
        if exact["return"] is not None:
            unbiased = [place[name] for name in names if name in UNBIASED]
            signal[np.ix_(unbiased, unbiased)] = _per_agent(exact["return"], cell.n)
        estimated = {credit: signal[place[credit], place[credit]] for credit in exact if credit in place}
        known = {credit: _per_agent(length, cell.n) for credit, length in exact.items() if length is not None}
        return cls(
            n=cell.n,
            fleet=cell.replicate,
            seed=cell.seed,
            rollouts=int(values.get("rollouts", 0)),
            names=names,
            covariance=_per_agent(values[prefix + "covariance"], cell.n),
            signal=signal,
            cross=_per_agent(values.get("cross", np.full(signal.shape, np.nan)), cell.n),
            value_means=np.asarray(values["value_means"], dtype=np.float64),
            value_covariances=np.asarray(values["value_covariances"], dtype=np.float64),
            to_objective=_per_agent(values["to_objective"], cell.n)
            if "to_objective" in values
            else signal[:, place["return"]],
            lengths={credit: float(length) for credit, length in (estimated | known).items()},
            exact=tuple(credit in known for credit in exact),
        )

    def __getitem__(self, credit: str) -> CreditStats:
        """A base credit on its own scale."""
        return self._combined((credit,), (1.0,))

    def guided(
        self, alpha: float | None = None, setting: str = "sum", base: str = "return", centred: bool = False
    ) -> CreditStats:
        """The guided credit at alpha in a setting; at the alpha of least variance unless given. centred: minus its mean
        over a batch, as `joint` always is."""
        alpha = self.alpha_star(setting, base) if alpha is None else alpha
        *scales, offset = self.scales(setting, alpha, base)
        weights = [float(w) for w in mixing_weights(alpha, (scales[0], scales[1]))]
        if setting != "joint" and not centred:
            return self._combined((base, "guidance"), weights, scales[1])
        if "score" not in self.names:
            raise InputError("a mixture minus its mean needs the credit 'score': it was not measured here")
        if setting != "joint":
            offset = -sum(w * self.value_means[self.names.index(n)] for w, n in zip(weights, (base, "guidance")))
        return self._combined((base, "guidance", "score"), [*weights, offset], scales[1])

    def alpha_star(self, setting: str = "sum", base: str = "return") -> float:
        """The alpha of least variance in a setting. InputError for joint, whose scales depend on alpha."""
        if setting == "joint":
            raise InputError("setting = 'joint' has no closed form of the alpha of least variance")
        s_base, s_guidance, _ = self.scales(setting, 0.0, base)
        return float(optimal_alpha(*self.mixed_parts(base), (s_base, s_guidance)))

    def mixed_parts(self, base: str = "return") -> tuple[float, float, float]:
        """Variance of the base credit, of the guidance, and their covariance."""
        b, g = self.names.index(base), self.names.index("guidance")
        v = self.covariance
        return float(v[b, b]), float(v[g, g]), float(v[b, g])

    def scales(self, setting: str, alpha: float, base: str = "return") -> tuple[float, float, float]:
        """Factors of the base credit and of the guidance, and the constant added to the mixture (0 unless joint)."""
        places = [self.names.index(name) for name in (base, "guidance")]
        pairs = np.ix_(places, places)
        return mixture_scales(setting, alpha, self.n, self.value_means[places], self.value_covariances[pairs])

    def _combined(self, parts: Sequence[str], factors: Sequence[float], scale: float = 1.0) -> CreditStats:
        weights = np.zeros(len(self.names))
        for name, factor in zip(parts, factors):
            weights[self.names.index(name)] += factor
        difference = self.names.index("difference") if "difference" in self.names else None
        objective = self.names.index(QUIETER["return"] if QUIETER["return"] in self.names else "return")
        return CreditStats.combine(
            weights,
            self.covariance,
            self.signal,
            self.to_objective,
            self.lengths["return"],
            cross=float(weights @ self.cross @ weights),
            yardstick=np.nan if difference is None else scale**2 * float(self.covariance[difference, difference]),
            squared_lengths=tuple(w**2 * length for w, length in zip(factors, self.lengths.values())),
            exact=self.exact,
            rollouts=self.rollouts,
            objective_variance=float(self.covariance[objective, objective]),
        )


def _per_agent(values: Any, n: int) -> Array:
    return np.asarray(values, dtype=np.float64) / n


def return_share(mixtures: Sequence[CreditStats]) -> float | None:
    """omega over fleets: the part of the update's length that comes from grad J, from the mean squared lengths.

    None where a part's length is not told from 0 (its 95 % interval over fleets reaches 0; parts that are known exactly
    aside). The mean of shares of single fleets would count a return that is lost in noise as none.
    """
    parts = np.array([mixture.squared_lengths for mixture in mixtures]).T
    present = [bool(squares.any()) for squares in parts]
    if not all(present):
        return 1.0 if present[0] else 0.0 if present[1] else None
    for squares, known in zip(parts, zip(*(mixture.exact for mixture in mixtures))):
        if not np.isfinite(squares).all() or not (all(known) or _above_zero(squares)) or squares.mean() < 0.0:
            return None
    lengths = np.sqrt(parts.mean(1))
    return float(lengths[0] / lengths.sum())


def told_from_zero(square: float, variance: float, rollouts: int) -> bool:
    """Whether an unbiased estimate of |m|^2, from roll-outs of variance tr S, lies above 0 beyond its noise at 95 %.

    Cells keep tr S alone. The estimate's variance 4 m'Sm / R + 2 tr(S^2) / (R (R - 1)) is at most that with
    |m|^2 tr S and (tr S)^2 in place of m'Sm and tr(S^2), so that what is told is certain and some of what is not
    would be, were more kept. Known exactly (0 roll-outs): whether it is above 0.
    """
    if not square > 0.0 or rollouts == 0:
        return square > 0.0
    noise = 4.0 * square * variance / rollouts + 2.0 * variance**2 / (rollouts * (rollouts - 1))
    return square > t_quantile(rollouts - 1, 0.95) * math.sqrt(noise)


def _above_zero(values: Array) -> bool:
    return (mean_of(values).low or 0.0) > 0.0
