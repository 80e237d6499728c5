"""The critic's network against one plain network at a time: axes, parameters, scales."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dgpg_verify.core import InputError, Rollout, draw_noise
from dgpg_verify.critics import ValueNetwork, critic_inputs
from dgpg_verify.policies import uniform_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.testing import SmallQueues

QUEUES = SmallQueues(torch.tensor([[0, 1], [2, 1], [1, 0]]), 3, horizon=5)
HIDDEN = 7


def played(seed: int = 0) -> Rollout:
    policy = uniform_policy(QUEUES)
    return collect(QUEUES, policy, draw_noise(seed, 0, QUEUES, policy, 4))


def network(kind: str, copies: int, rollout: Rollout, seed: int = 0, **more: Any) -> ValueNetwork:
    width = critic_inputs(kind, rollout).shape[-1]  # type: ignore[arg-type]
    found = ValueNetwork.random(kind, width, copies, HIDDEN, seed, **more)  # type: ignore[arg-type]
    biased = found.parameters + 0.3 * torch.arange(found.parameters.shape[1]).sin()  # biases that are not 0
    return replace(found, parameters=biased)


def plain_norm(x: NDArray[np.float64], on: bool) -> NDArray[np.float64]:
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) if on else x


def plain_value(flat: NDArray[np.float64], x: NDArray[np.float64], features: bool, layers: bool) -> float:
    """One network on one input: layout W1 [F, H], b1, W2 [H, H], b2, w3 [H], b3; norms of inputs and hidden units."""
    parts, at = [], 0
    for shape in ((len(x), HIDDEN), (HIDDEN,), (HIDDEN, HIDDEN), (HIDDEN,), (HIDDEN,), ()):
        size = int(np.prod(shape, dtype=int))
        parts.append(flat[at : at + size].reshape(shape))
        at += size
    assert at == len(flat)
    w1, b1, w2, b2, w3, b3 = parts
    first = plain_norm(np.tanh(plain_norm(x, features) @ w1 + b1), layers)
    return float(plain_norm(np.tanh(first @ w2 + b2), layers) @ w3 + b3)


@pytest.mark.parametrize(("features", "layers"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(("kind", "copies"), [("central", 1), ("local", 1), ("local", 3)])
def test_values_equal_one_plain_network_for_each_input(kind: str, copies: int, features: bool, layers: bool) -> None:
    rollout = played()
    net = network(kind, copies, rollout, feature_norm=features, layer_norm=layers)
    inputs = critic_inputs(kind, rollout)  # type: ignore[arg-type]
    found = net.normalised(inputs)
    assert found.shape == ((4, 5) if kind == "central" else (4, 5, 3))
    for index in np.ndindex(*found.shape):
        own = net.parameters[index[-1] if copies > 1 else 0].double().numpy()
        expected = plain_value(own, inputs[index].double().numpy(), features, layers)
        assert float(found[index]) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert float(found.std()) > 1e-3


def test_values_are_on_the_rewards_scale() -> None:
    rollout = played()
    net = network("central", 1, rollout)
    normed = replace(net, norm=net.norm.updated(torch.tensor([-110.0, -90.0], dtype=torch.float64)))
    raw, scaled = net(rollout), normed(rollout)
    assert raw.dtype == scaled.dtype == torch.float64
    torch.testing.assert_close(scaled, raw * 10.0 - 100.0)


@pytest.mark.parametrize("kind", ["central", "local"])
def test_inputs_end_with_the_share_of_time_left(kind: str) -> None:
    left = critic_inputs(kind, played())[..., -1]  # type: ignore[arg-type]
    for t in range(5):
        assert left[:, t].unique().tolist() == pytest.approx([1.0 - t / 5])


def test_seeds_and_copies_differ_and_biases_start_at_0() -> None:
    one, again, other = (ValueNetwork.random("local", 4, 3, HIDDEN, seed).parameters for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])
    assert not bool(one[:, 4 * HIDDEN : 5 * HIDDEN].any()) and not bool(one[:, -1].any())


def test_without_asking_nothing_is_normalised() -> None:
    drawn = ValueNetwork.random("local", 4, 3, HIDDEN)
    for net in (drawn, ValueNetwork("local", drawn.parameters, 4, HIDDEN, drawn.norm)):
        assert not net.layer_norm and not net.feature_norm


def test_orthogonal_weights_on_request_only() -> None:
    """The read-out has gain 1: rows of length 1, hidden layers 5 / 3 as for tanh."""
    plain, asked = (ValueNetwork.random("local", 4, 3, HIDDEN, 1, how) for how in ("gaussian", "orthogonal"))
    assert torch.equal(plain.parameters, ValueNetwork.random("local", 4, 3, HIDDEN, 1).parameters)
    w1, w3 = asked.parameters[:, : 4 * HIDDEN].reshape(3, 4, HIDDEN), asked.parameters[:, -HIDDEN - 1 : -1]
    torch.testing.assert_close(w1 @ w1.transpose(1, 2), (25 / 9 * torch.eye(4, dtype=torch.float64)).expand(3, 4, 4))
    torch.testing.assert_close(w3.norm(dim=1), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "centrl"},
        {"hidden": 0},
        {"initialisation": "xavier"},
        {"hidden": 1, "layer_norm": True},
        {"width": 1, "feature_norm": True},
    ],
)
def test_bad_options_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InputError):
        ValueNetwork.random(**{"kind": "central", "width": 3, "copies": 1, **bad})  # type: ignore[arg-type]
