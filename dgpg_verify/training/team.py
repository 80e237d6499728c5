"""Learners of several small fleets in step: they play, are evaluated and are updated as one batch of agents.

At ten agents a step of anything costs what calling it costs: six fleets play together in twice the time of one.
Credit, critic and schedule stay each learner's own, so that nothing is shared but time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from dgpg_verify.core import InputError, Noise, NonFiniteError, Policy, Rollout
from dgpg_verify.policies import PolicyStack
from dgpg_verify.rollouts import check_rollout, collect, split_rollout
from dgpg_verify.systems import CloudScheduling, CloudStack
from dgpg_verify.training.learner import Learner, make_learner
from dgpg_verify.training.methods import Method
from dgpg_verify.training.networks import Actor, CriticLearner, Sharing, actor_of, adam, fit_values
from dgpg_verify.training.schedules import make_schedule
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.updates.batch import Decisions, joined
from dgpg_verify.training.updates.rules import UpdateFacts


@dataclass
class Team:
    """S learners on one stack. actor: the networks of all, [S N, P] or, shared within a fleet, [S, P], which the
    learners' own policies are views of; None where agents learn one after the other. critic: likewise; None where
    the credit needs none."""

    learners: Sequence[Learner]
    stack: CloudStack
    actor: Actor | None
    critic: CriticLearner | None

    @property
    def policies(self) -> list[Any]:
        """Of every fleet."""
        return [learner.policy for learner in self.learners]

    @property
    def policy(self) -> PolicyStack:
        """Of all fleets at once."""
        return PolicyStack.of(self.policies, None if self.actor is None else self.actor.leaf.detach())

    def iterate(self, index: int, progress: float, imitating: bool = False) -> list[dict[str, Any]]:
        """One iteration of every learner, see `Learner.iterate`; the numbers of their log lines."""
        try:
            parts = self._play([learner.noise(index) for learner in self.learners])
            told = self._each(lambda one, k: one.prepare(parts[k], progress, imitating))
            facts = self._update([decisions for decisions, _ in told], index, imitating)
            sought = self._each(lambda one, k: one.value_targets(parts[k]))
            losses = self._learn_values(parts, [targets for targets, _ in sought])
            return self._each(lambda one, k: one.line(parts[k], told[k][1], facts[k], losses[k], sought[k][1]))
        except NonFiniteError as error:
            raise NonFiniteError(f"iteration {index}: {error}") from None

    def _play(self, noise: Sequence[Noise]) -> list[Rollout]:
        """Every fleet's roll-outs, played side by side."""
        policies, keep = self.policies, self.learners[0].keeps_states
        whole = collect(self.stack, cast(Policy, self.policy), Noise.joined(noise), keep, check=False)
        parts = split_rollout(whole, self.stack.systems, policies)
        self._each(lambda _, k: check_rollout(parts[k]))
        return parts

    def _each(self, work: Callable[[Learner, int], Any]) -> list[Any]:
        """work(learner, its number) of all; a number that is not finite is said to be that fleet's."""
        found = []
        for k, learner in enumerate(self.learners):
            try:
                found.append(work(learner, k))
            except NonFiniteError as error:
                raise NonFiniteError(f"fleet {k}: {error}") from None
        return found

    def _update(self, decisions: Sequence[Decisions], index: int, imitating: bool) -> list[UpdateFacts]:
        first = self.learners[0]
        rule, settings = first.rule(imitating), first.settings
        if self.actor is None:
            return self._each(lambda one, k: rule(one.actor, decisions[k], settings, one.update_seed(index)).over())
        whole = joined(decisions, self.policy.shared)
        try:
            facts = rule(self.actor, whole, settings, first.update_seed(index))
        except NonFiniteError:
            self._each(lambda one, k: rule(actor_of(one.policy, settings), decisions[k], settings, 0))  # whose was it?
            raise
        size = whole.live.shape[1] // len(self.learners)
        fleets = [slice(k * size, (k + 1) * size) for k in range(len(self.learners))]
        return [facts.over(fleet, fleet) for fleet in fleets]

    def _learn_values(self, parts: Sequence[Rollout], targets: Sequence[Tensor]) -> list[float] | list[None]:
        """Fit all critics; the loss of each."""
        critics = [learner.critic for learner in self.learners if learner.critic is not None]
        if self.critic is None:
            return [None] * len(self.learners)
        return fit_values(critics, self.critic, parts, targets, self.learners[0].settings)


def make_team(
    systems: Sequence[CloudScheduling], method: Method, settings: Settings, alpha: str, sharing: Sharing,
    seeds: Sequence[int],
) -> Team:  # fmt: skip
    """Fresh learners, one a fleet, each as `make_learner` makes it. Raises InputError for fleets of several kinds, and
    for minibatches: drawn from all fleets' decisions they would tie the fleets together (not with HAPPO, which updates
    agents one by one)."""
    if settings.minibatches > 1 and method.update != "sequential":
        raise InputError(f"minibatches = {settings.minibatches} is not allowed for fleets in one batch: it must be 1")
    for system in systems:
        if not isinstance(system, CloudScheduling):
            raise InputError(f"system = {type(system).__name__} is not allowed here: only cloud fleets can be stacked")
    stack = CloudStack(systems, settings.rollouts)
    schedule = make_schedule(alpha, stack.n_agents)
    learners: list[Learner] = []
    for system, seed in zip(systems, seeds, strict=True):
        width = learners[0].critic.network.width if learners and learners[0].critic else None
        learners.append(make_learner(system, method, settings, schedule, sharing, seed, width))
    actor = None if method.update == "sequential" else _join_actors(learners, settings)
    return Team(learners, stack, actor, _join_critics(learners, settings) if method.critic else None)


def _join_actors(learners: Sequence[Learner], settings: Settings) -> Actor:
    """One leaf and one Adam for all networks; Adam steps every number by itself, so it is the learners' own Adam."""
    stacked = PolicyStack.of([learner.policy for learner in learners])
    leaf = stacked.policy.parameters.requires_grad_(True)
    actor = Actor(replace(stacked.policy, parameters=leaf), adam(leaf, settings.actor_lr, settings))
    for learner, rows in zip(learners, leaf.detach().chunk(len(learners)), strict=True):
        own = rows.view_as(learner.policy.parameters)  # same storage: an in-place step shows
        learner.actor = Actor(replace(learner.policy, parameters=own), actor.optimiser)
    return actor


def _join_critics(learners: Sequence[Learner], settings: Settings) -> CriticLearner:
    """The same for their critics; normalisers stay each learner's own."""
    critics = [learner.critic for learner in learners if learner.critic is not None]
    leaf = torch.cat([critic.network.parameters.detach() for critic in critics]).requires_grad_(True)
    whole = CriticLearner(replace(critics[0].network, parameters=leaf), adam(leaf, settings.critic_lr, settings))
    for critic, own in zip(critics, leaf.detach().chunk(len(critics)), strict=True):
        critic.network, critic.optimiser = replace(critic.network, parameters=own), whole.optimiser
    return whole
