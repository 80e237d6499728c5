"""A system of one's own from two functions: what the actions make of the state, and what the team gains by it.

N electric cars choose when to charge, three hours in a row, behind transformers that eight cars share; x is the load of
each transformer in each hour. From a shell, in the folder of the repository:

    dgpg-verify scaling examples/own_model.py:charging --credits return,guidance,difference

From Python: `python examples/own_model.py`. Influence, exact difference rewards, what the cars see and simple rules to
compare with follow.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dgpg_verify.core import System
from dgpg_verify.systems import AnalyticalModel

CARS, HOURS, LONG = 8, 12, 3  # behind a transformer, in a night, of charging
STARTS = HOURS - LONG + 1  # K actions: the first hour


def charging(n_agents: int, seed: int = 0) -> System:
    drawn = torch.Generator().manual_seed(seed)
    transformer = torch.arange(n_agents) // CARS
    power = 0.5 + torch.rand(n_agents, generator=drawn, dtype=torch.float64)
    others = torch.rand((int(transformer[-1]) + 1) * HOURS, generator=drawn, dtype=torch.float64)  # their load, [D]

    def state(start: Tensor) -> Tensor:
        """First hours int64 [N], -1 = does not charge -> x [D]."""
        hour = start.clamp(min=0)[:, None] + torch.arange(LONG)
        load = torch.where(start < 0, 0.0, power)[:, None].expand(-1, LONG)
        return others.index_add(0, (transformer[:, None] * HOURS + hour).flatten(), load.flatten())

    def reference(idle: Tensor) -> Tensor:
        """The same load in every hour, so that valleys of the others' load are filled."""
        energy = idle.view(-1, HOURS).sum(1).index_add(0, transformer, LONG * power)
        return (energy / HOURS).repeat_interleave(HOURS)

    def reward(x: Tensor) -> Tensor:
        """Minus what is lost in the transformers."""
        return -(x**2).sum()

    return AnalyticalModel(state, reference).game(reward, n_agents, n_actions=STARTS)


if __name__ == "__main__":
    from dgpg_verify.measurement import measure_gradients

    for n in (16, 64, 256):
        moments = measure_gradients(charging(n), "uniform", ["return", "guidance"], rollouts=256, progress=False)
        print(n, {name: round(credit.variance.mean(), 4) for name, credit in moments.items()})
