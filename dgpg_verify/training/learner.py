"""One iteration of training: play, credit, update. All methods, and any number of fleets, run through these lines.

Fleets of one size learn as one batch of agents: they play, are evaluated and are updated together, while credit,
normaliser and schedule stay each fleet's own. With ten agents the cost of a step is that of its function calls: six
fleets together take twice the time of one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from dgpg_verify.core import InputError, Noise, NonFiniteError, Rollout, System, check_finite, draw_noise
from dgpg_verify.credits import episode_returns
from dgpg_verify.critics import ValueNetwork, critic_inputs
from dgpg_verify.policies import PolicyStack
from dgpg_verify.rollouts import check_rollout, collect, split_rollout
from dgpg_verify.systems import CloudScheduling, CloudStack
from dgpg_verify.training.evaluation import stream_seed
from dgpg_verify.training.fleets import START_STREAM, FleetLearner, Lesson
from dgpg_verify.training.methods import Recipe
from dgpg_verify.training.networks import (
    Actor,
    Critics,
    adam_state,
    checkpoint_errors,
    copy_into,
    fresh_network,
    fresh_policy,
    joint_actor,
    load_adam,
)
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.updates.losses import NonFiniteLoss
from dgpg_verify.training.updates.packing import joined
from dgpg_verify.training.updates.rules import AgentFacts, imitate, plain_gradient, ppo
from dgpg_verify.training.updates.sequential import SequentialActors, sequential, split_actor, trust_region

T = TypeVar("T")


@dataclass
class Learner:
    """Everything that changes during a run. `state` and `load` are its whole memory.

    Attributes
    ----------
    fleets : S of them, one for each system and seed.
    actors : one for the networks of all fleets or, where agents are updated one after the other, one per fleet. The
        fleets' own policies are views of their parameters.
    critics : None where the credit needs none.
    stack : the systems side by side; None for a single system of any kind, which is then played by itself.
    """

    recipe: Recipe
    fleets: Sequence[FleetLearner]
    actors: Sequence[Actor | SequentialActors]
    critics: Critics | None
    stack: CloudStack | None = None

    @property
    def policy(self) -> Any:
        """The policy that plays all fleets at once."""
        if self.stack is None:
            return self.fleets[0].policy
        leaf = self.actors[0].leaf.detach() if len(self.actors) == 1 else None
        return PolicyStack.of([fleet.policy for fleet in self.fleets], leaf)

    def iterate(self, index: int, progress: float, imitating: bool = False) -> list[dict[str, Any]]:
        """Play `rollouts` episodes on every fleet and learn from them.

        Parameters
        ----------
        index : number of the iteration, names its random numbers.
        progress : 0 at the first iteration of the run, 1 at the last.
        imitating : whether the actor imitates the heuristic.

        Returns
        -------
        The numbers of one log line of each fleet.

        Raises
        ------
        NonFiniteError
            Naming the iteration and, of several, the fleet.
        """
        try:
            rollouts = self._play(index)
            critics = self._networks()
            lessons = self._each(lambda fleet, k: fleet.lesson(rollouts[k], critics[k], progress, imitating))
            updates = self._update(lessons, index, progress, imitating)
            losses = self._fit(rollouts, lessons)
            self._each(lambda fleet, k: _check_parameters(fleet.policy, critics[k]))
            return [_line(*parts) for parts in zip(rollouts, lessons, updates, losses, strict=True)]
        except NonFiniteError as error:
            raise NonFiniteError(f"iteration {index}: {error}") from None

    def _networks(self) -> Sequence[ValueNetwork | None]:
        """Each fleet's critic."""
        return [None for _ in self.fleets] if self.critics is None else self.critics.networks

    def _play(self, index: int) -> list[Rollout]:
        """Every fleet's roll-outs, played side by side."""
        noises, keep = [fleet.noise(index) for fleet in self.fleets], self.recipe.method.keeps_states
        if self.stack is None:
            return [collect(self.fleets[0].system, self.policy, noises[0], keep)]
        whole = collect(self.stack, self.policy, Noise.joined(noises), keep, check=False)
        rollouts = split_rollout(whole, self.stack.systems, [fleet.policy for fleet in self.fleets])
        self._each(lambda _, k: check_rollout(rollouts[k]))
        return rollouts

    def _each(self, work: Callable[[FleetLearner, int], T]) -> list[T]:
        """work(fleet, its number) of all fleets; a number that is not finite is reported as that fleet's."""
        results = []
        for k, fleet in enumerate(self.fleets):
            try:
                results.append(work(fleet, k))
            except NonFiniteError as error:
                raise self._located(error, k) from None
        return results

    def _located(self, error: NonFiniteError, k: int) -> NonFiniteError:
        return NonFiniteError(f"fleet {k}: {error}") if len(self.fleets) > 1 else error

    def _update(
        self, lessons: Sequence[Lesson], index: int, progress: float, imitating: bool
    ) -> list[dict[str, float]]:
        """Change all actors; what that did, fleet by fleet."""
        settings = taught(self.recipe.settings, progress)
        rule, shared = self._rule(imitating), self.stack is not None and self.recipe.sharing == "shared"
        size = len(self.fleets) // len(self.actors)
        facts: list[dict[str, float]] = []
        for actor in self.actors:
            first = len(facts)
            whole = joined([lesson.decisions for lesson in lessons[first : first + size]], shared)
            agents = whole.live.shape[1] // size
            try:
                update = rule(actor, whole, settings, self.fleets[first].update_seed(index))
            except NonFiniteLoss as error:
                raise self._located(error, first + error.agent // agents) from None
            groups = (slice(k * agents, (k + 1) * agents) for k in range(size))
            facts += [update.over(group, group) for group in groups]
        return facts

    def _rule(self, imitating: bool) -> Callable[..., AgentFacts]:
        """How an iteration's decisions change an actor."""
        rules: dict[str, Callable[..., AgentFacts]] = {
            "ppo": ppo, "gradient": plain_gradient, "sequential": sequential, "trust_region": trust_region,
        }  # fmt: skip
        return imitate if imitating else rules[self.recipe.method.update]

    def _fit(self, rollouts: Sequence[Rollout], lessons: Sequence[Lesson]) -> Sequence[float | None]:
        """Fit all critics; the loss of each fleet's."""
        if self.critics is None:
            return [None] * len(lessons)
        targets = [lesson.targets for lesson in lessons if lesson.targets is not None]
        return self.critics.fit(rollouts, targets, self.recipe.settings)

    def state(self) -> dict[str, Any]:
        """Copies of all tensors of a learner of one fleet, for a checkpoint."""
        ((fleet,), (actor,)) = self.fleets, self.actors
        stored: dict[str, Any] = {
            "actor": actor.leaf.detach().clone(),
            "actor_optimisers": [adam_state(optimiser) for optimiser in actor.optimisers],
            **fleet.memory(),
        }
        if self.critics is not None:
            stored["critic"] = self.critics.whole.parameters.detach().clone()
            stored["critic_optimiser"] = adam_state(self.critics.optimiser)
            stored["value_norm"] = self.critics.networks[0].norm.state()
        return stored

    def load(self, stored: dict[str, Any]) -> None:
        """Continue from `state()` of a learner of the same configuration. Raises InputError for anything else."""
        with checkpoint_errors():
            self._load(stored)

    def _load(self, stored: dict[str, Any]) -> None:
        ((fleet,), (actor,)) = self.fleets, self.actors
        copy_into(actor.leaf, stored["actor"])
        for optimiser, state in zip(actor.optimisers, stored["actor_optimisers"], strict=True):
            load_adam(optimiser, state)
        fleet.remember(stored)
        if self.critics is not None:
            copy_into(self.critics.whole.parameters, stored["critic"])
            load_adam(self.critics.optimiser, stored["critic_optimiser"])
            network = self.critics.networks[0]
            self.critics.networks[0] = replace(network, norm=network.norm.with_state(stored["value_norm"]))


def make_joint_learner(recipe: Recipe, systems: Sequence[CloudScheduling], seeds: Sequence[int]) -> Learner:
    """A fresh learner of several cloud fleets; each fleet starts as `make_learner` would start it.

    Raises InputError for fleets of several kinds, and for minibatches: drawn from all fleets' decisions they would tie
    the fleets together (not with HAPPO, which updates agents one by one).
    """
    settings = recipe.settings
    if recipe.method.update == "value":
        raise InputError(f"method {recipe.method.name!r} is not allowed for fleets in one batch: train one by one")
    if settings.minibatches > 1 and not recipe.method.in_turn:
        raise InputError(f"minibatches = {settings.minibatches} is not allowed for fleets in one batch: it must be 1")
    for system in systems:
        if not isinstance(system, CloudScheduling):
            raise InputError(f"system = {type(system).__name__} is not allowed here: only cloud fleets can be stacked")
    return make_learner(recipe, systems, seeds, CloudStack(systems, settings.rollouts))


def make_learner(
    recipe: Recipe, systems: Sequence[System], seeds: Sequence[int], stack: CloudStack | None = None
) -> Learner:
    """A fresh learner of a single fleet, a system of any kind, or of those in the stack: networks are drawn from each
    fleet's own seed, and put under common optimisers."""
    method, settings = recipe.method, recipe.settings
    pairs = [(system, stream_seed(seed, START_STREAM) % 2**31) for system, seed in zip(systems, seeds, strict=True)]
    policies: list[Any] = [fresh_policy(recipe, *pair) for pair in pairs]
    critics = None
    if method.critic:
        rollout = collect(systems[0], policies[0], draw_noise(0, 0, systems[0], policies[0], 1))
        width = critic_inputs(method.critic, rollout).shape[-1]  # features are known only from a roll-out
        critics = Critics.of([fresh_network(recipe, system, width, start) for system, start in pairs], settings)
    actors: list[Actor | SequentialActors]
    if method.in_turn:
        actors = [split_actor(policy, settings) for policy in policies]
        policies = [actor.policy for actor in actors]
    else:
        actor, policies = joint_actor(policies, settings, stack is not None)
        actors = [actor]
    fleets = [FleetLearner(recipe, *parts) for parts in zip(systems, seeds, policies, strict=True)]
    return Learner(recipe, fleets, actors, critics, stack)


def taught(settings: Settings, progress: float) -> Settings:
    """The settings with the teacher's share as it is by now: all of it while imitating, from there on linear down to 0
    at the last iteration."""
    left = min(1.0, (1.0 - progress) / max(1.0 - settings.imitation_share, 1e-9))
    return replace(settings, teacher_share=settings.teacher_share * left)


def _line(rollout: Rollout, lesson: Lesson, update: dict[str, float], loss: float | None) -> dict[str, Any]:
    """The values of one fleet's log line."""
    learned = {"alpha": lesson.alpha, "value_loss": loss, "explained": lesson.explained}
    return {"reward": float(episode_returns(rollout).mean()), **learned, **update}


def _check_parameters(policy: Any, critic: ValueNetwork | None) -> None:
    """Raise NonFiniteError for a parameter that is not finite."""
    check_finite("actor parameter ", policy.parameters)
    if critic is not None:
        check_finite("critic parameter ", critic.parameters)
