"""What the tests of training share: tiny systems, roll-outs with idle agents and masks, learners, quick runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import Noise, Observation, Rollout, draw_noise, generator
from dgpg_verify.policies import SoftmaxPolicy, TabularPolicy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.testing import SmallQueues
from dgpg_verify.training import Method, Settings, TrainingRun, make_method, train, train_together
from dgpg_verify.training import learner as learner_module
from dgpg_verify.training.learner import Learner, make_joint_learner, make_learner
from dgpg_verify.training.methods import make_recipe
from dgpg_verify.training.networks import Actor
from dgpg_verify.training.updates.packing import PackedDecisions

# B = 4 roll-outs (by default), T = 5, N = 3, K = 2: all different, so that swapped axes cannot fit by accident
QUEUES = SmallQueues(torch.tensor([[0, 1], [2, 1], [1, 0]]), 3, horizon=5)


def tabular(system: Any = QUEUES, seed: int = 0, spread: float = 0.7, sharing: str = "independent") -> TabularPolicy:
    """Random logits in float64."""
    shape = (system.n_agents, system.n_actions) if sharing == "independent" else (system.n_actions,)
    logits = spread * torch.randn(shape, generator=generator(seed, 1), dtype=torch.float64)
    return TabularPolicy(logits, sharing=sharing)  # type: ignore[arg-type]


def played(seed: int = 0, size: int = 4, system: Any = QUEUES, policy: SoftmaxPolicy | None = None) -> Rollout:
    policy = tabular(system) if policy is None else policy
    return collect(system, policy, draw_noise(seed, 0, system, policy, size))


def learner_of(
    method: str | Method,
    system: Any = QUEUES,
    seed: int = 0,
    alpha: str | None = None,
    sharing: str = "independent",
    **changes: Any,
) -> Learner:
    method = make_method(method)
    settings = method.settings({"hidden": 8, **changes})
    recipe = make_recipe(method, settings, system.n_agents, alpha, sharing)  # type: ignore[arg-type]
    return make_learner(recipe, [system], [seed])


def iterate(learner: Learner, index: int, progress: float = 0.0, imitating: bool = False) -> dict[str, Any]:
    """One iteration of a learner of a single fleet."""
    (facts,) = learner.iterate(index, progress, imitating)
    return facts


def plain_actor(policy: Any, rate: float = 1.0) -> Actor:
    """An actor stepped by plain gradient descent in float64, so that a step is the gradient."""
    leaf = policy.parameters.detach().clone().requires_grad_(True)
    return Actor(replace(policy, parameters=leaf), torch.optim.SGD([leaf], lr=rate))  # type: ignore[arg-type]


def slow_gae(reward: list[float], values: list[float], discount: float, lam: float) -> list[float]:
    """A_t = sum_{s >= t} (gamma lambda)^(s - t) (r_s + gamma V_{s+1} - V_s), V after the last step = 0."""
    found = []
    for t in range(len(reward)):
        total = 0.0
        for s in range(t, len(reward)):
            following = values[s + 1] if s + 1 < len(reward) else 0.0
            total += (discount * lam) ** (s - t) * (reward[s] + discount * following - values[s])
        found.append(total)
    return found


def slow_chances(logits: Tensor, mask: Tensor) -> list[float]:
    """Softmax over allowed candidates, one decision: [K], [K] -> K floats."""
    powers = [float(logit.exp()) if bool(ok) else 0.0 for logit, ok in zip(logits.double(), mask, strict=True)]
    return [power / sum(powers) for power in powers]


def decisions_of(
    mask: Tensor, live: Tensor, actions: Tensor, old_log_prob: Tensor, weight: Tensor, step: Tensor | None = None
) -> PackedDecisions:
    """Hand-made decisions [L, N] without features."""
    length, n, k = mask.shape
    seen = Observation(torch.zeros(length, n, k, 1), mask, live)
    steps = torch.arange(length)[:, None].expand(length, n) if step is None else step
    return PackedDecisions(seen, live, actions, old_log_prob, weight, steps)


def all_finite(*values: Tensor) -> bool:
    return all(bool(value.isfinite().all()) for value in values)


def settings(**changes: Any) -> Settings:
    return Settings().changed(changes)


def noise_of(learner: Learner, seed: int, size: int) -> Noise:
    return draw_noise(seed, 0, learner.fleets[0].system, learner.policy, size)


CLOUD = CloudScheduling(3, seed=0, horizon=10)
QUICK: dict[str, Any] = {"episodes": 10, "workloads": 3, "hidden": 8, "epochs": 2, "actor_lr": 0.01, "progress": False}


def quick(method: str | Method = "mappo", system: Any = CLOUD, **changes: Any) -> TrainingRun:
    return train(system, method, **{**QUICK, **changes})


# fleets together

N, T, SEEDS = 4, 8, (11, 3, 7)
FLEETS = [CloudScheduling(N, seed=seed, horizon=T) for seed in (1, 2, 5)]
RATE, EPOCHS, EPISODES = 0.01, 2, 4
JOINT: dict[str, Any] = {"episodes": EPISODES, "workloads": 3, "evaluate_every": 4, "progress": False}
JOINT |= {"hidden": 8, "epochs": EPOCHS, "actor_lr": RATE, "critic_lr": RATE}


def together(method: str, fleets: Sequence[Any] = FLEETS, seeds: Sequence[int] = SEEDS, **more: Any) -> list[Any]:
    return train_together(fleets, method, seeds=seeds, **{**JOINT, **more})


def joint_learner(method: str, sharing: str = "independent", rollouts: int = 2) -> Learner:
    chosen = make_method(method)
    settings = chosen.settings({"hidden": 8, "epochs": EPOCHS, "rollouts": rollouts})
    recipe = make_recipe(chosen, settings, N, sharing=sharing)  # type: ignore[arg-type]
    return make_joint_learner(recipe, FLEETS, SEEDS)


class Watch:
    """Keeps what the learner of a single fleet hands to its critic and to the update rule; both still run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, learner: Learner) -> None:
        self.targets: list[Tensor] = []
        self.decisions: list[PackedDecisions] = []
        self.rollouts: list[Rollout] = []
        if learner.critics is not None:
            fit = learner.critics.fit
            monkeypatch.setattr(learner.critics, "fit", lambda r, targets, s: self._fit(fit, r, targets, s))
        for name in ("ppo", "imitate", "plain_gradient", "sequential"):
            rule = getattr(learner_module, name)
            update = lambda actor, d, *rest, rule=rule: self._update(rule, actor, d, *rest)  # noqa: E731
            monkeypatch.setattr(learner_module, name, update)
        real = learner_module.collect
        monkeypatch.setattr(learner_module, "collect", lambda *given, **named: self._collect(real, *given, **named))

    def _fit(self, fit: Any, rollouts: Any, targets: Sequence[Tensor], settings: Any) -> Any:
        self.targets += targets
        return fit(rollouts, targets, settings)

    def _update(self, rule: Any, actor: Any, decisions: PackedDecisions, *rest: Any) -> Any:
        self.decisions.append(decisions)
        return rule(actor, decisions, *rest)

    def _collect(self, real: Any, *given: Any, **named: Any) -> Rollout:
        self.rollouts.append(real(*given, **named))
        return self.rollouts[-1]
