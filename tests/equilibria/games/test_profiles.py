"""Values of mixed profiles: definition in fractions, closed forms (F6), finite differences, autograd; certificates."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.profiles import Points, action_values, expected
from dgpg_verify.equilibria.games.tables import joint_tables
from dgpg_verify.equilibria.nash.nash_conv import nash_conv
from dgpg_verify.oracles import load_balancing_moments
from dgpg_verify.systems import LoadBalancingGame
from tests.equilibria.games import plain

ROUNDING = 1e-12


def draw(seed, n, k, fleets=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(fleets, *(k,) * n)), rng.dirichlet(np.ones(k), (fleets, n))


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_values_are_their_definition(seed, n, k):
    table, p = draw(seed, n, k)
    q, value, conv = action_values(table, p), expected(table, p), nash_conv(table, p)
    assert q.shape == (2, n, k) and value.shape == conv.shape == (2,)
    for f in range(2):
        values, rows = plain.as_dictionary(table[f]), [[Fraction(float(x)) for x in row] for row in p[f]]
        assert abs(value[f] - float(plain.expected(values, rows))) <= ROUNDING
        assert abs(conv[f] - float(plain.nash_conv(values, rows))) <= ROUNDING * 10
        for i in range(n):
            for action in range(k):
                vertex = [Fraction(int(l == action)) for l in range(k)]
                exact = plain.expected(values, [*rows[:i], vertex, *rows[i + 1 :]])
                assert abs(q[f, i, action] - float(exact)) <= ROUNDING


@pytest.mark.parametrize("cost", ["quadratic", "delay", "mm1"])
@pytest.mark.parametrize("reference", ["fluid", "shuffled"])
def test_against_closed_forms_of_the_game(cost, reference):
    for seed in range(5):
        game = LoadBalancingGame.random(5, seed, n_candidates=3, cost=cost, reference=reference)
        tables = joint_tables(game)
        p = np.random.default_rng(seed).dirichlet(np.ones(3), (1, 5))
        closed = load_balancing_moments(game, p[0], ["return"])
        pairs = [
            (tables.reward, closed.objective, closed.objective_gradient),
            (tables.guidance, closed.guidance_objective, closed.guidance_gradient),
        ]
        for table, value, gradient in pairs:
            q = action_values(table, p)[0]
            logits = p[0] * (q - (p[0] * q).sum(1, keepdims=True))
            unit = np.abs(table).max()
            assert abs(expected(table, p)[0] - value) <= ROUNDING * unit
            assert gradient.shape == logits.shape
            assert np.abs(logits - gradient).max() <= ROUNDING * unit


def test_action_values_are_the_gradient():
    table, p = draw(3, 4, 3, fleets=1)
    q = action_values(table, p)[0]
    tensor = torch.tensor(p[0], requires_grad=True)
    value = torch.einsum("abcd,a,b,c,d->", torch.as_tensor(table[0]), *tensor)
    (gradient,) = torch.autograd.grad(value, tensor)
    assert np.abs(gradient.numpy() - q).max() <= ROUNDING
    step = 1e-3  # the reward is linear in each row: along a tangent direction the difference quotient is exact
    for i in range(4):
        moved = p.copy()
        moved[0, i] += step * np.array([1.0, -0.5, -0.5]) * p[0, i].min()
        slope = (expected(table, moved)[0] - expected(table, p)[0]) / (step * p[0, i].min())
        assert abs(slope - q[i] @ [1.0, -0.5, -0.5]) <= 1e-8


def test_many_profiles_of_a_fleet_at_once():
    table, _ = draw(1, 3, 3, fleets=4)
    p = np.random.default_rng(2).dirichlet(np.ones(3), (4, 5, 3))
    for question in (action_values, expected, nash_conv):
        together = question(table, p)
        for s in range(5):
            alone = question(table, p[:, s])
            assert alone.shape == together[:, s].shape
            assert np.allclose(together[:, s], alone, rtol=0, atol=1e-14)


TABLE, P = draw(0, 2, 2, fleets=1)
BAD = {
    "row sum": (P * 1.01, r"sum to 1"),
    "negative": (np.array([[[1.5, -0.5], [0.5, 0.5]]]), r"p\[0, 0\] = \[1.5, -0.5\]"),
    "nan": (np.array([[[np.nan, 0.5], [0.5, 0.5]]]), r"p\[0, 0\]"),
    "shape": (np.full((1, 3, 2), 0.5), r"\(F, N, K\) = \(1, 2, 2\)"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("question", [action_values, expected, nash_conv])
def test_bad_profiles_are_refused(case, question):
    with pytest.raises(InputError, match=BAD[case][1]):
        question(TABLE, BAD[case][0])


@pytest.mark.parametrize("fleets, shape", [(2, (3, 2, 2)), (4, (3, 2, 2)), (3, (3, 2)), (3, (3, 1, 2, 2))])
def test_points_must_fit(fleets, shape):
    with pytest.raises(InputError, match=r"\[E\] and \[E, N, K\]"):
        Points(np.zeros(fleets, dtype=np.int64), np.zeros(shape))
