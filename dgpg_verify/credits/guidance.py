"""The guidance credit of DG-PG: descent of the distance d = 1/2 |x - x~|^2 between state and reference.

`guidance` (chain_rule) is the paper's -(x - x~).z; `guidance:exact` is the difference reward of d,
-[(x - x~).z - 1/2 |z|^2], whose mean is -grad G in one-shot systems; `guidance:observed` replaces x by the state
seen before acting, as a controller would; `guidance:multi_step` adds up the tracking error over the steps for
which a fluid model says the job stays. All act on the immediate z but the last.

`guidance:demand` is -(x - x~).z with z in the units of the agent's demand (cores, GiB) instead of shares of capacity:
on every coordinate z times the capacity c, so that it descends 1/2 sum_m c_m (x_m - x~_m)^2, another objective wherever
capacities differ.

`guidance:derivative` is the formula with z = dx/da read literally for continuous actions: -(x - x~).dx/da_i, which as a
credit multiplies the score. Its mean does not depend on x~ (-|dx/da_i|^2 for x = Z a and a Gaussian policy), so it
does not descend G; the derivative belongs to the reparameterised gradient, which has no score.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dgpg_verify.core import (
    HasActionInfluence,
    HasResidenceSteps,
    HasStateUnits,
    Influence,
    InputError,
    Rollout,
    check_choice,
    offers,
)
from dgpg_verify.credits.base import FixedCredit, discounts

FORMS = ("chain_rule", "exact", "observed", "multi_step", "derivative", "demand")


@dataclass(frozen=True)
class GuidanceCredit(FixedCredit):
    """w_t,i = -gamma^t [(x_t - x~_t).z_t,i - c |z_t,i|^2], c = 1/2 for `exact`, else 0."""

    form: str = "chain_rule"

    def __post_init__(self) -> None:
        check_choice("guidance form", self.form, FORMS)

    @property
    def keeps_states(self) -> bool:  # type: ignore[override]
        return self.form == "multi_step"  # the fluid model gives how long each job stays

    @property
    def name(self) -> str:
        return "guidance" if self.form == "chain_rule" else f"guidance:{self.form}"

    def __call__(self, rollout: Rollout) -> Tensor:
        gamma = discounts(rollout)[:, None]
        if self.form == "multi_step":
            pull = _over_residence(rollout, gamma)
        else:
            x = rollout.x_observed if self.form == "observed" else rollout.x
            gap = (x - rollout.reference) * (_units(rollout) if self.form == "demand" else 1.0)
            z = _derivative(rollout) if self.form == "derivative" else rollout.influence
            pull = gamma * _inner(gap, z)
        if self.form == "exact":
            pull = pull - 0.5 * gamma * (rollout.influence.value.double() ** 2).sum(-1)
        return torch.where(rollout.active, -pull, 0.0)


def _inner(gap: Tensor, z: Influence) -> Tensor:
    """gap . z for every agent, through the influence's non-zeros: [B,T,D] -> [B,T,N]."""
    at = torch.gather(gap.double(), -1, z.index.flatten(-2)).view(z.index.shape)
    return (at * z.value.double()).sum(-1)


def _units(rollout: Rollout) -> Tensor:
    """Capacity of each coordinate of x, [D]."""
    if not offers(rollout.system, HasStateUnits):
        raise InputError("guidance:demand needs a system with state_units")
    return rollout.system.state_units


def _derivative(rollout: Rollout) -> Influence:
    """dx/da_i of every step, [B, T, N, S]: what a deviation of 1 adds, x being linear in the actions."""
    system, (size, horizon, n) = rollout.system, rollout.actions.shape
    if system.n_actions or not offers(system, HasActionInfluence):
        raise InputError("guidance:derivative needs continuous actions and a system with influence(delta)")
    z = system.influence(torch.ones(1, n, dtype=torch.float64, device=rollout.actions.device))
    return Influence(*(part.expand(size, horizon, n, -1) for part in (z.index, z.value)))


def _over_residence(rollout: Rollout, gamma: Tensor) -> Tensor:
    """sum_{s=t}^{t+rho-1} gamma^s (x_s - x~_s).z, rho = steps a job stays by the fluid model (at least this one)."""
    if not offers(rollout.system, HasResidenceSteps) or rollout.states is None:
        raise InputError("guidance:multi_step needs a system with residence_steps(state) and kept states")
    gap = gamma * (rollout.x - rollout.reference).double()
    summed = torch.cat([torch.zeros_like(gap[:, :1]), gap.cumsum(1)], dim=1)  # [B, T+1, D]
    horizon = gap.shape[1]
    pulls = []
    for t, state in enumerate(rollout.states):
        chosen = rollout.actions[:, t].clamp(min=0)[..., None]
        stay = rollout.system.residence_steps(state).gather(-1, chosen)[..., 0].round().long().clamp(min=1)
        end = (t + stay).clamp(max=horizon)
        index_t, z_t = rollout.influence.index[:, t], rollout.influence.value[:, t].double()
        rows = torch.arange(len(index_t), device=index_t.device)[:, None, None]
        gap_t = summed[rows, end[..., None], index_t] - summed[rows, t, index_t]
        pulls.append((gap_t * z_t).sum(-1))
    return torch.stack(pulls, dim=1)
