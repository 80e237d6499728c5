"""A credit of one's own: an agent is told how much of the load it adds lies where the state exceeds the reference.

From a shell, in the folder of the repository:

    dgpg-verify scaling load_balancing --credits return,guidance,difference,examples/own_credit.py:Excess

From Python: `python examples/own_credit.py`. Shapes: B roll-outs, T steps, N agents, D coordinates, S touched ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dgpg_verify.core import Rollout


@dataclass(frozen=True)
class Excess:
    """Minus the agent's own load, counted only on coordinates whose state lies above the reference."""

    name: str = "excess"
    keeps_states: bool = False  # True for a credit that plays parts of an episode again from rollout.states

    def fit(self, pilot: Sequence[Rollout]) -> Excess:
        """Called once on separate roll-outs, for baselines and critics; this credit learns nothing."""
        return self

    def __call__(self, rollout: Rollout) -> Tensor:
        """The number that multiplies the agent's score, float64 [B, T, N]; 0 where it is not active."""
        above = (rollout.x > rollout.reference).double()  # [B, T, D]
        index, value = rollout.influence.index, rollout.influence.value  # [B, T, N, S]
        there = torch.gather(above, 2, index.flatten(2)).reshape(index.shape)
        return torch.where(rollout.active, -(there * value).sum(-1), 0.0)


if __name__ == "__main__":
    from dgpg_verify.measurement import measure_gradients
    from dgpg_verify.systems import LoadBalancingGame

    for n in (16, 64, 256):
        system = LoadBalancingGame.random(n_agents=n, seed=0)
        moments = measure_gradients(system, "uniform", ["return", "difference", Excess()], progress=False)
        print(n, {name: round(credit.variance.mean(), 4) for name, credit in moments.items()})
        print("   alignment of excess with grad J:", moments["excess"].alignment)
