"""PolicyStack against the policies it is made of, each on its own rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, Observation, generator, open_uniforms
from dgpg_verify.policies import HeuristicPrior, MLPPolicy, PolicyStack
from dgpg_verify.policies import mlp as mlp_module
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.systems.cloud import FEATURES

S, N, K, F = 3, 5, 4, len(FEATURES)
SHARINGS = ("independent", "shared")
SYSTEM = CloudScheduling(N, n_candidates=K, horizon=3)
CASES = [(s, p, r) for s in SHARINGS for p in (False, True) for r in (1, 3, 5)]


def policies(sharing: str, prior: bool = False, gain: float = 3.0, **changes: Any) -> list[MLPPolicy]:
    """Loud read-outs, so that networks disagree about most decisions."""
    changes = {"hidden": 6, "layer_norm": True, "feature_norm": True, "sharing": sharing, "gain": gain, **changes}
    rule = HeuristicPrior(SYSTEM, "best_fit", 0.5) if prior else None
    return [MLPPolicy.random(N, F, seed, prior=rule, **changes) for seed in (4, 1, 9)]


def observation(rollouts: int, seed: int = 0) -> Observation:
    """About half of all agents idle, the first never, and a third of candidates barred, never all."""
    rng, shape = generator(seed, 6), (S * rollouts, N, K)
    features = torch.rand(*shape, F, generator=rng) + 0.1
    mask = torch.rand(shape, generator=rng) < 0.7
    mask.scatter_(-1, torch.randint(K, (*shape[:2], 1), generator=rng), True)
    active = torch.rand(shape[:2], generator=rng) < 0.5
    active[:, 0], active[:, 1] = True, False
    return Observation(features, mask, active)


def uniforms(rollouts: int, seed: int = 0) -> Tensor:
    return open_uniforms((S * rollouts, N, 1), generator(seed, 7))


def part(seen: Observation, k: int) -> Observation:
    return Observation(*(values.chunk(S)[k] for values in (seen.features, seen.mask, seen.active)))


@pytest.mark.parametrize(("sharing", "prior", "rollouts"), CASES)
def test_actions_and_probabilities_are_those_of_each_policy_on_its_own_rows(
    sharing: str, prior: bool, rollouts: int
) -> None:
    """With 4 roll-outs or more idle agents are left out, with fewer they are not; fleets, roll-outs and agents are
    all of another number, so that no axis can pass for another. Scores are float32 sums in either case, in blocks of
    another length: 1e-5 is some 50 roundings of scores of size 1."""
    own, seen, noise = policies(sharing, prior), observation(rollouts), uniforms(rollouts)
    stack = PolicyStack.of(own)
    actions, log_prob = stack.decide(seen, noise)
    assert actions.shape == log_prob.shape == (S * rollouts, N) and log_prob.dtype == torch.float64
    alone = [one.decide(part(seen, k), noise.chunk(S)[k]) for k, one in enumerate(own)]
    assert torch.equal(actions, torch.cat([acted for acted, _ in alone]))
    torch.testing.assert_close(log_prob, torch.cat([told for _, told in alone]), rtol=0.0, atol=1e-5)
    assert torch.equal(stack.act(seen, noise), actions)
    assert torch.equal(actions >= 0, seen.active), "every active agent acts and no other"


@pytest.mark.parametrize("rollouts", [1, 5])
@pytest.mark.parametrize("sharing", SHARINGS)
def test_the_comparison_notices_one_policy_in_anothers_place(sharing: str, rollouts: int) -> None:
    """Control: two policies swapped change what those two fleets do, and nothing else."""
    one, two, three = policies(sharing)
    seen, noise = observation(rollouts), uniforms(rollouts)
    found = [PolicyStack.of(order).decide(seen, noise)[1].chunk(S) for order in ([one, two, three], [two, one, three])]
    for k, same in enumerate((False, False, True)):
        gap = float((found[0][k] - found[1][k]).abs().max())
        assert gap <= 1e-5 if same else gap > 0.1, k


def test_both_ways_to_act_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """One roll-out is scored as it lies; five are packed."""
    packed: list[bool] = []
    real = mlp_module.Decisions.of
    monkeypatch.setattr(mlp_module.Decisions, "of", lambda active: packed.append(True) or real(active))
    stack = PolicyStack.of(policies("independent"))
    stack.act(observation(1), uniforms(1))
    assert not packed
    stack.act(observation(5), uniforms(5))
    assert packed


@pytest.mark.parametrize("sharing", SHARINGS)
def test_nobody_active_is_nobody_acting(sharing: str) -> None:
    for rollouts in (1, 5):
        seen = replace(observation(rollouts), active=torch.zeros(S * rollouts, N, dtype=torch.bool))
        actions, log_prob = PolicyStack.of(policies(sharing)).decide(seen, uniforms(rollouts))
        assert bool((actions == -1).all()) and bool((log_prob == 0.0).all())


@pytest.mark.parametrize("sharing", SHARINGS)
def test_given_parameters_are_read_in_place(sharing: str) -> None:
    """A step of the whole table shows at once; without a table, the stack has a copy of its own."""
    own, seen, noise = policies(sharing), observation(1), uniforms(1)
    table = torch.cat([one.parameters.view(-1, one.parameters.shape[-1]) for one in own])
    assert table.shape[0] == (S if sharing == "shared" else S * N)
    view, copied = PolicyStack.of(own, table), PolicyStack.of(own)
    before = view.decide(seen, noise)
    assert view.policy.parameters.data_ptr() == table.data_ptr()
    torch.testing.assert_close(before[1], copied.decide(seen, noise)[1], rtol=0.0, atol=0.0)
    table[: len(table) // S] = policies(sharing)[2].parameters.view(-1, table.shape[1])
    for one in own:
        one.parameters.add_(1.0)
    after = view.decide(seen, noise)[1].chunk(S)
    expected = policies(sharing)[2].decide(part(seen, 0), noise.chunk(S)[0])[1]
    torch.testing.assert_close(after[0], expected, rtol=0.0, atol=1e-5)
    assert float((after[0] - before[1].chunk(S)[0]).abs().max()) > 0.1
    assert torch.equal(after[1], before[1].chunk(S)[1]), "the policies' own tensors are not read"
    assert torch.equal(copied.decide(seen, noise)[1], before[1]), "a copy stays what it was"


def test_a_stack_is_without_gradient() -> None:
    own = [replace(one, parameters=one.parameters.clone().requires_grad_(True)) for one in policies("independent")]
    assert not PolicyStack.of(own).policy.parameters.requires_grad
    assert PolicyStack.of(own).noise_size == own[0].noise_size == 1


@pytest.mark.parametrize(
    "odd",
    [
        MLPPolicy.random(N + 1, F, hidden=6),
        MLPPolicy.random(N, F, hidden=7),
        MLPPolicy.random(N, F - 1, hidden=6),
        MLPPolicy.random(N, F, hidden=6, sharing="shared"),
    ],
    ids=["agents", "hidden", "features", "sharing"],
)
def test_policies_of_two_sizes_are_refused(odd: MLPPolicy) -> None:
    usual = MLPPolicy.random(N, F, hidden=6)
    PolicyStack.of([usual, usual])
    with pytest.raises(InputError, match="policies of a stack are of 2 kinds or sizes: they must be of one"):
        PolicyStack.of([usual, odd])


@pytest.mark.parametrize("change", [{"layer_norm": True}, {"feature_norm": True}, {"prior": "first_fit"}])
def test_policies_that_differ_in_more_than_parameters_are_refused(change: dict[str, Any]) -> None:
    """The first one's form would be used for all."""
    system = CloudScheduling(3, seed=1, horizon=4)
    if "prior" in change:
        change = {"prior": HeuristicPrior(system, system.heuristic_names[0], 0.5)}
    plain = MLPPolicy.random(3, F, 0, 8)
    with pytest.raises(InputError, match="2 kinds"):
        PolicyStack.of([plain, replace(plain, **change)])
    if "prior" in change:
        other = replace(plain, prior=HeuristicPrior(CloudScheduling(3, seed=2), system.heuristic_names[0], 0.5))
        assert PolicyStack.of([replace(plain, **change), other]).fleets == 2


def test_a_stack_of_no_policies_is_refused() -> None:
    with pytest.raises(InputError, match="0 kinds"):
        PolicyStack.of([])
