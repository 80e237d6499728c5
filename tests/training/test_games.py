"""Every method ends in a certified equilibrium of small enumerable games; the same method told the opposite does not.

Games: quadratic load balancing with equal capacities and weights, where J = -G and the guidance's chain rule differs
from the difference reward by a constant, so that all methods have the same equilibria. Policies are tables: from the
features agents with equal jobs could not be told apart. A run has arrived when (a) its most probable profile lets no
agent gain by another action, checked by enumeration, and (b) that profile has probability above 1/2.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import binom

from dgpg_verify.policies import HeuristicPrior, TabularPolicy
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.training import make_method, method_names
from dgpg_verify.training.networks import actor_of
from dgpg_verify.training.updates.sequential import split_actor
from tests.training.games import Opposed, arrived, costs, equilibria, game, largest_gain, smallest_gain
from tests.training.tools import learner_of

GAMES = [
    game([1.0, 0.9], [0.0, 0.1]),
    game([1.0, 0.9], [0.0, 0.1, 0.9]),
    game([1.0, 0.9, 0.8], [0.0, 0.9]),
    game([1.0, 0.9, 0.8], [0.0, 0.1, 0.2]),
]
MARGIN = 0.15  # of the range of costs: where somebody can gain, somebody gains as much as that
SEEDS = 4
RUNS = SEEDS * len(GAMES)
STEPS, EPOCHS, ROLLOUTS = 45, 3, 64  # as many steps for all: a plain gradient takes one an iteration, others EPOCHS

# With 64 draws from at most 27 profiles an iteration and pay-offs MARGIN apart, a correct method should arrive in 95 %
# of the runs or more; the number demanded is the largest that such a method misses with probability below 1e-4 (over
# all methods, some twenty: 2e-3).
ARRIVES, MISS = 0.95, 1e-4
NEEDED = int(binom.ppf(MISS, RUNS, ARRIVES))


# The gradient of the fluid model vanishes at mixtures whose mean state is the reference: nothing makes agents commit.
UNCOMMITTED = ("pathwise",)
ACTORS = tuple(name for name in method_names() if make_method(name).update != "value")  # others: test_values
COMMITTED = tuple(name for name in ACTORS if name not in UNCOMMITTED)


def learned(method: str, system: LoadBalancingGame, seed: int, opposed: bool = False) -> NDArray[np.float64]:
    """Choice probabilities [N, K] after training from near-uniform tables."""
    # imitating the least-committed rule would first send all agents to one server, and the run would test the recovery
    declared = make_method(method)
    shown = "capacity_proportional" if declared.imitates else "least_committed"
    learner = learner_of(
        method, system, seed, alpha="0.9->0.2" if method == "dgpg" else None, rollouts=ROLLOUTS, actor_lr=0.3,
        critic_lr=0.01, epochs=EPOCHS, entropy=0.0, heuristic=shown, temperature=1.0,
        imitation_share=0.25, kl_limit=0.05,
    )  # fmt: skip
    rng = np.random.default_rng([seed, 11])
    logits = torch.as_tensor(0.1 * rng.normal(size=(system.n_agents, system.n_actions)))
    prior = HeuristicPrior(system, "least_committed", 1.0) if method == "residual" else None
    table = TabularPolicy(logits, prior=prior)
    wrap: Any = split_actor if declared.in_turn else actor_of
    learner.actors = [wrap(table, learner.recipe.settings)]
    learner.fleets[0].policy = learner.actors[0].policy
    if opposed:
        learner.fleets[0].__class__ = Opposed
    iterations = STEPS if declared.update in ("gradient", "trust_region") else STEPS // EPOCHS
    for index in range(iterations):
        # the credit plays no part while imitating, so the control goes without
        imitating = declared.imitates and index < iterations // 4 and not opposed
        learner.iterate(index, index / (iterations - 1), imitating)
    seen = system.observe(system.start(torch.empty(1, 1, 0)))
    found: NDArray[np.float64] = learner.policy.probabilities(seen)[0].detach().numpy()
    return found


def arrivals(method: str, seeds: range, opposed: bool = False) -> list[bool]:
    return [arrived(system, learned(method, system, s, opposed)) for system, s in itertools.product(GAMES, seeds)]


def test_the_fraction_demanded_is_one_that_chance_does_not_reach() -> None:
    """A random profile is an equilibrium in the share counted here; 16 of them would pass in less than 1 %."""
    share = [len(equilibria(system)) / system.n_actions**system.n_agents for system in GAMES]
    assert all(0.0 < s <= 0.5 for s in share)
    assert 1.0 - binom.cdf(NEEDED - 1, RUNS, float(np.mean(share))) < 1e-2
    assert 0.6 * RUNS < NEEDED < RUNS


@pytest.mark.parametrize("method", COMMITTED)
def test_method_reaches_an_equilibrium(method: str, seed: int) -> None:
    found = arrivals(method, range(seed, seed + SEEDS))
    assert sum(found) >= NEEDED, found


@pytest.mark.parametrize("method", ACTORS)
def test_control_the_opposite_credit_does_not(method: str, seed: int) -> None:
    """It climbs the cost: all on one server, which is an equilibrium of none of these games."""
    assert not any(arrivals(method, range(seed, seed + 1), opposed=True))


@pytest.mark.parametrize("opposed", [False, True])
def test_the_fluid_model_alone_reaches_the_mean_and_no_equilibrium(opposed: bool, seed: int) -> None:
    """Where uniform chances are far from the reference: the mean state comes close to it, with agents undecided."""
    for system in GAMES[1:3]:
        for k in range(SEEDS):
            chances = learned("pathwise", system, seed + k, opposed)
            far, near = (_gap(system, c) for c in (np.full_like(chances, 1.0 / system.n_actions), chances))
            assert (near > far) if opposed else (near < 0.5 * far and float(chances.max(1).prod()) < 0.9)


def _gap(system: LoadBalancingGame, chances: NDArray[np.float64]) -> float:
    return float((system.mean_state(torch.as_tensor(chances)) - system.reference_state).square().sum())


def test_wherever_somebody_can_gain_the_gain_is_large() -> None:
    """Near ties would be decided by sampling noise, not by the method."""
    assert min(smallest_gain(system) for system in GAMES) >= MARGIN


def test_the_certificate_is_exact() -> None:
    """By hand: two equal jobs on two empty servers; apart is an equilibrium, together is not."""
    table = costs(game([1.0, 1.0], [0.0, 0.0]))
    assert [largest_gain(table, p) for p in ((0, 0), (0, 1), (1, 0), (1, 1))] == [1.0, 0.0, 0.0, 1.0]


def test_guidance_and_objective_have_the_same_equilibria_here() -> None:
    """Own gain by the chain rule, -(x - x~) z at the server chosen, against own gain in J: the same signs at every
    profile, so a method of guidance alone is asked for the same thing."""
    for system in GAMES:
        table, n, k = costs(system), system.n_agents, system.n_actions
        for profile in np.ndindex(*table.shape):
            for i, other in itertools.product(range(n), range(k)):
                moved = (*profile[:i], other, *profile[i + 1 :])
                pulls = [_pull(system, p, i) for p in (profile, moved)]
                assert pulls[1] - pulls[0] == pytest.approx(float(table[profile] - table[moved]), abs=1e-9)


def _pull(system: LoadBalancingGame, profile: Any, agent: int) -> float:
    moved = system.step(None, torch.tensor([profile]))  # type: ignore[arg-type]
    at, z = int(moved.influence.index[0, agent, 0]), float(moved.influence.value[0, agent, 0])
    return -float(moved.x[0, at] - moved.reference[0, at]) * z
