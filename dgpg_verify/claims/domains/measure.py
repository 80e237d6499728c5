"""Cells of the other domains: noise of the credits, imbalance where guidance ends, travel time lost to a reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch

from dgpg_verify.claims.equilibria.measure.alignment import cosines, policy_profiles
from dgpg_verify.claims.equilibria.measure.games import pure_sets
from dgpg_verify.claims.subjects import SIGMA, build_policy, build_system, one_shot_probabilities
from dgpg_verify.core import Cell, Policy
from dgpg_verify.equilibria.games.tables import resource_tables
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.oracles.games.guidance import Array, guidance_moments
from dgpg_verify.oracles.games.quadratic import quadratic_moments
from dgpg_verify.oracles.teams.linear_quadratic import linear_quadratic_moments
from dgpg_verify.samples.rest import ExpectedGame, ascend, improved
from dgpg_verify.systems import LinearQuadraticTeam, make_system
from dgpg_verify.systems.best_response import distance_price, iterated_best_response, iterated_best_responses
from dgpg_verify.systems.one_shot import GameState
from dgpg_verify.systems.power.power_dispatch import PowerDispatch
from dgpg_verify.systems.resource_game import ResourceGame
from dgpg_verify.training import train
from dgpg_verify.training.settings import usual_episodes

ALPHAS = (0.2, 0.55, 0.9, 1.0)  # end, middle and start of the published schedule; guidance alone
SAMPLED = ("return", "difference")
STARTS = 4  # joint actions from which platoons go to the reference one by one
WORKLOADS = 64  # held-out roll-outs of each evaluation of training
ANNEALED = tuple(k / 10 for k in range(9, -1, -1))
RUNS: Mapping[str, tuple[bool, tuple[float, ...]]] = {  # ascent without noise: exact guidance or not, alphas in turn
    "return": (False, (0.0,)),
    "guided:0.2": (False, (0.2,)),
    "guidance": (False, (1.0,)),
    "guidance:exact": (True, (1.0,)),
    "annealed": (False, ANNEALED),
}
POLICIES = ("uniform", "greedy:1", "best_response:0.3", "random", "near_equilibrium")  # where alignment is measured


def measure_domain(cell: Cell) -> Mapping[str, Any]:
    """Measure one cell; a function of the cell alone."""
    return PARTS[cell.options["part"]](cell)


def domain_cost(cell: Cell) -> float:
    """Rough work of a cell, so that long ones start first."""
    if cell.options["part"] == "training":
        return 1e6
    if cell.options["part"] == "rest":
        return 100.0 * cell.n**2
    return float(cell.n * (100 + cell.options.get("rollouts", 0)) * cell.options.get("games", 1))


def drawn_games(cell: Cell) -> list[ResourceGame]:
    """The games of a cell: one, or as many independent ones as its option `games` says."""
    seeds = np.random.SeedSequence(cell.seed).generate_state(cell.options.get("games", 1))
    system, options = cell.options["system"], cell.options["options"]
    return [cast(ResourceGame, make_system(system, cell.n, int(seed), **options)) for seed in seeds]


def measure_noise(cell: Cell) -> dict[str, float]:
    """Means over agents: V of each credit; of the guidance, exactly, also |E g|^2 and the others' part."""
    [game] = drawn_games(cell)
    if isinstance(game, LinearQuadraticTeam):
        return _noise_of_team(game)
    policy = build_policy(cell.options["policy"], game, cell.seed)
    p = one_shot_probabilities(game, policy)
    if cell.options["balanced"]:
        game = game.with_reference(game.mean_state(torch.as_tensor(p)))
    exact = guidance_moments(game, p)
    return _noise_of_reward(game, policy, p, cell) | {
        "guidance": float(exact.variance.mean()),
        "guidance_signal": float((exact.mean**2).sum(1).mean()),
        "guidance_cross": float(exact.cross.mean()),
    }


def _noise_of_team(team: LinearQuadraticTeam) -> dict[str, float]:
    """All of it by closed form, where the mean of every action is its default."""
    exact = linear_quadratic_moments(team, np.zeros(team.n_agents), SIGMA, (*SAMPLED, "guidance"))
    guidance = exact["guidance"]
    assert guidance.cross_agent is not None  # the closed form has it
    return {name: float(exact[name].variance.mean()) for name in exact.names} | {
        "guidance_signal": float(guidance.signal_squared.mean()),
        "guidance_cross": float(guidance.cross_agent.mean()),
    }


def _noise_of_reward(game: ResourceGame, policy: Policy, p: Array, cell: Cell) -> dict[str, float]:
    """V of the credits that are made of rewards: exactly where the costs are quadratic, else from roll-outs."""
    if not cell.options["rollouts"]:
        return {}
    if isinstance(game, PowerDispatch) and not game.n_lines:
        exact = quadratic_moments(game, p, SAMPLED)
        return {name: float(exact[name].variance.mean()) for name in SAMPLED}
    moments = measure_gradients(
        game, policy, SAMPLED, rollouts=cell.options["rollouts"], seed=cell.seed % 2**31, progress=False
    )
    return {name: float(moments[name].variance.mean()) for name in SAMPLED}


def measure_over_time(cell: Cell) -> dict[str, float]:
    """V of return and guidance, |E g|^2 and the others' part of the latter, means over agents, all from roll-outs."""
    system = build_system(cell)
    moments = measure_gradients(
        system, build_policy(cell.options["policy"], system, cell.seed), ("return", "guidance"),
        rollouts=cell.options["rollouts"], seed=cell.seed % 2**31, pick_freeze=cell.options["pick_freeze"],
        progress=False,
    )  # fmt: skip
    guidance = moments["guidance"]
    variance, share = float(guidance.variance.mean()), guidance.cross_agent_share
    return {
        "return": float(moments["return"].variance.mean()),
        "guidance": variance,
        "guidance_signal": float(guidance.signal_squared.mean()),
        "guidance_cross": variance * (math.nan if share is None else share),
    }


def measure_floor(cell: Cell) -> dict[str, float]:
    """Mean over games of `imbalance_penalties`."""
    games = [cast(PowerDispatch, game) for game in drawn_games(cell)]
    return {"imbalance_penalty": float(np.mean(imbalance_penalties(games)))}


def measure_lost(cell: Cell) -> dict[str, Any]:
    """`lost_at` of the one network."""
    return {"lost": lost_at(drawn_games(cell)[0])}


def measure_whole(cell: Cell) -> dict[str, float]:
    """How much more than at the reference is paid where no agent alone can come nearer to it, reached from random joint
    actions: mean over `STARTS` of them."""
    game = cast(ResourceGame, build_system(cell))
    rng = torch.Generator().manual_seed(cell.seed % 2**31)
    allowed = torch.ones(game.n_agents, game.n_actions) if game.allowed is None else game.allowed.double()
    starts = torch.multinomial(allowed, STARTS, replacement=True, generator=rng).unbind(1)
    ends = torch.stack([iterated_best_response(game, distance_price(game), start) for start in starts])
    paid = -game.step(GameState(torch.ones(STARTS)), ends).reward
    return {"above": float(paid.mean()) / float(game.cost_of(game.reference_state)) - 1.0}


def measure_small(cell: Cell) -> dict[str, Any]:
    """Pure equilibria of J and J_alpha and what they are worth, and alignment at the policies of POLICIES, every joint
    action enumerated; names as in the claims on equilibria."""
    games = drawn_games(cell)
    tables = resource_tables(games)
    profiles, policy = policy_profiles(games, tables, cell.seed, POLICIES)
    return pure_sets(tables, valued=True) | cosines(tables, profiles) | {"policy": policy}


def imbalance_penalties(games: Sequence[PowerDispatch]) -> list[float]:
    """beta / 2 (sum of outputs - that of the reference)^2 per generator, where none can lower G by another level, of
    every game."""
    n = games[0].n_agents
    targets = [game.reference_state[:n] for game in games]
    nearest = [(game.levels - target[:, None]).abs().argmin(1) for game, target in zip(games, targets, strict=True)]
    chosen = iterated_best_responses(games, distance_price(*games), torch.stack(nearest))
    outputs = [game.levels.gather(1, level[:, None]).sum() for game, level in zip(games, chosen, strict=True)]
    excess = [float(output - target.sum()) for output, target in zip(outputs, targets, strict=True)]
    return [0.5 * float(game.beta) * more**2 / n for game, more in zip(games, excess, strict=True)]


def lost_at(game: ResourceGame) -> Array:
    """For each of ALPHAS, how much more N equal agents pay where J_alpha is greatest than at the least cost, as a share
    of it [A]. Every division of them among the K <= 3 actions is compared: O(N^(K - 1))."""
    n, z = game.n_agents, game.additions
    used = torch.zeros(game.n_actions, game.state_size, dtype=torch.float64)
    used.scatter_add_(1, z.index[0], z.value[0])
    x = game.idle_state + torch.as_tensor(divisions(n, game.n_actions)).double() @ used
    cost = game.cost_of(x).numpy()
    distance = 0.5 * ((x - game.reference_state) ** 2).sum(1).numpy()
    places = [int(((1.0 - alpha) * cost + alpha * distance).argmin()) for alpha in ALPHAS]
    return np.asarray(cost[places] / cost.min() - 1.0)


def divisions(n: int, parts: int) -> np.ndarray:
    """Every way to divide n among 2 or 3 parts, int64 [Q, parts]."""
    axes = np.meshgrid(*[np.arange(n + 1)] * (parts - 1), indexing="ij")
    first = np.stack([axis.ravel() for axis in axes], axis=1)
    first = first[first.sum(1) <= n]
    return np.concatenate([first, n - first.sum(1, keepdims=True)], axis=1)


def measure_rest(cell: Cell) -> dict[str, float]:
    """Floors of RUNS, whether each came to rest, and at the start V and |E g|^2 of each credit, the signals exact."""
    [game] = drawn_games(cell)
    policy = build_policy("uniform", game, cell.seed)
    p = one_shot_probabilities(game, policy)
    expected = {exact: ExpectedGame(game, exact) for exact in (False, True)}
    ends = {name: ascend(expected[exact], alphas) for name, (exact, alphas) in RUNS.items()}
    start = -float(expected[False].cost(torch.as_tensor(p)))
    best = max(*(end.value for end in ends.values()), *(improved(game, end.p.argmax(1)) for end in ends.values()),
               improved(game, game.planned("iterated_best_response")))  # fmt: skip
    signal, guidance = expected[False].signal(torch.as_tensor(p)), guidance_moments(game, p)
    return {f"floor/{name}": (best - end.value) / (best - start) for name, end in ends.items()} | {
        **{f"settled/{name}": float(end.settled) for name, end in ends.items()},
        **_noise_of_reward(game, policy, p, cell),
        "guidance": float(guidance.variance.mean()),
        **dict.fromkeys(("return_signal", "difference_signal"), signal),
        "guidance_signal": float((guidance.mean**2).sum(1).mean()),
    }


def measure_training(cell: Cell) -> dict[str, Any]:
    """Mean held-out return after training, those of all rules on the same roll-outs, and those of the states that the
    option `ends` names as references."""
    system = build_system(cell)
    episodes = cell.options["episodes"] or usual_episodes(system)
    run = train(
        system, cell.options["method"], episodes, cell.seed % 2**31, evaluate_every=episodes, workloads=WORKLOADS,
        progress=False,
        **cell.options.get("settings", {}),
    )  # fmt: skip
    rules = {f"rule/{name}": float(returns.mean()) for name, returns in run.heldout.returns.items()}
    return {"learned": run.evaluations[-1][1].mean, "seconds": run.history[-1].seconds, **rules, **_ends(cell)}


def _ends(cell: Cell) -> dict[str, float]:
    """What J is where flows may be split as the reference has them; agents, each whole and at random, cannot."""
    values = {}
    for name in cell.options.get("ends", ()):
        options = {**cell.options, "options": {**cell.options["options"], "reference": name}}
        game = cast(ResourceGame, build_system(replace(cell, options=options)))
        values[f"end/{name}"] = -float(game.cost_of(game.reference_state))
    return values


PARTS: Mapping[str, Callable[[Cell], Mapping[str, Any]]] = {
    "noise": measure_noise,
    "over_time": measure_over_time,
    "floor": measure_floor,
    "lost": measure_lost,
    "whole": measure_whole,
    "small": measure_small,
    "rest": measure_rest,
    "training": measure_training,
}
