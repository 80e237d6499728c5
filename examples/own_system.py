"""A routing game of one's own: commuters choose one of 3 routes through their district; traffic makes roads slow.

From a shell, in the folder of the repository:

    dgpg-verify scaling examples/own_system.py:Routing --credits return,guidance,difference

From Python: `python examples/own_system.py`. Every member is described in `dgpg_verify/core/contract.py`. Shapes: B
roll-outs, N agents, K = 3 actions, D coordinates of the state x (one a road), S = 3 roads on a route, F = 1 feature.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import Influence, Observation, Transition

ROUTES = torch.tensor([[0, 1, 2], [0, 3, 4], [3, 5, 2]])  # the roads of each route within a district, [K, S]
ROADS, COMMUTERS = 6, 8  # of a district
WIDTH = torch.tensor([2.0, 2.0, 2.0, 1.0, 1.0, 1.0], dtype=torch.float64)


class Routing:
    """x: traffic on each road, cars over width. The reward is minus the time lost on all roads together."""

    n_actions, horizon, discount, noise_size = 3, 1, 1.0, 0  # one decision; no randomness but the actions'

    def __init__(self, n_agents: int, seed: int = 0) -> None:
        drawn = torch.Generator().manual_seed(seed)
        self.n_agents, self.seed = n_agents, seed
        district = torch.arange(n_agents) // COMMUTERS
        self.state_size = ROADS * (int(district[-1]) + 1)  # D
        self.cars = 0.5 + torch.rand(n_agents, generator=drawn, dtype=torch.float64)  # of each commuter, [N]
        self.width = WIDTH.repeat(self.state_size // ROADS)  # [D]
        self.roads = ROUTES + ROADS * district[:, None, None]  # of each agent's routes, [N, K, S]
        self.shares = self.cars[:, None, None] / self.width[self.roads]  # what a route adds to x, [N, K, S]
        spread = torch.zeros(self.state_size, dtype=torch.float64)
        self.even = spread.scatter_add(0, self.roads.flatten(), self.shares.flatten() / 3.0)  # [D]

    def start(self, noise: Tensor) -> Tensor:
        """Uniforms [B, T, E] -> the first state: empty roads [B, D]."""
        return torch.zeros(len(noise), self.state_size, dtype=torch.float64)

    def observe(self, state: Tensor) -> Observation:
        """What each commuter sees of each route: what driving there would add to its roads."""
        features = self.shares.sum(-1, keepdim=True).expand(len(state), -1, -1, -1)  # [B, N, K, F]
        yes = torch.ones(features.shape[:3], dtype=torch.bool)
        return Observation(features, mask=yes, active=yes[..., 0])

    def step(self, state: Tensor, actions: Tensor) -> Transition:
        """Everybody drives: actions int64 [B, N], -1 = stays at home. The reference spreads all cars evenly."""
        agents, route = torch.arange(self.n_agents), actions.clamp(min=0)
        added = torch.where(actions[..., None] < 0, 0.0, self.shares[agents, route])
        z = Influence(index=self.roads[agents, route], value=added)  # both [B, N, S]
        x = state.scatter_add(1, z.index.flatten(1), added.flatten(1))
        reward = -(self.width * x**2).sum(-1)  # [B], of the whole team
        reference, done = self.even.expand_as(x), torch.ones(len(x), dtype=torch.bool)
        return Transition(state, reward, x_observed=state, x=x, reference=reference, influence=z, done=done)

    def config(self) -> dict[str, Any]:
        return {"system": "routing", "n_agents": self.n_agents, "seed": self.seed}


if __name__ == "__main__":
    from dgpg_verify.measurement import measure_gradients

    for n in (16, 64, 256):
        moments = measure_gradients(Routing(n), "uniform", ["return", "guidance"], rollouts=256, progress=False)
        print(n, {name: round(credit.variance.mean(), 4) for name, credit in moments.items()})
