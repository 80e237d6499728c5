"""The strategies themselves: valid, varied, shrinking to something readable; exhaustive noise that is exhaustive."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from hypothesis import find, given, settings
from hypothesis import strategies as st

from dgpg_verify.core import InputError, System, draw_noise
from dgpg_verify.policies import GaussianPolicy, TabularPolicy, make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame
from dgpg_verify.testing import (
    EXACT,
    JOB_LAWS,
    POLICY_KINDS,
    SmallQueues,
    all_profiles,
    candidate_graphs,
    game_and_policy,
    gauss_hermite,
    grid,
    job_sizes,
    load_balancing_games,
    noises,
    small_queues,
    softmax_policies,
    team_and_policy,
    vectors,
)

SEARCH = settings(derandomize=True, database=None, max_examples=40, deadline=None)


@EXACT
@given(case=st.one_of(game_and_policy(kinds=POLICY_KINDS), team_and_policy()))
def test_drawn_systems_can_be_played(case: Any) -> None:
    system, policy = case
    assert isinstance(system, System)
    rollout = collect(system, policy, draw_noise(0, 0, system, policy, 2))
    assert bool(rollout.reward.isfinite().all()) and bool(rollout.log_prob.isfinite().all())


@EXACT
@given(system=small_queues())
def test_drawn_queues_can_be_played(system: SmallQueues) -> None:
    assert isinstance(system, System)
    policy = make_policy("linear", system)
    rollout = collect(system, policy, draw_noise(0, 0, system, policy, 2))
    assert rollout.reward.shape == (2, system.horizon)


@EXACT
@given(law=st.sampled_from(JOB_LAWS), data=st.data())
def test_job_laws(law: str, data: st.DataObject) -> None:
    sizes = data.draw(job_sizes(4, law))
    assert sizes.shape == (4,) and bool((sizes > 0).all())
    assert law != "equal" or len(set(sizes.tolist())) == 1


def drawn(strategy: st.SearchStrategy[Any], examples: int = 150) -> list[Any]:
    """That many examples of a strategy, always the same ones."""
    found: list[Any] = []

    @settings(derandomize=True, database=None, max_examples=examples, deadline=None)
    @given(example=strategy)
    def keep(example: Any) -> None:
        found.append(example)

    keep()
    return found


def test_examples_are_varied() -> None:
    """Each kind of fleet that a property should meet is actually drawn."""
    games = drawn(load_balancing_games(), 400)
    assert {(g.n_agents, g.n_actions) for g in games} == set(itertools.product((1, 2, 3, 4), (1, 2, 3)))
    assert {g.cost for g in games} == {"quadratic", "delay", "mm1", "makespan"}
    assert any(float(g.jobs.max() / g.jobs.min()) >= 32 for g in games)
    assert {torch.equal(g.target, g.reference_state) for g in games} == {True, False}
    assert any(_disjoint(g) for g in games) and not all(_disjoint(g) for g in games)


def _disjoint(game: LoadBalancingGame) -> bool:
    """Some two agents share no server."""
    rows = [set(row) for row in game.candidates.tolist()]
    return any(not a & b for a, b in itertools.combinations(rows, 2))


def test_examples_shrink_to_few_agents_and_short_numbers() -> None:
    """A property that fails for every fleet is reported on one agent, one server and a job of size 1/8."""
    smallest = find(load_balancing_games(), lambda g: True, settings=SEARCH)
    assert smallest.n_agents == 1 and smallest.n_actions == 1 and float(smallest.jobs) == 0.125
    assert float(smallest.background.abs().sum()) == 0.0
    pair = find(load_balancing_games(), lambda g: g.n_agents >= 2, settings=SEARCH)
    assert pair.n_agents == 2 and float(pair.jobs.max()) <= 1.0


def test_grid_numbers_are_multiples_inside_the_range() -> None:
    for low, high, step in ((0.0, 1.0, 0.125), (-1.5, 1.5, 0.25), (0.3, 1.4, 0.5)):
        numbers = drawn(grid(low, high, step))
        assert all(low <= v <= high and (v / step).is_integer() for v in numbers)
        assert max(numbers) + step > high and min(numbers) - step < low  # both ends are reached


@EXACT
@given(case=game_and_policy(sharings=("independent", "shared")))
def test_all_profiles_visits_every_outcome_once(case: Any) -> None:
    """Played through the policy's own inverse CDF, the noise yields exactly the listed actions; log-probabilities
    agree with the weights, which sum to 1."""
    game, policy = case
    everything = all_profiles(game, policy)
    rollout = collect(game, policy, everything.noise)
    assert torch.equal(rollout.actions[:, 0], everything.actions)
    assert len(set(map(tuple, everything.actions.tolist()))) == len(everything.actions)
    assert float(everything.probability.sum()) == pytest.approx(1.0, abs=1e-11)
    torch.testing.assert_close(rollout.log_prob[:, 0].sum(-1).exp(), everything.probability, rtol=1e-9, atol=1e-13)


@EXACT
@given(case=team_and_policy())
def test_gauss_hermite_integrates_moments(case: Any) -> None:
    """Mean, variance, skewness and kurtosis of every action: theta, sigma^2, 0, 3 sigma^4; independence of agents."""
    team, policy = case
    rule = gauss_hermite(team, policy)
    actions = collect(team, policy, rule.noise).actions[:, 0]
    torch.testing.assert_close(actions, rule.actions, rtol=1e-11, atol=1e-11)
    deviation = (actions - policy.means) / policy.sigma
    for power, expected in ((0, 1.0), (1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0), (6, 15.0)):
        found = rule.mean(deviation**power)
        torch.testing.assert_close(found, torch.full_like(found, expected), rtol=1e-9, atol=1e-9)
    products = rule.mean(deviation[:, :, None] * deviation[:, None, :])
    torch.testing.assert_close(products, torch.eye(team.n_agents, dtype=torch.float64), rtol=1e-9, atol=1e-9)


def test_exhaustive_mean_along_an_axis() -> None:
    game = LoadBalancingGame.random(2, seed=0)
    everything = all_profiles(game, TabularPolicy(torch.zeros(2, 2, dtype=torch.float64)))
    values = torch.arange(4.0).expand(3, 4)
    torch.testing.assert_close(everything.mean(values, dim=1), torch.full((3,), 1.5, dtype=torch.float64))
    torch.testing.assert_close(everything.mean(values, dim=-1), torch.full((3,), 1.5, dtype=torch.float64))


def test_too_large_or_unsuitable_systems_are_refused() -> None:
    game, team = LoadBalancingGame.random(20, seed=0), LinearQuadraticTeam.random(9, seed=0)
    with pytest.raises(InputError, match="one-shot system"):
        all_profiles(game, make_policy("uniform", game))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="one-shot system"):
        gauss_hermite(team, GaussianPolicy(torch.zeros(9, dtype=torch.float64)))
    queues = SmallQueues(torch.tensor([[0, 1]]), 2)
    with pytest.raises(InputError, match="one-shot system"):
        all_profiles(queues, make_policy("uniform", queues))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="n_candidates"):
        find(candidate_graphs(2, 2, 3), lambda g: True, settings=SEARCH)
    with pytest.raises(InputError, match="law"):
        job_sizes(3, "pareto")


@EXACT
@given(data=st.data())
def test_noise_and_policies_fit_their_system(data: st.DataObject) -> None:
    game = data.draw(load_balancing_games())
    policy = data.draw(softmax_policies(game, kinds=POLICY_KINDS))
    noise = data.draw(noises(game, policy, size=3))
    assert noise.agents.shape == (3, 1, game.n_agents, 1) and noise.environment.shape == (3, 1, 0)
    assert data.draw(vectors(3, 0.0, 1.0)).dtype == torch.float64
