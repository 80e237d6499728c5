"""Enumeration against hand cases, a plain Python loop over profiles and finite differences."""

import itertools

import numpy as np
import pytest
import torch

from dgpg_verify.core import InputError
from dgpg_verify.oracles import enumerate_moments
from dgpg_verify.oracles.games.enumeration import ENUMERATED_CREDITS
from dgpg_verify.systems import LoadBalancingGame


def game(jobs, capacity, candidates, cost="quadratic", background=None, target=None, reference=None):
    m = len(capacity)
    vector = {
        "jobs": jobs,
        "capacity": capacity,
        "background": background or [0.0] * m,
        "weights": [1.0] * m,
        "target": target or [0.0] * m,
        "reference_state": reference or target or [0.0] * m,
    }
    tensors = {name: torch.tensor(values, dtype=torch.float64) for name, values in vector.items()}
    return LoadBalancingGame(candidates=torch.tensor(candidates), cost=cost, **tensors)


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_one_agent_two_servers_by_hand():
    """Job 2 on capacities 1 and 2: x = (2, 0) or (0, 1), costs 2 and 1/2; p = (1/4, 3/4)."""
    m = enumerate_moments(game([2.0], [1.0, 2.0], [[0, 1]]), [[0.25, 0.75]])
    assert m.objective == pytest.approx(-0.875)
    # grad_k J = p_k (R_k - J): 1/4 (-2 + .875) = -.28125
    assert m.objective_gradient[0] == pytest.approx([-0.28125, 0.28125])
    assert m["return:raw"].mean[0] == pytest.approx([-0.28125, 0.28125])
    # g = psi R with psi(0) = (.75, -.75), psi(1) = (-.25, .25): E||g||^2 = 1/4 * 1.125 * 4 + 3/4 * .125 * .25
    assert m["return:raw"].variance[0] == pytest.approx(1.125 + 0.0234375 - 2 * 0.28125**2)
    # with default "no job" the cost is 0, so the difference reward is the raw return here
    assert m["difference"].variance[0] == pytest.approx(m["return:raw"].variance[0])
    # chain rule: x.z = 4 and 1, twice the exact credit; observed: x before acting is 0
    assert m["guidance"].mean[0] == pytest.approx(2 * m["guidance:exact"].mean[0])
    assert m["guidance:observed"].variance[0] == pytest.approx(0.0, abs=1e-15)
    # nobody else: no cross-agent part
    assert np.abs(m.cross).max() < 1e-14


def plain_moments(system, p, credit):
    """Mean and covariance of the stacked gradient by a loop over profiles in pure Python."""
    n, k = p.shape
    mean, second = np.zeros(n * k), np.zeros((n * k, n * k))
    for profile in itertools.product(range(k), repeat=n):
        weight = np.prod([p[i, a] for i, a in enumerate(profile)])
        score = np.array([np.eye(k)[a] - p[i] for i, a in enumerate(profile)])
        g = (score * credit(profile)[:, None]).ravel()
        mean += weight * g
        second += weight * np.outer(g, g)
    return mean.reshape(n, k), second - np.outer(mean, mean)


def plain_credit(system, name, profile, p, baseline):
    n = len(profile)
    if name == "score":
        return np.ones(n)
    z, seats = system.shares.numpy(), system.candidates.numpy()
    reference, background = system.reference_state.numpy(), system.background.numpy()

    def state(chosen):
        x = background.copy()
        for i, a in enumerate(chosen):
            if a is not None:
                x[seats[i, a]] += z[i, a]
        return x

    def reward(chosen):
        return -float(system.cost_of(torch.tensor(state(chosen))))

    def swapped(i, a):
        return [*profile[:i], a, *profile[i + 1 :]]

    if name.startswith("return"):
        return np.full(n, reward(profile) - (baseline if name == "return" else 0.0))
    x = state(profile)
    values = []
    for i, a in enumerate(profile):
        own = np.zeros_like(x)
        own[seats[i, a]] = z[i, a]
        values.append(
            {
                "difference": lambda i=i: reward(profile) - reward(swapped(i, None)),
                "coma": lambda i=i: reward(profile) - sum(p[i, b] * reward(swapped(i, b)) for b in range(p.shape[1])),
                "guidance": lambda own=own: -(x - reference) @ own,
                "guidance:exact": lambda own=own: -(x - reference) @ own + 0.5 * own @ own,
                "guidance:observed": lambda own=own: -(background - reference) @ own,
            }[name]()
        )
    return np.array(values)


@pytest.mark.parametrize("cost", ("quadratic", "delay", "mm1", "makespan"))
def test_every_credit_against_a_plain_loop(cost):
    system = LoadBalancingGame.random(3, seed=5, n_candidates=3, cost=cost, reference="biased:0.4")
    p = np.random.default_rng(5).dirichlet(np.ones(3), 3)
    m = enumerate_moments(system, p)
    for name in ENUMERATED_CREDITS:
        credit = lambda profile, name=name: plain_credit(system, name, profile, p, m.objective)  # noqa: E731
        mean, covariance = plain_moments(system, p, credit)
        blocks = np.array([np.trace(covariance[i * 3 : i * 3 + 3, i * 3 : i * 3 + 3]) for i in range(3)])
        assert np.allclose(m[name].mean, mean, rtol=1e-11, atol=1e-12)
        assert np.allclose(m[name].variance, blocks, rtol=1e-10, atol=1e-12)
        summed = covariance.reshape(3, 3, 3, 3).sum((0, 2))  # Cov of sum_i g_i
        assert m.shared_variance(name) == pytest.approx(np.trace(summed), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("cost", ("quadratic", "mm1", "makespan"))
def test_gradients_against_finite_differences(cost):
    system = LoadBalancingGame.random(4, seed=2, n_candidates=3, cost=cost, reference="shuffled")
    logits, step = np.random.default_rng(2).normal(size=(4, 3)), 1e-5
    m = enumerate_moments(system, softmax(logits), ["return"])

    def at(i, k, shift):
        moved = logits.copy()
        moved[i, k] += shift
        there = enumerate_moments(system, softmax(moved), ["return"])
        return np.array([there.objective, there.guidance_objective])

    for i, k in np.ndindex(4, 3):
        slope = (at(i, k, step) - at(i, k, -step)) / (2 * step)
        exact = np.array([m.objective_gradient[i, k], m.guidance_gradient[i, k]])
        assert np.allclose(slope, exact, rtol=1e-6, atol=1e-8 * max(1.0, abs(m.objective)))


def test_which_credits_are_unbiased():
    system = LoadBalancingGame.random(5, seed=8, n_candidates=3, cost="makespan")
    m = enumerate_moments(system, np.random.default_rng(8).dirichlet(np.ones(3), 5))
    for name in ("return", "return:raw", "difference", "coma"):
        assert np.allclose(m[name].mean, m.objective_gradient, atol=1e-13)
        assert m[name].pooled.alignment == pytest.approx(1.0)
    assert np.allclose(m["guidance:exact"].mean, -m.guidance_gradient, atol=1e-13)
    # controls: the chain rule is biased for grad G on discrete actions, and so is x before acting
    for name in ("guidance", "guidance:observed"):
        assert np.abs(m[name].mean + m.guidance_gradient).max() > 1e-3


def test_total_variance_splits_into_own_and_cross():
    """E Var(g | a_i) + tr Var(E[g | a_i]) = V, the second part computed from tables of conditional means."""
    system = LoadBalancingGame.random(4, seed=3, n_candidates=2)
    p = np.random.default_rng(3).dirichlet(np.ones(2), 4)
    m = enumerate_moments(system, p, ["return"])
    profiles = np.array(list(itertools.product(range(2), repeat=4)))
    weight = np.prod([p[i, profiles[:, i]] for i in range(4)], axis=0)
    w = np.array([plain_credit(system, "return", tuple(q), p, m.objective)[0] for q in profiles])
    for i in range(4):
        given = [(weight * w)[profiles[:, i] == k].sum() / p[i, k] for k in range(2)]
        g = np.array([(np.eye(2)[k] - p[i]) * given[k] for k in range(2)])
        explained = float(p[i] @ ((g - p[i] @ g) ** 2).sum(1))
        assert m["return"].cross_agent[i] == pytest.approx(m["return"].variance[i] - explained, rel=1e-10)


@pytest.mark.parametrize("setting", ("sum", "mean", "mixed", "parts"))
@pytest.mark.parametrize("base", ("return", "difference"))
def test_guided_credit_is_the_mixture_in_every_setting(setting, base):
    system = LoadBalancingGame.random(4, seed=6, n_candidates=3, reference="biased:0.2")
    p = np.random.default_rng(6).dirichlet(np.ones(3), 4)
    m = enumerate_moments(system, p)
    factor = {"sum": (1, 1), "mean": (0.25, 0.25), "mixed": (0.25, 1), "parts": (None, 1)}[setting]
    credits = {
        n: lambda q, n=n: plain_credit(system, n, q, p, m.objective) for n in (base, "guidance", "guidance:exact")
    }
    if setting == "parts":
        profiles = list(itertools.product(range(3), repeat=4))
        weight = np.array([np.prod([p[i, a] for i, a in enumerate(q)]) for q in profiles])
        values = np.array([credits[base](q) for q in profiles])
        variance = (weight @ (values - (weight @ values).mean()) ** 2).mean()
        factor = (1 / np.sqrt(variance), 1)
    for guidance in ("guidance", "guidance:exact"):
        mix = lambda q, g=guidance: 0.3 * factor[0] * credits[base](q) + 0.7 * factor[1] * credits[g](q)  # noqa: E731
        mean, covariance = plain_moments(system, p, mix)
        blocks = np.einsum("ikik->i", covariance.reshape(4, 3, 4, 3))
        mine = m.guided(0.7, base, guidance, setting)
        assert np.allclose(mine.mean, mean, rtol=1e-10, atol=1e-13)
        assert np.allclose(mine.variance, blocks, rtol=1e-10, atol=1e-13)
    if setting == "sum":
        assert np.array_equal(m[f"guided:0.7@{base}+guidance:exact"].variance, mine.variance)
        best = m.optimal_alpha(base)
        pooled = [m.guided(a, base).variance.sum() for a in (best - 0.01, best, best + 0.01) if 0 <= a <= 1]
        assert m.guided(best, base).variance.sum() == min(pooled)


def test_bad_input_is_refused_before_any_work():
    with pytest.raises(InputError, match="profiles"):
        enumerate_moments(LoadBalancingGame.random(10, n_candidates=4), np.full((10, 4), 0.25))
    system = LoadBalancingGame.random(3, n_candidates=2)
    for bad in (np.full((3, 3), 1 / 3), np.full((3, 2), 0.4), np.array([[1.5, -0.5]] * 3), np.full((3, 2), np.nan)):
        with pytest.raises(InputError, match="probabilities"):
            enumerate_moments(system, bad)
    with pytest.raises(InputError, match="credit"):
        enumerate_moments(system, np.full((3, 2), 0.5), ["returns"])
    with pytest.raises(InputError, match="once"):
        enumerate_moments(system, np.full((3, 2), 0.5), ["return", "return"])
    moments = enumerate_moments(system, np.full((3, 2), 0.5), ["return", "guidance"])
    for name in ("difference", "guided:1.5", "guided:x", "guided:0.5@coma"):
        with pytest.raises(InputError):
            moments[name]
