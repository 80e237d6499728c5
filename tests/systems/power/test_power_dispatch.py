"""PowerDispatch: equal incremental cost, a closed form, credits against enumeration in every unit of the balance."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.contracts import check_system
from dgpg_verify.core import InputError
from dgpg_verify.systems import PowerDispatch, make_system
from dgpg_verify.systems.power.power_dispatch import dispatch
from tests.oracles.games.prices import dispatch_residual
from tests.systems.enumerated import check_credits


@pytest.mark.parametrize("n", [1, 3, 40, 500])
@pytest.mark.parametrize("beta", [0.01, 1.0, 100.0])
def test_the_optimum_has_one_incremental_cost(n: int, beta: float) -> None:
    """The price is beta times the lack; with 1 % more output it would be wrong by more than 1e-3."""
    game = PowerDispatch.random(n, seed=n, beta=beta)
    output, lack = game.reference_state[:-1].numpy(), -float(game.reference_state[-1])
    assert lack == pytest.approx(float(game.demand) - output.sum(), abs=1e-9)
    assert dispatch_residual(game, output, beta * lack) < 1e-9 * max(1.0, beta)
    assert dispatch_residual(game, 1.01 * output, beta * lack) > 1e-3


@pytest.mark.parametrize("n", [1, 40])
def test_the_balanced_dispatch_meets_the_demand(n: int) -> None:
    game = PowerDispatch.random(n, seed=5, reference="balanced")
    output = game.reference_state[:-1].numpy()
    assert output.sum() == pytest.approx(float(game.demand), rel=1e-12)
    assert float(game.reference_state[-1]) == pytest.approx(0.0, abs=1e-9)
    inside = [(q * p + b) for p, q, b, levels in zip(output, game.quadratic.tolist(), game.linear.tolist(),
              game.levels.tolist()) if min(levels) + 1e-9 < p < max(levels) - 1e-9]  # fmt: skip
    assert dispatch_residual(game, output, inside[0]) < 1e-9


def test_without_limits_the_price_has_a_closed_form() -> None:
    """price = beta (D + sum b / q) / (1 + beta sum 1 / q), output = (price - b) / q."""
    rng = np.random.default_rng(0)
    q, b, demand, beta = rng.uniform(0.5, 2.0, 20), rng.uniform(1.0, 3.0, 20), 30.0, 0.7
    price = beta * (demand + (b / q).sum()) / (1.0 + beta * (1.0 / q).sum())
    found = dispatch(q, b, np.full(20, -1e3), np.full(20, 1e3), demand, beta)
    np.testing.assert_allclose(found, (price - b) / q, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "options",
    [{}, {"normalised": True}, {"gamma": 1.5}, {"normalised": True, "gamma": 1.0}, {"lines": True},
     {"lines": True, "gamma": 2.0, "reference": "optimum"}],
)  # fmt: skip
def test_credits_have_the_moments_of_their_definitions(options: dict[str, Any]) -> None:
    game = PowerDispatch.random(4, seed=1, n_levels=3, **{"reference": "balanced", **options})
    check_system(game)
    check_credits(game, wrong=replace(game, levels=1.01 * game.levels))


def test_units_and_weights_of_the_balance_change_the_distance_alone() -> None:
    """The reward is the same in all; the balance pulls by W / unit^2 of what it does in plain units."""
    plain = PowerDispatch.random(6, seed=2, reference="balanced")
    state, actions = plain.start(torch.empty(1, 1, 0)), torch.tensor([[0, 1, 2, 3, 4, 0]])
    first = plain.step(state, actions)
    for options, factor in (({"normalised": True}, float(plain.demand) ** -2), ({"gamma": 2.0}, 6.0**-2)):
        step = PowerDispatch.random(6, seed=2, reference="balanced", **options).step(state, actions)  # type: ignore[arg-type]
        torch.testing.assert_close(step.reward, first.reward)
        torch.testing.assert_close(step.influence.value[..., 0], first.influence.value[..., 0])
        pulls = [(s.x - s.reference)[0, -1] * s.influence.value[0, :, 1] for s in (first, step)]
        torch.testing.assert_close(pulls[1], factor * pulls[0])


def test_a_step_by_hand() -> None:
    """Outputs 1 and 2 for a demand of 4: fuel (1/2 + 3) + (2 + 2), half a square of the lack of 1."""
    values = {"levels": [[1.0], [2.0]], "quadratic": [1.0, 1.0], "linear": [3.0, 1.0], "demand": 4.0, "beta": 1.0,
              "unit": 1.0, "balance_weight": 1.0, "reference_state": [1.0, 2.0, 0.0]}  # fmt: skip
    game = PowerDispatch(**{name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()})  # type: ignore[arg-type]
    state, both = game.start(torch.empty(1, 1, 0)), torch.zeros(1, 2, dtype=torch.int64)
    assert float(game.step(state, both).reward) == -8.0
    assert game.removal_rewards(state, both).tolist() == [[-(4.0 + 2.0), -(3.5 + 4.5)]]
    assert float(game.step(state, torch.full((1, 2), -1)).reward) == -8.0  # nothing but a lack of 4


def test_lines_come_behind_what_there_is_without_them() -> None:
    """The same generators, balance and G of these; nothing in the configuration of a game without lines."""
    plain, wired = (PowerDispatch.random(6, seed=2, lines=lines) for lines in (False, True))
    state, actions = plain.start(torch.empty(1, 1, 0)), torch.tensor([[4, 1, 2, 3, 4, 0]])
    first, second = (game.step(state, actions) for game in (plain, wired))
    assert wired.n_lines == 7 and torch.equal(second.x[:, :7], first.x) and float(second.reward) < float(first.reward)
    assert torch.equal(second.influence.value[..., :2], first.influence.value)
    assert "lines" not in plain.config() and wired.config()["lines"] is True
    outputs = wired.levels.gather(1, actions.T)[:, 0]
    torch.testing.assert_close(second.x[0, 7:], wired.transfer @ outputs)  # type: ignore[operator]
    over = (second.x[0, 7:].abs() - wired.limits).clamp(min=0.0)  # type: ignore[operator]
    assert float(second.reward) == pytest.approx(float(first.reward) - 0.5 * float((over**2).sum()), rel=1e-12)


def test_a_step_with_a_line_by_hand() -> None:
    """As above, the first generator's 1 flowing over a line of 3/4 backwards, and half of the second's 2 forwards: 0
    together; alone a quarter too much either way, 1/32."""
    values = {"levels": [[1.0], [2.0]], "quadratic": [1.0, 1.0], "linear": [3.0, 1.0], "demand": 4.0, "beta": 1.0,
              "unit": 1.0, "balance_weight": 1.0, "reference_state": [1.0, 2.0, 0.0, 0.0],
              "transfer": [[-1.0, 0.5]], "limits": [0.75]}  # fmt: skip
    game = PowerDispatch(**{name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()})  # type: ignore[arg-type]
    state, both = game.start(torch.empty(1, 1, 0)), torch.zeros(1, 2, dtype=torch.int64)
    assert float(game.step(state, both).reward) == -8.0
    assert game.removal_rewards(state, both).tolist() == [[-(4.0 + 2.0 + 1 / 32), -(3.5 + 4.5 + 1 / 32)]]
    with pytest.raises(InputError, match=r"transfer \(1, 2\) and limits None do not fit"):
        replace(game, limits=None)
    with pytest.raises(InputError, match=r"limits\[0\] = 0.0 is not allowed"):
        replace(game, limits=torch.zeros(1))


def test_config_rebuilds_and_bad_values_are_refused() -> None:
    for lines in (False, True):
        game = PowerDispatch.random(5, seed=3, n_levels=4, gamma=0.5, normalised=True, lines=lines)
        recipe = json.loads(json.dumps(game.config()))
        again: Any = make_system(recipe.pop("system"), **recipe)
        assert torch.equal(again.levels, game.levels) and torch.equal(again.reference_state, game.reference_state)
        assert again.n_lines == game.n_lines == 5 * lines
    for options, word in (({"n_agents": 0}, "n_agents"), ({"n_levels": 1}, "n_levels"), ({"beta": -1.0}, "beta"),
                          ({"gamma": -0.5}, "gamma"), ({"reference": "merit"}, "optimum, balanced"),
                          ({"normalised": "maybe"}, "normalised"), ({"lines": 2}, "lines = '2'"),
                          ({"lines": True, "n_agents": 1}, "n_agents with lines = 1")):  # fmt: skip
        with pytest.raises(InputError, match=word):
            PowerDispatch.random(**{"n_agents": 3, **options})
    with pytest.raises(InputError, match="linear has shape"):
        replace(game, linear=torch.ones(2))
