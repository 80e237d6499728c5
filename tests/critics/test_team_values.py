"""Learned joint critics: what each can represent it finds, and nothing that it must not see changes it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache, partial
from typing import Any

import pytest
import torch

from dgpg_verify.contracts import check_credit
from dgpg_verify.core import InputError, Rollout, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.critics import LEARNED_VALUES, LearnedValue, drawn
from dgpg_verify.critics.joint_inputs import JointInputs, Targets
from dgpg_verify.critics.joint_networks import NETWORKS
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame
from dgpg_verify.testing import SmallQueues
from tests.critics.payoffs import counted_payoffs, fitted_once, monotone_payoffs, played, random_payoffs, short

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=4, discount=0.9, keep=1.0)
NETWORK_NAMES = ("vdn", "qmix", "qtran", "qplex", "coma", "mean_field")
# on which games each must find the exact counterfactual: those that it can represent
GAMES: dict[str, Any] = {
    "qmix": monotone_payoffs, "qtran": random_payoffs, "qplex": monotone_payoffs, "coma": random_payoffs,
    "mean_field": counted_payoffs, "regressed": lambda seed: LoadBalancingGame.random(3, seed),
}  # fmt: skip
CLOSE = 0.1  # mean squared error over mean square of the exact credit, at 2048 roll-outs and 300 steps


def credit_of(value: LearnedValue, rollout: Rollout) -> torch.Tensor:
    return replace(make_credit("counterfactual@exact"), value=value)(rollout)  # type: ignore[type-var]


def relative_error(name: str, game: Any, size: int, steps: int = 300, shift: int = 0) -> float:
    """Of counterfactual@NAME against counterfactual@exact on 512 other roll-outs; shift: agents out of order."""
    pilot, test = played(game, 1, size), played(game, 2, 512)
    pilot = replace(pilot, actions=pilot.actions.roll(shift, dims=2), x=pilot.x.roll(shift, dims=2))
    exact = make_credit("counterfactual@exact")(test)
    found = credit_of(fitted_once(short(name, steps), pilot), test)
    return float(((found - exact) ** 2).mean() / (exact**2).mean())


@pytest.mark.parametrize("name", GAMES)
def test_it_tends_to_the_exact_counterfactual_where_it_can(name: str) -> None:
    """Of 2048 roll-outs it must make an error below 10 %, and less than half of what it makes of 32; the monotone
    mixture and the separable model know these pay-offs, which have no noise, from 32 as well."""
    few, many = (relative_error(name, GAMES[name](3), size) for size in (32, 2048))
    assert many < CLOSE
    assert few < CLOSE if name in ("qmix", "regressed") else many < 0.5 * few


@pytest.mark.parametrize("name", GAMES)
def test_control_agents_in_the_wrong_order_are_seen(name: str) -> None:
    assert relative_error(name, GAMES[name](3), 2048, shift=1) > CLOSE or name == "mean_field"


def test_qmix_finds_convex_pay_offs_and_concave_ones_no_better_than_a_sum() -> None:
    """Both are monotone. Its elu is convex: on the concave game it is left with the additive part."""
    concave = partial(monotone_payoffs, sign=-1.0)
    assert relative_error("qmix", concave(3), 2048) > 0.8 * relative_error("vdn", concave(3), 2048) > 2 * CLOSE


@pytest.mark.parametrize("name", ["vdn", "qmix", "mean_field"])
def test_control_what_is_beyond_its_form_is_missed(name: str) -> None:
    """Random pay-offs are neither sums nor monotone nor counts."""
    assert relative_error(name, random_payoffs(3), 2048) > 2 * CLOSE


@cache
def queues(seed: int = 0, size: int = 24) -> Rollout:
    return played(QUEUES, seed, size)


@cache
def fitted_on_queues(name: str) -> LearnedValue:
    return fitted_once(short(name, 3), queues())


def with_other_candidates(rollout: Rollout) -> Rollout:
    """Features of what nobody may choose, and of agents without a job, changed beyond recognition."""
    open_to_choice = (rollout.seen.mask & rollout.active[..., None])[..., None]
    features = torch.where(open_to_choice, rollout.seen.features, 1e3 + 10.0 * rollout.seen.features)
    return replace(rollout, seen=replace(rollout.seen, features=features))


@pytest.mark.parametrize("name", NETWORK_NAMES)
def test_what_is_not_allowed_changes_neither_fit_nor_table(name: str) -> None:
    rollout = queues()
    allowed = rollout.seen.mask & rollout.active[..., None]
    assert not bool(allowed.all())
    changed = with_other_candidates(rollout)
    plain = fitted_on_queues(name)
    assert torch.equal(plain.table(rollout)[allowed], plain.table(changed)[allowed])
    refitted = fitted_once(short(name, 3), changed)
    torch.testing.assert_close(refitted.table(rollout)[allowed], plain.table(rollout)[allowed], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", [*NETWORK_NAMES, "regressed"])
def test_nothing_of_the_future_is_seen(name: str) -> None:
    """The table of a step against that of a roll-out with another end; the control: with another beginning."""
    value, rollout, other = fitted_on_queues(name), queues(), queues(5)
    t = 2
    before = value.table(rollout)
    parts = {}
    for field in ("active", "actions", "reward", "x_observed", "x", "reference"):
        own, its = getattr(rollout, field), getattr(other, field)
        parts[field] = torch.cat([own[:, :t], its[:, t:]], 1)
    seen = {f: torch.cat([getattr(rollout.seen, f)[:, :t], getattr(other.seen, f)[:, t:]], 1)
            for f in ("features", "mask", "active")}  # fmt: skip
    influence = {f: torch.cat([getattr(rollout.influence, f)[:, :t], getattr(other.influence, f)[:, t:]], 1)
                 for f in ("index", "value")}  # fmt: skip
    assert rollout.states and other.states
    spliced = replace(rollout, seen=replace(rollout.seen, **seen), influence=replace(rollout.influence, **influence),
                      states=[*rollout.states[:t], *other.states[t:]], **parts)  # fmt: skip
    after = value.table(spliced)
    torch.testing.assert_close(after[:, :t], before[:, :t])
    assert not torch.allclose(after[:, t:], before[:, t:])


@pytest.mark.parametrize("name", ["coma", "mean_field"])
def test_values_of_an_agent_do_not_depend_on_its_action(name: str) -> None:
    """Own slot left out: COMA's input is what the others did, mean field's the mean over the others."""
    value, rollout = fitted_on_queues(name), queues()
    table = value.table(rollout)
    for i in range(3):
        actions = rollout.actions.clone()
        actions[..., i] = torch.where(rollout.active[..., i], (actions[..., i] + 1) % 3, -1)
        changed = value.table(replace(rollout, actions=actions))
        torch.testing.assert_close(changed[:, :, i], table[:, :, i], atol=1e-6, rtol=1e-6)
        assert not torch.allclose(changed[:, :, i - 1], table[:, :, i - 1])


def test_an_idle_agent_is_nobody_in_a_mean_field() -> None:
    """Steps at which agent 2 decides nothing, with it and without: the mean is over those who act."""
    inputs = JointInputs.of([queues()])
    rows = inputs.rows((inputs.actions[:, 2] < 0).nonzero()[:, 0])
    two = JointInputs(rows.state, rows.features[:, :2], rows.allowed[:, :2], rows.actions[:, :2])
    network = drawn(lambda: NETWORKS["mean_field"](rows), 0)
    assert len(rows) > 5 and bool((two.actions >= 0).all(1).any())
    torch.testing.assert_close(network.table(rows)[:, :2], network.table(two))


@pytest.mark.parametrize("name", ["coma", "mean_field"])
def test_the_loss_is_the_mean_over_decisions(name: str) -> None:
    """Squared error of each agent's Q of what it did, decision by decision: no sum, idle agents left out."""
    inputs = JointInputs.of([queues()]).rows(slice(0, 16))
    network = drawn(lambda: NETWORKS[name](inputs), 0)
    targets, table = torch.arange(16.0), network.table(inputs).detach()
    errors = [
        float(table[r, i, int(inputs.actions[r, i])] - targets[r]) ** 2
        for r, i in (inputs.actions >= 0).nonzero().tolist()
    ]
    assert len(errors) < inputs.actions.numel()
    assert float(network.loss(inputs, targets).detach()) == pytest.approx(sum(errors) / len(errors), rel=1e-5)


@pytest.mark.parametrize("name", ["vdn", "qmix", "qtran", "qplex", "regressed"])
def test_the_entry_of_what_was_done_is_the_value_of_what_was_done(name: str) -> None:
    """Of a joint value, the same for all agents that decide."""
    value, rollout = fitted_on_queues(name), queues()
    entry = value.table(rollout).gather(-1, rollout.actions.clamp(min=0)[..., None])[..., 0]
    steps = QUEUES.discount ** torch.arange(4, dtype=torch.float64)
    assert value.targets is not None
    whole = steps * (value.targets.value(rollout) + value.estimate(rollout))
    expected = whole[..., None].expand_as(entry)[rollout.active]
    torch.testing.assert_close(entry[rollout.active], expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", ["vdn", "coma", "regressed"])
def test_what_a_fitted_value_tells(name: str) -> None:
    value = short(name, 3).fit([queues(0), queues(1)])
    assert value.parameters > 0 and value.seconds > 0.0 and value.explained_variance < 1.0
    assert value.explained_variance == short(name, 3).fit([queues(0), queues(1)]).explained_variance
    assert math.isnan(short(name, 3).fit([played(QUEUES, 0, 1)]).explained_variance)
    assert not value.unbiased(queues())


def test_explained_variance_is_of_roll_outs_that_were_not_fitted() -> None:
    """A quadratic is known at once; of a pure guess on noise nothing is explained."""
    known = short("regressed", 0).fit([played(LoadBalancingGame.random(4, 0), 0, 64)])
    assert known.explained_variance > 0.999
    pilot = played(random_payoffs(0, n=5, k=3), 0, 64)
    noise = torch.randn(64, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert short("vdn", 0).fit([replace(pilot, reward=noise)]).explained_variance < 0.2


@pytest.mark.parametrize("name", ["vdn", "qplex", "coma"])
def test_credits_of_learned_values_keep_the_contract(name: str) -> None:
    """Same input, same weights; no global generator; weights of all actions where there are such."""
    for kind in ("counterfactual", "expected_counterfactual"):
        credit = replace(make_credit(f"{kind}@{name}"), value=short(name, 3))  # type: ignore[type-var]
        check_credit(credit, QUEUES)


def test_difference_in_a_learned_model() -> None:
    """A separable quadratic is known to rounding and a penalty of 1e-8, but for one direction: nobody is ever absent in
    the pilot, so what each agent's absence is worth is known up to a constant of the agent, which moves no mean."""
    game = LoadBalancingGame.random(4, 1)
    pilot, rollout = played(game, 0, 256), played(game, 1, 64)
    credit: Any = make_credit("difference:learned").fit([pilot])
    gap = credit(rollout) - make_credit("difference")(rollout)
    torch.testing.assert_close(gap, gap.mean(0).expand_as(gap), atol=1e-4, rtol=0)
    assert credit.critic is credit.value
    with pytest.raises(InputError, match="before fit"):
        make_credit("difference:learned")(rollout)
    check_credit(make_credit("difference:learned"), QUEUES)


def team_played() -> Rollout:
    team = LinearQuadraticTeam.random(3)
    policy = make_policy("gaussian", team)
    return collect(team, policy, draw_noise(0, 0, team, policy, 8))


@pytest.mark.parametrize("name", LEARNED_VALUES)
def test_use_before_fit_and_continuous_actions_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="before fit"):
        make_credit(f"counterfactual@{name}")(queues())
    with pytest.raises(InputError, match="candidates"):
        make_credit(f"counterfactual@{name}").fit([team_played()])


def test_optimal_baseline_and_all_actions_share_the_value() -> None:
    """One fit, three credits with the names of the grammar."""
    for kind in ("counterfactual", "optimal_baseline", "expected_counterfactual"):
        credit = replace(make_credit(f"{kind}@vdn"), value=fitted_on_queues("vdn"))  # type: ignore[type-var]
        weights = credit(queues())
        assert credit.name == f"{kind}@vdn" and weights.shape == (24, 4, 3)
        assert not bool(weights[~queues().active].any())


@pytest.mark.parametrize("name", ["coma", "mean_field", "qmix"])
def test_a_critic_goes_on_from_where_it_is(name: str) -> None:
    """Steps on the same roll-outs go on to lower the error; scales stay those of the first roll-outs."""
    pilot = played(GAMES[name](3), 0, 200)
    value = LEARNED_VALUES[name].further([pilot])
    first, errors = value.estimate, []
    for _ in range(10):
        errors.append(_misfit(value, pilot))
        value = value.further([pilot])
    assert errors[-1] < 0.7 * errors[0]
    other = value.further([played(GAMES[name](3), 5, 50)])
    assert (other.estimate.level, other.estimate.spread) == (first.level, first.spread)
    again = LEARNED_VALUES[name].further([played(GAMES[name](3), 7, 50)]).with_state(value.state())
    assert torch.equal(again.estimate.table(pilot), value.estimate.table(pilot))


def _misfit(value: LearnedValue, pilot: Rollout) -> float:
    """Mean squared error over the targets' variance."""
    left = Targets.of([pilot]).left([pilot])
    return float((value.estimate(pilot).flatten() - left).square().mean() / left.var(correction=0))
