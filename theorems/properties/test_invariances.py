"""What must not matter: the names of agents and servers, units, the order of candidates, the way loops are run.

A permutation changes the order of sums, so numbers are compared to 1e-10 of the largest term; a change of units
by a power of two is exact, so bits are compared.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dgpg_verify.core import Noise, Rollout, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.policies import LinearPolicy, SoftmaxPolicy, TabularPolicy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame
from dgpg_verify.testing import (
    EXACT,
    all_profiles,
    game_and_policy,
    linear_quadratic_teams,
    noise_seeds,
    softmax_policies,
    team_and_policy,
)

CLAIMS = ("C1", "A3")  # whose runs include these checks, see --claims

ROUNDING = 1e-10
CREDITS = ("return", "return:raw", "difference", "guidance", "guidance:exact", "guidance:observed", "guided:0.5")
Case = tuple[LoadBalancingGame, SoftmaxPolicy]


def weights_of(rollout: Rollout, name: str) -> Tensor:
    return make_credit(name).fit([rollout])(rollout)


def assert_close(found: Tensor, expected: Tensor, largest: float) -> None:
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= ROUNDING * (1.0 + largest)


def permute_agents(game: LoadBalancingGame, policy: SoftmaxPolicy, order: Tensor) -> Case:
    """Agent order[k] of the old game is agent k of the new one."""
    parameters = policy.parameters[order] if policy.sharing == "independent" else policy.parameters
    renamed = replace(game, jobs=game.jobs[order], candidates=game.candidates[order])
    return renamed, replace(policy, parameters=parameters)  # type: ignore[type-var]


def permute_servers(game: LoadBalancingGame, order: Tensor) -> LoadBalancingGame:
    """Server order[m] of the old game is server m of the new one."""
    changed = {
        name: getattr(game, name)[order] for name in ("capacity", "background", "weights", "target", "reference_state")
    }
    return replace(game, candidates=order.argsort()[game.candidates], **changed)


def orders(size: int) -> st.SearchStrategy[Tensor]:
    return st.permutations(range(size)).map(torch.tensor)


@EXACT
@given(case=game_and_policy(min_agents=2), seed=noise_seeds(), data=st.data())
def test_agents_can_be_renamed(case: Case, seed: int, data: st.DataObject) -> None:
    """Agents permuted together with their jobs, graphs, parameters and uniforms: gradients are permuted, no more."""
    game, policy = case
    order = data.draw(orders(game.n_agents))
    renamed, same_policy = permute_agents(game, _without_prior(policy), order)
    noise = draw_noise(seed, 0, game, policy, 6)
    first = collect(game, _without_prior(policy), noise, keep_states=True)
    second = collect(renamed, same_policy, Noise(noise.environment, noise.agents[:, :, order]), keep_states=True)
    for name in CREDITS:
        w, v = weights_of(first, name), weights_of(second, name)
        assert_close(v, w[:, :, order], float(w.abs().max() + first.reward.abs().max()))


def _without_prior(policy: Any) -> Any:
    """A prior looks its heuristic up in the game, agent by agent; renaming is checked on the policy's own logits."""
    return replace(policy, prior=None)


@EXACT
@given(case=game_and_policy(min_agents=2), seed=noise_seeds(), data=st.data())
def test_servers_can_be_renamed(case: Case, seed: int, data: st.DataObject) -> None:
    """Renaming servers changes neither actions nor rewards, credits or gradients."""
    game, policy = case
    renamed = permute_servers(game, data.draw(orders(game.n_servers)))
    noise = draw_noise(seed, 0, game, policy, 6)
    first, second = (collect(g, policy, noise, keep_states=True) for g in (game, renamed))
    assert torch.equal(first.actions, second.actions)
    assert_close(second.reward, first.reward, float(first.reward.abs().max()))
    for name in CREDITS:
        w = weights_of(first, name)
        assert_close(weights_of(second, name), w, float(w.abs().max() + first.reward.abs().max()))


def exact_moments(game: LoadBalancingGame, policy: SoftmaxPolicy, name: str) -> tuple[Tensor, Tensor]:
    """Mean [N, P] and tr Cov [N] of a credit's gradient over all profiles; return centred at its exact mean."""
    everything = all_profiles(game, policy)
    rollout = collect(game, policy, everything.noise, keep_states=True)
    credit = make_credit(name).fit([rollout])
    if name == "return":
        credit = replace(credit, baseline=float(everything.mean(rollout.reward[:, 0])))  # type: ignore[type-var]
    gradients = policy.score_products(rollout, credit(rollout)[None])[0]
    mean = everything.mean(gradients)
    return mean, everything.mean(((gradients - mean) ** 2).sum(-1))


@EXACT
@given(case=game_and_policy(min_agents=2, max_agents=3, kinds=("tabular",), sharings=("independent",)), data=st.data())
def test_the_order_of_candidates_does_not_matter(case: Case, data: st.DataObject) -> None:
    """Candidates and logits of one agent permuted: the inverse CDF picks other uniforms, the moments stay."""
    game, policy = case[0], replace(case[1], prior=None)  # type: ignore[type-var]
    order = data.draw(orders(game.n_actions))
    candidates, logits = game.candidates.clone(), policy.parameters.clone()
    candidates[0], logits[0] = candidates[0, order], logits[0, order]
    renamed = replace(game, candidates=candidates), TabularPolicy(logits)
    for name in ("return", "guidance", "difference"):
        (mean, variance), (other_mean, other_variance) = (exact_moments(*c, name) for c in ((game, policy), renamed))
        scale = float(variance.max() + (mean**2).max())
        assert_close(other_variance, variance, scale)
        assert_close(other_mean[1:], mean[1:], scale**0.5)
        assert_close(other_mean[0], mean[0, order], scale**0.5)


@pytest.mark.parametrize("factor", [0.25, 8.0])
@EXACT
@given(case=game_and_policy(kinds=("tabular",)), seed=noise_seeds())
def test_units_of_work_do_not_matter(factor: float, case: Case, seed: int) -> None:
    """Jobs and capacities in other units: utilisation and guidance do not change by a bit; a cost that weighs
    servers by capacity (delay) scales with the unit, and noise-to-signal stays."""
    game, policy = case[0], replace(case[1], prior=None)  # type: ignore[type-var]
    scaled = replace(game, jobs=game.jobs * factor, capacity=game.capacity * factor)
    first, second = (measure_gradients(g, policy, ["return", "guidance"], rollouts=16, seed=seed, progress=False)
                     for g in (game, scaled))  # fmt: skip
    cost_unit = factor if game.cost == "delay" else 1.0
    assert np.array_equal(second["guidance"].variance, first["guidance"].variance)
    assert np.array_equal(second["guidance"].mean, first["guidance"].mean)
    assert np.array_equal(second["return"].variance, cost_unit**2 * first["return"].variance)
    assert np.array_equal(second["return"].mean, cost_unit * first["return"].mean)
    assert second["return"].noise_to_signal.value == first["return"].noise_to_signal.value


@EXACT
@given(case=team_and_policy(), seed=noise_seeds())
def test_the_scale_of_the_reward_leaves_noise_to_signal_alone(case: Any, seed: int) -> None:
    """Reward x 4: variance x 16, noise-to-signal and efficiency unchanged; the guidance does not know the reward."""
    team, policy = case
    louder = replace(team, weights=4.0 * team.weights)
    first, second = (measure_gradients(t, policy, ["return", "guidance"], rollouts=16, seed=seed, progress=False)
                     for t in (team, louder))  # fmt: skip
    assert np.array_equal(second["return"].variance, 16.0 * first["return"].variance)
    assert second["return"].noise_to_signal.value == first["return"].noise_to_signal.value
    assert second["guidance"].efficiency.value == first["guidance"].efficiency.value
    assert np.array_equal(second["guidance"].variance, first["guidance"].variance)


@EXACT
@given(team=linear_quadratic_teams(), data=st.data())
def test_rows_of_a_team_can_be_renamed(team: LinearQuadraticTeam, data: st.DataObject) -> None:
    order = data.draw(orders(team.state_size))
    changed = {name: getattr(team, name)[order] for name in ("weights", "optimum", "reference_state")}
    renamed = replace(team, index=order.argsort()[team.index], **changed)
    actions = torch.linspace(-1.0, 2.0, 3 * team.n_agents, dtype=torch.float64).view(3, -1)
    state = team.start(torch.empty(3, 1, 0))
    first, second = team.step(state, actions), renamed.step(state, actions)
    assert_close(second.reward, first.reward, float(first.reward.abs().max()))
    assert_close(second.x, first.x[:, order], float(first.x.abs().max()))


# ---- vectorised against a plain loop -------------------------------------------------------------------------


def loop_gradients(rollout: Rollout, game: LoadBalancingGame, policy: SoftmaxPolicy, name: str) -> Tensor:
    """Credits and score products of every roll-out and agent, one number at a time. [B, N, P]"""
    out = torch.zeros(len(rollout.noise), game.n_agents, policy.parameters.shape[-1], dtype=torch.float64)
    for b in range(len(rollout.noise)):
        actions = rollout.actions[b, 0].tolist()
        servers = [int(game.candidates[i, a]) for i, a in enumerate(actions)]
        shares = [float(game.jobs[i] / game.capacity[s]) for i, s in enumerate(servers)]
        x = game.background.clone()
        for server, share in zip(servers, shares):
            x[server] += share
        for i in range(game.n_agents):
            gap = float(x[servers[i]] - game.reference_state[servers[i]])
            if name == "difference":
                without = x.clone()
                without[servers[i]] -= shares[i]
                weight = float(game.cost_of(without) - game.cost_of(x))
            else:
                weight = -(gap * shares[i] - (0.5 * shares[i] ** 2 if name == "guidance:exact" else 0.0))
            out[b, i] = weight * loop_score(rollout, policy, b, i, actions[i])
    return out


def loop_score(rollout: Rollout, policy: SoftmaxPolicy, b: int, agent: int, action: int) -> Tensor:
    """grad log pi of one decision: e_a - pi for tabular logits, feature minus mean feature for linear ones."""
    chances = policy.probabilities(rollout.seen)[b, 0, agent]
    if isinstance(policy, LinearPolicy):
        features = rollout.seen.features[b, 0, agent]
        return features[action] - sum(p * f for p, f in zip(chances, features))  # type: ignore[no-any-return]
    unit = torch.zeros_like(chances)
    unit[action] = 1.0
    return unit - chances


@EXACT
@given(case=game_and_policy(), seed=noise_seeds())
def test_vectorised_gradients_equal_a_plain_loop(case: Case, seed: int) -> None:
    game, policy = case
    rollout = collect(game, policy, draw_noise(seed, 0, game, policy, 4), keep_states=True)
    for name in ("difference", "guidance", "guidance:exact"):
        fast = policy.score_products(rollout, weights_of(rollout, name)[None])[0]
        slow = loop_gradients(rollout, game, policy, name)
        # a difference of two rewards loses the digits of the larger one, times the score's size
        scale = float(slow.abs().max() + rollout.reward.abs().max()) * (1.0 + float(rollout.seen.features.abs().max()))
        assert_close(fast, slow, scale)


# ---- controls ------------------------------------------------------------------------------------------------


def test_control_half_a_renaming_is_caught() -> None:
    """Agents renamed but not their uniforms: the check sees it."""
    game = LoadBalancingGame.random(4, seed=0, n_candidates=3)
    policy = TabularPolicy(torch.zeros(4, 3, dtype=torch.float64))
    order = torch.tensor([1, 2, 3, 0])
    renamed, same_policy = permute_agents(game, policy, order)
    noise = draw_noise(0, 0, game, policy, 6)
    first, second = collect(game, policy, noise), collect(renamed, same_policy, noise)
    w, v = weights_of(first, "guidance"), weights_of(second, "guidance")
    with pytest.raises(AssertionError):
        assert_close(v, w[:, :, order], float(w.abs().max()))


def test_control_half_a_change_of_units_is_caught() -> None:
    """Jobs in other units than capacities: variances change."""
    game = LoadBalancingGame.random(4, seed=0, n_candidates=3)
    policy = TabularPolicy(torch.zeros(4, 3, dtype=torch.float64))
    wrong = replace(game, jobs=2.0 * game.jobs)
    first, second = (measure_gradients(g, policy, ["guidance"], rollouts=16, progress=False) for g in (game, wrong))
    assert not np.array_equal(first["guidance"].variance, second["guidance"].variance)


@EXACT
@given(data=st.data(), seed=noise_seeds())
def test_mlp_is_equivariant_over_candidates(data: st.DataObject, seed: int) -> None:
    """Candidates of every agent permuted: scores are permuted with them (float32, so 1e-5 of the largest)."""
    game = LoadBalancingGame.random(3, seed=seed % 1000, n_candidates=3)
    policy = data.draw(softmax_policies(game, kinds=("mlp",), priors=False))
    order = data.draw(orders(3))
    features = game.observe(game.start(torch.empty(2, 1, 0))).features
    scores, permuted = policy.candidate_scores(features), policy.candidate_scores(features[:, :, order])
    assert float((permuted - scores[..., order]).abs().max()) <= 1e-5 * (1.0 + float(scores.abs().max()))
