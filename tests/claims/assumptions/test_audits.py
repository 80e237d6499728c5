"""A1 and A3 measure what they say, on cases small enough to count by hand or loop."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.claims.assumptions import measure
from dgpg_verify.claims.assumptions.a1_exogeneity import CLAIM as EXOGENEITY
from dgpg_verify.claims.assumptions.a1_exogeneity import DOMAINS
from dgpg_verify.claims.assumptions.a3_local_influence import PRIMARY, QUANTITIES
from dgpg_verify.claims.assumptions.measure import (
    _met_anywhere,
    _met_where_one_acts,
    game_locality,
    rollout_locality,
    team_locality,
)
from dgpg_verify.claims.instrument.measure import observed_guidance_bias
from dgpg_verify.claims.subjects import SIGMA
from dgpg_verify.core import Cell, Rollout, draw_noise
from dgpg_verify.oracles import enumerate_moments
from dgpg_verify.oracles.games.guidance import additions_in_norm
from dgpg_verify.policies import uniform_policy
from dgpg_verify.reporting.assumptions.locality import JUDGED
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import CloudScheduling, LinearQuadraticTeam, LoadBalancingGame, make_system
from dgpg_verify.systems.resource_game import ResourceGame


@pytest.mark.parametrize("one_total", [False, True])
def test_game_locality_against_loops_over_all_profiles(one_total: bool, seed: int) -> None:
    game = LoadBalancingGame.random(4, seed + 1, n_candidates=3)
    p = np.random.default_rng(seed).dirichlet(np.ones(3), 4)
    z, slots = game.shares.numpy(), game.candidates.numpy() * (0 if one_total else 1)
    overlap, spread = 0.0, 0.0
    for i, j in itertools.permutations(range(4), 2):
        for a, b in itertools.product(range(3), repeat=2):
            overlap += p[i, a] * p[j, b] * (z[i, a] * z[j, b] * (slots[i, a] == slots[j, b])) ** 2
    for i, a in itertools.product(range(4), range(3)):
        for j in set(range(4)) - {i}:
            load = [z[j, b] * (slots[j, b] == slots[i, a]) for b in range(3)]
            mean = sum(q * x for q, x in zip(p[j], load, strict=True))
            spread += p[i, a] * sum(q * (x - mean) ** 2 for q, x in zip(p[j], load, strict=True))
    found = game_locality(game, p, one_total)
    assert found["overlap"] == pytest.approx(overlap / 4, rel=1e-12)
    assert found["others_variance"] == pytest.approx(spread / 4, rel=1e-12)


@pytest.mark.parametrize("n", [12, 16])
def test_locality_where_everybody_touches_every_line(n: int, seed: int) -> None:
    """Counted over all agents, or where each acts."""
    game = make_system("power_dispatch", n, seed, lines=True)
    assert isinstance(game, ResourceGame)
    p = np.random.default_rng(seed).dirichlet(np.ones(game.n_actions), n)
    parts = (*additions_in_norm(game), p)
    for anywhere, where_one_acts in zip(_met_anywhere(*parts), _met_where_one_acts(*parts), strict=True):
        assert anywhere == pytest.approx(where_one_acts, rel=1e-9)
    p = np.full_like(p, 1.0 / game.n_actions)
    found, (overlap, _) = game_locality(game, p), _met_anywhere(*parts[:2], p)
    assert found["overlap"] == pytest.approx(overlap.mean(), rel=1e-12) and found["reach"] == n


def test_team_locality_against_the_dense_matrix(seed: int) -> None:
    team = LinearQuadraticTeam.random(9, seed)
    z = team.matrix().numpy()
    gram = z.T @ z
    overlap = SIGMA**4 * ((gram**2).sum() - (np.diag(gram) ** 2).sum()) / 9
    assert team_locality(team)["overlap"] == pytest.approx(overlap, rel=1e-12)
    assert team_locality(team)["largest_influence"] == pytest.approx(SIGMA * np.linalg.norm(z, axis=0).max(), rel=1e-12)


def test_rollout_locality_against_a_loop(seed: int) -> None:
    system = CloudScheduling(5, seed=seed, horizon=4)
    policy = uniform_policy(system)
    rollout = collect(system, policy, draw_noise(seed, 0, system, policy, 3))
    dense = torch.zeros(*rollout.actions.shape, system.state_size, dtype=torch.float64)
    dense.scatter_add_(-1, rollout.influence.index, rollout.influence.value)
    gram = torch.einsum("btnd,btmd->btnm", dense, dense) ** 2
    off = gram.sum(-1) - gram.diagonal(dim1=-2, dim2=-1)
    acting = rollout.actions >= 0
    assert rollout_locality(rollout)["overlap"] == pytest.approx(float(off[acting].mean()), rel=1e-9)


@pytest.mark.parametrize(("row", "moves"), [("reference/fluid", False), ("reference/endogenous", True)])
def test_exogeneity_is_seen_and_its_breach_is_seen(row: str, moves: bool) -> None:
    assert (EXOGENEITY.measure(exogeneity_cell(row))["largest_change"] > 0.0) == moves


def exogeneity_cell(row: str) -> Cell:
    return next(r.cells_at(8, 0)[0] for r in EXOGENEITY.design("smoke") if r.key == row)


@pytest.mark.parametrize("name", DOMAINS)
def test_exogeneity_of_the_other_domains_and_a_breach(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In each of them, a reference drawn towards the state is caught: the policies differ in what they lead to."""
    cell = exogeneity_cell(f"system/{name}")
    assert EXOGENEITY.measure(cell)["largest_change"] == 0.0
    plain = measure.collect

    def drawn(*asked: Any) -> Rollout:
        rollout = plain(*asked)
        return replace(rollout, reference=rollout.reference + 0.01 * rollout.x)

    monkeypatch.setattr(measure, "collect", drawn)
    assert EXOGENEITY.measure(cell)["largest_change"] > 0.0


def test_bias_of_observed_guidance_against_enumeration(seed: int) -> None:
    game = LoadBalancingGame.random(5, seed)
    exact = enumerate_moments(game, np.full((5, game.n_actions), 1.0 / game.n_actions))
    mean, descent = exact["guidance:observed"].mean, -exact.guidance_gradient
    found = observed_guidance_bias(5, seed)
    bias = np.linalg.norm(mean - descent) / np.linalg.norm(descent)
    assert found["relative_bias"] == pytest.approx(bias, rel=1e-9)
    assert bias > 0.01  # otherwise the check above would not see a wrong formula
    cosine = (mean * descent).sum() / np.linalg.norm(mean) / np.linalg.norm(descent)
    assert found["cosine"] == pytest.approx(cosine, rel=1e-9)


def test_the_figure_of_local_influence_is_about_the_quantity_that_is_judged() -> None:
    assert {quantity for _, quantity in PRIMARY} == {"overlap"} and QUANTITIES["overlap"] == JUDGED
