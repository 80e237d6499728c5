"""Inventory: what is conserved, steps by hand, rationing, the heuristics, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from torch import Tensor

from dgpg_verify.contracts import check_credit, check_system
from dgpg_verify.core import InputError, System, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import Inventory, SeparateInventory, make_system, random_inventory
from dgpg_verify.systems.inventory import FEATURES, REFERENCES, StockState
from dgpg_verify.testing import EXACT, inventories, noise_seeds

CREDITS = ("return", "return:to_go", "gae:central", "gae:local", "guidance", "guidance:exact", "guidance:observed",
           "guidance:multi_step", "difference", "difference:replay", "branch")  # fmt: skip
OPTIONS: list[dict[str, Any]] = [
    {},
    {"warehouse": 0.9},
    {"demand": "negative_binomial", "discount": 0.9},
    {"lead_time": 0},
    {"lead_time": 0, "warehouse": 1.5},
    {"reference": "mean_demand"},
]


def two(**parts: Any) -> Inventory:
    """Two retailers with L = 1, K = 6 and T = 3."""
    values = {"rates": [1.0, 2.0], "holding": [1.0, 2.0], "shortage": [10.0, 20.0], "stock": [3.0, 0.0],
              "reference_state": [4.0, 6.0]} | parts  # fmt: skip
    lists: dict[str, Any] = {name: part for name, part in values.items() if isinstance(part, list)}
    tensors: dict[str, Any] = {name: torch.tensor(part, dtype=torch.float64) for name, part in lists.items()}
    rest = {name: part for name, part in values.items() if name not in lists}
    kind = Inventory if "capacity" in rest else SeparateInventory
    return kind(**tensors, **{"lead_time": 1, "n_actions": 6, "horizon": 3, **rest})


def first(system: Inventory) -> StockState:
    """Their first state, with a demand of 1 and 2 in every step."""
    state = system.start(torch.full((1, system.horizon, 2), 0.5, dtype=torch.float64))
    return replace(state, demand=torch.tensor([[[1.0, 2.0]] * system.horizon], dtype=torch.float64))


def orders(*units: int) -> Tensor:
    return torch.tensor([units])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_contract_is_kept_and_every_credit_runs(options: dict[str, Any]) -> None:
    system = make_system("inventory", 4, **{"horizon": 5, **options})
    assert isinstance(system, System)
    check_system(system)
    for name in CREDITS:
        check_credit(make_credit(name), system)


@EXACT
@given(system=inventories(), seed=noise_seeds())
def test_positions_change_by_order_minus_demand(system: Inventory, seed: int) -> None:
    """And nothing is lost on the way: what was shipped arrives L steps later, whoever had to wait for it."""
    policy = make_policy("uniform", system)
    rollout = collect(system, policy, draw_noise(seed, 0, system, policy, 3), keep_states=True)
    assert rollout.states is not None
    net, n = system.stock.expand(3, -1), system.n_agents
    on_the_way = torch.zeros(3, n, dtype=torch.float64)
    for t, state in enumerate(rollout.states):
        ordered = rollout.actions[:, t].double()
        torch.testing.assert_close(rollout.x[:, t, :n], rollout.x_observed[:, t, :n] + ordered)
        after = system.step(state, rollout.actions[:, t])
        following = after.next_state
        torch.testing.assert_close(following.position, state.position + ordered - state.demand[:, t])
        on_the_way = on_the_way + ordered
        arrived = following.net - net + state.demand[:, t]
        on_the_way, net = on_the_way - arrived, following.net
        torch.testing.assert_close(on_the_way, following.on_way.sum(1) + following.waiting)
        assert bool((arrived >= 0).all() and (following.waiting >= 0).all() and (following.on_way >= 0).all())


@EXACT
@given(system=inventories(), seed=noise_seeds())
def test_z_is_exactly_what_an_order_adds_to_x(system: Inventory, seed: int) -> None:
    policy = make_policy("uniform", system)
    noise = draw_noise(seed, 0, system, policy, 2)
    state = system.start(noise.environment)
    actions = policy.act(system.observe(state), noise.agents[:, 0])
    step = system.step(state, actions)
    for agent in range(system.n_agents):
        without = actions.clone()
        without[:, agent] = -1
        z = torch.zeros_like(step.x).scatter_add_(1, step.influence.index[:, agent], step.influence.value[:, agent])
        torch.testing.assert_close(step.x - system.step(state, without).x, z)


@EXACT
@given(system=inventories(warehouse=True), seed=noise_seeds())
def test_a_warehouse_ships_its_capacity_in_proportion(system: Inventory, seed: int) -> None:
    assert system.capacity is not None
    policy = make_policy("uniform", system)
    noise = draw_noise(seed, 0, system, policy, 2)
    state = system.start(noise.environment)
    for t in range(system.horizon):
        actions = policy.act(system.observe(state), noise.agents[:, t])
        outstanding = state.waiting + actions
        shipped = outstanding - system.step(state, actions).next_state.waiting
        total = outstanding.sum(1)
        torch.testing.assert_close(shipped.sum(1), total.clamp(max=float(system.capacity)))
        torch.testing.assert_close(shipped * total[:, None], outstanding * shipped.sum(1, keepdim=True))
        state = system.step(state, actions).next_state


def test_steps_by_hand() -> None:
    """On hand 3 and 0, demand 1 and 2: holding 2 for 1 each, owing 2 at 20 each; the orders of step 0 come in step 1,
    which ends with 2 + 4 - 1 = 5 on hand and -2 + 1 - 2 = 3 owed."""
    system = two()
    zero = system.step(first(system), orders(4, 1))
    assert float(zero.reward) == -(1.0 * 2 + 20.0 * 2)
    assert zero.x_observed.tolist() == [[3.0, 0.0]] and zero.x.tolist() == [[7.0, 1.0]]
    one = system.step(zero.next_state, orders(0, 5))
    assert float(one.reward) == -(1.0 * 5 + 20.0 * 3)
    assert one.x_observed.tolist() == [[6.0, -1.0]] and one.x.tolist() == [[6.0, 4.0]]
    assert not bool(one.done) and bool(system.step(one.next_state, orders(-1, 0)).done)


def test_rationing_by_hand() -> None:
    """6 units for orders of 4 and 8: 2 and 4 leave, 2 and 4 wait; with nothing new they leave in the next step."""
    system = two(capacity=torch.tensor(6.0, dtype=torch.float64), n_actions=9, reference_state=[4.0, 6.0, 1.0])
    step = system.step(first(system), orders(4, 8))
    assert step.next_state.waiting.tolist() == [[2.0, 4.0]] and step.next_state.on_way.tolist() == [[[2.0, 4.0]]]
    assert step.x.tolist() == [[7.0, 8.0, 2.0]]
    assert step.influence.value.tolist() == [[[4.0, 4.0 / 6.0], [8.0, 8.0 / 6.0]]]
    after = system.step(step.next_state, orders(0, -1))
    assert after.x_observed[0, 2] == 1.0 and after.next_state.waiting.tolist() == [[0.0, 0.0]]


def test_without_lead_time_an_order_meets_the_demand_of_its_step() -> None:
    system = two(lead_time=0)
    step = system.step(first(system), orders(0, 2))
    assert float(step.reward) == -2.0 and step.next_state.net.tolist() == [[2.0, 0.0]]


def test_demand_is_that_of_the_uniforms_alone() -> None:
    """The same noise gives the same demand whatever is ordered; other noise gives another."""
    system = make_system("inventory", 5, seed=1)
    policy = make_policy("uniform", system)
    noises = [draw_noise(seed, 0, system, policy, 2).environment for seed in (0, 0, 1)]
    states = [system.start(noise) for noise in noises]
    assert torch.equal(states[0].demand, states[1].demand) and not torch.equal(states[0].demand, states[2].demand)
    assert bool((states[0].demand == states[0].demand.round()).all()) and float(states[0].demand.min()) == 0.0


def test_the_laws_of_a_retailer_do_not_depend_on_their_number() -> None:
    """Mean and mean square of each law within 4 standard errors for 400 retailers, drawn as one system or as 100."""
    one = make_system("inventory", 400, seed=3)
    many = [make_system("inventory", 4, seed=seed) for seed in range(100)]
    for name in ("rates", "holding", "shortage"):
        left, right = getattr(one, name), torch.cat([getattr(system, name) for system in many])
        for power in (1, 2):
            a, b = left**power, right**power
            assert abs(float(a.mean() - b.mean())) < 4.0 * float(((a.var() + b.var()) / 400).sqrt())
    assert {system.n_actions for system in (one, *many)} == {12}


@pytest.mark.parametrize("warehouse", [None, 0.8])
def test_references_are_levels_or_mean_demand_and_the_load_of_the_warehouse(warehouse: float | None) -> None:
    wise, plain = (random_inventory(50, seed=2, warehouse=warehouse, reference=name) for name in REFERENCES)
    mean = 3 * wise.rates
    assert torch.equal(wise.reference_state[:50], wise.levels)
    torch.testing.assert_close(plain.reference_state[:50], mean)
    for system in (wise, plain):
        assert torch.equal(system.levels, wise.levels)  # base-stock ordering is the same whatever guides
        assert torch.equal(system.stock, mean.floor()) and bool((system.stock <= system.levels).all())
        if warehouse is not None:
            assert system.capacity is not None
            assert float(wise.rates.sum() / system.capacity) == pytest.approx(warehouse)
            assert float(system.reference_state[50]) == warehouse


def test_heuristics_order_as_their_names_say() -> None:
    """Levels are 4 and 5 here; mean demand over two steps is 2 and 4. Base-stock orders up to the level; (s, S) waits
    until the position is at most the mean; an order that is too large for K is cut off."""
    system = two(holding=[1.0, 1.0], shortage=[10.0, 2.0])
    assert system.levels.tolist() == [4.0, 5.0]
    state = first(system)
    for stock, base, s_s in (([3.0, 0.0], [1, 5], [0, 5]), ([2.0, 4.0], [2, 1], [2, 1]), ([4.0, 5.0], [0, 0], [0, 0]),
                             ([9.0, -3.0], [0, 5], [0, 5])):  # fmt: skip
        seen = system.observe(replace(state, net=torch.tensor([stock], dtype=torch.float64)))
        assert system.heuristic_scores("base_stock", seen).argmax(-1).tolist() == [base]
        assert system.heuristic_scores("s_S", seen).argmax(-1).tolist() == [s_s]
        assert not bool(system.heuristic_scores("random", seen).any())
    with pytest.raises(InputError, match="it must be one of random, base_stock, s_S"):
        system.heuristic_scores("best_fit", seen)


def test_what_a_retailer_sees() -> None:
    system = two()
    features = system.observe(replace(first(system), on_way=torch.tensor([[[1.0, 0.0]]]), step=1)).features
    columns = dict(zip(FEATURES, features[0, 0].T))
    assert columns["order"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    spread, level = 2.0**0.5, float(system.levels[0])
    torch.testing.assert_close(columns["gap_after"], (4.0 + torch.arange(6.0) - level) / spread)
    assert columns["net"][0] == 1.5 and columns["due"][0] == 1.0 and columns["time"][0] == pytest.approx(1 / 3)


def test_orders_stay_until_half_of_them_is_sold() -> None:
    """Position 3 and demand 1: an order of 4 is half sold after 5 steps. At least one step, no more than are left."""
    system = two(horizon=9)
    state = first(system)
    steps = system.residence_steps(state)[0]
    assert steps[0].tolist() == [0.0, 4.0, 4.0, 5.0, 5.0, 6.0] and steps[1].tolist() == [0.0, 1.0, 1.0, 1.0, 1.0, 2.0]
    assert system.residence_steps(replace(state, step=7))[0, 0].tolist() == [0.0, 2.0, 2.0, 2.0, 2.0, 2.0]


def test_config_rebuilds() -> None:
    system = make_system("inventory", 5, seed=3, warehouse=0.8, demand="negative_binomial", horizon=7, lead_time=1)
    recipe = json.loads(json.dumps(system.config()))
    again: Any = make_system(recipe.pop("system"), **recipe)
    for name in ("rates", "holding", "shortage", "stock", "reference_state", "capacity"):
        assert torch.equal(getattr(again, name), getattr(system, name))
    assert again.n_actions == system.n_actions == 18 and type(again) is Inventory
    json.dumps(two().config())


BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"n_agents": 0}, "n_agents = 0 is not allowed"),
    ({"seed": -1}, "seed = -1 is not allowed"),
    ({"demand": "normal"}, "demand = 'normal' is not allowed: it must be one of poisson, negative_binomial"),
    ({"lead_time": 30}, r"lead_time = 30 is not allowed: it must be an integer in \[0, 29\]"),
    ({"lead_time": -1}, "lead_time = -1 is not allowed"),
    ({"n_orders": 1}, "n_orders = 1 is not allowed: it must be an integer >= 2"),
    ({"horizon": 0}, "horizon = 0 is not allowed"),
    ({"warehouse": 0}, r"warehouse = 0 is not allowed: it must be a finite number in \(0, 10\]"),
    ({"warehouse": "full"}, "warehouse = 'full' is not allowed"),
    ({"reference": "fluid"}, "reference = 'fluid' is not allowed: it must be one of newsvendor, mean_demand"),
    ({"discount": 1.5}, "discount = 1.5 is not allowed"),
]


@pytest.mark.parametrize("options, said", BAD_OPTIONS, ids=str)
def test_bad_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make_system("inventory", **{"n_agents": 3, **options})


BAD_PARTS: list[tuple[dict[str, Any], str]] = [
    ({"rates": [1.0, 0.0]}, r"rates\[1\] = 0.0 is not allowed: it must be finite and > 0"),
    ({"rates": [1.0, 1001.0]}, "largest of rates = 1001.0 is not allowed"),
    ({"holding": [1.0]}, r"holding has shape \(1,\)"),
    ({"shortage": [1.0, float("nan")]}, r"shortage\[1\] = nan"),
    ({"stock": [1.0, float("inf")]}, r"stock\[1\] = inf"),
    ({"reference_state": [4.0, 6.0, 1.0]}, r"reference_state has shape \(3,\): it must be \[M\] = \(2,\)"),
    ({"capacity": torch.tensor(0.0), "reference_state": [4.0, 6.0, 1.0]}, "capacity = 0.0 is not allowed"),
]


@pytest.mark.parametrize("parts, said", BAD_PARTS, ids=str)
def test_bad_parts_are_refused(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        two(**parts)


def test_bad_calls_are_refused() -> None:
    system = two()
    state = first(system)
    for actions, said in ((orders(6, 0), r"action = 6 is not allowed: it must be in \[-1, 5\]"),
                          (orders(-2, 0), "action = -2"), (orders(1), "actions have shape"),
                          (orders(1, 1).double(), "type torch.float64")):  # fmt: skip
        with pytest.raises(InputError, match=said):
            system.step(state, actions)
    with pytest.raises(InputError, match="the roll-out ended after 3 steps"):
        system.step(replace(state, step=3), orders(0, 0))
    with pytest.raises(InputError, match=r"shape \[1, 2, 2\]: it must be \[B, 3, 2\]"):
        system.start(torch.full((1, 2, 2), 0.5))
    with pytest.raises(InputError, match=r"capacity = 5.0 is not allowed: it must be None"):
        SeparateInventory(**vars(two(capacity=torch.tensor(5.0), reference_state=[4.0, 6.0, 1.0])))
