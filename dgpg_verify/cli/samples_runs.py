"""The runs behind the command `samples`: exact gaps of games and teams, estimated ones of trained policies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dgpg_verify import samples
from dgpg_verify.cli.games import check_reference
from dgpg_verify.core import InputError, check_choice, check_int, check_real, check_unique, parse_pairs
from dgpg_verify.samples.cloud import check_method, estimated_curve, scored_fleets
from dgpg_verify.samples.game.problem import GameProblem, random_fleets
from dgpg_verify.statistics import fit_samples
from dgpg_verify.statistics.scaling import ScalingFit
from dgpg_verify.systems import CloudScheduling

TRAINED = "cloud"  # no optimum is known: policies are trained, and their gap is that to Best-Fit, estimated
LEVEL = 0.95
FEWEST_FLEETS, MOST_FLEETS = 4, 64
MOST_AGENTS, MOST_BUDGET = 1024, 10**9
QUANTILES = {"median": 0.5, "low": 0.1, "high": 0.9}  # over fleets
SIGMA = (1e-6, 1e6)  # standard deviation of a team's policies
FLOOR_STEPS = 2_000  # of the noise-free run that finds a floor


@dataclass(frozen=True)
class SystemRequest:
    """What a system allows, and what is measured where nothing else is asked for."""

    methods: str
    eps_factors: str
    fleets: int
    budget: int  # samples (roll-outs; episodes of a trained policy) per run
    least_budget: int
    steps: tuple[str, ...]  # the first one is the default
    options: tuple[str, ...]


EXACT = ("return,guided:0.2", "10,30,100", 16)
SYSTEMS = {
    "linear_quadratic": SystemRequest(
        *EXACT, 20_000, 100, ("theory", "greedy"), ("alignment", "reference_bias", "sigma")
    ),
    "load_balancing": SystemRequest(
        *EXACT, 4_000, 100, ("theory", "greedy"), ("n_candidates", "reference", "job_law", "temperature")
    ),
    TRAINED: SystemRequest(
        "guidance_only,mappo", "2.5,5,10,20", 6, 40, 4, ("adam",), ("horizon", "load", "n_candidates", "reference")
    ),
}


@dataclass(frozen=True)
class RunRequest:
    """What the command is to measure, all values checked. methods: their names."""

    system: str
    options: dict[str, Any]
    step: str
    fleets: int
    budget: int
    seed: int
    level: float
    n_values: list[int]
    eps_factors: list[float]
    methods: list[str]


@dataclass(frozen=True)
class MethodRuns:
    """Runs of one method at one N.

    floor: the gap that stays without noise, as a share of the first one (median over fleets), None where that is not
    known; settled: whether every noise-free run came to rest, None likewise.
    """

    n: int
    curve: samples.Curve
    floor: float | None = None
    settled: bool | None = None


def make_request(system: str, option: list[str], **words: Any) -> RunRequest:
    """The words of the command line as a request, None filled by the system's default; InputError on any value."""
    default = SYSTEMS[check_choice("system", system, SYSTEMS)]
    words = asdict(default) | {name: value for name, value in words.items() if value is not None}
    sizes = [check_int("n", value, 1, MOST_AGENTS) for value in _numbers("n", words["n"])]
    factors = _numbers("eps-factors", words["eps_factors"])
    factors = [check_real("eps-factors", value, 1.0, open_low=True) for value in factors]
    request = RunRequest(
        system,
        parse_pairs(option),
        check_choice("step", words.get("step", default.steps[0]), default.steps),
        check_int("fleets", words["fleets"], FEWEST_FLEETS, MOST_FLEETS),
        check_int("budget", words["budget"], default.least_budget, MOST_BUDGET),
        check_int("seed", words["seed"], 0),
        LEVEL,
        sorted(check_unique("n", sizes)),
        sorted(check_unique("eps-factors", factors)),
        check_unique("methods", _parts(words["methods"])),
    )
    for name in request.options:
        check_choice(f"option of {system}", name, default.options)
    return request


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(name: str, text: str) -> list[float]:
    return [check_real(name, part) for part in _parts(text)]


def samples_answer(request: RunRequest, progress: Callable[[str], None]) -> dict[str, Any]:
    """What the command says, as JSON values. All input is checked before the first run. Cost: that of the runs."""
    runs = (trained_runs if request.system == TRAINED else exact_runs)(request)
    answers = [method_answer(name, runs[name], request.eps_factors, progress) for name in request.methods]
    return {**asdict(request), "methods": answers}


def exact_runs(request: RunRequest) -> dict[str, Iterator[MethodRuns]]:
    """Runs by method, N after N, made as they are read. All methods meet the same fleets.

    Raises InputError on an unknown method and on an option out of range. Cost: `learn` for each.
    """
    methods = {name: samples.make_method(name) for name in request.methods}
    problems = {
        n: build_problem(request.system, n, request.fleets, request.seed, request.options) for n in request.n_values
    }
    return {name: _exact(method, problems, request) for name, method in methods.items()}


def _exact(
    method: samples.ScheduledCredit, problems: Mapping[int, samples.Problem], request: RunRequest
) -> Iterator[MethodRuns]:
    rule: samples.StepRule = samples.TheoryStep() if request.step == "theory" else samples.GreedyStep()
    for n, problem in problems.items():
        first, noise = problem.gap(problem.start()), samples.cell_generator(request.seed, n)
        curve = samples.learn(problem, method, rule, request.budget, noise, stop_below=first / max(request.eps_factors))
        floor = samples.noise_free_floor(problem, method, max_steps=FLOOR_STEPS)
        share = max(float(np.median(floor.gap / first)), 0.0)
        yield MethodRuns(n, curve, share, bool(floor.settled.all()))


def trained_runs(request: RunRequest) -> dict[str, Iterator[MethodRuns]]:
    """The same with trained policies, whose gap is that to Best-Fit, estimated. A budget counts episodes.

    Raises InputError on an unknown method, on a system's option out of range, and where Best-Fit does not beat Random
    on enough fleets. Cost: a training run for each fleet, method and N.
    """
    for name in request.methods:
        check_method(name, request.budget)
    fleets = {n: _scored_fleets(n, request) for n in request.n_values}
    return {name: _trained(name, fleets, request.budget) for name in request.methods}


def _scored_fleets(n: int, request: RunRequest) -> tuple[list[Any], list[int]]:
    def draw(seed: int) -> CloudScheduling:
        return CloudScheduling(n, seed=seed, **{"horizon": 40, **request.options})

    systems, seeds, _ = scored_fleets(draw, n, request.fleets, request.seed)
    return systems, seeds


def _trained(name: str, fleets: Mapping[int, tuple[list[Any], list[int]]], episodes: int) -> Iterator[MethodRuns]:
    for n, (systems, seeds) in fleets.items():
        yield MethodRuns(n, estimated_curve(systems, name, episodes, seeds))


def build_problem(system: str, n_agents: int, fleets: int, seed: int, options: dict[str, Any]) -> samples.Problem:
    """Independent fleets of one system, the same for every method; InputError on an option out of range."""
    if system == "linear_quadratic":
        check_real("sigma", options.get("sigma", 1.0), *SIGMA)
        team = samples.TeamProblem.random(n_agents, fleets, 1, seed, **options)
        for drawn_team in team.teams:
            check_reference(drawn_team)
        return team
    drawn = {name: value for name, value in options.items() if name != "temperature"}
    tau = check_real("temperature", options["temperature"]) if "temperature" in options else None
    with np.errstate(over="ignore"):  # a reference that overflows is refused by the game, by its place
        games = random_fleets(n_agents, fleets, seed, **drawn)
    for game in games:
        check_reference(game)
    problem = GameProblem(games, 1, tau)
    if not bool((problem.gap(problem.start()) > 0.0).all()):
        raise InputError(f"n = {n_agents} is not allowed with these options: a fleet starts at its optimum")
    return problem


def method_answer(
    name: str, runs: Iterator[MethodRuns], factors: list[float], progress: Callable[[str], None]
) -> dict[str, Any]:
    """n_eps, floors and exponents of one method over all N, as JSON values. Cost: that of the runs, made one by one."""
    arrivals, cells = [], []
    begun = time.perf_counter()
    for run in runs:
        arrivals.append(samples.samples_to_gap(run.curve, samples.start_fractions(run.curve, factors)))
        cells.append(_cell(run, factors, arrivals[-1]))
        progress(f"{name}, N = {run.n}: {run.curve.samples[-1]} samples, {time.perf_counter() - begun:.1f} s")
        begun = time.perf_counter()
    low, high = (np.stack([getattr(arrival, end) for arrival in arrivals], axis=1) for end in ("low", "high"))
    floors = [cell["floor"] or 0.0 for cell in cells]
    sizes = [cell["n"] for cell in cells]
    fit = fit_samples(sizes, 1.0 / np.array(factors), low, high, LEVEL, floors=floors, minimum_n=1)
    return {
        "method": name,
        "cells": cells,
        "exponents": {power: _power(getattr(fit, power)) for power in ("p", "q", "q_log", "p_total")},
        "factors_used": [1.0 / eps for eps in fit.eps],
        "dropped": fit.dropped,
        "censored": fit.censored,
    }


def _cell(run: MethodRuns, factors: list[float], arrivals: samples.Arrivals) -> dict[str, Any]:
    """One N: floor as a share of the first gap, and for each factor the quantiles of n_eps over fleets."""
    rows = []
    for factor, highs, censored in zip(factors, arrivals.high.T, arrivals.censored.T):
        ordered = np.sort(highs)
        quantiles = {name: ordered[round(share * (len(ordered) - 1))] for name, share in QUANTILES.items()}
        rows.append(
            {
                "factor": factor,
                **{name: _finite(value) for name, value in quantiles.items()},
                "censored": float(censored.mean()),
                "each": [_finite(value) for value in highs],
            }
        )
    diverged = int((run.curve.diverged >= 0).sum())
    return {"n": run.n, "floor": run.floor, "floor_settled": run.settled, "diverged": diverged, "samples": rows}


def _finite(value: float) -> float | None:
    return float(value) if value < np.inf else None


def _power(fit: ScalingFit) -> dict[str, Any]:
    if not fit.measurable:
        return {"value": None, "low": None, "high": None, "lack_of_fit": None, "why": fit.why}
    return {"value": fit.exponent, "low": fit.low, "high": fit.high, "lack_of_fit": fit.lack_of_fit, "why": ""}
