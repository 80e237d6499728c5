"""Cells of C6: noise and bias of every credit, what a credit reads, and how methods learn in one game."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import torch

from dgpg_verify.claims.comparison.probes import Fitted, is_unbiased, learned_numbers, reads
from dgpg_verify.claims.noise.measure import exact_moments, measured_values, noise_cost, prefixed
from dgpg_verify.claims.noise.measure import measure_noise as measure_exact
from dgpg_verify.claims.samples.measure.cells import measure_samples, samples_cost
from dgpg_verify.claims.samples.measure.laws import arrivals_of
from dgpg_verify.claims.subjects import build_policy, build_system, one_shot_probabilities, seconds_of
from dgpg_verify.core import (
    Cell,
    Policy,
    Rollout,
    System,
    draw_noise,
)
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.oracles.moments import OracleMoments
from dgpg_verify.rollouts import collect
from dgpg_verify.samples import Curve
from dgpg_verify.samples.rest import ExpectedGame, improved
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.training import make_method, train
from dgpg_verify.training.methods import ALONE, Method, make_recipe
from dgpg_verify.training.start import fresh_learner
from dgpg_verify.training.updates.weights import weights_of
from dgpg_verify.training.values.learner import ValueLearner

PROBE_ROLLOUTS = 16  # behind what a credit reads, and behind its time
STARTS = 32  # of the search for the best assignment


def measure_comparison(cell: Cell) -> Mapping[str, Any]:
    """Measure one cell; a function of the cell alone, but for the seconds in it."""
    return SHARED[cell.claim][0](cell) if cell.claim in SHARED else PARTS[cell.options["part"]](cell)


def comparison_cost(cell: Cell) -> float:
    """Rough work of a cell, so that long ones start first."""
    if cell.claim in SHARED:
        return SHARED[cell.claim][1](cell)
    if cell.options["part"] == "noise":
        return float(cell.n * cell.options["rollouts"]) + 1e6 * ("learned" in cell.options)
    slow = cell.n if make_method(cell.options["method"]).in_turn else 1
    steps = cell.options["options"].get("horizon", 1)
    return float(cell.options["episodes"] * steps * (100 + cell.n) * slow)


def measure_noise(cell: Cell) -> dict[str, Any]:
    """Moments of all credits under one policy, measured/... as in the claims on noise; unbiased: credits of mean grad
    J; reads [C, len(PROBES)]: whether the credit changes with what PROBES names; seconds [C]: to compute it, over those
    to play the same roll-outs; fitting [C]: seconds; extra [C]: see `learned_numbers`."""
    game, names = cast(LoadBalancingGame, build_system(cell)), cell.options["credits"]
    learned = cell.options.get("learned", ())
    policy = build_policy("uniform", game, cell.seed)
    oracle = exact_moments(game, policy)
    credits = [Fitted.on(name, game, policy, cell) if name in learned else make_credit(name) for name in names]
    moments = measure_gradients(
        game, policy, credits, rollouts=cell.options["rollouts"], seed=cell.seed % 2**31,
        target=oracle.objective_gradient, progress=False,
    )  # fmt: skip
    inner = [float((np.asarray(moments[name].mean) * oracle.objective_gradient).sum()) for name in names]
    values = measured_values(moments, oracle) | {"to_objective": np.array(inner)}
    return prefixed("measured", values) | _probed(game, policy, credits, oracle)


def _probed(game: LoadBalancingGame, policy: Policy, credits: Sequence[Any], oracle: OracleMoments) -> dict[str, Any]:
    pilot, rollout, played = (_played(game, policy, stream) for stream in range(3))
    fitted = [credit.fit([pilot[0]]) for credit in credits]
    seconds = [seconds_of(partial(weights_of, credit, rollout[0])) for credit in fitted]
    return {
        "unbiased": [credit.name for credit in fitted if is_unbiased(credit, rollout[0])],
        "reads": np.array([reads(credit, rollout[0]) for credit in fitted]),
        "seconds": np.array(seconds) / min(pilot[1], rollout[1], played[1]),
        "fitting": np.array([credit.seconds if isinstance(credit, Fitted) else 0.0 for credit in fitted]),
        "extra": np.array([learned_numbers(credit) for credit in fitted]),
        "guidance_signal": float((oracle.guidance_gradient**2).sum()),
    }


def _played(game: System, policy: Policy, stream: int) -> tuple[Rollout, float]:
    """Roll-outs, and the seconds they took."""
    noise, found = draw_noise(stream, 0, game, policy, PROBE_ROLLOUTS), []
    seconds = seconds_of(lambda: found.append(collect(game, policy, noise, keep_states=True)))
    return found[0], seconds


def measure_learning(cell: Cell) -> dict[str, Any]:
    """Arrivals at shares of the first gap, exact gaps on the way, optimiser steps an update."""
    game = cast(LoadBalancingGame, build_system(cell))
    return _learned(cell, game, cell.options["every"])


def measure_alike(cell: Cell) -> dict[str, Any]:
    """Exact gaps on the way where jobs, servers and candidates are all alike: who learns to share them out?"""
    return _learned(cell, alike_game(cell.n), cell.options["episodes"])


def alike_game(n: int) -> LoadBalancingGame:
    """n equal jobs, n servers that can be told apart and are open to all. Every agent sees the same, and the cost is
    sum over servers of 1/2 (jobs - 1)^2: none where each takes another server."""
    drawn = LoadBalancingGame.random(n, seed=0, n_candidates="all")
    ones, capacity = torch.ones(n, dtype=torch.float64), torch.linspace(1.0, 4.0, n, dtype=torch.float64)
    return replace(
        drawn, jobs=ones, capacity=capacity, weights=capacity**2, background=0.0 * ones, target=1.0 / capacity,
        reference_state=1.0 / capacity, candidates=torch.arange(n).expand(n, n).clone(), recipe=None,
    )  # fmt: skip


def measure_cloud(cell: Cell) -> dict[str, Any]:
    """Score on held-out workloads after training: Random 0, Best-Fit 1; None where these are not told apart."""
    options, system = cell.options, build_system(cell)
    run = train(
        system, options["method"], options["episodes"], cell.seed % 2**31, sharing=options["sharing"],
        evaluate_every=0, progress=False, **options["changes"],
    )  # fmt: skip
    return {"score": run.scores[-1][1], "seconds": run.history[-1].seconds}


def _learned(cell: Cell, game: LoadBalancingGame, every: int) -> dict[str, Any]:
    options, seen, expected = cell.options, [], ExpectedGame(game)

    def cost(chances: np.ndarray) -> float:
        return float(expected.cost(torch.as_tensor(chances)))

    def watch(episode: int, policy: Any) -> None:
        seen.append((episode, cost(one_shot_probabilities(game, policy))))

    run = train(
        game, options["method"], options["episodes"], cell.seed % 2**31, sharing=options["sharing"],
        evaluate_every=every, workloads=1, progress=False, observe=watch, **options["changes"],
    )  # fmt: skip
    uniform, best = cost(uniform_chances(game)), best_cost(game)
    gaps = np.array([cost - best for _, cost in seen])
    gaps[0] = uniform - best  # for all methods the same, wherever they start
    values = {
        "samples": np.array([episode for episode, _ in seen]),
        "gap": gaps,
        "score": 1.0 - float(gaps[-1]) / float(gaps[0]),
        "steps": run.history[-1].steps,
        "extra_parameters": extra_parameters(options["method"], game),
    }
    return values | (_arrived(values, options["factors"]) if "factors" in options else {})


def _arrived(values: Mapping[str, Any], factors: Sequence[float]) -> dict[str, Any]:
    """low, high [1, E]."""
    zeros = np.zeros((1, len(values["samples"])))
    curve = Curve(int(values["samples"][1]), values["samples"], values["gap"][None], zeros, np.array([-1]))
    return arrivals_of(curve, list(factors))


def extra_parameters(method: str, game: System) -> int:
    """Numbers that a method of training fits on roll-outs beyond its actors and values of the state alone: of its
    credit, or of action values beyond those of agents on their own: what mixes these, or reads the others' mean."""
    made = make_method(method)
    if made.update == "value":
        return _numbers(made, game) - _numbers(make_method(f"value:{ALONE}"), game)
    pilot, _ = _played(game, build_policy("uniform", game, 0), 0)
    return sum(learned_numbers(credit.fit([pilot])) for credit in made.credits())


def _numbers(method: Method, game: System) -> int:
    """All that a learner of action values learns, agents' own networks and what mixes them."""
    recipe = make_recipe(method, method.settings({}), game.n_agents)
    learner = cast(ValueLearner, fresh_learner(recipe, game, 0))
    return sum(weights.numel() for weights in learner.online.parameters())


def uniform_chances(game: LoadBalancingGame) -> np.ndarray:
    return np.full((game.n_agents, game.n_actions), 1.0 / game.n_actions)


def best_cost(game: LoadBalancingGame) -> float:
    """The least cost that iterated best response ends at, from STARTS random assignments: a local optimum."""
    starts = np.random.default_rng(0).integers(game.n_actions, size=(STARTS, game.n_agents))
    return -max(improved(game, torch.as_tensor(start)) for start in starts)


SHARED: Mapping[str, tuple[Callable[[Cell], Mapping[str, Any]], Callable[[Cell], float]]] = {  # cells of other families
    "gradients": (measure_exact, noise_cost),
    "complexity": (measure_samples, samples_cost),
}
PARTS: Mapping[str, Callable[[Cell], Mapping[str, Any]]] = {
    "noise": measure_noise,
    "learning": measure_learning,
    "alike": measure_alike,
    "cloud": measure_cloud,
}
