"""Slow and plain: small games as dictionaries from joint action to number, questions answered by their definition."""

from fractions import Fraction
from itertools import product

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from dgpg_verify.equilibria.games.tables import Tables


@st.composite
def small_tables(draw):
    """Integer entries from a short range, so that ties in J, in G and in J_alpha are common."""
    shape = (2, *(draw(st.integers(1, 3)),) * draw(st.integers(1, 3)))
    entries = st_numpy.arrays(np.int64, shape, elements=st.integers(-2, 2))
    return Tables(draw(entries), draw(entries))


def joint_actions(n, k):
    return list(product(range(k), repeat=n))


def reward_and_guidance(game):
    """J and G of one load-balancing game on every joint action, from the definition, in Python floats."""
    jobs, capacity, background = game.jobs.tolist(), game.capacity.tolist(), game.background.tolist()
    weights, target, reference = game.weights.tolist(), game.target.tolist(), game.reference_state.tolist()
    reward, guidance = {}, {}
    for actions in joint_actions(game.n_agents, game.n_actions):
        x = list(background)
        for i, k in enumerate(actions):
            server = int(game.candidates[i, k])
            x[server] += jobs[i] / capacity[server]
        costs = {
            "quadratic": [0.5 * h * (u - t) ** 2 for h, u, t in zip(weights, x, target)],
            "delay": [c * u**2 for c, u in zip(capacity, x)],
            "mm1": [u / (1 - u) if u <= 0.95 else 19 + 400 * (u - 0.95) for u in x],
            "makespan": [max(x)],
        }[game.cost]
        reward[actions] = -sum(costs)
        guidance[actions] = 0.5 * sum((u - r) ** 2 for u, r in zip(x, reference))
    return reward, guidance


def as_dictionary(table):
    """One fleet's table [K, ..., K] as exact fractions."""
    return {a: Fraction(float(table[a])) for a in joint_actions(table.ndim, table.shape[0])}


def deviations(actions, k):
    for i in range(len(actions)):
        for other in range(k):
            if other != actions[i]:
                yield (*actions[:i], other, *actions[i + 1 :])


def mixture(reward, guidance, alpha):
    return {a: (1 - alpha) * reward[a] - alpha * guidance[a] for a in reward}


def kind(values, actions, k):
    """0 no equilibrium, 1 an equilibrium with a deviation that loses nothing, 2 a strict one."""
    changes = [values[other] - values[actions] for other in deviations(actions, k)]
    if any(change > 0 for change in changes):
        return 0
    return 1 if any(change == 0 for change in changes) else 2


def expected(values, p):
    total = 0
    for actions, value in values.items():
        weight = 1
        for i, k in enumerate(actions):
            weight = weight * p[i][k]
        total = total + weight * value
    return total


def nash_conv(values, p):
    """Sum over agents of what a best pure deviation gains, each deviation really played."""
    here, total = expected(values, p), 0
    for i in range(len(p)):
        vertex = [[1 if l == k else 0 for l in range(len(p[i]))] for k in range(len(p[i]))]
        total += max(expected(values, [*p[:i], row, *p[i + 1 :]]) for row in vertex) - here
    return total


def kinds(tables, alpha):
    """Kind of every joint action of every fleet under J_alpha, int [F, K, ..., K]."""
    k, found = tables.n_actions, np.zeros(tables.reward.shape, dtype=int)
    for f in range(tables.fleets):
        values = mixture(as_dictionary(tables.reward[f]), as_dictionary(tables.guidance[f]), Fraction(alpha))
        for actions in values:
            found[(f, *actions)] = kind(values, actions, k)
    return found


def members(tables, alpha):
    """The pure equilibria of J_alpha, bool [F, K, ..., K]."""
    return kinds(tables, alpha) > 0
