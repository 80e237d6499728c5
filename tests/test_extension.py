"""An outside System and an outside Credit plug in through public names alone: no base class, no internals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import Credit, Influence, InputError, Observation, Policy, Rollout, System, Transition
from dgpg_verify.credits import make_credit, register_credit
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.policies import uniform_policy
from dgpg_verify.systems import make_system, register_system


class Lights:
    """n agents switch a light on or off; reward -1/2 (lights on - target)^2, where the target is n / 2."""

    n_actions, horizon, discount, state_size, noise_size = 2, 1, 1.0, 1, 0

    def __init__(self, n_agents: int, seed: int = 0) -> None:
        self.n_agents = n_agents

    def start(self, noise: Tensor) -> Tensor:
        return torch.zeros(len(noise), 1, dtype=torch.float64)

    def observe(self, state: Tensor) -> Observation:
        shape = (len(state), self.n_agents, 2)
        return Observation(torch.zeros(*shape, 1), torch.ones(shape, dtype=torch.bool), torch.ones(shape[:2]).bool())

    def step(self, state: Tensor, actions: Tensor) -> Transition:
        on = actions.clamp(min=0).double()
        x, target = state + on.sum(-1, keepdim=True), torch.full_like(state, self.n_agents / 2)
        z = Influence(torch.zeros(*on.shape, 1, dtype=torch.int64), on[..., None])
        return Transition(state, -0.5 * (x - target)[:, 0] ** 2, state, x, target, z, torch.ones(len(state)).bool())

    def config(self) -> dict[str, Any]:
        return {"system": "lights", "n_agents": self.n_agents}


@dataclass(frozen=True)
class HalfReturn:
    """Half the reward: an outside credit with a mean known from another one."""

    name: str = "half"
    keeps_states: bool = False

    def fit(self, pilot: Sequence[Rollout]) -> HalfReturn:
        return self

    def __call__(self, rollout: Rollout) -> Tensor:
        return 0.5 * rollout.reward[..., None] * rollout.active


class Biased:
    """An outside policy: every agent switches its light on with probability sigmoid(theta_i)."""

    sharing, noise_size = "independent", 1

    def __init__(self, theta: Tensor) -> None:
        self.parameters = theta[:, None]

    def act(self, seen: Observation, noise: Tensor) -> Tensor:
        return (noise[..., 0] < torch.sigmoid(self.parameters[:, 0])).long()

    def log_prob(self, seen: Observation, actions: Tensor) -> Tensor:
        return -torch.nn.functional.softplus(torch.where(actions == 1, -1.0, 1.0) * self.parameters[:, 0])

    def score_products(self, rollout: Rollout, weights: Tensor) -> Tensor:
        score = rollout.actions - torch.sigmoid(self.parameters[:, 0])
        return torch.einsum("cbtn,btn->cbn", weights, score)[..., None]


def test_the_outsiders_satisfy_the_protocols() -> None:
    assert isinstance(Lights(3), System) and isinstance(HalfReturn(), Credit)
    assert isinstance(Biased(torch.zeros(3, dtype=torch.float64)), Policy)


def test_an_outside_system_is_measured_with_every_kind_of_credit() -> None:
    """Difference rewards without a closed form, branches, critics, guidance and mixtures all work on it."""
    names = ["return", "return:raw", "return:to_go", "difference", "branch", "gae:central", "gae:local", "guidance",
             "guidance:exact", "guided:0.5@gae:central", "normalised@return"]  # fmt: skip
    m = measure_gradients(Lights(4), "uniform", names, rollouts=64, pick_freeze=8, progress=False)
    for name in names:
        assert m[name].variance.shape == (4,) and bool(np.isfinite(m[name].variance).all())
    # guidance:exact is the difference reward of d, and here -d is the reward: the same number for the light's owner
    np.testing.assert_allclose(m["guidance:exact"].variance, m["difference"].variance, rtol=1e-9)


def test_an_outside_credit_as_an_object_by_name_and_as_a_base() -> None:
    register_credit("half", lambda argument, base: HalfReturn())
    half, whole = "half", "return:raw"
    m = measure_gradients(Lights(3), "uniform", [HalfReturn(), whole], rollouts=32, progress=False)
    np.testing.assert_allclose(m[half].mean, 0.5 * m[whole].mean, rtol=1e-12)
    np.testing.assert_allclose(m[half].variance, 0.25 * m[whole].variance, rtol=1e-12)
    named = measure_gradients(Lights(3), "uniform", ["half", "guided:0@half"], rollouts=32, progress=False)
    assert np.array_equal(named["half"].variance, m["half"].variance)
    np.testing.assert_allclose(named["guided:0@half"].variance, named["half"].variance, rtol=1e-12)
    assert isinstance(make_credit("half"), HalfReturn)
    with pytest.raises(InputError, match="half"):
        register_credit("half", lambda argument, base: HalfReturn())


def test_an_outside_policy_is_measured() -> None:
    """grad J of the lights is known: J = -1/2 [sum p(1 - p) + (sum p - n/2)^2], p = sigmoid(theta)."""
    theta = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    p = torch.sigmoid(theta)
    exact = (-(0.5 * (1 - 2 * p) + p.sum() - 1.5) * p * (1 - p))[:, None].numpy()
    m = measure_gradients(Lights(3), Biased(theta), ["difference"], rollouts=4096, target=exact, progress=False)
    error = np.sqrt(m["difference"].variance / 4096)
    assert (np.abs(m["difference"].mean[:, 0] - exact[:, 0]) < 4.5 * error).all()  # false-alarm rate 2e-5
    assert not (np.abs(m["difference"].mean[:, 0] - 2 * exact[:, 0]) < 4.5 * error).all()  # control


def test_an_outside_system_by_name() -> None:
    register_system("lights", Lights)
    assert isinstance(make_system("lights", 3), Lights)
    m = measure_gradients("lights", uniform_policy(Lights(3)), ["return"], agents=3, rollouts=8, progress=False)
    assert m["return"].variance.shape == (3,)
    with pytest.raises(InputError, match="taken"):
        register_system("lights", Lights)
