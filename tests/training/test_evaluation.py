"""Scores with fixed ends, heuristics as actors, greedy play, and streams that do not meet."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binom

import dgpg_verify.training.evaluation as module
from dgpg_verify.core import InputError, draw_noise
from dgpg_verify.policies import GaussianPolicy, uniform_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.rollouts.play import play
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training import Heldout, evaluate, heldout, heuristic_act
from dgpg_verify.training.evaluation import greedy_act, stream_seed
from tests.training.tools import QUEUES, tabular

CLOUD = CloudScheduling(6, seed=0, horizon=40)  # queues build up, so that rules differ


def test_random_is_0_and_best_fit_is_1() -> None:
    on = heldout(CLOUD, 0, 40)
    assert on.scored, "Best-Fit is not better than Random here: nothing can be scored"
    assert on.score(on.returns["random"]) == 0.0 and on.score(on.returns["best_fit"]) == 1.0
    half = 0.5 * (on.returns["random"] + on.returns["best_fit"])
    assert on.score(half) == pytest.approx(0.5)


def test_scores_do_not_depend_on_what_else_was_played() -> None:
    """Not min-max: a third, far better or worse rule moves no score, but the gap is to the best of all."""
    on, returns = heldout(CLOUD, 0, 40), np.full(40, -50.0)
    assert on.score(returns) is not None
    for other in (-1e6, -1.0):
        more = replace(on, returns={**on.returns, "other": np.full(40, other)})
        assert more.score(returns) == on.score(returns)
    assert replace(on, returns={**on.returns, "other": np.full(40, -1.0)}).gap(returns) == pytest.approx(4900.0)


def test_gap_is_percent_of_the_best_heuristics_cost() -> None:
    on = heldout(CLOUD, 1, 5)
    best = max(float(values.mean()) for values in on.returns.values())
    assert on.gap(np.full(5, best)) == pytest.approx(0.0)
    assert on.gap(np.full(5, 1.1 * best)) == pytest.approx(10.0)
    assert on.gap(np.full(5, 0.9 * best)) == pytest.approx(-10.0)


def with_returns(random: list[float], best_fit: list[float]) -> Heldout:
    played = {"random": np.array(random), "best_fit": np.array(best_fit)}
    return replace(heldout(QUEUES, 0, 1), returns=played)


def test_where_best_fit_is_no_better_than_random_there_is_no_score() -> None:
    on = heldout(CLOUD, 0, 40)
    turned = replace(on, returns={"random": on.returns["best_fit"], "best_fit": on.returns["random"]})
    assert on.scored and not turned.scored and turned.score(np.zeros(40)) is None
    assert turned.judged(np.zeros(40)).score is None and turned.judged(np.zeros(40)).gap is not None


def test_the_width_has_its_t_interval_by_hand() -> None:
    """Gains 1, 2, 3: mean 2, sd 1, t with 2 degrees of freedom at 99 % is 9.9248."""
    width = with_returns([0.0, 0.0, 0.0], [1.0, 2.0, 3.0]).width()
    half = 9.9248 / 3**0.5
    assert (width.value, width.level, width.n) == (2.0, 0.99, 3)
    assert width.low == pytest.approx(2.0 - half, rel=1e-4) and width.high == pytest.approx(2.0 + half, rel=1e-4)


def test_a_width_within_its_noise_gives_no_score_and_one_beyond_it_does() -> None:
    noisy, clear = with_returns([0.0] * 3, [1.0, 2.0, 3.0]), with_returns([0.0] * 3, [1.9, 2.0, 2.1])
    assert not noisy.scored and noisy.score(np.ones(3)) is None
    assert clear.scored and clear.score(np.ones(3)) == pytest.approx(0.5)


def test_workloads_are_paired() -> None:
    """Workloads differ a hundred times more than the rules do on each: only differences tell them apart."""
    level = [-1000.0 * k for k in range(6)]
    assert with_returns(level, [value + 10.0 + k % 2 for k, value in enumerate(level)]).scored
    assert not with_returns(level, [value + 10.0 + k % 2 for k, value in enumerate(level[::-1])]).scored  # unpaired


def test_rules_of_one_quality_are_scored_as_rarely_as_stated(seed: int) -> None:
    """True width 0: 0.5 % of 4 000 sets of workloads, mean 20; more than 50 has probability below 1e-8. Control: a
    width above 0 as the only condition scores half of them."""
    draws = np.random.default_rng([seed, 5]).normal(size=(4000, 2, 8))
    found = [with_returns(list(random), list(best)) for random, best in draws]
    assert binom.sf(50, 4000, 0.005) < 1e-8 and sum(on.scored for on in found) <= 50
    assert sum((on.width().value or 0.0) > 0.0 for on in found) > 1500


def test_the_width_is_told_with_the_reason_where_there_is_no_score() -> None:
    words = with_returns([0.0] * 3, [1.9, 2.0, 2.1]).width_in_words()
    assert words == "score: Best-Fit minus Random = 2 (99 % interval 1.427 to 2.573, 3 workloads)"
    assert "not above 0 beyond noise" in with_returns([0.0] * 3, [1.0, 2.0, 3.0]).width_in_words()
    assert "one workload" in heldout(CLOUD, 0, 1).width_in_words() and not heldout(CLOUD, 0, 1).scored
    assert "not both played" in heldout(CLOUD, 0, 2, heuristics=False).width_in_words()


def test_gains_are_paired_with_their_t_interval_by_hand() -> None:
    """Returns 1, 2, 3 above Random's: mean 2, sd 1, t with 2 degrees of freedom at 95 % is 4.3027."""
    on = with_returns([-100.0, 0.0, 50.0], [-90.0, 10.0, 60.0])
    gains = on.gains(np.array([-99.0, 2.0, 53.0]))
    assert list(gains) == ["random", "best_fit"] and gains["random"].level == 0.95
    for name, mean in (("random", 2.0), ("best_fit", -8.0)):
        half = 4.3027 / 3**0.5
        assert gains[name].value == pytest.approx(mean)
        assert [gains[name].low, gains[name].high] == pytest.approx([mean - half, mean + half], rel=1e-4)
    assert with_returns([1.0], [2.0]).gains(np.array([4.0]))["random"].low is None


def test_random_is_the_heuristic_of_that_name_or_else_the_uniform_policy() -> None:
    on, bare = heldout(CLOUD, 0, 5), heldout(QUEUES, 0, 5)
    assert on.random is on.returns["random"] and list(on.references) == list(on.returns)
    assert bare.returns == {} and list(bare.references) == ["random"]
    assert bare.random.tolist() == play(QUEUES, uniform_policy(QUEUES).act, bare.noise).tolist()
    assert bare.gains(bare.random)["random"].value == 0.0


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


def test_heuristics_play_the_same_workloads_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remembered by configuration, seed and number of workloads; anything else is played again."""
    calls: list[str] = []
    monkeypatch.setattr(module, "_PLAYED", OrderedDict())
    monkeypatch.setattr(module, "heuristic_act", lambda system, name: calls.append(name) or heuristic_act(system, name))
    first = heldout(CLOUD, 0, 3)
    names = list(calls)
    assert names == list(first.returns)
    again = heldout(CloudScheduling(6, seed=0, horizon=40), 0, 3)
    assert calls == names and all(np.array_equal(again.returns[name], first.returns[name]) for name in names)
    for other in ((CLOUD, 1, 3), (CLOUD, 0, 4), (CloudScheduling(6, seed=1, horizon=40), 0, 3)):
        calls.clear()
        changed = heldout(*other)
        assert calls == names and not np.array_equal(changed.returns["random"], first.returns["random"])


class SlowCloud(CloudScheduling):
    """A user's own system, whose config() does not say what makes it differ."""

    slowness = 1.0

    def step(self, state: Any, actions: Any) -> Any:
        after = super().step(state, actions)
        return replace(after, reward=self.slowness * after.reward)


def test_own_systems_of_equal_config_share_no_returns() -> None:
    """A fresh policy scored 0.93 on the second of two systems that only their code told apart."""
    fast, slow = SlowCloud(4, horizon=10), SlowCloud(4, horizon=10)
    slow.slowness = 3.0
    assert fast.config() == slow.config()
    first, second = heldout(fast, 0, 3), heldout(slow, 0, 3)
    for name, returns in first.returns.items():
        np.testing.assert_allclose(second.returns[name], 3.0 * returns, rtol=1e-12)


def test_only_so_many_sets_of_workloads_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PLAYED", OrderedDict())
    monkeypatch.setattr(module, "REMEMBERED", 2)
    for seed in range(4):
        heldout(CLOUD, seed, 1)
    assert len(module._PLAYED) == 2
