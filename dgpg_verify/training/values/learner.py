"""Off-policy Q-learning of one fleet: play with some exploration, keep the episodes, learn from batches of them.

The loop is that of PyMARL (Rashid et al. 2018), the mixer the only difference between its methods (but for mean-field
Q-learning, see `mean_field`): replay, target networks, double Q, epsilon from 1 down. Ours: networks without
recurrence, hence batches of single joint steps from all kept episodes in place of 32 whole ones; `epochs` updates after
every iteration in place of one; and, as in EPyMARL, Adam and rewards standardised over what is kept.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from dgpg_verify.core import NonFiniteError, System, draw_noise, generator
from dgpg_verify.credits import episode_returns
from dgpg_verify.critics import ValueNetwork
from dgpg_verify.policies.greedy import GreedyPolicy
from dgpg_verify.rollouts import collect
from dgpg_verify.training.evaluation import stream_seed
from dgpg_verify.training.fleets import START_STREAM, FleetLearner, check_choices
from dgpg_verify.training.methods import MEAN_FIELD, Recipe
from dgpg_verify.training.networks import adam_state, checkpoint_errors, fresh_policy, load_adam
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.values.mean_field import MeanFieldValues, beside_mean, taken_chances
from dgpg_verify.training.values.networks import ActionValues, td_loss
from dgpg_verify.training.values.replay import Steps


@dataclass
class ValueLearner:
    """Everything that changes during a run, see `Learner`. kept: None before the first episode; updates: so far."""

    recipe: Recipe
    fleets: Sequence[FleetLearner]
    online: ActionValues
    target: ActionValues
    optimiser: torch.optim.Adam
    kept: Steps | None = None
    updates: int = 0
    stack: None = None

    @property
    def policy(self) -> GreedyPolicy:
        """Greedy: what is evaluated. The same parameters explore while learning."""
        return GreedyPolicy(self.online.scorer)

    def iterate(self, index: int, progress: float, imitating: bool = False) -> list[dict[str, Any]]:
        """Play `rollouts` episodes and take `epochs` steps; arguments, result and errors as of `Learner.iterate`."""
        (fleet,), settings = self.fleets, self.recipe.settings
        explorer = GreedyPolicy(self.online.scorer, exploration(settings, progress))
        try:
            rollout = collect(fleet.system, explorer, fleet.noise(index))
            check_choices(rollout)
            new = Steps.of(rollout)
            self.kept = new if self.kept is None else self.kept.followed_by(new, settings.buffer)
            losses, norms = zip(*(self._step(self.kept, fleet.update_seed(index), k) for k in range(settings.epochs)))
        except NonFiniteError as error:
            raise NonFiniteError(f"iteration {index}: {error}") from None
        chances = explorer.probabilities(rollout.seen)[rollout.active]
        entropy = float(torch.special.entr(chances).sum(-1).mean()) if len(chances) else 0.0
        learned = {"value_loss": losses[-1], "gradient_norm": sum(norms) / len(norms), "entropy": entropy}
        learned["steps"] = len(norms)
        unknown = dict.fromkeys(("alpha", "explained", "kl", "clipped"))
        return [{"reward": float(episode_returns(rollout).mean()), **unknown, **learned}]

    def _step(self, kept: Steps, seed: int, number: int) -> tuple[float, float]:
        """One step on a batch of different joint steps; its loss, and the norm of its gradient before clipping."""
        settings = self.recipe.settings
        batch, following, last = kept.drawn(settings.batch, generator(seed, 9, number))
        reward = kept.scaled_reward(batch) if settings.value_norm else batch.reward
        keep = torch.where(last, 0.0, settings.discount)
        loss = td_loss(self.online, self.target, batch, following, reward, keep)
        if not bool(loss.isfinite()):
            raise NonFiniteError(f"value loss is {float(loss.detach())} in update {self.updates}")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.online.parameters(), settings.grad_clip)
        self.optimiser.step()
        self.updates += 1
        if self.updates % settings.target_every == 0:
            self.target.load_state_dict(self.online.state_dict())
        return float(loss.detach()), float(norm)

    def state(self) -> dict[str, Any]:
        """Copies of all tensors, for a checkpoint; the kept episodes are among them."""
        stored = {
            "online": self.online.state_dict(), "target": self.target.state_dict(), "updates": self.updates,
            "optimiser": adam_state(self.optimiser),
        }  # fmt: skip
        return copy.deepcopy(stored) | ({} if self.kept is None else {"kept": self.kept.tensors()})

    def load(self, stored: dict[str, Any]) -> None:
        """Continue from `state()` of a learner of the same configuration. Raises InputError for anything else."""
        with checkpoint_errors():
            self.online.load_state_dict(stored["online"])
            self.target.load_state_dict(stored["target"])
            load_adam(self.optimiser, stored["optimiser"])
            self.kept = Steps(**stored["kept"]) if "kept" in stored else None
            self.updates = int(stored["updates"])


def exploration(settings: Settings, progress: float) -> float:
    """Epsilon: from 1 linearly down to `explore`, reached after `explore_share` of the run."""
    left = max(0.0, 1.0 - progress / settings.explore_share) if settings.explore_share else 0.0
    return settings.explore + (1.0 - settings.explore) * left


def make_value_learner(recipe: Recipe, system: System, seed: int) -> ValueLearner:
    """A fresh learner; the scores start as the actor of every other method would."""
    settings, start = recipe.settings, stream_seed(seed, START_STREAM) % 2**31
    policy = fresh_policy(recipe, system, start)
    played = collect(system, policy, draw_noise(0, 0, system, policy, 1))
    widths = Steps.of(played)  # features are known only from a roll-out
    mean_field = recipe.method.mixer == MEAN_FIELD
    if mean_field:
        widths = beside_mean(widths, taken_chances(widths))
        policy = fresh_policy(recipe, system, start, widths.features.shape[-1])
    copies = system.n_agents if recipe.sharing == "independent" else 1
    network = ValueNetwork.random(
        "local", widths.own.shape[-1], copies, settings.hidden, start, **settings.network_options()
    )
    made = (policy, network, recipe.method.mixer, system, widths.state.shape[-1], start)
    online, target = (
        MeanFieldValues(*made, settings.temperature) if mean_field else ActionValues(*made) for _ in range(2)
    )
    optimiser = torch.optim.Adam(online.parameters(), lr=settings.actor_lr, eps=settings.adam_eps)
    fleet = FleetLearner(recipe, system, seed, GreedyPolicy(online.scorer))
    return ValueLearner(recipe, [fleet], online, target, optimiser)
