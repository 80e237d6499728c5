"""The instrument against a plain recomputation from the same noise; seeds, chunks, memory, targets, bad input."""

from __future__ import annotations

import gc
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from dgpg_verify.core import InputError, Noise, NonFiniteError, Rollout, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement import accumulate, chunk_size, gradients, gradients_of, measure_gradients
from dgpg_verify.policies import LinearPolicy, TabularPolicy, make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.strategies import SmallQueues, all_profiles
from dgpg_verify.systems import LoadBalancingGame

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=3, discount=0.9)
GAME = LoadBalancingGame.random(4, seed=1, n_candidates=3)
POLICY = TabularPolicy(torch.linspace(-1.0, 1.0, 12, dtype=torch.float64).view(4, 3))
NAMES = ["return", "return:to_go", "guidance", "difference", "gae:central"]
R = 40


def quiet(*args: Any, **options: Any) -> Any:
    return measure_gradients(*args, progress=False, **options)


# ---- the whole pipeline, recomputed plainly ---------------------------------------------------------------------


def replayed_noise(system: Any, policy: Any, seed: int, rollouts: int) -> list[Noise]:
    """The chunks of uniforms that a measurement with this seed draws."""
    main_seed = gradients._streams(seed)[0]
    size = min(chunk_size(system), max(1, rollouts // accumulate.GROUPS))
    starts = range(0, rollouts, size)
    return [draw_noise(main_seed, k, system, policy, min(size, rollouts - s)) for k, s in enumerate(starts)]


def recomputed(system: Any, policy: Any, seed: int) -> Tensor:
    """Gradients [C, R, N, P] by autograd of sum_t w_t log pi_t, roll-out by roll-out and agent by agent."""
    pilot = gradients._pilot(system, policy, [make_credit("branch")], R, gradients._streams(seed)[1], "cpu")
    credits = [make_credit(name).fit(pilot) for name in NAMES]
    blocks = []
    for noise in replayed_noise(system, policy, seed, R):
        rollout = collect(system, policy, noise, keep_states=True)
        blocks.append(torch.stack([_by_autograd(rollout, policy, credit(rollout)) for credit in credits]))
    return torch.cat(blocks, dim=1)


def _by_autograd(rollout: Rollout, policy: Any, weights: Tensor) -> Tensor:
    theta = policy.parameters.clone().requires_grad_(True)
    log_prob = type(policy)(theta, policy.sharing).log_prob(rollout.seen, rollout.actions)
    b, _, n = weights.shape
    out = torch.zeros(b, n, theta.shape[-1], dtype=torch.float64)
    for row, agent in itertools.product(range(b), range(n)):
        gradient = torch.autograd.grad((weights * log_prob)[row, :, agent].sum(), theta, retain_graph=True)[0]
        out[row, agent] = gradient[agent] if theta.ndim == 2 else gradient
    return out


@pytest.mark.parametrize("sharing", ["independent", "shared"])
@pytest.mark.parametrize("case", ["game", "queues"])
def test_every_moment_equals_its_definition(case: str, sharing: Any) -> None:
    system = GAME if case == "game" else QUEUES
    policy = make_policy("linear", system, sharing=sharing)
    policy = LinearPolicy(policy.parameters + 0.3, sharing)
    m = quiet(system, policy, NAMES, rollouts=R, seed=5)
    g = recomputed(system, policy, 5).numpy()
    mean = g.mean(1)
    centred = g - mean[:, None]
    covariance = np.einsum("crnp,drnp->cdn", centred, centred) / (R - 1)
    signal = np.einsum("cnp,dnp->cdn", mean, mean) - covariance / R
    team = g.sum(2, keepdims=True) if sharing == "shared" else g
    for c, name in enumerate(NAMES):
        found = m[name]
        np.testing.assert_allclose(found.mean, mean[c], rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(found.variance, covariance[c, c], rtol=1e-9)
        np.testing.assert_allclose(found.signal_squared, signal[c, c], rtol=1e-7, atol=1e-10)
        np.testing.assert_allclose(m.covariance(name, "guidance"), covariance[c, 2], rtol=1e-8, atol=1e-9)
        t_mean = team[c].mean(0)
        t_variance = ((team[c] - t_mean) ** 2).sum() / (R - 1)
        assert found.team.variance == pytest.approx(t_variance, rel=1e-9)
        assert found.team.signal_squared == pytest.approx((t_mean**2).sum() - t_variance / R, rel=1e-7, abs=1e-10)
    assert m.rollouts == R
    _check_ratios(m, covariance.sum(-1), signal.sum(-1), "difference" if case == "game" else "return:to_go")
    for name in NAMES:
        _same(m[name].alignment.value, _cosine(g, NAMES.index(name), 3 if case == "game" else 1))


def _check_ratios(m: Any, covariance: np.ndarray, signal: np.ndarray, target: str) -> None:
    """Headline ratios from the pooled matrices, with the quietest unbiased credit as target."""
    t = NAMES.index(target)
    for c, name in enumerate(NAMES):
        own = t if name in ("return", "return:to_go", target) else c
        _same(m[name].noise_to_signal.value, covariance[c, c] / signal[own, own] if signal[own, own] > 0 else None)
        if signal[t, t] > 0:
            inner = max(0.0, signal[c, t])
            _same(m[name].efficiency.value, inner**2 / (signal[t, t] * (covariance[c, c] + signal[c, c])))


def _cosine(g: np.ndarray, c: int, t: int) -> float | None:
    """cos(E g_c, E g_t), less its jackknife bias over the eight groups of five roll-outs (where all are defined)."""

    def plain(rows: np.ndarray) -> float:
        x, y, count = g[c, rows], g[t, rows], len(rows)

        def inner(a: np.ndarray, b: np.ndarray) -> float:  # average over pairs of different roll-outs
            return float((a.sum(0) * b.sum(0)).sum() - (a * b).sum()) / (count * (count - 1))

        below = inner(x, x) * inner(y, y)
        return inner(x, y) / below**0.5 if inner(x, x) > 0 and inner(y, y) > 0 else float("nan")

    everyone = np.arange(R)
    whole, parts = plain(everyone), [plain(np.delete(everyone, slice(5 * k, 5 * k + 5))) for k in range(8)]
    if not np.isfinite(whole):
        return None
    return 8 * whole - 7 * float(np.mean(parts)) if np.isfinite(parts).all() else whole


def _same(found: float | None, expected: float | None) -> None:
    assert (found is None) == (expected is None)
    assert found == pytest.approx(expected, rel=1e-7)


def test_shared_team_update_is_the_gradient_of_the_joint_log_probability() -> None:
    """With shared parameters the update is grad_theta of sum_i w_i log pi(a_i): one backward pass for each roll-out."""
    policy = LinearPolicy(torch.tensor([0.5, -1.0, 0.25, 0.75], dtype=torch.float64), "shared")
    credit = make_credit("guidance")
    rows = []
    for noise in replayed_noise(GAME, policy, 2, R):
        rollout = collect(GAME, policy, noise)
        theta = policy.parameters.clone().requires_grad_(True)
        joint = (credit(rollout) * LinearPolicy(theta, "shared").log_prob(rollout.seen, rollout.actions)).sum((1, 2))
        rows += [torch.autograd.grad(value, theta, retain_graph=True)[0] for value in joint]
    g = torch.stack(rows).numpy()
    m = quiet(GAME, policy, ["guidance"], rollouts=R, seed=2)["guidance"]
    assert m.team.variance == pytest.approx(g.var(0, ddof=1).sum(), rel=1e-9)
    assert m.team.variance != pytest.approx(m.variance.sum(), rel=1e-3)  # it is no sum over agents
    np.testing.assert_allclose(m.mean.sum(0), g.mean(0), rtol=1e-9, atol=1e-12)


def test_independent_team_is_the_stack_of_all_agents() -> None:
    m = quiet(GAME, POLICY, ["guidance"], rollouts=R)["guidance"]
    assert m.team.variance == pytest.approx(m.variance.sum(), rel=1e-12)
    assert m.team.noise_to_signal == m.noise_to_signal
    assert m.mean_variance.value == pytest.approx(m.variance.mean(), rel=1e-12)


# ---- seeds, chunks, memory --------------------------------------------------------------------------------------


def test_same_seed_same_numbers_other_seed_other_numbers() -> None:
    one, again, other = (quiet(QUEUES, "mlp", NAMES, rollouts=24, seed=s, pick_freeze=4) for s in (3, 3, 4))
    for name in NAMES:
        assert np.array_equal(one[name].variance, again[name].variance)
        assert one[name].noise_to_signal == again[name].noise_to_signal
        assert one[name].cross_agent_share == again[name].cross_agent_share
        assert not np.array_equal(one[name].variance, other[name].variance)


def test_pilot_and_measured_rollouts_are_different() -> None:
    """No roll-out serves both for the baseline and for the moments."""
    main, pilot, freeze = gradients._streams(0)
    assert len({main, pilot, freeze}) == 3
    rollouts = gradients._pilot(GAME, POLICY, [make_credit("return")], R, pilot, "cpu")
    drawn = torch.cat([noise.agents for noise in replayed_noise(GAME, POLICY, 0, R)])
    assert not np.isin(rollouts[0].noise.agents.numpy(), drawn.numpy()).any()


@pytest.mark.parametrize(("rollouts", "expected"), [(2, 16), (64, 16), (100, 25), (512, 128), (10_000, 128)])
def test_pilot_size(rollouts: int, expected: int) -> None:
    pilot = gradients._pilot(GAME, POLICY, [make_credit("return")], rollouts, 0, "cpu")
    assert sum(len(r.noise) for r in pilot) == expected


def test_chunk_size_depends_on_the_system_alone() -> None:
    assert chunk_size(GAME) == 256
    assert chunk_size(LoadBalancingGame.random(50_000, seed=0)) == 5
    assert chunk_size(QUEUES) == 256


def test_number_of_credits_changes_no_random_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when many credits leave room for fewer jackknife groups, the roll-outs stay the same."""
    alone = quiet(GAME, POLICY, ["guidance"], rollouts=64, seed=1)
    monkeypatch.setattr(accumulate, "MAX_GROUP_VALUES", 100)  # two groups instead of eight
    crowded = quiet(GAME, POLICY, [*NAMES], rollouts=64, seed=1)
    np.testing.assert_allclose(crowded["guidance"].mean, alone["guidance"].mean, rtol=1e-11)
    np.testing.assert_allclose(crowded["guidance"].variance, alone["guidance"].variance, rtol=1e-11)


def test_memory_does_not_grow_with_rollouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of all live tensors before the 10th, 30th and 60th chunk are the same."""
    held: dict[int, int] = {}
    calls = itertools.count()

    def spying(*args: Any) -> Tensor:
        number = next(calls)
        if number in (9, 29, 59):
            gc.collect()
            alive = [o for o in gc.get_objects() if issubclass(type(o), Tensor)]
            held[number] = sum(t.untyped_storage().nbytes() for t in alive)
        return gradients_of(*args)

    monkeypatch.setattr(gradients, "gradients_of", spying)
    monkeypatch.setattr(gradients, "chunk_size", lambda system: 8)
    quiet(GAME, POLICY, NAMES, rollouts=8 * 61)
    assert len(set(held.values())) == 1 and set(held) == {9, 29, 59}


# ---- targets and intervals --------------------------------------------------------------------------------------


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
            full[name, field] += abs(truth - e.value) > (e.high - e.low) / 2
            half[name, field] += abs(truth - e.value) > (e.high - e.low) / 4
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


# ---- names and bad input ----------------------------------------------------------------------------------------


def test_names_as_asked_and_canonical_both_work() -> None:
    m = quiet(GAME, POLICY, ["guided:0.50", "return:centred"], rollouts=8)
    assert m["guided:0.50"].name == "guided:0.5@return" and m["return:centred"].name == "return"
    assert np.array_equal(m["guided:0.50"].variance, m["guided:0.5@return"].variance)
    assert "guided:0.50" in m and "return" in m and "nonsense" not in m and len(m) == 2
    with pytest.raises(InputError, match="nonsense"):
        m["nonsense"]


def test_systems_and_policies_by_name() -> None:
    m = quiet("load_balancing", "heuristic:random:1", ["return"], agents=5, rollouts=8, seed=2)
    assert m["return"].variance.shape == (5,)
    game = LoadBalancingGame.random(5, seed=2)
    same = quiet(game, make_policy("heuristic:random:1", game, 2), ["return"], rollouts=8, seed=2)
    assert np.array_equal(m["return"].variance, same["return"].variance)


GOOD = {"system": GAME, "policy": POLICY, "credits": ["return"], "rollouts": 8}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"rollouts": 1}, "rollouts"), ({"rollouts": 2.5}, "rollouts"), ({"seed": -1}, "seed"), ({"seed": "x"}, "seed"),
        ({"pick_freeze": -1}, "pick_freeze"), ({"setting": "median"}, "setting"), ({"device": "tpu"}, "device"),
        ({"device": "cudnn"}, "device"), ({"credits": []}, "credits"), ({"credits": ["return", "return"]}, "return"),
        ({"credits": ["return", "return:centred"]}, "more than once"), ({"credits": ["nope"]}, "nope"),
        ({"policy": "nope"}, "nope"), ({"system": "nope"}, "nope"), ({"agents": 9}, "agents"),
        ({"system": "load_balancing", "agents": 0}, "agents"), ({"target": "nope"}, "nope"),
        ({"target": "return:raw"}, "target"), ({"target": np.zeros((3, 3))}, "target"),
        ({"target": np.full((4, 3), np.nan)}, "target"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_any_work(
    changes: dict[str, Any], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_work(*args: Any) -> None:
        raise AssertionError("work was started")

    monkeypatch.setattr(gradients, "_pilot", no_work)
    with pytest.raises(InputError, match=word):
        quiet(**(GOOD | changes))


def test_a_credit_that_is_not_finite_is_named() -> None:
    class Broken:
        name, keeps_states = "broken", False

        def fit(self, pilot: Any) -> Broken:
            return self

        def __call__(self, rollout: Rollout) -> Tensor:
            weights = rollout.active.double()
            weights[1, 0, 2] = float("nan")
            return weights

    with pytest.raises(NonFiniteError, match=r"\[0, 1, 0, 2\]"):
        gradients_of(GAME, POLICY, [Broken()], draw_noise(0, 0, GAME, POLICY, 4))


def test_constant_reward_has_no_signal_and_is_not_measurable() -> None:
    """Control: a reward that does not depend on actions gives variance 0 and no ratio, never a NaN."""
    flat = replace(GAME, weights=torch.zeros_like(GAME.weights))
    m = quiet(flat, POLICY, ["return", "difference"], rollouts=32)
    for name in m:
        assert float(m[name].variance.max()) < 1e-25
        assert m[name].noise_to_signal.value is None or m[name].noise_to_signal.value < 1e-6
