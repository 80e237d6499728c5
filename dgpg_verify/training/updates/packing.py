"""One iteration's decisions, packed: only steps at which an agent had something to decide are learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from dgpg_verify.core import Observation, Rollout
from dgpg_verify.core.trees import map_tensors, select
from dgpg_verify.training.updates.weights import OwnActions, Weights

SEEN = ("features", "mask", "active")
OWN = ("weight", "chances")
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
    weight : float32 [L, N], the credit of the action taken.
    step : int64 [L, N], index into roll-out x time, by which decisions of different agents are matched.
    own : float32 [L, N, K], the credit of all own actions; None where it weighs none but the one taken.
    shown : int64 [L, N], what a teacher would have done; None without one.
    """

    seen: Observation
    live: Tensor
    actions: Tensor
    old_log_prob: Tensor
    weight: Tensor
    step: Tensor
    own: OwnActions | None = None
    shown: Tensor | None = None

    def rows(self, index: Tensor) -> PackedDecisions:
        """Only the rows `index` of the L axis."""
        return select(self, index)

    def agents(self, index: Tensor | slice, length: int | None = None) -> PackedDecisions:
        """Only the agents `index`, and the first `length` rows."""
        return map_tensors(lambda values: values[:length, index], self)

    def scaled(self, factor: Tensor) -> PackedDecisions:
        """The credit times a factor [L, N]."""
        own = None if self.own is None else replace(self.own, weight=self.own.weight * factor[..., None])
        return replace(self, weight=self.weight * factor, own=own)

    def lengths(self) -> Tensor:
        """Rows up to each agent's last decision, int64 [N]: what comes after is padding."""
        place = torch.arange(1, len(self.live) + 1, device=self.live.device)
        return (self.live * place[:, None]).amax(0)


def pack(rollout: Rollout, weights: Tensor | Weights, shown: Tensor | None = None) -> PackedDecisions:
    """Drop the steps without a decision: [B,T,N] -> [L,N]. weights: any float type, a tensor is that of the action
    taken; shown: int64. Cost O(B T N K F)."""
    weights = weights if isinstance(weights, Weights) else Weights(weights)
    live = rollout.active.flatten(0, 1)  # [B T, N]
    order = torch.argsort((~live).to(torch.uint8), dim=0, stable=True)
    step = order[: max(1, int(live.sum(0).max()))]
    agent = torch.arange(live.shape[1], device=live.device)

    def take(values: Tensor) -> Tensor:
        return values.flatten(0, 1)[step, agent]

    kept = take(rollout.active)
    seen = Observation(take(rollout.seen.features), take(rollout.seen.mask), kept)
    log_prob = take(rollout.log_prob).float()
    own = map_tensors(lambda values: take(values).float(), weights.own)
    taught = None if shown is None else take(shown)
    return PackedDecisions(seen, kept, take(rollout.actions), log_prob, take(weights.taken).float(), step, own, taught)


def joined(fleets: Sequence[PackedDecisions], shared: bool) -> PackedDecisions:
    """Decisions of S fleets as those of all their agents, [L, S N]; with parameters shared within a fleet, as those of
    one agent per fleet, [L', S], who made them all. Padded to the longest by zeros and False."""
    parts = [_of_one_agent(fleet) for fleet in fleets] if shared else fleets
    if len(parts) == 1:
        return parts[0]

    def join(values: Iterable[Tensor]) -> Tensor:
        return pad_sequence(list(values)).flatten(1, 2)

    def joined_parts(first: Any, fields: Sequence[str], parts: Sequence[Any]) -> Any:
        return None if first is None else type(first)(*(join(getattr(part, name) for part in parts) for name in fields))

    seen = joined_parts(parts[0].seen, SEEN, [part.seen for part in parts])
    own = joined_parts(parts[0].own, OWN, [part.own for part in parts])
    taught = [part.shown for part in parts if part.shown is not None]
    columns: dict[str, Any] = {name: join(getattr(part, name) for part in parts) for name in COLUMNS}
    return PackedDecisions(seen, **columns, own=own, shown=join(taught) if taught else None)


def _of_one_agent(fleet: PackedDecisions) -> PackedDecisions:
    """All live decisions in one column; the first place where there is none."""
    live = fleet.live.flatten().nonzero().squeeze(1)
    live = live if len(live) else live.new_zeros(1)
    return map_tensors(lambda values: values.flatten(0, 1)[live].unsqueeze(1), fleet)
