"""Floors of biased methods: the noise-free run against the closed form of the team."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.samples import TeamProblem, make_method, noise_free_floor
from tests.samples.parabola import Parabola


@pytest.mark.parametrize("name", ["return", "difference", "guided:0.2", "guided:0.8", "guidance", "guided:published"])
def test_the_noise_free_run_ends_at_the_closed_form(seed: int, name: str) -> None:
    problem, method = TeamProblem.random(6, n_fleets=4, seed=seed, alignment=0.3, reference_bias=0.5), make_method(name)
    floor = noise_free_floor(problem, method)
    alpha = method.alpha_at(problem, problem.start(), np.inf)
    expected = problem.stationary_gap(method.credit, alpha)
    assert floor.settled.all() and floor.gap.shape == (4,)
    assert floor.gap == pytest.approx(expected, rel=1e-4, abs=1e-10)
    assert (expected > 1e-5).all() == (name not in ("return", "difference"))


def test_a_schedule_that_ends_at_zero_has_no_floor(seed: int) -> None:
    problem = TeamProblem.random(6, n_fleets=4, seed=seed, alignment=0.3, reference_bias=0.5)
    assert (noise_free_floor(problem, make_method("guided:zero")).gap < 1e-10).all()


def test_by_hand_and_when_it_has_not_settled() -> None:
    problem = Parabola(2, 3, mu=2.0, shift=0.5)
    assert noise_free_floor(problem, make_method("guided:0.5")).gap == pytest.approx(np.full(3, 0.25**2))
    short = noise_free_floor(TeamProblem.random(6, 2), make_method("return"), max_steps=1)
    assert not short.settled.any()


def test_bad_input() -> None:
    for options in ({"tolerance": 0.0}, {"tolerance": 2.0}, {"max_steps": 0}):
        with pytest.raises(InputError):
            noise_free_floor(Parabola(2, 2), make_method("return"), **options)
