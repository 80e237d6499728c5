"""Exact and estimated targets, and whether the intervals of the measured ratios cover what enumeration says."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from dgpg_verify.core import Estimate
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.policies import LinearPolicy, TabularPolicy, make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LoadBalancingGame, make_system
from dgpg_verify.testing import SmallQueues, all_profiles

GAME = LoadBalancingGame.random(4, seed=1, n_candidates=3)
POLICY = TabularPolicy(torch.linspace(-1.0, 1.0, 12, dtype=torch.float64).view(4, 3))
QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=3, discount=0.9)
R = 40
quiet = partial(measure_gradients, progress=False)


def exact_moments(name: str) -> tuple[np.ndarray, float]:
    """Exact mean [N, P] and sum_i V_i of a credit that needs no fitting, over all profiles."""
    everything = all_profiles(GAME, POLICY)
    rollout = collect(GAME, POLICY, everything.noise, keep_states=True)
    g = POLICY.score_products(rollout, make_credit(name).fit([rollout])(rollout)[None])[0]
    mean = everything.mean(g)
    return mean.numpy(), float(everything.mean(((g - mean) ** 2).sum((-1, -2))))


def truths() -> dict[tuple[str, str], float]:
    """Exact noise-to-signal, efficiency and alignment of guidance and difference."""
    grad_j = exact_moments("difference")[0]
    out = {}
    for name in ("guidance", "difference"):
        mean, variance = exact_moments(name)
        own, joint, j2 = (mean**2).sum(), (mean * grad_j).sum(), (grad_j**2).sum()
        out[name, "noise_to_signal"] = variance / own
        out[name, "efficiency"] = max(0.0, joint) ** 2 / (j2 * (variance + own))
        out[name, "alignment"] = joint / np.sqrt(own * j2)
        out[name, "mean_variance"] = variance / 4
    return out


LEVEL, CONFIGURATIONS = 0.95, 200
# 1e-3 over the 8 comparisons: 95 % intervals miss between these counts out of 200
FEWEST, MOST = stats.binom.ppf([1e-3 / 16, 1 - 1e-3 / 16], CONFIGURATIONS, 1 - LEVEL)
Counts = dict[tuple[str, str], int]


@pytest.fixture(scope="module")
def misses(seed: int) -> tuple[Counts, Counts]:
    """Of 200 independent measurements, how many 95 % intervals leave the exact value out; and half as wide ones."""
    exact, target = truths(), exact_moments("difference")[0]
    full, half = dict.fromkeys(exact, 0), dict.fromkeys(exact, 0)
    for repeat in range(CONFIGURATIONS):
        m = quiet(GAME, POLICY, ["guidance", "difference"], rollouts=256, seed=1_000 * seed + repeat, target=target)
        for (name, field), truth in exact.items():
            e = getattr(m[name], field)
            if e.low is None:  # not told from 0: nothing is said, so nothing is missed
                continue
            full[name, field] += not e.low <= truth <= e.high
            half[name, field] += not (e.low + e.value) / 2 <= truth <= (e.high + e.value) / 2
    return full, half


def test_jackknife_intervals_cover_exact_values(misses: tuple[Counts, Counts]) -> None:
    """Intervals of quantities known by enumeration, at an exact target: misses within binomial bounds.

    False-alarm rate 1e-3 over all; a true coverage of 84 % would be seen with probability 0.94. The cosine of the
    target with itself varies by O(1/R) only, where no interval of this kind is exact: it may miss less often.
    """
    counts = dict(misses[0])
    assert counts.pop(("difference", "alignment")) <= MOST
    assert all(FEWEST <= count <= MOST for count in counts.values()), counts


def test_control_half_as_wide_intervals_miss_too_often(misses: tuple[Counts, Counts]) -> None:
    for field in ("noise_to_signal", "efficiency", "alignment", "mean_variance"):
        assert misses[1]["guidance", field] > MOST


@pytest.mark.parametrize("system", ["load_balancing", "cloud"])
def test_bounded_quantities_keep_their_bounds_where_signals_are_lost_in_noise(system: str, seed: int) -> None:
    """Few roll-outs of small fleets: a cosine of -31 came from two squared lengths that noise had made negative.

    A credit against itself has cosine 1 or none; nothing else leaves its bounds, nor does an end of its interval.
    """
    options = {"horizon": 4, "n_candidates": 3} if system == "cloud" else {}
    for repeat in range(12):
        fleet = make_system(system, 4, seed=100 * seed + repeat, **options)
        m = quiet(fleet, "uniform", ["return", "guidance", "guided:0.5"], rollouts=32, seed=repeat, pick_freeze=4)
        assert m["return"].alignment.value in (None, 1.0)
        for credit in m.values():
            parts = [credit, credit.team]
            _inside([part.alignment for part in parts], -1.0, 1.0)
            _inside([part.efficiency for part in parts], 0.0, 1.0)
            _inside([credit.mean_variance, *(part.noise_to_signal for part in parts)], 0.0, np.inf)
            assert credit.cross_agent_share is None or 0.0 <= credit.cross_agent_share <= 1.0


def test_a_credit_against_itself_is_exactly_1() -> None:
    m = quiet(GAME, POLICY, ["guidance", "difference"], rollouts=256)
    assert m["difference"].alignment == m["difference"].team.alignment == Estimate(1.0, 1.0, 1.0, 0.95, 256)
    assert m["guidance"].alignment.value < 1.0


def _inside(estimates: list[Any], least: float, most: float) -> None:
    for e in estimates:
        assert all(end is None or least <= end <= most for end in (e.value, e.low, e.high)), e


def test_estimated_target_agrees_with_the_exact_one(seed: int) -> None:
    """Without a target the quietest unbiased credit stands in: efficiencies agree within their joint intervals.

    Two 99.99 % t intervals (from the 95 % ones, 7 degrees of freedom): false-alarm rate below 4e-4 for two credits.
    """
    wide = stats.t.ppf(1 - 5e-5, 7) / stats.t.ppf(0.975, 7)
    exact = quiet(
        GAME, POLICY, ["guidance", "difference"], rollouts=4096, seed=seed, target=exact_moments("difference")[0]
    )
    plain = quiet(GAME, POLICY, ["guidance", "difference"], rollouts=4096, seed=seed)
    for name in ("guidance", "difference"):
        a, b = exact[name].efficiency, plain[name].efficiency
        assert abs(a.value - b.value) <= wide * (a.high - a.low + b.high - b.low) / 2
        assert a.high - a.low < 0.2  # enough roll-outs for the comparison to mean something


def test_exact_target_with_shared_parameters() -> None:
    """grad J comes per agent [N, P]; the team's update is compared with its sum over agents."""
    policy = LinearPolicy(torch.tensor([0.5, -1.0, 0.25, 0.75], dtype=torch.float64), "shared")
    target = np.linspace(-1.0, 2.0, 16).reshape(4, 4)
    m = quiet(GAME, policy, ["guidance"], rollouts=R, seed=2, target=target)["guidance"]
    total, mean = target.sum(0), m.mean.sum(0)
    below = (total**2).sum() * (m.team.variance + m.team.signal_squared)
    assert m.team.efficiency.value == pytest.approx(max(0.0, mean @ total) ** 2 / below, rel=1e-9)
    below = (target**2).sum() * (m.variance + m.signal_squared).sum()
    assert m.efficiency.value == pytest.approx(max(0.0, (m.mean * target).sum()) ** 2 / below, rel=1e-9)


def test_default_target_is_the_quietest_unbiased_credit() -> None:
    """difference is unbiased in a one-shot game and not over several steps; branch is at any horizon."""
    for system, names, expected in (
        (GAME, ["return", "difference"], "difference"),
        (QUEUES, ["return", "difference"], "return"),
        (QUEUES, ["return", "branch", "return:to_go"], "branch"),
    ):
        policy = make_policy("uniform", system)
        chosen = quiet(system, policy, names, rollouts=32)
        named = quiet(system, policy, names, rollouts=32, target=expected)
        for name in names:
            assert chosen[name].efficiency == named[name].efficiency
    assert quiet(QUEUES, "uniform", ["guidance", "difference"], rollouts=16)["guidance"].efficiency is None


def test_a_target_that_is_not_requested_is_measured_beside() -> None:
    m = quiet(GAME, POLICY, ["guidance"], rollouts=64, target="difference")
    both = quiet(GAME, POLICY, ["guidance", "difference"], rollouts=64)
    assert list(m) == ["guidance"] and m["guidance"].efficiency.value == pytest.approx(
        both["guidance"].efficiency.value, rel=1e-9
    )


def test_two_rollouts_give_no_interval() -> None:
    """Without either half nothing is left to take a variance of: no interval, rather than one of width zero."""
    m = quiet(GAME, POLICY, ["return", "guidance"], rollouts=2)
    for estimate in (m["guidance"].mean_variance, m["guidance"].noise_to_signal, m.optimal_alpha()):
        assert estimate.low is None and estimate.high is None and estimate.n == 2
