"""Scores with fixed ends, heuristics as actors, greedy play, and streams that do not meet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from training_tools import QUEUES, tabular

from dgpg_verify.core import InputError, draw_noise
from dgpg_verify.policies import GaussianPolicy, uniform_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.rollouts.play import play
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training import evaluate, heldout, heuristic_act
from dgpg_verify.training.evaluation import greedy_act, stream_seed

CLOUD = CloudScheduling(6, seed=0, horizon=40)  # queues build up, so that rules differ


def test_random_is_0_and_best_fit_is_1() -> None:
    on = heldout(CLOUD, 0, 6)
    assert on.scored, "Best-Fit is not better than Random here: nothing can be scored"
    assert on.score(on.returns["random"]) == 0.0 and on.score(on.returns["best_fit"]) == 1.0
    half = 0.5 * (on.returns["random"] + on.returns["best_fit"])
    assert on.score(half) == pytest.approx(0.5)


def test_scores_do_not_depend_on_what_else_was_played() -> None:
    """Not min-max: a third, far better or worse rule moves no score, but the gap is to the best of all."""
    on, returns = heldout(CLOUD, 0, 6), np.full(6, -50.0)
    for other in (-1e6, -1.0):
        more = replace(on, returns={**on.returns, "other": np.full(6, other)})
        assert more.score(returns) == on.score(returns)
    assert replace(on, returns={**on.returns, "other": np.full(6, -1.0)}).gap(returns) == pytest.approx(4900.0)


def test_gap_is_percent_of_the_best_heuristics_cost() -> None:
    on = heldout(CLOUD, 1, 5)
    best = max(float(values.mean()) for values in on.returns.values())
    assert on.gap(np.full(5, best)) == pytest.approx(0.0)
    assert on.gap(np.full(5, 1.1 * best)) == pytest.approx(10.0)
    assert on.gap(np.full(5, 0.9 * best)) == pytest.approx(-10.0)


def test_where_best_fit_is_no_better_than_random_there_is_no_score() -> None:
    on = heldout(CLOUD, 0, 3)
    turned = replace(on, returns={"random": on.returns["best_fit"], "best_fit": on.returns["random"]})
    assert on.width() > 0 and not turned.scored and turned.score(np.zeros(3)) is None


def test_heuristics_false_plays_none_and_true_plays_all() -> None:
    assert heldout(CLOUD, 0, 2, heuristics=False).returns == {}
    assert set(heldout(CLOUD, 0, 2, heuristics=True).returns) == set(CLOUD.heuristic_names)


@pytest.mark.parametrize("name", CLOUD.heuristic_names)
def test_heuristics_take_a_best_allowed_candidate(name: str) -> None:
    policy = uniform_policy(CLOUD)
    rollout = collect(CLOUD, policy, draw_noise(3, 0, CLOUD, policy, 5))
    actions = heuristic_act(CLOUD, name)(rollout.seen, rollout.noise.agents)
    scores = CLOUD.heuristic_scores(name, rollout.seen)
    assert bool((actions[~rollout.active] == -1).all())
    below = 0
    for b, t, i in rollout.active.nonzero().tolist():
        chosen = int(actions[b, t, i])
        assert bool(rollout.seen.mask[b, t, i, chosen])
        below += float(scores[b, t, i, chosen]) < float(scores[b, t, i].max())
    assert (below > 0) == (name == "capacity_proportional"), "that one samples, the others take the best"


def test_ties_are_broken_at_random() -> None:
    """`random` scores all candidates alike: every allowed candidate is taken by somebody."""
    policy = uniform_policy(CLOUD)
    rollout = collect(CLOUD, policy, draw_noise(3, 0, CLOUD, policy, 40))
    actions = heuristic_act(CLOUD, "random")(rollout.seen, rollout.noise.agents)
    assert set(actions[rollout.active].tolist()) == set(range(CLOUD.n_actions))


def test_greedy_true_takes_the_most_probable_action_and_false_draws() -> None:
    policy, on = tabular(QUEUES, spread=1.0), heldout(QUEUES, 0, 20)
    expected = play(QUEUES, greedy_act(policy), on.noise).numpy()
    assert evaluate(policy, on, greedy=True).returns.tolist() == expected.tolist()
    assert evaluate(policy, on).returns.tolist() == play(QUEUES, policy.act, on.noise).tolist() != expected.tolist()
    rollout = collect(QUEUES, policy, on.noise)
    chosen = greedy_act(policy)(rollout.seen, rollout.noise.agents)
    for b, t, i in rollout.active.nonzero().tolist():
        logits = policy.parameters[i].masked_fill(~rollout.seen.mask[b, t, i], -torch.inf)
        assert int(chosen[b, t, i]) == int(logits.argmax())


def test_greedy_needs_probabilities() -> None:
    with pytest.raises(InputError, match="greedy = True"):
        greedy_act(GaussianPolicy(torch.zeros(2, 1, dtype=torch.float64), 1.0))


def test_an_evaluation_is_a_function_of_policy_and_workloads() -> None:
    policy, on = uniform_policy(CLOUD), heldout(CLOUD, 0, 4)
    one, again = evaluate(policy, on), evaluate(policy, on)
    assert one.returns.tolist() == again.returns.tolist() and one.mean == one.returns.mean()
    assert evaluate(policy, heldout(CLOUD, 1, 4)).returns.tolist() != one.returns.tolist()


def test_streams_of_a_seed_and_of_neighbouring_seeds_do_not_meet() -> None:
    found = [stream_seed(seed, stream) for seed in range(30) for stream in (0, 1, 2, *range(1000, 1030))]
    assert len(set(found)) == len(found) and min(found) >= 0


@pytest.mark.parametrize(("seed", "workloads"), [(-1, 3), (0, 0), (0, 2.5)])
def test_bad_numbers_are_refused(seed: int, workloads: int) -> None:
    with pytest.raises(InputError):
        heldout(CLOUD, seed, workloads)
