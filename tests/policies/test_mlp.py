"""The candidate-scoring MLP: equivariance, layout, seeding, errors."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, Observation, generator
from dgpg_verify.policies import HeuristicPrior, MLPPolicy, make_policy
from dgpg_verify.systems import LoadBalancingGame

SHARINGS = ("independent", "shared")


def features(b: int = 2, t: int = 3, n: int = 4, k: int = 5, f: int = 3) -> Tensor:
    return torch.randn(b, t, n, k, f, generator=generator(1), dtype=torch.float64)


@pytest.mark.parametrize("sharing", SHARINGS)
def test_permuting_candidates_permutes_scores(sharing: str) -> None:
    policy = MLPPolicy.random(4, 3, seed=2, hidden=6, sharing=sharing)  # type: ignore[arg-type]
    seen, order = features(), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(
        policy.candidate_scores(seen[..., order, :]), policy.candidate_scores(seen)[..., order], rtol=1e-5, atol=1e-6
    )


def plain_norm(x: Tensor, on: bool) -> Tensor:
    """Mean 0 and mean square 1 over the last axis, written out."""
    gap = x - x.mean(-1, keepdim=True)
    return gap / (gap.square().mean(-1, keepdim=True) + 1e-5).sqrt() if on else x


@pytest.mark.parametrize(("feature_norm", "layer_norm"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("sharing", SHARINGS)
def test_scores_equal_a_loop_over_agents(sharing: str, feature_norm: bool, layer_norm: bool) -> None:
    """Batched products against one plain network for each agent: axes are not mixed up, norms where they belong."""
    policy = MLPPolicy.random(
        4, 3, seed=2, hidden=6, sharing=sharing, feature_norm=feature_norm, layer_norm=layer_norm  # type: ignore[arg-type]
    )  # fmt: skip
    seen = features()
    scores = policy.candidate_scores(seen)
    assert scores.shape == seen.shape[:-1]
    for agent in range(4):
        flat = policy.parameters if sharing == "shared" else policy.parameters[agent]
        w1, b1, w2, b2, w3 = flat.split([18, 6, 36, 6, 6])
        first = torch.tanh(plain_norm(seen[:, :, agent], feature_norm) @ w1.view(3, 6) + b1)
        second = torch.tanh(plain_norm(first, layer_norm) @ w2.view(6, 6) + b2)
        expected = plain_norm(second, layer_norm) @ w3
        torch.testing.assert_close(scores[:, :, agent].double(), expected, rtol=1e-5, atol=1e-5)


def test_without_asking_nothing_is_normalised_and_weights_are_gaussian() -> None:
    """Measuring rooms rely on these defaults."""
    plain = MLPPolicy.random(3, 3, seed=2)
    for policy in (plain, MLPPolicy(plain.parameters, 3)):
        assert not policy.layer_norm and not policy.feature_norm
    assert torch.equal(plain.parameters, MLPPolicy.random(3, 3, seed=2, initialisation="gaussian").parameters)
    assert not torch.equal(plain.parameters, MLPPolicy.random(3, 3, seed=2, initialisation="orthogonal").parameters)


@pytest.mark.parametrize(("flag", "width"), [("layer_norm", {"hidden": 1}), ("feature_norm", {"n_features": 1})])
def test_a_norm_over_a_single_number_is_refused(flag: str, width: dict[str, int]) -> None:
    given = {"n_agents": 2, "n_features": 3, "hidden": 4} | width
    MLPPolicy.random(**given)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=flag):
        MLPPolicy.random(**given, **{flag: True})  # type: ignore[arg-type]


def test_same_seed_same_weights_other_seed_other_weights() -> None:
    one, again, other = (MLPPolicy.random(2, 3, seed=s).parameters for s in (5, 5, 6))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])  # heterogeneous agents


def test_shared_parameters_are_one_vector() -> None:
    assert MLPPolicy.random(7, 3, hidden=4, sharing="shared").parameters.shape == (3 * 4 + 4 + 16 + 4 + 4,)


def test_zero_gain_is_the_uniform_policy() -> None:
    game = LoadBalancingGame.random(4, seed=0)
    policy = MLPPolicy.random(4, 4, gain=0.0)
    chances = policy.probabilities(game.observe(game.start(torch.empty(1, 1, 0))))
    torch.testing.assert_close(chances, torch.full_like(chances, 0.25))


def test_weights_have_the_stated_variance() -> None:
    """Var W1 = 1 / F: 40 000 weights, a normal's sample variance has relative sd 0.7 %; 5 sd: false alarm 6e-7."""
    policy = MLPPolicy.random(125, 5, seed=0, hidden=64)
    w1 = policy.parameters[:, : 5 * 64]
    assert float(w1.var()) == pytest.approx(0.2, rel=5 * (2 / w1.numel()) ** 0.5)
    assert bool((policy.parameters[:, 5 * 64 : 6 * 64] == 0).all())  # biases start at 0


@pytest.mark.parametrize("hidden", [0, -3, 2.5])
def test_bad_width_is_refused(hidden: object) -> None:
    with pytest.raises(InputError, match="hidden"):
        MLPPolicy.random(2, 3, hidden=hidden)  # type: ignore[arg-type]


def test_make_policy_sizes_the_network_from_the_system() -> None:
    game = LoadBalancingGame.random(3, seed=0)
    policy = make_policy("mlp", game, seed=1)
    assert policy.parameters.shape == (3, 4 * 64 + 64 + 64 * 64 + 64 + 64)


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("shape", [(1,), (7,), (2, 5)])
def test_leaving_idle_agents_out_changes_no_score(sharing: str, shape: tuple[int, ...]) -> None:
    """One agent never decides, one always does; what idle agents get is finite and otherwise free."""
    policy = MLPPolicy.random(4, 3, seed=2, hidden=6, sharing=sharing, layer_norm=True)  # type: ignore[arg-type]
    seen = torch.randn(*shape, 4, 5, 3, generator=generator(3))
    active = torch.rand(*shape, 4, generator=generator(4)) < 0.5
    active[..., 1], active[..., 2] = False, True
    found = policy.active_scores(Observation(seen, torch.ones(*shape, 4, 5, dtype=torch.bool), active))
    assert found.shape == seen.shape[:-1] and bool(found.isfinite().all())
    torch.testing.assert_close(found[active], policy.candidate_scores(seen)[active], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sharing", SHARINGS)
def test_prepared_policies_give_the_same_logits(sharing: str) -> None:
    policy = MLPPolicy.random(4, 3, seed=2, hidden=6, sharing=sharing, feature_norm=True)  # type: ignore[arg-type]
    given = torch.randn(6, 4, 5, 3, generator=generator(5), dtype=torch.float64)
    seen = Observation(given, torch.rand(6, 4, 5, generator=generator(6)) < 0.8, torch.ones(6, 4, dtype=torch.bool))
    other, prepared = policy.prepared(seen)
    assert other.parameters is policy.parameters, "gradients must reach the same leaf"
    torch.testing.assert_close(other.logits(prepared), policy.logits(seen), rtol=1e-5, atol=1e-6)


def test_a_prior_reads_plain_features() -> None:
    """A policy around a heuristic is not prepared: the heuristic would see normalised capacities."""
    game = LoadBalancingGame.random(4, seed=0)
    policy = MLPPolicy.random(4, 4, prior=HeuristicPrior(game, "least_committed", 0.5), feature_norm=True)
    seen = game.observe(game.start(torch.empty(2, 1, 0)))
    other, prepared = policy.prepared(seen)
    assert other is policy and prepared is seen
