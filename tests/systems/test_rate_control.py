"""RateControl: Kelly's rates against price conditions and a closed form, credits against enumeration, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.contracts import check_system
from dgpg_verify.core import InputError, NonFiniteError
from dgpg_verify.systems import RateControl, make_system
from dgpg_verify.systems.rate_control import TOPOLOGIES, kelly_rates
from tests.oracles.games.prices import bottleneck_load, kelly_residual
from tests.systems.enumerated import check_credits


def rates_of(game: RateControl) -> np.ndarray:
    parts = (game.routes, game.weights, game.capacity, game.penalty, game.rates[:, 2])
    return kelly_rates(*(part.numpy() for part in parts))  # type: ignore[arg-type]


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize(("n", "beta"), [(1, 10.0), (2, 0.1), (30, 10.0), (200, 1e4)])
def test_rates_satisfy_their_prices(topology: str, n: int, beta: float) -> None:
    """1e-9 by the solver's own rule; rates 1 % off violate the conditions by more than 1e-3."""
    game = RateControl.random(n, seed=n, topology=topology, beta=beta)
    rates = rates_of(game)
    assert kelly_residual(game, rates) < 1e-8
    assert kelly_residual(game, 1.01 * rates) > 1e-3
    load = np.zeros(len(game.capacity))
    for route, rate in zip(game.routes.tolist(), rates, strict=True):
        load[[link for link in route if link >= 0]] += rate
    np.testing.assert_allclose(game.reference_state.numpy(), load / game.capacity.numpy(), rtol=1e-12)


def test_a_flow_of_one_link_meets_that_link_alone() -> None:
    """Routes of one and of four links beside each other: what follows a route's end adds nothing and limits nothing."""
    game = RateControl.random(60, seed=4, topology="abilene")
    hops = (game.routes >= 0).sum(1)
    assert int(hops.min()) == 1 and int(hops.max()) >= 4
    assert ((game.additions.value != 0.0).sum(-1) == hops[:, None]).all()
    flows = np.bincount(game.routes[game.routes >= 0].numpy(), minlength=len(game.capacity))
    for route, share in zip(game.routes.tolist(), game.equal_share.tolist(), strict=True):
        assert share == pytest.approx(min(float(game.capacity[link]) / flows[link] for link in route if link >= 0))
    assert torch.equal(game.rates[:, 2], game.equal_share)
    drawn = RateControl.random(20_000, seed=4, topology="abilene")
    load = drawn.step(drawn.start(torch.empty(1, 1, 0)), torch.ones(1, 20_000, dtype=torch.int64)).x
    assert float((drawn.routes >= 0).sum() / drawn.capacity.sum()) == pytest.approx(1.0, abs=0.02), "rate 1 fills them"
    assert load.shape == (1, 28)


def test_the_bottleneck_by_hand() -> None:
    game = RateControl.random(50, seed=2, topology="bottleneck", beta=3.0)
    assert float(game.reference_state) == pytest.approx(bottleneck_load(game.weights.numpy(), 150.0), rel=1e-9)


def test_a_step_by_hand() -> None:
    """Two flows of rates 1 and 2 on a link of capacity 2: load 3/2, penalty 4 / 4; log 2 of weight 3."""
    values = {"weights": [1.0, 3.0], "capacity": [2.0], "penalty": [4.0], "reference_state": [1.0]}
    tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}
    game = RateControl(torch.zeros(2, 1, dtype=torch.int64), rates=torch.tensor([[1.0], [2.0]]).double(), **tensors)
    state, both = game.start(torch.empty(1, 1, 0)), torch.zeros(1, 2, dtype=torch.int64)
    assert float(game.step(state, both).reward) == pytest.approx(-1.0 + 3.0 * np.log(2.0))
    assert game.removal_rewards(state, both)[0].tolist() == pytest.approx([3.0 * np.log(2.0), 0.0])


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_credits_have_the_moments_of_their_definitions(topology: str) -> None:
    game = RateControl.random(4, seed=1, topology=topology)
    check_system(game)
    check_credits(game, wrong=replace(game, rates=1.01 * game.rates))


def test_config_rebuilds_and_bad_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    game = RateControl.random(5, seed=3, topology="bottleneck", beta=2.0)
    recipe = json.loads(json.dumps(game.config()))
    again: Any = make_system(recipe.pop("system"), **recipe)
    assert torch.equal(again.rates, game.rates) and torch.equal(again.reference_state, game.reference_state)
    for options, word in (({"n_agents": 0}, "n_agents"), ({"topology": "ring"}, "fat_tree, abilene"),
                          ({"beta": 0.0}, "beta"), ({"seed": -1}, "seed")):  # fmt: skip
        with pytest.raises(InputError, match=word):
            RateControl.random(**{"n_agents": 3, **options})
    with pytest.raises(InputError, match="penalty has shape"):
        replace(game, penalty=torch.ones(3))
    monkeypatch.setattr("dgpg_verify.systems.rate_control.STEPS", 1)
    with pytest.raises(NonFiniteError, match="excess"):
        RateControl.random(5)
