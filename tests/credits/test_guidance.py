"""The forms of guidance against plain loops, on a multi-step system; the literal derivative on a team."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dgpg_verify.claims.noise.measure_descent import in_demands
from dgpg_verify.core import InputError, Rollout, draw_noise
from dgpg_verify.credits import GuidanceCredit, make_credit
from dgpg_verify.policies import GaussianPolicy, make_policy, uniform_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import CloudScheduling, LinearQuadraticTeam, LoadBalancingGame
from dgpg_verify.testing import SmallQueues, gauss_hermite

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=4, discount=0.5)
FORMS = ("chain_rule", "exact", "observed", "multi_step")


def played(size: int = 6) -> Rollout:
    policy = make_policy("uniform", QUEUES)
    return collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, size), keep_states=True)


def by_hand(rollout: Rollout, form: str, b: int, t: int, i: int) -> float:
    """-gamma^t [(x - x~) z - c z^2]; multi_step adds (x_s - x~_s) z for the steps in which the job is felt."""
    if not bool(rollout.active[b, t, i]):
        return 0.0
    server = int(QUEUES.candidates[i, int(rollout.actions[b, t, i])])
    z = float(rollout.influence.value[b, t, i, 0])
    felt = 2 if form == "multi_step" and int(rollout.actions[b, t, i]) == 0 else 1
    total = 0.0
    for s in range(t, min(t + felt, QUEUES.horizon)):
        x = rollout.x_observed if form == "observed" else rollout.x
        total += 0.5**s * float(x[b, s, server] - rollout.reference[b, s, server]) * z
    return -(total - (0.5**t * 0.5 * z * z if form == "exact" else 0.0))


@pytest.mark.parametrize("form", FORMS)
def test_guidance_by_hand(form: str) -> None:
    rollout = played()
    found = make_credit(f"guidance:{form}")(rollout)
    assert bool((~rollout.active).any()) and found.dtype == torch.float64
    for b in range(6):
        for t in range(4):
            for i in range(3):
                assert float(found[b, t, i]) == pytest.approx(by_hand(rollout, form, b, t, i), rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("cost", ["quadratic", "mm1"])
def test_guidance_in_demands_is_plain_guidance_where_the_state_is_scaled(cost: str) -> None:
    """Credit by credit, on the roll-outs of two games that differ in the units of the state alone."""
    game = LoadBalancingGame.random(5, seed=2, cost=cost)
    policy = uniform_policy(game)
    noise = draw_noise(0, 0, game, policy, 50)
    demand = make_credit("guidance:demand")(collect(game, policy, noise))
    scaled = collect(in_demands(game), policy, noise)
    torch.testing.assert_close(demand, make_credit("guidance")(scaled), rtol=1e-10, atol=1e-12)
    assert not torch.allclose(demand, make_credit("guidance")(collect(game, policy, noise)))


def test_units_of_the_cloud_are_cores_and_memory() -> None:
    cloud = CloudScheduling(4, seed=1, horizon=6)
    policy = uniform_policy(cloud)
    rollout = collect(cloud, policy, draw_noise(0, 0, cloud, policy, 3))
    found, gap = make_credit("guidance:demand")(rollout), rollout.x - rollout.reference
    for b, t, i in rollout.active.nonzero().tolist():
        at, share = rollout.influence.index[b, t, i], rollout.influence.value[b, t, i]
        cores, memory = cloud.fleet.cores[at[0]], cloud.fleet.memory[at[1] - cloud.n_servers]
        pull = gap[b, t, at[0]] * share[0] * cores + gap[b, t, at[1]] * share[1] * memory
        assert float(found[b, t, i]) == pytest.approx(-float(pull), rel=1e-10)


def test_demands_are_refused_without_units() -> None:
    with pytest.raises(InputError, match="state_units"):
        make_credit("guidance:demand")(played())


def test_control_the_forms_differ() -> None:
    rollout = played()
    values = [make_credit(f"guidance:{form}")(rollout) for form in FORMS]
    assert not any(torch.equal(a, b) for k, a in enumerate(values) for b in values[k + 1 :])


def test_the_literal_derivative_does_not_see_the_reference() -> None:
    """Exact means over Gauss-Hermite nodes: -|Z_i|^2 at any x~, while `guidance` descends G."""
    team = LinearQuadraticTeam.random(3, seed=1, alignment=0.5, reference_bias=0.3)
    policy = GaussianPolicy(torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64), 0.7)
    exhaustive = gauss_hermite(team, policy)
    z = team.matrix()
    for shift in (0.0, 5.0):
        moved = replace(team, reference_state=team.reference_state + shift)
        rollout = collect(moved, policy, exhaustive.noise)
        products = [
            policy.score_products(rollout, make_credit(n)(rollout)[None])[0]
            for n in ("guidance:derivative", "guidance")
        ]
        literal, contribution = (exhaustive.mean(product)[:, 0] for product in products)
        torch.testing.assert_close(literal, -(z**2).sum(0), rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(
            contribution, -(z.T @ (z @ policy.means - moved.reference_state)), rtol=1e-10, atol=1e-10
        )


def test_the_literal_derivative_is_refused_for_choices() -> None:
    with pytest.raises(InputError, match="continuous actions"):
        make_credit("guidance:derivative")(played())


def test_names() -> None:
    assert make_credit("guidance").name == make_credit("guidance:chain_rule").name == "guidance"
    assert make_credit("guidance:exact").name == "guidance:exact"


def test_multi_step_needs_a_residence_time() -> None:
    game = LoadBalancingGame.random(3, seed=0)
    policy = make_policy("uniform", game)
    rollout = collect(game, policy, draw_noise(0, 0, game, policy, 2), keep_states=True)
    with pytest.raises(InputError, match="residence"):
        make_credit("guidance:multi_step")(rollout)
    assert make_credit("guidance:multi_step").keeps_states and not make_credit("guidance").keeps_states


def test_unknown_form_is_refused() -> None:
    with pytest.raises(InputError, match="guidance form"):
        GuidanceCredit("chainrule")


def test_multi_step_adds_the_discounted_pull_while_the_job_stays() -> None:
    """Against a plain loop over steps, with a discount: the number of steps is counted, not discounted."""
    system = CloudScheduling(4, seed=3, horizon=8, discount=0.9)
    policy = uniform_policy(system)
    rollout = collect(system, policy, draw_noise(5, 0, system, policy, 3), keep_states=True)
    found = GuidanceCredit("multi_step").fit([rollout])(rollout)
    assert rollout.states is not None
    gap = rollout.x - rollout.reference
    for b, t, i in rollout.active.nonzero().tolist():
        slot = int(rollout.actions[b, t, i])
        stay = int(system.residence_steps(rollout.states[t])[b, i, slot])
        index, value = rollout.influence.index[b, t, i], rollout.influence.value[b, t, i]
        pull = sum(0.9**s * float(gap[b, s, index] @ value) for s in range(t, min(t + stay, 8)))
        assert float(found[b, t, i]) == pytest.approx(-pull, rel=1e-9, abs=1e-12)
