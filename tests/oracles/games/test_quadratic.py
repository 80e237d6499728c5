"""Closed forms of games with quadratic costs against enumeration of all profiles, where actions touch several
coordinates, share them, cost something by themselves and weigh differently in G."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgpg_verify.core import Influence, InputError
from dgpg_verify.oracles import enumerate_moments
from dgpg_verify.oracles.games import quadratic
from dgpg_verify.oracles.games.guidance import guidance_moments
from dgpg_verify.oracles.games.quadratic import quadratic_moments, reachable
from dgpg_verify.systems import make_system
from dgpg_verify.systems.resource_game import ResourceGame
from tests.oracles.games.test_load_balancing import policy, worst_difference


@dataclass(frozen=True, eq=False)
class Drawn(ResourceGame):
    """phi_m = h/2 (x - t)^2 + c of a few coordinates, any sparse z, kappa and W."""

    index: torch.Tensor
    value: torch.Tensor
    costs: torch.Tensor  # [3, M]: h, t, c
    fees: torch.Tensor
    weights: torch.Tensor
    idle: torch.Tensor
    reference_state: torch.Tensor
    kind = "drawn"

    @property
    def additions(self):
        return Influence(self.index, self.value)

    @property
    def action_costs(self):
        return self.fees

    @property
    def distance_weights(self):
        return self.weights

    @property
    def idle_state(self):
        return self.idle

    def coordinate_costs(self, x, at=None):
        h, t, c = self.costs if at is None else self.costs[:, at]
        return 0.5 * h * (x - t) ** 2 + c


def drawn(seed, n, k, s, size):
    """Some coordinates straight (h = 0), some untouched, some slots unused."""
    rng = np.random.default_rng(seed)
    index = np.array([[rng.permutation(size)[:s] for _ in range(k)] for _ in range(n)])
    value = rng.normal(size=(n, k, s)) * (rng.random((n, k, s)) < 0.8)
    parts = {
        "costs": np.stack([rng.exponential(size=size) * (rng.random(size) < 0.7), *rng.normal(size=(2, size))]),
        "fees": rng.normal(size=(n, k)), "weights": rng.exponential(size=size),
        "idle": rng.normal(size=size), "reference_state": rng.normal(size=size),
    }  # fmt: skip
    tensors = {name: torch.as_tensor(part) for name, part in parts.items()}
    return Drawn(torch.as_tensor(index), torch.as_tensor(value), **tensors)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 4))
@settings(max_examples=250, deadline=None)
def test_any_sparse_game_against_enumeration(seed, n, k, s, more):
    game = drawn(seed, n, k, s, s + more)
    p = policy(game, seed)
    assert worst_difference(quadratic_moments(game, p), enumerate_moments(game, p)) < 1e-11


@pytest.mark.parametrize("options", [{}, {"gamma": 1.5}, {"normalised": True}, {"beta": 30.0}], ids=str)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_generators_that_all_move_one_balance(n, options):
    game = make_system("power_dispatch", n, 3, n_levels=3, **options)
    for concentration in (0.2, 1.0, 50.0):
        p = policy(game, n, concentration)
        assert worst_difference(quadratic_moments(game, p), enumerate_moments(game, p)) < 1e-11


def test_beyond_enumeration_two_derivations_agree():
    """N = 400: the guidance's moments by another derivation, and grad J from the credits that have it as their mean."""
    game = make_system("power_dispatch", 400, 3, gamma=0.5)
    p = policy(game, 3)
    m, other = quadratic_moments(game, p), guidance_moments(game, p)
    for found, wanted in ((m["guidance"].mean, other.mean), (m["guidance"].variance, other.variance),
                          (m["guidance"].cross_agent, other.cross)):  # fmt: skip
        assert np.allclose(found, wanted, rtol=1e-10, atol=1e-12)
    for name in ("return", "difference", "coma"):
        assert np.allclose(m[name].mean, m.objective_gradient, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ["own_covariance", "pair_totals", "agent_terms"])
def test_control_a_part_wrong_by_one_percent_is_caught(name, monkeypatch):
    game = drawn(7, 4, 3, 2, 4)
    p = policy(game, 7)
    honest = getattr(quadratic, name)
    monkeypatch.setattr(quadratic, name, lambda *given: 1.01 * honest(*given))
    assert worst_difference(quadratic_moments(game, p), enumerate_moments(game, p)) > 1e-4


KINKED = {
    "rate_control": {},
    "road_network": {},
    "power_dispatch": {"lines": True},
    "load_balancing": {"cost": "mm1"},
}


@pytest.mark.parametrize("kind", KINKED)
def test_other_costs_are_refused(kind):
    game = make_system(kind, 6, 3, **KINKED[kind])
    with pytest.raises(InputError, match=r"the cost of coordinate \d+ is not quadratic"):
        quadratic_moments(game, policy(game, 3))


def test_a_kink_at_the_far_end_of_what_can_be_reached_is_seen():
    game = drawn(5, 4, 3, 2, 4)
    most = reachable(game)[1]
    kink = float(most[1]) - 1e-3

    class Kinked(Drawn):
        def coordinate_costs(self, x, at=None):
            return super().coordinate_costs(x, at) + (x - kink).clamp(min=0.0) ** 2

    bent = Kinked(**{name: getattr(game, name) for name in game.__dataclass_fields__})
    with pytest.raises(InputError, match="is not quadratic"):
        quadratic_moments(bent, policy(bent, 3))


def test_what_can_be_reached():
    game = make_system("power_dispatch", 3, 5, n_levels=2)
    least, most = reachable(game)
    outputs = game.levels.numpy()
    assert np.allclose(least[:3], np.minimum(outputs.min(1), 0.0)) and np.allclose(most[:3], outputs.max(1))
    assert np.isclose(most[3], outputs.max(1).sum() - float(game.demand))
