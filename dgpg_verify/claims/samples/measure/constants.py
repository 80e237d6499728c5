"""Constants behind the rate of C3 (audit A4): smoothness, gradient domination, noise; and where domination fails."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from dgpg_verify.claims.samples.measure.laws import (
    TeamProblem,
    finite_or_never,
    make_problem,
    method_of,
    noise_of,
    shares_of,
)
from dgpg_verify.core import Cell, InputError
from dgpg_verify.oracles.teams.constants import descent_constants, sampled_curvature
from dgpg_verify.samples import TheoryStep, learn, theory_numbers
from dgpg_verify.samples.game.plain import PlainGame, gradient_flow
from dgpg_verify.samples.game.potential import softmax

MEASURED_FLEETS = 4  # whose constants are looked for by gradients alone beside the closed form
FLOW_TIMES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
FAR_TIME = 1e4  # the flow's level is its value here, ten times later than the last look


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
    options, method = cell.options, method_of(cell.options["method"])
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
