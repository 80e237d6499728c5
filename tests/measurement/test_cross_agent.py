"""Pick and freeze against the exact share: E tr Cov(g_i | a_i) by enumeration."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from dgpg_verify.core import Noise, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.measurement.combine import fit_credits, make_basis
from dgpg_verify.measurement.cross_agent import MAX_SETS, frozen_sets, pick_and_freeze
from dgpg_verify.measurement.request import make_setup
from dgpg_verify.oracles.games.guidance import guidance_moments
from dgpg_verify.policies import TabularPolicy, make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame
from dgpg_verify.testing import all_profiles

GAME = LoadBalancingGame.random(4, seed=1, n_candidates=3)
POLICY = TabularPolicy(torch.linspace(-1.0, 1.0, 12, dtype=torch.float64).view(4, 3))
NAMES = ("return", "guidance", "difference", "guidance:observed")
FALSE_ALARM = 1e-4  # over all comparisons of a test
REPEATS, PAIRS = 24, 150


def fitted_credits() -> list:  # type: ignore[type-arg]
    pilot = [collect(GAME, POLICY, draw_noise(3, 0, GAME, POLICY, 64), keep_states=True)]
    return fit_credits([make_credit(name) for name in NAMES], pilot)


def exact_parts() -> tuple[np.ndarray, np.ndarray]:
    """sum_i E tr Cov(g_i | a_i) and sum_i V_i for each credit, over the 81 profiles; plain loops."""
    everything = all_profiles(GAME, POLICY)
    rollout = collect(GAME, POLICY, everything.noise, keep_states=True)
    weights = torch.stack([credit(rollout) for credit in fitted_credits()])
    g, p = POLICY.score_products(rollout, weights), everything.probability
    within, total = np.zeros(len(NAMES)), np.zeros(len(NAMES))
    for c in range(len(NAMES)):
        for i in range(4):
            mean = (p[:, None] * g[c, :, i]).sum(0)
            total[c] += float((p * ((g[c, :, i] - mean) ** 2).sum(-1)).sum())
            for action in range(3):
                mine = everything.actions[:, i] == action
                q = p[mine] / p[mine].sum()
                centre = (q[:, None] * g[c, mine, i]).sum(0)
                within[c] += float(p[mine].sum() * (q * ((g[c, mine, i] - centre) ** 2).sum(-1)).sum())
    return within, total


def estimates(seed: int) -> np.ndarray:
    """REPEATS independent pick-freeze estimates of the same sums, [REPEATS, C]."""
    basis = make_basis(fitted_credits())
    order = [basis.index(name) for name in NAMES]
    rows = []
    for repeat in range(REPEATS):
        frozen = pick_and_freeze(make_setup(GAME, POLICY, None, 2, 1_000 * seed + repeat, "cpu"), basis, PAIRS)
        assert sorted(frozen.agents.tolist()) == [0, 1, 2, 3]  # all agents sampled, so the sums are comparable
        rows.append([frozen.products[k, k].sum() for k in order])
    return np.array(rows)


def within_interval(found: np.ndarray, exact: np.ndarray, comparisons: int) -> bool:
    half = stats.t.isf(FALSE_ALARM / 2 / comparisons, REPEATS - 1) * found.std(0, ddof=1) / np.sqrt(REPEATS)
    return bool((np.abs(found.mean(0) - exact) <= half + 1e-12).all())


def test_pick_and_freeze_agrees_with_enumeration(seed: int) -> None:
    """t intervals of 24 repeats, Bonferroni over the credits: false-alarm rate 1e-4. The half-width is below 25 % of
    the exact value, so a factor 2 (or the 1/2 of the definition) forgotten would be seen with certainty."""
    within, total = exact_parts()
    found = estimates(seed)
    assert within_interval(found, within, len(NAMES))
    half = stats.t.isf(FALSE_ALARM / 8, REPEATS - 1) * found.std(0, ddof=1) / np.sqrt(REPEATS)
    assert (half[:3] < 0.25 * within[:3]).all()  # enough repeats to see what matters
    # controls: neither the whole variance nor twice the share would pass
    assert not within_interval(found, total, len(NAMES)) and not within_interval(found, 2 * within, len(NAMES))


def test_observed_guidance_has_no_cross_agent_part() -> None:
    m = measure_gradients(GAME, POLICY, ["guidance:observed", "guidance"], rollouts=64, pick_freeze=16, progress=False)
    assert m["guidance:observed"].cross_agent_share == 0.0 and not m["guidance:observed"].cross_agent.any()
    assert (m["guidance"].cross_agent_share or 0.0) > 0.05


def test_products_are_summed_over_those_sampled_and_scaled_up_to_all() -> None:
    names = ["return", "guidance", "guided:0.5"]
    m = measure_gradients("load_balancing", credits=names, agents=20, rollouts=16, pick_freeze=4, progress=False)
    found, frozen = m.cross_products(), m.frozen
    assert frozen is not None and found is not None and found.shape == (3, 3)
    count = len(m.agent.covariance)
    scale = sum(m.agent.covariance[c, c].sum() for c in range(count))
    scale /= sum(m.agent.covariance[c, c, agent] for c in range(count) for agent in frozen.agents)
    assert 2.0 < scale < 20.0  # 4 of 20 agents
    for a, b in np.ndindex(3, 3):
        parts = [m.weights[a] @ frozen.products[:, :, k] @ m.weights[b] for k in range(MAX_SETS)]
        assert found[a, b] == pytest.approx(scale * sum(parts), rel=1e-9)


def test_the_share_of_a_sample_is_that_of_all_agents(seed: int) -> None:
    """Jobs of very unequal size, 4 of 64 agents frozen, 60 fleets: the mean share against the exact one, and the ratio
    of sums over the sampled agents, which is another number."""
    shares = []
    for k in range(60):
        game = LoadBalancingGame.random(64, seed=1000 * seed + k, n_candidates=2, job_law="lognormal")
        m = measure_gradients(game, credits=["guidance"], rollouts=16, pick_freeze=8, seed=k, progress=False)
        exact = guidance_moments(game, np.full((64, 2), 0.5))
        assert m.frozen is not None
        sampled = m.agent.covariance[0, 0, m.frozen.agents]
        wrong = m.frozen.products[0, 0].sum() / sampled.sum()
        shares.append((m["guidance"].cross_agent_share, exact.cross.sum() / exact.variance.sum(), wrong))
    found, true, wrong = np.array(shares).T
    half = stats.t.isf(FALSE_ALARM / 2, 59) * (found - true).std(ddof=1) / np.sqrt(60)
    assert abs((found - true).mean()) < half < 0.1
    assert (wrong - true).mean() > 0.1


def test_an_exact_target_changes_no_share() -> None:
    found = [
        measure_gradients(GAME, POLICY, ["guidance"], rollouts=32, pick_freeze=8, target=target, progress=False)
        for target in (None, np.ones((4, 3)))
    ]
    shares = [m["guidance"].cross_agent for m in found]
    np.testing.assert_array_equal(*shares)
    np.testing.assert_array_equal(*(m.cross_products() for m in found))


def test_a_single_agent_has_no_others() -> None:
    game = LoadBalancingGame.random(1, seed=0, n_servers=3)
    m = measure_gradients(game, credits=["return", "guidance"], rollouts=16, pick_freeze=8, progress=False)
    assert m["return"].cross_agent_share == 0.0 == m["guidance"].cross_agent_share


def test_shares_are_reported_for_sampled_agents_only() -> None:
    m = measure_gradients("load_balancing", credits=["return"], agents=20, rollouts=16, pick_freeze=4, progress=False)
    cross = m["return"].cross_agent
    assert cross is not None and np.isfinite(cross).sum() == MAX_SETS
    assert measure_gradients(GAME, credits=["return"], rollouts=8, progress=False)["return"].cross_agent is None


@pytest.mark.parametrize("n", [1, 2, 7, 49, 50, 120, 400, 1500])
def test_frozen_sets_are_disjoint_and_small(n: int) -> None:
    """At most max(1, N / 50) agents at once."""
    sets = frozen_sets(n, seed=3)
    everyone = np.concatenate(sets)
    assert len(set(everyone.tolist())) == len(everyone) and everyone.max() < n
    assert all(len(s) <= max(1, n // 50) for s in sets) and 1 <= len(sets) <= MAX_SETS
    assert not n > 10 or any((a != b).any() for a, b in zip(sets, frozen_sets(n, seed=4)))


def test_frozen_uniforms_not_frozen_actions() -> None:
    """freeze() keeps the block of the marked agents and the environment, and takes all else from the other noise."""
    team = LinearQuadraticTeam.random(3, seed=0)
    policy = make_policy("gaussian", team)
    a, b = (draw_noise(s, 0, team, policy, 4) for s in (0, 1))
    mixed = a.freeze(b, torch.tensor([True, False, True]))
    assert isinstance(mixed, Noise)
    assert torch.equal(mixed.agents[:, :, [0, 2]], a.agents[:, :, [0, 2]])
    assert torch.equal(mixed.agents[:, :, 1], b.agents[:, :, 1]) and torch.equal(mixed.environment, a.environment)
