"""Controls and oracle checks of C3: noise whose growth with N is known, the exact recursion, error rates of fits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from dgpg_verify.claims.samples.measure.laws import (
    TeamProblem,
    arrivals_of,
    budget_of,
    make_problem,
    noise_of,
    theory_steps,
)
from dgpg_verify.core import Cell, InputError
from dgpg_verify.oracles.teams.descent import expected_gaps
from dgpg_verify.samples import (
    Constants,
    TheoryStep,
    cell_generator,
    learn,
    make_method,
)
from dgpg_verify.samples.problems import Array
from dgpg_verify.statistics import sample_control_rates, sample_coverage, sample_error_rates, standard_sample_truths

# Variance an agent of the injected noise: 0.2 N, or that at N = 32 throughout. So large that noise and not the first
# steps rules the arrival at every control N; k0 is that of a noise-free problem: the noise is the same everywhere.
NOISE, NOISE_AT = 0.2, 32.0
TILT = 0.5  # of the biased control: it climbs to the point at which half of the start's distance is left
RECORDS = (1, 2, 5, 10, 20, 50, 100, 200)


class NoisyTeam(TeamProblem):
    """A team whose direction is the exact gradient plus Gaussian noise, variance an agent NOISE times N or NOISE_AT.

    With `tilt` it is the exact gradient towards another point: theta_J moved back by tilt (theta_J - start).
    """

    growing = False
    tilt = 0.0

    def step_direction(
        self, state: Array, credit: str, alpha: Array, roll_outs: int, generator: np.random.Generator
    ) -> Array:
        noise = generator.standard_normal(state.shape)
        noise *= np.sqrt(NOISE * (float(self.n_agents) if self.growing else NOISE_AT) / roll_outs)
        noise += self.mean_direction(state, credit, alpha)
        return noise

    def mean_direction(self, state: Array, credit: str, alpha: Array) -> Array:
        exact = super().mean_direction(state, credit, alpha)
        return exact - self.tilt * super().mean_direction(self.start(), credit, alpha) if self.tilt else exact

    def constants(self, credit: str, alpha: Array) -> Constants:
        return replace(super().constants(credit, alpha), noise_trace=np.zeros(self.runs))


def measure_control(cell: Cell) -> dict[str, Any]:
    """The learner with noise of known growth, or with a known bias; arrivals as in a run."""
    kind, factors = cell.options["kind"], cell.options["factors"]
    plain = make_problem(cell.options["law"], cell.n, cell.options["fleets"], cell.seed)
    if not isinstance(plain, TeamProblem):
        raise InputError(f"law = {cell.options['law']!r} is not allowed: controls run on teams")
    problem = NoisyTeam(plain.teams)
    problem.growing, problem.tilt = kind == "growing", TILT * float(kind == "biased")
    start, budget = problem.gap(problem.start()), 1_000 if kind == "biased" else budget_of(cell)
    last = start / factors[-1]
    curve = learn(problem, make_method("return"), TheoryStep(), budget, noise_of(cell), stop_below=last)
    # the biased gradient is linear in theta, so its noise-free run ends tilt of the way from theta_J to the start
    floor, settled = problem.tilt**2 * start, np.ones(problem.runs, dtype=bool)
    return arrivals_of(curve, factors) | {"floor": floor, "settled": settled, "end": curve.gaps[:, -1]}


def measure_expected(cell: Cell) -> dict[str, Any]:
    """Mean gap of many runs of the learner against the exact recursion, over random teams: z [teams, records]."""
    options = cell.options
    credit = str(options["credit"])
    alpha = {"return": 0.0, "difference": 0.0, "guidance": 1.0}.get(credit, 0.5)
    name = {"guided": "guided:0.5", "guided@difference": "guided:0.5@difference"}.get(credit, credit)
    scores = []
    for number in range(options["teams"]):
        seed = int(np.random.SeedSequence(cell.seed, spawn_key=(number,)).generate_state(1)[0])
        fleet = TeamProblem.random(cell.n, 1, 1, seed, alignment=0.5, reference_bias=0.3)
        problem = TeamProblem(fleet.teams, options["copies"])
        steps = theory_steps(problem, credit, np.full(problem.runs, alpha), RECORDS[-1])[0]
        noise = cell_generator(seed, 5)
        curve = learn(problem, make_method(name), TheoryStep(), RECORDS[-1], noise, checkpoints=(0, *RECORDS))
        exact = expected_gaps(fleet.teams[0], problem.sigma, credit, steps, alpha, 1, np.zeros(cell.n), RECORDS)
        gaps = curve.gaps[:, 1:]
        scores.append((gaps.mean(0) - exact / cell.n) / (gaps.std(0, ddof=1) / np.sqrt(len(gaps))))
    return {"scores": np.array(scores)}


def measure_errors(cell: Cell) -> dict[str, Any]:
    """Measured error rates of the verdicts on p and q, of two faulty rules, and coverage of the intervals."""
    options, seed = cell.options, cell.seed % 2**31
    if options["kind"] == "rates":
        truths = standard_sample_truths()[:: options["stride"]]
        return {"records": sample_error_rates(truths, options["repetitions"], seed)}
    if options["kind"] == "faulty":
        return {"records": sample_control_rates(options["repetitions"], seed)}
    return {"records": sample_coverage(options["configurations"], seed=seed)}
