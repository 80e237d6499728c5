"""Difference rewards: one step, and branching to the end of the episode."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from dgpg_verify.core import InputError, Rollout, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement import gradients_of, measure_gradients
from dgpg_verify.oracles import enumerate_trajectories, trajectory_moments
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.testing import SmallQueues

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=3, discount=0.9, keep=1.0)
FALSE_ALARM = 1e-4  # of each statistical check below


def played(seed: int, size: int) -> Rollout:
    policy = make_policy("uniform", QUEUES)
    return collect(QUEUES, policy, draw_noise(seed, 0, QUEUES, policy, size), keep_states=True)


def test_one_step_difference_by_hand() -> None:
    """gamma^t times the reward saved: 1/2 x^2 - 1/2 (x - z)^2 on the chosen server, negated; discount included."""
    rollout = played(0, 5)
    found = make_credit("difference")(rollout)
    for b in range(5):
        for t in range(3):
            for i in range(3):
                expected = 0.0
                if bool(rollout.active[b, t, i]):
                    x = float(rollout.x[b, t, int(QUEUES.candidates[i, int(rollout.actions[b, t, i])])])
                    z = float(rollout.influence.value[b, t, i, 0])
                    expected = -(0.9**t) * (0.5 * x * x - 0.5 * (x - z) ** 2)
                assert float(found[b, t, i]) == pytest.approx(expected, rel=1e-11, abs=1e-13)


def test_learned_difference_by_hand() -> None:
    """gamma^t times what the fitted model loses without the agent; 0 where it had nothing to decide."""
    rollout = played(1, 6)
    credit: Any = make_credit("difference:learned").fit([played(0, 40)])
    model, found = credit.value.estimate, credit(rollout)
    whole, without = model(rollout), model.without(rollout)
    assert found.shape == rollout.active.shape and not bool(rollout.active.all())
    for b, t, i in np.ndindex(*found.shape):
        expected = 0.9**t * float(whole[b, t] - without[b, t, i]) if bool(rollout.active[b, t, i]) else 0.0
        assert float(found[b, t, i]) == pytest.approx(expected, rel=1e-11, abs=1e-13)
    assert float(found.abs().max()) > 0.1 and credit.critic is credit.value


def gap_to_return(name: str, seed: int, rollouts: int) -> tuple[np.ndarray, np.ndarray]:
    """Paired gap of a credit's gradient to the to-go return's: mean and standard error, [N P] each."""
    policy = make_policy("uniform", QUEUES)
    credits = [make_credit(n).fit([played(seed + 1, 200)]) for n in (name, "return:to_go")]
    g = gradients_of(QUEUES, policy, credits, draw_noise(seed, 0, QUEUES, policy, rollouts)).double()
    gap = (g[0] - g[1]).flatten(1).numpy()
    return gap.mean(0), gap.std(0, ddof=1) / np.sqrt(rollouts)


@pytest.mark.parametrize(
    "name", ["branch", "counterfactual@exact", "optimal_baseline@exact", "expected_counterfactual@exact"]
)
def test_branching_is_unbiased_over_several_steps(name: str, seed: int) -> None:
    """Chi-square of 9 paired mean gaps (6 free: scores sum to 0 over candidates), Bonferroni on each coordinate.

    False-alarm rate 1e-4 over the nine; sees a bias of 6 standard errors (0.03 of the signal's scale) with
    probability > 0.95. The control below has such a bias and fails.
    """
    mean, error = gap_to_return(name, seed, 12_000)
    assert (np.abs(mean) <= stats.norm.isf(FALSE_ALARM / 2 / mean.size) * error).all()


def test_control_one_step_difference_is_biased_over_several_steps(seed: int) -> None:
    """Loads stay on the servers (keep = 1), so the reward of later steps is missed: the same check must fail."""
    mean, error = gap_to_return("difference", seed, 12_000)
    assert not (np.abs(mean) <= stats.norm.isf(FALSE_ALARM / 2 / mean.size) * error).all()


def exact_bias(name: str, slope: float, seed: int) -> float:
    """Largest gap of a credit's mean gradient to grad J over all action sequences, in units of its largest entry.

    slope: weight of what the agents see, the load included; 0 = the uniform policy.
    """
    policy = make_policy("linear", QUEUES)
    policy = replace(policy, parameters=torch.full_like(policy.parameters, slope))  # type: ignore[type-var]
    noise = draw_noise(seed, 0, QUEUES, policy, 1)
    paths = enumerate_trajectories(QUEUES, policy, noise.environment[0])
    rollout = paths.as_rollout()
    moments = trajectory_moments(paths, {name: make_credit(name).fit([rollout])(rollout).numpy()})
    gradient = moments.objective_gradient
    return float(np.abs(moments.means[0] - gradient).max() / np.abs(gradient).max())


@pytest.mark.parametrize("name", ["difference:replay", "baseline@difference:replay"])
@pytest.mark.parametrize("data_seed", range(3))
def test_replay_has_the_mean_grad_j_where_nobody_can_react(name: str, data_seed: int) -> None:
    """Under the uniform policy no later action depends on an earlier one. All 3^9 sequences, no sampling."""
    assert exact_bias(name, 0.0, data_seed) < 1e-11


def test_control_replay_is_biased_where_others_react() -> None:
    """At a policy that looks at the loads; so is the one-step form even under the uniform policy."""
    assert exact_bias("difference:replay", -1.5, 0) > 1e-3
    assert exact_bias("difference", 0.0, 0) > 1e-2


def test_a_baseline_leaves_the_mean_and_takes_noise_away() -> None:
    rollout = played(0, 2_000)
    plain, less = (make_credit(name).fit([rollout])(rollout) for name in ("return", "baseline@return"))
    live = rollout.active
    assert float(less[live].var()) < 0.9 * float(plain[live].var())
    assert exact_bias("baseline@return", -1.5, 1) < 1e-11
    with pytest.raises(InputError, match="write baseline@BASE"):
        make_credit("baseline")


def test_labels_say_where_each_is_unbiased() -> None:
    game = LoadBalancingGame.random(3, seed=0)
    policy = make_policy("uniform", game)
    one_shot = collect(game, policy, draw_noise(0, 0, game, policy, 2), keep_states=True)
    difference, branch = make_credit("difference"), make_credit("branch")
    replay = make_credit("baseline@difference:replay")
    assert replay.unbiased(one_shot) and not replay.unbiased(played(0, 2))  # type: ignore[attr-defined]
    assert difference.unbiased(one_shot) and not difference.unbiased(played(0, 2))  # type: ignore[attr-defined]
    assert branch.unbiased(one_shot) and branch.unbiased(played(0, 2))  # type: ignore[attr-defined]


def two_separate_agents() -> LoadBalancingGame:
    """Two agents on servers of their own: nothing an agent does matters to the other."""
    one = torch.ones(4, dtype=torch.float64)
    return LoadBalancingGame(
        jobs=torch.tensor([1.0, 2.0], dtype=torch.float64),
        capacity=torch.tensor([1.0, 2.0, 1.0, 2.0], dtype=torch.float64),
        background=0 * one, candidates=torch.tensor([[0, 1], [2, 3]]), weights=one, target=one, reference_state=one,
    )  # fmt: skip


def test_the_replacement_draw_of_branch_belongs_to_the_agent() -> None:
    """Freezing an agent freezes its replacement too: without shared servers the cross-agent share is 0."""
    m = measure_gradients(
        two_separate_agents(), credits=["branch", "return"], rollouts=16, pick_freeze=32, progress=False
    )
    assert m["branch"].cross_agent_share == pytest.approx(0.0, abs=1e-12)
    assert (m["return"].cross_agent_share or 0.0) > 0.1  # control: the shared return does depend on the other


def test_the_replacement_draw_does_not_depend_on_the_chunk() -> None:
    policy = make_policy("uniform", QUEUES)
    noise = draw_noise(0, 0, QUEUES, policy, 5)
    whole = make_credit("branch")(collect(QUEUES, policy, noise, keep_states=True))
    alone = type(noise)(noise.environment[3:4], noise.agents[3:4])
    assert torch.equal(make_credit("branch")(collect(QUEUES, policy, alone, keep_states=True))[0], whole[3])


def test_a_replacement_is_never_exactly_0() -> None:
    """Of a uniform without low bits: 0 would be an infinite action of a Gaussian policy."""
    from dgpg_verify.credits.difference import _independent_uniforms

    rollout = played(0, 2)
    noise = replace(rollout.noise, agents=torch.full_like(rollout.noise.agents, 0.5))
    assert bool((_independent_uniforms(replace(rollout, noise=noise)) == 2.0**-53).all())


def test_the_replacement_is_an_independent_draw() -> None:
    """Uniform and independent of the action taken: joint counts of (action, replacement) on a 3 x 3 table,
    chi-square with 8 degrees of freedom, false-alarm rate 1e-4; 6 000 decisions."""
    from dgpg_verify.credits.difference import _independent_uniforms

    game = LoadBalancingGame.random(3, seed=0, n_candidates=3)
    policy = make_policy("uniform", game)
    rollout = collect(game, policy, draw_noise(0, 0, game, policy, 2_000), keep_states=True)
    replacement = policy.act(rollout.seen, _independent_uniforms(rollout))
    table = torch.bincount((3 * rollout.actions + replacement).flatten(), minlength=9).numpy()
    assert stats.chisquare(table).pvalue > FALSE_ALARM
    assert stats.chisquare(np.bincount((4 * rollout.actions).flatten(), minlength=9)).pvalue < FALSE_ALARM  # control
