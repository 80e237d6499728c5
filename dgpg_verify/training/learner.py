"""One iteration of training: play, credit, update. All methods run through these lines."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import NonFiniteError, Rollout, System, check_finite, draw_noise
from dgpg_verify.credits import GuidedCredit, setting_scales
from dgpg_verify.critics import critic_inputs
from dgpg_verify.rollouts import collect
from dgpg_verify.training.adaptive import NoiseTracker
from dgpg_verify.training.batch import pack
from dgpg_verify.training.evaluation import heuristic_act, stream_seed
from dgpg_verify.training.losses import normalise_advantages
from dgpg_verify.training.methods import Method, build_credit
from dgpg_verify.training.networks import Actor, CriticLearner, Sharing, make_actor, make_critic
from dgpg_verify.training.schedules import Schedule
from dgpg_verify.training.sequential import SequentialActors, sequential, split_actor
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.updates import UpdateFacts, imitate, plain_gradient, ppo

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
        noise = draw_noise(
            stream_seed(self.seed, TRAINING_STREAM), index, self.system, self.policy, self.settings.rollouts
        )
        keep = bool(self.method.base) and build_credit(self.method, self.settings, 1.0, None).keeps_states
        rollout = collect(self.system, self.policy, noise, keep_states=keep)
        try:
            weight, alpha = self._credit(rollout, progress)
            facts = self._update(rollout, weight, index, imitating)
            loss, explained = self._learn_values(rollout)
            check_finite("actor parameter ", self.actor.leaf)
        except NonFiniteError as error:
            raise NonFiniteError(f"iteration {index}: {error}") from None
        reward = float(rollout.reward.double().sum(1).mean())
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
        scales = self._scales(base, rollout)
        parts = torch.stack([scales[0] * base, scales[1] * guidance])
        if self.schedule.adaptive:
            gradients = self.policy.score_products(rollout, parts).mean(1)
            self.tracker = self.tracker.updated(gradients)
        alpha = self.schedule(progress, self.tracker.best_alpha())
        return (1.0 - alpha) * parts[0] + alpha * parts[1], alpha

    def _scales(self, base: Tensor, rollout: Rollout) -> tuple[float, float]:
        """Relative scale of the two parts; `parts` divides the base by its deviation over this iteration."""
        if self.settings.setting == "parts":
            live = base[rollout.active]
            return 1.0 / max(float(live.std(correction=0)) if len(live) else 0.0, 1e-12), 1.0
        return setting_scales(self.settings.setting, GuidedCredit(0.0).base, [rollout])

    def _update(self, rollout: Rollout, weight: Tensor, index: int, imitating: bool) -> UpdateFacts:
        normalised = normalise_advantages(weight, rollout.active, self.settings.advantage_norm)
        check_finite("credit [roll-out, step, agent] = ", normalised)
        decisions = pack(rollout, normalised)
        seed = stream_seed(self.seed, 1000 + index)
        if isinstance(self.actor, SequentialActors):
            return sequential(self.actor, decisions, self.settings, seed)
        if imitating:
            return imitate(self.actor, self._demonstrated(rollout, normalised), self.settings, seed)
        rule = {"ppo": ppo, "gradient": plain_gradient}[self.method.update]
        return rule(self.actor, decisions, self.settings, seed)

    def _demonstrated(self, rollout: Rollout, weight: Tensor) -> Any:
        """The same decisions with the actions the heuristic would have taken."""
        act = heuristic_act(self.system, self.settings.heuristic)
        from dataclasses import replace

        shown = act(rollout.seen, rollout.noise.agents)
        return pack(replace(rollout, actions=shown), weight)

    def _learn_values(self, rollout: Rollout) -> tuple[float | None, float | None]:
        """Fit the critic to lambda-returns under its values before this update; loss and explained variance."""
        if self.critic is None:
            return None, None
        values = self.critic.values(rollout)
        advantages = self.method_gae(rollout, values)
        targets = advantages + values
        spread = float(targets.var(correction=0))
        explained = 1.0 - float(advantages.var(correction=0)) / spread if spread > 0 else 0.0
        return self.critic.fit(rollout, targets, self.settings), explained

    def method_gae(self, rollout: Rollout, values: Tensor) -> Tensor:
        from dgpg_verify.credits.gae import gae

        reward = rollout.reward.double()
        if values.ndim == 3:
            return gae(reward[..., None], values, self.settings.discount, self.settings.lam)
        return gae(reward[..., None], values[..., None], self.settings.discount, self.settings.lam)[..., 0]

    def state(self) -> dict[str, Any]:
        """All tensors, for a checkpoint."""
        optimisers = [actor.optimiser for actor in _actors(self.actor)]
        stored: dict[str, Any] = {
            "actor": self.actor.leaf.detach().clone(),
            "actor_optimisers": [optimiser.state_dict()["state"] for optimiser in optimisers],
            "tracker": self.tracker.state(),
        }
        if self.critic is not None:
            stored["critic"] = self.critic.network.parameters.detach().clone()
            stored["critic_optimiser"] = self.critic.optimiser.state_dict()["state"]
            stored["value_norm"] = self.critic.network.norm.state()
        return stored

    def load(self, stored: dict[str, Any]) -> None:
        """Continue from `state()` of a learner of the same configuration."""
        from dataclasses import replace

        with torch.no_grad():
            self.actor.leaf.copy_(stored["actor"])
        for actor, state in zip(_actors(self.actor), stored["actor_optimisers"], strict=True):
            _load_adam(actor.optimiser, state)
        self.tracker = self.tracker.with_state(stored["tracker"])
        if self.critic is not None:
            with torch.no_grad():
                self.critic.network.parameters.copy_(stored["critic"])
            _load_adam(self.critic.optimiser, stored["critic_optimiser"])
            norm = self.critic.network.norm.with_state(stored["value_norm"])
            self.critic.network = replace(self.critic.network, norm=norm)


def make_learner(
    system: System, method: Method, settings: Settings, schedule: Schedule, sharing: Sharing, seed: int
) -> Learner:
    """Fresh actor and critic. The critic's input width is read off one uniform roll-out."""
    start = stream_seed(seed, START_STREAM) % 2**31
    actor: Actor | SequentialActors = make_actor(system, method, settings, sharing, start)
    if method.update == "sequential":
        actor = split_actor(actor.policy, settings)
    critic = None
    if method.critic:
        noise = draw_noise(0, 0, system, actor.policy, 1)
        width = critic_inputs(method.critic, collect(system, actor.policy, noise)).shape[-1]
        critic = make_critic(system, method, settings, sharing, width, start)
    return Learner(system, method, settings, schedule, seed, actor, critic)


def _actors(actor: Actor | SequentialActors) -> list[Actor]:
    return list(actor.actors) if isinstance(actor, SequentialActors) else [actor]


def _load_adam(optimiser: torch.optim.Adam, state: dict[Any, Any]) -> None:
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
