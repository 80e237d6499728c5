"""A credit minus a baseline of what the agent sees: less noise, the same mean gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import Credit, HasUnbiased, Rollout, offers
from dgpg_verify.credits.base import fitted
from dgpg_verify.critics import Critic, fit_baseline


@dataclass(frozen=True)
class BaselineCredit:
    """w = A - b(o_i,t), b linear in the local features and the time left, fitted to A on the pilot's decisions.

    b does not depend on the action, so the mean gradient is that of A. In training the pilot is the iteration's own
    roll-out, as for every credit there: b then also fits some of its noise.
    """

    base: Credit
    value: Critic | None = None

    @property
    def name(self) -> str:
        return f"baseline@{self.base.name}"

    @property
    def keeps_states(self) -> bool:
        return self.base.keeps_states

    def fit(self, pilot: Sequence[Rollout]) -> BaselineCredit:
        base = self.base.fit(pilot)
        return replace(self, base=base, value=fit_baseline(pilot, [base(rollout) for rollout in pilot]))

    def __call__(self, rollout: Rollout) -> Tensor:
        value = fitted(self.name, self.value)
        return torch.where(rollout.active, self.base(rollout) - value(rollout), 0.0)

    def unbiased(self, rollout: Rollout) -> bool:
        return offers(self.base, HasUnbiased) and self.base.unbiased(rollout)
