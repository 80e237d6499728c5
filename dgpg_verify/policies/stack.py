"""One policy for the agents of several fleets that are played side by side: every fleet has its own networks.

A stack of systems (see `systems.cloud.stack`) has S R roll-outs of N agents, a policy with own networks expects R
roll-outs of S N agents. With parameters shared within a fleet, its network decides for R N agents at once: it is then
one agent that sees R N decisions. Either way S fleets cost one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import HasPrior, InputError, Observation, offers
from dgpg_verify.policies.softmax import HeuristicPrior


@dataclass(frozen=True)
class PolicyStack:
    """policy: networks of all fleets, [S N, P] or, where a fleet shares its parameters, [S, P]; fleets: S."""

    policy: Any
    fleets: int
    shared: bool

    @property
    def noise_size(self) -> int:
        return int(self.policy.noise_size)

    @classmethod
    def of(cls, policies: Sequence[Any], parameters: Tensor | None = None) -> PolicyStack:
        """A stack of the fleets' policies, which may differ only in their parameters and the system of their prior.
        parameters: instead of a copy of theirs.

        Raises InputError for policies of different kinds or sizes.
        """
        kinds = {_kind(policy) for policy in policies}
        if len(kinds) != 1:
            raise InputError(f"policies of a stack are of {len(kinds)} kinds or sizes: they must be of one")
        first = policies[0]
        if parameters is None:
            rows = (policy.parameters.detach() for policy in policies)
            parameters = torch.cat([values.view(-1, values.shape[-1]) for values in rows])
        whole = replace(first, parameters=parameters, sharing="independent")
        return cls(whole, len(policies), first.sharing == "shared")

    def act(self, seen: Observation, noise: Tensor) -> Tensor:
        """Actions int64 [S R, N] of the S fleets' policies, from the observation of S R roll-outs and uniforms
        [S R, N, U]."""
        return self._unfold(self.policy.act(self._seen(seen), self._fold(noise)), seen)

    def decide(self, seen: Observation, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Actions and their log-probabilities, both [S R, N]."""
        actions, log_prob = self.policy.decide(self._seen(seen), self._fold(noise))
        return self._unfold(actions, seen), self._unfold(log_prob, seen)

    def _seen(self, seen: Observation) -> Observation:
        return Observation(self._fold(seen.features), self._fold(seen.mask), self._fold(seen.active))

    def _fold(self, values: Tensor) -> Tensor:
        """[S R, N, ...] -> [R, S N, ...], or [R N, S, ...] where a fleet's agents are one."""
        by_fleet = values.view(self.fleets, -1, *values.shape[1:])
        if self.shared:
            return by_fleet.flatten(1, 2).transpose(0, 1)
        return by_fleet.transpose(0, 1).flatten(1, 2)

    def _unfold(self, values: Tensor, seen: Observation) -> Tensor:
        """The way back, to the shape of `seen.active`."""
        shape = seen.active.shape
        if self.shared:
            return values.transpose(0, 1).reshape(shape)
        return values.view(-1, self.fleets, shape[1]).transpose(0, 1).reshape(shape)


def _kind(policy: Any) -> tuple[Any, ...]:
    """All that must be the same in a stack."""
    shape = tuple(policy.parameters.shape)
    options = [getattr(policy, field.name) for field in fields(policy) if field.name not in ("parameters", "prior")]
    prior = policy.prior if offers(policy, HasPrior) else None
    rule = (prior.name, prior.temperature) if isinstance(prior, HeuristicPrior) else ()
    return (type(policy), shape, *options, type(prior), *rule)
