"""Play a policy for its reward alone: nothing is kept but the return, so that memory does not grow with T."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dgpg_verify.core import Noise, Observation, System, check_finite

Act = Callable[[Observation, Tensor], Tensor]


def play(system: System, act: Act, noise: Noise, chunk: int | None = None) -> Tensor:
    """Returns sum_t gamma^t r_t (sum scale) of every roll-out in `noise`, [B] float64.

    act: (observation, uniforms [B, N, U]) -> actions [B, N], such as `policy.act`. chunk: roll-outs at a time.
    Raises NonFiniteError naming the roll-out. Cost: as `collect`, without its memory.
    """
    size = len(noise) if chunk is None else chunk
    parts = []
    with torch.inference_mode():  # without the book-keeping of autograd; only returns leave
        for low in range(0, len(noise), size):
            parts.append(_play(system, act, noise.part(low, low + size)))
    returns = torch.cat(parts)  # outside of it: an ordinary tensor
    check_finite("return of roll-out ", returns)
    return returns


def _play(system: System, act: Act, noise: Noise) -> Tensor:
    state = system.start(noise.environment)
    returns = torch.zeros(len(noise), dtype=torch.float64, device=noise.environment.device)
    for t in range(system.horizon):
        transition = system.step(state, act(system.observe(state), noise.agents[:, t]))
        returns += system.discount**t * transition.reward.double()
        state = transition.next_state
    return returns
