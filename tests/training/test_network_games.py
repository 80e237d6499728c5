"""Networks, as they are trained by default, end in certified equilibria too; told the opposite they do not.

Settings are the defaults (orthogonal start, all norms, entropy, clips) but for speeds of learning. In these games every
candidate has features of its own, so a network can choose among them. Arrival is certified as in test_games.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import binom

from dgpg_verify.policies.layers import normalise
from dgpg_verify.systems import LoadBalancingGame
from tests.training.games import Opposed, arrived, costs, equilibria, game, smallest_gain
from tests.training.tools import learner_of

GAMES = [game([1.0, 0.6], [0.0, 0.3, 0.9]), game([1.0, 0.7], [0.0, 0.4, 1.2])]
METHODS = ("dgpg", "mappo", "ippo", "happo", "guidance_only", "difference")
SEEDS, ITERATIONS = 5, 25
RUNS = SEEDS * len(GAMES)

# As in test_games: with 64 draws from 9 profiles an iteration a correct method should arrive in 95 % of the runs or
# more; the number demanded is the largest that such a method misses with probability below 1e-4 (over all six
# methods: 6e-4).
ARRIVES, MISS = 0.95, 1e-4
NEEDED = int(binom.ppf(MISS, RUNS, ARRIVES))


def learned(method: str, system: LoadBalancingGame, seed: int, opposed: bool = False) -> NDArray[np.float64]:
    """Choice probabilities [N, K] after training."""
    alpha = "0.9->0.2" if method == "dgpg" else None
    learner = learner_of(method, system, seed, alpha, hidden=16, rollouts=64, actor_lr=0.05, critic_lr=0.01, epochs=4)
    if opposed:
        learner.fleets[0].__class__ = Opposed
    for index in range(ITERATIONS):
        learner.iterate(index, index / (ITERATIONS - 1))
    seen = system.observe(system.start(torch.empty(1, 1, 0)))
    found: NDArray[np.float64] = learner.policy.probabilities(seen)[0].detach().numpy()
    return found


def arrivals(method: str, seeds: range, opposed: bool = False) -> list[bool]:
    return [arrived(system, learned(method, system, s, opposed)) for system, s in itertools.product(GAMES, seeds)]


def test_the_fraction_demanded_is_one_that_chance_does_not_reach() -> None:
    """A random profile is an equilibrium in 2 of 9 cases; as many arrivals as demanded have probability below 2 %."""
    share = [len(equilibria(system)) / costs(system).size for system in GAMES]
    assert share == [2 / 9, 2 / 9]
    assert 1.0 - binom.cdf(NEEDED - 1, RUNS, 2 / 9) < 0.02 and binom.cdf(NEEDED - 1, RUNS, ARRIVES) < MISS
    assert 0.5 * RUNS < NEEDED < RUNS


def test_gains_are_large_and_candidates_differ_in_what_the_network_sees() -> None:
    """Also after normalisation over one candidate's features, which takes a mean and a scale out of each."""
    for system in GAMES:
        assert smallest_gain(system) >= 0.15
        features = normalise(system.observe(system.start(torch.empty(1, 1, 0))).features[0])
        for one, other in itertools.combinations(range(system.n_actions), 2):
            assert float((features[:, one] - features[:, other]).abs().amax(-1).min()) > 0.1


@pytest.mark.parametrize("method", METHODS)
def test_networks_reach_an_equilibrium(method: str, seed: int) -> None:
    found = arrivals(method, range(seed, seed + SEEDS))
    assert sum(found) >= NEEDED, found


@pytest.mark.parametrize("method", METHODS)
def test_control_the_opposite_credit_does_not(method: str, seed: int) -> None:
    """It climbs the cost: both jobs on the fullest server, an equilibrium of neither game."""
    assert not any(arrivals(method, range(seed, seed + 1), opposed=True))
