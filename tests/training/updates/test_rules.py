"""One step of each update rule against gradients written out by hand, decision by decision, in float64."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import NonFiniteError, generator
from dgpg_verify.policies import TabularPolicy
from dgpg_verify.training.updates import rules as updates
from dgpg_verify.training.updates.packing import PackedDecisions, joined
from dgpg_verify.training.updates.rules import AgentFacts, imitate, minibatches, plain_gradient, ppo
from dgpg_verify.training.updates.sequential import sequential, split_actor
from tests.training.tools import all_finite, decisions_of, plain_actor, settings, slow_chances

L, N, K, CLIP, BONUS = 6, 3, 4, 0.2, 0.3


def policy(sharing: str = "independent") -> TabularPolicy:
    shape = (N, K) if sharing == "independent" else (K,)
    logits = torch.randn(shape, generator=generator(1), dtype=torch.float64)
    return TabularPolicy(logits, sharing=sharing)  # type: ignore[arg-type]


def decisions(sharing: str = "independent", seed: int = 0) -> PackedDecisions:
    """Masks, idle rows (one agent never acts), and old probabilities inside and outside the clip on both sides."""
    rng = generator(seed, 2)
    mask = torch.rand(L, N, K, generator=rng) < 0.7
    actions = torch.randint(K, (L, N), generator=rng)
    mask.scatter_(-1, actions[..., None], True)
    live = torch.tensor([[True, True, False]] * 4 + [[True, False, False]] * 2)
    logits = policy(sharing).parameters.expand(N, K)
    now = torch.tensor([[slow_chances(logits[i], mask[k, i])[int(actions[k, i])] for i in range(N)] for k in range(L)])
    ratio = torch.tensor([0.5, 0.9, 1.0, 1.1, 1.15, 1.6])[:, None].expand(L, N)
    weight = torch.randn(L, N, generator=rng)
    return decisions_of(mask, live, torch.where(live, actions, -1), (now / ratio).log(), torch.where(live, weight, 0.0))


def slow_gradient(what: str, given: PackedDecisions, sharing: str) -> np.ndarray:
    """Gradient of the objective in the logits [N or 1, K], one decision after another."""
    logits = policy(sharing).parameters.expand(N, K)
    gradient = np.zeros((N, K))
    count = [int(given.live[:, i].sum()) for i in range(N)]
    for k in range(L):
        for i in range(N):
            if not bool(given.live[k, i]):
                continue
            p = np.array(slow_chances(logits[i], given.seen.mask[k, i]))
            action, weight = int(given.actions[k, i]), float(given.weight[k, i])
            score = np.eye(K)[action] - p
            log_p = np.log(np.where(p > 0, p, 1.0))
            bonus = -p * (log_p - (p * log_p).sum())  # gradient of -sum p log p
            ratio = p[action] / float(given.old_log_prob[k, i].double().exp())
            cut = (weight > 0 and ratio > 1 + CLIP) or (weight < 0 and ratio < 1 - CLIP)
            term = {
                "ppo": BONUS * bonus + (0.0 if cut else 1.0) * ratio * weight * score,
                "gradient": BONUS * bonus + weight * score,
                "imitate": score,
            }[what]
            gradient[i] += term / (count[i] if sharing == "independent" else sum(count))
    return gradient if sharing == "independent" else gradient.sum(0)


RULES = {"ppo": ppo, "gradient": plain_gradient, "imitate": imitate}


def step(what: str, given: PackedDecisions, sharing: str = "independent", **changes: object) -> Tensor:
    """What one plain step of size 1 adds to the logits."""
    actor = plain_actor(policy(sharing))
    RULES[what](actor, given, settings(epochs=1, entropy=BONUS, clip=CLIP, grad_clip=1e9, **changes), 0)
    return actor.leaf.detach() - policy(sharing).parameters


@pytest.mark.parametrize("sharing", ["independent", "shared"])
@pytest.mark.parametrize("what", RULES)
def test_one_step_is_the_gradient_written_out(what: str, sharing: str) -> None:
    given = decisions(sharing)
    found, expected = step(what, given, sharing), slow_gradient(what, given, sharing)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-7)
    assert np.abs(expected).max() > 0.01


def padded(given: PackedDecisions) -> PackedDecisions:
    """Dead rows below: huge credits, no candidate allowed, no action, impossible old probabilities."""
    live = torch.cat([given.live, torch.zeros_like(given.live)])
    mask = torch.cat([given.seen.mask, torch.zeros_like(given.seen.mask)])
    actions = torch.cat([given.actions, torch.full_like(given.actions, -1)])
    old = torch.cat([given.old_log_prob, torch.full_like(given.old_log_prob, -50.0)])
    return decisions_of(mask, live, actions, old, torch.cat([given.weight, torch.full_like(given.weight, 1e6)]))


@pytest.mark.parametrize("sharing", ["independent", "shared"])
@pytest.mark.parametrize("what", RULES)
def test_padding_changes_nothing_and_gives_no_nan(what: str, sharing: str) -> None:
    given = decisions(sharing)
    found = step(what, padded(given), sharing)
    assert all_finite(found)
    torch.testing.assert_close(found, step(what, given, sharing), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("what", RULES)
def test_every_decision_twice_is_the_same_step(what: str) -> None:
    """Losses are averages: sums would double the step."""
    given = decisions()
    found = step(what, given.rows(torch.arange(L).repeat(2)))
    torch.testing.assert_close(found, step(what, given), rtol=1e-6, atol=1e-8)


def test_facts_equal_a_loop() -> None:
    given, actor = decisions(), plain_actor(policy(), rate=0.0)
    facts = ppo(actor, given, settings(epochs=2, clip=CLIP), 0).over()
    outside, kl, bonus, logits = [], [], [], policy().parameters
    for k, i in given.live.nonzero().tolist():
        p = slow_chances(logits[i], given.seen.mask[k, i])
        ratio = p[int(given.actions[k, i])] / float(given.old_log_prob[k, i].double().exp())
        outside.append(abs(ratio - 1.0) > CLIP)
        kl.append(ratio - 1.0 - np.log(ratio))
        bonus.append(-sum(x * np.log(x) for x in p if x > 0))
    assert facts["clipped"] == pytest.approx(np.mean(outside)) and 0 < facts["clipped"] < 1
    assert facts["kl"] == pytest.approx(np.mean(kl), rel=1e-5)
    assert facts["entropy"] == pytest.approx(np.mean(bonus), rel=1e-5)
    assert facts["gradient_norm"] > 0.0


def test_an_action_that_became_impossible_leaves_a_finite_kl() -> None:
    """A ratio that underflows to 0 would give log 0; the log would no longer be JSON."""
    given = decisions()
    given = replace(given, old_log_prob=torch.full_like(given.old_log_prob, 800.0), weight=given.weight.abs())
    assert np.isfinite(ppo(plain_actor(policy()), given, settings(epochs=1), 0).over()["kl"])


def test_gradients_are_clipped_network_by_network() -> None:
    """Agent 0's huge credit must not shrink agent 1's step."""
    given = decisions()
    loud = replace(given, weight=given.weight * torch.tensor([1e4, 1.0, 1.0]))
    actor, quiet = plain_actor(policy()), plain_actor(policy())
    ppo(actor, loud, settings(epochs=1, grad_clip=0.5), 0)
    ppo(quiet, given, settings(epochs=1, grad_clip=0.5), 0)
    moved = actor.leaf.detach() - policy().parameters
    assert float(moved[0].norm()) == pytest.approx(0.5, rel=1e-4)
    assert torch.equal(moved[1], quiet.leaf.detach()[1] - policy().parameters[1]) and bool(moved[1].any())


@pytest.mark.parametrize("count", [2, 3, 4])
def test_minibatches_hold_every_row_once(count: int) -> None:
    given = decisions()
    given = replace(given, step=torch.arange(L)[:, None].expand(L, N))
    parts = list(minibatches(given, count, seed=3, epoch=0))
    rows = torch.cat([part.step[:, 0] for part in parts])
    assert len(parts) == count and sorted(rows.tolist()) == list(range(L))
    again = torch.cat([part.step[:, 0] for part in minibatches(given, count, seed=3, epoch=0)])
    other = torch.cat([part.step[:, 0] for epoch in range(1, 6) for part in minibatches(given, count, 3, epoch)])
    assert torch.equal(rows, again) and not torch.equal(rows.repeat(5), other)


def test_one_minibatch_or_fewer_rows_than_parts_is_the_whole() -> None:
    given = decisions()
    assert [part is given for part in minibatches(given, 1, 0, 0)] == [True]
    assert [part is given for part in minibatches(given, L + 1, 0, 0)] == [True]


def test_epochs_and_minibatches_set_the_number_of_steps() -> None:
    given = decisions()
    calls: list[int] = []
    for epochs, count in ((1, 1), (3, 1), (2, 3)):
        actor = plain_actor(policy(), rate=0.0)
        actor.optimiser.register_step_post_hook(lambda *_: calls.append(1))
        ppo(actor, given, settings(epochs=epochs, minibatches=count), 0)
        assert len(calls) == epochs * count
        calls.clear()
    actor = plain_actor(policy(), rate=0.0)
    actor.optimiser.register_step_post_hook(lambda *_: calls.append(1))
    plain_gradient(actor, given, settings(epochs=7), 0)
    assert len(calls) == 1, "a plain policy gradient takes one step, whatever epochs says"


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_credit_that_is_not_finite_stops(bad: float) -> None:
    given = decisions()
    given = replace(given, weight=given.weight.index_fill(0, torch.tensor([0]), bad))
    with pytest.raises(NonFiniteError, match="epoch 0"):
        ppo(plain_actor(policy()), given, settings(epochs=1), 0)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
@pytest.mark.parametrize("sharing", ["independent", "shared"])
@pytest.mark.parametrize("rule", [ppo, plain_gradient, imitate])
def test_blocks_of_agents_give_the_whole_gradient(
    rule: Any, sharing: str, order: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One agent a block, the busiest first, whoever that is: same step, same facts as all agents at once."""
    given, steps, found = decisions(sharing).agents(torch.tensor(order)), [], []
    for rows in (10**6, 1):
        monkeypatch.setattr(updates, "BLOCK_ROWS", rows)
        actor = plain_actor(policy(sharing), rate=0.1)
        assert len(list(updates.blocks(actor, given))) == (1 if rows > 1 else N)
        found.append(rule(actor, given, settings(epochs=3, entropy=BONUS, minibatches=2), 0).over())
        steps.append(actor.leaf.detach() - policy(sharing).parameters)
    assert float(steps[0].abs().max()) > 0.0
    torch.testing.assert_close(steps[1], steps[0], rtol=1e-10, atol=1e-12)
    assert found[1] == pytest.approx(found[0], rel=1e-6)


def test_blocks_hold_every_decision_and_hardly_any_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents with 2, 6, 0 and 5 decisions, not all of them first: once each, in blocks that end with a decision."""
    live = torch.zeros(L, 4, dtype=torch.bool)
    for agent, rows in enumerate(([1, 3], [0, 1, 2, 3, 4, 5], [], [0, 1, 2, 3, 5])):
        live[rows, agent] = True
    step = torch.arange(L * 4).view(L, 4)
    mask = torch.ones(L, 4, K, dtype=torch.bool)
    given = decisions_of(mask, live, torch.zeros(L, 4, dtype=torch.long), torch.zeros(L, 4), torch.zeros(L, 4))
    given = replace(given, step=step)
    assert given.lengths().tolist() == [4, 6, 0, 6]
    monkeypatch.setattr(updates, "BLOCK_ROWS", 2 * L * K)
    actor, ordered = updates._prepared(plain_actor(TabularPolicy(torch.zeros(4, K, dtype=torch.float64))), given)
    parts = [block for _, block in updates.blocks(actor, ordered)]
    seen = torch.cat([block.step[block.live] for block in parts])
    assert sorted(seen.tolist()) == sorted(step[live].tolist())
    assert [tuple(block.live.shape) for block in parts] == [(6, 2), (4, 2)]


# facts of a part of the agents


@pytest.mark.parametrize("rows", [10**6, 1])
@pytest.mark.parametrize("some", [slice(0, 1), slice(1, 3), slice(2, 3), slice(0, 3)])
@pytest.mark.parametrize("rule", [ppo, plain_gradient, imitate])
def test_facts_of_a_slice_are_those_of_its_agents_alone(
    rule: Any, some: slice, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last agent has no decision: zeros, no 0 / 0. In one block, and in one an agent with the busiest first."""
    monkeypatch.setattr(updates, "BLOCK_ROWS", rows)
    given = decisions().agents(torch.tensor([1, 0, 2]))
    table = policy().parameters[[1, 0, 2]]
    options = settings(epochs=3, entropy=BONUS, clip=CLIP)
    whole = rule(plain_actor(TabularPolicy(table), rate=0.3), given, options, 0)
    own = rule(plain_actor(TabularPolicy(table[some]), rate=0.3), given.agents(some), options, 0)
    assert whole.sums.shape == (4, N) and whole.norms.shape[1] == N
    found, expected = whole.over(some, some), own.over()
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)
    if some == slice(2, 3):
        assert found.pop("steps") == len(own.norms)
        assert found == dict.fromkeys(("clipped", "kl", "entropy", "gradient_norm"), 0.0)
    else:
        assert found["gradient_norm"] > 0.0 and found["entropy"] > 0.0


def test_facts_of_two_slices_differ() -> None:
    """Control of the test above: agents 0 and 1 have other numbers, each of the four."""
    facts = ppo(plain_actor(policy(), rate=0.3), decisions(), settings(epochs=1, entropy=BONUS, clip=CLIP), 0)
    one, other = (facts.over(slice(i, i + 1), slice(i, i + 1)) for i in (0, 1))
    assert one.pop("steps") == other.pop("steps") == 1
    assert all(one[name] != pytest.approx(other[name], rel=1e-3) for name in one)


@pytest.mark.parametrize("rows", [10**6, 1])
@pytest.mark.parametrize("rule", [ppo, plain_gradient, imitate])
def test_teams_that_share_parameters_are_updated_and_described_like_each_alone(
    rule: Any, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two teams, one network each: a row each of one leaf. The second has fewer decisions."""
    monkeypatch.setattr(updates, "BLOCK_ROWS", rows)
    teams = [decisions("shared", 0), decisions("shared", 1).rows(torch.arange(4))]
    options = settings(epochs=3, entropy=BONUS, clip=CLIP, grad_clip=0.2)
    leaf = torch.stack([policy("shared").parameters, policy("shared").parameters.flip(0)])
    actor = plain_actor(TabularPolicy(leaf))
    facts = rule(actor, joined(teams, shared=True), options, 0)
    for k, team in enumerate(teams):
        alone = plain_actor(TabularPolicy(leaf[k], sharing="shared"))
        expected = rule(alone, team, options, 0).over()
        assert facts.over(slice(k, k + 1), slice(k, k + 1)) == pytest.approx(expected, rel=1e-5)
        torch.testing.assert_close(actor.leaf[k], alone.leaf, rtol=1e-5, atol=1e-7)
        assert float((actor.leaf[k] - leaf[k]).detach().abs().max()) > 1e-2
    assert facts.norms.shape == ((1 if rule is plain_gradient else 3), 2)


@pytest.mark.parametrize("quiet", [0, 1, 2])
def test_facts_of_agents_one_after_the_other_stand_at_their_own_place(quiet: int) -> None:
    """Whatever the order of the round: an agent without a credit has gradient 0, the others have not."""
    given = decisions()
    given = replace(given, weight=torch.ones(L, N).index_fill(1, torch.tensor(quiet), 0.0), live=given.live | True)
    given = replace(given, actions=given.actions.clamp(min=0))
    for seed in range(4):
        team = split_actor(policy(), settings())
        facts = sequential(team, given, settings(epochs=2, entropy=0.0, clip=CLIP), seed)
        assert isinstance(facts, AgentFacts) and facts.sums.shape == (4, N) and facts.norms.shape == (2, N)
        assert (facts.norms > 0.0).all(0).tolist() == [i != quiet for i in range(N)]
