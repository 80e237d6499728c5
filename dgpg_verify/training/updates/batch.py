"""One iteration's decisions, packed: only steps at which an agent had something to decide are learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import Observation, Rollout

COLUMNS = ("live", "actions", "old_log_prob", "weight", "step")  # of Decisions, [L, N] each


@dataclass(frozen=True)
class Decisions:
    """Decisions of N agents, padded to the busiest agent's L: seen (features [L,N,K,F], mask [L,N,K]), live [L,N],
    actions [L,N], old_log_prob [L,N] float32, weight [L,N] float32 (the credit), step [L,N] int64 (index into
    roll-out x time, by which decisions of different agents are matched)."""

    seen: Observation
    live: Tensor
    actions: Tensor
    old_log_prob: Tensor
    weight: Tensor
    step: Tensor

    def rows(self, index: Tensor) -> Decisions:
        """Only the rows `index` of the L axis."""
        seen = Observation(self.seen.features[index], self.seen.mask[index], self.seen.active[index])
        return replace(self, seen=seen, **{name: getattr(self, name)[index] for name in COLUMNS})

    def agents(self, index: Tensor | slice, length: int | None = None) -> Decisions:
        """Only the agents `index`, and the first `length` rows."""
        at = (slice(length), index)
        seen = Observation(self.seen.features[at], self.seen.mask[at], self.seen.active[at])
        return replace(self, seen=seen, **{name: getattr(self, name)[at] for name in COLUMNS})

    def lengths(self) -> Tensor:
        """Rows up to each agent's last decision, int64 [N]: what comes after is padding."""
        place = torch.arange(1, len(self.live) + 1, device=self.live.device)
        return (self.live * place[:, None]).amax(0)


def pack(rollout: Rollout, weight: Tensor) -> Decisions:
    """Drop the steps without a decision: [B,T,N] -> [L,N]. weight: [B,T,N], any float type. Cost O(B T N K F)."""
    live = rollout.active.flatten(0, 1)  # [B T, N]
    order = torch.argsort((~live).to(torch.uint8), dim=0, stable=True)
    step = order[: max(1, int(live.sum(0).max()))]
    agent = torch.arange(live.shape[1], device=live.device)

    def take(values: Tensor) -> Tensor:
        return values.flatten(0, 1)[step, agent]

    kept = take(rollout.active)
    seen = Observation(take(rollout.seen.features), take(rollout.seen.mask), kept)
    log_prob = take(rollout.log_prob).float()
    return Decisions(seen, kept, take(rollout.actions), log_prob, take(weight).float(), step)


def joined(teams: Sequence[Decisions], shared: bool) -> Decisions:
    """Decisions of several teams as those of all their agents, [L, S N]; with parameters shared within a team, as
    those of one agent a team, [L', S], who made them all. Padded to the longest."""
    parts = [_of_one_agent(team) for team in teams] if shared else teams
    if len(parts) == 1:
        return parts[0]
    length = max(len(part.live) for part in parts)

    def join(values: Sequence[Tensor]) -> Tensor:
        return torch.cat([_padded(value, length) for value in values], dim=1)

    seen = (join([getattr(part.seen, name) for part in parts]) for name in ("features", "mask", "active"))
    return Decisions(Observation(*seen), *(join([getattr(part, name) for part in parts]) for name in COLUMNS))


def _of_one_agent(team: Decisions) -> Decisions:
    """All live decisions in one column; the first place where there is none."""
    live = team.live.flatten().nonzero().squeeze(1)
    live = live if len(live) else live.new_zeros(1)

    def column(values: Tensor) -> Tensor:
        return values.flatten(0, 1)[live].unsqueeze(1)

    seen = Observation(column(team.seen.features), column(team.seen.mask), column(team.seen.active))
    return Decisions(seen, *(column(getattr(team, name)) for name in COLUMNS))


def _padded(values: Tensor, length: int) -> Tensor:
    """Zeros, False for flags, up to `length` rows."""
    missing = length - len(values)
    return torch.cat([values, values.new_zeros(missing, *values.shape[1:])]) if missing else values
