"""train_together() against train() of each fleet by itself: same numbers, same order, same refusals."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, Noise
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training import TrainingRun, evaluation, train
from dgpg_verify.training.updates import rules as updates
from tests.training.tools import EPOCHS, FLEETS, JOINT, RATE, SEEDS, joint_learner, together

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "dgpg sum": ("dgpg", {"setting": "sum"}),
    "dgpg parts": ("dgpg", {"setting": "parts"}),
    "dgpg adaptive": ("dgpg", {"alpha": "adaptive"}),
    "dgpg adaptive shared": ("dgpg", {"alpha": "adaptive", "sharing": "shared"}),
    "mappo": ("mappo", {}),
    "mappo shared": ("mappo", {"sharing": "shared"}),
    "mappo of 2 roll-outs": ("mappo", {"rollouts": 2}),
    "ippo": ("ippo", {}),
    "ippo shared": ("ippo", {"sharing": "shared", "rollouts": 2}),
    "ippo without tricks": ("ippo", {"value_norm": False, "value_clip": False, "huber": None, "feature_norm": False}),
    "happo": ("happo", {"minibatches": 2}),
    "guidance_only": ("guidance_only", {}),
    "imitation": ("imitation", {}),
    "residual": ("residual", {}),
    "residual shared": ("residual", {"sharing": "shared"}),
    "difference": ("difference", {"advantage_norm": "agent"}),
    "reinforce": ("reinforce", {"rollouts": 5, "episodes": 10, "evaluate_every": 5}),
}
# Gradients are float32 sums over at most 5 N T = 160 decisions, padded or not: their error is below 1e-7 of size 1.
# Adam divides by sqrt(v) + 1e-5, so one step of at most RATE is off by at most RATE / 100, however small a gradient.
# What is computed from such parameters is far closer: most gradients are a thousand times 1e-5 and more.
CLOSE = {"rel": 1e-4, "abs": 1e-6}
ALLOWED = RATE / 100  # of a parameter, per step


def alone(method: str, k: int, **more: Any) -> TrainingRun:
    return train(FLEETS[k], method, seed=SEEDS[k], **{**JOINT, **more})


@cache
def whole(case: str) -> list[TrainingRun]:
    """All fleets of a case, played once for all tests."""
    method, more = CASES[case]
    return together(method, **more)


@cache
def single(case: str, k: int) -> TrainingRun:
    """Likewise fleet k by itself."""
    method, more = CASES[case]
    return alone(method, k, **more)


def parameters(run: TrainingRun) -> Tensor:
    found: Tensor = run.policy.parameters.detach()
    return found


def steps_of(run: TrainingRun) -> int:
    """Of the optimiser in the whole run, at most."""
    return len(run.history) * EPOCHS * run.config["settings"]["minibatches"]


def assert_agree(one: TrainingRun, other: TrainingRun) -> None:
    """Every number of two runs but seconds."""
    assert len(one.history) == len(other.history) > 1
    for found, expected in zip(one.history, other.history):
        assert asdict(found) | {"seconds": 0.0} == pytest.approx(asdict(expected) | {"seconds": 0.0}, **CLOSE)
    assert [episode for episode, _ in one.evaluations] == [episode for episode, _ in other.evaluations]
    for (_, found), (_, expected) in zip(one.evaluations, other.evaluations):
        np.testing.assert_allclose(found.returns, expected.returns, rtol=1e-9)
        numbers = [(value.mean, value.score, value.gap) for value in (found, expected)]
        assert numbers[0] == pytest.approx(numbers[1], **CLOSE)
    assert one.policy.sharing == other.policy.sharing and parameters(one).shape == parameters(other).shape
    assert float((parameters(one) - parameters(other)).abs().max()) <= ALLOWED * steps_of(one)


def assert_differ(one: TrainingRun, other: TrainingRun) -> None:
    """Control: what `assert_agree` would refuse, each number by itself, at the first iteration and at the last."""
    for index in (0, -1):
        for name in ("reward", "entropy", "gradient_norm", "value_loss", "explained"):
            pair = [getattr(run.history[index], name) for run in (one, other)]
            assert pair[0] is None or pair[0] != pytest.approx(pair[1], **CLOSE), name
    assert float((parameters(one) - parameters(other)).abs().max()) > 10 * ALLOWED * steps_of(one)


@pytest.mark.parametrize("case", CASES)
def test_every_fleet_learns_what_it_learns_alone(case: str) -> None:
    runs, method = whole(case), CASES[case][0]
    assert len(runs) == 3
    for k, run in enumerate(runs):
        expected = single(case, k)
        assert_agree(run, expected)
        assert run.config == expected.config and run.folder is None
        assert torch.equal(run.heldout.noise.environment, expected.heldout.noise.environment)
        assert run.heldout.returns.keys() == expected.heldout.returns.keys()
        assert {record.alpha is None for record in run.history} == {method not in ("dgpg", "guidance_only")}
    assert_differ(runs[0], runs[1])
    assert_differ(runs[1], runs[2])


@pytest.mark.parametrize("case", ["mappo of 2 roll-outs", "ippo shared"])
def test_blocks_of_agents_change_nothing(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few agents a block, busiest first and from several fleets: facts go back to the fleet they are of."""
    monkeypatch.setattr(updates, "BLOCK_ROWS", 60)
    method, more = CASES[case]
    for k, run in enumerate(together(method, **more)):
        assert_agree(run, single(case, k))


@pytest.mark.parametrize(
    "options",
    [
        {"influence": "multi_step", "discount": 0.9},
        {"reference": "noise:0.3", "n_servers": 3},
        {"reference": "endogenous", "load": 1.5},
    ],
    ids=["multi_step", "noise", "endogenous"],
)
def test_other_fleets_learn_what_they_learn_alone_too(options: dict[str, Any]) -> None:
    fleets = [CloudScheduling(3, seed=seed, horizon=8, **options) for seed in (4, 0)]
    for fleet, seed, run in zip(fleets, (2, 9), together("dgpg", fleets, (2, 9))):
        assert_agree(run, train(fleet, "dgpg", seed=seed, **JOINT))


def test_evaluations_have_a_score_where_train_has_one() -> None:
    fleets = [CloudScheduling(6, seed=seed, horizon=40) for seed in (0, 1)]
    quick: dict[str, Any] = {"episodes": 2, "workloads": 20, "evaluate_every": 0}
    runs = together("guidance_only", fleets, (0, 1), **quick)
    assert any(score is not None for run in runs for _, score in run.scores), "no score: nothing was compared"
    for fleet, seed, run in zip(fleets, (0, 1), runs):
        assert_agree(run, train(fleet, "guidance_only", seed=seed, **{**JOINT, **quick}))


def test_evaluations_stay_within_the_numbers_that_one_fleet_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for 2 of the 3 workloads of the 3 fleets: played as 2 and 1, with what they gave at once."""
    at_a_time, real = [], evaluation.play

    def seen(system: Any, act: Any, noise: Noise) -> Tensor:
        at_a_time.append(len(noise))
        return real(system, act, noise)

    monkeypatch.setattr(evaluation, "play", seen)
    monkeypatch.setattr(evaluation, "WORK", 2 * len(FLEETS) * FLEETS[0].n_agents * FLEETS[0].n_actions)
    method, more = CASES["dgpg parts"]
    for k, run in enumerate(together(method, **more)):
        assert_agree(run, whole("dgpg parts")[k])
    assert at_a_time == 2 * [6, 3]  # before and after


ALIKE = [case for case, (_, more) in CASES.items() if more.get("sharing") != "shared"]


@pytest.mark.parametrize("case", ALIKE)
def test_one_fleet_learns_bit_for_bit_what_it_learns_alone(case: str) -> None:
    """A single fleet is a batch of one."""
    method, more = CASES[case]
    more = {**more, "minibatches": 1}
    assert bits(together(method, FLEETS[:1], SEEDS[:1], **more)[0]) == bits(alone(method, 0, **more))


def test_one_fleet_with_shared_parameters_is_enough() -> None:
    """Its decisions are summed in another order, see `joined`."""
    method, more = CASES["mappo shared"]
    assert_agree(together(method, FLEETS[:1], SEEDS[:1], **more)[0], single("mappo shared", 0))


# what depends on what


def bits(run: TrainingRun) -> list[Any]:
    records = [{**asdict(record), "seconds": 0.0} for record in run.history]
    return [records, [found.returns.tolist() for _, found in run.evaluations], parameters(run).tolist()]


@pytest.mark.parametrize("case", ["dgpg adaptive", "ippo shared", "happo", "reinforce"])
def test_the_same_call_gives_the_same_bits(case: str) -> None:
    method, more = CASES[case]
    assert [bits(run) for run in together(method, **more)] == [bits(run) for run in whole(case)]


def test_global_random_numbers_are_neither_read_nor_drawn() -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        state = torch.random.get_rng_state()
        found.append([bits(run) for run in together("happo", FLEETS[:2], SEEDS[:2], episodes=2)])
        assert torch.equal(state, torch.random.get_rng_state())
    assert found[0] == found[1]


@pytest.mark.parametrize("order", [(2, 0), (1, 2, 0)])
@pytest.mark.parametrize("case", ["dgpg adaptive", "ippo shared"])
def test_neighbours_and_place_do_not_matter(case: str, order: tuple[int, ...]) -> None:
    method, more = CASES[case]
    runs = together(method, [FLEETS[k] for k in order], [SEEDS[k] for k in order], **more)
    for k, run in zip(order, runs):
        assert_agree(run, whole(case)[k])


@pytest.mark.parametrize(("case", "changed"), [("dgpg adaptive", 1), ("ippo shared", 0), ("happo", 0)])
def test_another_seed_changes_its_own_fleet_and_no_other(case: str, changed: int) -> None:
    method, more = CASES[case]
    moved = together(method, seeds=[*SEEDS[:changed], 23, *SEEDS[changed + 1 :]], **more)
    for k in range(3):
        (assert_differ if k == changed else assert_agree)(moved[k], whole(case)[k])


def test_minibatches_are_refused() -> None:
    """Drawn from the decisions of all fleets they would tie one fleet's steps to its neighbours."""
    with pytest.raises(InputError, match="minibatches = 2"):
        together("mappo", minibatches=2)


# observers


@pytest.mark.parametrize(("method", "every"), [("mappo", 0), ("mappo", 1), ("happo", 3)])
def test_observers_see_every_fleet_at_every_evaluation_in_order(method: str, every: int) -> None:
    """With the policy of that moment, as `train` shows it."""
    seen: list[tuple[int, int, Tensor]] = []

    def observe(fleet: int, episode: int, policy: Any) -> None:
        seen.append((fleet, episode, policy.parameters.detach().clone()))

    runs = together(method, evaluate_every=every, observe=observe)
    episodes = {0: [0, 4], 1: [0, 1, 2, 3, 4], 3: [0, 3, 4]}[every]
    assert [(fleet, episode) for fleet, episode, _ in seen] == [(k, e) for e in episodes for k in range(3)]
    for k, run in enumerate(runs):
        expected: list[Tensor] = []

        def keep(_: int, policy: Any, kept: list[Tensor] = expected) -> None:
            kept.append(policy.parameters.detach().clone())

        train(FLEETS[k], method, seed=SEEDS[k], observe=keep, **{**JOINT, "evaluate_every": every})
        own = [values for fleet, _, values in seen if fleet == k]
        for found, wanted in zip(own, expected, strict=True):
            assert found.shape == wanted.shape
            assert float((found - wanted).abs().max()) <= ALLOWED * steps_of(run)
        assert torch.equal(own[-1], parameters(run)) and not torch.equal(own[0], own[-1])
        assert [record.episode for record in run.history if record.evaluation is not None] == episodes[1:]


# how a learner of several fleets is put together


@pytest.mark.parametrize("sharing", ["independent", "shared"])
def test_learners_hold_views_of_the_networks_that_are_stepped(sharing: str) -> None:
    """Actor and critics start as each fleet's own, and a step of all shows in every fleet's own."""
    learner = joint_learner("ippo", sharing)
    assert learner.critics is not None
    wholes = (learner.actors[0].leaf, learner.critics.whole.parameters)
    for index in range(2):
        actors = [fleet.policy.parameters.view(-1, wholes[0].shape[1]) for fleet in learner.fleets]
        critics = [network.parameters for network in learner.critics.networks]
        for whole, part in zip(wholes, (actors, critics)):
            assert torch.equal(whole.detach(), torch.cat(part)) and part[1].data_ptr() != whole.data_ptr()
            assert part[0].data_ptr() == whole.data_ptr() and part[0].shape == part[1].shape
        learner.iterate(index, 0.0)
    moments = [network.norm.moments()[0] for network in learner.critics.networks]
    assert len({float(mean) for mean in moments}) == 3, "each fleet normalises its own values"
