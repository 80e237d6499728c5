"""LinearQuadraticTeam: sparse against dense, the constants it promises, what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given

from dgpg_verify.core import InputError, System, generator
from dgpg_verify.systems import LinearQuadraticTeam, make_system
from dgpg_verify.testing import EXACT, linear_quadratic_teams


def actions_for(team: LinearQuadraticTeam, size: int = 4) -> torch.Tensor:
    return torch.randn(size, team.n_agents, generator=generator(0), dtype=torch.float64)


@EXACT
@given(team=linear_quadratic_teams())
def test_step_equals_the_dense_formula(team: LinearQuadraticTeam) -> None:
    """x = Z a and reward = -1/2 (x - x*)' H (x - x*) with Z filled in entry by entry."""
    z = torch.zeros(team.state_size, team.n_agents, dtype=torch.float64)
    for agent in range(team.n_agents):
        for row, value in zip(team.index[agent].tolist(), team.value[agent].tolist(), strict=True):
            z[row, agent] += value
    torch.testing.assert_close(team.matrix(), z)
    actions = actions_for(team)
    done = team.step(team.start(torch.empty(4, 1, 0)), actions)
    for b in range(4):
        x = z @ actions[b]
        torch.testing.assert_close(done.x[b], x, rtol=1e-12, atol=1e-12)
        gap = x - team.optimum
        expected = -0.5 * float(gap @ torch.diag(team.weights) @ gap)
        assert float(done.reward[b]) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert torch.equal(done.x_observed, torch.zeros_like(done.x))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 16, 64, 400])
@pytest.mark.parametrize("seed", [0, 1])
def test_coupling_and_conditioning_stay_bounded(n: int, seed: int) -> None:
    """Z = [I + W; extra]: row and column sums of |W| at most 0.2 and M = ceil(1.25 N), so that by Gershgorin the
    smallest eigenvalue of Z'Z is at least (1 - 0.2)^2, whatever N."""
    team = LinearQuadraticTeam.random(n, seed=seed)
    z = team.matrix()
    assert isinstance(team, System) and z.shape == (math.ceil(1.25 * n), n)
    w = z[:n] - torch.eye(n, dtype=torch.float64)
    assert float(w.abs().sum(0).max()) <= 0.2 and float(w.abs().sum(1).max()) <= 0.2
    eigenvalues = torch.linalg.eigvalsh(z.T @ z)
    assert float(eigenvalues.min()) >= 0.8**2 - 1e-12 and float(eigenvalues.max()) <= 1.2**2 + 5 * 0.25


def test_alignment_spreads_the_weights() -> None:
    equal, half, spread = (LinearQuadraticTeam.random(400, seed=1, alignment=a).weights for a in (1.0, 0.5, 0.0))
    assert torch.equal(equal, torch.ones_like(equal))
    assert 3.5 < float(half.max() / half.min()) <= 4.0 and 12.0 < float(spread.max() / spread.min()) <= 16.0


def test_reference_bias_moves_the_reference_only() -> None:
    honest, biased = (LinearQuadraticTeam.random(400, seed=1, reference_bias=b) for b in (0.0, 0.5))
    assert torch.equal(honest.reference_state, honest.optimum) and torch.equal(honest.value, biased.value)
    gap = biased.reference_state - biased.optimum
    assert float(gap.std()) == pytest.approx(0.5, rel=0.2)  # 500 rows: 6 sd


def test_seed_decides() -> None:
    one, again, other = (LinearQuadraticTeam.random(6, seed=s) for s in (3, 3, 4))
    assert torch.equal(one.value, again.value) and not torch.equal(one.value, other.value)


def test_config_rebuilds_the_team() -> None:
    team = LinearQuadraticTeam.random(6, seed=3, alignment=0.25, reference_bias=0.5)
    recipe: dict[str, Any] = json.loads(json.dumps(team.config()))
    assert recipe.pop("system") == "linear_quadratic"
    again = make_system("linear_quadratic", **recipe)
    assert torch.equal(again.reference_state, team.reference_state)  # type: ignore[attr-defined]
    assert json.loads(json.dumps(replace(team, recipe=None).config()))["value"] == team.value.tolist()


TEAM = LinearQuadraticTeam.random(3, seed=0)


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"index": TEAM.index[:, :2]}, "do not fit"), ({"index": TEAM.index + 9}, "rows of Z"),
     ({"index": torch.zeros_like(TEAM.index)}, "twice"), ({"value": TEAM.value * float("nan")}, "value"),
     ({"weights": -TEAM.weights}, "weights"), ({"optimum": TEAM.optimum[:2]}, "optimum"),
     ({"reference_state": TEAM.reference_state * float("inf")}, "reference_state")],
)  # fmt: skip
def test_impossible_teams_are_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        replace(TEAM, **changes)


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"n_agents": 0}, "n_agents"), ({"alignment": 1.5}, "alignment"), ({"alignment": float("nan")}, "alignment"),
     ({"reference_bias": -1}, "reference_bias"), ({"seed": -1}, "seed")],
)  # fmt: skip
def test_bad_arguments_are_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        LinearQuadraticTeam.random(**({"n_agents": 4} | changes))
