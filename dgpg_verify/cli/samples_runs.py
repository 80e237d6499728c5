"""The runs behind the command `samples`: exact gaps of games and teams, estimated ones of trained policies."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
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

TRAINED = "cloud"  # no optimum is known: policies are trained, and their gap is that to Best-Fit, estimated
LEVEL = 0.95
FEWEST_FLEETS, MOST_FLEETS = 4, 64
MOST_AGENTS, MOST_BUDGET = 1024, 10**9
QUANTILES = {"median": 0.5, "low": 0.1, "high": 0.9}  # over fleets
SIGMA = (1e-6, 1e6)  # standard deviation of a team's policies
FLOOR_STEPS = 2_000  # of the noise-free run that finds a floor

# What a system allows, and what is measured by default. budget: samples (roll-outs; episodes of a
# trained policy) per run; steps: the first one is the default.
EXACT = {"methods": "return,guided:0.2", "eps_factors": "10,30,100", "fleets": 16, "steps": ("theory", "greedy")}
SYSTEMS: Mapping[str, Mapping[str, Any]] = {
    "linear_quadratic": EXACT
    | {"budget": 20_000, "least_budget": 100, "options": ("alignment", "reference_bias", "sigma")},
    "load_balancing": EXACT
    | {"budget": 4_000, "least_budget": 100, "options": ("n_candidates", "reference", "job_law", "temperature")},
    TRAINED: {"methods": "guidance_only,mappo", "eps_factors": "2.5,5,10,20", "fleets": 6, "steps": ("adam",)}
    | {"budget": 40, "least_budget": 4, "options": ("horizon", "load", "n_candidates", "reference")},
}
Run = Callable[[str, int], tuple[samples.Curve, samples.Floor | None]]  # (method, N) -> its runs, their floor if known


@dataclass(frozen=True)
class RunRequest:
    """A checked request of the command. methods: their names."""

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


def make_request(system: str, option: list[str], **words: Any) -> RunRequest:
    """The words of the command line as a request, None filled by the system's default; InputError on any value."""
    default = SYSTEMS[check_choice("system", system, SYSTEMS)]
    words = {**default, "step": default["steps"][0]} | {k: value for k, value in words.items() if value is not None}
    sizes = [check_int("n", value, 1, MOST_AGENTS) for value in _numbers("n", words["n"])]
    factors = _numbers("eps-factors", words["eps_factors"])
    factors = [check_real("eps-factors", value, 1.0, open_low=True) for value in factors]
    request = RunRequest(
        system,
        parse_pairs(option),
        check_choice("step", words["step"], default["steps"]),
        check_int("fleets", words["fleets"], FEWEST_FLEETS, MOST_FLEETS),
        check_int("budget", words["budget"], default["least_budget"], MOST_BUDGET),
        check_int("seed", words["seed"], 0),
        LEVEL,
        sorted(check_unique("n", sizes)),
        sorted(check_unique("eps-factors", factors)),
        check_unique("methods", _parts(words["methods"])),
    )
    for name in request.options:
        check_choice(f"option of {system}", name, default["options"])
    return request


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(name: str, text: str) -> list[float]:
    return [check_real(name, part) for part in _parts(text)]


def samples_answer(request: RunRequest, progress: Callable[[str], None]) -> dict[str, Any]:
    """The answer of the command, as JSON values. All input is checked before the first run. Cost: that of the runs."""
    run = (trained_runs if request.system == TRAINED else exact_runs)(request)
    return {**asdict(request), "methods": [_method_answer(name, run, request, progress) for name in request.methods]}


def exact_runs(request: RunRequest) -> Run:
    """Runs with an exact gap. All methods run on the same fleets.

    Raises InputError on an unknown method and on an option out of range. Cost: `learn` for each.
    """
    methods = {name: samples.make_method(name) for name in request.methods}
    problems = {n: build_problem(n, request) for n in request.n_values}
    rule: samples.StepRule = samples.TheoryStep() if request.step == "theory" else samples.GreedyStep()

    def run(name: str, n: int) -> tuple[samples.Curve, samples.Floor]:
        problem, noise = problems[n], samples.cell_generator(request.seed, n)
        last = problem.gap(problem.start()) / max(request.eps_factors)
        curve = samples.learn(problem, methods[name], rule, request.budget, noise, stop_below=last)
        return curve, samples.noise_free_floor(problem, methods[name], max_steps=FLOOR_STEPS)

    return run


def trained_runs(request: RunRequest) -> Run:
    """Runs of trained policies, whose gap is that to Best-Fit, estimated. A budget counts episodes.

    Raises InputError on an unknown method, on a system's option out of range, and where Best-Fit does not beat Random
    on enough fleets. Cost: a training run for each fleet, method and N.
    """
    for name in request.methods:
        check_method(name, request.budget)
    options = {"horizon": 40, **request.options}
    fleets = {n: scored_fleets(n, request.fleets, request.seed, **options) for n in request.n_values}

    def run(name: str, n: int) -> tuple[samples.Curve, None]:
        systems, seeds, _ = fleets[n]
        return estimated_curve(systems, name, request.budget, seeds), None

    return run


def build_problem(n_agents: int, request: RunRequest) -> samples.Problem:
    """Independent fleets of one system, the same for every method; InputError on an option out of range."""
    fleets, seed, options = request.fleets, request.seed, dict(request.options)
    if request.system == "linear_quadratic":
        check_real("sigma", options.get("sigma", 1.0), *SIGMA)
        team = samples.TeamProblem.random(n_agents, fleets, 1, seed, **options)
        for drawn_team in team.teams:
            check_reference(drawn_team)
        return team
    tau = check_real("temperature", options.pop("temperature")) if "temperature" in options else None
    with np.errstate(over="ignore"):  # a reference that overflows is refused by the game, by its place
        games = random_fleets(n_agents, fleets, seed, **options)
    for game in games:
        check_reference(game)
    problem = GameProblem(games, 1, tau)
    if not bool((problem.gap(problem.start()) > 0.0).all()):
        raise InputError(f"n = {n_agents} is not allowed with these options: a fleet starts at its optimum")
    return problem


def _method_answer(name: str, run: Run, request: RunRequest, progress: Callable[[str], None]) -> dict[str, Any]:
    """n_eps, floors and exponents of one method over all N, as JSON values."""
    arrivals, cells, factors = [], [], request.eps_factors
    for n in request.n_values:
        begun = time.perf_counter()
        curve, floor = run(name, n)
        arrivals.append(samples.samples_to_gap(curve, samples.start_fractions(curve, factors)))
        cells.append({"n": n, **_cell(curve, floor), "samples": _quantiles(arrivals[-1].high, factors)})
        progress(f"{name}, N = {n}: {curve.samples[-1]} samples, {time.perf_counter() - begun:.1f} s")
    low, high = (np.stack([getattr(arrival, end) for arrival in arrivals], axis=1) for end in ("low", "high"))
    floors, eps = [cell["floor"] or 0.0 for cell in cells], 1.0 / np.array(factors)
    fit = fit_samples(request.n_values, eps, low, high, LEVEL, floors=floors, minimum_n=1)
    return {
        "method": name,
        "cells": cells,
        "exponents": {power: _power(getattr(fit, power)) for power in ("p", "q", "q_log", "p_total")},
        "factors_used": [1.0 / eps for eps in fit.eps],
        "dropped": fit.dropped,
        "censored": fit.censored,
    }


def _cell(curve: samples.Curve, floor: samples.Floor | None) -> dict[str, Any]:
    """The gap that stays without noise, as a share of the first one (median over fleets), and whether every noise-free
    run came to rest, None where that is not known; runs that diverged."""
    share = None if floor is None else max(float(np.median(floor.gap / curve.gaps[:, 0])), 0.0)
    settled = None if floor is None else bool(floor.settled.all())
    return {"floor": share, "floor_settled": settled, "diverged": int((curve.diverged >= 0).sum())}


def _quantiles(n_eps: np.ndarray, factors: list[float]) -> list[dict[str, Any]]:
    """For each factor the quantiles of n_eps [R, E] over fleets, and n_eps itself; infinite ones are unknown."""
    ranks = {name: round(share * (len(n_eps) - 1)) for name, share in QUANTILES.items()}
    return [
        {
            "factor": factor,
            **dict(zip(ranks, _finite(np.sort(arrivals)[list(ranks.values())]))),
            "censored": float(np.isinf(arrivals).mean()),
            "each": _finite(arrivals),
        }
        for factor, arrivals in zip(factors, n_eps.T)
    ]


def _finite(values: np.ndarray) -> list[float | None]:
    return [value if value < np.inf else None for value in values.tolist()]


def _power(fit: ScalingFit) -> dict[str, Any]:
    if not fit.measurable:
        return {"value": None, "low": None, "high": None, "lack_of_fit": None, "why": fit.why}
    return {"value": fit.exponent, "low": fit.low, "high": fit.high, "lack_of_fit": fit.lack_of_fit, "why": ""}
