"""Constants behind the rate of C3 (audit A4): smoothness, gradient domination, noise; and where domination fails."""

from __future__ import annotations

from typing import Any

import numpy as np

from dgpg_verify.claims.samples.measure.laws import TeamProblem, finite_or_never, make_problem, method_of, noise_of
from dgpg_verify.core import Cell, InputError
from dgpg_verify.oracles.teams.constants import descent_constants, sampled_curvature
from dgpg_verify.samples import TheoryStep, learn
from dgpg_verify.samples.game.plain import PlainGame, gradient_flow
from dgpg_verify.samples.game.potential import softmax

MEASURED_FLEETS = 4  # whose constants are looked for by gradients alone beside the closed form
FLOW_TIMES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
FAR_TIME = 1e4  # the flow's level is its value here, ten times later than the last look


def measure_constants(cell: Cell) -> dict[str, Any]:
    """smoothness, mu, noise_trace and k0 [F] of the shared return; `measured` [F', 2]: mu and L from gradients."""
    problem = make_problem(cell.options["law"], cell.n, cell.options["fleets"], cell.seed)
    if not isinstance(problem, TeamProblem):
        found = problem.constants("return", np.zeros(problem.runs))
        offset = 2.0 * (found.noise_trace + 3.0 * found.smoothness) / found.mu
        return {"smoothness": found.smoothness, "mu": found.mu, "noise_trace": found.noise_trace, "k0": offset}
    exact = [descent_constants(team) for team in problem.teams]
    rng = noise_of(cell)
    measured = [sampled_curvature(team, 0.0, rng, 4, 200) for team in problem.teams[:MEASURED_FLEETS]]
    return {
        "smoothness": np.array([one.smoothness for one in exact]),
        "mu": np.array([one.gradient_domination for one in exact]),
        "noise_trace": np.array([one.trace for one in exact]),
        "k0": np.array([one.offset for one in exact]),
        "measured": np.array(measured),
    }


def measure_plain(cell: Cell) -> dict[str, Any]:
    """The game without entropy: |grad|^2 / (2 gap) along its own flow [F, T], and one run beside the flow's level.

    The gap is taken from the value that the flow reaches at FAR_TIME, as there is no unique optimum.
    """
    options, method = cell.options, method_of(cell.options["method"])
    problem = make_problem(options["law"], cell.n, options["fleets"], cell.seed)
    if not isinstance(problem, PlainGame):
        raise InputError(f"law = {options['law']!r} is not allowed: it must be the game without entropy")
    level = gradient_flow(problem.objective, [FAR_TIME]).values[:, 0]
    ratios, gaps = [], []
    for moment in FLOW_TIMES:
        flow = gradient_flow(problem.objective, [moment])
        slope = problem.objective.gradient(*softmax(flow.logits[:, None]))
        gap = level - flow.values[:, 0]
        ratios.append((slope**2).sum((-1, -2))[:, 0] / (2.0 * gap))
        gaps.append(gap / cell.n)
    curve = learn(problem, method, TheoryStep(), options["budget"], noise_of(cell))
    with np.errstate(invalid="ignore"):
        share = np.quantile(curve.gaps / curve.gaps[:, :1], (0.5, 0.1, 0.9), axis=0, method="lower")
    return {"ratios": finite_or_never(np.stack(ratios, 1)), "flow_gaps": np.stack(gaps, 1), "start": curve.gaps[:, 0],
            "remaining": problem.remaining, "samples": curve.samples, "share": finite_or_never(share),
            "roll_outs": curve.roll_outs}  # fmt: skip
