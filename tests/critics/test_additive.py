"""VDN under independent policies is the additive part of the Hoeffding decomposition.

f_i(k) = E[R | a_i = k] - E R by enumeration. The fit of R = B roll-outs estimates f_i with the variance
(K - 1) Var(R - sum f_i) / B, that of least squares on orthogonal indicators.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.core import Rollout
from dgpg_verify.credits import make_credit
from dgpg_verify.critics.additive import AdditiveTables
from dgpg_verify.critics.joint_inputs import Targets
from dgpg_verify.critics.ridge import Ridge
from dgpg_verify.measurement import gradients_of
from dgpg_verify.oracles import enumerate_moments
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LoadBalancingGame, RateControl, RoadNetwork
from dgpg_verify.testing.exhaustive import Exhaustive, all_profiles
from tests.critics.payoffs import fitted_once, played, short

GAMES = [
    *(LoadBalancingGame.random(3, s, n_candidates=3, cost=cost) for s in range(3) for cost in ("quadratic", "mm1")),
    *(RateControl.random(3, seed) for seed in range(2)),
    *(RoadNetwork.random(3, seed) for seed in range(2)),
]  # fmt: skip


class Enumerated:
    """Every profile of a game under random logits, its additive part and what that leaves."""

    def __init__(self, game: Any) -> None:
        self.policy: Any = played(game, 0, 1).policy
        self.every: Exhaustive = all_profiles(game, self.policy)
        self.rollout: Rollout = collect(game, self.policy, self.every.noise, keep_states=True)
        reward, chance = self.rollout.reward[:, 0].numpy(), self.every.probability.numpy()
        mean, n, k = chance @ reward, game.n_agents, game.n_actions
        actions = self.every.actions.numpy()
        self.part = np.zeros((n, k))
        for i, a in np.ndindex(n, k):
            on = actions[:, i] == a
            self.part[i, a] = chance[on] @ reward[on] / chance[on].sum() - mean
        self.credit = self.part[np.arange(n), actions]  # f_i(a_i) on every profile, [B, N]
        rest = reward - mean - self.credit.sum(1)
        self.left = float(chance @ rest**2)

    def error(self, credit: torch.Tensor) -> float:
        """Mean over profiles and agents of (w - f)^2."""
        return float(self.every.mean(torch.as_tensor(credit.numpy() - self.credit) ** 2).mean())


def error_over_theory(size: int) -> float:
    """Mean squared error of the credit over (K - 1) Var(rest) / B, averaged over the games."""
    ratios = []
    for game in GAMES:
        exact = Enumerated(game)
        value = fitted_once(short("vdn", 0), played(game, 1, size))
        credit = replace(make_credit("counterfactual@vdn"), value=value)(exact.rollout)[:, 0]  # type: ignore[type-var]
        ratios.append(exact.error(credit) / ((game.n_actions - 1) * exact.left / size))
    return float(np.mean(ratios))


@pytest.mark.parametrize("size", [512, 8192])
def test_the_credit_tends_to_the_additive_part_at_the_rate_of_least_squares(size: int) -> None:
    """About 60 squared errors are averaged: their mean has a standard deviation near 0.2 for normal errors, doubled
    for pay-offs whose interactions differ from action to action. Between 0.2 and 2.6: 4 of these from 1, and ridge
    may err less."""
    assert 0.2 < error_over_theory(size) < 2.6


def exact_value(exact: Enumerated) -> Any:
    """counterfactual@vdn with f itself for its tables."""
    shape = exact.part.shape
    tables = AdditiveTables(Ridge(torch.as_tensor(exact.part).flatten(), 0.0), (shape[0], shape[1]))
    value = replace(short("vdn", 0), targets=Targets.of([exact.rollout]), estimate=tables)
    return replace(make_credit("counterfactual@vdn"), value=value)  # type: ignore[type-var]


@pytest.mark.parametrize("game", GAMES, ids=lambda game: game.kind)
def test_the_additive_part_has_the_whole_gradient_and_no_noise_of_others(game: Any) -> None:
    """Mean grad_i J; and its variance is that of the own action alone: Var(f_i psi_i)."""
    exact = Enumerated(game)
    credit = exact_value(exact)
    gradient = gradients_of(game, exact.policy, [credit], exact.every.noise)[0].double()
    oracle = enumerate_moments(game, exact.policy.probabilities(exact.rollout.seen)[0, 0].numpy(), ["return"])
    scale = 1.0 + float(gradient.abs().max())
    assert np.abs(exact.every.mean(gradient).numpy() - oracle.objective_gradient).max() < 1e-9 * scale
    assert exact.error(credit(exact.rollout)[:, 0]) < 1e-18 * scale**2


def test_a_fitted_credit_depends_on_the_own_action_alone() -> None:
    exact = Enumerated(GAMES[1])
    value = fitted_once(short("vdn", 0), played(GAMES[1], 1, 64))
    credit = replace(make_credit("counterfactual@vdn"), value=value)(exact.rollout)[:, 0]  # type: ignore[type-var]
    for i, a in np.ndindex(*exact.part.shape):
        own = credit[exact.every.actions[:, i] == a, i]
        assert float(own.max() - own.min()) < 1e-10
    loud = make_credit("counterfactual@exact")(exact.rollout)[:, 0]  # the control
    own = loud[exact.every.actions[:, 0] == 0, 0]
    assert float(own.max() - own.min()) > 1e-3


def test_control_a_pilot_with_agents_in_the_wrong_order_misses_the_additive_part() -> None:
    exact = Enumerated(GAMES[0])
    pilot = played(GAMES[0], 1, 4096)
    wrong = replace(pilot, actions=pilot.actions.roll(1, dims=2))
    errors = []
    for roll_out in (pilot, wrong):
        value = fitted_once(short("vdn", 0), roll_out)
        credit = replace(make_credit("counterfactual@vdn"), value=value)(exact.rollout)[:, 0]  # type: ignore[type-var]
        errors.append(exact.error(credit))
    nothing = exact.error(torch.zeros_like(exact.rollout.actions[:, 0]).double())
    assert errors[0] < 5.0 * (GAMES[0].n_actions - 1) * exact.left / 4096 and errors[1] > 0.5 * nothing


def test_five_hundred_agents_with_eight_actions() -> None:
    """4 000 columns and fewer rows: solved through the rows."""
    game = LoadBalancingGame.random(500, 0, n_candidates=8)
    value = fitted_once(short("vdn", 0), played(game, 1, 128))
    table = value.table(played(game, 2, 4))
    assert table.shape == (4, 1, 500, 8) and bool(table.isfinite().all()) and value.parameters == 4001
