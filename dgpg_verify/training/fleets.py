"""What each fleet of a learner has of its own: its random numbers, its credit, its value targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor

from dgpg_verify.core import (
    Credit,
    HasFurther,
    InputError,
    Noise,
    Rollout,
    System,
    check_finite,
    draw_noise,
    offers,
)
from dgpg_verify.credits import make_credit, setting_scales
from dgpg_verify.critics import ValueNetwork, gae
from dgpg_verify.rollouts import collect
from dgpg_verify.training.ends import going_on, of_episodes, until_the_end
from dgpg_verify.training.evaluation import heuristic_act, stream_seed
from dgpg_verify.training.methods import Recipe
from dgpg_verify.training.schedules import NoiseTracker
from dgpg_verify.training.updates.packing import PackedDecisions, pack
from dgpg_verify.training.updates.weights import Weights, normalise_weights, weights_of

TRAINING_STREAM, START_STREAM, UPDATE_STREAM = 0, 1, 1000  # the update of iteration k has UPDATE_STREAM + k


@dataclass(frozen=True)
class Lesson:
    """What a fleet learns from, of one iteration's roll-outs.

    Attributes
    ----------
    decisions : for the actor, with their normalised credit.
    alpha : weight of the guidance; None without guidance.
    targets : for the critic, [B, T] or [B, T, N] float64 on the reward's scale; None without a critic.
    explained : share of the targets' variance that the critic explained before its update; None without a critic.
    """

    decisions: PackedDecisions
    alpha: float | None
    targets: Tensor | None
    explained: float | None


@dataclass
class FleetLearner:
    """One fleet. policy: its part of the actor, a view of its parameters; tracker: noise seen so far; credits: those
    whose critics go on from iteration to iteration, by name."""

    recipe: Recipe
    system: System
    seed: int
    policy: Any
    tracker: NoiseTracker = field(default_factory=NoiseTracker.empty)
    credits: dict[str, HasFurther] = field(default_factory=dict)

    def noise(self, index: int) -> Noise:
        """The random numbers of one iteration's episodes."""
        seed = stream_seed(self.seed, TRAINING_STREAM)
        return draw_noise(seed, index, self.system, self.policy, self.recipe.settings.rollouts)

    def update_seed(self, index: int) -> int:
        """Seeds what one iteration's update draws at random: order of minibatches, order of agents."""
        return stream_seed(self.seed, UPDATE_STREAM + index)

    def lesson(self, rollout: Rollout, critic: ValueNetwork | None, progress: float, imitating: bool) -> Lesson:
        """The lesson of a roll-out: decisions with their credit, and value targets.

        Raises InputError for an active agent without candidates, NonFiniteError for a credit that is not finite.
        """
        check_choices(rollout)
        advantages, targets, explained = None, None, None
        if critic is not None:
            advantages, targets, explained = self._values(rollout, critic)
        weights, alpha = self._credit(rollout, advantages, progress)
        weights = normalise_weights(weights, rollout.active, self.recipe.settings.advantage_norm)
        check_finite("credit [roll-out, step, agent] = ", weights.scalar(rollout.actions))
        if imitating:
            decisions = self._demonstrated(rollout, weights.taken)
        else:
            decisions = pack(rollout, weights, self._shown(rollout) if self.recipe.method.start == "guided" else None)
        return Lesson(decisions, alpha, targets, explained)

    def _values(self, rollout: Rollout, critic: ValueNetwork) -> tuple[Tensor, Tensor, float]:
        """Advantages [B, T, 1 or N] at every step, acted on or not; the critic's targets, which are lambda-returns
        under its values before this update; and the share of their variance that it explained. All are 0 after the end
        of an episode, and so is what is bootstrapped there."""
        settings, values, going = self.recipe.settings, critic(rollout), going_on(rollout)
        per_agent = until_the_end(values if values.ndim == 3 else values[..., None], going)
        advantages = gae(rollout.reward.double()[..., None], per_agent, settings.discount, settings.lam)
        targets = (advantages + per_agent).view_as(values)
        left, spread = (float(of_episodes(part, going).var(correction=0)) for part in (advantages, targets))
        explained = 1.0 - left / spread if spread > 0 else 0.0
        return advantages, targets, explained

    def _credit(self, rollout: Rollout, advantages: Tensor | None, progress: float) -> tuple[Weights, float | None]:
        """The credit of each decision, and the alpha used (None without guidance)."""
        method = self.recipe.method

        def fitted(name: str) -> Weights:
            return weights_of(self._fitted(name, rollout), rollout)

        if not method.base:
            return fitted(method.guidance), 1.0
        base = fitted(method.base) if advantages is None else Weights(torch.where(rollout.active, advantages, 0.0))
        if not method.guidance:
            return base, None
        return self._mixed(rollout, base, fitted(method.guidance), progress)

    def _fitted(self, name: str, rollout: Rollout) -> Credit:
        """The credit of this roll-out, its critic fitted on from the last iteration's where it can be."""
        credit: Any = self.credits.get(name) or make_credit(name)
        if not offers(credit, HasFurther):
            return cast(Credit, credit.fit([rollout]))
        further: Any = credit.further([rollout])
        self.credits[name] = further
        return cast(Credit, further)

    def memory(self) -> dict[str, Any]:
        """Copies of what it has seen and learned besides the actor."""
        return {"tracker": self.tracker.state(), "credits": {name: c.state() for name, c in self.credits.items()}}

    def remember(self, stored: Mapping[str, Any]) -> None:
        """Go on from `memory()`. The shapes of critics are known only from a roll-out."""
        self.tracker = self.tracker.with_state(stored["tracker"])
        for name, state in stored.get("credits", {}).items():
            noise = draw_noise(0, 0, self.system, self.policy, 1)
            rollout = collect(self.system, self.policy, noise, self.recipe.method.keeps_states)
            credit: Any = make_credit(name)
            self.credits[name] = credit.further([rollout]).with_state(state)

    def _mixed(self, rollout: Rollout, base: Weights, guidance: Weights, progress: float) -> tuple[Weights, float]:
        """(1 - alpha) base + alpha guidance, scaled as the setting says, and alpha."""
        schedule = self.recipe.schedule
        one, other = (part.scalar(rollout.actions) for part in (base, guidance))
        scales = setting_scales(self.recipe.settings.setting, lambda _: one, lambda _: other, [rollout])
        parts = [part.times(scale) for part, scale in zip((base, guidance), scales, strict=True)]
        if schedule.adaptive:
            scalars = torch.stack([part.scalar(rollout.actions) for part in parts])
            gradients = self.policy.score_products(rollout, scalars).mean(1)
            self.tracker = self.tracker.updated(gradients)
        alpha = schedule(progress, self.tracker.best_alpha())
        return parts[0].times(1.0 - alpha).plus(parts[1].times(alpha)), alpha

    def _shown(self, rollout: Rollout) -> Tensor:
        """What the heuristic would have done, [B, T, N]."""
        return heuristic_act(self.system, self.recipe.settings.heuristic)(rollout.seen, rollout.noise.agents)

    def _demonstrated(self, rollout: Rollout, weight: Tensor) -> PackedDecisions:
        """The same decisions with the actions the heuristic would have taken, and their probabilities."""
        shown = self._shown(rollout)
        with torch.no_grad():
            log_prob = self.policy.log_prob(rollout.seen, shown)
        return pack(replace(rollout, actions=shown, log_prob=log_prob), weight)


def check_choices(rollout: Rollout) -> None:
    """Raise InputError naming the first active agent whose candidates are all masked: it cannot act."""
    stuck = rollout.active & ~rollout.seen.mask.any(-1)
    if bool(stuck.any()):
        b, t, agent = stuck.nonzero()[0].tolist()
        raise InputError(
            f"agent {agent} is active without an allowed candidate at roll-out {b}, step {t}: an active agent must "
            "have at least one"
        )
