"""What stops a learner, what its snapshots hold, and which random numbers an iteration uses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, Noise, NonFiniteError, Observation, Transition
from dgpg_verify.testing import SmallQueues
from dgpg_verify.training.fleets import check_choices
from tests.training.tools import QUEUES, Watch, learner_of, played


@dataclass(frozen=True)
class Broken:
    """Queues with one fault: a reward that is NaN, or an agent that is active and may not do anything."""

    inner: SmallQueues
    fault: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def step(self, state: Any, actions: Tensor) -> Transition:
        moved = self.inner.step(state, actions)
        if self.fault != "reward" or state.step != 3 or len(moved.reward) < 2:
            return moved
        return replace(moved, reward=moved.reward.index_fill(0, torch.tensor(1), torch.nan))

    def observe(self, state: Any) -> Observation:
        seen = self.inner.observe(state)
        if self.fault != "mask" or state.step != 2:
            return seen
        mask, active = seen.mask.clone(), seen.active.clone()
        mask[:, 1], active[:, 1] = False, True
        return Observation(seen.features, mask, active)


@pytest.mark.parametrize("method", ["mappo", "happo", "guidance_only", "reinforce"])
def test_a_nan_reward_stops_with_its_coordinates(method: str) -> None:
    learner = learner_of(method, Broken(QUEUES, "reward"), rollouts=2)
    with pytest.raises(NonFiniteError, match="iteration 4: reward is not finite at roll-out 1, step 3"):
        learner.iterate(4, 0.0)


def test_an_agent_without_candidates_is_named() -> None:
    learner = learner_of("mappo", Broken(QUEUES, "mask"), rollouts=2)
    with pytest.raises(InputError, match="agent 1 is active without an allowed candidate at roll-out 0, step 2"):
        learner.iterate(0, 0.0)


def test_idle_agents_may_be_without_candidates() -> None:
    rollout = played()
    masked = replace(rollout, seen=replace(rollout.seen, mask=rollout.seen.mask & rollout.active[..., None]))
    check_choices(masked)
    with pytest.raises(InputError, match="without an allowed candidate"):
        check_choices(replace(masked, active=torch.ones_like(rollout.active)))


def test_parameters_that_are_not_finite_stop() -> None:
    learner = learner_of("mappo", rollouts=2)
    with torch.no_grad():
        learner.actors[0].leaf[1, 2] = torch.nan
    with pytest.raises((NonFiniteError, InputError)):
        learner.iterate(0, 0.0)


@pytest.mark.parametrize(("method", "alpha"), [("dgpg", "adaptive"), ("ippo", None), ("happo", None)])
def test_state_and_load_bring_everything_back_bit_for_bit(method: str, alpha: str | None) -> None:
    """A snapshot stays what it was while the learner goes on, and can be loaded more than once."""
    learner, rollout = learner_of(method, rollouts=2, alpha=alpha), played()
    for index in range(3):
        learner.iterate(index, 0.0)
    assert learner.critics is not None
    snapshot, values = learner.state(), learner.critics.networks[0](rollout)
    expected = [learner.iterate(3, 0.5), learner.state()["actor"].tolist()]
    for _ in range(2):
        other = learner_of(method, rollouts=2, alpha=alpha)
        other.load(snapshot)
        assert other.critics is not None
        assert torch.equal(other.critics.networks[0](rollout), values), "normaliser included"
        assert [other.iterate(3, 0.5), other.state()["actor"].tolist()] == expected


def test_noise_of_an_iteration_depends_on_seed_and_index_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    noises: dict[tuple[int, int], Noise] = {}
    for seed in (0, 1):
        for method in ("mappo", "guidance_only"):
            learner = learner_of(method, seed=seed, rollouts=2)
            watch = Watch(monkeypatch, learner)
            for index in (0, 1):
                learner.iterate(index, 0.0)
                noise = watch.rollouts[-1].noise
                known = noises.setdefault((seed, index), noise)
                assert torch.equal(known.environment, noise.environment) and torch.equal(known.agents, noise.agents)
            monkeypatch.undo()
    different = list(noises.values())
    for k, one in enumerate(different):
        for other in different[:k]:
            assert not torch.equal(one.environment, other.environment) and not torch.equal(one.agents, other.agents)


def test_generators_are_explicit() -> None:
    """The global state is neither read nor changed by an iteration."""
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        state = torch.random.get_rng_state()
        learner = learner_of("happo", rollouts=2, minibatches=2)
        learner.iterate(0, 0.0)
        assert torch.equal(state, torch.random.get_rng_state())
        found.append(learner.actors[0].leaf.clone())
    assert torch.equal(found[0], found[1])
