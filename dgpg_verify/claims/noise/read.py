"""Reading a cell: every statistic of C1 as a function of the pooled second moments of its base credits.

Guided credits are mixtures, so their variance, signal and cross-agent share at any alpha and in any setting follow
from two credits and their covariance; nothing is measured again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import Evidence
from dgpg_verify.oracles.mixing import mixing_weights, optimal_alpha, setting_scales
from dgpg_verify.statistics import mean_interval

Array = NDArray[np.float64]
POINTING_COSINE = 0.7
UNBIASED = ("return", "return:raw", "difference")  # in one-shot systems, where the exact gradient is known
QUIETER = {"return": "return:to_go", "return:raw": "return:to_go"}  # same mean, less noise: used for signals


@dataclass(frozen=True)
class CellStats:
    """Pooled (summed over agents) covariance and signal of the base credits of one fleet."""

    n: int
    fleet: int
    seed: int
    names: tuple[str, ...]
    covariance: Array
    signal: Array
    cross: Array | None
    deviations: Array
    extra: Mapping[str, Any]

    @classmethod
    def read(cls, evidence: Evidence, source: str = "measured", team: bool = False) -> CellStats:
        values = {k.partition("/")[2]: v for k, v in evidence.values.items() if k.startswith(source + "/")}
        prefix = "team_" if team else ""
        if team and "team_objective_signal" in values:
            values["objective_signal"] = values["team_objective_signal"]
        cell = evidence.cell
        return cls(
            n=cell.n,
            fleet=cell.replicate,
            seed=cell.seed,
            names=tuple(values["names"]),
            covariance=np.asarray(values[prefix + "covariance"], dtype=np.float64),
            signal=np.asarray(values[prefix + "signal"], dtype=np.float64),
            cross=None if "cross" not in values else np.asarray(values["cross"], dtype=np.float64),
            deviations=np.asarray(values["deviations"], dtype=np.float64),
            extra=values,
        )

    def index(self, name: str) -> int:
        return self.names.index(name)

    def has(self, name: str) -> bool:
        return name in self.names

    def variance(self, credit: str) -> float:
        """Mean over agents of V_i, on the credit's own scale."""
        return float(self.covariance[self.index(credit), self.index(credit)]) / self.n

    def signal_of(self, a: str, b: str | None = None) -> float:
        """<E g_a, E g_b> summed over agents; |grad J|^2 where that is known exactly, or through a quieter credit of
        the same mean where one was measured."""
        if a in UNBIASED and (b or a) in UNBIASED and "objective_signal" in self.extra:
            return float(self.extra["objective_signal"])
        i, j = self.index(self._quiet(a)), self.index(self._quiet(b or a))
        return float(self.signal[i, j])

    def noise_to_signal(self, credit: str) -> float:
        return _ratio(self.variance(credit) * self.n, self.signal_of(credit))

    def paired_ratio(self, credit: str) -> float:
        """sum V(credit) / sum V(difference reward) on the same fleet: exact in one-shot systems; over several steps
        the one-step difference reward, which touches only the agent's own job, is the yardstick."""
        return _ratio(self.variance(credit), self.variance("difference"))

    def cross_share(self, credit: str) -> float:
        i = self.index(credit)
        return float("nan") if self.cross is None else _ratio(float(self.cross[i, i]), float(self.covariance[i, i]))

    def to_objective(self, credit: str) -> float:
        """<E g, grad J>, exact or through the quietest unbiased credit."""
        if "to_objective" in self.extra:
            return float(np.asarray(self.extra["to_objective"])[self.index(credit)])
        return self.signal_of(credit, "return")

    def alignment(self, credit: str) -> float:
        """cos(E g, grad J)."""
        below = self.objective_signal() * self.signal_of(credit)
        return self.to_objective(credit) / np.sqrt(below) if below > 0 else float("nan")

    def efficiency(self, credit: str) -> float:
        """Progress of the best step along E g: max(0, <E g, grad J>)^2 / (|grad J|^2 E|g|^2)."""
        second = self.variance(credit) * self.n + self.signal_of(credit)
        return _progress(self.to_objective(credit), self.objective_signal() * second)

    def objective_signal(self) -> float:
        """|grad J|^2, exact or through the quietest unbiased credit."""
        return float(self.extra["objective_signal"]) if "objective_signal" in self.extra else self.signal_of("return")

    def guidance_signal(self) -> float:
        """|grad G|^2; over several steps that of the immediate chain-rule guidance."""
        known = self.extra.get("guidance_signal")
        return float(known) if known is not None else self.signal_of("guidance")

    def scales(self, setting: str, base: str = "return") -> tuple[float, float]:
        deviation = float(self.deviations[self.index(base)]) if setting == "parts" else None
        return setting_scales(setting, self.n, deviation)

    def guided(self, alpha: float, setting: str = "sum", base: str = "return") -> GuidedStats:
        """The guided credit at alpha in a setting."""
        w_base, w_guidance = mixing_weights(alpha, self.scales(setting, base))
        return GuidedStats(self, float(w_base), float(w_guidance), base)

    def alpha_star(self, setting: str = "sum", base: str = "return") -> float:
        b, g = self.index(base), self.index("guidance")
        v = self.covariance
        return float(optimal_alpha(v[b, b], v[g, g], v[b, g], self.scales(setting, base)))

    def rollouts_to_point(self, credit: str) -> float | None:
        """Roll-outs until the mean estimate points along grad J, cos >= 0.7 in the root-mean-square sense."""
        signal, alignment = self.signal_of(credit), self.alignment(credit)
        gain = (alignment / POINTING_COSINE) ** 2 - 1.0
        if not (signal > 0 and alignment > 0 and gain > 0):
            return None
        return max(1.0, self.variance(credit) * self.n / (signal * gain))

    def _quiet(self, name: str) -> str:
        quiet = QUIETER.get(name, name)
        return quiet if quiet in self.names else name


@dataclass(frozen=True)
class GuidedStats:
    """w_base base + w_guidance guidance of one fleet."""

    stats: CellStats
    w_base: float
    w_guidance: float
    base: str

    def _quadratic(self, table: Array) -> float:
        b, g = self.stats.index(self.base), self.stats.index("guidance")
        w_b, w_g = self.w_base, self.w_guidance
        return float(w_b**2 * table[b, b] + w_g**2 * table[g, g] + 2.0 * w_b * w_g * table[b, g])

    @property
    def variance(self) -> float:
        return self._quadratic(self.stats.covariance) / self.stats.n

    @property
    def signal(self) -> float:
        s, w_b, w_g = self.stats, self.w_base, self.w_guidance
        return (
            w_b**2 * s.signal_of(self.base)
            + w_g**2 * s.signal_of("guidance")
            + 2.0 * w_b * w_g * s.signal_of(self.base, "guidance")
        )

    @property
    def noise_to_signal(self) -> float:
        return _ratio(self.variance * self.stats.n, self.signal)

    def paired_ratio(self, scale: float = 1.0) -> float:
        """V of the mixture / V of the one-step difference reward on the guidance's scale."""
        return _ratio(self.variance, self.stats.variance("difference") * scale**2)

    @property
    def squared_lengths(self) -> tuple[float, float]:
        """Of what the return and the guidance add to the mean update. Unbiased, so either may fall below 0 where it is
        measured and lost in noise."""
        s = self.stats
        return self.w_base**2 * s.objective_signal(), self.w_guidance**2 * s.guidance_signal()

    @property
    def efficiency(self) -> float:
        """Guaranteed progress of the best step along the mixture, relative to the exact gradient."""
        s = self.stats
        inner = self.w_base * s.to_objective(self.base) + self.w_guidance * s.to_objective("guidance")
        return _progress(inner, s.objective_signal() * (self.variance * s.n + self.signal))


def return_share(mixtures: Sequence[GuidedStats], level: float = 0.95) -> float | None:
    """omega over fleets: the part of the update's length that comes from grad J, from the mean squared lengths.

    None where a part's length is not told from 0 (its t interval over fleets reaches 0; parts that are known exactly
    aside). The mean of shares of single fleets would count a return that is lost in noise as none.
    """
    ours, theirs = np.array([one.squared_lengths for one in mixtures]).T
    if not (ours.any() and theirs.any()):
        return 1.0 if ours.any() else 0.0 if theirs.any() else None
    lengths = []
    for squares, name in ((ours, "objective_signal"), (theirs, "guidance_signal")):
        exact = all(one.stats.extra.get(name) is not None for one in mixtures)
        if not np.isfinite(squares).all() or not (exact or _above_zero(squares, level)) or squares.mean() < 0.0:
            return None
        lengths.append(float(np.sqrt(squares.mean())))
    return lengths[0] / sum(lengths)


def _above_zero(values: Array, level: float) -> bool:
    return len(values) > 1 and (mean_interval(values, level).low or 0.0) > 0.0


def _progress(inner: float, below: float) -> float:
    return max(0.0, inner) ** 2 / below if below > 0 else float("nan")


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else float("nan")
