"""The instrument against a plain recomputation from the same noise; seeds, chunks and memory."""

from __future__ import annotations

import gc
import itertools
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from dgpg_verify.core import Noise, Rollout, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement import (
    GradientMoments,
    accumulate,
    chunk_size,
    cross_agent,
    gradient_blocks,
    gradients,
    gradients_of,
    measure_gradients,
    pilot,
)
from dgpg_verify.measurement.pilot import pilot_rollouts
from dgpg_verify.measurement.request import Setup, make_setup, seeds_of
from dgpg_verify.policies import LinearPolicy, MLPPolicy, TabularPolicy, make_policy, n_features
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LoadBalancingGame, make_system
from dgpg_verify.testing import SmallQueues

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=3, discount=0.9)
GAME = LoadBalancingGame.random(4, seed=1, n_candidates=3)
POLICY = TabularPolicy(torch.linspace(-1.0, 1.0, 12, dtype=torch.float64).view(4, 3))
NAMES = ["return", "return:to_go", "guidance", "difference", "gae:central"]
R = 40
quiet = partial(measure_gradients, progress=False)


# ---- the whole pipeline, recomputed plainly ---------------------------------------------------------------------


def setup_of(system: Any, policy: Any, rollouts: int = R, seed: int = 0) -> Setup:
    return make_setup(system, policy, None, rollouts, seed, "cpu")


def replayed_noise(system: Any, policy: Any, seed: int, rollouts: int) -> list[Noise]:
    """The chunks of uniforms that a measurement with this seed draws."""
    main_seed = seeds_of(seed)["main"]
    size = min(chunk_size(system), max(1, rollouts // accumulate.GROUPS))
    starts = range(0, rollouts, size)
    return [draw_noise(main_seed, k, system, policy, min(size, rollouts - s)) for k, s in enumerate(starts)]


def recomputed(system: Any, policy: Any, seed: int) -> Tensor:
    """Gradients [C, R, N, P] by autograd of sum_t w_t log pi_t, roll-out by roll-out and agent by agent."""
    rollouts = pilot_rollouts(setup_of(system, policy, R, seed), [make_credit("branch")])
    credits = [make_credit(name).fit(rollouts) for name in NAMES]
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
    _check_ratios(m, covariance.sum(-1), signal.sum(-1), g, "difference" if case == "game" else "return:to_go")
    for name in NAMES:
        _same(m[name].alignment.value, _cosine(g, NAMES.index(name), 3 if case == "game" else 1))


def _check_ratios(m: Any, covariance: np.ndarray, signal: np.ndarray, g: np.ndarray, target: str) -> None:
    """Headline ratios from the pooled matrices, with the quietest unbiased credit as target."""
    t = NAMES.index(target)
    for c, name in enumerate(NAMES):
        own = t if name in ("return", "return:to_go", target) else c
        _same(m[name].noise_to_signal.value, covariance[c, c] / signal[own, own] if signal[own, own] > 0 else None)
        inner = max(0.0, signal[c, t])
        efficiency = inner**2 / (signal[t, t] * (covariance[c, c] + signal[c, c])) if _told(g[t]) else None
        _same(m[name].efficiency.value, efficiency)


def _inner(a: np.ndarray, b: np.ndarray) -> float:
    """Average over pairs of different roll-outs of <a, b>."""
    return float((a.sum(0) * b.sum(0)).sum() - (a * b).sum()) / (len(a) * (len(a) - 1))


def _jackknifed(values: list[float]) -> tuple[float, float, float]:
    """The value without bias, and the ends of its 95 % interval, from those of all and without each of 8 groups."""
    whole, parts = values[0], np.array(values[1:])
    half = stats.t.ppf(0.975, 7) * float(np.sqrt(7 / 8 * ((parts - parts.mean()) ** 2).sum()))
    centre = 8 * whole - 7 * float(parts.mean())
    return centre, centre - half, centre + half


def _subsets() -> list[np.ndarray]:
    everyone = np.arange(R)
    return [everyone, *(np.delete(everyone, slice(5 * k, 5 * k + 5)) for k in range(8))]


def _told(x: np.ndarray) -> bool:
    """Whether |E g|^2 is told from 0 by the interval of its estimate (about the estimate itself)."""
    values = [_inner(x[rows], x[rows]) for rows in _subsets()]
    _, low, high = _jackknifed(values)
    return values[0] > (high - low) / 2


def _cosine(g: np.ndarray, c: int, t: int) -> float | None:
    """cos(E g_c, E g_t), less its jackknife bias over the eight groups of five roll-outs; what a cosine can be."""
    if not (_told(g[c]) and _told(g[t])):
        return None
    if c == t:
        return 1.0

    def plain(rows: np.ndarray) -> float:
        x, y = g[c, rows], g[t, rows]
        return float(_inner(x, y) / (_inner(x, x) * _inner(y, y)) ** 0.5)

    centre, low, high = _jackknifed([plain(rows) for rows in _subsets()])
    return min(max(centre, -1.0), 1.0) if low <= 1.0 and high >= -1.0 else None


def _same(found: float | None, expected: float | None) -> None:
    assert (found is None) == (expected is None)
    assert found == pytest.approx(expected, rel=1e-7)


def test_the_interval_of_a_mean_variance_is_the_jackknifes() -> None:
    """Eight groups: Student's t with seven degrees of freedom, about the value itself."""
    m = quiet(GAME, POLICY, ["guidance"], rollouts=R)
    found = m["guidance"].mean_variance
    parts = [float(part.covariance[0, 0]) / 4 for part in m.agent.left_out]
    _, low, high = _jackknifed([found.value, *parts])
    assert len(parts) == 8 and found.high - found.value == pytest.approx((high - low) / 2, rel=1e-9)
    assert found.value - found.low == pytest.approx((high - low) / 2, rel=1e-9)


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
    assert len(set(seeds_of(0).values())) == 3
    rollouts = pilot_rollouts(setup_of(GAME, POLICY), [make_credit("return")])
    drawn = torch.cat([noise.agents for noise in replayed_noise(GAME, POLICY, 0, R)])
    assert not np.isin(rollouts[0].noise.agents.numpy(), drawn.numpy()).any()


def test_what_every_rollout_sees_is_kept_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A one-shot game shows all pilot chunks one table; queues show each roll-out its own."""
    monkeypatch.setattr(pilot, "chunk_size", lambda system: 1)
    for system, tables in ((GAME, 1), (QUEUES, 16)):
        rollouts = pilot_rollouts(setup_of(system, "uniform", 2), [make_credit("return")])
        assert len({rollout.seen.features.data_ptr() for rollout in rollouts}) == tables and len(rollouts) == 16
        for k, rollout in enumerate(rollouts):
            again = collect(system, rollout.policy, rollout.noise).seen.features
            assert torch.equal(rollout.seen.features, again), k


def test_tables_that_agree_in_one_rollout_alone_are_kept() -> None:
    policy = make_policy("uniform", QUEUES)
    first = collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 2))
    features = first.seen.features.clone()
    features[1] += 1.0
    changed = replace(first, seen=replace(first.seen, features=features))
    assert pilot._features_once(changed, first) is changed


def test_blocks_together_are_the_gradients() -> None:
    """A policy that hands over blocks, and one that has none, give what gradients_of gives."""
    for policy in (make_policy("mlp", QUEUES), make_policy("linear", QUEUES)):
        noise = draw_noise(0, 0, QUEUES, policy, 5)
        credits = [make_credit("guidance"), make_credit("score")]
        blocks = list(gradient_blocks(QUEUES, policy, credits, noise))
        assert blocks[0][0].start == 0 and blocks[-1][0].stop == QUEUES.n_agents
        assert torch.equal(torch.cat([g for _, g in blocks], dim=2), gradients_of(QUEUES, policy, credits, noise))


@pytest.mark.parametrize(("rollouts", "expected"), [(2, 16), (64, 16), (100, 25), (512, 128), (10_000, 128)])
def test_pilot_size(rollouts: int, expected: int) -> None:
    found = pilot_rollouts(setup_of(GAME, POLICY, rollouts), [make_credit("return")])
    assert sum(len(r.noise) for r in found) == expected


def test_chunk_size_depends_on_the_system_alone() -> None:
    assert chunk_size(GAME) == 256
    assert chunk_size(LoadBalancingGame.random(50_000, seed=0)) == 5
    assert chunk_size(QUEUES) == 256
    sizes = [(500, 40, 0), (500, 40, 1), (500, 40, 5), (10, 100, 20)]  # agents, steps, actions to choose from
    found = [chunk_size(SimpleNamespace(n_agents=n, horizon=t, n_actions=k)) for n, t, k in sizes]  # type: ignore[arg-type]
    assert found == [50, 50, 10, 50]


def test_the_usual_number_of_rollouts() -> None:
    assert quiet(GAME, POLICY, ["return"]).rollouts == 256


def test_number_of_credits_changes_no_random_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when many credits leave room for fewer jackknife groups, the roll-outs stay the same."""
    alone = quiet(GAME, POLICY, ["guidance"], rollouts=64, seed=1)
    monkeypatch.setattr(accumulate, "MAX_GROUP_VALUES", 100)  # two groups instead of eight
    crowded = quiet(GAME, POLICY, [*NAMES], rollouts=64, seed=1)
    np.testing.assert_allclose(crowded["guidance"].mean, alone["guidance"].mean, rtol=1e-11)
    np.testing.assert_allclose(crowded["guidance"].variance, alone["guidance"].variance, rtol=1e-11)
    assert len(crowded.agent.left_out) == 2 and crowded["guidance"].mean_variance.low is not None


def test_memory_does_not_grow_with_rollouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of all live tensors before the 10th, 30th and 60th chunk are the same."""
    held: dict[int, int] = {}
    calls = itertools.count()

    def spying(*args: Any) -> Any:
        number = next(calls)
        if number in (9, 29, 59):
            gc.collect()
            alive = [o for o in gc.get_objects() if issubclass(type(o), Tensor)]
            held[number] = sum(t.untyped_storage().nbytes() for t in alive)
        return gradient_blocks(*args)

    monkeypatch.setattr(gradients, "gradient_blocks", spying)
    monkeypatch.setattr(gradients, "chunks_at_once", lambda *_: (8, 1))
    quiet(GAME, POLICY, NAMES, rollouts=8 * 61)
    assert len(set(held.values())) == 1 and set(held) == {9, 29, 59}


@pytest.mark.parametrize("sharing", ["independent", "shared"])
@pytest.mark.parametrize("rollouts", [5, 21, 64])
def test_chunks_played_side_by_side_are_what_they_are_alone(
    sharing: Any, rollouts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups, and with them intervals, and the cross-agent share: as with one chunk, and one pair, after the other."""
    system = make_system("cloud", 6, seed=1, horizon=8)
    policy = MLPPolicy.random(6, n_features(system), seed=2, hidden=8, sharing=sharing)

    def measured() -> GradientMoments:
        return quiet(system, policy, ("return", "guidance"), rollouts=rollouts, seed=4, pick_freeze=3)

    together = measured()
    for room in (gradients, cross_agent):
        monkeypatch.setattr(room, "batches", lambda items, _: ([item] for item in items))
    alone = measured()
    for found, wanted in ((together.agent, alone.agent), (together.team, alone.team)):
        assert found.count == wanted.count == rollouts and len(found.left_out) == len(wanted.left_out)
        np.testing.assert_allclose(found.covariance, wanted.covariance, rtol=1e-5)
        for part, other in zip(found.left_out, wanted.left_out, strict=True):
            np.testing.assert_allclose(part.covariance, other.covariance, rtol=1e-5)
    assert together.frozen is not None and alone.frozen is not None
    np.testing.assert_allclose(together.frozen.products, alone.frozen.products, rtol=1e-5)
