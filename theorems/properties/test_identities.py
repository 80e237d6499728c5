"""Identities of the guided credit: alpha = 0 and 1, V(alpha), the minimising alpha, and what is free of noise.

Where bits are compared, nothing is rounded differently on the two sides. V(alpha) is compared up to rounding: at
most 81 squared terms, so 1e-10 of the largest second moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from dgpg_verify.core import Credit, Noise, Rollout, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.policies import SoftmaxPolicy, TabularPolicy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.testing import (
    EXACT,
    all_profiles,
    cloud_systems,
    game_and_policy,
    grid,
    noise_seeds,
    softmax_policies,
    team_and_policy,
)

CLAIMS = ("C1",)  # whose runs include these checks, see --claims

ROUNDING = 1e-10
BASES = ("return", "return:raw", "return:to_go", "difference", "gae:central", "gae:local", "normalised@return")
Case = tuple[Any, Any]


def played(system: Any, policy: Any, seed: int, size: int = 6) -> Rollout:
    return collect(system, policy, draw_noise(seed, 0, system, policy, size), keep_states=True)


def games_and_teams() -> st.SearchStrategy[Case]:
    return st.one_of(game_and_policy(kinds=("tabular", "linear", "mlp")), team_and_policy())


@st.composite
def clouds(draw: st.DrawFn) -> Case:
    system = draw(cloud_systems(max_agents=3, max_horizon=4))
    return system, draw(softmax_policies(system))


def fitted(name: str, pilot: Rollout) -> Credit:
    return make_credit(name).fit([pilot])


# ---- alpha = 0 and alpha = 1 ---------------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
@EXACT
@given(case=games_and_teams(), seed=noise_seeds())
def test_alpha_zero_is_the_base_bit_for_bit(base: str, case: Case, seed: int) -> None:
    pilot, rollout = played(*case, seed), played(*case, seed + 1)
    assert torch.equal(fitted(f"guided:0@{base}", pilot)(rollout), fitted(base, pilot)(rollout))


@pytest.mark.parametrize("guidance", ["guidance", "guidance:exact", "guidance:observed"])
@EXACT
@given(case=games_and_teams(), seed=noise_seeds())
def test_alpha_one_is_the_guidance_bit_for_bit(guidance: str, case: Case, seed: int) -> None:
    pilot, rollout = played(*case, seed), played(*case, seed + 1)
    mixed = fitted(f"guided:1@return+{guidance}", pilot)
    assert torch.equal(mixed(rollout), fitted(guidance, pilot)(rollout))


@pytest.mark.parametrize("base", ["return", "return:to_go", "difference", "gae:central", "gae:local"])
@EXACT
@given(case=clouds(), seed=noise_seeds())
def test_both_ends_on_the_cloud_bit_for_bit(base: str, case: Case, seed: int) -> None:
    """Over several steps, with inactive dispatchers and masks: alpha = 0 is the base, alpha = 1 the guidance."""
    pilot, rollout = played(*case, seed), played(*case, seed + 1)
    for guidance in ("guidance", "guidance:exact"):
        assert torch.equal(fitted(f"guided:0@{base}+{guidance}", pilot)(rollout), fitted(base, pilot)(rollout))
        assert torch.equal(fitted(f"guided:1@{base}+{guidance}", pilot)(rollout), make_credit(guidance)(rollout))


@EXACT
@given(case=game_and_policy(min_agents=2), seed=noise_seeds())
def test_settings_scale_the_two_ends(case: Case, seed: int) -> None:
    """mean and mixed divide the base by N, mean divides the guidance too, parts leaves the guidance alone."""
    pilot, rollout, n = played(*case, seed), played(*case, seed + 1), case[0].n_agents
    base, guidance = fitted("return", pilot)(rollout), fitted("guidance", pilot)(rollout)
    expected = {"sum": (1.0, 1.0), "mean": (1.0 / n, 1.0 / n), "mixed": (1.0 / n, 1.0)}
    for setting, (s, g) in expected.items():
        assert torch.equal(make_credit("guided:0", setting).fit([pilot])(rollout), s * base)
        assert torch.equal(make_credit("guided:1", setting).fit([pilot])(rollout), g * guidance)
    assert torch.equal(make_credit("guided:1", "parts").fit([pilot])(rollout), guidance)


def test_control_alpha_zero_would_notice_a_trace_of_guidance() -> None:
    game = LoadBalancingGame.random(3, seed=2)
    policy = TabularPolicy(torch.zeros(3, 3, dtype=torch.float64))
    pilot = played(game, policy, 0)
    assert not torch.equal(fitted("guided:1e-15", pilot)(pilot), fitted("return", pilot)(pilot))


# ---- V(alpha) ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Opaque:
    """A credit measured directly: it hides that it is a combination of others."""

    inner: Credit
    name: str
    keeps_states: bool = True

    def fit(self, pilot: Sequence[Rollout]) -> Opaque:
        return Opaque(self.inner.fit(pilot), self.name)

    def __call__(self, rollout: Rollout) -> Tensor:
        return self.inner(rollout)


def exact_covariances(game: Any, policy: Any, names: Sequence[str]) -> tuple[Tensor, float]:
    """tr Cov of the named credits per agent, [C, C, N], over all profiles; and the largest second moment."""
    everything = all_profiles(game, policy)
    rollout = collect(game, policy, everything.noise, keep_states=True)
    weights = torch.stack([fitted(name, rollout)(rollout) for name in names])
    gradients = policy.score_products(rollout, weights)  # [C, B, N, P]
    centred = gradients - everything.mean(gradients, dim=1)[:, None]
    covariance = torch.einsum("cbnp,dbnp,b->cdn", centred, centred, everything.probability)
    return covariance, 1.0 + float((gradients**2).sum(-1).max())


@EXACT
@given(case=game_and_policy(min_agents=2), alpha=grid(0.0, 1.0, step=0.0625))
def test_variance_of_the_mixture_is_a_parabola(case: tuple[LoadBalancingGame, SoftmaxPolicy], alpha: float) -> None:
    """V(alpha) = (1 - alpha)^2 V_PG + alpha^2 V_G + 2 alpha (1 - alpha) C, for every agent of every fleet."""
    covariance, largest = exact_covariances(*case, ["return", "guidance", f"guided:{alpha}"])
    v_pg, v_g, c = covariance[0, 0], covariance[1, 1], covariance[0, 1]
    predicted = (1 - alpha) ** 2 * v_pg + alpha**2 * v_g + 2 * alpha * (1 - alpha) * c
    assert float((covariance[2, 2] - predicted).abs().max()) <= ROUNDING * largest


@EXACT
@given(case=game_and_policy(min_agents=2), alpha=grid(0.0, 1.0, step=0.0625))
def test_mixture_is_never_quieter_than_the_trade_off_bound(
    case: tuple[LoadBalancingGame, SoftmaxPolicy], alpha: float
) -> None:
    """V(alpha) >= ((1 - alpha) sqrt V_PG - alpha sqrt V_G)^2 (Cauchy-Schwarz): fixed alpha cannot hide Theta(N)."""
    covariance, largest = exact_covariances(*case, ["return", "guidance", f"guided:{alpha}"])
    sd_pg, sd_g = covariance[0, 0].clamp(min=0).sqrt(), covariance[1, 1].clamp(min=0).sqrt()
    bound = ((1 - alpha) * sd_pg - alpha * sd_g) ** 2
    assert bool((covariance[2, 2] >= bound - ROUNDING * largest).all())


@EXACT
@given(case=game_and_policy(min_agents=2), alpha=grid(0.0, 1.0, step=0.125), seed=noise_seeds())
def test_measured_mixture_equals_its_parts(
    case: tuple[LoadBalancingGame, SoftmaxPolicy], alpha: float, seed: int
) -> None:
    """In the measurement too: a guided credit measured directly has the moments that its two parts imply."""
    name = f"guided:{alpha}"
    credits = ["return", "guidance", name, Opaque(make_credit(name), "opaque")]
    m = measure_gradients(*case, credits, rollouts=24, seed=seed, progress=False)
    v_pg, v_g, c = m["return"].variance, m["guidance"].variance, m.covariance("return", "guidance")
    predicted = (1 - alpha) ** 2 * v_pg + alpha**2 * v_g + 2 * alpha * (1 - alpha) * c
    tolerance = ROUNDING * (1.0 + v_pg + v_g)
    assert (np.abs(m["opaque"].variance - predicted) <= tolerance).all()
    assert (np.abs(m[name].variance - m["opaque"].variance) <= tolerance).all()
    typical = 1.0 + np.abs(m["return"].mean).max() + np.abs(m["guidance"].mean).max() + np.sqrt(v_pg + v_g).max()
    assert np.abs(m[name].mean - m["opaque"].mean).max() <= ROUNDING * typical


@EXACT
@given(case=game_and_policy(min_agents=2), seed=noise_seeds())
def test_optimal_alpha_beats_every_other(case: tuple[LoadBalancingGame, SoftmaxPolicy], seed: int) -> None:
    """The clipped minimiser is at least as good as 101 alphas on the same moments."""
    m = measure_gradients(*case, ["return", "guidance"], rollouts=24, seed=seed, progress=False)
    v_pg, v_g, c = (
        float(v.sum()) for v in (m["return"].variance, m["guidance"].variance, m.covariance("return", "guidance"))
    )
    best = m.optimal_alpha("return").value
    assume(best is not None)

    def variance(alpha: float) -> float:
        return (1 - alpha) ** 2 * v_pg + alpha**2 * v_g + 2 * alpha * (1 - alpha) * c

    assert best is not None and 0.0 <= best <= 1.0
    assert variance(best) <= min(variance(a) for a in np.linspace(0.0, 1.0, 101)) + ROUNDING * (1.0 + v_pg + v_g)


# ---- what is noise-free, and what depends only on neighbours --------------------------------------------------


def others_redrawn(case: Case, seed: int, kept: Tensor) -> tuple[Rollout, Rollout]:
    """Two roll-outs on the same uniforms of the agents in `kept`, and fresh ones for everybody else."""
    game, policy = case
    noise = draw_noise(seed, 0, game, policy, 6)
    other = noise.freeze(draw_noise(seed, 1, game, policy, 6), kept)
    return tuple(collect(game, policy, z, keep_states=True) for z in (noise, other))  # type: ignore[return-value]


def only(agent: int, n_agents: int) -> Tensor:
    return torch.arange(n_agents) == agent


@EXACT
@given(case=game_and_policy(min_agents=2), seed=noise_seeds(), data=st.data())
def test_observed_guidance_ignores_the_others(case: Case, seed: int, data: st.DataObject) -> None:
    """C1.2(a): with x as observed before acting, an agent's guidance gradient does not change, bit for bit, when
    everybody else's randomness is redrawn."""
    agent = data.draw(st.integers(0, case[0].n_agents - 1))
    first, second = others_redrawn(case, seed, only(agent, case[0].n_agents))
    credit = make_credit("guidance:observed")
    g, h = (case[1].score_products(r, credit(r)[None])[0, :, agent] for r in (first, second))
    assert torch.equal(g, h)


def test_control_simultaneous_guidance_is_not_noise_free() -> None:
    """The same check on the state after all actions fails: agents that share a server disturb each other."""
    game = LoadBalancingGame.random(4, seed=0, n_candidates=3)
    case = (game, TabularPolicy(torch.zeros(4, 3, dtype=torch.float64)))
    first, second = others_redrawn(case, 0, only(0, 4))
    credit = make_credit("guidance")
    g, h = (case[1].score_products(r, credit(r)[None])[0, :, 0] for r in (first, second))
    assert not torch.equal(g, h)


@EXACT
@given(case=game_and_policy(min_agents=2, costs=("quadratic", "delay", "mm1")), seed=noise_seeds(), data=st.data())
def test_local_credits_depend_on_neighbours_only(case: Case, seed: int, data: st.DataObject) -> None:
    """Guidance and, when the cost is a sum over servers, the exact difference reward do not change when agents
    that share no candidate server with i are redrawn: why both are O(1) on sparse graphs."""
    game = case[0]
    agent = data.draw(st.integers(0, game.n_agents - 1))
    shared = (game.candidates[:, :, None] == game.candidates[agent].view(1, 1, -1)).any(-1).any(-1)
    assume(not bool(shared.all()))
    first, second = others_redrawn(case, seed, shared)
    for name in ("guidance", "guidance:exact"):
        credit = make_credit(name)
        assert torch.equal(credit(first)[..., agent], credit(second)[..., agent])
    difference = make_credit("difference")
    gap = (difference(first) - difference(second))[..., agent].abs().max()
    assert float(gap) <= ROUNDING * (1.0 + float(first.reward.abs().max() + second.reward.abs().max()))


def test_control_the_shared_return_depends_on_everyone() -> None:
    """Two agents on separate servers: the return of one changes with the other's draw, its guidance does not."""
    one = torch.ones(4, dtype=torch.float64)
    game = LoadBalancingGame(
        jobs=torch.tensor([1.0, 2.0], dtype=torch.float64),
        capacity=torch.tensor([1.0, 2.0, 1.0, 2.0], dtype=torch.float64),
        background=0 * one,
        candidates=torch.tensor([[0, 1], [2, 3]]),
        weights=one,
        target=one,
        reference_state=one,
    )
    case = (game, TabularPolicy(torch.zeros(2, 2, dtype=torch.float64)))
    first, second = others_redrawn(case, 0, only(0, 2))
    assert torch.equal(make_credit("guidance")(first)[..., 0], make_credit("guidance")(second)[..., 0])
    raw = make_credit("return:raw")
    assert not torch.equal(raw(first)[..., 0], raw(second)[..., 0])


# ---- common random numbers -----------------------------------------------------------------------------------


@EXACT
@given(case=game_and_policy(), seed=noise_seeds())
def test_further_credits_leave_the_numbers_of_a_credit_alone(case: Case, seed: int) -> None:
    """One set of roll-outs and scores serves all credits: measuring more of them changes nothing in the others
    (up to rounding: a batched product may sum in another order; other random numbers would be seen at once)."""
    names = ["return", "guidance"]
    alone = measure_gradients(*case, names, rollouts=12, seed=seed, progress=False)
    together = measure_gradients(
        *case, ["difference", *names, "guidance:exact"], rollouts=12, seed=seed, progress=False
    )
    for name in names:
        spread = 1.0 + np.abs(alone[name].mean).max() ** 2 + alone[name].variance.max()
        assert np.abs(alone[name].mean - together[name].mean).max() <= ROUNDING * spread**0.5
        assert np.abs(alone[name].variance - together[name].variance).max() <= ROUNDING * spread


@EXACT
@given(case=game_and_policy(), seed=noise_seeds(), size=st.integers(1, 6))
def test_rollouts_of_a_chunk_do_not_touch_each_other(case: Case, seed: int, size: int) -> None:
    """A roll-out played alone equals the same roll-out played in a chunk, bit for bit."""
    game, policy = case
    noise = draw_noise(seed, 0, game, policy, size)
    whole = collect(game, policy, noise)
    for b in range(size):
        row = collect(game, policy, Noise(noise.environment[b : b + 1], noise.agents[b : b + 1]))
        assert torch.equal(row.actions[0], whole.actions[b]) and torch.equal(row.x[0], whole.x[b])
        assert torch.equal(row.reward[0], whole.reward[b])
