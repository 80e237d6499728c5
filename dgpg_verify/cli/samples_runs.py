"""The runs behind the command `complexity`: exact gaps of games and teams, estimated ones of trained policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dgpg_verify.cli.games import LARGEST_FIELD
from dgpg_verify.core import InputError, check_real
from dgpg_verify.samples import (
    Curve,
    GreedyStep,
    Problem,
    ScheduledCredit,
    StepRule,
    TeamProblem,
    TheoryStep,
    cell_generator,
    learn,
    make_method,
    noise_free_floor,
)
from dgpg_verify.samples.cloud import check_method, estimated_curve, scored_fleets
from dgpg_verify.samples.game.problem import GameProblem, random_fleets
from dgpg_verify.systems import CloudScheduling

SIGMA = (1e-6, 1e6)  # standard deviation of a team's policies
FLOOR_STEPS = 2_000  # of the noise-free run that finds a floor
Asked = Mapping[str, Any]  # what the command was asked for


@dataclass(frozen=True)
class Measured:
    """Runs of one method at one N. floor: the gap that stays without noise, as a share of the first one (median over
    fleets), None where that is not known; settled: whether every noise-free run came to rest, None likewise."""

    n: int
    curve: Curve
    floor: float | None = None
    settled: bool | None = None


def exact_runs(asked: Asked, names: Sequence[str]) -> dict[str, Iterator[Measured]]:
    """Runs by method, N after N, made as they are read; all input is checked before the first.

    All methods meet the same fleets. Raises InputError on an unknown method and on an option out of range. Cost:
    `learn` for each.
    """
    methods = {name: make_method(name) for name in names}
    rule: StepRule = TheoryStep() if asked["step"] == "theory" else GreedyStep()
    problems = {
        n: build_problem(asked["system"], n, asked["fleets"], asked["seed"], asked["options"])
        for n in asked["n_values"]
    }
    return {name: _exact(method, problems, rule, asked) for name, method in methods.items()}


def _exact(
    method: ScheduledCredit, problems: Mapping[int, Problem], rule: StepRule, asked: Asked
) -> Iterator[Measured]:
    for n, problem in problems.items():
        first, noise = problem.gap(problem.start()), cell_generator(asked["seed"], n)
        stop = first / max(asked["eps_factors"])
        curve = learn(problem, method, rule, asked["budget"], noise, stop_below=stop)
        floor = noise_free_floor(problem, method, max_steps=FLOOR_STEPS)
        share = max(float(np.median(floor.gap / first)), 0.0)
        yield Measured(n, curve, share, bool(floor.settled.all()))


def trained_runs(asked: Asked, names: Sequence[str]) -> dict[str, Iterator[Measured]]:
    """The same with trained policies, whose gap is that to Best-Fit, estimated. A budget counts episodes.

    Raises InputError on an unknown method, on a system's option out of range, and where Best-Fit does not beat Random
    on enough fleets. Cost: a training run for each fleet, method and N.
    """
    for name in names:
        check_method(name, asked["budget"])
    fleets = {n: _fleets(n, asked) for n in asked["n_values"]}
    return {name: _trained(name, fleets, asked["budget"]) for name in names}


def _fleets(n: int, asked: Asked) -> tuple[list[Any], list[int]]:
    def draw(seed: int) -> CloudScheduling:
        return CloudScheduling(n, seed=seed, **{"horizon": 40, **asked["options"]})

    systems, seeds, _ = scored_fleets(draw, n, asked["fleets"], asked["seed"])
    return systems, seeds


def _trained(name: str, fleets: Mapping[int, tuple[list[Any], list[int]]], episodes: int) -> Iterator[Measured]:
    for n, (systems, seeds) in fleets.items():
        yield Measured(n, estimated_curve(systems, name, episodes, seeds))


def build_problem(system: str, n_agents: int, fleets: int, seed: int, options: dict[str, Any]) -> Problem:
    """Independent fleets of one system, the same for every method; InputError on an option out of range."""
    if system == "linear_quadratic":
        check_real("sigma", options.get("sigma", 1.0), *SIGMA)
        team = TeamProblem.random(n_agents, fleets, 1, seed, **options)
        _check_references(team.teams)
        return team
    drawn = {name: value for name, value in options.items() if name != "temperature"}
    tau = check_real("temperature", options["temperature"]) if "temperature" in options else None
    with np.errstate(over="ignore"):  # a reference that overflows is refused by the game, by its place
        games = random_fleets(n_agents, fleets, seed, **drawn)
    _check_references(games)
    game = GameProblem(games, 1, tau)
    if not bool((game.gap(game.start()) > 0.0).all()):
        raise InputError(f"n = {n_agents} is not allowed with these options: a fleet starts at its optimum")
    return game


def _check_references(fleets: Iterable[Any]) -> None:
    """InputError where a reference is too large to be squared without overflow."""
    largest = max(float(one.reference_state.abs().max()) for one in fleets)
    if not largest <= LARGEST_FIELD:
        raise InputError(f"reference_state holds {largest:g}: numbers must lie in +-{LARGEST_FIELD:g}")
