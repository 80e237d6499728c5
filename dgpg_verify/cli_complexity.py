'''The command `complexity`: how many joint samples a method needs to a gap, over N and eps, with p, q and floors.

A system of your own goes through the same learner and the same fit, in Python. It needs its exact gap, a sampled
direction and, for the theory's steps, three constants (`complexity.Problem` says what each one must be):

    import numpy as np

    from dgpg_verify.complexity import (
        Constants, TheoryStep, cell_generator, learn, make_method, samples_to_gap, start_fractions
    )
    from dgpg_verify.statistics import fit_samples

    class Bowl:
        """J = -1/2 sum (theta_i - 1)^2; each direction carries noise of variance N, as a shared return does."""

        def __init__(self, n_agents, runs=16):
            self.n_agents, self.runs, self.fleets = n_agents, runs, np.arange(runs)  # every run its own fleet

        def start(self):
            return np.zeros((self.runs, self.n_agents))

        def gap(self, state):  # exact, per agent
            return 0.5 * ((state - 1.0) ** 2).mean(1)

        def mean_direction(self, state, credit, alpha):
            return 1.0 - state

        def step_direction(self, state, credit, alpha, roll_outs, generator):
            return 1.0 - state + generator.normal(0.0, (self.n_agents / roll_outs) ** 0.5, state.shape)

        def constants(self, credit, alpha):
            one = np.ones(self.runs)
            return Constants(mu=one, smoothness=one, noise_trace=self.n_agents * one)

        def optimal_alpha(self, state, credit):  # nothing is mixed in: J alone
            return np.zeros(self.runs)

        def best_step(self, state, credit, alpha, roll_outs):  # curvature 1: |grad|^2 over its second moment
            slope = ((1.0 - state) ** 2).sum(1)
            return slope / (slope + self.n_agents**2 / roll_outs)

    sizes, factors = (4, 8, 16, 32), (5, 15, 45)
    found = []
    for n in sizes:
        problem = Bowl(n)
        curve = learn(problem, make_method("return"), TheoryStep(), 20_000, cell_generator(0, n),
                      stop_below=problem.gap(problem.start()) / max(factors))
        found.append(samples_to_gap(curve, start_fractions(curve, factors)))
    low, high = (np.stack([getattr(one, end) for one in found], axis=1) for end in ("low", "high"))
    fit = fit_samples(sizes, 1.0 / np.array(factors), low, high, 0.95, minimum_n=4)
    print(fit.p.exponent, fit.p.low, fit.p.high)  # near 1: this is O(N / eps)
'''

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dgpg_verify.complexity import Arrivals, Curve, Floor, Method, Problem, StepRule
    from dgpg_verify.statistics import SampleFit
    from dgpg_verify.statistics.scaling import ScalingFit

BUDGETS = {"linear_quadratic": 20_000, "load_balancing": 4_000}  # samples a run; a step of the game costs more
OPTIONS = {
    "linear_quadratic": ("alignment", "reference_bias", "sigma"),
    "load_balancing": ("n_candidates", "reference", "job_law", "temperature"),
}
STEPS = ("theory", "greedy")
LEVEL = 0.95
FEWEST_FLEETS, MOST_FLEETS = 4, 64
MOST_AGENTS = 1024
LEAST_BUDGET, MOST_BUDGET = 100, 10**9
SIGMA = (1e-6, 1e6)  # standard deviation of a team's policies
FLOOR_STEPS = 2_000  # of the noise-free run that finds a floor
QUANTILES = (0.1, 0.5, 0.9)


def complexity(
    system: Annotated[str, typer.Option(help="linear_quadratic or load_balancing")] = "linear_quadratic",
    methods: Annotated[
        str, typer.Option(help="return, difference, guidance, guided:A, guided:published|optimal|sqrt|zero; commas")
    ] = "return,guided:0.2",
    n: Annotated[
        str, typer.Option("--n", help="numbers of agents, with commas; 4 within a decade for p")
    ] = "8,16,32,64",
    eps_factors: Annotated[
        str, typer.Option(help="eps = gap at the start / each; 3 over a factor of 8 for q")
    ] = "10,30,100",
    fleets: Annotated[int, typer.Option(help="independent fleets at each N")] = 16,
    budget: Annotated[
        int | None, typer.Option(help="joint samples a run at most (default 20000; 4000 for load_balancing)")
    ] = None,
    step: Annotated[str, typer.Option(help="theory (its schedule) or greedy (the oracle's best step)")] = "theory",
    seed: Annotated[int, typer.Option(help="root of every random stream")] = 0,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the system; repeatable")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable, every fleet")] = False,
) -> None:
    """Joint samples until the exact gap per agent stays below eps: n_eps over N, its powers of N and 1/eps, floors."""
    from dgpg_verify.complexity import GreedyStep, TheoryStep, make_method
    from dgpg_verify.core import check_choice, check_int, check_unique, parse_pairs, to_json
    from dgpg_verify.reporting.complexity_text import complexity_text

    known_system(system)
    names = check_unique("methods", [name.strip() for name in methods.split(",") if name.strip()])
    chosen = [make_method(name) for name in names]
    sizes = sorted(check_unique("n", [check_int("n", v, 1, MOST_AGENTS) for v in _numbers("n", n)]))
    factors = sorted(check_unique("eps-factors", [_factor(v) for v in _numbers("eps-factors", eps_factors)]))
    check_int("fleets", fleets, FEWEST_FLEETS, MOST_FLEETS)
    samples = check_int("budget", BUDGETS[system] if budget is None else budget, LEAST_BUDGET, MOST_BUDGET)
    rule = TheoryStep() if check_choice("step", step, STEPS) == "theory" else GreedyStep()
    check_int("seed", seed, 0)
    options = parse_pairs(option or [])
    problems = {size: build_problem(system, size, fleets, seed, options) for size in sizes}
    asked = {"system": system, "options": options, "step": step, "fleets": fleets, "budget": samples, "seed": seed,
             "level": LEVEL, "n_values": sizes, "eps_factors": factors}  # fmt: skip
    found = [method_answer(method, problems, rule, factors, samples, seed, _progress) for method in chosen]
    answer = {**asked, "methods": found}
    typer.echo(json.dumps(to_json(answer), indent=1, allow_nan=False) if as_json else complexity_text(answer))


def _progress(text: str) -> None:
    typer.echo(text, err=True)


def _numbers(name: str, text: str) -> list[float]:
    """Numbers between commas; InputError on anything else."""
    from dgpg_verify.core import check_real

    return [check_real(name, part.strip()) for part in text.split(",") if part.strip()]


def _factor(value: float) -> float:
    from dgpg_verify.core import check_real

    return check_real("eps-factors", value, 1.0, open_low=True)


def known_system(system: str) -> None:
    """InputError on a system whose optimum is not known exactly, and on an unknown one."""
    from dgpg_verify.core import InputError
    from dgpg_verify.reporting.wording import SYSTEMS

    allowed = f"it must be one of {', '.join(OPTIONS)}"
    if system not in OPTIONS and system in SYSTEMS:
        raise InputError(
            f"system = {system!r} is not allowed: its optimum is not known and it has no set of held-out workloads "
            f"here, so there is no gap to measure; {allowed}"
        )
    if system not in OPTIONS:
        raise InputError(f"system = {system!r} is not allowed: {allowed}")


def build_problem(system: str, n_agents: int, fleets: int, seed: int, options: dict[str, Any]) -> Problem:
    """Independent fleets of one system, the same for every method; InputError on an option out of range."""
    import numpy as np

    from dgpg_verify.complexity import TeamProblem
    from dgpg_verify.complexity.game import GameProblem, random_fleets
    from dgpg_verify.core import InputError, check_choice, check_real

    for name in options:
        check_choice(f"option of {system}", name, OPTIONS[system])
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
    from dgpg_verify.cli_games import LARGEST_FIELD
    from dgpg_verify.core import InputError

    largest = max(float(one.reference_state.abs().max()) for one in fleets)
    if not largest <= LARGEST_FIELD:
        raise InputError(f"reference_state holds {largest:g}: numbers must lie in +-{LARGEST_FIELD:g}")


def method_answer(
    method: Method, problems: dict[int, Problem], rule: StepRule, factors: list[float], budget: int, seed: int,
    progress: Callable[[str], None],
) -> dict[str, Any]:  # fmt: skip
    """n_eps, floors and exponents of one method over all N, as JSON values. Cost: `learn` at every N."""
    import numpy as np

    from dgpg_verify.complexity import cell_generator, learn, noise_free_floor, samples_to_gap, start_fractions
    from dgpg_verify.statistics import fit_samples

    arrivals, cells, floors = [], [], []
    for size, problem in problems.items():
        begun, first = time.perf_counter(), problem.gap(problem.start())
        noise = cell_generator(seed, size)
        curve = learn(problem, method, rule, budget, noise, stop_below=first / max(factors))
        arrivals.append(samples_to_gap(curve, start_fractions(curve, factors)))
        floor = noise_free_floor(problem, method, max_steps=FLOOR_STEPS)
        floors.append(max(float(np.median(floor.gap / first)), 0.0))
        cells.append(_cell(size, factors, arrivals[-1], curve, floor, floors[-1]))
        progress(f"{method.name}, N = {size}: {curve.samples[-1]} samples, {time.perf_counter() - begun:.1f} s")
    low, high = (np.stack([getattr(one, end) for one in arrivals], axis=1) for end in ("low", "high"))
    fit = fit_samples(list(problems), 1.0 / np.array(factors), low, high, LEVEL, floors=floors, minimum_n=1)
    return {"method": method.name, "cells": cells, **_exponents(fit)}


def _cell(
    size: int, factors: list[float], arrivals: Arrivals, curve: Curve, floor: Floor, share: float
) -> dict[str, Any]:
    """One N: floor as a share of the first gap, and for each factor the quantiles of n_eps over fleets."""
    import numpy as np

    samples = []
    for k, factor in enumerate(factors):
        each = np.sort(arrivals.high[:, k])
        low, middle, high = (float(each[round(q * (len(each) - 1))]) for q in QUANTILES)
        samples.append(
            {
                "factor": factor,
                "median": _finite(middle),
                "low": _finite(low),
                "high": _finite(high),
                "censored": float(arrivals.censored[:, k].mean()),
                "each": [_finite(float(v)) for v in arrivals.high[:, k]],
            }
        )
    return {
        "n": size,
        "floor": share,
        "floor_settled": bool(floor.settled.all()),
        "diverged": int((curve.diverged >= 0).sum()),
        "samples": samples,
    }


def _finite(value: float) -> float | None:
    return value if value < float("inf") else None


def _exponents(fit: SampleFit) -> dict[str, Any]:
    """p, q, q with a logarithm, p + q with intervals; why a part could not be fitted."""
    return {
        "exponents": {
            "p": _power(fit.p),
            "q": _power(fit.q),
            "q_log": _power(fit.q_log),
            "p_total": _power(fit.p_total),
        },
        "factors_used": [1.0 / eps for eps in fit.eps],
        "dropped": fit.dropped,
        "censored": fit.censored,
    }


def _power(fit: ScalingFit) -> dict[str, Any]:
    if not fit.measurable:
        return {"value": None, "low": None, "high": None, "lack_of_fit": None, "why": fit.why}
    return {"value": fit.exponent, "low": fit.low, "high": fit.high, "lack_of_fit": fit.lack_of_fit, "why": ""}
