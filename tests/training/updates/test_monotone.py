"""Why agents may update one after the other: with exact advantages and a KL penalty no round can make things worse.

Source: Kuba et al. (2022), the multi-agent advantage decomposition. In a one-shot game J is linear in each agent's
policy, so that after agents 1 .. i-1 have moved, J changes by sum_a pi_i'(a) A_i(a) with A_i taken under their new
policies; the maximiser of that minus C KL(pi_i' | pi_i) is pi_i exp(A_i / C) / Z and cannot lower it. Agents that all
move at once, each by its own A_i, can lower J: the control. The game's costs come from the enumeration oracle; A_i is
estimated as HAPPO does it, by re-weighting the old joint policy with the product of new over old probabilities.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from dgpg_verify.oracles.games.profiles import EnumeratedGame
from dgpg_verify.systems import LoadBalancingGame
from tests.training.games import game

Array = NDArray[np.float64]
PENALTIES = (0.02, 0.1, 1.0)
ROUNDS = 30
ROUNDING = 1e-12  # sums of 27 numbers of size 1


def pay_offs(system: LoadBalancingGame) -> Array:
    """J of every profile, [K] * N."""
    n, k = system.n_agents, system.n_actions
    oracle = EnumeratedGame(system, np.full((n, k), 1.0 / k))
    profiles = np.array(list(itertools.product(range(k), repeat=n)))
    table: Array = -oracle.cost(profiles, oracle.state(profiles)).reshape([k] * n)
    return table


def joint(policies: Array) -> Array:
    """Probability of every profile."""
    table = np.ones(())
    for own in policies:
        table = np.multiply.outer(table, own)
    return table


def advantage(payoff: Array, old: Array, product: Array, agent: int) -> Array:
    """A_i(a) = E_old [M A given a_i = a]: A is the joint advantage, M the product of the ratios so far."""
    weights = joint(old) * product * (payoff - (joint(old) * payoff).sum())
    others = tuple(k for k in range(payoff.ndim) if k != agent)
    own: Array = weights.sum(axis=others) / old[agent]
    return own - own @ old[agent]


def one_round(payoff: Array, old: Array, order: Array, penalty: float, sequential: bool) -> Array:
    """All agents once; `sequential` = False leaves the product of ratios at 1: everybody moves at once."""
    new, product = old.copy(), np.ones(payoff.shape)
    for agent in order:
        gains = advantage(payoff, old, product, agent) / penalty
        moved = old[agent] * np.exp(gains - gains.max())
        new[agent] = moved / moved.sum()
        if sequential:
            shape = [1] * payoff.ndim
            shape[agent] = -1
            product = product * (new[agent] / old[agent]).reshape(shape)
    return new


def path(payoff: Array, penalty: float, sequential: bool, seed: int) -> Array:
    """J after every round, from a random start."""
    rng = np.random.default_rng(seed)
    policies = rng.dirichlet(np.ones(payoff.shape[0]), payoff.ndim) * 0.94 + 0.02
    policies /= policies.sum(1, keepdims=True)
    found = [float((joint(policies) * payoff).sum())]
    for _ in range(ROUNDS):
        policies = one_round(payoff, policies, rng.permutation(payoff.ndim), penalty, sequential)
        policies = np.clip(policies, 1e-9, None)
        policies /= policies.sum(1, keepdims=True)
        found.append(float((joint(policies) * payoff).sum()))
    return np.array(found)


GAMES = {"three": game([1.0, 0.9, 0.8], [0.0, 0.1, 0.2]), "equal": game([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])}
PAY_OFFS = {name: pay_offs(one) for name, one in GAMES.items()}
PAY_OFFS["any shared reward"] = np.random.default_rng(0).normal(size=(3, 3, 3))


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("which", PAY_OFFS)
def test_sequential_updates_never_lower_the_objective(which: str, penalty: float) -> None:
    payoff = PAY_OFFS[which]
    for seed in range(20):
        steps = np.diff(path(payoff, penalty, True, seed))
        assert steps.min() >= -1e-8 * np.ptp(payoff)  # the clip at 1e-9 moves J by no more than that


def test_control_moving_all_at_once_can_lower_it() -> None:
    """Three equal agents that all leave the crowded server meet again on the next one."""
    payoff = PAY_OFFS["equal"]
    worst = min(np.diff(path(payoff, PENALTIES[0], False, seed)).min() for seed in range(20))
    assert worst < -0.1 * np.ptp(payoff)


def test_the_weights_are_those_of_the_decomposition() -> None:
    """After one agent has moved, the re-weighted advantage of the next is that under its new policy, exactly."""
    payoff = PAY_OFFS["three"]
    old = np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.3, 0.3, 0.4]])
    new = old.copy()
    new[0] = [0.1, 0.1, 0.8]
    product = np.ones(payoff.shape) * (new[0] / old[0]).reshape(-1, 1, 1)
    direct = np.einsum("abc,a,c->b", payoff, new[0], old[2])
    assert np.allclose(advantage(payoff, old, product, 1), direct - direct @ old[1], atol=ROUNDING)
