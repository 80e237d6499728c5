"""The critic's fit against plain loops, what its normaliser takes in, and the two switches around it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, Rollout, generator
from dgpg_verify.critics import ValueNetwork, critic_inputs
from dgpg_verify.systems import CloudScheduling, LinearQuadraticTeam
from dgpg_verify.training import Settings
from dgpg_verify.training.networks import Critics
from tests.training.tools import QUEUES, learner_of, played

CASES = [("mappo", "independent"), ("ippo", "independent"), ("ippo", "shared")]


def critic_of(method: str, sharing: str = "independent", **changes: object) -> tuple[Critics, Settings]:
    learner = learner_of(method, sharing=sharing, **changes)
    assert learner.critics is not None
    return learner.critics, learner.recipe.settings


def targets_of(critic: Critics, rollout: Rollout, seed: int = 0) -> Tensor:
    """Raw targets far from 0 and of large spread, as sums of rewards are."""
    return random_targets(critic.networks[0](rollout).shape, seed)


def random_targets(shape: torch.Size, seed: int) -> Tensor:
    return -40.0 + 15.0 * torch.randn(shape, generator=generator(seed, 9), dtype=torch.float64)


def fit(critic: Critics, rollout: Rollout, target: Tensor, settings: Settings) -> float:
    """The loss of a single fleet's critic."""
    (loss,) = critic.fit([rollout], [target], settings)
    return loss


def slow_loss(new: float, old: float, goal: float, clip: float, huber: float) -> float:
    def error(gap: float) -> float:
        return gap**2 / 2 if abs(gap) <= huber else huber * abs(gap) - huber**2 / 2

    return max(error(new - goal), error(min(max(new, old - clip), old + clip) - goal))


@pytest.mark.parametrize(("method", "sharing"), CASES)
def test_the_loss_averages_over_every_step_of_every_roll_out(method: str, sharing: str) -> None:
    """The last of two epochs, value by value: clipped Huber error on the normalised scale, no step left out, none
    counted twice."""
    critic, settings = critic_of(method, sharing, epochs=2, critic_lr=0.05, huber=0.5)
    rollout = played()
    target = targets_of(critic, rollout)
    mean, sd = float(target.mean()), float(target.std(correction=0))
    with torch.no_grad():
        old = critic.networks[0].normalised(critic_inputs(critic.networks[0].kind, rollout)).clone()
    critic_again, _ = critic_of(method, sharing, epochs=1, critic_lr=0.05, huber=0.5)
    fit(critic_again, rollout, target, replace(settings, epochs=1))
    with torch.no_grad():
        new = critic_again.networks[0].normalised(critic_inputs(critic.networks[0].kind, rollout))
    expected = [
        slow_loss(float(n), float(o), (float(g) - mean) / sd, settings.clip, 0.5)
        for n, o, g in zip(new.flatten(), old.flatten(), target.flatten(), strict=True)
    ]
    assert float((new - old).abs().max()) > settings.clip, "nothing was clipped"
    assert fit(critic, rollout, target, settings) == pytest.approx(np.mean(expected), rel=1e-5)


@pytest.mark.parametrize(("method", "sharing"), CASES)
def test_each_single_target_counts(method: str, sharing: str) -> None:
    """Raising any one target by 5 raises the squared error by 5 (e + 2.5) / size, e its gap: no half is thrown away."""
    rollout = played()
    changes: dict[str, object] = {"epochs": 1, "value_norm": False, "value_clip": False, "huber": None}
    critic, settings = critic_of(method, sharing, **changes)
    target = targets_of(critic, rollout)
    gap = (target - critic.networks[0](rollout)).flatten()
    plain = fit(critic, rollout, target, settings)
    for index in range(target.numel()):
        moved = target.flatten().clone()
        moved[index] += 5.0
        again, _ = critic_of(method, sharing, **changes)
        risen = fit(again, rollout, moved.view(target.shape), settings) - plain
        assert risen == pytest.approx(5.0 * (float(gap[index]) + 2.5) / target.numel(), rel=1e-2, abs=2e-3), index


@pytest.mark.parametrize(("method", "sharing"), CASES)
def test_the_normaliser_takes_in_the_targets_and_nothing_else(method: str, sharing: str) -> None:
    critic, settings = critic_of(method, sharing)
    rollout = played()
    target = targets_of(critic, rollout)
    fit(critic, rollout, target, settings)
    mean, sd = critic.networks[0].norm.moments()
    assert float(mean) == pytest.approx(float(target.mean()), rel=1e-9)
    assert float(sd) == pytest.approx(float(target.std(correction=0)), rel=1e-9)


def test_agents_with_own_critics_do_not_disturb_each_other() -> None:
    """Agent 0's targets change by a lot; agents 1 and 2 learn exactly what they learned before."""
    found = []
    for shift in (0.0, 500.0):
        critic, settings = critic_of("ippo", value_norm=False, epochs=3)
        target = targets_of(critic, played())
        target[..., 0] += shift
        fit(critic, played(), target, settings)
        found.append(critic.networks[0].parameters.detach().clone())
    assert torch.equal(found[0][1:], found[1][1:]) and not torch.equal(found[0][0], found[1][0])


def fitted_values(target: float, **changes: object) -> tuple[Tensor, Tensor, Critics]:
    """Values before and after 300 small steps towards one target for all."""
    critic, settings = critic_of("mappo", epochs=300, critic_lr=0.01, **changes)
    before = critic.networks[0](played())
    fit(critic, played(), torch.full_like(before, target), settings)
    return before, critic.networks[0](played()), critic


def test_value_norm_true_normalises_and_false_does_not() -> None:
    _, after, critic = fitted_values(-1000.0, value_norm=True, value_clip=False)
    assert float(critic.networks[0].norm.weight) > 0.0
    assert float(after.mean()) == pytest.approx(-1000.0, abs=5.0), "targets of -1000 are at hand from the first epoch"
    _, after, critic = fitted_values(-1000.0, value_norm=False, value_clip=False)
    assert float(critic.networks[0].norm.weight) == 0.0
    assert float(after.mean()) > -500.0, "300 steps of 0.01 cannot reach raw targets of -1000"


def test_value_clip_true_keeps_values_near_the_old_ones_and_false_does_not() -> None:
    """Values stop once they left the clip of 0.2, but for the optimiser's momentum; unclipped they go on to 5."""
    moved = {}
    for clip in (True, False):
        before, after, _ = fitted_values(5.0, value_norm=False, value_clip=clip)
        moved[clip] = float((after - before).abs().mean())
    assert 0.2 <= moved[True] < 0.5 * moved[False], moved


def test_huber_none_is_the_squared_error() -> None:
    losses = {}
    for huber in (None, 0.1, 1e9):
        critic, settings = critic_of("mappo", huber=huber, epochs=1)
        losses[huber] = fit(critic, played(), targets_of(critic, played()), settings)
    assert losses[None] == pytest.approx(losses[1e9]) and losses[0.1] < losses[None]


def test_continuous_actions_are_refused() -> None:
    with pytest.raises(InputError, match="n_actions = 0"):
        learner_of("mappo", LinearQuadraticTeam.random(3))


@pytest.mark.parametrize(("method", "sharing"), CASES)
def test_parameters_follow_the_sharing(method: str, sharing: str) -> None:
    learner = learner_of(method, sharing=sharing)
    assert learner.critics is not None
    own = method == "ippo" and sharing == "independent"
    assert len(learner.critics.networks[0].parameters) == (QUEUES.n_agents if own else 1)
    assert learner.policy.parameters.ndim == (2 if sharing == "independent" else 1)
    assert learner.policy.parameters.dtype == learner.critics.networks[0].parameters.dtype == torch.float32


def test_seeds_give_different_networks_and_agents_differ() -> None:
    one, again, other = (learner_of("ippo", seed=seed) for seed in (1, 1, 2))
    assert one.critics and again.critics and other.critics
    for a, b, c in (
        (one.policy.parameters, again.policy.parameters, other.policy.parameters),
        (
            one.critics.networks[0].parameters,
            again.critics.networks[0].parameters,
            other.critics.networks[0].parameters,
        ),
    ):
        assert torch.equal(a, b) and not torch.equal(a, c)
        assert not torch.equal(a[0], a[1])


def test_the_start_of_a_run_is_orthogonal_with_small_logits() -> None:
    """Canonical by default: hidden gain 5 / 3, last actor layer 0.01, last critic layer 1."""
    learner = learner_of("ippo", hidden=8)
    assert learner.critics is not None
    for flat, width, last in (
        (learner.policy.parameters, learner.policy.n_features, 0.01),
        (learner.critics.networks[0].parameters[:, :-1], learner.critics.networks[0].width, 1.0),
    ):
        w1, w3 = flat[:, : width * 8].reshape(3, width, 8).detach(), flat[:, -8:].detach()
        expected = (25 / 9 * torch.eye(width)).expand(3, width, width)
        torch.testing.assert_close(w1 @ w1.transpose(1, 2), expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(w3.norm(dim=1), torch.full((3,), last))


@pytest.mark.parametrize("method", ["mappo", "ippo", "happo", "residual"])
@pytest.mark.parametrize(
    ("option", "value"), [("initialisation", "gaussian"), ("layer_norm", False), ("feature_norm", False)]
)
def test_each_option_of_the_networks_reaches_actor_and_critic(method: str, option: str, value: object) -> None:
    """Switching one off changes what both compute, and nothing else of the configuration."""
    system = CloudScheduling(3, seed=0, horizon=6)
    usual, changed = learner_of(method, system), learner_of(method, system, **{option: value})
    before, after = usual.recipe.settings, changed.recipe.settings
    assert replace(before, **{option: value}) == after != before
    rollout = played(system=system, policy=usual.policy)
    assert usual.critics is not None and changed.critics is not None
    assert not torch.equal(usual.critics.networks[0](rollout), changed.critics.networks[0](rollout))
    features = rollout.seen.features
    found = [learner.policy.candidate_scores(features).detach() for learner in (usual, changed)]
    assert float((found[0] - found[1]).abs().max()) > 1e-4
    same = torch.equal(usual.policy.parameters, changed.policy.parameters)
    assert same == (option != "initialisation")


@pytest.mark.parametrize(
    "bad", [{"initialisation": "xavier"}, {"layer_norm": 1}, {"feature_norm": "yes"}, {"hidden": 1}]
)
def test_bad_options_of_the_networks_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        learner_of("mappo", **bad)


# several critics at once

RATE, FITS = 0.01, 2  # RATE / 100 a step: a gradient's rounding, 1e-7, over Adam's 1e-5, see test_run_together


def several(method: str, sharing: str, **changes: object) -> tuple[Critics, Settings]:
    """Three critics as views of one leaf, which is stepped."""
    learners = [learner_of(method, seed=k, sharing=sharing, **changes) for k in range(3)]
    settings = learners[0].recipe.settings
    return Critics.of([one.critics.networks[0] for one in learners if one.critics is not None], settings), settings


def moments_of(network: ValueNetwork) -> tuple[float, float]:
    mean, sd = network.norm.moments()
    return float(mean), float(sd)


@pytest.mark.parametrize("changes", [{}, {"value_norm": False, "value_clip": False, "huber": None, "grad_clip": 0.5}])
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(("method", "sharing"), CASES)
def test_several_critics_learn_what_each_learns_alone(
    method: str, sharing: str, size: int, changes: dict[str, object]
) -> None:
    """Twice in a row, so that moments of Adam and of the targets are carried on: losses, parameters, normalisers."""
    changes = {"epochs": 4, "critic_lr": RATE, **changes}
    joint, settings = several(method, sharing, **changes)
    alone = [critic_of(method, sharing, seed=k, **changes)[0] for k in range(3)]
    start = [network.parameters.detach().clone() for network in joint.networks]
    for turn in range(FITS):
        rollouts = [played(10 * turn + k, size) for k in range(3)]
        targets = [(k + 1) * targets_of(critic, rollouts[k], k) for k, critic in enumerate(alone)]
        losses = joint.fit(rollouts, targets, settings)
        assert len(losses) == 3 and all(isinstance(loss, float) for loss in losses)
        for k, one in enumerate(alone):
            assert losses[k] == pytest.approx(fit(one, rollouts[k], targets[k], settings), rel=1e-4)
            expected, found = one.networks[0].parameters.detach(), joint.networks[k].parameters.detach()
            assert found.shape == expected.shape
            assert float((found - expected).abs().max()) <= RATE / 100 * settings.epochs * (turn + 1)
            assert float((found - start[k]).abs().max()) > RATE
            assert moments_of(joint.networks[k]) == moments_of(one.networks[0])
        assert len(set(losses)) == 3
        assert len({moments_of(network) for network in joint.networks}) == (3 if settings.value_norm else 1)


@pytest.mark.parametrize("loud", [0, 1, 2])
@pytest.mark.parametrize(("method", "sharing"), CASES)
def test_a_critics_targets_move_no_other_critic(method: str, sharing: str, loud: int) -> None:
    """Not by a bit: neither through gradients, nor their clipping, nor the normaliser."""
    results = []
    for shift in (0.0, 500.0):
        critics, settings = several(method, sharing, epochs=3, value_norm=False)
        shape = critics.networks[0](played(0)).shape
        targets = [random_targets(shape, k) for k in range(3)]
        targets[loud] = targets[loud] + shift
        losses = critics.fit([played(k) for k in range(3)], targets, settings)
        results.append([(network.parameters.clone(), loss) for network, loss in zip(critics.networks, losses)])
    for k in range(3):
        (one, loss), (other, moved) = results[0][k], results[1][k]
        assert (torch.equal(one, other) and loss == moved) is (k != loud)
