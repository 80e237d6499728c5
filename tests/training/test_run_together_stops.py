"""What train_together() refuses before anything is played, and how it stops at numbers that are not finite."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, NonFiniteError, Transition
from dgpg_verify.systems import CloudScheduling, LoadBalancingGame
from dgpg_verify.training import evaluation
from dgpg_verify.training import learner as learner_module
from dgpg_verify.training.fleets import FleetLearner
from dgpg_verify.training.updates import rules as updates
from tests.training.tools import FLEETS, QUEUES, N, T, joint_learner, together

# refusals

GAME = LoadBalancingGame.random(N, seed=0)
SMALL, SHORT = CloudScheduling(N - 1, seed=0, horizon=T), CloudScheduling(N, seed=0, horizon=T - 1)
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a seed too few": ({"seeds": (1, 2)}, r"seeds = \[1, 2\] is not allowed for 3 fleets"),
    "a seed too many": ({"seeds": (1, 2, 3, 4)}, r"seeds = \[1, 2, 3, 4\] is not allowed for 3 fleets"),
    "a seed for all": ({"seeds": (0,)}, r"seeds = \[0\] is not allowed for 3 fleets"),
    "a negative seed": ({"seeds": (1, -2, 3)}, "seed = -2"),
    "no fleets but games": ({"fleets": [GAME] * 3}, "system = LoadBalancingGame is not allowed"),
    "a queue among them": ({"fleets": [*FLEETS[:2], QUEUES]}, "system = SmallQueues is not allowed"),
    "two sizes": ({"fleets": [*FLEETS[:2], SMALL]}, "system 2 differs from the first in n_agents, n_candidates"),
    "two horizons": ({"fleets": [FLEETS[0], SHORT, FLEETS[1]]}, "system 1 differs from the first in horizon"),
    "alpha without guidance": ({"alpha": 0.5}, "alpha = 0.5 is not allowed with method 'mappo'"),
    "alpha above 1": ({"method": "dgpg", "alpha": 1.5}, "alpha = '?1.5"),
    "no multiple": ({"rollouts": 3}, "episodes = 4 is not allowed: it must be a multiple of rollouts = 3"),
    "one roll-out": ({"method": "reinforce", "rollouts": 1}, "rollouts = 1 is not allowed with base credit"),
    "shared happo": ({"method": "happo", "sharing": "shared"}, "sharing = 'shared' is not allowed with method 'happo'"),
    "unknown method": ({"method": "mapo"}, "method = 'mapo'"),
    "unknown setting": ({"epoch": 3}, "setting of a run = 'epoch'"),
    "unknown sharing": ({"sharing": "both"}, "sharing = 'both'"),
    "unknown heuristic": ({"method": "imitation", "heuristic": "best"}, "heuristic = 'best'"),
    "zero episodes": ({"episodes": 0}, "episodes = 0"),
    "no workloads": ({"workloads": 0}, "workloads = 0"),
    "evaluate_every": ({"evaluate_every": -1}, "evaluate_every = -1"),
}


class Played(Exception):
    """What a refusal must come before."""


@pytest.fixture
def unplayed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise Played

    for module, name in ((learner_module, "collect"), (evaluation, "play")):
        monkeypatch.setattr(module, name, refuse)


@pytest.mark.usefixtures("unplayed")
@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused_before_anything_is_played(case: str) -> None:
    changes, match = BAD[case]
    with pytest.raises(InputError, match=match) as caught:
        together(**{"method": "mappo", **changes})
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("unplayed")
@pytest.mark.parametrize("method", ["mappo", "guidance_only"])
def test_good_arguments_are_played(method: str) -> None:
    """Control of the test above."""
    with pytest.raises(Played):
        together(method)


def test_no_fleets_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        together("mappo", [], [])


# numbers that are not finite


@pytest.mark.parametrize("sharing", ["independent", "shared"])
@pytest.mark.parametrize("method", ["mappo", "ippo", "dgpg"])
def test_a_credit_that_is_not_finite_is_said_to_be_its_fleets(method: str, sharing: str) -> None:
    learner = joint_learner(method, sharing)
    assert learner.critics is not None
    learner.critics.networks[1].parameters[:, -1] = torch.nan
    with pytest.raises(NonFiniteError, match=r"^iteration 4: fleet 1: credit \[roll-out, step, agent\] = "):
        learner.iterate(4, 0.0)


@pytest.mark.parametrize(
    ("rule", "method"), [("ppo", "mappo"), ("sequential", "happo"), ("plain_gradient", "reinforce")]
)
def test_a_parameter_that_is_not_finite_is_said_to_be_its_fleets(
    rule: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update that ends with a NaN in the last fleet's second agent."""
    learner, real = joint_learner(method), getattr(learner_module, rule)

    def broken(actor: Any, *rest: Any) -> Any:
        found = real(actor, *rest)
        if actor is learner.actors[-1]:
            learner.fleets[2].policy.parameters[1, 3] = torch.nan
        return found

    monkeypatch.setattr(learner_module, rule, broken)
    with pytest.raises(NonFiniteError, match=r"^iteration 4: fleet 2: actor parameter .*1, 3"):
        learner.iterate(4, 0.0)


@dataclass
class Broken:
    """A stack whose reward is NaN at step 3 of the second fleet's first roll-out."""

    inner: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def step(self, state: Any, actions: Tensor) -> Transition:
        moved: Transition = self.inner.step(state, actions)
        if state.step != 3:
            return moved
        return replace(moved, reward=moved.reward.index_fill(0, torch.tensor(2), torch.nan))


@pytest.mark.parametrize("method", ["mappo", "happo", "guidance_only", "reinforce"])
def test_a_nan_reward_stops_the_iteration(method: str) -> None:
    learner = joint_learner(method)
    learner.stack = Broken(learner.stack)  # type: ignore[assignment]
    with pytest.raises(NonFiniteError, match=r"^iteration 4: .*reward is not finite at roll-out"):
        learner.iterate(4, 0.0)


def test_a_nan_reward_is_said_to_be_its_fleets() -> None:
    learner = joint_learner("mappo")
    learner.stack = Broken(learner.stack)  # type: ignore[assignment]
    with pytest.raises(NonFiniteError, match=r"^iteration 4: fleet 1: reward is not finite at roll-out 0, step 3"):
        learner.iterate(4, 0.0)


@pytest.mark.parametrize("rows", [10**6, 40])
@pytest.mark.parametrize(
    ("method", "sharing"),
    [("mappo", "independent"), ("mappo", "shared"), ("happo", "independent"), ("reinforce", "shared")],
)
def test_a_loss_that_is_not_finite_is_said_to_be_its_fleets(
    method: str, sharing: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether all agents are in one block or a few at a time, the busiest first."""
    monkeypatch.setattr(updates, "BLOCK_ROWS", rows)
    learner = joint_learner(method, sharing)
    second, real = learner.fleets[1], FleetLearner.lesson

    def lesson(self: FleetLearner, *given: Any) -> Any:
        taught = real(self, *given)
        weight = taught.decisions.weight * (torch.nan if self is second else 1.0)
        return replace(taught, decisions=replace(taught.decisions, weight=weight))

    monkeypatch.setattr(FleetLearner, "lesson", lesson)
    with pytest.raises(NonFiniteError, match=r"^iteration 4: fleet 1: actor loss is nan"):
        learner.iterate(4, 0.0)
