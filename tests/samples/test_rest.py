"""Ascent without noise: its expectations are those of all joint actions, and it rests where nobody can gain."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from dgpg_verify.core import InputError
from dgpg_verify.samples import rest
from dgpg_verify.samples.rest import ExpectedGame, ascend, improved
from dgpg_verify.systems import make_system
from dgpg_verify.systems.resource_game import ResourceGame

GAMES: list[tuple[str, dict[str, Any]]] = [
    ("road_network", {}),
    ("road_network:braess", {"reference": "user_equilibrium"}),
    ("power_dispatch", {"gamma": 0.5}),
    ("rate_control", {}),
    ("rate_control", {"topology": "bottleneck"}),
]


def game(name: str, n: int, **options: Any) -> ResourceGame:
    made = make_system(name, n, 3, **options)
    assert isinstance(made, ResourceGame)
    return made


def everything(made: ResourceGame) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """All joint actions [Q, N], and J, G and the sum of |z|^2 / 2 of each."""
    actions = torch.tensor(list(itertools.product(range(made.n_actions), repeat=made.n_agents)))
    played = made.step(made.start(torch.zeros(len(actions), 1, 0)), actions)
    distance = 0.5 * ((played.x - played.reference) ** 2).sum(1)
    return actions, played.reward, torch.stack([distance, 0.5 * (played.influence.value**2).sum((1, 2))])


@pytest.mark.parametrize(("name", "options"), GAMES)
def test_expectations_are_those_of_all_joint_actions(name: str, options: dict[str, Any]) -> None:
    made = game(name, 4, **options)
    drawn = torch.randn(4, made.n_actions, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    p = torch.softmax(drawn, 1)
    actions, reward, (distance, size) = everything(made)
    chance = torch.stack([p[i, actions[:, i]] for i in range(4)]).prod(0)
    exact, chain = ExpectedGame(made, exact=True), ExpectedGame(made)
    assert float(exact.cost(p)) == pytest.approx(-float(chance @ reward), rel=1e-12)
    assert float(exact.distance(p)) == pytest.approx(float(chance @ distance), rel=1e-12)
    assert float(chain.distance(p)) == pytest.approx(float(chance @ (distance + size)), rel=1e-12)
    if name == "power_dispatch":
        assert bool(exact.quadratic.all())
    if name == "rate_control":
        assert not bool(exact.quadratic.all())


@pytest.mark.parametrize(("name", "options"), GAMES)
def test_the_signal_is_that_of_all_joint_actions(name: str, options: dict[str, Any]) -> None:
    made = game(name, 4, **options)
    actions, reward, _ = everything(made)
    k = made.n_actions
    values = torch.stack([torch.stack([reward[actions[:, i] == a].mean() for a in range(k)]) for i in range(4)])
    wanted = (((values - values.mean(1, keepdim=True)) / k) ** 2).sum(1).mean()
    uniform = torch.full((4, k), 1.0 / k, dtype=torch.float64)
    assert ExpectedGame(made).signal(uniform) == pytest.approx(float(wanted), rel=1e-10)


@pytest.mark.parametrize(("name", "options"), GAMES)
@pytest.mark.parametrize("alpha", [0.0, 0.2, 1.0])
def test_at_rest_nobody_gains_by_another_action(name: str, options: dict[str, Any], alpha: float) -> None:
    made = game(name, 4, **options)
    expected = ExpectedGame(made)
    end = ascend(expected, [alpha])
    p = end.p.clone().requires_grad_()
    [values] = torch.autograd.grad(-(1.0 - alpha) * expected.cost(p) - alpha * expected.distance(p), p)
    gain = values.amax(1) - (end.p * values).sum(1)
    assert end.settled and float(gain.sum()) <= 1e-5 * max(1.0, abs(end.value))


def test_a_run_that_is_cut_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "MOST_STEPS", 2)
    assert not ascend(ExpectedGame(game("power_dispatch", 4)), [0.0]).settled


def test_no_profile_is_better_than_the_improved_one_by_one_change() -> None:
    made = game("power_dispatch", 4)
    actions, reward, _ = everything(made)
    found = improved(made, torch.zeros(4, dtype=torch.int64))
    place = int((reward - found).abs().argmin())
    near = ((actions != actions[place]).sum(1) <= 1).nonzero()[:, 0]
    assert float(reward[near].max()) == pytest.approx(found)


def test_a_game_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "MOST_VALUES", 10)
    with pytest.raises(InputError, match="more than 10 values"):
        ExpectedGame(game("rate_control", 8))
    with pytest.raises(InputError, match="alpha = 2"):
        ascend(ExpectedGame(game("power_dispatch", 4)), [2.0])
