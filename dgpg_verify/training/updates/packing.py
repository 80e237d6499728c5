"""One iteration's decisions, packed: only steps at which an agent had something to decide are learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from dgpg_verify.core import Observation, Rollout
from dgpg_verify.core.trees import map_tensors, select

SEEN = ("features", "mask", "active")
COLUMNS = ("live", "actions", "old_log_prob", "weight", "step")


@dataclass(frozen=True)
class PackedDecisions:
    """Decisions of N agents, padded to the L of the busiest.

    Attributes
    ----------
    seen : features [L, N, K, F], mask [L, N, K].
    live : bool [L, N], False where a row is padding.
    actions : int64 [L, N].
    old_log_prob : float32 [L, N], under the policy that was played.
    weight : float32 [L, N], the credit.
    step : int64 [L, N], index into roll-out x time, by which decisions of different agents are matched.
    """

    seen: Observation
    live: Tensor
    actions: Tensor
    old_log_prob: Tensor
    weight: Tensor
    step: Tensor

    def rows(self, index: Tensor) -> PackedDecisions:
        """Only the rows `index` of the L axis."""
        return select(self, index)

    def agents(self, index: Tensor | slice, length: int | None = None) -> PackedDecisions:
        """Only the agents `index`, and the first `length` rows."""
        return map_tensors(lambda values: values[:length, index], self)

    def lengths(self) -> Tensor:
        """Rows up to each agent's last decision, int64 [N]: what comes after is padding."""
        place = torch.arange(1, len(self.live) + 1, device=self.live.device)
        return (self.live * place[:, None]).amax(0)


def pack(rollout: Rollout, weight: Tensor) -> PackedDecisions:
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
    return PackedDecisions(seen, kept, take(rollout.actions), log_prob, take(weight).float(), step)


def joined(fleets: Sequence[PackedDecisions], shared: bool) -> PackedDecisions:
    """Decisions of S fleets as those of all their agents, [L, S N]; with parameters shared within a fleet, as those of
    one agent per fleet, [L', S], who made them all. Padded to the longest by zeros and False."""
    parts = [_of_one_agent(fleet) for fleet in fleets] if shared else fleets
    if len(parts) == 1:
        return parts[0]

    def join(values: Iterable[Tensor]) -> Tensor:
        return pad_sequence(list(values)).flatten(1, 2)

    seen = (join(getattr(part.seen, name) for part in parts) for name in SEEN)
    return PackedDecisions(Observation(*seen), *(join(getattr(part, name) for part in parts) for name in COLUMNS))


def _of_one_agent(fleet: PackedDecisions) -> PackedDecisions:
    """All live decisions in one column; the first place where there is none."""
    live = fleet.live.flatten().nonzero().squeeze(1)
    live = live if len(live) else live.new_zeros(1)
    return map_tensors(lambda values: values.flatten(0, 1)[live].unsqueeze(1), fleet)
