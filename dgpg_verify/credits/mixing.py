"""DG-PG's credit: (1 - alpha) base + alpha guidance, in one of six declared settings of relative scale.

sum    both parts on the sum scale (primary)          A            -dG
mean   both divided by N                              A / N        -dG / N
mixed  reward averaged over agents, guidance summed   A / N        -dG
parts  base divided by its pilot standard deviation   A / sd(A)    -dG
both   guidance divided by its own one too            A / sd(A)    -dG / sd(dG)
joint  as mixed, and the mixture made (. - mean) / sd with its own pilot mean and standard deviation
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import Credit, Rollout, check_choice, check_real, moments
from dgpg_verify.core.moments import MEASURED_SETTINGS
from dgpg_verify.credits.base import fitted
from dgpg_verify.credits.guidance import GuidanceCredit
from dgpg_verify.credits.returns import ReturnCredit, ScoreCredit

Values = Callable[[Rollout], Tensor]  # a fitted credit, or its values on the one roll-out at hand


@dataclass(frozen=True)
class GuidedCredit:
    """w = (1 - alpha) s A + alpha g W + c with A the base credit, W the guidance credit and the setting's (s, g, c).

    The offset c is added on live entries; it is 0 in every setting but joint.
    """

    alpha: float
    base: Credit = ReturnCredit()
    guidance: Credit = GuidanceCredit()
    setting: str = "sum"
    scales: tuple[float, float] | None = None
    offset: float = 0.0

    def __post_init__(self) -> None:
        check_real("alpha", self.alpha, 0.0, 1.0)
        check_choice("setting", self.setting, MEASURED_SETTINGS)

    @property
    def name(self) -> str:
        other = "" if self.guidance.name == "guidance" else f"+{self.guidance.name}"
        return f"guided:{self.alpha:g}@{self.base.name}{other}"

    @property
    def keeps_states(self) -> bool:
        return self.base.keeps_states or self.guidance.keeps_states

    def fit(self, pilot: Sequence[Rollout]) -> GuidedCredit:
        base, guidance = self.base.fit(pilot), self.guidance.fit(pilot)
        joint = self.setting == "joint"
        scales = setting_scales("mixed" if joint else self.setting, base, guidance, pilot)
        mixture = replace(self, base=base, guidance=guidance, scales=scales, offset=0.0)
        if not joint:
            return mixture
        mean, sd = live_moments(mixture, pilot)
        return replace(mixture, scales=(scales[0] / sd, scales[1] / sd), offset=-mean / sd)

    def __call__(self, rollout: Rollout) -> Tensor:
        # alpha = 0 and 1 are exactly the base and the guidance: nothing times zero is added
        parts = [factor * credit(rollout) for factor, credit in self.combination() if factor != 0.0]
        return sum(parts[1:], start=parts[0])

    def combination(self) -> list[tuple[float, Credit]]:
        scale_base, scale_guidance = fitted(self.name, self.scales)
        parts = [((1.0 - self.alpha) * scale_base, self.base), (self.alpha * scale_guidance, self.guidance)]
        return [*parts, (self.offset, ScoreCredit())]


def setting_scales(setting: str, base: Values, guidance: Values, pilot: Sequence[Rollout]) -> tuple[float, float]:
    """Factors (s, g) applied to the base credit and to the guidance in a setting. `parts`, `both` need the pilot."""
    normalised = {"parts": (base,), "both": (base, guidance)}.get(setting, ())
    deviations = [max(credit_sd(values, pilot), 1e-12) for values in normalised]
    return moments.setting_scales(setting, pilot[0].system.n_agents, *deviations)


def live_values(credit: Values, pilot: Sequence[Rollout]) -> Tensor:
    """A credit at all live (roll-out, step, agent) of the pilot, in one row."""
    return torch.cat([credit(rollout)[rollout.active] for rollout in pilot])


def credit_sd(credit: Values, pilot: Sequence[Rollout]) -> float:
    """Standard deviation of a credit over all live (roll-out, step, agent) of the pilot."""
    live = live_values(credit, pilot)
    return float(live.std(correction=0)) if len(live) else 0.0


def live_moments(credit: Values, pilot: Sequence[Rollout]) -> tuple[float, float]:
    """Mean and standard deviation, at least 1e-12, of a credit over all live entries of the pilot."""
    live = live_values(credit, pilot)
    return float(live.mean()) if len(live) else 0.0, max(credit_sd(credit, pilot), 1e-12)


@dataclass(frozen=True)
class NormalisedCredit:
    """(A - mean) / sd over all live entries of the pilot: MAPPO's advantage normalisation, frozen."""

    base: Credit
    moments: tuple[float, float] | None = None

    @property
    def name(self) -> str:
        return f"normalised@{self.base.name}"

    @property
    def keeps_states(self) -> bool:
        return self.base.keeps_states

    def fit(self, pilot: Sequence[Rollout]) -> NormalisedCredit:
        base = self.base.fit(pilot)
        return replace(self, base=base, moments=live_moments(base, pilot))

    def __call__(self, rollout: Rollout) -> Tensor:
        mean, sd = fitted(self.name, self.moments)
        return torch.where(rollout.active, (self.base(rollout) - mean) / sd, 0.0)

    def combination(self) -> list[tuple[float, Credit]]:
        mean, sd = fitted(self.name, self.moments)
        return [(1.0 / sd, self.base), (-mean / sd, ScoreCredit())]
