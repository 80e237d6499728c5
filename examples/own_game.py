"""A resource game in one file: transmitters choose radio channels, and hear each other where they choose the same.

Channel assignment as a potential game (Nie & Comaniciu 2006), in rows of cells with eight transmitters each. x is the
power that a cell hears on a channel, its own transmitters in full and those next door at a quarter; J is minus the sum
of x^2 / 2. From a shell, in the folder of the repository:

    dgpg-verify scaling examples/own_game.py:Channels --credits return,guidance,difference

From Python: `python examples/own_game.py`. Reward, influence, exact difference rewards, what the transmitters see,
simple rules and exact moments of the guidance follow from `additions` and `coordinate_costs`.
"""

from __future__ import annotations

from functools import cached_property
from itertools import product
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import Influence
from dgpg_verify.systems.resource_game import ResourceGame

CHANNELS, CELL = 3, 8  # K; transmitters of a cell
NEXT_DOOR = 0.25  # of a transmitter's power


class Channels(ResourceGame):
    """x [D], D = cells times channels."""

    kind = "channels"
    joint_rules = ("in_turn", "iterated_best_response")

    def __init__(self, n_agents: int, seed: int = 0) -> None:
        drawn = torch.Generator().manual_seed(seed)
        self.recipe = {"n_agents": n_agents, "seed": seed}
        self.power = 0.5 + torch.rand(n_agents, generator=drawn, dtype=torch.float64)
        self.cell = torch.arange(n_agents) // CELL

    @cached_property
    def additions(self) -> Influence:
        """The own cell and its two neighbours, [N, K, 3]; beyond the end of the row nobody listens."""
        last = int(self.cell[-1])
        heard = self.cell[:, None] + torch.tensor([-1, 0, 1])
        gain = torch.tensor([NEXT_DOOR, 1.0, NEXT_DOOR], dtype=torch.float64).where((heard >= 0) & (heard <= last), 0.0)
        index = heard.clamp(0, last)[:, None] * CHANNELS + torch.arange(CHANNELS)[:, None]
        return Influence(index, (self.power[:, None] * gain)[:, None].expand(index.shape))

    def coordinate_costs(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        return 0.5 * x**2

    @cached_property
    def reference_state(self) -> Tensor:  # type: ignore[override]
        """What a cell hears, the same on every channel: of all ways to divide it this costs least, so that J of no
        joint action is greater."""
        z = self.additions
        heard = torch.zeros((int(self.cell[-1]) + 1) * CHANNELS, dtype=torch.float64)
        return heard.index_add(0, z.index.flatten(), z.value.flatten() / CHANNELS)

    def planned(self, name: str) -> Tensor:
        """in_turn: the first takes the first channel, the next the second, and so on."""
        return torch.arange(self.n_agents) % CHANNELS if name == "in_turn" else super().planned(name)


def check(game: Channels) -> dict[str, Any]:
    """Largest errors of what follows, against all joint actions played; all should be rounding, `bound` at least 0."""
    from dgpg_verify.oracles.games.guidance import guidance_moments

    n, k = game.n_agents, game.n_actions
    actions = torch.tensor(list(product(range(k), repeat=n)))
    state = game.start(torch.zeros(len(actions), 1, 0))
    played = game.step(state, actions)
    without = torch.stack([
        game.step(state, actions.where(torch.arange(n) != i, -1)).reward for i in range(n)
    ], dim=1)  # fmt: skip
    pull = -(played.influence.value * (played.x - played.reference).gather(1, played.influence.index.flatten(1)).view(
        played.influence.value.shape)).sum(-1)  # fmt: skip
    gradient = torch.stack([
        torch.stack([(pull[:, i] * ((actions[:, i] == a).double() - 1.0 / k)).mean() for a in range(k)])
        for i in range(n)
    ])  # fmt: skip
    exact = torch.as_tensor(guidance_moments(game, torch.full((n, k), 1.0 / k, dtype=torch.float64)).mean)
    return {
        "bound": float(-game.cost_of(game.reference_state) - played.reward.max()),
        "difference reward": float((game.removal_rewards(state, actions) - without).abs().max()),
        "mean of the guidance": float((exact - gradient).abs().max()),
    }


if __name__ == "__main__":
    from dgpg_verify.measurement import measure_gradients

    print(check(Channels(6)))
    for n in (16, 64, 256):
        moments = measure_gradients(Channels(n), "uniform", ["return", "guidance"], rollouts=256, progress=False)
        print(n, {name: round(credit.variance.mean(), 4) for name, credit in moments.items()})
