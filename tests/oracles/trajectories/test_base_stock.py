"""Base-stock ordering: levels and costs of one retailer by distribution and by dynamic programme, and as simulated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from dgpg_verify.core import InputError, draw_noise
from dgpg_verify.policies import uniform_policy
from dgpg_verify.rollouts.play import play
from dgpg_verify.systems import random_inventory
from dgpg_verify.systems.inventory.demand import LAWS
from dgpg_verify.training.evaluation import heuristic_act
from tests.oracles.trajectories.base_stock import Retailer, retailers_of

EXACT = 1e-11  # relative: sums of some thousand float64 numbers, demands rarer than 1e-15 left out
PLAIN = Retailer(mean=2.0, demand="poisson", holding=1.0, shortage=9.0, stock=6, lead_time=2, horizon=10, most=60,
                 discount=1.0)  # fmt: skip


@pytest.mark.parametrize("demand", LAWS)
def test_the_law_of_several_steps_is_that_of_their_sum(demand: str) -> None:
    one = replace(PLAIN, demand=demand).chances(1)
    summed = np.convolve(np.convolve(one, one), one)
    several = replace(PLAIN, demand=demand).chances(3)
    np.testing.assert_allclose(several, summed[: len(several)], rtol=0.0, atol=1e-13)


def test_the_cost_of_a_position_has_a_closed_form() -> None:
    """h (S - m) + (h + b) E (D - S)+, where E (D - S)+ of Poisson demand is (m - S) P(D > S) + m P(D = S)."""
    law, mean = stats.poisson(6.0), 6.0
    for level in range(15):
        lack = (mean - level) * law.sf(level) + mean * law.pmf(level)
        assert PLAIN.costs_of([level], 3)[0] == pytest.approx((level - mean) + 10.0 * lack, rel=1e-12)


@pytest.mark.parametrize("demand", LAWS)
@pytest.mark.parametrize("lead_time", [0, 2, 4])
def test_the_level_of_the_system_is_the_cheapest(demand: str, lead_time: int) -> None:
    system = random_inventory(30, seed=4, demand=demand, lead_time=lead_time)
    assert [retailer.best_level() for retailer in retailers_of(system)] == system.levels.tolist()


@pytest.mark.parametrize("demand", LAWS)
@pytest.mark.parametrize("discount", [1.0, 0.9])
def test_the_base_stock_level_is_best_of_all_policies(demand: str, discount: float) -> None:
    """From below the level, and with orders as large as demand can be, the least cost is that of the level in every
    step that an order reaches. One unit more or less costs more: that is what the comparison can see."""
    retailer = replace(PLAIN, demand=demand, discount=discount)
    level = retailer.best_level()
    assert retailer.stock < level
    least = retailer.expected_cost()
    assert retailer.expected_cost(level) == pytest.approx(least, rel=EXACT)
    early = sum(discount**s * retailer.costs_of([6], s + 1)[0] for s in (0, 1))
    each = sum(discount**s for s in range(2, 10)) * retailer.costs_of([level], 3)[0]
    assert early + each == pytest.approx(least, rel=EXACT)
    for other in (level - 1, level + 1):
        assert retailer.expected_cost(other) > least * (1.0 + 1e-4)


def test_from_above_the_level_no_policy_is_better_either() -> None:
    """It orders nothing until demand has taken the stock down; the sum of least costs is then out of reach."""
    retailer = replace(PLAIN, stock=20)
    least = retailer.expected_cost()
    assert retailer.expected_cost(retailer.best_level()) == pytest.approx(least, rel=EXACT)
    early = sum(retailer.costs_of([20], s + 1)[0] for s in (0, 1))
    assert least > early + 8 * retailer.costs_of([retailer.best_level()], 3)[0] + 1.0


@pytest.mark.parametrize("demand", LAWS)
def test_the_largest_order_hardly_ever_binds(demand: str) -> None:
    """At K - 1, which one step's demand exceeds with a chance of at most 1/1000, ordering up to the level costs within
    0.1 % of the best policy with orders up to K - 1, and within 0.1 % of what it costs without a largest order."""
    for retailer in retailers_of(random_inventory(6, demand=demand, horizon=10)):
        level = retailer.best_level()
        assert stats.poisson(4.0).sf(retailer.most) <= 1e-3
        cost = retailer.expected_cost(level)
        assert cost <= retailer.expected_cost() * 1.001
        assert cost <= replace(retailer, most=60).expected_cost(level) * 1.001


def test_two_steps_by_hand() -> None:
    """L = 0, demand at most 1 by a rate so small that more hardly happens: with stock 0 and a large shortage cost the
    best is to hold one unit, ordered at once; it is sold in the first step with chance p, and replaced."""
    p = 1e-6
    retailer = Retailer(p, "poisson", 1.0, 1e9, 0, lead_time=0, horizon=2, most=2, discount=1.0)
    assert retailer.best_level() == 1
    each = (1.0 - p) + 1e9 * p**2 / 2.0  # holding one unit unless it is sold; two demands are one too many
    assert retailer.expected_cost() == pytest.approx(2.0 * each, rel=1e-4)


@pytest.mark.parametrize("demand, lead_time, discount", [("poisson", 2, 1.0), ("negative_binomial", 2, 1.0),
                                                         ("poisson", 0, 0.9)])  # fmt: skip
def test_the_simulated_cost_is_the_expected_one(demand: str, lead_time: int, discount: float) -> None:
    """Base-stock as the heuristic plays it, 2 000 episodes: each test alarms falsely once in a million (4.9 standard
    errors), and the same interval excludes a cost that is off by 5 %."""
    system = random_inventory(5, seed=6, demand=demand, lead_time=lead_time, horizon=12, discount=discount)
    noise = draw_noise(0, 0, system, uniform_policy(system), 2000)
    returns = play(system, heuristic_act(system, "base_stock"), noise).numpy()
    retailers = retailers_of(system)
    expected = sum(retailer.expected_cost(retailer.best_level()) for retailer in retailers)
    error = returns.std(ddof=1) / np.sqrt(len(returns))
    assert abs(-returns.mean() - expected) < 4.9 * error
    assert 4.9 * error < 0.05 * expected


def test_no_policy_that_is_played_costs_less_than_the_least() -> None:
    """Random orders and (s, S) on the same demand as base-stock: above it by far more than noise."""
    system = random_inventory(5, seed=6, horizon=12)
    noise = draw_noise(0, 0, system, uniform_policy(system), 500)
    costs = {name: -play(system, heuristic_act(system, name), noise) for name in system.heuristic_names}
    for name in ("random", "s_S"):
        extra = costs[name] - costs["base_stock"]
        assert float(extra.mean()) > 5.0 * float(extra.std()) / np.sqrt(500)


def test_retailers_that_share_a_warehouse_are_refused() -> None:
    with pytest.raises(InputError, match="system has a warehouse"):
        retailers_of(random_inventory(3, warehouse=0.9))
