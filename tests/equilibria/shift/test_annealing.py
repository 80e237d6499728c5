"""What a floor of alpha leaves and alpha -> 0 removes: counts against pure sets, distances against solvers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.games.tables import Tables
from dgpg_verify.equilibria.nash.pure import pure_nash
from dgpg_verify.equilibria.shift.alpha_c import alpha_intervals
from dgpg_verify.equilibria.shift.annealing import FLOOR, anneal_entropy, anneal_pure, anneal_team
from dgpg_verify.equilibria.teams.stationary import team_stationary
from dgpg_verify.systems import LinearQuadraticTeam

ALPHAS = (0.875, 0.5, 0.25, 0.125, 0.0625, 0.015625)


def integer_tables(seed: int, count: int = 500, high: int = 5) -> Tables:
    rng = np.random.default_rng(seed)
    return Tables(rng.integers(0, high, (count, 3, 3)), rng.integers(0, high, (count, 3, 3)))


def test_counts_are_those_of_the_pure_sets(seed: int) -> None:
    """Integers and dyadic alphas: J_alpha is exact in float64, so plain enumeration is the truth."""
    tables = integer_tables(seed)
    found, of_j = anneal_pure(tables, ALPHAS), pure_nash(tables.reward)
    assert found.present.tolist() == of_j.sum((1, 2)).tolist()
    for a, alpha in enumerate(ALPHAS):
        members = pure_nash(tables.of(alpha))
        assert found.lost[a].tolist() == (of_j & ~members).sum((1, 2)).tolist()
        assert found.foreign[a].tolist() == (members & ~of_j).sum((1, 2)).tolist()


def test_alpha_to_zero_removes_all_but_the_ties(seed: int) -> None:
    """Below harmless_below: nothing foreign, nothing lost but for good. At it, or just above: something is wrong.

    At it, since a joint action may be an equilibrium at one alpha only; with integers that alpha is a small fraction.
    """
    tables = integer_tables(seed)
    found = anneal_pure(tables, (2.0**-10,))
    assert found.foreign.sum() == 0 and found.lost[0].tolist() == found.for_good.tolist()
    assert found.for_good.sum() > 0
    for f in range(100):
        one, edge = tables.take(slice(f, f + 1)), float(found.harmless_below[f])
        below = anneal_pure(one, (edge * (1 - 1e-9),))
        assert below.foreign[0, 0] == 0 and below.lost[0, 0] == below.for_good[0]
        if edge < 1.0:
            above = anneal_pure(one, (edge * (1 + 1e-9),))
            at_edge = alpha_intervals(one).holds(Fraction(edge).limit_denominator(8)) & ~pure_nash(one.reward)
            assert at_edge.any() or above.lost[0, 0] > above.for_good[0]


def test_the_floor_leaves_what_the_limit_does_not(seed: int) -> None:
    """Shuffled references, no ties: at the floor sets differ in some fleets, at alpha = 1e-6 in hardly any."""
    tables = random_tables(400, 2, 3, "quadratic", "shuffled", seed)
    found = anneal_pure(tables, (FLOOR, 1e-6))
    at_floor, near_zero = ((found.lost > 0) | (found.foreign > 0)).mean(1)  # shares of fleets whose sets differ
    assert at_floor > 0.1 > 0.01 >= near_zero
    perfect = anneal_pure(random_tables(400, 2, 3, "quadratic", "perfect", seed), (0.9, FLOOR))
    assert not perfect.lost.any() and not perfect.foreign.any() and (perfect.harmless_below == 1.0).all()


@pytest.mark.parametrize("kept", [False, True])
def test_entropy_games_come_back_linearly(kept: bool, seed: int) -> None:
    tables = random_tables(60, 2, 3, "quadratic", "biased:0.3", seed)
    # this temperature is above 2 max h max z^2 of every fleet: h <= 2 and z <= 5
    found = anneal_entropy(tables, 100.0, (FLOOR, FLOOR / 2, FLOOR / 4, 0.0), kept)
    assert found.certified.all() and found.distance.shape == (4, 60)
    assert found.distance[3].max() < 1e-12 and np.abs(found.lost[3]).max() < 1e-12
    halves = found.distance[1] / found.distance[2]
    assert np.median(halves) == pytest.approx(2.0, abs=0.2)
    close = np.abs(found.predicted[2] - found.distance[2]) / found.distance[2]
    assert np.median(close) < FLOOR


def test_teams_in_closed_form(seed: int) -> None:
    team = LinearQuadraticTeam.random(12, seed, alignment=0.3, reference_bias=0.5)
    alphas = (0.9, FLOOR, 0.05, 0.0)
    found = anneal_team(team, alphas)
    assert found.certified.all()
    assert found.predicted == pytest.approx(found.distance, abs=1e-10)
    assert found.lost.tolist() == [team_stationary(team, alpha).value_lost for alpha in alphas]
    assert (np.diff(found.distance) < 0).all() and (np.diff(found.lost) < 0).all()
    assert found.distance[1] > 1e-3 and found.distance[3] == 0.0


def test_a_team_with_a_free_direction_is_measured_against_its_set() -> None:
    """J = -1/2 theta_1^2, G = 1/2 theta_1^2 + 1/2 (theta_2 - 1)^2: J does not mind where theta_2 goes."""
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    team = LinearQuadraticTeam(
        index=torch.tensor([[0], [1]]),
        value=torch.ones(2, 1, dtype=torch.float64),
        weights=torch.cat([one, zero]),
        optimum=torch.cat([zero, zero]),
        reference_state=torch.cat([zero, one]),
    )
    found = anneal_team(team, (FLOOR,))
    assert found.distance[0] < 1e-14 and found.lost[0] == 0.0 and np.isnan(found.predicted[0])


@pytest.mark.parametrize("alphas", [(), (0.5, 0.5), (1.5,), (-0.1,)])
def test_bad_alphas(alphas: tuple[float, ...]) -> None:
    tables = integer_tables(0, count=2)
    with pytest.raises(InputError, match="alpha"):
        anneal_pure(tables, alphas)
    with pytest.raises(InputError, match="alpha"):
        anneal_entropy(tables, 1.0, alphas)


def test_alpha_one_has_no_entropy_left() -> None:
    with pytest.raises(InputError, match=r"alphas holds 1\.0"):
        anneal_entropy(integer_tables(0, count=2), 1.0, (1.0,))
    assert anneal_entropy(integer_tables(0, count=2), 20.0, (1.0,), kept=True).certified.all()
