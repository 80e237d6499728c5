"""Generalised advantage estimation (Schulman et al. 2016) with a critic fitted at the frozen policy.

`gae:central` uses V(s) (MAPPO), `gae:local` uses V(o_i) (IPPO). As in common practice the advantage is not
multiplied by gamma^t and lambda = 0.95, so with gamma < 1, lambda < 1 or an imperfect critic its mean is not
grad J; episodes end at T, so nothing is bootstrapped there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import Rollout, check_choice, check_real
from dgpg_verify.credits.base import fitted
from dgpg_verify.critics import fit_critic, gae

DEFAULT_LAMBDA = 0.95


@dataclass(frozen=True)
class GAECredit:
    """w_t,i = sum_l (gamma lambda)^l delta_{t+l}, delta_t = r_t + gamma V_{t+1} - V_t.

    critic: roll-out -> values [B, T] or [B, T, N]; discount: gamma, None = the system's (training uses its own).
    """

    kind: str = "central"
    lam: float = DEFAULT_LAMBDA
    critic: Callable[[Rollout], Tensor] | None = None
    discount: float | None = None
    keeps_states: bool = False

    def __post_init__(self) -> None:
        check_choice("gae critic", self.kind, ("central", "local"))
        check_real("gae lambda", self.lam, 0.0, 1.0)

    @property
    def name(self) -> str:
        return f"gae:{self.kind}"

    def fit(self, pilot: Sequence[Rollout]) -> GAECredit:
        return replace(self, critic=fit_critic(self.kind, pilot))  # type: ignore[arg-type]

    def __call__(self, rollout: Rollout) -> Tensor:
        values = fitted(self.name, self.critic)(rollout)
        if values.ndim == 2:
            values = values[..., None]
        discount = rollout.system.discount if self.discount is None else self.discount
        advantages = gae(rollout.reward.double()[..., None], values, discount, self.lam)
        return torch.where(rollout.active, advantages, 0.0)
