"""The seeded i.i.d. law of small heterogeneous fleets over which rates are reported.

Fleet number f is LoadBalancingGame.random with its own child seed (systems/load_balancing.py states its law) and
M = max(N, K) servers unless given. Only the guidance differs between references:

- fluid: all load spread in proportion to capacity, equal utilisation of all servers (the paper's practical reference);
- biased:D: fluid times 1 + D s_m, s_m = +1, -1, +1, ... by rank of capacity;
- shuffled: the fluid load permuted over servers by a random derangement (the control that must fail);
- speed_aware: the state x at which J itself is least when jobs may be split over their candidates (the splittable
  relaxation): it uses each server's cost and speed and who can reach it. Our declared choice for the one-shot game,
  where equal finishing times are what fluid already gives. Defined for quadratic, delay and mm1; not for makespan,
  whose relaxation has many solutions. Mind that equal utilisation is the optimum of the relaxation for quadratic (it
  is the target in J) and for delay (capacity x^2): there speed_aware is fluid itself wherever the candidates let jobs
  be split that evenly, and only mm1 tells the two apart in general;
- perfect: the guidance table itself is replaced by G = -c J + const on every joint action, c log-uniform in [1/4, 4] by
  the fleet's seed and const such that the least G is 0 (perfect alignment; it is not a reference state).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from dgpg_verify.core import InputError, check_choice, check_int
from dgpg_verify.equilibria.arrays import beside
from dgpg_verify.equilibria.games.relaxation import RELAXED_COSTS, relaxed_states
from dgpg_verify.equilibria.games.tables import Tables, check_joint_actions, joint_tables
from dgpg_verify.systems import LoadBalancingGame

REFERENCES = ("perfect", "fluid", "speed_aware", "biased:D", "shuffled")
SCALE = (0.25, 4.0)  # of -c J in a perfect guidance


def random_games(
    count: int,
    n_agents: int,
    n_candidates: int = 3,
    cost: str = "quadratic",
    reference: str = "fluid",
    seed: int = 0,
    n_servers: int | None = None,
) -> list[LoadBalancingGame]:
    """Draw `count` independent fleets of N agents with K candidates each, of one cost and one reference state.

    References: fluid, speed_aware, biased:D, shuffled ("perfect" is a table: use random_tables). The same seed gives
    the same fleets whatever the reference, and the first fleets do not depend on `count`.
    Raises InputError on any value outside its range. Cost about 0.3 ms per fleet.
    """
    if reference == "perfect":
        raise InputError("reference = 'perfect' is not allowed here: it is not a reference state, use random_tables")
    if str(reference).partition(":")[0] not in ("fluid", "speed_aware", "biased", "shuffled"):
        raise InputError(f"reference = {reference!r} is not allowed: it must be one of {', '.join(REFERENCES)}")
    if reference == "speed_aware":
        check_choice("cost of a speed_aware reference", cost, RELAXED_COSTS)
    least = max(check_int("n_agents", n_agents, 1), check_int("n_candidates", n_candidates, 1))
    servers = least if n_servers is None else check_int("n_servers", n_servers, n_candidates)
    drawn = "fluid" if reference == "speed_aware" else reference
    games = [
        LoadBalancingGame.random(
            n_agents, child, n_candidates=n_candidates, cost=cost, n_servers=servers, reference=drawn
        )
        for child in child_seeds(count, seed)
    ]
    if reference != "speed_aware":
        return games
    return [game.with_reference(torch.as_tensor(state)) for game, state in zip(games, relaxed_states(games))]


def random_tables(count: int, n_agents: int, n_candidates: int = 3, *law: Any, **more: Any) -> Tables:
    """Reward and guidance of random_games on every joint action, [F, K, ..., K]; "perfect" is allowed too.

    law, more: as random_games. Raises InputError as random_games, or with more than 10^7 joint actions. Cost
    O(F M K^N) and the drawing.
    """
    return games_with_tables(count, n_agents, n_candidates, *law, **more)[1]


def games_with_tables(
    count: int,
    n_agents: int,
    n_candidates: int,
    cost: str = "quadratic",
    reference: str = "fluid",
    seed: int = 0,
    n_servers: int | None = None,
) -> tuple[list[LoadBalancingGame], Tables]:
    """The fleets and their tables; "perfect" replaces the guidance of fluid fleets."""
    check_joint_actions(check_int("n_agents", n_agents, 1), check_int("n_candidates", n_candidates, 1))
    state = "fluid" if reference == "perfect" else reference
    games = random_games(count, n_agents, n_candidates, cost, state, seed, n_servers)
    tables = joint_tables(games)
    return games, perfect_guidance(tables, child_seeds(count, seed)) if reference == "perfect" else tables


def perfect_guidance(tables: Tables, seeds: Sequence[int]) -> Tables:
    """The same reward with guidance G = c (max J - J) >= 0, c log-uniform in [1/4, 4] drawn from each fleet's seed.

    Ties of J stay exact ties of G. Raises InputError unless there is one seed per fleet.
    """
    if len(seeds) != tables.fleets:
        raise InputError(f"seeds holds {len(seeds)} numbers: it must hold one for each of {tables.fleets} fleets")
    low, high = np.log(SCALE)
    draws = [np.random.default_rng(np.random.SeedSequence(int(s), spawn_key=(4,))).uniform(low, high) for s in seeds]
    reward = tables.reward
    best = reward.reshape(len(reward), -1).max(1)
    return Tables(reward, beside(np.exp(draws), reward) * (beside(best, reward) - reward))


def child_seeds(count: int, seed: int) -> list[int]:
    """Independent seeds of the fleets, one for each, from the law's seed."""
    count, seed = check_int("count", count, 1), check_int("seed", seed, 0)
    children = (np.random.SeedSequence(seed, spawn_key=(10, f)) for f in range(count))
    return [int(child.generate_state(1, np.uint64)[0] >> np.uint64(1)) for child in children]
