"""Targets of action values, one step after another in plain loops, and what is kept to learn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import generator
from dgpg_verify.policies import MLPPolicy
from dgpg_verify.policies.greedy import GreedyPolicy
from dgpg_verify.training import make_method
from dgpg_verify.training.methods import make_recipe
from dgpg_verify.training.start import fresh_learner
from dgpg_verify.training.values import learner as learner_module
from dgpg_verify.training.values import replay
from dgpg_verify.training.values.learner import ValueLearner
from dgpg_verify.training.values.networks import ActionValues, td_loss
from dgpg_verify.training.values.replay import Steps
from tests.training.tools import QUEUES, played, tabular

GAMMA, B, T = 0.8, 4, QUEUES.horizon


def learner(mixer: str, seed: int = 0, **changes: Any) -> ValueLearner:
    method = make_method(f"value:{mixer}")
    options = method.settings({"hidden": 8, "gain": 1.0, **changes})
    made = fresh_learner(make_recipe(method, options, 3), QUEUES, seed)
    assert isinstance(made, ValueLearner)
    return made


def table(networks: ActionValues, steps: Steps) -> tuple[np.ndarray, np.ndarray]:
    """Utilities [B, T, N, K] of everything that is allowed, and of waiting [B, T, N]."""
    flat = Steps(**{name: values.flatten(0, 1) for name, values in steps.tensors().items()})
    with torch.no_grad():
        found = networks.utilities(flat)
    return found.every.view(*steps.mask.shape).double().numpy(), found.wait.view(B, T, -1).double().numpy()


def slow_loss(mixer: str, online: ActionValues, target: ActionValues, steps: Steps) -> float:
    """Sums (vdn) or agents on their own (iql), at every step of every episode."""
    (now, wait_now), (later, wait_later) = table(online, steps), table(target, steps)
    errors = []
    for b in range(B):
        for t in range(T):
            values, goals = [], []
            for i in range(3):
                action = int(steps.actions[b, t, i])
                values.append(now[b, t, i, action] if action >= 0 else wait_now[b, t, i])
                goal = 0.0
                if t + 1 < T:
                    best = int(np.argmax(now[b, t + 1, i]))  # chosen by the learning networks, valued by the others
                    able = bool(steps.mask[b, t + 1, i].any())
                    goal = GAMMA * (later[b, t + 1, i, best] if able else wait_later[b, t + 1, i])
                goals.append(goal)
            reward = float(steps.reward[b, t])
            if mixer == "vdn":
                errors.append((sum(values) - reward - sum(goals)) ** 2)
            else:
                errors += [(v - reward - g) ** 2 for v, g in zip(values, goals, strict=True)]
    return float(np.mean(errors))


@pytest.mark.parametrize("mixer", ["iql", "vdn"])
def test_the_loss_is_double_q_learning_written_out(mixer: str) -> None:
    """No bootstrap after the last step; idle agents wait, at the value of waiting."""
    one, other = learner(mixer, 0), learner(mixer, 1)
    steps = Steps.of(played(3))
    batch, following, last = steps.drawn(B * T, generator(0))
    keep = torch.where(last, 0.0, GAMMA)
    found = td_loss(one.online, other.online, batch, following, batch.reward, keep)
    assert float(found.detach()) == pytest.approx(slow_loss(mixer, one.online, other.online, steps), rel=1e-5)
    assert int(last.sum()) == B and not bool(steps.mask.any(-1).all())
    plain = slow_loss(mixer, one.online, one.online, steps)
    assert abs(float(found.detach()) - plain) > 1e-3, "target networks make no difference: they were not tested"


def told(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> tuple[Steps, Tensor, Tensor, ValueLearner]:
    """What the learner gives its first loss: steps, their rewards, what is kept of what follows."""
    made, seen = learner("vdn", rollouts=B, batch=B * T, epochs=1, discount=GAMMA, **changes), []
    with monkeypatch.context() as patch:
        patch.setattr(learner_module, "td_loss", lambda *given: seen.append(given) or td_loss(*given))
        made.iterate(0, 0.0)
    ((_, _, batch, _, reward, keep),) = seen
    return batch, reward, keep, made


def test_the_learner_bootstraps_at_every_step_but_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last step is told by the share of time left, which is in the state, 1 / T there."""
    batch, _, keep, _ = told(monkeypatch)
    left = (batch.state[:, -1] * T).round()
    assert left.unique().tolist() == [1, 2, 3, 4, 5]
    torch.testing.assert_close(keep.double(), torch.where(left == 1, 0.0, GAMMA).double())


def test_value_norm_true_standardises_rewards_and_false_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    batch, reward, _, made = told(monkeypatch, value_norm=True)
    assert made.kept is not None
    assert torch.equal(reward, made.kept.scaled_reward(batch)) and not torch.allclose(reward, batch.reward)
    batch, reward, _, _ = told(monkeypatch, value_norm=False)
    assert torch.equal(reward, batch.reward)


def test_a_step_changes_the_learning_networks_and_copies_when_due() -> None:
    made = learner("qmix", target_every=3, epochs=1)
    for index in range(5):
        before = made.target.scores.detach().clone()
        made.iterate(index, 0.5)
        same = torch.equal(made.target.scores, made.online.scores)
        assert same == (made.updates % 3 == 0) and torch.equal(made.target.scores, before) != same


def test_the_mixer_is_learned_too() -> None:
    made = learner("qmix")
    before = [values.detach().clone() for values in made.online.mixer.parameters()]
    made.iterate(0, 0.5)
    assert all(not torch.equal(a, b) for a, b in zip(before, made.online.mixer.parameters(), strict=True))


def numbered(first: int, size: int) -> Steps:
    """Episodes whose reward is their number."""
    one = Steps.of(played(0, size=size))
    reward = torch.arange(first, first + size, dtype=torch.float64)[:, None].expand(size, T)
    return Steps(**{**one.tensors(), "reward": reward})


def test_the_oldest_episodes_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = numbered(0, 3).followed_by(numbered(3, 3), 4)
    assert kept.reward[:, 0].tolist() == [2.0, 3.0, 4.0, 5.0] and len(kept) == 4
    size = sum(values[0].numel() * values.element_size() for values in kept.tensors().values())
    monkeypatch.setattr(replay, "MOST_BYTES", 2 * size)
    assert numbered(0, 3).followed_by(numbered(3, 3), 4).reward[:, 0].tolist() == [4.0, 5.0]


def test_rewards_are_standardised_over_all_that_is_kept() -> None:
    kept = Steps.of(played(1))
    batch, _, _ = kept.drawn(5, generator(1))
    expected = (batch.reward - kept.reward.mean()) / (float(np.std(kept.reward.numpy())) + 1e-5)
    torch.testing.assert_close(kept.scaled_reward(batch), expected)


def test_steps_are_drawn_with_those_that_followed() -> None:
    kept = Steps.of(played(1))
    number = torch.arange(B * T, dtype=torch.float64).view(B, T)
    marked = Steps(**{**kept.tensors(), "reward": number})
    batch, following, last = marked.drawn(B * T, generator(2))
    assert sorted(batch.reward.tolist()) == number.flatten().tolist()
    assert torch.equal(last, batch.reward % T == T - 1)
    assert torch.equal(following.reward[~last], batch.reward[~last] + 1)


# the policy that plays


def chances(epsilon: float, rollout: Any) -> tuple[Tensor, Tensor]:
    policy = GreedyPolicy(tabular(), epsilon)
    return policy.probabilities(rollout.seen), tabular().logits(rollout.seen)


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_epsilon_greedy_is_what_it_says(epsilon: float) -> None:
    rollout = played(2)
    found, logits = chances(epsilon, rollout)
    for place in rollout.active.nonzero().tolist():
        mask = rollout.seen.mask[tuple(place)]
        own, best = found[tuple(place)], int(logits[tuple(place)].argmax())
        for k in range(len(mask)):
            expected = float(mask[k]) * (epsilon / int(mask.sum()) + (1 - epsilon) * (k == best))
            assert float(own[k]) == pytest.approx(expected)


def test_it_draws_with_these_probabilities() -> None:
    rollout, policy = played(2, size=400), GreedyPolicy(tabular(), 0.5)
    actions, log_prob = policy.decide(rollout.seen, rollout.noise.agents)
    assert torch.equal(actions, policy.act(rollout.seen, rollout.noise.agents))
    torch.testing.assert_close(log_prob, policy.log_prob(rollout.seen, actions))
    live = rollout.active
    share = (actions == policy.probabilities(rollout.seen).argmax(-1))[live].double().mean()
    expected = policy.probabilities(rollout.seen).amax(-1)[live].mean()
    assert float(share) == pytest.approx(float(expected), abs=5 * 0.5 / int(live.sum()) ** 0.5)
    assert bool((actions[~live] == -1).all())


def test_networks_play_the_same_way() -> None:
    scorer = MLPPolicy.random(3, played(0).seen.features.shape[-1], 1, 8)
    rollout = played(0)
    actions = GreedyPolicy(scorer).act(rollout.seen, rollout.noise.agents)
    assert torch.equal(actions[rollout.active], scorer.logits(rollout.seen).argmax(-1)[rollout.active])
