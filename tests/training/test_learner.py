"""One iteration, piece by piece: what is credited, what is learned, what idle agents change, what stops a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, Observation, draw_noise
from dgpg_verify.credits import GuidanceCredit
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import CloudScheduling, LoadBalancingGame
from dgpg_verify.testing import SmallQueues
from dgpg_verify.training import Method, fleets, make_method
from dgpg_verify.training import learner as learner_module
from dgpg_verify.training.evaluation import heuristic_act, stream_seed
from dgpg_verify.training.fleets import TRAINING_STREAM
from dgpg_verify.training.learner import Learner
from tests.training.tools import QUEUES, Watch, iterate, learner_of, noise_of, slow_gae


def trained(method: str | Method, iterations: int = 3, **changes: Any) -> Learner:
    """A learner whose critic and normaliser have seen something: values are far from the normalised scale."""
    learner = learner_of(method, **{"rollouts": 4, "critic_lr": 0.02, **changes})
    for index in range(iterations):
        learner.iterate(index, 0.0)
    return learner


@pytest.mark.parametrize(("method", "sharing"), [("mappo", "independent"), ("ippo", "independent"), ("ippo", "shared")])
def test_credit_and_targets_are_gae_of_raw_values_one_agent_at_a_time(
    method: str, sharing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Raw rewards against values on the reward's scale, roll-out by roll-out and agent by agent; nothing after T;
    lambda and gamma as set; targets = advantages + values, at idle steps too."""
    learner = trained(method, sharing=sharing, advantage_norm="none", lam=0.9, discount=0.8)
    assert learner.critics is not None and abs(float(learner.critics.networks[0].norm.moments()[0])) > 0.5
    critic = replace(learner.critics.networks[0], parameters=learner.critics.networks[0].parameters.detach().clone())
    watch = Watch(monkeypatch, learner)
    learner.iterate(3, 0.0)
    (rollout,), (targets,), (decisions,) = watch.rollouts, watch.targets, watch.decisions
    values = critic(rollout)
    for b in range(4):
        for i in range(3):
            own = (values[b] if method == "mappo" else values[b, :, i]).tolist()
            slow = slow_gae(rollout.reward[b].tolist(), own, 0.8, 0.9)
            target = targets[b] if method == "mappo" else targets[b, :, i]
            np.testing.assert_allclose(target.numpy(), np.array(slow) + own, rtol=1e-9, atol=1e-9)
            for t in range(5):
                row = ((decisions.step[:, i] == b * 5 + t) & decisions.live[:, i]).nonzero()
                assert len(row) == int(rollout.active[b, t, i])
                if len(row):
                    assert float(decisions.weight[int(row), i]) == pytest.approx(slow[t], rel=1e-5, abs=1e-5)
    assert not bool(rollout.active.all())


def test_a_one_step_advantage_would_be_seen() -> None:
    """Control of the test above: with lambda = 0 the slow version gives something else."""
    reward, values = [1.0, 2.0, -1.0], [0.5, 0.1, 0.3]
    assert slow_gae(reward, values, 0.8, 0.9)[0] != pytest.approx(slow_gae(reward, values, 0.8, 0.0)[0], abs=0.1)


@pytest.mark.parametrize("how", ["batch", "agent"])
def test_the_update_gets_normalised_advantages_of_live_decisions(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = trained("ippo", advantage_norm=how)
    watch = Watch(monkeypatch, learner)
    learner.iterate(3, 0.0)
    decisions = watch.decisions[0]
    groups = [decisions.live] if how == "batch" else [decisions.live & (torch.arange(3) == i) for i in range(3)]
    for group in groups:
        live = decisions.weight[group]
        assert float(live.mean()) == pytest.approx(0.0, abs=1e-5)
        assert float(live.std(correction=0)) == pytest.approx(1.0, abs=1e-3)
    assert not bool(decisions.weight[~decisions.live].any())


def test_local_critics_learn_idle_steps_as_well() -> None:
    """A decision bootstraps from the next step's value whether or not the agent acts there, so values at idle steps
    must be about as good as at others."""
    learner = trained("ippo", iterations=60, rollouts=8, actor_lr=1e-9, critic_lr=0.01, lam=1.0)
    assert learner.critics is not None
    rollout = collect(QUEUES, learner.policy, noise_of(learner, 77, 400))
    to_go = torch.tensor([slow_gae(r.tolist(), [0.0] * 5, 0.99, 1.0) for r in rollout.reward])[..., None]
    error = learner.critics.networks[0](rollout) - to_go
    idle, busy = (float(error[where].square().mean().sqrt()) for where in (~rollout.active, rollout.active))
    assert idle < 1.5 * busy, (idle, busy)


@dataclass(frozen=True)
class Disguised:
    """Queues in which what idle agents see, and which candidates they have, is junk."""

    inner: SmallQueues
    junk: float

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def observe(self, state: Any) -> Observation:
        seen = self.inner.observe(state)
        idle = ~seen.active[..., None]
        return Observation(seen.features.masked_fill(idle[..., None], self.junk), seen.mask & ~idle, seen.active)


@pytest.mark.parametrize("method", ["mappo", "dgpg", "happo", "reinforce", "guidance_only"])
@pytest.mark.parametrize("sharing", ["independent", "shared"])
def test_what_idle_agents_see_changes_nothing(method: str, sharing: str) -> None:
    """Idle rows are fully masked and hold junk: actors and central critics learn bit for bit the same, all finite."""
    if method == "happo" and sharing == "shared":
        with pytest.raises(InputError, match="sharing"):
            learner_of(method, sharing=sharing)
        return
    found = []
    for junk in (0.0, 1e6):
        learner = learner_of(method, Disguised(QUEUES, junk), sharing=sharing, rollouts=4)
        for index in range(3):
            learner.iterate(index, 0.0)
        found.append(learner.actors[0].leaf.detach().clone())
    assert bool(found[0].isfinite().all()) and torch.equal(found[0], found[1])


# alpha


def three(method: str, alpha: str | None = None, **changes: Any) -> tuple[Learner, list[dict[str, Any]]]:
    learner = learner_of(method, CloudScheduling(3, seed=0, horizon=10), alpha=alpha, rollouts=2, **changes)
    return learner, [iterate(learner, index, index / 2) for index in range(3)]


@pytest.mark.parametrize("sharing", ["independent", "shared"])
def test_dgpg_with_alpha_0_is_mappo_bit_for_bit(sharing: str) -> None:
    dgpg, first = three("dgpg", "0", sharing=sharing)
    mappo, second = three("mappo", sharing=sharing)
    assert torch.equal(dgpg.actors[0].leaf, mappo.actors[0].leaf)
    assert dgpg.critics and mappo.critics
    assert torch.equal(dgpg.critics.networks[0].parameters, mappo.critics.networks[0].parameters)
    for a, b in zip(first, second, strict=True):
        assert a.pop("alpha") == 0.0 and b.pop("alpha") is None
        assert a == b
    assert not torch.equal(three("dgpg", "0.5", sharing=sharing)[0].actors[0].leaf, mappo.actors[0].leaf)  # control


def test_guidance_only_is_dgpg_with_alpha_1() -> None:
    dgpg, first = three("dgpg", "1")
    alone, second = three("guidance_only")
    assert torch.equal(dgpg.actors[0].leaf, alone.actors[0].leaf)
    assert [a["alpha"] for a in first] == [b["alpha"] for b in second] == [1.0] * 3


@pytest.mark.parametrize("setting", ["sum", "mean", "mixed", "parts", "both"])
def test_mixed_credit_by_hand(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """(1 - alpha) s A + alpha g W with A from GAE and W = -(x - x~) . z written out; scales as the setting says."""
    learner = trained("dgpg", advantage_norm="none", setting=setting, alpha="0.25")
    critic = learner.critics and replace(
        learner.critics.networks[0], parameters=learner.critics.networks[0].parameters.detach().clone()
    )
    assert critic is not None
    watch = Watch(monkeypatch, learner)
    facts = iterate(learner, 3, 0.7)
    rollout, decisions = watch.rollouts[0], watch.decisions[0]
    values, base, pull = critic(rollout), {}, {}
    for b in range(4):
        slow = slow_gae(rollout.reward[b].tolist(), values[b].tolist(), 0.99, 0.95)
        for t in range(5):
            gap = rollout.x[b, t] - rollout.reference[b, t]
            for i in rollout.active[b, t].nonzero().flatten().tolist():
                at, z = int(rollout.influence.index[b, t, i, 0]), float(rollout.influence.value[b, t, i, 0])
                base[b, t, i], pull[b, t, i] = slow[t], -(QUEUES.discount**t) * float(gap[at]) * z
    sd = float(np.std(list(base.values())))
    both = 1 / sd, 1 / float(np.std(list(pull.values())))
    scales = {"sum": (1, 1), "mean": (1 / 3, 1 / 3), "mixed": (1 / 3, 1), "parts": (1 / sd, 1), "both": both}
    s, g = scales[setting]
    assert facts["alpha"] == 0.25
    for row, i in decisions.live.nonzero().tolist():
        key = (*divmod(int(decisions.step[row, i]), 5), i)
        expected = 0.75 * s * base[key] + 0.25 * g * pull[key]
        assert float(decisions.weight[row, i]) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_adaptive_alpha_follows_the_gradients_of_both_parts() -> None:
    """First guidance alone, then the minimiser computed from score products written out as loops, and
    the moments behind it, which tell more than a minimiser that may lie at an end."""
    learner = trained("dgpg", iterations=0, alpha="adaptive", advantage_norm="none", actor_lr=0.05, setting="parts")
    seen, alphas = [], []
    for index in range(3):
        policy = replace(learner.policy, parameters=learner.policy.parameters.detach().clone())
        critic = learner.critics and replace(
            learner.critics.networks[0], parameters=learner.critics.networks[0].parameters.detach().clone()
        )
        assert critic is not None
        noise = draw_noise(stream_seed(learner.fleets[0].seed, TRAINING_STREAM), index, QUEUES, policy, 4)
        rollout = collect(QUEUES, policy, noise)
        values, parts = critic(rollout), torch.zeros(2, *policy.parameters.shape, dtype=torch.float64)
        guidance = GuidanceCredit()(rollout)
        rows = [slow_gae(rollout.reward[b].tolist(), values[b].tolist(), 0.99, 0.95) for b in range(4)]
        sd = float(np.std([rows[b][t] for b, t, _ in rollout.active.nonzero().tolist()]))
        for b in range(4):
            for t, i in rollout.active[b].nonzero().tolist():
                leaf = policy.parameters.detach().clone().requires_grad_(True)
                step = Observation(*(v[b, t][None] for v in (rollout.seen.features, rollout.seen.mask, rollout.active)))
                log_prob = replace(policy, parameters=leaf).log_prob(step, rollout.actions[b, t][None])[0, i]
                (score,) = torch.autograd.grad(log_prob, leaf)
                parts[0] += rows[b][t] / sd * score.double() / 4
                parts[1] += float(guidance[b, t, i]) * score.double() / 4
        seen.append(parts)
        alphas.append(iterate(learner, index)["alpha"])
    first, second = seen[1] - seen[0], seen[2] - seen[1]

    def best(*weighted: tuple[float, Tensor]) -> float:
        v, w, c = (sum(k * float((d[x] * d[y]).sum()) for k, d in weighted) for x, y in ((0, 0), (1, 1), (0, 1)))
        return min(max((v - c) / (v + w - 2 * c), 0.0), 1.0)

    assert alphas == pytest.approx([1.0, best((1.0, first)), best((0.8, first), (1.0, second))], abs=1e-4)
    half = [0.5 * (d.flatten(1) @ d.flatten(1).T) for d in (first, second)]
    moments = 0.2 * (0.8 * half[0] + half[1])
    torch.testing.assert_close(
        learner.fleets[0].tracker.moments,
        torch.stack([moments[0, 0], moments[1, 1], moments[0, 1]]),
        rtol=1e-4,
        atol=1e-9,
    )
    assert float((moments - 0.2 * half[1]).abs().min()) > 0.0


# the other methods


def test_reinforce_is_told_the_centred_return_and_moves() -> None:
    """With one roll-out an iteration, a return minus its own mean would be 0 and nothing would ever be learned."""
    learner = learner_of("reinforce")
    assert learner.recipe.settings.rollouts > 1
    before = learner.actors[0].leaf.detach().clone()
    facts = iterate(learner, 0)
    assert facts["gradient_norm"] > 0.0 and not torch.equal(before, learner.actors[0].leaf)


def test_imitation_raises_the_heuristics_actions_and_reports_their_probability(monkeypatch: pytest.MonkeyPatch) -> None:
    """Imitated actions are the heuristic's, not those taken; old probabilities belong to them: kl starts near 0."""
    learner = learner_of("imitation", CloudScheduling(4, seed=0, horizon=12), rollouts=4, actor_lr=1e-6, epochs=1)
    watch = Watch(monkeypatch, learner)
    facts = iterate(learner, 0, imitating=True)
    decisions, rollout = watch.decisions[0], watch.rollouts[0]
    assert facts["kl"] < 1e-6 and facts["clipped"] == 0.0
    scores = learner.fleets[0].system.heuristic_scores("best_fit", rollout.seen)  # type: ignore[attr-defined]
    taken = 0
    for row, i in decisions.live.nonzero().tolist():
        b, t = divmod(int(decisions.step[row, i]), 12)
        shown = int(decisions.actions[row, i])
        assert float(scores[b, t, i, shown]) == float(scores[b, t, i].max())
        taken += shown == int(rollout.actions[b, t, i])
    assert taken < int(decisions.live.sum()), "the policy happened to agree everywhere: nothing was shown"


def test_the_heuristic_is_asked_only_while_it_is_imitated(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    fleet = learner_of("imitation", CloudScheduling(3, seed=0, horizon=12), rollouts=2)
    monkeypatch.setattr(fleets, "heuristic_act", lambda *given: asked.append(given) or heuristic_act(*given))
    iterate(fleet, 0, imitating=True)
    assert len(asked) == 1
    iterate(fleet, 1)
    assert len(asked) == 1


@pytest.mark.parametrize("method", ["mappo", "happo", "hatrpo"])
def test_every_iteration_draws_anew_and_fits_its_critic_once(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed of an update orders agents and minibatches; agents that move in turn still have one critic."""
    seeds: list[int] = []

    def watched(rule: Any) -> Any:
        return lambda actor, decisions, settings, seed: seeds.append(seed) or rule(actor, decisions, settings, seed)

    for name in ("ppo", "sequential", "trust_region"):
        monkeypatch.setattr(learner_module, name, watched(getattr(learner_module, name)))
    for seed in (0, 1):
        learner, fits = learner_of(method, seed=seed, rollouts=2), []
        assert learner.critics is not None
        fit = learner.critics.fit
        monkeypatch.setattr(learner.critics, "fit", lambda *given, fit=fit, fits=fits: fits.append(1) or fit(*given))
        for index in range(4):
            learner.iterate(index, 0.0)
            assert len(fits) == index + 1
    assert len(seeds) == len(set(seeds)) == 8


@pytest.mark.parametrize(("method", "per_agent"), [("mappo", 0), ("happo", 5), ("hatrpo", 1)])
def test_steps_follow_one_another_where_agents_move_in_turn(method: str, per_agent: int) -> None:
    found = {n: iterate(learner_of(method, LoadBalancingGame.random(n, seed=0)), 0)["steps"] for n in (2, 4)}
    expected = {n: n * per_agent or make_method(method).settings({}).epochs for n in (2, 4)}
    assert found == expected


def test_a_learned_credit_goes_on_from_iteration_to_iteration() -> None:
    """At the scales of the first roll-outs; fitted anew it would take those of the second."""
    learner, found = learner_of("coma", rollouts=4), []
    for index in range(2):
        iterate(learner, index)
        credit: Any = learner.fleets[0].credits["counterfactual@coma"]
        found.append(credit.value.estimate)
    first, second = found
    assert (first.level, first.spread) == (second.level, second.spread)
    assert any(not torch.equal(a, b) for a, b in zip(first.network.parameters(), second.network.parameters()))


def imitated_agreement(imitating: bool) -> float:
    learner = learner_of("imitation", CloudScheduling(3, seed=0, horizon=12), rollouts=4, actor_lr=0.01, epochs=5)
    for index in range(6):
        learner.iterate(index, 0.0, imitating=imitating)
    rollout = collect(learner.fleets[0].system, learner.policy, noise_of(learner, 5, 20))
    scores = learner.fleets[0].system.heuristic_scores("best_fit", rollout.seen)  # type: ignore[attr-defined]
    best = (scores >= scores.amax(-1, keepdim=True)).double()
    chances = learner.policy.probabilities(rollout.seen).detach()
    return float((best * chances).sum(-1)[rollout.active].mean())


def test_imitating_true_imitates_and_false_does_not() -> None:
    assert imitated_agreement(True) > imitated_agreement(False) + 0.1


def test_credits_that_re_run_states_get_them_without_a_base() -> None:
    """guidance:multi_step asks kept states; a method of guidance alone must keep them too."""
    method = Method("multi", base="", guidance="guidance:multi_step", alpha="1")
    assert iterate(learner_of(method, rollouts=2), 0)["gradient_norm"] > 0.0


def test_reported_reward_is_the_objectives_return() -> None:
    """Discounted by the system's own gamma, as evaluations are."""
    learner = learner_of("guidance_only", rollouts=4)
    noise = draw_noise(stream_seed(0, TRAINING_STREAM), 0, QUEUES, learner.policy, 4)
    reward = collect(QUEUES, learner.policy, noise).reward
    expected = np.mean([sum(0.9**t * float(r[t]) for t in range(5)) for r in reward])
    assert iterate(learner, 0)["reward"] == pytest.approx(expected, rel=1e-9)
