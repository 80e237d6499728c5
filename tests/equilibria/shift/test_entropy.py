"""The entropy-regularised optimum: certificate, uniqueness, concavity bounds, and the shift law at first order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.derivatives import pair_values, reduce_hessian, tangent_basis
from dgpg_verify.equilibria.games.profiles import action_values, expected
from dgpg_verify.equilibria.games.random_games import random_games
from dgpg_verify.equilibria.games.tables import Tables, joint_tables, table_range
from dgpg_verify.equilibria.shift import entropy as solver
from dgpg_verify.equilibria.shift.entropy import entropy_shift, logit_optimum, quadratic_temperature

FLEETS = 40
Case = tuple[Tables, np.ndarray]


def case(n: int, k: int, seed: int, reference: str = "biased:0.3") -> Case:
    games = random_games(FLEETS, n, k, "quadratic", reference, seed)
    return joint_tables(games), np.array([quadratic_temperature(game) for game in games])


def interior(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


def test_one_agent_is_the_softmax_of_the_reward() -> None:
    table = np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]])
    found = logit_optimum(table, 0.5)
    weights = np.exp(table / 0.5)
    assert found.p[:, 0] == pytest.approx(weights / weights.sum(1, keepdims=True), abs=1e-13)
    assert found.value == pytest.approx(0.5 * np.log(weights.sum(1)), abs=1e-12)
    assert found.certified.all()


@pytest.mark.parametrize(("n", "k"), [(2, 2), (2, 3), (3, 3), (4, 2)])
def test_certified_unique_and_a_maximum(n: int, k: int, seed: int) -> None:
    """Logit equations to 1e-12 of the range, written out here; the same from far starts; no point tried beats it."""
    tables, tau = case(n, k, seed)
    found = logit_optimum(tables.reward, tau)
    assert found.certified.all() and found.p.shape == (FLEETS, n, k)
    scaled = action_values(tables.reward, found.p) / tau[:, None, None]
    policy = np.exp(scaled - scaled.max(-1, keepdims=True))
    policy /= policy.sum(-1, keepdims=True)
    # 1e-12 of the range in q - tau log p, plus rounding of this evaluation, is at most this in p
    slack = (1e-12 * table_range(tables.reward) + 1e-14 * np.abs(tables.reward).reshape(FLEETS, -1).max(1)) / tau
    assert (np.abs(found.p - policy).max((1, 2)) <= 2.0 * slack).all()
    other = logit_optimum(tables.reward, tau, start=0.98 * interior(found.p.shape, seed + 1) + 0.02 / k)
    # strongly concave with tau / 2: two points of residual r lie within 4 r sqrt(N K) / tau
    apart = 4.0 * np.sqrt(n * k) * slack
    assert other.certified.all() and (np.abs(other.p - found.p).max((1, 2)) <= apart).all()
    for s in range(20):
        p = interior(found.p.shape, seed + 2 + s)
        assert (expected(tables.reward, p) - tau * (p * np.log(p)).sum((1, 2)) <= found.value + 1e-12).all()


@pytest.mark.parametrize(("n", "k"), [(2, 3), (3, 3), (4, 2)])
def test_the_concavity_bound(n: int, k: int, seed: int) -> None:
    """Least eigenvalue of minus the Hessian at random p: at least tau / 2 for quadratics."""
    tables, tau = case(n, k, seed)
    basis = tangent_basis(k)
    for s in range(10):
        p = interior((FLEETS, n, k), seed + s)
        hessian = pair_values(tables.reward, p[:, None])[:, 0]
        flat = -reduce_hessian(hessian, basis)
        bend = np.zeros_like(hessian)
        for i in range(n):
            bend[:, i, range(k), i, range(k)] = tau[:, None] / p[:, i]
        least = np.linalg.eigvalsh(flat + reduce_hessian(bend, basis))[:, 0]
        assert (least >= 0.5 * tau * (1 - 1e-12)).all()
        # control: at a tenth of the temperature the bound tau / 2 fails for the Hessian without entropy's help
        assert (np.linalg.eigvalsh(flat)[:, 0] < 0).any()


def test_with_little_entropy_two_optima_exist() -> None:
    """Coordination: two certified maximisers, each reached from its own side."""
    table = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    starts = [np.array([[[a, 1 - a], [a, 1 - a]]]) for a in (0.9, 0.1)]
    first, second = (logit_optimum(table, 0.1, start) for start in starts)
    assert first.certified[0] and second.certified[0]
    assert np.abs(first.p - second.p).max() > 0.9


SIZES = (0.08, 0.04, 0.02, 0.01)


def observed_order(errors: np.ndarray) -> np.ndarray:
    """Exponent p of errors [S, F] ~ alpha^p between neighbouring SIZES, each half the one before: [S - 1, F]."""
    return np.log2(errors[:-1] / errors[1:])


@pytest.mark.parametrize(("n", "k"), [(2, 2), (2, 3), (3, 3)])
def test_shift_law_is_first_order(n: int, k: int, seed: int) -> None:
    """Halving alpha quarters the error: order 2 as alpha -> 0, against the rival 1 of a law that is wrong.

    Deterministic: error = c alpha^2 (1 + O(alpha)); between alpha = 0.02 and 0.01 the order is 2 within 0.3 wherever
    the cubic term does not hide the quadratic one, that is in nearly all fleets: the median is judged.
    """
    tables, tau = case(n, k, seed)
    base = logit_optimum(tables.reward, tau)
    errors, wrong, moves = [], [], []
    for alpha in SIZES:
        moved = logit_optimum(tables.of(alpha), (1.0 - alpha) * tau, start=base.p)
        assert moved.certified.all()
        move = entropy_shift(tables, tau, base.p, alpha)
        assert np.abs(move.sum(-1)).max() < 1e-12
        errors.append(np.abs(moved.p - base.p - move).max((1, 2)))
        wrong.append(np.abs(moved.p - base.p - entropy_shift(tables, 2.0 * tau, base.p, alpha)).max((1, 2)))
        moves.append(np.abs(move).max((1, 2)))
    orders = observed_order(np.array(errors))
    assert (np.abs(np.median(orders, axis=1) - 2.0) < 0.3).all()
    # control: the law with twice the entropy is wrong at first order
    assert (np.median(observed_order(np.array(wrong)), axis=1) < 1.5).all()
    assert (np.median(np.array(errors) / np.array(moves), axis=1) < 0.2).all()


def test_perfect_guidance_moves_the_optimum(seed: int) -> None:
    """G = -J: with (1 - alpha)(J + tau H) - alpha G only the entropy's share falls, so the optimum moves."""
    tables, tau = case(2, 3, seed)
    tables = Tables(tables.reward, -tables.reward)
    base = logit_optimum(tables.reward, tau)
    assert np.median(np.abs(entropy_shift(tables, tau, base.p, 0.2)).max((1, 2))) > 1e-3


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"tau": 0.0}, "tau"),
        ({"tau": [1.0, 2.0]}, "tau"),
        ({"tau": float("nan")}, "tau"),
        ({"start": np.array([[[1.0, 0.0], [0.5, 0.5]]])}, "start"),
    ],
)
def test_bad_input(changes: dict, match: str) -> None:
    with pytest.raises(InputError, match=match):
        logit_optimum(**({"table": np.zeros((1, 2, 2)), "tau": 1.0} | changes))


def test_too_few_steps_are_not_certified(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tables, tau = case(2, 3, seed)
    monkeypatch.setattr(solver, "STEPS", 1)
    assert not logit_optimum(tables.reward, tau).certified.any()


def test_the_quadratic_bound_by_hand() -> None:
    """Largest weight 3, largest share 4 / 2: 2 * 3 * 2^2."""
    game = replace(
        random_games(1, 2, 2, "quadratic", n_servers=2)[0],
        jobs=torch.tensor([4.0, 1.0], dtype=torch.float64),
        capacity=torch.tensor([2.0, 8.0], dtype=torch.float64),
        weights=torch.tensor([0.5, 3.0], dtype=torch.float64),
    )
    assert quadratic_temperature(game) == 24.0


def test_the_quadratic_bound_is_for_the_quadratic_cost() -> None:
    with pytest.raises(InputError, match="delay"):
        quadratic_temperature(random_games(1, 2, 2, "delay")[0])
