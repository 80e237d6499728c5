"""Exact values of many games at once against enumeration of all profiles, and the certified optimum at any N."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.profiles import action_values, expected
from dgpg_verify.equilibria.games.tables import joint_tables
from dgpg_verify.equilibria.shift.entropy import logit_optimum
from dgpg_verify.oracles import load_balancing_moments
from dgpg_verify.samples.game.optimum import game_optimum, quadratic_temperatures
from dgpg_verify.samples.game.potential import Potential, potential, softmax, stack_games
from dgpg_verify.samples.game.problem import random_fleets
from dgpg_verify.systems import LoadBalancingGame

FLEETS, N, K = 6, 4, 3
SIZES = [(4, 3), (3, 2), (1, 3), (5, 2)]
ALPHAS = (0.0, 0.3, 1.0)


def games(n: int = N, k: int = K, seed: int = 0, count: int = FLEETS) -> list[LoadBalancingGame]:
    servers = max(n, k)
    return [
        LoadBalancingGame.random(n, 100 * seed + s, n_candidates=k, n_servers=servers, reference="biased:0.3")
        for s in range(count)
    ]


def logits(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize(("n", "k"), SIZES)
def test_values_and_gradients_against_all_profiles(n: int, k: int, alpha: float, seed: int) -> None:
    """E J_alpha and its derivative in p from the joint tables; the chain rule adds -alpha/2 sum z^2 p."""
    fleet = games(n, k, seed)
    data, tables = stack_games(fleet), joint_tables(fleet)
    tau = np.linspace(1.0, 2.0, FLEETS)
    theta = logits((FLEETS, 2, n, k), seed)
    p, log_p = softmax(theta)
    exact = potential(data, tau, alpha, 0.5)
    chain = potential(data, tau, alpha)
    square = alpha * 0.5 * data.z**2
    for copy in range(2):
        one, log_one = p[:, copy], log_p[:, copy]
        table = tables.of(alpha)
        entropy = -tau * (one * log_one).sum((1, 2))
        value = exact.value(p, log_p)[:, copy]
        # the potential leaves out constants of J_alpha: compare differences of values between the two copies
        other = expected(table, p[:, 0]) - tau * (p[:, 0] * log_p[:, 0]).sum((1, 2))
        assert value - exact.value(p, log_p)[:, 0] == pytest.approx(expected(table, one) + entropy - other, abs=1e-11)
        gap = exact.value(p, log_p)[:, copy] - chain.value(p, log_p)[:, copy]
        assert gap == pytest.approx((square * one).sum((1, 2)), abs=1e-11)
        q = action_values(table, one)
        mine = exact.action_values(p)[:, copy]
        assert mine - mine.mean(-1, keepdims=True) == pytest.approx(q - q.mean(-1, keepdims=True), abs=1e-11)
        a = q - tau[:, None, None] * log_one
        wanted = one * (a - (one * a).sum(-1, keepdims=True))
        assert exact.gradient(p, log_p)[:, copy] == pytest.approx(wanted, abs=1e-11)


def test_j_itself_has_no_constant_missing(seed: int) -> None:
    fleet = games(seed=seed)
    p, log_p = softmax(logits((FLEETS, 1, N, K), seed))
    mine = potential(stack_games(fleet), np.zeros(FLEETS)).value(p, log_p)[:, 0]
    assert mine == pytest.approx(expected(joint_tables(fleet).reward, p[:, 0]), abs=1e-12)


def test_one_alpha_for_each_run_is_the_alpha_of_that_run(seed: int) -> None:
    data, tau = stack_games(games(seed=seed)), np.ones(FLEETS)
    p, log_p = softmax(logits((FLEETS, 2, N, K), seed))
    mixed = potential(data, tau, np.tile([[0.2, 0.9]], (FLEETS, 1)))
    for copy, alpha in enumerate((0.2, 0.9)):
        one = potential(data, tau, alpha)
        values = mixed.value(p, log_p)[:, copy], one.value(p, log_p)[:, copy]
        assert np.allclose(*values, rtol=1e-13, atol=1e-13)
        assert np.allclose(mixed.gradient(p, log_p)[:, copy], one.gradient(p, log_p)[:, copy], rtol=1e-13, atol=1e-13)


def test_curvature_is_the_derivative_of_the_gradient(seed: int) -> None:
    """Central differences of step 1e-4: error of order 1e-8 times third derivatives of order 10."""
    objective = potential(stack_games(games(seed=seed)), np.ones(FLEETS), 0.3)
    theta, direction = logits((FLEETS, 2, N, K), seed), logits((FLEETS, 2, N, K), seed + 1)
    ahead, behind = (objective.gradient(*softmax(theta + s * 1e-4 * direction)) for s in (1.0, -1.0))
    p, log_p = softmax(theta)
    mine = objective.curvature_times(p, objective.surplus(p, log_p), direction)
    assert mine == pytest.approx((behind - ahead) / 2e-4, abs=1e-5)
    assert np.abs(mine).max() > 0.1


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize(("n", "k"), SIZES)
def test_optimum_against_newton_on_the_joint_table(n: int, k: int, alpha: float, seed: int) -> None:
    """Two solvers without a common line, both certified."""
    fleet = games(n, k, seed)
    data = stack_games(fleet)
    tau = quadratic_temperatures(data)
    found = game_optimum(potential(data, tau, alpha, 0.5))
    other = logit_optimum(joint_tables(fleet).of(alpha), tau)
    assert found.certified.all() and other.certified.all()
    p, _ = softmax(found.logits)
    assert np.abs(p - other.p).max() < 1e-9
    if alpha == 0.0:
        assert found.value == pytest.approx(other.value, abs=1e-10)


@pytest.mark.parametrize("n", [64, 400])
def test_at_the_optimum_the_oracle_s_gradient_cancels_the_entropy_s(n: int, seed: int) -> None:
    """Beyond enumeration: grad J of the closed-form oracle plus tau grad H vanishes, and no point tried is better."""
    fleet = random_fleets(n, 3, seed)
    data = stack_games(fleet)
    tau = quadratic_temperatures(data)
    objective = potential(data, tau)
    found = game_optimum(objective)
    assert found.certified.all()
    p, log_p = softmax(found.logits)
    for f, game in enumerate(fleet):
        entropy = tau[f] * p[f] * ((p[f] * log_p[f]).sum(-1, keepdims=True) - log_p[f])
        gradient = load_balancing_moments(game, p[f], ["return"]).objective_gradient
        assert np.abs(gradient).max() > 0.01
        assert np.abs(gradient + entropy).max() < 1e-9
    for s in range(20):
        tried = found.logits + 10.0 ** -(s % 5) * logits(found.logits.shape, seed + s)
        assert (objective.value(*softmax(tried[:, None]))[:, 0] <= found.value + 1e-12 * n).all()


def test_a_run_that_is_stopped_early_is_not_certified(seed: int) -> None:
    data = stack_games(games(seed=seed))
    objective = potential(data, quadratic_temperatures(data))
    best = game_optimum(objective)
    short = game_optimum(objective, max_steps=1)
    assert not short.certified.any() and (short.value <= best.value).all()


def test_dense_graph_and_strong_coupling_converge(seed: int) -> None:
    """K = M: the safe step is tau / (tau + c) with c about N times that of a sparse graph."""
    data = stack_games(random_fleets(60, 2, seed, n_candidates="all"))
    assert game_optimum(potential(data, quadratic_temperatures(data)), max_steps=1_000).certified.all()


def test_the_temperature_bound_by_hand() -> None:
    """Weights below 1 count as 1: the guidance weighs every server alike, and J_1 must be strongly concave too."""
    light = [replace(game, weights=0.1 * game.weights) for game in games()]
    for fleet in (games(), light):
        data = stack_games(fleet)
        for f in range(FLEETS):
            heaviest = max(1.0, float(fleet[f].weights.max()))
            assert quadratic_temperatures(data)[f] == pytest.approx(2.0 * heaviest * float(fleet[f].shares.max()) ** 2)
    assert (data.weights < 1.0).all()


def test_concavity_in_probabilities_but_not_in_logits(seed: int) -> None:
    """At tau = 2 max h max z^2 values lie above the chord by tau/4 |.|^2 t(1-t) in p; in logits some lie below it."""
    data = stack_games(games(seed=seed))
    tau = quadratic_temperatures(data)
    objective = potential(data, tau)
    below = False
    for s in range(30):
        ends = [softmax(4.0 * logits((FLEETS, 1, N, K), seed + 2 * s + j)) for j in range(2)]
        values = [objective.value(*end)[:, 0] for end in ends]
        middle = 0.5 * (ends[0][0] + ends[1][0])
        lift = objective.value(middle, np.log(middle))[:, 0] - 0.5 * (values[0] + values[1])
        apart = ((ends[0][0] - ends[1][0]) ** 2).sum((1, 2, 3))
        assert (lift >= 0.125 * 0.5 * tau * apart - 1e-10).all()
        half = softmax(0.5 * (ends[0][1] + ends[1][1]))
        below |= bool((objective.value(*half)[:, 0] < 0.5 * (values[0] + values[1]) - 1e-6).any())
    assert below


def test_bad_input() -> None:
    fleet = games()
    data = stack_games(fleet)
    good = potential(data, np.ones(FLEETS))
    with pytest.raises(InputError, match="empty"):
        stack_games([])
    with pytest.raises(InputError, match="delay"):
        stack_games([*fleet, LoadBalancingGame.random(N, 0, n_candidates=K, cost="delay")])
    with pytest.raises(InputError, match=r"\(N, K, M\)"):
        stack_games([*fleet, LoadBalancingGame.random(N + 1, 0, n_candidates=K)])
    for alpha in (-0.1, 1.1, float("nan"), np.zeros(3), np.zeros((2, 2, 2))):
        with pytest.raises(InputError, match="alpha"):
            potential(data, np.ones(FLEETS), alpha)
    with pytest.raises(InputError, match="tau"):
        game_optimum(potential(data, np.zeros(FLEETS)))
    with pytest.raises(InputError, match="runs per fleet"):
        game_optimum(potential(data, np.ones(FLEETS), np.tile([[0.2, 0.9]], (FLEETS, 1))))
    with pytest.raises(InputError, match="max_steps"):
        game_optimum(good, max_steps=0)
    assert isinstance(good, Potential)
