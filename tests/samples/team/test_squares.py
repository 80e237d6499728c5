"""The learner's matrices and optima of a team against the oracle's, and an error in one of them seen by the check."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.oracles.teams.descent import expected_gaps
from dgpg_verify.oracles.teams.linear_quadratic import stationary_point, team_arrays
from dgpg_verify.samples import TeamProblem, TheoryStep, cell_generator, learn, make_method, theory_numbers
from dgpg_verify.samples.team.squares import TeamSquares, team_squares
from dgpg_verify.systems import LinearQuadraticTeam

RELATIVE = 1e-12
COPIES, RECORDS = 1_000, np.array([0, 1, 5, 20, 60])
PLANTED = 1.3  # an error of this size moves the gaps by 30 % or more, and COPIES runs know them to about 3 %
Z_BAND = 4.06  # two-sided 0.005 % per record, 0.1 % over the four records of five honest or planted cases


def team_of(n: int, seed: int) -> LinearQuadraticTeam:
    return LinearQuadraticTeam.random(n, seed, alignment=0.3, reference_bias=0.8)


def worst(team: LinearQuadraticTeam) -> float:
    """Largest difference of the two derivations, relative to the largest entry of each array."""
    mine, oracle = team_squares(team), team_arrays(team, np.zeros(team.n_agents))
    pairs = [
        (mine.z.toarray(), oracle.z.toarray()),
        (mine.a.toarray(), oracle.a.toarray()),
        (mine.b.toarray(), oracle.b.toarray()),
        (mine.optimum, -oracle.error),
        (mine.reference, -oracle.distance),
        *((mine.maximiser(alpha), stationary_point(team, alpha)) for alpha in (0.0, 0.35, 1.0)),
    ]
    return max(float(np.abs(x - y).max() / np.abs(y).max()) for x, y in pairs)


@pytest.mark.parametrize("n", [1, 2, 7, 60, 400])
def test_the_two_derivations_agree(n: int, seed: int) -> None:
    for k in range(3):
        assert worst(team_of(n, seed + k)) <= RELATIVE


def scores(team: LinearQuadraticTeam, credit: str, seed: int) -> np.ndarray:
    """Mean gap of COPIES runs less the oracle's expected gap, in standard errors: as in the check of C3.1."""
    alpha = {"return": 0.0, "guidance": 1.0}[credit]
    problem = TeamProblem([team], COPIES)
    mu, offset = theory_numbers(problem, credit, np.full(COPIES, alpha))
    steps = 2.0 / (mu[0] * (np.arange(RECORDS[-1]) + offset[0]))
    curve = learn(problem, make_method(credit), TheoryStep(), RECORDS[-1], cell_generator(seed), checkpoints=RECORDS)
    exact = expected_gaps(team, problem.sigma, credit, steps, alpha, 1, np.zeros(team.n_agents), RECORDS[1:])
    seen = curve.gaps[:, 1:]
    return (seen.mean(0) - exact / team.n_agents) / (seen.std(0, ddof=1) / np.sqrt(COPIES))


@pytest.mark.parametrize("credit", ["return", "guidance"])
def test_honest_runs_meet_the_expected_gaps(credit: str, seed: int) -> None:
    assert np.abs(scores(team_of(6, seed), credit, seed)).max() < Z_BAND


@pytest.mark.parametrize("planted", ["weights", "optimum", "maximiser"])
def test_control_an_error_in_one_derivation_is_caught(planted: str, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Weights, targets or a maximiser that are 30 % too large: the learner alone is wrong, and the check says so."""
    honest, maximiser = team_squares, TeamSquares.maximiser

    def wrong(team: LinearQuadraticTeam) -> TeamSquares:
        squares = honest(team)
        factor = {name: PLANTED if name == planted else 1.0 for name in ("weights", "optimum")}
        return TeamSquares(
            squares.z, factor["weights"] * squares.weights, factor["optimum"] * squares.optimum, squares.reference
        )

    monkeypatch.setattr("dgpg_verify.samples.team.problem.team_squares", wrong)
    if planted == "maximiser":
        monkeypatch.setattr(TeamSquares, "maximiser", lambda self, alpha: PLANTED * maximiser(self, alpha))
    assert np.abs(scores(team_of(6, seed), "return", seed)).max() > 2.0 * Z_BAND


def test_a_maximiser_that_is_not_found_is_refused(seed: int) -> None:
    squares = team_squares(team_of(5, seed))
    broken = TeamSquares(squares.z, squares.weights, np.full_like(squares.optimum, np.nan), squares.reference)
    with pytest.raises(InputError, match="no unique maximiser"):
        broken.maximiser(0.0)
