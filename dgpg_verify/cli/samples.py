'''The command `complexity`: how many joint samples a method needs to a gap, over N and eps, with p, q and floors.

A system of your own goes through the same learner and the same fit, in Python. It needs its exact gap, a sampled
direction and, for the theory's steps, three constants (`complexity.Problem` says what each one must be):

    import numpy as np

    from dgpg_verify.samples import (
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
    from dgpg_verify.cli.samples_runs import Measured
    from dgpg_verify.samples import Arrivals
    from dgpg_verify.statistics import SampleFit
    from dgpg_verify.statistics.scaling import ScalingFit

BUDGETS = {"linear_quadratic": 20_000, "load_balancing": 4_000, "cloud": 40}  # samples (roll-outs) a run
OPTIONS = {
    "linear_quadratic": ("alignment", "reference_bias", "sigma"),
    "load_balancing": ("n_candidates", "reference", "job_law", "temperature"),
    "cloud": ("horizon", "load", "n_candidates", "reference"),
}
TRAINED = "cloud"  # no optimum is known: policies are trained, and their gap is that to Best-Fit, estimated
FACTORS = {TRAINED: "2.5,5,10,20"}
FLEETS = {TRAINED: 6}  # a training run each; elsewhere 16
METHODS = {TRAINED: "guidance_only,mappo"}  # where nothing is asked for: return,guided:0.2
STEPS = ("theory", "greedy")
LEVEL = 0.95
FEWEST_FLEETS, MOST_FLEETS = 4, 64
MOST_AGENTS = 1024
LEAST_BUDGETS = {"linear_quadratic": 100, "load_balancing": 100, "cloud": 4}
MOST_BUDGET = 10**9
QUANTILES = (0.1, 0.5, 0.9)


def complexity(
    system: Annotated[str, typer.Option(help="linear_quadratic, load_balancing or cloud")] = "linear_quadratic",
    methods: Annotated[
        str | None,
        typer.Option(
            help="return, difference, guidance, guided:A, guided:published|optimal|sqrt|zero; of cloud: those of train"
        ),
    ] = None,
    n: Annotated[
        str, typer.Option("--n", help="numbers of agents, with commas; 4 within a decade for p")
    ] = "8,16,32,64",
    eps_factors: Annotated[
        str | None,
        typer.Option(help="eps = gap at the start / each; 3 over a factor of 8 for q (10,30,100; cloud 2.5,5,10,20)"),
    ] = None,
    fleets: Annotated[int | None, typer.Option(help="independent fleets at each N (default 16; cloud 6)")] = None,
    budget: Annotated[
        int | None, typer.Option(help="joint samples a run at most (default 20000; load_balancing 4000, cloud 40)")
    ] = None,
    step: Annotated[
        str | None,
        typer.Option(help="theory (its schedule, the default) or greedy (the oracle's best step); cloud: adam"),
    ] = None,
    seed: Annotated[int, typer.Option(help="root of every random stream")] = 0,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the system; repeatable")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable, every fleet")] = False,
) -> None:
    """Joint samples until the gap per agent stays below eps: n_eps over N, its powers of N and 1/eps, floors."""
    from dgpg_verify.cli.samples_runs import exact_runs, trained_runs
    from dgpg_verify.core import check_choice, check_int, check_unique, parse_pairs, to_json
    from dgpg_verify.reporting.samples.text import complexity_text

    check_choice("system", system, tuple(OPTIONS))
    named = METHODS.get(system, "return,guided:0.2") if methods is None else methods
    names = check_unique("methods", [name.strip() for name in named.split(",") if name.strip()])
    sizes = sorted(check_unique("n", [check_int("n", v, 1, MOST_AGENTS) for v in _numbers("n", n)]))
    asked_eps = FACTORS.get(system, "10,30,100") if eps_factors is None else eps_factors
    factors = sorted(check_unique("eps-factors", [_factor(v) for v in _numbers("eps-factors", asked_eps)]))
    drawn = check_int("fleets", FLEETS.get(system, 16) if fleets is None else fleets, FEWEST_FLEETS, MOST_FLEETS)
    samples = check_int("budget", BUDGETS[system] if budget is None else budget, LEAST_BUDGETS[system], MOST_BUDGET)
    rule = steps_of(system)[0] if step is None else check_choice("step", step, steps_of(system))
    check_int("seed", seed, 0)
    options = parse_pairs(option or [])
    for name in options:
        check_choice(f"option of {system}", name, OPTIONS[system])
    asked = {"system": system, "options": options, "step": rule, "fleets": drawn, "budget": samples, "seed": seed,
             "level": LEVEL, "n_values": sizes, "eps_factors": factors}  # fmt: skip
    runs = (trained_runs if system == TRAINED else exact_runs)(asked, names)
    found = [method_answer(name, runs[name], factors, _progress) for name in names]
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


def steps_of(system: str) -> tuple[str, ...]:
    """Step rules that a system can be learned with."""
    return ("adam",) if system == TRAINED else STEPS


def method_answer(
    name: str, runs: Iterable[Measured], factors: list[float], progress: Callable[[str], None]
) -> dict[str, Any]:
    """n_eps, floors and exponents of one method over all N, as JSON values. Cost: that of the runs, made one by one."""
    import numpy as np

    from dgpg_verify.samples import samples_to_gap, start_fractions
    from dgpg_verify.statistics import fit_samples

    arrivals, cells = [], []
    begun = time.perf_counter()
    for run in runs:
        arrivals.append(samples_to_gap(run.curve, start_fractions(run.curve, factors)))
        cells.append(_cell(run, factors, arrivals[-1]))
        progress(f"{name}, N = {run.n}: {run.curve.samples[-1]} samples, {time.perf_counter() - begun:.1f} s")
        begun = time.perf_counter()
    low, high = (np.stack([getattr(one, end) for one in arrivals], axis=1) for end in ("low", "high"))
    floors = [cell["floor"] or 0.0 for cell in cells]
    sizes = [cell["n"] for cell in cells]
    fit = fit_samples(sizes, 1.0 / np.array(factors), low, high, LEVEL, floors=floors, minimum_n=1)
    return {"method": name, "cells": cells, **_exponents(fit)}


def _cell(run: Measured, factors: list[float], arrivals: Arrivals) -> dict[str, Any]:
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
        "n": run.n,
        "floor": run.floor,
        "floor_settled": run.settled,
        "diverged": int((run.curve.diverged >= 0).sum()),
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
