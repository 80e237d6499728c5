"""ResourceGame: what follows from z, phi, kappa, x0, x~ and W alone, on an instance written here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.contracts import check_system
from dgpg_verify.core import Influence, InputError, draw_noise
from dgpg_verify.oracles import enumerate_moments
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.rollouts.counterfactual import restep_rewards
from dgpg_verify.systems.resource_game import HEURISTICS, ResourceGame, check_additions
from dgpg_verify.training.evaluation import heuristic_act
from tests.systems.enumerated import check_credits


@dataclass(frozen=True, eq=False)
class Shop(ResourceGame):
    """phi = |x|^power; four coordinates, two slots."""

    index: Tensor
    value: Tensor
    idle: Tensor
    power: Tensor
    reference_state: Tensor
    kappa: Tensor | None = None
    weights: Tensor | None = None
    there: Tensor | None = None
    recipe: dict[str, Any] | None = None

    kind = "shop"

    @cached_property
    def additions(self) -> Influence:
        return Influence(self.index, self.value)

    @property
    def idle_state(self) -> Tensor:
        return self.idle

    @property
    def action_costs(self) -> Tensor | None:
        return self.kappa

    @property
    def distance_weights(self) -> Tensor | None:
        return self.weights

    @property
    def allowed(self) -> Tensor | None:
        return self.there

    def coordinate_costs(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        return x.abs() ** (self.power if at is None else self.power[at])


def shop(seed: int = 0, n: int = 3, k: int = 3, **changes: Any) -> Shop:
    """Random z on 4 coordinates, one slot of agent 0's first action unused."""
    rng = np.random.default_rng(seed)
    index = torch.as_tensor(np.array([[rng.permutation(4)[:2] for _ in range(k)] for _ in range(n)]))
    value = torch.as_tensor(rng.normal(1.0, 0.5, (n, k, 2)))
    index[0, 0], value[0, 0, 1] = torch.tensor([2, 2]), 0.0
    vectors = {name: torch.as_tensor(rng.normal(0.0, 1.0, 4)) for name in ("idle", "reference_state")}
    parts = {
        "index": index, "value": value, **vectors, "power": torch.tensor([1.0, 2.0, 3.0, 2.5], dtype=torch.float64),
        "kappa": torch.as_tensor(rng.normal(0.0, 1.0, (n, k))),
        "weights": torch.tensor([1.0, 0.25, 0.0, 4.0], dtype=torch.float64),
    }  # fmt: skip
    return Shop(**{**parts, **changes})


def test_a_step_by_hand() -> None:
    """Agents add 2 and 3 to coordinate 1 and pay 10 and 20; z is shown in the norm of W = 1/4."""
    one = torch.ones(1, 4, dtype=torch.float64)
    game = shop(index=torch.tensor([[[1]], [[1]]]), value=torch.tensor([[[2.0]], [[3.0]]]).double(), idle=one[0],
                kappa=torch.tensor([[10.0], [20.0]]).double(), reference_state=2.0 * one[0])  # fmt: skip
    state = game.start(torch.empty(1, 1, 0))
    both = game.step(state, torch.tensor([[0, 0]]))
    assert float(both.reward) == -(1.0 + 36.0 + 1.0 + 1.0) - 30.0
    assert both.x.tolist() == [[1.0, 3.0, 0.0, 2.0]] and both.x_observed.tolist() == [[1.0, 0.5, 0.0, 2.0]]
    assert both.reference.tolist() == [[2.0, 1.0, 0.0, 4.0]]
    assert both.influence.value.tolist() == [[[1.0], [1.5]]] and game.influence(
        torch.tensor([[0, -1]])
    ).value.tolist() == [[[2.0], [0.0]]]
    assert game.removal_rewards(state, torch.tensor([[0, 0]])).tolist() == [[-39.0, -22.0]]
    assert float(game.step(state, torch.tensor([[-1, -1]])).reward) == -4.0


@pytest.mark.parametrize("changes", [{}, {"kappa": None}, {"weights": None}, {"kappa": None, "weights": None}])
@pytest.mark.parametrize("seed", range(5))
def test_credits_have_the_moments_of_their_definitions(seed: int, changes: dict[str, Any]) -> None:
    """The credits played on every profile, against enumeration that takes agents out and reads G with its weights."""
    game = shop(seed, **changes)
    check_system(game)
    check_credits(game, wrong=replace(game, value=1.01 * game.value), seed=seed)


@pytest.mark.parametrize("wrong", ["weights", "reference"])
def test_a_wrong_game_would_be_seen(wrong: str) -> None:
    """Control of the test above: the guidance of a game with a wrong W or reference has other moments."""
    game = shop(0)
    changes: dict[str, Any] = {
        "weights": {"weights": None},
        "reference": {"reference_state": game.reference_state + 0.01},
    }[wrong]
    uniform = np.full((3, 3), 1.0 / 3.0)
    right, other = (
        enumerate_moments(g, uniform, ["guidance"])["guidance"].mean for g in (game, replace(game, **changes))
    )
    assert np.abs(right - other).max() > 1e-4


@pytest.mark.parametrize("seed", range(5))
def test_removal_equals_a_step_without_the_agent(seed: int) -> None:
    game = shop(seed, n=6)
    policy = make_policy("uniform", game)
    rollout = collect(game, policy, draw_noise(seed, 0, game, policy, 16), keep_states=True)
    assert rollout.states is not None
    closed = game.removal_rewards(rollout.states[0], rollout.actions[:, 0])
    torch.testing.assert_close(closed, restep_rewards(rollout, 0, torch.full_like(rollout.actions[:, 0], -1)))


def test_actions_that_are_not_there_are_never_played() -> None:
    there = torch.tensor([[True, False, True], [True, True, True], [False, False, True]])
    game = shop(there=there)
    check_system(game)
    assert torch.equal(game.observe(game.start(torch.empty(2, 1, 0))).mask[1], there)
    policy = make_policy("uniform", game)
    rollout = collect(game, policy, draw_noise(0, 0, game, policy, 64))
    assert set(rollout.actions[:, 0, 0].tolist()) == {0, 2} and set(rollout.actions[:, 0, 2].tolist()) == {2}
    assert float(game.features[2, 0].abs().max()) == 0.0


def test_heuristics_choose_what_they_say() -> None:
    """One coordinate with phi = x^2, x0 = 0, x~ = 3: alone the smaller z is cheaper, on top of x~ the negative one."""
    index, value = torch.zeros(2, 2, 1, dtype=torch.int64), torch.tensor([[[1.0], [-2.0]]] * 2).double()
    zero, three = torch.zeros(4, dtype=torch.float64), torch.full((4,), 3.0, dtype=torch.float64)
    game = shop(index=index, value=value, idle=zero, reference_state=three, kappa=None, weights=None,
                power=torch.full((4,), 2.0).double())  # fmt: skip
    seen = game.observe(game.start(torch.empty(2000, 1, 0)))
    noise = torch.linspace(0.0005, 0.9995, 2000, dtype=torch.float64)[:, None, None].expand(2000, 2, 1)
    shares = {name: heuristic_act(game, name)(seen, noise).double().mean().item() for name in HEURISTICS}
    assert shares["greedy"] == 0.0 and shares["best_response"] == 1.0 and shares["random"] == pytest.approx(0.5)
    chance = np.exp(-np.array([1.0, 4.0]) / np.sqrt(8.5))  # costs alone 1 and 4, root mean square sqrt(17/2)
    assert shares["proportional"] == pytest.approx(chance[1] / chance.sum(), abs=1e-3)
    np.testing.assert_allclose(game.features[0, :, 2].numpy(), np.array([3.0, -6.0]) / np.sqrt(22.5))
    with pytest.raises(InputError, match="heuristic"):
        game.heuristic_scores("best_fit", seen)


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"index": torch.full((3, 3, 2), 4)}, "coordinate 4"),
     ({"index": torch.zeros(3, 3, 2, dtype=torch.int64)}, "twice"),
     ({"value": torch.full((3, 3, 2), float("nan")).double()}, "finite"), ({"value": torch.zeros(3, 3)}, "must be"),
     ({"index": torch.full((3, 3, 2), -1)}, "coordinate")],
)  # fmt: skip
def test_impossible_additions_are_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        check_additions(shop(**changes))


def test_another_reference_leaves_the_rest() -> None:
    game = shop()
    moved = game.with_reference(torch.zeros(4))
    assert moved.reference_state.tolist() == [0.0] * 4 and moved.idle is game.idle and type(moved) is Shop
