"""Credits that compare, expect or split, on every profile of random small games, against their definitions.

The oracle plays alternatives, removes agents and walks the graph; the instrument uses closed forms and the policy's
score products. Both are exact, so they agree to rounding: at most 256 terms of mixed sign, 1e-9 of the largest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.core import HasActionWeights, InputError, Rollout, draw_noise, offers
from dgpg_verify.credits import make_credit
from dgpg_verify.credits.local import LocalReturnCredit
from dgpg_verify.credits.residual import ResidualReturnCredit
from dgpg_verify.credits.shaped import ShapedCredit
from dgpg_verify.measurement import gradients_of, measure_gradients
from dgpg_verify.oracles import enumerate_moments, enumerate_trajectories, trajectory_moments
from dgpg_verify.oracles.games.zoo import ZOO_CREDITS
from dgpg_verify.oracles.moments import OracleMoments
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LoadBalancingGame, PowerDispatch, RateControl, ResourceGame, RoadNetwork
from dgpg_verify.testing import SmallQueues
from dgpg_verify.testing.exhaustive import Exhaustive, all_profiles

QUEUES = SmallQueues(torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), 3, horizon=3, discount=0.9, keep=1.0)
COSTS = ("quadratic", "delay", "mm1", "makespan")
SEEDS = 50  # of each system
ROUNDING = 1e-9
UNBIASED = ("counterfactual@exact", "optimal_baseline@exact", "expected_counterfactual@exact", "residual_return",
            "shaped", *(f"local:{hops}" for hops in range(4)))  # fmt: skip


def load_balancing(seed: int, n: int) -> ResourceGame:
    degree, cost = 2 + seed % min(n, 3), COSTS[seed % 4]
    return LoadBalancingGame.random(
        n, seed, n_candidates=degree, cost=cost, n_servers=max(degree, n), reference="shuffled"
    )


def road_network(seed: int, n: int) -> ResourceGame:
    return RoadNetwork.random(n, seed, n_paths=2 + seed % 2)


def rate_control(seed: int, n: int) -> ResourceGame:
    return RateControl.random(n, seed, topology=("sparse", "bottleneck")[seed % 2])


def power_dispatch(seed: int, n: int) -> ResourceGame:
    return PowerDispatch.random(n, seed, n_levels=2 + seed % 3, gamma=0.5)


MAKERS = (load_balancing, road_network, rate_control, power_dispatch)


SHARED = ("shaped", "local:1", "local:2", "local:3")  # the same for all agents of the game below: no order to be wrong


class Played:
    """All profiles of a game under random logits, with the roll-out that visits them."""

    def __init__(self, game: ResourceGame, seed: int) -> None:
        rng = np.random.default_rng(seed)
        policy: Any = make_policy("uniform", game)
        logits = torch.as_tensor(rng.normal(size=tuple(policy.parameters.shape)))
        self.game, self.policy = game, replace(policy, parameters=logits)
        self.slope = float(rng.normal(0.0, 3.0))  # of a model that knows nothing
        self.every: Exhaustive = all_profiles(game, self.policy)
        self.rollout = collect(game, self.policy, self.every.noise, keep_states=True)
        self.probabilities = self.policy.probabilities(self.rollout.seen)[0, 0].numpy()

    def fitted(self, name: str) -> Any:
        """The credit with exact means for what it would estimate on a pilot, and the slope above."""
        credit: Any = make_credit(name).fit([self.rollout])
        if isinstance(credit, ResidualReturnCredit):
            credit = replace(credit, slope=self.slope)
            return replace(credit, baseline=tuple(self.every.mean(credit.residual(self.rollout)).tolist()))
        if isinstance(credit, LocalReturnCredit):
            return replace(credit, baseline=self.every.mean(credit.plain(self.rollout)))
        if isinstance(credit, ShapedCredit):
            return replace(credit, baseline=tuple(self.every.mean(credit.to_go(self.rollout)).tolist()))
        return credit

    def moments(self, names: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Means [C, N, K] and variances [C, N] over all profiles, and the largest term of each mean [C]."""
        g = gradients_of(self.game, self.policy, [self.fitted(name) for name in names], self.every.noise).double()
        mean = self.every.mean(g, dim=1)
        variance = self.every.mean((g - mean[:, None]) ** 2, dim=1).sum(-1)
        return mean.numpy(), variance.numpy(), 1.0 + g.abs().flatten(1).amax(1).numpy()

    def oracle(self, names: list[str]) -> OracleMoments:
        return enumerate_moments(self.game, self.probabilities, names, slope=self.slope)


def names_for(game: ResourceGame) -> list[str]:
    """A makespan is no sum over servers: it has no local part."""
    local = getattr(game, "cost", "") != "makespan"
    return [name for name in ZOO_CREDITS if local or not name.startswith("local")]


def check(played: Played, exact: OracleMoments) -> None:
    names = list(exact.names)
    means, variances, largest = played.moments(names)
    for c, name in enumerate(names):
        close = {"rtol": 0, "atol": ROUNDING * largest[c], "err_msg": name}
        np.testing.assert_allclose(means[c], exact[name].mean, **close)
        np.testing.assert_allclose(variances[c] / largest[c], exact[name].variance / largest[c], **close)
        if name in UNBIASED:
            np.testing.assert_allclose(means[c], exact.objective_gradient, **close)


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_mean_and_variance_of_every_credit(maker: Callable[[int, int], ResourceGame]) -> None:
    """200 games of 1 to 4 agents with at most 4 actions."""
    for seed in range(SEEDS):
        game = maker(seed, 1 + seed % 4)
        played = Played(game, seed)
        check(played, played.oracle(names_for(game)))


@dataclass(frozen=True)
class Shuffled:
    """A credit that hands the weights of agent i to agent i + 1."""

    credit: Any
    keeps_states: bool = True

    @property
    def name(self) -> str:
        return str(self.credit.name)

    def fit(self, pilot: Any) -> Any:
        return self

    def __call__(self, rollout: Rollout) -> torch.Tensor:
        return torch.as_tensor(self.credit(rollout).roll(1, dims=2))


class ShuffledOfAll(Shuffled):
    def action_weights(self, rollout: Rollout) -> torch.Tensor:
        return torch.as_tensor(self.credit.action_weights(rollout).roll(1, dims=2))


@pytest.mark.parametrize("name", [name for name in ZOO_CREDITS if name not in SHARED])
def test_control_a_wrong_order_of_agents_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(rate_control(4, 4), 4)
    exact = played.oracle([name])
    check(played, exact)
    credit = played.fitted(name)
    wrong = (ShuffledOfAll if offers(credit, HasActionWeights) else Shuffled)(credit)
    monkeypatch.setattr(played, "fitted", lambda _: wrong)
    with pytest.raises(AssertionError):
        check(played, exact)


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_a_model_that_knows_nothing_biases_guidance_and_not_the_residual(maker: Callable[..., ResourceGame]) -> None:
    """Another reference at random, and a random factor: grad J stays the mean of the residual return alone."""
    for seed in range(4):
        game = maker(seed, 3)
        reference = np.random.default_rng(seed).normal(0.0, 2.0, game.state_size)
        played = Played(game.with_reference(torch.as_tensor(reference)), seed)
        gradient = played.oracle(["return"]).objective_gradient
        means, _, largest = played.moments(["residual_return", "guidance:exact", "expected_guidance:exact"])
        assert np.abs(means[0] - gradient).max() < ROUNDING * largest[0]
        for wrong in means[1:]:
            assert np.abs(played.slope * wrong - gradient).max() > 1e-2 * np.abs(gradient).max()


def test_the_residual_forgets_the_return_as_alpha_grows() -> None:
    """w is linear in alpha; at 1 it is c times the exact guidance."""
    played = Played(power_dispatch(1, 3), 1)
    credit = played.fitted("residual_return")
    plain, half, none = (replace(credit, alpha=alpha)(played.rollout) for alpha in (0.0, 0.5, 1.0))
    guidance = make_credit("guidance:exact")(played.rollout)
    torch.testing.assert_close(none, played.slope * guidance)
    torch.testing.assert_close(half, 0.5 * (plain + none))
    assert make_credit("residual_return:0.5").name == "residual_return:0.5"
    unbiased = [make_credit(name).unbiased(played.rollout) for name in ("residual_return", "residual_return:0.5")]  # type: ignore[attr-defined]
    assert unbiased == [True, False]


@pytest.mark.parametrize(("name", "kept"), [("expected_residual", 1.0), ("expected_residual:0.25", 0.75)])
def test_the_expected_residual_has_the_mean_gradient_of_the_residual(name: str, kept: float) -> None:
    """What the model does not explain is kept in part, what it says is the mean over the own action."""
    played = Played(road_network(2, 3), 2)
    credit: Any = make_credit(name).fit([played.rollout])
    factors = [(factor, part.name) for factor, part in credit.combination()]
    assert factors == [(kept, "residual_return:unexplained"), (credit.slope, "expected_guidance:exact")]
    parts = [part for _, part in credit.combination()]
    g = gradients_of(played.game, played.policy, [credit, *parts], played.every.noise).double()
    whole, *means = played.every.mean(g, dim=1)
    combined = sum(factor * mean for (factor, _), mean in zip(factors, means))
    torch.testing.assert_close(combined, whole, rtol=0, atol=ROUNDING * float(g.abs().max()))


def test_the_model_is_fitted_by_least_squares() -> None:
    """c against numpy's line through reward and distance; of J = -3 d nothing is left but the local part."""
    played = Played(road_network(2, 4), 2)
    rollout = played.rollout
    distance = 0.5 * ((rollout.x - rollout.reference) ** 2).sum(-1)[:, 0].numpy()
    line = np.polyfit(distance, rollout.reward[:, 0].numpy(), 1)[0]
    assert make_credit("residual_return").fit([rollout]).slope == pytest.approx(-line, rel=1e-9)  # type: ignore[attr-defined]
    game = LoadBalancingGame.random(3, 0)
    game = replace(game, weights=torch.full_like(game.weights, 3.0), reference_state=game.target, recipe=None)
    solved = Played(game, 0)
    credit = make_credit("residual_return").fit([solved.rollout])
    torch.testing.assert_close(credit(solved.rollout), make_credit("difference")(solved.rollout))


@pytest.mark.parametrize(
    "name",
    ["return", "return:to_go", "gae", "guidance", "guidance:multi_step", "difference", "difference:replay", "branch",
     "counterfactual@exact", "optimal_baseline@exact", "pathwise", "shaped", "residual_return", "guided:0.5", "score"],
)  # fmt: skip
def test_who_has_nothing_to_decide_gets_no_credit(name: str) -> None:
    policy = make_policy("uniform", QUEUES)
    pilot, rollout = (collect(QUEUES, policy, draw_noise(s, 0, QUEUES, policy, 8), keep_states=True) for s in (0, 1))
    found = make_credit(name).fit([pilot])(rollout)
    assert bool((~rollout.active).any()) and not bool(found[~rollout.active].any())
    assert bool(found[rollout.active].any())


@pytest.mark.parametrize("name", ["counterfactual@exact", "optimal_baseline@exact"])
def test_a_certain_policy_is_compared_with_itself(name: str) -> None:
    """No score to weigh: the baseline is Q of the only action that is ever taken."""
    game = road_network(2, 3)
    policy: Any = make_policy("uniform", game)
    logits = torch.zeros_like(policy.parameters)
    logits[:, 0] = 1e4
    policy = replace(policy, parameters=logits)
    rollout = collect(game, policy, draw_noise(0, 0, game, policy, 4), keep_states=True)
    assert not bool(make_credit(name)(rollout).any())


def test_a_model_that_always_says_the_same_explains_nothing() -> None:
    rollout = Played(road_network(2, 4), 2).rollout
    still = replace(rollout, reference=rollout.x)  # the distance is 0 whatever is played
    assert make_credit("residual_return").fit([still]).slope == 0.0  # type: ignore[attr-defined]


def test_pathwise_as_one_number_is_the_weight_of_the_action_taken() -> None:
    """In queues, where some have nothing to decide."""
    policy = make_policy("uniform", QUEUES)
    rollout = collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 4), keep_states=True)
    credit: Any = make_credit("pathwise")
    found, weights = credit(rollout), credit.action_weights(rollout)
    assert found.shape == rollout.active.shape and not bool(rollout.active.all())
    for at in np.ndindex(*found.shape):
        expected = weights[at][int(rollout.actions[at])] if bool(rollout.active[at]) else 0.0
        assert float(found[at]) == float(expected), at


QUIETER = (
    ("expected_guidance", "guidance"), ("expected_guidance:exact", "guidance:exact"),
    ("expected_counterfactual@exact", "optimal_baseline@exact"), ("optimal_baseline@exact", "counterfactual@exact"),
    ("optimal_baseline@exact", "difference"),
)  # fmt: skip


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_what_each_credit_promises_of_its_noise(maker: Callable[..., ResourceGame]) -> None:
    """The mean over the own action never adds noise; no baseline beats the optimal one; the fluid model has none."""
    names = [*dict.fromkeys(name for pair in QUIETER for name in pair), "pathwise"]
    for seed in range(4):
        game = maker(seed, 3)
        means, variances, largest = Played(game, seed).moments(names)
        v, m = dict(zip(names, variances)), dict(zip(names, means))
        rounding = ROUNDING * largest.max() ** 2
        for quiet, loud in QUIETER:
            assert (v[quiet] <= v[loud] + rounding).all(), (quiet, loud)
        for form in ("", ":exact"):
            assert np.abs(m[f"expected_guidance{form}"] - m[f"guidance{form}"]).max() < rounding
        assert v["pathwise"].max() < 1e-20 * largest.max() ** 2


@pytest.mark.parametrize("name", ["shaped", "residual_return", "expected_guidance"])
@pytest.mark.parametrize("slope", [0.0, -1.5])
def test_over_all_action_sequences(name: str, slope: float) -> None:
    """Three steps, all 3^9 sequences: shaping leaves the mean grad J, and so does the residual of any model where z is
    what the action adds; the expected guidance has the mean of the guidance. slope: weight of what agents see."""
    policy: Any = make_policy("linear", QUEUES)
    policy = replace(policy, parameters=torch.full_like(policy.parameters, slope))
    paths = enumerate_trajectories(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 1).environment[0])
    rollout = paths.as_rollout()
    credits: list[Any] = [make_credit(n).fit([rollout]) for n in (name, "guidance", "return:to_go")]
    if name == "residual_return":
        credits[0] = replace(credits[0], slope=-2.7)
    moments = trajectory_moments(paths, {credit.name: credit(rollout).numpy() for credit in credits})
    expected = moments["guidance"].mean if name == "expected_guidance" else moments.objective_gradient
    np.testing.assert_allclose(moments[name].mean, expected, atol=1e-11 * np.abs(expected).max(), rtol=0)
    if name == "shaped" and slope:  # a baseline that differs from state to state: not the return's noise
        assert not np.allclose(moments[name].variance, moments["return:to_go"].variance, rtol=1e-3)


def test_shaping_a_one_shot_game_changes_nothing() -> None:
    """Phi is a constant before the only decision and 0 after it."""
    rollout = Played(road_network(0, 3), 0).rollout
    torch.testing.assert_close(*(make_credit(name).fit([rollout])(rollout) for name in ("shaped", "return")))


def test_shaped_rewards_by_hand() -> None:
    """The sum of r + gamma Phi(s') - Phi(s), term by term."""
    policy = make_policy("uniform", QUEUES)
    rollout = collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 2))
    found = ShapedCredit().to_go(rollout)
    gamma = QUEUES.discount
    for b in range(2):
        phi = [-0.5 * float(((rollout.x_observed - rollout.reference)[b, t] ** 2).sum()) for t in range(3)] + [0.0]
        shaped = [float(rollout.reward[b, t]) + gamma * phi[t + 1] - phi[t] for t in range(3)]
        for t in range(3):
            assert float(found[b, t]) == pytest.approx(sum(gamma**s * shaped[s] for s in range(t, 3)))
            telescoped = sum(gamma**s * float(rollout.reward[b, s]) for s in range(t, 3)) - gamma**t * phi[t]
            assert float(found[b, t]) == pytest.approx(telescoped)


def test_a_line_of_agents_sees_one_neighbour_further_with_every_hop() -> None:
    """Agent i chooses server i or i + 1. The last hop covers all: what is left is the shared return."""
    one = torch.ones(5, dtype=torch.float64)
    game = LoadBalancingGame(
        jobs=one[:4], capacity=one, background=0 * one, candidates=torch.tensor([[0, 1], [1, 2], [2, 3], [3, 4]]),
        weights=one, target=one, reference_state=one,
    )  # fmt: skip
    rollout = Played(game, 0).rollout
    paid = -0.5 * (rollout.x[:, 0] - 1.0) ** 2
    for hops, servers in enumerate([range(2), range(3), range(4), range(5)]):
        credit: Any = make_credit(f"local:{hops}").fit([rollout])
        torch.testing.assert_close(credit.plain(rollout)[:, 0], paid[:, list(servers)].sum(-1))
    torch.testing.assert_close(credit(rollout), make_credit("return").fit([rollout])(rollout))


def test_local_returns_need_a_reward_that_splits() -> None:
    with pytest.raises(InputError, match="sum over servers"):
        measure_gradients(LoadBalancingGame.random(3, 0, cost="makespan"), credits=["local:0"], rollouts=4)
    policy = make_policy("uniform", QUEUES)
    rollout = collect(QUEUES, policy, draw_noise(0, 0, QUEUES, policy, 2), keep_states=True)
    with pytest.raises(InputError, match=r"local:1 .*one-shot"):
        make_credit("local:1").fit([rollout])
