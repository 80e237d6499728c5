"""Credits that follow from others: same moments as measured directly, parts fitted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.contracts import check_credit
from dgpg_verify.core import Credit, Rollout, draw_noise
from dgpg_verify.core.moments import MEASURED_SETTINGS
from dgpg_verify.credits import GuidedCredit, make_credit
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.measurement.combine import fit_credits, make_basis
from dgpg_verify.measurement.pilot import _features_once, value_moments
from dgpg_verify.oracles import load_balancing_moments
from dgpg_verify.policies import TabularPolicy, make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.testing import SmallQueues, all_profiles

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=3, discount=0.9)
COMBINED = (
    "return:raw",
    "guided:0.3",
    "guided:0@gae:local",
    "guided:1",
    "guided:0.7@gae:central+guidance:exact",
    "normalised@return",
    "guided:0.4@normalised@gae:local",
    "guided:0.3@guidance:exact+guidance:exact",  # one part twice
)


@dataclass(frozen=True)
class Direct:
    """A credit that hides that it is a combination: it is rolled through the network itself."""

    inner: Credit
    name: str
    keeps_states: bool = True

    def fit(self, pilot: Sequence[Rollout]) -> Direct:
        return Direct(self.inner.fit(pilot), self.name)

    def __call__(self, rollout: Rollout) -> Tensor:
        return self.inner(rollout)


@pytest.mark.parametrize("setting", MEASURED_SETTINGS)
@pytest.mark.parametrize("name", COMBINED)
@pytest.mark.parametrize("policy", ["linear", "mlp"])
def test_combined_moments_equal_direct_ones(policy: str, name: str, setting: str) -> None:
    """Mean, variance, signal, covariance with another credit and cross-agent share."""
    direct = Direct(make_credit(name, setting), "direct")
    options = {"rollouts": 24, "seed": 1, "setting": setting, "pick_freeze": 6, "progress": False}
    m = measure_gradients(QUEUES, policy, [name, direct, "difference"], **options)  # type: ignore[arg-type]
    a, b = m[name], m["direct"]
    tolerance = 1e-9 if policy == "linear" else 1e-4  # the MLP's products are float32
    scale = float(np.abs(b.variance).max() + (b.mean**2).sum(-1).max() + np.abs(m["difference"].variance).max())
    for found, expected in (
        (a.variance, b.variance),
        (a.signal_squared, b.signal_squared),
        (m.covariance(name, "difference"), m.covariance("direct", "difference")),
    ):
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale)
    np.testing.assert_allclose(a.mean, b.mean, rtol=tolerance, atol=tolerance * scale**0.5)
    assert a.cross_agent_share == pytest.approx(b.cross_agent_share, rel=1e-3, abs=tolerance)
    assert a.team.variance == pytest.approx(b.team.variance, rel=10 * tolerance)


@pytest.mark.parametrize("alpha", [0.0, 0.2, 1.0])
def test_joint_is_the_oracles_where_the_pilot_is_all_profiles(alpha: float) -> None:
    """Under a uniform policy every profile counts once: the fitted mean and standard deviation are the exact ones."""
    game = LoadBalancingGame.random(4, 3, n_candidates=3, reference="biased:0.3")
    policy = TabularPolicy(torch.zeros(4, 3, dtype=torch.float64))
    every = all_profiles(game, policy)
    rollout = collect(game, policy, every.noise)
    exact = load_balancing_moments(game, np.full((4, 3), 1.0 / 3.0))
    names = ["return", "guidance", "score"]
    fitted = fit_credits([*map(make_credit, names), make_credit(f"guided:{alpha}", "joint")], [rollout])
    g = fitted[-1](rollout)[:, 0, :, None] * (torch.eye(3, dtype=torch.float64)[every.actions] - 1.0 / 3.0)
    mean = every.mean(g)
    variance = every.mean(((g - mean) ** 2).sum(-1))
    joint = exact.guided(alpha, setting="joint")
    np.testing.assert_allclose(mean, joint.mean, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(variance, joint.variance, rtol=1e-10)
    means, covariances = value_moments(make_basis(fitted[:-1]), [rollout])
    places = [exact.index(name) for name in names]
    np.testing.assert_allclose(means, exact.value_means[places], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(covariances, exact.value_covariances[np.ix_(places, places)], rtol=1e-10, atol=1e-12)


def test_values_of_combinations_follow_from_their_parts() -> None:
    """Over all live entries of the pilot, also where an agent is not active at every step."""
    policy = make_policy("uniform", QUEUES)
    pilot = [collect(QUEUES, policy, draw_noise(0, k, QUEUES, policy, 20)) for k in range(2)]
    fitted = fit_credits([make_credit(name, "joint") for name in COMBINED], pilot)
    live = np.stack([torch.cat([credit(r)[r.active] for r in pilot]) for credit in fitted])
    means, covariances = value_moments(make_basis(fitted), pilot)
    np.testing.assert_allclose(means, live.mean(1), atol=1e-12)
    np.testing.assert_allclose(covariances, np.cov(live, ddof=0), atol=1e-12)


def test_chunks_of_a_pilot_share_the_features_that_all_see() -> None:
    game = LoadBalancingGame.random(4, seed=1)
    for system, shared in ((game, True), (QUEUES, False)):
        policy = make_policy("uniform", system)
        one, two = (collect(system, policy, draw_noise(0, k, system, policy, 3)) for k in range(2))
        once = _features_once(two, one)
        assert (once.seen.features.data_ptr() == one.seen.features.data_ptr()) == shared
        assert torch.equal(once.seen.features, two.seen.features) and torch.equal(once.actions, two.actions)


def test_one_live_entry_is_its_own_mean() -> None:
    policy = make_policy("uniform", QUEUES)
    rollout = collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 1))
    first = torch.zeros_like(rollout.active)
    first.view(-1)[int(rollout.active.flatten().int().argmax())] = True
    pilot = [replace(rollout, active=first)]
    fitted = fit_credits([make_credit("return:raw")], pilot)
    means, covariances = value_moments(make_basis(fitted), pilot)
    assert means[0] == float(fitted[0](pilot[0])[first].sum()) != 0.0 and covariances.tolist() == [[0.0]]


def test_a_guided_credit_needs_no_pass_of_its_own() -> None:
    """Nine requested credits, four rolled through the network."""
    guided = [f"guided:{alpha}@{base}" for alpha in (0.2, 0.5) for base in ("return", "gae:central")]
    names = ["return", "return:raw", "guidance", "gae:central", *guided, "normalised@gae:central"]
    credits = [make_credit(name) for name in names]
    policy = make_policy("uniform", QUEUES)
    pilot = [collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 20))]
    basis = make_basis(fit_credits(credits, pilot))
    assert sorted(c.name for c in basis.credits) == ["gae:central", "guidance", "return", "score"]
    assert basis.weights.shape == (9, 4)


@dataclass
class Counting:
    """A base that counts how often it is fitted."""

    calls: list[int] = field(default_factory=list)
    name: str = "counting"
    keeps_states: bool = False

    def fit(self, pilot: Sequence[Rollout]) -> Counting:
        self.calls.append(len(pilot))
        return self

    def __call__(self, rollout: Rollout) -> Tensor:
        return rollout.active.double() * rollout.reward[..., None]


def test_a_shared_base_is_fitted_once() -> None:
    base = Counting()
    credits: list[Any] = [base, *(GuidedCredit(alpha, base) for alpha in (0.25, 0.5, 0.75))]
    check_credit(base, QUEUES)
    before = len(base.calls)
    m = measure_gradients(QUEUES, "uniform", credits, rollouts=8, progress=False)
    assert len(base.calls) == 2 * before + 1, "the measurement checks it once, then fits it once"
    assert set(m) == {"counting", "guided:0.25@counting", "guided:0.5@counting", "guided:0.75@counting"}
