"""Guided search between its limits: without a share for the teacher it is imitation, with all of it the teacher.

A share s weighs the KL s / (1 - s) times the surrogate: 0 is no weight, 1 an infinite one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from dgpg_verify.core import generator
from dgpg_verify.rollouts import collect
from dgpg_verify.training import TrainingRun, heuristic_act
from dgpg_verify.training import learner as learner_module
from dgpg_verify.training.learner import taught
from dgpg_verify.training.updates.packing import PackedDecisions
from dgpg_verify.training.updates.rules import ppo
from tests.training.tools import CLOUD, decisions_of, plain_actor, quick, settings, slow_chances, tabular

LONG: dict[str, Any] = {"episodes": 20, "epochs": 8, "actor_lr": 0.02, "evaluate_every": 0, "hidden": 16}


def agreement(run: TrainingRun) -> float:
    """Share of the held-out decisions at which the most probable action is what the teacher would do."""
    rollout = collect(CLOUD, run.policy, run.heldout.noise)
    shown = heuristic_act(CLOUD, "best_fit")(rollout.seen, rollout.noise.agents)
    same = run.policy.probabilities(rollout.seen).argmax(-1) == shown
    return float(same[rollout.active].double().mean())


@pytest.mark.parametrize("sharing", ["independent", "shared"])
def test_without_weight_it_is_imitation_bit_for_bit(sharing: str) -> None:
    one, other = quick("guided_search", sharing=sharing, teacher_share=0.0), quick("imitation", sharing=sharing)
    held = quick("guided_search", sharing=sharing)
    assert torch.equal(one.policy.parameters, other.policy.parameters)
    assert not torch.equal(held.policy.parameters, other.policy.parameters)


def test_with_all_weight_it_stays_the_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept at 1, it imitates to the end, bit for bit: parameters and curves."""
    monkeypatch.setattr(learner_module, "taught", lambda settings, progress: settings)
    held = quick("guided_search", teacher_share=1.0, **LONG)
    told = quick("imitation", imitation_share=1.0, **LONG)
    assert torch.equal(held.policy.parameters, told.policy.parameters)


def test_the_more_weight_the_more_it_agrees_with_the_teacher() -> None:
    """Where the surrogate's part leads away from it: an entropy bonus that outweighs all else."""
    away = {**LONG, "entropy": 10.0, "clip": 0.9, "workloads": 20}
    free, held = (agreement(quick("guided_search", teacher_share=share, **away)) for share in (0.0, 1.0))
    assert held > free + 0.1


def test_the_share_falls_from_the_end_of_imitation_to_zero() -> None:
    given = settings(teacher_share=0.8, imitation_share=0.5)
    found = [taught(given, progress).teacher_share for progress in (0.0, 0.5, 0.75, 1.0)]
    assert found == [0.8, 0.8, 0.4, 0.0]
    assert taught(settings(teacher_share=0.8, imitation_share=1.0), 0.5).teacher_share == 0.8


def lesson() -> PackedDecisions:
    rng = generator(4)
    mask = torch.ones(6, 3, 2, dtype=torch.bool)
    actions = torch.randint(2, (6, 3), generator=rng)
    log_prob = torch.log_softmax(tabular().parameters, -1).expand(6, 3, 2).gather(-1, actions[..., None])[..., 0]
    live = torch.rand(6, 3, generator=rng) < 0.7
    return decisions_of(mask, live, actions, log_prob, torch.zeros(6, 3))


def test_one_step_is_the_gradient_of_the_kl_written_out() -> None:
    """- grad KL(teacher, pi) = e_shown - pi, mean over live decisions of each agent, times the weight."""
    given = lesson()
    shown = torch.where(given.live, 1 - given.actions, -1)
    actor = plain_actor(tabular())
    ppo(actor, replace(given, shown=shown), settings(epochs=1, entropy=0.0, grad_clip=1e9, teacher_share=0.5), 0)
    expected = torch.zeros(3, 2, dtype=torch.float64)
    for row, i in given.live.nonzero().tolist():
        p = torch.tensor(slow_chances(tabular().parameters[i], given.seen.mask[row, i]))
        expected[i] += 0.5 * (torch.eye(2)[int(shown[row, i])] - p) / int(given.live[:, i].sum())
    torch.testing.assert_close(actor.leaf.detach() - tabular().parameters, expected, rtol=1e-5, atol=1e-7)
