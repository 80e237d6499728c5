"""Names of methods, their alpha along a run, and the numbers of the step rules."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.samples import TeamProblem, TheoryStep, make_method, theory_numbers
from dgpg_verify.samples.problems import check_alphas, fleets_of_runs
from tests.samples.parabola import Parabola

PROBLEM = Parabola(16, 3)
ALPHAS = {  # at 0, 500, 1000 samples and at infinity, with N = 16
    "return": (0.0, 0.0, 0.0, 0.0),
    "difference": (0.0, 0.0, 0.0, 0.0),
    "guidance": (1.0, 1.0, 1.0, 1.0),
    "guidance:exact": (1.0, 1.0, 1.0, 1.0),
    "guided:0.4": (0.4, 0.4, 0.4, 0.4),
    "guided:0.4@difference": (0.4, 0.4, 0.4, 0.4),
    "guided:published": (0.9, 0.55, 0.2, 0.2),
    "guided:optimal": (0.5, 0.5, 0.5, 0.5),
    "guided:sqrt": (0.75, 0.75, 0.75, 0.75),
    "guided:zero": (1.0, 2.0 / 3.0, 0.5, 0.0),
    "mixed:0.2": (0.8, 0.8, 0.8, 0.8),  # 0.8 / 16 of the return, 0.2 of the guidance
    "parts:0.2": (0.5, 0.5, 0.5, 0.5),  # the return deviates by 4, the guidance by 1/2
    "both:0.2": (2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0),
    "parts:published": (0.9 / 0.925, 0.55 / 0.6625, 0.5, 0.5),
    "both:1": (1.0, 1.0, 1.0, 1.0),
    "mixed:0": (0.0, 0.0, 0.0, 0.0),
}


@pytest.mark.parametrize("name", ALPHAS)
def test_alpha_along_the_run(name: str) -> None:
    method = make_method(name)
    for samples, expected in zip((0.0, 500.0, 1000.0, math.inf), ALPHAS[name]):
        alpha = method.alpha_at(PROBLEM, PROBLEM.start(), samples)
        assert alpha.shape == (3,) and alpha == pytest.approx(np.full(3, expected), rel=1e-14)
    assert method.name == name and method.credit == ("guided" if name == "guided:0.4" else method.credit)


def test_names_are_read_without_regard_to_case_and_blanks() -> None:
    assert make_method("Guided: 0.4 @ difference").credit == "guided@difference"


@pytest.mark.parametrize(
    "name", ["", "guided", "guided:", "guided:1.5", "guided:nan", "guided:half", "guided:0.5@", "guided:0.5@coma",
             "return:raw", "return@difference", "guided@difference", "parts", "parts:", "mixed:1.5", "both:optimal",
             "mixed:0.2@difference", "mean:0.2", "joint:0.2"]
)  # fmt: skip
def test_bad_names(name: str) -> None:
    with pytest.raises(InputError):
        make_method(name)


def test_theory_schedule_by_hand(seed: int) -> None:
    """Lbar = (1 - alpha)^2 tr A / n + 3 lambda_max; the first step is 1 / Lbar."""
    problem = TeamProblem.random(6, n_fleets=2, seed=seed)
    alpha = np.full(2, 0.5)
    c = problem.constants("guided", alpha)
    bound = 0.25 * c.noise_trace / 2 + 3.0 * c.smoothness
    mu, offset = theory_numbers(problem, "guided", alpha, roll_outs=2)
    assert mu == pytest.approx(c.mu) and offset == pytest.approx(2.0 * bound / c.mu)
    plan = TheoryStep(0.5).plan(problem, "guided", alpha, 2)
    assert plan(0, problem.start()) == pytest.approx(0.5 / bound)
    assert plan(100, problem.start()) == pytest.approx(0.5 * 2.0 / (c.mu * (100 + offset)))


def test_bad_steps_and_alphas() -> None:
    for scale in (0.0, -1.0, math.nan):
        with pytest.raises(InputError, match="scale"):
            TheoryStep(scale)
    with pytest.raises(InputError, match="roll_outs"):
        theory_numbers(PROBLEM, "return", np.zeros(3), 0)
    for alpha in (1.5, -0.1, math.nan, [0.5, 0.5], [0.5, 0.5, 2.0]):
        with pytest.raises(InputError, match="alpha"):
            check_alphas(alpha, 3)
    with pytest.raises(InputError):
        fleets_of_runs(0, 1)
