"""Guided and normalised credits: the six settings, combinations, live entries only."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dgpg_verify.core import InputError, Rollout, draw_noise
from dgpg_verify.core.moments import MEASURED_SETTINGS
from dgpg_verify.credits import SETTINGS, GuidedCredit, NormalisedCredit, credit_sd, make_credit, setting_scales
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.testing import SmallQueues

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=4, discount=0.5)


def played(seed: int, size: int = 40) -> Rollout:
    policy = make_policy("uniform", QUEUES)
    return collect(QUEUES, policy, draw_noise(seed, 0, QUEUES, policy, size), keep_states=True)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("base", ["return", "gae:central", "difference"])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_guided_by_hand(setting: str, base: str, alpha: float) -> None:
    """(1 - alpha) s A + alpha g W with the setting's (s, g): sum (1, 1), mean (1/N, 1/N), mixed (1/N, 1),
    parts (1 / sd of A over live entries of the pilot, 1), both (1 / sd of A, 1 / sd of W)."""
    pilot, rollout = played(0), played(1)
    a, w = make_credit(base).fit([pilot]), make_credit("guidance").fit([pilot])
    sd = float(torch.cat([a(pilot)[pilot.active]]).std(correction=0))
    sd_w = float(torch.cat([w(pilot)[pilot.active]]).std(correction=0))
    scales = {"sum": (1.0, 1.0), "mean": (1 / 3, 1 / 3), "mixed": (1 / 3, 1.0), "parts": (1 / sd, 1.0)}
    s, g = (scales | {"both": (1 / sd, 1 / sd_w)})[setting]
    credit = make_credit(f"guided:{alpha}@{base}", setting).fit([pilot])
    torch.testing.assert_close(credit(rollout), (1 - alpha) * s * a(rollout) + alpha * g * w(rollout))
    assert setting_scales(setting, a, w, [pilot]) == pytest.approx((s, g))


@pytest.mark.parametrize("name", ["guided:0.3", "guided:0.3@gae:local", "return:raw", "normalised@return"])
@pytest.mark.parametrize("setting", MEASURED_SETTINGS)
def test_combination_adds_up_to_the_credit(name: str, setting: str) -> None:
    """What the measurement uses instead of a pass of its own: the weighted sum of parts is the credit."""
    pilot, rollout = played(0), played(1)
    credit = make_credit(name, setting).fit([pilot])
    total = sum(factor * part(rollout) for factor, part in credit.combination())  # type: ignore[attr-defined]
    torch.testing.assert_close(total, credit(rollout))


@pytest.mark.parametrize("base", ["return", "gae:local"])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_joint_is_mixed_and_then_normalised(base: str, alpha: float) -> None:
    """Minus its mean and over its standard deviation on the pilot, 0 where nobody is active."""
    pilot, rollout, name = [played(0), played(1)], played(2), f"guided:{alpha}@{base}"
    joint = make_credit(name, "joint").fit(pilot)
    normalised = NormalisedCredit(make_credit(name, "mixed")).fit(pilot)
    torch.testing.assert_close(joint(rollout), normalised(rollout), rtol=1e-12, atol=1e-12)
    assert joint.name == make_credit(name).name
    assert bool((joint(rollout)[~rollout.active] == 0).all())
    bare = replace(joint, offset=0.0)  # type: ignore[type-var]
    assert float((bare(rollout) - joint(rollout)).abs().max()) > (1e-2 if alpha else 0.0)


def test_normalised_credit_has_mean_0_and_sd_1_over_live_entries_of_the_pilot() -> None:
    """Inactive agents are padding: they enter neither mean nor sd, and stay 0."""
    pilot = [played(0), played(1)]
    credit = NormalisedCredit(make_credit("gae:local")).fit(pilot)
    live = torch.cat([credit(r)[r.active] for r in pilot])
    assert float(live.mean()) == pytest.approx(0.0, abs=1e-12)
    assert float(live.std(correction=0)) == pytest.approx(1.0, rel=1e-12)
    assert bool((credit(pilot[0])[~pilot[0].active] == 0).all())


def test_statistics_do_not_see_padding() -> None:
    """Changing what stands where nobody is active changes no scale."""

    class Padded:
        name, keeps_states = "padded", False

        def __init__(self, filler: float) -> None:
            self.filler = filler

        def fit(self, pilot: object) -> Padded:
            return self

        def __call__(self, rollout: Rollout) -> torch.Tensor:
            return torch.where(rollout.active, rollout.x.sum(-1, keepdim=True), self.filler)

    pilot = [played(0)]
    assert credit_sd(Padded(0.0), pilot) == credit_sd(Padded(1e6), pilot)
    assert NormalisedCredit(Padded(0.0)).fit(pilot).moments == NormalisedCredit(Padded(1e6)).fit(pilot).moments


def test_where_nobody_is_active_nothing_spreads() -> None:
    idle = [replace(played(0), active=torch.zeros_like(played(0).active))]
    assert credit_sd(make_credit("guidance"), idle) == 0.0
    assert NormalisedCredit(make_credit("guidance")).fit(idle).moments == (0.0, 1e-12)


def test_a_constant_credit_does_not_divide_by_zero() -> None:
    pilot = [replace(played(0), reward=torch.full((40, 4), -1.0, dtype=torch.float64))]
    for credit in (
        make_credit("guided:0.5", "parts"),
        make_credit("guided:0", "joint"),
        make_credit("normalised@return"),
    ):
        assert bool(credit.fit(pilot)(pilot[0]).isfinite().all())


def test_names_tell_base_and_guidance() -> None:
    assert make_credit("guided:0.50").name == "guided:0.5@return"
    assert make_credit("guided:0.5@gae:central+guidance:exact").name == "guided:0.5@gae:central+guidance:exact"
    assert make_credit("guided:0.5@return+guidance").name == "guided:0.5@return"
    assert make_credit("guided:0.5+guidance:exact").name == "guided:0.5@return+guidance:exact"


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_outside_its_range_is_refused(alpha: float) -> None:
    with pytest.raises(InputError, match="alpha"):
        GuidedCredit(alpha)


def test_unknown_setting_is_refused() -> None:
    with pytest.raises(InputError, match="setting"):
        make_credit("guided:0.5", setting="median")
