"""Critics: fitted value functions, what they see, and the reward to go they are fitted on."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgpg_verify.core import InputError, Rollout, draw_noise, generator
from dgpg_verify.critics import central_features, fit_baseline, fit_critic, local_features, reward_to_go
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.testing import EXACT, SmallQueues

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=5)
KINDS = ("central", "local")


def played(seed: int, size: int, system: SmallQueues = QUEUES) -> Rollout:
    policy = make_policy("uniform", system)
    return collect(system, policy, draw_noise(seed, 0, system, policy, size))


@EXACT
@given(rewards=st.lists(st.floats(-10, 10), min_size=1, max_size=6), discount=st.floats(0, 1))
def test_reward_to_go_equals_its_definition(rewards: list[float], discount: float) -> None:
    found = reward_to_go(torch.tensor([rewards], dtype=torch.float64), discount)[0]
    for t in range(len(rewards)):
        expected = sum(discount ** (s - t) * rewards[s] for s in range(t, len(rewards)))
        assert float(found[t]) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def with_value(rollout: Rollout, value: torch.Tensor) -> Rollout:
    """The roll-out with rewards chosen so that the reward to go is `value` [B, T]: r_t = v_t - gamma v_{t+1}."""
    following = torch.cat([value[:, 1:], torch.zeros_like(value[:, :1])], 1)
    return replace(rollout, reward=value - rollout.system.discount * following)


@pytest.mark.parametrize("kind", KINDS)
def test_a_linear_value_is_found(kind: str) -> None:
    """A value linear in what the critic sees is explained to ridge accuracy on held-out roll-outs, and predicted.

    Central: pooled state. Local: an agent's own mean feature (agent 0 of a one-agent system).
    """
    system = QUEUES if kind == "central" else replace(QUEUES, candidates=QUEUES.candidates[:1])
    pilot, fresh = [], played(9, 50, system)

    def value(rollout: Rollout) -> torch.Tensor:
        if kind == "central":
            features = central_features(rollout)
            return 3.0 + 2.0 * features[..., 0] - 1.0 * features[..., 2]
        return 3.0 + 2.0 * local_features(rollout)[:, :, 0, 0].double()

    for seed in (1, 2):
        rollout = played(seed, 100, system)
        pilot.append(with_value(rollout, value(rollout)))
    critic = fit_critic(kind, pilot)  # type: ignore[arg-type]
    assert critic.explained_variance > 0.999
    predicted = critic(fresh) if kind == "central" else critic(fresh)[..., 0]
    error = (predicted - value(fresh)).var() / value(fresh).var()
    assert float(error) < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_control_noise_is_not_explained(kind: str) -> None:
    """Values independent of everything seen: held-out explained variance is near 0, never near 1. (600 rows, at
    most 21 coefficients: overfitting costs about 7 %, and +0.2 would be more than 10 sd away.)"""
    rollout = played(3, 240)
    noise = torch.randn(240, 5, generator=generator(4), dtype=torch.float64)
    explained = fit_critic(kind, [with_value(rollout, noise)]).explained_variance  # type: ignore[arg-type]
    assert -0.5 < explained < 0.2


def test_explained_variance_is_held_out() -> None:
    """Fitted on the first half, measured on the second: a value that reverses its sign half-way is not explained."""
    rollout = played(5, 200)
    value = central_features(rollout)[..., 0].clone()
    value[100:] *= -1.0
    assert fit_critic("central", [with_value(rollout, value)]).explained_variance < 0.0


def test_central_critic_helps_on_the_real_reward() -> None:
    """Reward to go of the queues: time left and load explain most of it."""
    assert fit_critic("central", [played(1, 200)]).explained_variance > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_and_type(kind: str) -> None:
    rollout = played(0, 20)
    values = fit_critic(kind, [rollout])(rollout)  # type: ignore[arg-type]
    assert values.shape == ((20, 5) if kind == "central" else (20, 5, 3)) and values.dtype == torch.float64


def test_fitting_is_deterministic_and_uses_all_rollouts() -> None:
    one, two = played(1, 40), played(2, 40)
    both, again = (fit_critic("central", [one, two]) for _ in range(2))
    assert torch.equal(both.coefficients, again.coefficients)
    assert not torch.equal(both.coefficients, fit_critic("central", [one]).coefficients)


@pytest.mark.parametrize("kind", KINDS)
def test_each_single_target_counts_in_a_critic(kind: str) -> None:
    """The offset carries no penalty: the mean fitted value is the mean target, so raising any one of B T targets by 5
    raises it by 5 / (B T)."""
    rollout = played(0, 6)
    target = torch.randn(6, 5, generator=generator(1), dtype=torch.float64)

    def level(target: torch.Tensor) -> float:
        return float(fit_critic(kind, [with_value(rollout, target)])(rollout).mean())  # type: ignore[arg-type]

    start = level(target)
    for place in range(target.numel()):
        raised = target.flatten().index_add(0, torch.tensor([place]), torch.tensor([5.0], dtype=torch.float64))
        assert level(raised.view(6, 5)) - start == pytest.approx(5.0 / target.numel(), rel=1e-6), place


def test_each_decision_counts_in_a_baseline_and_nothing_else() -> None:
    """The same of a credit's baseline: a decision moves its mean over decisions, an idle entry does not."""
    rollout = played(0, 6)
    credit = torch.randn(6, 5, 3, generator=generator(2), dtype=torch.float64)
    live = rollout.active
    assert not bool(live.all())

    def level(credit: torch.Tensor) -> float:
        return float(fit_baseline([rollout], [credit])(rollout)[live].mean())

    start = level(credit)
    for place, counts in enumerate(live.flatten().tolist()):
        raised = credit.flatten().index_add(0, torch.tensor([place]), torch.tensor([5.0], dtype=torch.float64))
        expected = 5.0 / int(live.sum()) if counts else 0.0
        assert level(raised.view(6, 5, 3)) - start == pytest.approx(expected, rel=1e-6, abs=1e-9), place


def test_a_tiny_pilot_gives_a_critic_without_a_check() -> None:
    critic = fit_critic("central", [played(0, 2)])
    assert math.isnan(critic.explained_variance) and bool(critic(played(1, 3)).isfinite().all())


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_pilot_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match="at least one pilot"):
        fit_critic(kind, [])  # type: ignore[arg-type]


def test_central_features_do_not_know_the_names_of_servers() -> None:
    rollout = played(0, 10)
    order = torch.tensor([2, 0, 1])
    renamed = replace(rollout, x_observed=rollout.x_observed[..., order], reference=rollout.reference[..., order])
    torch.testing.assert_close(central_features(renamed), central_features(rollout))
    assert central_features(rollout).shape[:2] == (10, 5)


def test_central_features_are_taken_before_acting() -> None:
    """A baseline may not depend on the actions of its own step: changing x (after acting) changes nothing."""
    rollout = played(0, 10)
    assert torch.equal(central_features(replace(rollout, x=rollout.x + 1.0)), central_features(rollout))


def test_local_features_ignore_masked_candidates() -> None:
    rollout = played(0, 10)
    assert bool((~rollout.seen.mask).any())
    features = torch.where(rollout.seen.mask[..., None], rollout.seen.features, 123.0)
    other = replace(rollout, seen=replace(rollout.seen, features=features))
    assert torch.equal(local_features(other), local_features(rollout))


def test_local_critic_sees_every_agent_and_step_when_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are thinned by a stride; a stride that shares a factor with N would leave agents out. Here the value is
    an agent's own activity and only the last agent is ever active, so leaving it out would flatten the critic."""
    from dgpg_verify.critics import regression

    rollout = played(1, 120)
    for limit in (600, 300, 120, 1800 // 7):
        monkeypatch.setattr(regression, "MAX_LOCAL_ROWS", limit)
        rows, targets = regression._training_set("local", [rollout])
        assert 0 < len(rows) <= limit and len(rows) == len(targets)
        marked = replace(rollout, active=torch.arange(3).expand(120, 5, 3) == 2)
        shares = regression._training_set("local", [marked])[0][:, 3]  # F = 3 means, then own activity
        assert float(shares.mean()) == pytest.approx(1 / 3, abs=0.05)
