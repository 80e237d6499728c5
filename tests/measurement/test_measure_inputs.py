"""Names, bad input and numbers that cannot be measured."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, NonFiniteError, Rollout, draw_noise
from dgpg_verify.measurement import gradients, gradients_of, measure_gradients
from dgpg_verify.policies import TabularPolicy, make_policy
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.testing import SmallQueues

GAME = LoadBalancingGame.random(4, seed=1, n_candidates=3)
POLICY = TabularPolicy(torch.linspace(-1.0, 1.0, 12, dtype=torch.float64).view(4, 3))
quiet = partial(measure_gradients, progress=False)


def test_names_as_asked_and_canonical_both_work() -> None:
    m = quiet(GAME, POLICY, ["guided:0.50", "return:centred"], rollouts=8)
    assert m["guided:0.50"].name == "guided:0.5@return" and m["return:centred"].name == "return"
    assert np.array_equal(m["guided:0.50"].variance, m["guided:0.5@return"].variance)
    assert "guided:0.50" in m and "return" in m and "nonsense" not in m and len(m) == 2
    with pytest.raises(InputError, match="nonsense"):
        m["nonsense"]


def test_systems_and_policies_by_name() -> None:
    m = quiet("load_balancing", "heuristic:random:1", ["return"], agents=5, rollouts=8, seed=2)
    assert m["return"].variance.shape == (5,)
    game = LoadBalancingGame.random(5, seed=2)
    same = quiet(game, make_policy("heuristic:random:1", game, 2), ["return"], rollouts=8, seed=2)
    assert np.array_equal(m["return"].variance, same["return"].variance)


GOOD = {"system": GAME, "policy": POLICY, "credits": ["return"], "rollouts": 8}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"rollouts": 1}, "rollouts"), ({"rollouts": 2.5}, "rollouts"), ({"seed": -1}, "seed"), ({"seed": "x"}, "seed"),
        ({"pick_freeze": -1}, "pick_freeze"), ({"setting": "median"}, "setting"), ({"device": "tpu"}, "device"),
        ({"device": "cudnn"}, "device"), ({"credits": []}, "credits"), ({"credits": ["return", "return"]}, "return"),
        ({"credits": ["return", "return:centred"]}, "more than once"), ({"credits": ["nope"]}, "nope"),
        ({"policy": "nope"}, "nope"), ({"system": "nope"}, "nope"), ({"agents": 9}, "agents"),
        ({"system": "load_balancing", "agents": 0}, "agents"), ({"target": "nope"}, "nope"),
        ({"target": "return:raw"}, "target"), ({"target": np.zeros((3, 3))}, "target"),
        ({"target": np.full((4, 3), np.nan)}, "target"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_any_work(
    changes: dict[str, Any], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_work(*args: Any) -> None:
        raise AssertionError("work was started")

    monkeypatch.setattr(gradients, "calibrate", no_work)
    with pytest.raises(InputError, match=word):
        quiet(**(GOOD | changes))


def test_a_credit_that_is_not_finite_is_named() -> None:
    class Broken:
        name, keeps_states = "broken", False

        def fit(self, pilot: Any) -> Broken:
            return self

        def __call__(self, rollout: Rollout) -> Tensor:
            weights = rollout.active.double()
            weights[1, 0, 2] = float("nan")
            return weights

    with pytest.raises(NonFiniteError, match=r"\[0, 1, 0, 2\]"):
        gradients_of(GAME, POLICY, [Broken()], draw_noise(0, 0, GAME, POLICY, 4))


def test_constant_reward_has_no_signal_and_is_not_measurable() -> None:
    """Control: a reward that does not depend on actions gives variance 0 and no ratio, never a NaN."""
    flat = replace(GAME, weights=torch.zeros_like(GAME.weights))
    m = quiet(flat, POLICY, ["return", "difference"], rollouts=32)
    for name in m:
        assert float(m[name].variance.max()) < 1e-25
        assert m[name].noise_to_signal.value is None or m[name].noise_to_signal.value < 1e-6


@pytest.mark.parametrize("scale, said", [(1e39, "mean of gradients"), (1e200, "covariance of the values of credits")])
def test_moments_too_large_for_a_number_are_named(scale: float, said: str) -> None:
    """They were printed as nan and inf: float32 networks overflow from rewards of 1e39, float64 squares from 1e155."""
    system = Scaled(torch.tensor([[0, 1], [1, 2], [2, 0]]), 3, horizon=3)
    system.scale = scale
    with pytest.raises(NonFiniteError, match=said):
        quiet(system, "mlp", ["return"], rollouts=16)


def test_a_system_in_which_nobody_acts_is_refused() -> None:
    system = Idle(torch.tensor([[0, 1], [1, 2], [2, 0]]), 3, horizon=3)
    with pytest.raises(InputError, match="no agent is active at any step"):
        quiet(system, "uniform", ["return"], rollouts=16)


class Scaled(SmallQueues):
    scale = 1.0

    def step(self, state: Any, actions: Tensor) -> Any:
        after = super().step(state, actions)
        return replace(after, reward=self.scale * after.reward)


class Idle(SmallQueues):
    def observe(self, state: Any) -> Any:
        seen = super().observe(state)
        return replace(seen, active=torch.zeros_like(seen.active))
