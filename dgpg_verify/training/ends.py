"""Where episodes end before T: what comes after is padding, which no value is learned from or bootstrapped from."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from dgpg_verify.core import Rollout, offers


class HasEnds(Protocol):
    """A system whose agents leave for good: once nobody is active the episode is over, and nothing is paid any more."""

    @property
    def agents_leave(self) -> bool: ...


def going_on(rollout: Rollout) -> Tensor | None:
    """Steps before the end of their episode, bool [B, T]; None where all episodes have T steps, whoever is active."""
    system = rollout.system
    return rollout.active.any(-1) if offers(system, HasEnds) and system.agents_leave else None


def of_episodes(values: Tensor, going: Tensor | None) -> Tensor:
    """The values [B, T, ...] of these steps alone, [steps, ...]; as they are where all count."""
    return values if going is None else values[going]


def until_the_end(values: Tensor, going: Tensor | None) -> Tensor:
    """values [B, T, N or 1] with 0 after the end: nothing is still to come there."""
    return values if going is None else torch.where(going[..., None], values, 0.0)
