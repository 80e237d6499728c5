"""DG-PG's credit: (1 - alpha) base + alpha guidance, in one of four declared settings of relative scale.

sum    both parts on the sum scale (primary)          A            -dG
mean   both divided by N                              A / N        -dG / N
mixed  reward averaged over agents, guidance summed   A / N        -dG
parts  base divided by its pilot standard deviation   A / sd(A)    -dG
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import Credit, Rollout, check_choice, check_real
from dgpg_verify.credits.base import fitted
from dgpg_verify.credits.guidance import GuidanceCredit
from dgpg_verify.credits.returns import ReturnCredit, ScoreCredit

SETTINGS = ("sum", "mean", "mixed", "parts")


@dataclass(frozen=True)
class GuidedCredit:
    """w = (1 - alpha) s A + alpha g W with A the base credit, W the guidance credit and (s, g) the setting's scales."""

    alpha: float
    base: Credit = ReturnCredit()
    guidance: Credit = GuidanceCredit()
    setting: str = "sum"
    scales: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_real("alpha", self.alpha, 0.0, 1.0)
        check_choice("setting", self.setting, SETTINGS)

    @property
    def name(self) -> str:
        other = "" if self.guidance.name == "guidance" else f"+{self.guidance.name}"
        return f"guided:{self.alpha:g}@{self.base.name}{other}"

    @property
    def keeps_states(self) -> bool:
        return self.base.keeps_states or self.guidance.keeps_states

    def fit(self, pilot: Sequence[Rollout]) -> GuidedCredit:
        base, guidance = self.base.fit(pilot), self.guidance.fit(pilot)
        return replace(self, base=base, guidance=guidance, scales=setting_scales(self.setting, base, pilot))

    def __call__(self, rollout: Rollout) -> Tensor:
        scale_base, scale_guidance = fitted(self.name, self.scales)
        # alpha = 0 and 1 are exactly the base and the guidance: nothing times zero is added
        if self.alpha == 0.0:
            return scale_base * self.base(rollout)
        if self.alpha == 1.0:
            return scale_guidance * self.guidance(rollout)
        first = (1.0 - self.alpha) * scale_base * self.base(rollout)
        return first + self.alpha * scale_guidance * self.guidance(rollout)

    def combination(self) -> list[tuple[float, Credit]]:
        scale_base, scale_guidance = fitted(self.name, self.scales)
        return [((1.0 - self.alpha) * scale_base, self.base), (self.alpha * scale_guidance, self.guidance)]


def setting_scales(setting: str, base: Callable[[Rollout], Tensor], pilot: Sequence[Rollout]) -> tuple[float, float]:
    """Factors (s, g) applied to the base credit and to the guidance in a setting. `parts` needs the pilot."""
    n = pilot[0].system.n_agents
    if setting == "parts":
        return 1.0 / max(credit_sd(base, pilot), 1e-12), 1.0
    return {"sum": (1.0, 1.0), "mean": (1.0 / n, 1.0 / n), "mixed": (1.0 / n, 1.0)}[setting]


def credit_sd(credit: Callable[[Rollout], Tensor], pilot: Sequence[Rollout]) -> float:
    """Standard deviation of a credit over all live (roll-out, step, agent) of the pilot."""
    live = torch.cat([credit(rollout)[rollout.active] for rollout in pilot])
    return float(live.std(correction=0)) if len(live) else 0.0


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
        live = torch.cat([base(rollout)[rollout.active] for rollout in pilot])
        sd = max(credit_sd(base, pilot), 1e-12)
        return replace(self, base=base, moments=(float(live.mean()), sd))

    def __call__(self, rollout: Rollout) -> Tensor:
        mean, sd = fitted(self.name, self.moments)
        return torch.where(rollout.active, (self.base(rollout) - mean) / sd, 0.0)

    def combination(self) -> list[tuple[float, Credit]]:
        mean, sd = fitted(self.name, self.moments)
        return [(1.0 / sd, self.base), (-mean / sd, ScoreCredit())]
