"""Episodes to learn from again: the latest that fit, in the order in which they were played."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from dgpg_verify.core import Rollout
from dgpg_verify.core.trees import map_tensors, select
from dgpg_verify.critics import critic_inputs

MOST_BYTES = 128 * 2**20  # of kept episodes, which a checkpoint holds too


@dataclass(frozen=True)
class Steps:
    """Joint steps, leading axes [B, T] of episodes or [R] of steps drawn from them. features float32 [..., N, K, F];
    mask bool [..., N, K], nothing allowed to an idle agent; actions int64 [..., N], -1 = none; reward float64 [...];
    own float32 [..., N, .] and state [..., .]: what the agent and what all can know, see `critic_inputs`."""

    features: Tensor
    mask: Tensor
    actions: Tensor
    reward: Tensor
    own: Tensor
    state: Tensor

    @classmethod
    def of(cls, rollout: Rollout) -> Self:
        own, state = critic_inputs("local", rollout), critic_inputs("central", rollout)
        mask = rollout.seen.mask & rollout.active[..., None]
        return cls(rollout.seen.features.float(), mask, rollout.actions, rollout.reward.double(), own, state)

    def __len__(self) -> int:
        return len(self.reward)

    def tensors(self) -> dict[str, Tensor]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def drawn(self, count: int, rng: torch.Generator) -> tuple[Steps, Steps, Tensor]:
        """Different steps [R] of the episodes, at most so many; those that followed; and which of them were the last,
        [R], after which nothing followed: there the second is the step itself."""
        size, horizon = self.reward.shape
        place = torch.randperm(size * horizon, generator=rng)[:count]
        last = place % horizon == horizon - 1
        flat = map_tensors(lambda values: values.flatten(0, 1), self)
        return select(flat, place), select(flat, torch.where(last, place, place + 1)), last

    def followed_by(self, new: Steps, most: int) -> Steps:
        """Old and new ones, at most so many and no more than fit into MOST_BYTES: the oldest go first."""
        size = sum(part.element_size() * part[0].numel() for part in new.tensors().values())
        kept = max(1, min(most, MOST_BYTES // size))
        pairs = {name: (part, getattr(new, name)) for name, part in self.tensors().items()}
        return Steps(**{name: torch.cat(pair)[-kept:] for name, pair in pairs.items()})

    def scaled_reward(self, batch: Steps) -> Tensor:
        """The rewards of some of these steps, minus the mean of all and divided by their sd. Episodes have one
        length, so that the mean taken off is the same for whatever is played; one that ends before T therefore goes
        on to T here, with steps of reward 0 and a value of their own."""
        return (batch.reward - self.reward.mean()) / (self.reward.std(correction=0) + 1e-5)
