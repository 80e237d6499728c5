"""Cells of C3 and A4: runs of one method on one batch of fleets, until every run stays below the smallest eps.

The gap is exact at every checkpoint; what is kept is the arrival of every fleet at every eps, quantiles of the gap
over fleets, and the floor of the method: the gap at which its noise-free run comes to rest. Beside them the constants
behind the rate (audit A4): smoothness, gradient domination and noise; and the game where domination fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from dgpg_verify.claims.samples.measure.controls import measure_control, measure_errors, measure_expected
from dgpg_verify.claims.samples.measure.laws import (
    GREEDY,
    THEORY,
    TUNED,
    AnyGame,
    budget_of,
    finite_or_never,
    kept_of,
    make_problem,
    noise_of,
    shares_of,
    theory_steps,
    tune_on_pilots,
)
from dgpg_verify.core import Cell, InputError
from dgpg_verify.oracles.teams.constants import descent_constants, sampled_curvature, schedule_bound
from dgpg_verify.oracles.teams.descent import expected_gaps
from dgpg_verify.samples import (
    Curve,
    GreedyStep,
    ScheduledCredit,
    TeamProblem,
    TheoryStep,
    learn,
    make_method,
    noise_free_floor,
    theory_numbers,
)
from dgpg_verify.samples.cloud import estimated_curve, scored_fleets
from dgpg_verify.samples.game.plain import PlainGame, gradient_flow
from dgpg_verify.samples.game.potential import softmax

FLOOR_TOLERANCE, FLOOR_STEPS = 1e-4, 2_000  # of noise-free runs, where the limit has no closed form
EXACT_N = 8  # up to here curves are drawn with their exact mean, for so many samples (16 recursions a cell)
EXACT_SAMPLES = {"return": 1_000, "guidance": 100, "guided:0.2": 100}
FIXED_ALPHA = ("return", "difference", "guidance", "guided:0.2", "guided:0.4", "guided:0.6", "guided:0.8")
STATE_ALPHA = ("guided:optimal", "parts:", "both:")  # methods whose alpha depends on the state at the end too
MEASURED_FLEETS = 4  # whose constants are looked for by gradients alone beside the closed form
FLOW_TIMES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
FAR_TIME = 1e4  # the flow's level is its value here, ten times later than the last look


def measure_samples(cell: Cell) -> Mapping[str, Any]:
    """Measure one cell; a function of the cell alone."""
    return MEASURES[cell.row.partition("/")[0]](cell)


def samples_cost(cell: Cell) -> float:
    """Rough work of a cell, so that long ones start first."""
    part, options = cell.row.partition("/")[0], cell.options
    if part != "run":
        return {"errors": 3e4, "cloud": 1e5 * cell.n, "floor": 20.0 * cell.n}.get(part, 1e3 + 10.0 * cell.n)
    slow = options["method"] in ("return", "guided:0.2", "guided:published", "guided:0.4")
    samples = options.get("budget", options["factors"][-1] * (cell.n if slow else 20.0))
    return float(samples) * (10.0 + 0.1 * cell.n) * (5.0 if options["law"].startswith("game") else 1.0)


def measure_run(cell: Cell) -> dict[str, Any]:
    """One method, step rule and N.

    start, floor, settled [F]; low, high [F, E]: arrivals at start / factors; samples [C], share [3, C]: QUANTILES over
    fleets of gap / start; alpha [C]: mean over fleets; diverged [F].
    """
    options, method = cell.options, make_method(cell.options["method"])
    problem = make_problem(options["law"], cell.n, options["fleets"], cell.seed)
    scale, tries = tune_on_pilots(cell, method) if options["step"] == TUNED else (None, [])
    step = GreedyStep() if options["step"] == GREEDY else TheoryStep(scale or 1.0)
    last = problem.gap(problem.start()) / options["factors"][-1]
    curve = learn(problem, method, step, budget_of(cell), noise_of(cell), stop_below=last)
    return {
        **kept_of(curve, options["factors"]),
        **floor_of(problem, method),
        **_predicted(cell, problem, method),
        **_exact(cell, problem, method, curve),
        "tries": [asdict(trial) for trial in tries],
        "scale": scale,
    }


def measure_cloud(cell: Cell) -> dict[str, Any]:
    """Train on `fleets` fleets; what a cell of a run holds, without a floor (none is known).

    No optimum is known here, so the gap is that to Best-Fit on held-out workloads, and learning is that of the
    trainer, on sums unless the method names a setting (dgpg/parts). `skipped`: fleets drawn on which Best-Fit does not
    beat Random beyond noise: there is no gap to measure.
    """
    options = cell.options
    systems, seeds, skipped = scored_fleets(cell.n, options["fleets"], cell.seed, horizon=options["horizon"])
    method, _, setting = options["method"].partition("/")
    changes = {"setting": setting} if setting else {}
    curve = estimated_curve(systems, method, options["episodes"], seeds, **changes)
    zeros = np.zeros(len(systems))
    return {
        **kept_of(curve, options["factors"]), "floor": zeros, "settled": zeros.astype(bool),
        "skipped": skipped, "tries": [], "scale": None,
    }  # fmt: skip


def floor_of(problem: AnyGame, method: ScheduledCredit) -> dict[str, Any]:
    """Gap [F] at which the method comes to rest without noise: closed form, or its noise-free run where
    alpha depends on the state."""
    if method.name.startswith(STATE_ALPHA):
        floor = noise_free_floor(problem, method, FLOOR_TOLERANCE, FLOOR_STEPS)
        return {"floor": np.maximum(floor.gap, 0.0), "settled": floor.settled}
    alpha = method.alpha_at(problem, problem.start(), math.inf)
    gap = np.maximum(problem.stationary_gap(method.credit, alpha), 0.0)
    return {"floor": gap, "settled": np.ones(problem.runs, dtype=bool)}


def measure_floor(cell: Cell) -> dict[str, Any]:
    """Floors alone, for methods whose learning runs would only come to rest there."""
    problem = make_problem(cell.options["law"], cell.n, cell.options["fleets"], cell.seed)
    return {"start": problem.gap(problem.start()), **floor_of(problem, make_method(cell.options["method"]))}


def _predicted(cell: Cell, problem: AnyGame, method: ScheduledCredit) -> dict[str, Any]:
    """Samples [F, E] that the constants promise on an aligned team (gap of J_alpha = gap of J), fixed alphas only."""
    aligned = cell.options["law"] == "team/aligned" and cell.options["step"] == THEORY
    if not aligned or method.name not in FIXED_ALPHA or cell.n > 256 or not isinstance(problem, TeamProblem):
        return {}
    alpha = float(method.alpha_at(problem, problem.start(), 0.0)[0])
    last = cell.n * problem.gap(problem.start())[:, None] / cell.options["factors"]  # total gaps [F, E]
    bounds = [schedule_bound(team, problem.sigma, method.credit, alpha, np.zeros(cell.n)) for team in problem.teams]
    return {"predicted": np.array([[float(bound.samples(gap)) for gap in row] for bound, row in zip(bounds, last)])}


def _exact(cell: Cell, problem: AnyGame, method: ScheduledCredit, curve: Curve) -> dict[str, Any]:
    """Exact mean over fleets of E gap / start at the first checkpoints, by the recursion (small teams only)."""
    known = cell.options["step"] == THEORY and cell.n <= EXACT_N and method.name in EXACT_SAMPLES
    if not known or not isinstance(problem, TeamProblem):
        return {}
    marks, start = curve.samples[curve.samples <= EXACT_SAMPLES[method.name]], np.zeros(cell.n)
    alpha, shares = method.alpha_at(problem, problem.start(), 0.0), []
    schedules = theory_steps(problem, method.credit, alpha, int(marks[-1]))
    for team, steps, first in zip(problem.teams, schedules, curve.gaps[:, 0]):
        gaps = expected_gaps(team, problem.sigma, method.credit, steps, float(alpha[0]), 1, start, marks)
        shares.append(gaps / cell.n / first)
    return {"expected": np.mean(shares, axis=0)}


def measure_constants(cell: Cell) -> dict[str, Any]:
    """smoothness, mu, noise_trace and k0 [F] of the shared return; `measured` [F', 2]: mu and L from gradients."""
    problem = make_problem(cell.options["law"], cell.n, cell.options["fleets"], cell.seed)
    if not isinstance(problem, TeamProblem):
        alpha = np.zeros(problem.runs)
        return asdict(problem.constants("return", alpha)) | {"k0": theory_numbers(problem, "return", alpha)[1]}
    exact = [descent_constants(team) for team in problem.teams]
    names = {"smoothness": "smoothness", "mu": "gradient_domination", "noise_trace": "trace", "k0": "offset"}
    rng = noise_of(cell)
    measured = [sampled_curvature(team, 0.0, rng, 4, 200) for team in problem.teams[:MEASURED_FLEETS]]
    return {
        **{name: np.array([getattr(constants, field) for constants in exact]) for name, field in names.items()},
        "measured": np.array(measured),
    }


def measure_plain(cell: Cell) -> dict[str, Any]:
    """The game without entropy: |grad|^2 / (2 gap) along its own flow [F, T], and one run beside the flow's level.

    The gap is taken from the value that the flow reaches at FAR_TIME, as there is no unique optimum.
    """
    options, method = cell.options, make_method(cell.options["method"])
    problem = make_problem(options["law"], cell.n, options["fleets"], cell.seed)
    if not isinstance(problem, PlainGame):
        raise InputError(f"law = {options['law']!r} is not allowed: it must be the game without entropy")
    logits, values = zip(*(gradient_flow(problem.objective, time) for time in (*FLOW_TIMES, FAR_TIME)))
    gaps = np.stack([values[-1] - value for value in values[:-1]], 1)
    slopes = [problem.objective.gradient(*softmax(theta[:, None]))[:, 0] for theta in logits[:-1]]
    squares = np.stack([(slope**2).sum((-1, -2)) for slope in slopes], 1)
    curve = learn(problem, method, TheoryStep(), options["budget"], noise_of(cell))
    return {"ratios": finite_or_never(squares / (2.0 * gaps)), "flow_gaps": gaps / cell.n, "start": curve.gaps[:, 0],
            "remaining": problem.remaining, "samples": curve.samples, "share": shares_of(curve),
            "roll_outs": curve.roll_outs}  # fmt: skip


MEASURES: Mapping[str, Callable[[Cell], dict[str, Any]]] = {
    "run": measure_run,
    "cloud": measure_cloud,
    "floor": measure_floor,
    "control": measure_control,
    "constants": measure_constants,
    "plain": measure_plain,
    "expected": measure_expected,
    "errors": measure_errors,
}
