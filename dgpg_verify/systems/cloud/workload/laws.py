"""Distributions as inverse CDFs of given uniforms, with closed-form means, so that load can be set exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@dataclass(frozen=True)
class LogNormal:
    """exp(mu + sigma Z) with the standard normal Z conditioned on low < Z < high."""

    mu: float
    sigma: float
    low: float = -math.inf
    high: float = math.inf

    @property
    def mass(self) -> float:
        """Probability that an unconditioned Z falls between the bounds."""
        return normal_cdf(self.high) - normal_cdf(self.low)

    @property
    def mean(self) -> float:
        inside = normal_cdf(self.high - self.sigma) - normal_cdf(self.low - self.sigma)
        return math.exp(self.mu + 0.5 * self.sigma**2) * inside / self.mass

    def quantile(self, uniforms: Tensor) -> Tensor:
        return torch.exp(self.mu + self.sigma * torch.special.ndtri(normal_cdf(self.low) + uniforms * self.mass))

    def scaled(self, factor: float) -> LogNormal:
        return LogNormal(self.mu + math.log(factor), self.sigma, self.low, self.high)

    def power(self, exponent: float) -> LogNormal:
        """The law of X ** exponent, exponent > 0."""
        return LogNormal(self.mu * exponent, self.sigma * exponent, self.low, self.high)


@dataclass(frozen=True)
class Pareto:
    """Pareto law with tail index `alpha` on [low, high], conditioned on staying below `high`."""

    alpha: float
    low: float
    high: float

    @property
    def mean(self) -> float:
        mass = 1.0 - (self.low / self.high) ** self.alpha
        if abs(self.alpha - 1.0) < 1e-12:
            return self.low * math.log(self.high / self.low) / mass
        body = self.low - self.high * (self.low / self.high) ** self.alpha
        return self.alpha / (self.alpha - 1.0) * body / mass

    def quantile(self, uniforms: Tensor) -> Tensor:
        mass = 1.0 - (self.low / self.high) ** self.alpha
        return self.low * (1.0 - uniforms * mass) ** (-1.0 / self.alpha)

    def scaled(self, factor: float) -> Pareto:
        return Pareto(self.alpha, self.low * factor, self.high * factor)

    def power(self, exponent: float) -> Pareto:
        return Pareto(self.alpha / exponent, self.low**exponent, self.high**exponent)


@dataclass(frozen=True)
class MixedLaw:
    """Parts with weights that sum to 1. One uniform serves both: its interval names the part, its place the value."""

    weights: tuple[float, ...]
    parts: tuple[Law, ...]

    @property
    def mean(self) -> float:
        return sum(weight * part.mean for weight, part in zip(self.weights, self.parts))

    def quantile(self, uniforms: Tensor) -> Tensor:
        value = torch.empty(uniforms.shape, dtype=uniforms.dtype, device=uniforms.device)
        edge = 0.0
        for k, (weight, part) in enumerate(zip(self.weights, self.parts)):
            last = k == len(self.parts) - 1
            place = ((uniforms >= edge) & (last | (uniforms < edge + weight))).flatten().nonzero().squeeze(-1)
            inner = (uniforms.flatten().index_select(0, place) - edge) / (1.0 - edge if last else weight)
            value.view(-1).scatter_(0, place, part.quantile(inner.clamp_(1e-16, 1.0 - 1e-16)))
            edge += weight
        return value

    def scaled(self, factor: float) -> MixedLaw:
        return MixedLaw(self.weights, tuple(part.scaled(factor) for part in self.parts))

    def power(self, exponent: float) -> MixedLaw:
        return MixedLaw(self.weights, tuple(part.power(exponent) for part in self.parts))


# Positive laws: `quantile` maps uniforms in (0, 1), one per draw; `mean` is exact; `scaled`, `power`: of the value.
Law = LogNormal | Pareto | MixedLaw
