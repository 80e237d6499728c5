"""Closed forms of the load-balancing game against enumeration of all profiles; each formula can be caught wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgpg_verify.core import InputError
from dgpg_verify.oracles import enumerate_moments, load_balancing_moments
from dgpg_verify.oracles.games import conditional, profiles, quadratic, separable
from dgpg_verify.oracles.games.conditional import CREDITS
from dgpg_verify.oracles.games.separable import separable_moments
from dgpg_verify.systems import LoadBalancingGame
from tests.speed.speed_tools import seconds

RELATIVE = 1e-12  # of the largest entry: both sides are float64 sums of the same size
FIELDS = ("objective", "objective_gradient", "guidance_objective", "guidance_gradient")


def policy(system, seed, concentration=1.0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(system.n_actions, concentration), system.n_agents)


def worst_difference(mine, other):
    """Largest disagreement of two records on all credits of `mine`, relative to the largest entry of each table, or
    to a thousandth of its natural unit (powers of J, G, utilisation 1) where a table is zero but for rounding."""
    pick = [other.names.index(name) for name in mine.names]
    pairs = [
        (mine.means, other.means[pick], 1),
        (mine.covariances, other.covariances[np.ix_(pick, pick)], 2),
        (mine.cross, other.cross[np.ix_(pick, pick)], 2),
        (mine.value_means, other.value_means[pick], 1),
        (mine.value_covariances, other.value_covariances[np.ix_(pick, pick)], 2),
    ]
    pairs += [(np.asarray(getattr(mine, name)), np.asarray(getattr(other, name)), 1) for name in FIELDS]
    unit = max(abs(other.objective), other.guidance_objective, 1.0)
    gaps = []
    for a, b, power in pairs:
        assert a.shape == b.shape
        gaps.append(float(np.abs(a - b).max()) / max(float(np.abs(b).max()), 1e-3 * unit**power))
    return max(gaps)


CASES = [
    (2, 2, None, "quadratic", "fluid"),
    (5, 3, None, "quadratic", "biased:0.3"),
    (5, 3, 3, "quadratic", "shuffled"),  # dense: everybody sees every server
    (2, 2, 9, "quadratic", "noise:0.5"),  # servers nobody sees
    (2, 3, 9, "mm1", "fluid"),
    (4, 4, 4, "delay", "fluid"),
    (6, 3, None, "delay", "rounded"),
    (1, 3, 3, "quadratic", "fluid"),  # nobody else
    (5, 1, None, "delay", "fluid"),  # no choice
    (4, 3, 5, "mm1", "biased:0.5"),
    (6, 3, None, "mm1", "fluid"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[3]}-N{c[0]}-K{c[1]}-M{c[2]}-{c[4]}")
def test_closed_forms_against_enumeration(case):
    n, k, m, cost, reference = case
    system = LoadBalancingGame.random(n, 7, n_candidates=k, n_servers=m, cost=cost, reference=reference)
    for concentration in (0.2, 1.0, 50.0):  # nearly deterministic, random, nearly uniform
        p = policy(system, n, concentration)
        exact = enumerate_moments(system, p)
        closed = load_balancing_moments(system, p)
        assert closed.names == CREDITS
        assert worst_difference(closed, exact) < RELATIVE
        assert worst_difference(separable_moments(system, p), exact) < RELATIVE


@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.55, 1.0])
def test_joint_against_all_profiles(alpha):
    """((1 - alpha) A / N + alpha W - mean) / sd, profile by profile, for both oracles."""
    system = LoadBalancingGame.random(4, 7, n_candidates=3, reference="biased:0.3")
    p = policy(system, 4)
    game, exact = profiles.EnumeratedGame(system, p), enumerate_moments(system, p)
    (at,) = game.chunks()
    mixture = (1.0 - alpha) * game.credit("return", at, exact.objective) / 4.0
    mixture = mixture + alpha * game.credit("guidance", at, 0.0)
    centred = mixture - (at.probability @ mixture).mean()
    g = (centred / np.sqrt((at.probability @ centred**2).mean()))[..., None] * game.scores(at)
    mean = np.tensordot(at.probability, g, axes=1)
    variance = at.probability @ (g**2).sum(2) - (mean**2).sum(1)
    for oracle in (exact, load_balancing_moments(system, p)):
        joint = oracle.guided(alpha, setting="joint")
        assert np.allclose(joint.mean, mean, rtol=1e-10, atol=1e-12)
        assert np.allclose(joint.variance, variance, rtol=1e-10, atol=1e-12)
        # without the constant, which is 0 for the centred return alone
        uncentred = oracle.guided(alpha, setting="mixed").variance / (at.probability @ centred**2).mean()
        assert np.allclose(joint.variance, uncentred, rtol=1e-3) == (alpha == 0.0)
    with pytest.raises(InputError, match="score"):
        load_balancing_moments(system, p, ("return", "guidance")).guided(alpha, setting="joint")


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 3), st.sampled_from(("quadratic", "delay", "mm1")))
@settings(max_examples=40, deadline=None)
def test_closed_forms_on_any_fleet(seed, n, k, cost):
    servers = max(k, 1 + seed % 6)
    system = LoadBalancingGame.random(n, seed, n_candidates=k, n_servers=servers, cost=cost, job_law="lognormal")
    p = policy(system, seed)
    assert worst_difference(load_balancing_moments(system, p), enumerate_moments(system, p)) < 1e-11


@pytest.mark.parametrize(("cost", "k"), [("quadratic", 4), ("delay", 3), ("quadratic", 2)])
def test_beyond_enumeration_two_derivations_agree(cost, k):
    """N = 40: the Hoeffding closed form and the pairwise subset enumeration share no sum over
    agents."""
    system = LoadBalancingGame.random(40, seed=4, n_candidates=k, cost=cost, reference="biased:0.2")
    p = policy(system, 4)
    assert worst_difference(load_balancing_moments(system, p), separable_moments(system, p)) < RELATIVE


def test_pairs_are_summed_alike_on_sparse_and_dense_graphs():
    """The two ways of summing over pairs of servers, against a plain loop."""
    small = LoadBalancingGame.random(40, seed=1, n_candidates=3, n_servers=12)
    slots = small.candidates.numpy()
    own = np.random.default_rng(1).normal(size=(40, 3, 3))
    direct = np.zeros((12, 12))
    for i, a, b in np.ndindex(40, 3, 3):
        direct[slots[i, a], slots[i, b]] += own[i, a, b]
    expected = direct[slots[:, :, None], slots[:, None, :]]
    for n_servers in (12, 10_000):  # 12^2 is below the number of pairs, 10 000^2 above
        assert np.allclose(pair_totals(slots, own, n_servers), expected, rtol=1e-13, atol=1e-13)


def wrong_terms(p, linear, gram):
    return agent_terms(p, linear, 1.01 * gram)


def wrong_pairs(slots, own, size):
    return 1.01 * pair_totals(slots, own, size)


def wrong_means(given, p, size, toward):
    means = credit_means(given, p, size, toward)
    means["guidance:exact"] = means["guidance"] + 0.51 * size
    return means


agent_terms = quadratic.agent_terms
pair_totals = quadratic.pair_totals
credit_means = conditional.credit_means


@pytest.mark.parametrize(
    ("module", "name", "wrong"),
    [
        (quadratic, "agent_terms", wrong_terms),
        (quadratic, "pair_totals", wrong_pairs),
        (conditional, "credit_means", wrong_means),
    ],
)
def test_control_a_coefficient_wrong_by_one_percent_is_caught(monkeypatch, module, name, wrong):
    system = LoadBalancingGame.random(5, seed=7, n_candidates=3)
    p = policy(system, 5)
    exact = enumerate_moments(system, p)
    assert worst_difference(load_balancing_moments(system, p), exact) < RELATIVE
    monkeypatch.setattr(module, name, wrong)
    assert worst_difference(load_balancing_moments(system, p), exact) > 1e-4


def test_control_a_forgotten_pair_of_servers_is_caught(monkeypatch):
    """Treating the servers' costs as independent is wrong: agents tie them together."""
    system = LoadBalancingGame.random(5, seed=7, n_candidates=3, cost="mm1")
    p = policy(system, 5)
    exact = enumerate_moments(system, p)
    honest = separable.PairStates.cov

    def forgetful(self, a, b):
        return honest(self, a, b) if self.first["x"] is self.second["x"] else 0.0

    monkeypatch.setattr(separable.PairStates, "cov", forgetful)
    assert worst_difference(separable_moments(system, p), exact) > 1e-4


def test_the_difference_reward_points_along_grad_j_and_the_chain_rule_does_not():
    system = LoadBalancingGame.random(64, seed=2)
    m = load_balancing_moments(system, policy(system, 2))
    for name in ("return", "return:raw", "difference", "coma"):
        assert np.allclose(m[name].mean, m.objective_gradient, atol=1e-13)
    assert np.allclose(m["guidance:exact"].mean, -m.guidance_gradient, atol=1e-13)
    assert np.abs(m["guidance"].mean + m.guidance_gradient).max() > 1e-3
    assert np.allclose(m["return:raw"].variance > m["return"].variance, True)


def test_large_games_are_cheap():
    times = {}
    for n in (512, 4096):
        system, p = LoadBalancingGame.random(n, seed=3), np.full((n, 4), 0.25)
        times[n] = min(seconds(lambda system=system, p=p: load_balancing_moments(system, p)) for _ in range(3))
    m = load_balancing_moments(system, p)
    assert times[4096] < 4 * 8 * times[512]  # linear in N: one pass over pairs of agents would make it 64
    assert m["return"].variance.shape == (4096,)
    # the cross-agent part cannot exceed the whole, and is nearly all of it for the shared return
    assert (m["return"].cross_agent <= m["return"].variance * (1 + 1e-9)).all()
    assert m["return"].cross_agent_share > 0.99


def test_bad_input_is_refused():
    system = LoadBalancingGame.random(4, n_candidates=2, cost="makespan")
    with pytest.raises(InputError, match="makespan"):
        load_balancing_moments(system, np.full((4, 2), 0.5))
    with pytest.raises(InputError, match="probabilities"):
        load_balancing_moments(LoadBalancingGame.random(4, n_candidates=2), np.full((4, 2), 0.6))
    with pytest.raises(InputError, match="in-degree"):
        load_balancing_moments(LoadBalancingGame.random(24, n_servers=2, cost="mm1"), np.full((24, 2), 0.5))
