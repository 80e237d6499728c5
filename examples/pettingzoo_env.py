"""An environment of another package, measured: `simple_spread` of MPE, where N agents are to cover N landmarks.

With `pip install 'dgpg-verify[pettingzoo]' mpe2`, from a shell in the folder of the repository:

    dgpg-verify scaling examples/pettingzoo_env.py:spread --n 4,8,16,32 --fleets 4 --rollouts 64 \\
        --credits return,gae:central,guidance --option max_cycles=10

From Python: `python examples/pettingzoo_env.py`. Return and GAE need the environment alone. Guidance needs a model too:
x is where every agent would coast to a stop, x~ the landmark of its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dgpg_verify.bridges import from_parallel_env
from dgpg_verify.core import System

DIRECTIONS = np.array([[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]])  # of the five actions; 0 = none
STEP, DAMPING, FORCE = (
    0.1,
    0.25,
    5.0,
)  # of MPE: dt; the share of its speed that an agent loses in a step; what pushes it


def spread(n_agents: int, seed: int = 0, max_cycles: int = 25) -> System:
    """The seed of the fleet is not used: all that is random comes from the seeds of the episodes."""
    from mpe2 import simple_spread_v3

    def state(env: Any) -> np.ndarray:
        agents = [agent.state for agent in env.unwrapped.world.agents]
        return np.concatenate([agent.p_pos + agent.p_vel * STEP / DAMPING for agent in agents])

    def reference(env: Any) -> np.ndarray:
        return np.concatenate([landmark.state.p_pos for landmark in env.unwrapped.world.landmarks])

    def influence(env: Any, actions: Mapping[str, int]) -> np.ndarray:
        z = np.zeros((n_agents, n_agents, 2))
        for i, action in enumerate(actions.values()):
            z[i, i] = DIRECTIONS[action] * FORCE * STEP * STEP / DAMPING
        return z.reshape(n_agents, -1)

    def make_env() -> Any:
        return simple_spread_v3.parallel_env(N=n_agents, max_cycles=max_cycles)

    return from_parallel_env(make_env, reference, influence, state=state, idle=0)


if __name__ == "__main__":
    from dgpg_verify.measurement import measure_gradients

    for n in (2, 4, 8):
        moments = measure_gradients(spread(n), "uniform", ["return", "guidance"], rollouts=64, progress=False)
        print(n, {name: round(float(credit.variance.mean()), 4) for name, credit in moments.items()})
