"""DC optimal flow: two buses by hand, the conditions of an optimum, slow general solvers, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import LinearConstraint, minimize

from dgpg_verify.core import InputError
from dgpg_verify.systems import PowerDispatch
from dgpg_verify.systems.power.lines import Wires
from dgpg_verify.systems.power.optimal_flow import OptimalFlow, optimal_flow
from dgpg_verify.systems.power.power_dispatch import dispatch
from tests.oracles.games.prices import dispatch_residual, market_residual, penalty_prices

KEPT = 1e-8
TWO = np.array([0.1, 0.2]), np.array([10.0, 13.0]), np.zeros(2), np.array([100.0, 60.0])  # q, b, least, most


def flow_of(game: PowerDispatch, beta: float) -> tuple[OptimalFlow, Wires]:
    """The solver's answer for a game's own numbers."""
    assert game.transfer is not None and game.limits is not None
    wires = Wires(game.transfer.numpy(), game.limits.numpy())
    levels = game.levels.numpy()
    parts = game.quadratic.numpy(), game.linear.numpy(), levels.min(1), levels.max(1), float(game.demand)
    return optimal_flow(*parts, wires, beta), wires


def test_a_full_line_by_hand() -> None:
    """Alone 0.1 p + 10 = 0.2 r + 13 and p + r = 90 give 70 and 20. With 50 MW of the cheap one's way to the load, 50
    and 40: worth 15 at one end and 21 at the other; the line is worth the difference."""
    wires = Wires(np.array([[1.0, 0.0]]), np.array([50.0]))
    found = optimal_flow(*TWO, 90.0, wires, np.inf)
    assert found.output.tolist() == pytest.approx([50.0, 40.0], abs=1e-8)
    assert found.price == pytest.approx(21.0, abs=1e-7) and found.line_price.tolist() == pytest.approx([6.0], abs=1e-7)
    reverse = optimal_flow(*TWO, 90.0, Wires(-wires.transfer, wires.limit), np.inf)
    assert reverse.line_price.tolist() == pytest.approx([-6.0], abs=1e-7)


@pytest.mark.parametrize("beta", [0.3, np.inf])
def test_lines_with_room_change_nothing(beta: float) -> None:
    found = optimal_flow(*TWO, 90.0, Wires(np.array([[1.0, 0.0]]), np.array([99.0])), beta)
    np.testing.assert_allclose(found.output, dispatch(*TWO, 90.0, beta), rtol=1e-9)
    assert found.line_price.tolist() == pytest.approx([0.0], abs=1e-9)


@pytest.mark.parametrize("n", [2, 5, 60])
@pytest.mark.parametrize("beta", [0.01, 1.0, 100.0])
def test_the_optimum_has_one_incremental_cost_at_every_place(n: int, beta: float, seed: int) -> None:
    """The price where a generator is, of what is lacking and of what lines carry above their limits; with 1 % more
    output of every generator it would be wrong by more than 1e-3."""
    game = PowerDispatch.random(n, seed, beta=beta, lines=True)
    output = game.reference_state[:n].numpy()
    assert dispatch_residual(game, output, penalty_prices(game, output)) < KEPT * max(1.0, beta)
    assert dispatch_residual(game, 1.01 * output, penalty_prices(game, 1.01 * output)) > 1e-3 * min(1.0, beta)
    flow = game.transfer @ game.reference_state[:n]  # type: ignore[operator]
    torch.testing.assert_close(game.reference_state[n + 1 :], flow, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("n", [3, 5, 60])
def test_the_balanced_optimum_keeps_every_limit(n: int, seed: int) -> None:
    """Prices of the demand and of full lines make up the incremental cost at every generator."""
    game = PowerDispatch.random(n, seed, reference="balanced", lines=True)
    found, wires = flow_of(game, np.inf)
    output, flow = game.reference_state[:n].numpy(), game.reference_state[n + 1 :].numpy()
    np.testing.assert_allclose(found.output, output, rtol=0.0, atol=1e-12)
    assert output.sum() == pytest.approx(float(game.demand), abs=1e-8)
    assert market_residual(wires.limit, flow, found.line_price) < KEPT
    prices = (found.price - found.line_price @ wires.transfer).tolist()
    assert dispatch_residual(game, output, prices) < KEPT
    assert market_residual(0.99 * wires.limit, flow, found.line_price) > 1e-4 or n == 3


def cost(game: PowerDispatch, output: Any, beta: float) -> float:
    """Written out once more: fuel, and beta/2 of the squares of the lack and of what lines carry above their limits."""
    assert game.transfer is not None and game.limits is not None
    fuel = (0.5 * game.quadratic.numpy() * output + game.linear.numpy()) @ output
    over = np.maximum(np.abs(game.transfer.numpy() @ output) - game.limits.numpy(), 0.0)
    return float(fuel + 0.5 * beta * (over @ over + (output.sum() - float(game.demand)) ** 2))


@pytest.mark.parametrize("beta", [0.5, 5.0])
def test_a_slow_general_solver_finds_no_better_penalised_dispatch(beta: float, seed: int) -> None:
    game = PowerDispatch.random(6, seed, beta=beta, lines=True)
    levels = game.levels.numpy()
    bounds = list(zip(levels.min(1), levels.max(1)))
    slow = minimize(lambda p: cost(game, p, beta), levels.mean(1), method="L-BFGS-B", bounds=bounds,
                    options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 10_000, "maxfun": 10**6})  # fmt: skip
    found = game.reference_state[:6].numpy()
    assert cost(game, found, beta) <= slow.fun * (1 + 1e-12)
    assert slow.fun <= cost(game, found, beta) * (1 + 1e-7)
    np.testing.assert_allclose(found, slow.x, atol=1e-2)
    assert -float(game.cost_of(game.reference_state)) == pytest.approx(-cost(game, found, beta), rel=1e-12)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_slow_general_solvers_find_no_better_balanced_dispatch(method: str, seed: int) -> None:
    game = PowerDispatch.random(5, seed, reference="balanced", lines=True)
    assert game.transfer is not None and game.limits is not None
    levels, limit, demand = game.levels.numpy(), game.limits.numpy(), float(game.demand)
    kept = [LinearConstraint(game.transfer.numpy(), -limit, limit), LinearConstraint(np.ones((1, 5)), demand, demand)]
    slow = minimize(lambda p: cost(game, p, 0.0), levels.mean(1), method=method, constraints=kept,
                    bounds=list(zip(levels.min(1), levels.max(1))), tol=1e-10)  # fmt: skip
    found = game.reference_state[:5].numpy()
    assert cost(game, found, 0.0) == pytest.approx(slow.fun, rel=1e-6)
    np.testing.assert_allclose(found, slow.x, atol=1e-3)


def test_generators_without_a_choice_stay_where_they_are() -> None:
    """A third one that must run at 5 takes its share of the line: 45 is left of it."""
    q, b, least, most = (np.append(part, value) for part, value in zip(TWO, (1.0, 90.0, 5.0, 5.0)))
    found = optimal_flow(q, b, least, most, 95.0, Wires(np.array([[1.0, 0.0, 1.0]]), np.array([50.0])), np.inf)
    assert found.output.tolist() == pytest.approx([45.0, 45.0, 5.0], abs=1e-8)
    with pytest.raises(InputError, match="no generator has a choice"):
        optimal_flow(q, b, most, most, 165.0, Wires(np.ones((1, 3)), np.ones(1)), 1.0)


def test_what_cannot_be_met_is_refused() -> None:
    """40 MW over the line and 60 from the other one are all there is."""
    wires = Wires(np.array([[1.0, 0.0]]), np.array([40.0]))
    with pytest.raises(InputError, match=r"demand = 101.0 is not allowed: no outputs meet it within the limits"):
        optimal_flow(*TWO, 101.0, wires, np.inf)
    assert optimal_flow(*TWO, 101.0, wires, 1.0).output[0] > 40.0
    assert optimal_flow(*TWO, 99.0, wires, np.inf).output.tolist() == pytest.approx([40.0, 59.0], abs=1e-8)
