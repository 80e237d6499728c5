"""split_rollout: parts of roll-outs that were played side by side are what `collect` gives alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import Noise, Policy, Rollout, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.policies import MLPPolicy, PolicyStack
from dgpg_verify.rollouts import collect, one_step_rewards, restep_rewards, split_rollout
from dgpg_verify.systems import CloudScheduling, CloudStack
from dgpg_verify.systems.cloud import FEATURES, CloudState

N, T, SEEDS = 3, 7, (5, 0, 2)
EXACT = ("active", "actions", "x_observed", "x", "reference")


def fleets(**options: Any) -> list[CloudScheduling]:
    return [CloudScheduling(N, seed=seed, horizon=T, load=1.5, **options) for seed in SEEDS]


def policies(sharing: str = "independent") -> list[MLPPolicy]:
    given: dict[str, Any] = {"hidden": 6, "gain": 3.0, "sharing": sharing}
    return [MLPPolicy.random(N, len(FEATURES), seed, **given) for seed in SEEDS]


def both(rollouts: int, keep: bool = True, sharing: str = "independent") -> tuple[list[Rollout], list[Rollout]]:
    """The parts of a stack's roll-outs, and each system's and policy's own on the same noise."""
    systems, own = fleets(), policies(sharing)
    noises = [draw_noise(seed, 0, system, own[0], rollouts) for seed, system in zip(SEEDS, systems)]
    stack = cast(Policy, PolicyStack.of(own))
    whole = collect(CloudStack(systems, rollouts), stack, Noise.joined(noises), keep)
    alone = [collect(*given, keep) for given in zip(systems, own, noises)]
    return split_rollout(whole, systems, own), alone


@pytest.mark.parametrize("sharing", ["independent", "shared"])
@pytest.mark.parametrize("rollouts", [1, 2, 5])
def test_parts_are_what_each_gives_alone(rollouts: int, sharing: str) -> None:
    """Bit for bit; but rewards, sums over a list padded to another length, and float32 networks' log-probabilities."""
    parts, alone = both(rollouts, sharing=sharing)
    assert len(parts) == len(alone) == 3
    for part, one in zip(parts, alone):
        assert part.noise.environment.shape == one.noise.environment.shape
        assert torch.equal(part.noise.environment, one.noise.environment)
        assert torch.equal(part.noise.agents, one.noise.agents)
        pairs = [(getattr(part, name), getattr(one, name)) for name in EXACT]
        pairs += [(getattr(part.seen, name), getattr(one.seen, name)) for name in ("features", "mask", "active")]
        pairs += [(getattr(part.influence, name), getattr(one.influence, name)) for name in ("index", "value")]
        for found, expected in pairs:
            assert found.shape == expected.shape and torch.equal(found, expected)
        torch.testing.assert_close(part.reward, one.reward, rtol=1e-12, atol=0.0)
        torch.testing.assert_close(part.log_prob, one.log_prob, rtol=0.0, atol=1e-5)
    assert not torch.equal(parts[0].x, parts[1].x) and not torch.equal(parts[1].actions, parts[2].actions)


def test_each_part_has_its_own_system_and_policy() -> None:
    systems, own = fleets(), policies()
    noise = Noise.joined([draw_noise(0, 0, systems[0], own[0], 2)] * 3)
    whole = collect(CloudStack(systems, 2), cast(Policy, PolicyStack.of(own)), noise)
    for k, part in enumerate(split_rollout(whole, systems, own)):
        assert part.system is systems[k] and part.policy is own[k] and part.states is None


def test_parts_are_views() -> None:
    """Most of a roll-out's memory are its features: taking it apart holds them once."""
    systems, own = fleets(), policies()
    noise = Noise.joined([draw_noise(0, 0, systems[0], own[0], 2)] * 3)
    whole = collect(CloudStack(systems, 2), cast(Policy, PolicyStack.of(own)), noise)
    for k, part in enumerate(split_rollout(whole, systems, own)):
        for found, expected in ((part.seen.features, whole.seen.features), (part.reward, whole.reward)):
            assert found.data_ptr() == expected[2 * k].data_ptr() and len(found) == 2


def test_kept_states_are_those_of_the_part() -> None:
    """Same jobs, reference and queues before every step; lists of jobs may be padded further."""
    parts, alone = both(2)
    for part, one in zip(parts, alone):
        assert part.states is not None and one.states is not None and len(part.states) == T
        for t, (found, expected) in enumerate(zip(part.states, one.states)):
            assert isinstance(found, CloudState) and found.step == expected.step == t
            assert torch.equal(found.reference, expected.reference)
            for name in ("active", "cores", "memory", "duration", "arrival"):
                assert torch.equal(getattr(found.jobs, name), getattr(expected.jobs, name)), name
                assert torch.equal(getattr(found.here, name), getattr(expected.here, name)), name
            for name in ("count", "waiting", "used", "committed", "backlog"):
                assert torch.equal(getattr(found.queues, name), getattr(expected.queues, name)), name
            kept = expected.queues.table.shape[2]
            assert torch.equal(found.queues.table[..., :kept], expected.queues.table)
            assert not bool(found.queues.table[..., kept:].any())


def rerun(rollout: Rollout, what: str) -> Tensor:
    if what == "again":
        return torch.stack([restep_rewards(rollout, t, torch.full_like(rollout.actions[:, t], -1)) for t in range(T)])
    if what == "removed":
        return one_step_rewards(rollout)
    return make_credit(what)(rollout)


@pytest.mark.parametrize("rollouts", [1, 3])
@pytest.mark.parametrize("what", ["difference", "branch", "removed", "again"])
def test_counterfactual_reruns_of_a_part_are_those_of_the_roll_out_alone(what: str, rollouts: int) -> None:
    """On the part's own system and policy. Sums of rewards: equal to rounding, some 100 terms of size 1."""
    parts, alone = both(rollouts)
    largest = 0.0
    for part, one in zip(parts, alone):
        found, expected = rerun(part, what), rerun(one, what)
        assert found.shape == expected.shape
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-11)
        largest = max(largest, float(expected.abs().max()))
    assert largest > 0.1, "nothing changed by any replacement: nothing was seen"


def test_a_part_replayed_on_anothers_system_is_another() -> None:
    """Control: the comparison above sees a part that was given its neighbour's fleet."""
    parts, alone = both(2)
    wrong = replace(parts[0], system=parts[1].system)
    assert float((make_credit("branch")(wrong) - make_credit("branch")(alone[0])).abs().max()) > 1e-3
