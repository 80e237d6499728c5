"""All randomness of a chunk of roll-outs, drawn before it runs, in two blocks: environment and agents.

A system and a policy are functions of these uniforms. Freezing an agent, or resampling the others, is mixing
two noises with a mask; no other code draws random numbers during a roll-out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from dgpg_verify.core.contract import Policy, System


@dataclass(frozen=True)
class Noise:
    """Uniforms in (0, 1). environment [B, T, E] float64; agents [B, T, N, U] float64."""

    environment: Tensor
    agents: Tensor

    def __len__(self) -> int:
        return self.environment.shape[0]

    @classmethod
    def joined(cls, parts: Sequence[Noise]) -> Noise:
        """Roll-outs of one size, one after the other."""
        return cls(torch.cat([part.environment for part in parts]), torch.cat([part.agents for part in parts]))

    def part(self, low: int, high: int) -> Noise:
        """Roll-outs low to high - 1, or to the end where there are fewer; views."""
        return Noise(self.environment[low:high], self.agents[low:high])

    def freeze(self, other: Noise, frozen: Tensor) -> Noise:
        """Keep the environment and the agents marked in `frozen` (bool [N]); everyone else draws from `other`."""
        kept = frozen.to(torch.bool)[None, None, :, None]
        return Noise(self.environment, torch.where(kept, self.agents, other.agents))


def generator(seed: int, *key: int) -> torch.Generator:
    """A torch generator for one named stream: SeedSequence(seed, spawn_key=key)."""
    state = np.random.SeedSequence(seed, spawn_key=tuple(key)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state & np.uint64(2**63 - 1)))


def open_uniforms(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """float64 uniforms strictly inside (0, 1), so that inverse CDFs stay finite."""
    return torch.rand(shape, generator=rng, dtype=torch.float64).clamp_(2.0**-53, 1.0 - 2.0**-53)


def draw_noise(seed: int, chunk: int, system: System, policy: Policy, size: int = 64) -> Noise:
    """Draw the uniforms of chunk number `chunk`: `size` roll-outs of `system` under `policy`.

    The two blocks come from separate streams, so a policy that needs more numbers leaves the environment alone.
    Cost: size * T * (E + N * U) numbers.
    """
    shape_e = (size, system.horizon, system.noise_size)
    shape_a = (size, system.horizon, system.n_agents, policy.noise_size)
    return Noise(
        environment=open_uniforms(shape_e, generator(seed, chunk, 0)),
        agents=open_uniforms(shape_a, generator(seed, chunk, 1)),
    )
