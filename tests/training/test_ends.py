"""Episodes that end before T: what comes after is padding, and nothing of it is learned or bootstrapped from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import Observation, Transition
from dgpg_verify.testing import SmallQueues
from dgpg_verify.training.ends import going_on
from tests.training.tools import QUEUES, Watch, iterate, learner_of, played, slow_gae

ENDS = torch.tensor([2, 5, 3, 1])  # steps of the four episodes, of at most 5
CASES = [("mappo", "independent"), ("ippo", "independent"), ("ippo", "shared")]


@dataclass(frozen=True)
class Ending:
    """Queues whose agents leave: the first one acts at every step before the end, after which all see junk."""

    inner: SmallQueues
    junk: float = 0.0
    agents_leave: bool = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def observe(self, state: Any) -> Observation:
        seen = self.inner.observe(state)
        on = self.on(state, len(seen.active))[:, None]
        active = (seen.active | (torch.arange(3) == 0)) & on
        return Observation(seen.features.masked_fill(~on[..., None, None], self.junk), seen.mask, active)

    def step(self, state: Any, actions: Tensor) -> Transition:
        moved = self.inner.step(state, actions)
        on = self.on(state, len(actions))
        seen = torch.where(on[:, None], moved.x_observed, self.junk)
        return replace(moved, reward=torch.where(on, moved.reward, 0.0), x_observed=seen)

    @staticmethod
    def on(state: Any, size: int) -> Tensor:
        return state.step < ENDS[torch.arange(size) % 4]


def learned(method: str, sharing: str, system: Ending) -> list[Any]:
    """Facts of three iterations, all parameters and the normaliser's moments."""
    learner = learner_of(method, system, sharing=sharing, rollouts=4, critic_lr=0.02)
    facts = [iterate(learner, index) for index in range(3)]
    assert learner.critics is not None
    (network,) = learner.critics.networks
    moments = [float(part) for part in network.norm.moments()]
    return [facts, learner.actors[0].leaf.tolist(), network.parameters.tolist(), moments]


@pytest.mark.parametrize(("method", "sharing"), CASES)
def test_what_is_seen_after_the_end_changes_nothing(method: str, sharing: str) -> None:
    """Bit for bit: advantages, the normaliser's statistics, losses. Control: where agents only pause, it does."""
    assert learned(method, sharing, Ending(QUEUES)) == learned(method, sharing, Ending(QUEUES, 1e3))
    pausing = [learned(method, sharing, Ending(QUEUES, junk, agents_leave=False)) for junk in (0.0, 1e3)]
    assert pausing[0] != pausing[1]


@pytest.mark.parametrize(("method", "sharing"), CASES)
def test_values_are_those_of_the_episode_alone(method: str, sharing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """GAE of each episode cut at its end, one agent at a time: nothing is bootstrapped there. The normaliser holds the
    targets of these steps and no other."""
    learner = learner_of(method, Ending(QUEUES), sharing=sharing, rollouts=4, lam=0.9, discount=0.8)
    assert learner.critics is not None
    first = replace(learner.critics.networks[0], parameters=learner.critics.networks[0].parameters.detach().clone())
    watch = Watch(monkeypatch, learner)
    learner.iterate(0, 0.0)
    (rollout,), (targets,) = watch.rollouts, watch.targets
    values, counted = first(rollout), []
    for b, end in enumerate(ENDS.tolist()):
        for i in range(3):
            own = (values[b] if method == "mappo" else values[b, :, i])[:end].tolist()
            expected = np.array(slow_gae(rollout.reward[b, :end].tolist(), own, 0.8, 0.9)) + own
            found = targets[b] if method == "mappo" else targets[b, :, i]
            np.testing.assert_allclose(found[:end].numpy(), expected, rtol=1e-9, atol=1e-9)
            counted += expected.tolist()
    assert float(learner.critics.networks[0].norm.moments()[0]) == pytest.approx(np.mean(counted), rel=1e-9)


def test_only_systems_whose_agents_leave_end_early() -> None:
    assert going_on(played()) is None and going_on(played(system=Ending(QUEUES, agents_leave=False))) is None
    going = going_on(played(system=Ending(QUEUES)))
    assert going is not None and going.sum(1).tolist() == ENDS.tolist()
