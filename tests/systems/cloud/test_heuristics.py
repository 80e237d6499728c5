"""Rules read the observation only, do what their names say, and rank as they should."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from dgpg_verify.core import InputError, Observation, generator, open_uniforms
from dgpg_verify.systems.cloud import FEATURES, CloudScheduling
from dgpg_verify.systems.cloud.heuristics import heuristic_scores


def candidates(*rows: dict[str, float]) -> Observation:
    """One dispatcher whose candidates have these features; the rest are 0 but for speed 1."""
    base = dict.fromkeys(FEATURES, 0.0) | {"speed": 1.0, "free_cores": 1.0, "free_memory": 1.0}
    table = torch.tensor([[[(base | row)[name] for name in FEATURES] for row in rows]])[None]
    return Observation(table[0], torch.ones(1, 1, len(rows), dtype=torch.bool), torch.ones(1, 1, dtype=torch.bool))


def best(name: str, *rows: dict[str, float]) -> int:
    return int(heuristic_scores(name, candidates(*rows)).argmax())


def test_best_fit_prefers_the_tightest_start_then_the_least_committed() -> None:
    roomy = {"free_cores": 0.9, "free_memory": 0.9, "share_cores": 0.1, "share_memory": 0.1}
    tight = {"free_cores": 0.2, "free_memory": 0.3, "share_cores": 0.1, "share_memory": 0.1}
    blocked = tight | {"log_waiting": math.log(2.0)}  # room, but somebody waits before it
    full = {"free_cores": 0.05, "share_cores": 0.1, "x_cores": 2.0}
    assert best("best_fit", roomy, tight) == 1
    assert best("best_fit", blocked, roomy) == 1
    assert best("best_fit", full, roomy) == 1
    assert best("best_fit", full, full | {"x_cores": 1.5}) == 1
    assert best("best_fit", full | {"x_memory": 3.0}, full) == 1


def test_other_rules() -> None:
    assert best("join_shortest", {"log_present": math.log(4)}, {"log_present": math.log(3)}) == 1
    assert best("capacity_proportional", {"log_cores": 0.0}, {"log_cores": 1.0}) == 1
    waiting = {"log_waiting": math.log(2.0), "log_backlog": math.log(6.0)}
    assert best("earliest_finish", waiting, {}) == 1
    assert best("earliest_finish", {}, {"speed": 2.0}) == 1
    # a backlog of running jobs alone does not delay a job that starts now
    assert best("earliest_finish", {"log_backlog": math.log(6.0)}, waiting | {"log_backlog": math.log(1.5)}) == 0
    assert heuristic_scores("random", candidates({}, {})).tolist() == [[[0.0, 0.0]]]


def test_masked_candidates_score_minus_infinity_and_unknown_names_are_refused() -> None:
    seen = candidates({}, {})
    seen.mask[0, 0, 1] = False
    for name in CloudScheduling.heuristic_names:
        scores = heuristic_scores(name, seen)
        assert scores.dtype == torch.float64 and scores[0, 0, 1] == -torch.inf and scores[0, 0, 0] > -torch.inf
    with pytest.raises(InputError, match=r"heuristic = 'worst' .* random, capacity_proportional"):
        heuristic_scores("worst", seen)


def mean_returns(name: str, seed: int = 0) -> torch.Tensor:
    system = CloudScheduling(20, seed=seed, horizon=60)
    noise = open_uniforms((16, 60, system.noise_size), generator(seed, 1))
    draws, state = generator(seed, 2), system.start(noise)
    total = torch.zeros(16, dtype=torch.float64)
    for _ in range(60):
        seen = system.observe(state)
        scores = system.heuristic_scores(name, seen)
        if name == "random":
            scores = scores + open_uniforms(tuple(scores.shape), draws)
        actions = torch.where(seen.active, scores.argmax(-1), -1)
        transition = system.step(state, actions)
        total += transition.reward
        state = transition.next_state
    return total


def test_best_fit_beats_random() -> None:
    """Same noise, paired differences of 16 roll-outs: the 99.99 % t-interval lies above 0 (false alarm 5e-5)."""
    gap = mean_returns("best_fit") - mean_returns("random")
    assert float(gap.mean()) > float(stats.t.ppf(1 - 5e-5, 15)) * float(gap.std()) / 4.0
