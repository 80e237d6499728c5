"""Mean-field Q-learning, agent by agent and step by step in plain loops: mean actions, turns, targets, answers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import generator
from dgpg_verify.training.values import mean_field
from dgpg_verify.training.values.mean_field import MeanFieldValues, beside_mean, scored_inputs, taken_chances
from dgpg_verify.training.values.networks import td_loss
from dgpg_verify.training.values.replay import Steps
from tests.training.test_values import SON, learner_of
from tests.training.test_values_targets import GAMMA, learner
from tests.training.tools import QUEUES, played

N, K, TEMPERATURE = QUEUES.n_agents, QUEUES.n_actions, 0.3
Chances = list[list[float]]  # of each agent, none for idle ones


def flat(seed: int = 3) -> Steps:
    """All steps of some episodes, [R]: some with idle agents, some with a single one that decides."""
    steps = Steps.of(played(seed, size=8))
    found = Steps(**{name: values.flatten(0, 1) for name, values in steps.tensors().items()})
    deciding = {int(count) for count in found.mask.any(-1).sum(-1)}
    assert {1, 2, N} <= deciding
    return found


def networks(seed: int) -> MeanFieldValues:
    made = learner("mean_field", seed, temperature=TEMPERATURE).online
    assert isinstance(made, MeanFieldValues)
    return made


def candidate(steps: Steps, r: int, i: int, k: int) -> np.ndarray:
    """Features and slot, 0 where it may not be chosen: [F + K]."""
    own = steps.features[r, i, k].double().numpy() * bool(steps.mask[r, i, k])
    return np.concatenate([own, np.eye(K)[k]])


def slow_mean(steps: Steps, r: int, i: int, chances: Chances) -> np.ndarray:
    """[F + K]: over all agents j but i that have chances, what j chooses on average."""
    chosen = [
        sum(chance * candidate(steps, r, j, k) for k, chance in enumerate(chances[j]))
        for j in range(N) if j != i and chances[j]
    ]  # fmt: skip
    return sum(chosen) / len(chosen) if chosen else np.zeros(steps.features.shape[-1] + K)  # type: ignore[return-value]


def taken(steps: Steps, r: int) -> Chances:
    actions = steps.actions[r].tolist()
    return [[float(k == action) for k in range(K)] if action >= 0 else [] for action in actions]


def slow_values(values: MeanFieldValues, steps: Steps, r: int, i: int, mean: np.ndarray) -> tuple[list[float], float]:
    """Scores of agent i's candidates and its value of waiting, its networks asked for nothing else."""
    rows = [np.concatenate([candidate(steps, r, i, k), mean]) for k in range(K)]
    shown = torch.zeros(1, N, K, len(rows[0]))
    shown[0, i] = torch.as_tensor(np.array(rows))
    own = torch.zeros(1, 1, N, steps.own.shape[-1] + len(mean))
    own[0, 0, i] = torch.cat([steps.own[r, i].double(), torch.as_tensor(mean)])
    with torch.no_grad():
        scores = values.scorer.policy.candidate_scores(shown)[0, i].tolist()
        return scores, float(replace(values._network, parameters=values.values).normalised(own)[0, 0, i])


def slow_policy(scores: list[float], allowed: list[bool]) -> list[float]:
    powers = [math.exp(score / TEMPERATURE) * ok for score, ok in zip(scores, allowed, strict=True)]
    return [power / sum(powers) for power in powers]


def slow_settled(values: MeanFieldValues, steps: Steps, r: int) -> Chances:
    """Two turns from an even choice."""
    allowed = steps.mask[r].tolist()
    chances = [[ok / sum(row) for ok in row] if any(row) else [] for row in allowed]
    for _ in range(2):
        means = [slow_mean(steps, r, i, chances) for i in range(N)]
        chances = [
            slow_policy(slow_values(values, steps, r, i, means[i])[0], allowed[i]) if chances[i] else []
            for i in range(N)
        ]
    return chances


def slow_ahead(values: MeanFieldValues, steps: Steps, r: int, i: int) -> float:
    """v_i: what agent i expects of its own policy at the mean action that is settled on."""
    chances = slow_settled(values, steps, r)
    scores, wait = slow_values(values, steps, r, i, slow_mean(steps, r, i, chances))
    if not chances[i]:
        return wait
    return sum(p * (wait + q) for p, q in zip(slow_policy(scores, steps.mask[r, i].tolist()), scores, strict=True))


def test_the_mean_is_over_others_that_decide() -> None:
    """Of features and slots of what they chose: not the own choice, no idle agent, 0 without others."""
    steps = flat()
    features, mean = scored_inputs(steps.features, steps.mask, taken_chances(steps))
    for r in range(len(steps)):
        for i in range(N):
            expected = slow_mean(steps, r, i, taken(steps, r))
            np.testing.assert_allclose(mean[r, i], expected, atol=1e-6)
            for k in range(K):
                np.testing.assert_allclose(
                    features[r, i, k], np.concatenate([candidate(steps, r, i, k), expected]), atol=1e-6
                )


def test_the_own_choice_and_what_is_not_allowed_change_nothing() -> None:
    steps = flat()
    mean = beside_mean(steps, taken_chances(steps)).own
    hidden = torch.where(steps.mask[..., None], steps.features, torch.nan)
    torch.testing.assert_close(beside_mean(replace(steps, features=hidden), taken_chances(steps)).own, mean)
    for i in range(N):
        other = steps.actions.clone()
        other[:, i] = torch.where(other[:, i] >= 0, (other[:, i] + 1) % K, -1)
        moved = beside_mean(steps, taken_chances(replace(steps, actions=other))).own
        torch.testing.assert_close(moved[:, i], mean[:, i], atol=1e-6, rtol=1e-6)
        assert not torch.allclose(moved[:, i - 1], mean[:, i - 1])


def test_the_loss_is_the_papers_written_out() -> None:
    """Q at the mean of what was done; v at the mean that is settled on, all of it the target networks'; nothing is
    bootstrapped after the last step, and idle agents wait."""
    one, other = networks(0), networks(1)
    steps = Steps.of(played(3, size=8))
    batch, following, last = steps.drawn(len(flat()), generator(0))
    keep = torch.where(last, 0.0, GAMMA)
    found = float(td_loss(one, other, batch, following, batch.reward, keep).detach())

    def slow(target: MeanFieldValues) -> float:
        errors = []
        for r in range(len(batch)):
            for i in range(N):
                scores, wait = slow_values(one, batch, r, i, slow_mean(batch, r, i, taken(batch, r)))
                action = int(batch.actions[r, i])
                value = wait + (scores[action] if action >= 0 else 0.0)
                later = float(keep[r]) * slow_ahead(target, following, r, i)
                errors.append((value - float(batch.reward[r]) - later) ** 2)
        return float(np.mean(errors))

    assert found == pytest.approx(slow(other), rel=1e-5)
    assert abs(found - slow(one)) > 1e-3, "target networks make no difference: they were not tested"


def test_what_is_played_answers_the_mean_that_is_settled_on() -> None:
    values, rollout = networks(2), played(3, size=8)
    steps, logits = flat(), values.scorer.logits(rollout.seen).flatten(0, 1)
    allowed = steps.mask
    for r in range(len(steps)):
        chances = slow_settled(values, steps, r)
        for i in range(N):
            scores, _ = slow_values(values, steps, r, i, slow_mean(steps, r, i, chances))
            expected = [score if ok else -math.inf for score, ok in zip(scores, allowed[r, i].tolist(), strict=True)]
            np.testing.assert_allclose(logits[r, i].detach(), expected, rtol=1e-4, atol=1e-5)


def test_turns_make_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    values, seen = networks(2), played(3, size=8).seen
    two = values.scorer.logits(seen)
    monkeypatch.setattr(mean_field, "ROUNDS", 0)
    assert not torch.allclose(two, values.scorer.logits(seen), atol=1e-3)


def answers(payoff: Tensor, seed: int, **changes: Any) -> list[int]:
    """The first agent's best answer to every action of the second, learned from uniform play."""
    made = learner_of("value:mean_field", payoff, seed, **changes)
    for index in range(60):
        made.iterate(index, 0.0)
    assert made.kept is not None
    batch, _, _ = made.kept.drawn(512, generator(seed))
    best = made.online.utilities(batch).best_actions[:, 0]
    by_action = [best[batch.actions[:, 1] == k].unique().tolist() for k in range(payoff.shape[1])]
    assert all(len(own) == 1 for own in by_action)
    return [own[0] for own in by_action]


def test_its_values_hold_the_matrix_that_sums_of_own_values_cannot(seed: int) -> None:
    """Son et al. (2019): the best answer to 0 is 0, which pays 8, and to anything else not 0."""
    zero, one, two = answers(SON, seed, actor_lr=3e-3)
    assert zero == 0 and one != 0 and two != 0


def test_an_agent_without_others_learns_as_alone(seed: int) -> None:
    made = learner_of("value:mean_field", torch.tensor([0.0, 1.0, 0.5], dtype=torch.float64), seed)
    for index in range(10):
        made.iterate(index, index / 9)
    system = made.fleets[0].system
    assert int(made.policy.probabilities(system.observe(torch.zeros(1)))[0, 0].argmax()) == 1
