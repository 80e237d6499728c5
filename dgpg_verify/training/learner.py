"""One iteration of training: play, credit, update. All methods run through these lines."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor

from dgpg_verify.core import Credit, InputError, Noise, NonFiniteError, Rollout, System, check_finite, draw_noise
from dgpg_verify.credits import GuidedCredit, episode_returns, gae, setting_scales
from dgpg_verify.critics import critic_inputs
from dgpg_verify.rollouts import collect
from dgpg_verify.training.evaluation import heuristic_act, stream_seed
from dgpg_verify.training.methods import Method, build_credit
from dgpg_verify.training.networks import Actor, CriticLearner, Sharing, make_actor, make_critic
from dgpg_verify.training.schedules import Schedule
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.updates.adaptive import NoiseTracker
from dgpg_verify.training.updates.batch import Decisions, pack
from dgpg_verify.training.updates.losses import normalise_advantages
from dgpg_verify.training.updates.rules import AgentFacts, UpdateFacts, imitate, plain_gradient, ppo
from dgpg_verify.training.updates.sequential import SequentialActors, sequential, split_actor

TRAINING_STREAM, START_STREAM = 0, 1


@dataclass
class Learner:
    """Everything that changes during a run. `state` and `load` are its whole memory."""

    system: System
    method: Method
    settings: Settings
    schedule: Schedule
    seed: int
    actor: Actor | SequentialActors
    critic: CriticLearner | None
    tracker: NoiseTracker = field(default_factory=NoiseTracker.empty)

    @property
    def policy(self) -> Any:
        return self.actor.policy

    def iterate(self, index: int, progress: float, imitating: bool = False) -> dict[str, Any]:
        """Play `rollouts` episodes and learn from them. index: number of the iteration, names its random numbers.

        Returns the numbers of one log line. Raises NonFiniteError naming the iteration.
        """
        try:
            rollout = collect(self.system, self.policy, self.noise(index), keep_states=self.keeps_states)
            decisions, alpha = self.prepare(rollout, progress, imitating)
            facts = self.rule(imitating)(self.actor, decisions, self.settings, self.update_seed(index))
            targets, explained = self.value_targets(rollout)
            loss = None if self.critic is None else self.critic.fit(rollout, targets, self.settings)
            return self.line(rollout, alpha, facts.over(), loss, explained)
        except NonFiniteError as error:
            raise NonFiniteError(f"iteration {index}: {error}") from None

    def noise(self, index: int) -> Noise:
        """The random numbers of one iteration's episodes."""
        seed = stream_seed(self.seed, TRAINING_STREAM)
        return draw_noise(seed, index, self.system, self.policy, self.settings.rollouts)

    def update_seed(self, index: int) -> int:
        """Of what one iteration's update draws at random: order of minibatches, order of agents."""
        return stream_seed(self.seed, 1000 + index)

    @property
    def keeps_states(self) -> bool:
        """Whether the credit plays parts of an episode again."""
        return build_credit(self.method, self.settings, 1.0, None).keeps_states

    def rule(self, imitating: bool) -> Callable[[Any, Decisions, Settings, int], AgentFacts]:
        """How an iteration's decisions change the actor."""
        if self.method.update == "sequential":
            return sequential
        return imitate if imitating else {"ppo": ppo, "gradient": plain_gradient}[self.method.update]

    def prepare(self, rollout: Rollout, progress: float, imitating: bool) -> tuple[Decisions, float | None]:
        """What the actor learns from: decisions with their normalised credit; and the alpha used (None without)."""
        check_choices(rollout)
        weight, alpha = self._credit(rollout, progress)
        normalised = normalise_advantages(weight, rollout.active, self.settings.advantage_norm)
        check_finite("credit [roll-out, step, agent] = ", normalised)
        return self._demonstrated(rollout, normalised) if imitating else pack(rollout, normalised), alpha

    def line(
        self, rollout: Rollout, alpha: float | None, facts: UpdateFacts, loss: float | None, explained: float | None
    ) -> dict[str, Any]:
        """The numbers of one log line. Raises NonFiniteError for a parameter that is not finite."""
        check_finite("actor parameter ", self.actor.leaf)
        if self.critic is not None:
            check_finite("critic parameter ", self.critic.network.parameters)
        reward = float(episode_returns(rollout).mean())
        return {"reward": reward, "alpha": alpha, "value_loss": loss, "explained": explained, **asdict(facts)}

    def _credit(self, rollout: Rollout, progress: float) -> tuple[Tensor, float | None]:
        """What each decision is told, [B, T, N] float64, and the alpha used (None without guidance)."""
        if not self.method.guidance:
            credit = build_credit(self.method, self.settings, 0.0, self.critic and self.critic.network)
            return credit.fit([rollout])(rollout) if not self.method.critic else credit(rollout), None
        if not self.method.base:
            return build_credit(self.method, self.settings, 1.0, None).fit([rollout])(rollout), 1.0
        mixed = build_credit(self.method, self.settings, 0.0, self.critic and self.critic.network)
        assert isinstance(mixed, GuidedCredit)
        base = mixed.base(rollout) if self.method.critic else mixed.base.fit([rollout])(rollout)
        guidance = mixed.guidance.fit([rollout])(rollout)
        # the base is already computed, so its place is taken by what returns it
        scales = setting_scales(self.settings.setting, cast(Credit, lambda _: base), [rollout])
        parts = torch.stack([scales[0] * base, scales[1] * guidance])
        if self.schedule.adaptive:
            gradients = self.policy.score_products(rollout, parts).mean(1)
            self.tracker = self.tracker.updated(gradients)
        alpha = self.schedule(progress, self.tracker.best_alpha())
        return (1.0 - alpha) * parts[0] + alpha * parts[1], alpha

    def _demonstrated(self, rollout: Rollout, weight: Tensor) -> Decisions:
        """The same decisions with the actions the heuristic would have taken, and their probabilities."""
        shown = heuristic_act(self.system, self.settings.heuristic)(rollout.seen, rollout.noise.agents)
        with torch.no_grad():
            log_prob = self.policy.log_prob(rollout.seen, shown)
        return pack(replace(rollout, actions=shown, log_prob=log_prob), weight)

    def value_targets(self, rollout: Rollout) -> tuple[Tensor, float | None]:
        """What the critic is to learn, lambda-returns under its values before this update, and the variance it
        explained of them; nothing without a critic."""
        if self.critic is None:
            return rollout.reward.new_zeros(0), None
        values = self.critic.values(rollout)
        advantages = advantages_of(rollout, values, self.settings)
        targets = advantages + values
        spread = float(targets.var(correction=0))
        return targets, 1.0 - float(advantages.var(correction=0)) / spread if spread > 0 else 0.0

    def state(self) -> dict[str, Any]:
        """Copies of all tensors, for a checkpoint."""
        stored: dict[str, Any] = {
            "actor": self.actor.leaf.detach().clone(),
            "actor_optimisers": [_adam_state(actor.optimiser) for actor in _actors(self.actor)],
            "tracker": self.tracker.state(),
        }
        if self.critic is not None:
            stored["critic"] = self.critic.network.parameters.detach().clone()
            stored["critic_optimiser"] = _adam_state(self.critic.optimiser)
            stored["value_norm"] = self.critic.network.norm.state()
        return stored

    def load(self, stored: dict[str, Any]) -> None:
        """Continue from `state()` of a learner of the same configuration. Raises InputError for anything else."""
        try:
            self._load(stored)
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            reason = " ".join(f"{type(error).__name__} {error}".split())[:120]
            raise InputError(f"checkpoint is not one of this learner ({reason}): delete it and train again") from None

    def _load(self, stored: dict[str, Any]) -> None:
        with torch.no_grad():
            self.actor.leaf.copy_(_alike(stored["actor"], self.actor.leaf))
        for actor, state in zip(_actors(self.actor), stored["actor_optimisers"], strict=True):
            _load_adam(actor.optimiser, state)
        self.tracker = self.tracker.with_state(stored["tracker"])
        if self.critic is not None:
            with torch.no_grad():
                leaf = self.critic.network.parameters
                leaf.copy_(_alike(stored["critic"], leaf))
            _load_adam(self.critic.optimiser, stored["critic_optimiser"])
            norm = self.critic.network.norm.with_state(stored["value_norm"])
            self.critic.network = replace(self.critic.network, norm=norm)


def make_learner(
    system: System,
    method: Method,
    settings: Settings,
    schedule: Schedule,
    sharing: Sharing,
    seed: int,
    width: int | None = None,
) -> Learner:
    """Fresh actor and critic. width: of the critic's input; by default it is read off one uniform roll-out."""
    start = stream_seed(seed, START_STREAM) % 2**31
    actor: Actor | SequentialActors = make_actor(system, method, settings, sharing, start)
    if method.update == "sequential":
        actor = split_actor(actor.policy, settings)
    if method.critic and width is None:
        rollout = collect(system, actor.policy, draw_noise(0, 0, system, actor.policy, 1))
        width = critic_inputs(method.critic, rollout).shape[-1]
    critic = None if width is None else make_critic(system, method, settings, sharing, width, start)
    return Learner(system, method, settings, schedule, seed, actor, critic)


def advantages_of(rollout: Rollout, values: Tensor, settings: Settings) -> Tensor:
    """GAE at every step, decided at or not: values [B, T] or [B, T, N] on the reward's scale -> the same shape."""
    reward = rollout.reward.double()[..., None]
    if values.ndim == 3:
        return gae(reward, values, settings.discount, settings.lam)
    return gae(reward, values[..., None], settings.discount, settings.lam)[..., 0]


def check_choices(rollout: Rollout) -> None:
    """Raise InputError naming the first active agent whose candidates are all masked: it cannot act."""
    stuck = rollout.active & ~rollout.seen.mask.any(-1)
    if bool(stuck.any()):
        b, t, agent = stuck.nonzero()[0].tolist()
        raise InputError(
            f"agent {agent} is active without an allowed candidate at roll-out {b}, step {t}: an active agent must "
            "have at least one"
        )


def _actors(actor: Actor | SequentialActors) -> list[Actor]:
    return list(actor.actors) if isinstance(actor, SequentialActors) else [actor]


def _alike(stored: Tensor, leaf: Tensor) -> Tensor:
    """`stored`, if it has the shape of `leaf`: copying would stretch a smaller tensor in silence."""
    if stored.shape != leaf.shape:
        raise ValueError(f"shape {tuple(stored.shape)} is not {tuple(leaf.shape)}")
    return stored


def _adam_state(optimiser: torch.optim.Adam) -> dict[Any, Any]:
    """Its moments and step counts, copied: the optimiser goes on in place."""
    return copy.deepcopy(optimiser.state_dict()["state"])


def _load_adam(optimiser: torch.optim.Adam, state: dict[Any, Any]) -> None:
    leaves = [leaf for group in optimiser.param_groups for leaf in group["params"]]
    for index, moments in state.items():
        for name in ("exp_avg", "exp_avg_sq"):
            _alike(moments[name], leaves[index])
    optimiser.load_state_dict({"state": copy.deepcopy(state), "param_groups": optimiser.state_dict()["param_groups"]})
