"""Looking over a learner's shoulder: what one iteration hands to its critic and to its update rule."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from dgpg_verify.core import Rollout
from dgpg_verify.training import learner as module
from dgpg_verify.training.learner import Learner
from dgpg_verify.training.updates.batch import Decisions


class Watch:
    """Keeps what the learner hands to the critic and to the update rule; both still run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, learner: Learner) -> None:
        self.targets: list[Tensor] = []
        self.decisions: list[Decisions] = []
        self.rollouts: list[Rollout] = []
        if learner.critic is not None:
            fit = learner.critic.fit
            monkeypatch.setattr(learner.critic, "fit", lambda r, targets, s: self._fit(fit, r, targets, s))
        for name in ("ppo", "imitate", "plain_gradient", "sequential"):
            rule = getattr(module, name)
            monkeypatch.setattr(module, name, lambda actor, d, *rest, rule=rule: self._update(rule, actor, d, *rest))
        real = module.collect
        monkeypatch.setattr(module, "collect", lambda *given, **named: self._collect(real, *given, **named))

    def _fit(self, fit: Any, rollout: Rollout, targets: Tensor, settings: Any) -> Any:
        self.targets.append(targets)
        return fit(rollout, targets, settings)

    def _update(self, rule: Any, actor: Any, decisions: Decisions, *rest: Any) -> Any:
        self.decisions.append(decisions)
        return rule(actor, decisions, *rest)

    def _collect(self, real: Any, *given: Any, **named: Any) -> Rollout:
        self.rollouts.append(real(*given, **named))
        return self.rollouts[-1]
