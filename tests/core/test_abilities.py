"""What an object offers is found by its members, through wrappers too; the table names every ability."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dgpg_verify.core import (
    Credit,
    HasActionBlocks,
    HasActionInfluence,
    HasActionWeights,
    HasCombination,
    HasCritic,
    HasDecide,
    HasDecideFully,
    HasDefaultAction,
    HasFurther,
    HasHeuristics,
    HasJointRules,
    HasPrepared,
    HasPrior,
    HasProbabilities,
    HasRemovalGains,
    HasRemovalRewards,
    HasReplacedRewards,
    HasResidenceSteps,
    HasScoreBlocks,
    HasSplitRewards,
    HasStateUnits,
    HasUnbiased,
    InputError,
    Observation,
    abilities,
    draw_noise,
    heuristic_names,
    lacking,
    offers,
)
from dgpg_verify.credits import make_credit
from dgpg_verify.policies import GaussianPolicy, make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import CloudScheduling, LinearQuadraticTeam, LoadBalancingGame

GAME, TEAM = LoadBalancingGame.random(3, seed=0), LinearQuadraticTeam.random(3, seed=0)
CLOUD = CloudScheduling(3, seed=0, horizon=2)
OFFERED: list[tuple[Any, set[Any]]] = [
    (
        GAME,
        {
            HasRemovalRewards,
            HasReplacedRewards,
            HasSplitRewards,
            HasHeuristics,
            HasJointRules,
            HasActionInfluence,
            HasStateUnits,
        },
    ),
    (TEAM, {HasReplacedRewards, HasActionInfluence}),
    (CLOUD, {HasRemovalGains, HasRemovalRewards, HasReplacedRewards, HasResidenceSteps, HasHeuristics, HasStateUnits}),
    (GaussianPolicy(torch.zeros(3)), {HasDefaultAction}),
    (make_policy("uniform", GAME), {HasDecide, HasProbabilities, HasPrior}),
    (make_policy("linear", GAME), {HasDecide, HasDecideFully, HasProbabilities, HasPrior}),
    (make_policy("mlp", GAME), {HasDecide, HasProbabilities, HasPrior, HasScoreBlocks, HasActionBlocks, HasPrepared}),
    (make_credit("return"), {HasUnbiased}),
    (make_credit("return:raw"), {HasUnbiased, HasCombination}),
    (make_credit("guided:0.5"), {HasCombination}),
    (make_credit("gae:local"), {HasCritic}),
    (make_credit("guidance"), set()),
    (make_credit("expected_guidance"), {HasActionWeights}),
    (make_credit("expected_counterfactual@exact"), {HasActionWeights, HasUnbiased, HasCritic, HasFurther}),
]
ABILITIES = [value for name, value in vars(abilities).items() if name.startswith("Has")]


class Wrapper:
    """Passes everything on but its own name."""

    def __init__(self, inner: object) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@pytest.mark.parametrize(("value", "expected"), OFFERED, ids=lambda value: type(value).__name__)
def test_what_the_house_offers(value: Any, expected: set[Any]) -> None:
    assert {ability for ability in ABILITIES if offers(value, ability)} == expected
    assert {ability for ability in ABILITIES if offers(Wrapper(value), ability)} == expected


def test_the_table_names_every_ability_and_its_members() -> None:
    rows = {line.split()[0]: line for line in str(abilities.__doc__).splitlines() if line.startswith("Has")}
    assert set(rows) == {ability.__name__ for ability in ABILITIES}
    for ability in ABILITIES:
        assert all(name in rows[ability.__name__] for name in lacking(object(), ability))
        assert lacking(object(), ability)


def test_half_an_ability_is_none() -> None:
    class OnlyNames:
        heuristic_names = ("first",)

    assert heuristic_names(GAME) == GAME.heuristic_names and heuristic_names(TEAM) == ()
    assert heuristic_names(OnlyNames()) == () and lacking(OnlyNames(), HasHeuristics) == ["heuristic_scores"]


def test_members_are_named_in_the_order_of_the_contract() -> None:
    assert lacking(3, Credit) == ["name", "keeps_states", "fit", "__call__"]
    assert not lacking(make_credit("return"), Credit)


def test_continuous_actions_need_an_influence_of_deviations() -> None:
    class Blind:
        """The team without influence(delta)."""

        n_agents, n_actions, horizon, discount = 3, 0, 1, 1.0
        state_size, noise_size = TEAM.state_size, 0
        start, step = staticmethod(TEAM.start), staticmethod(TEAM.step)

        def observe(self, state: Any) -> Observation:
            return TEAM.observe(state)

        def config(self) -> dict[str, Any]:
            return {}

    policy = GaussianPolicy(torch.zeros(3, dtype=torch.float64))
    noise = draw_noise(0, 0, TEAM, policy, 2)
    assert collect(TEAM, policy, noise).reward.shape == (2, 1)
    with pytest.raises(InputError, match=r"Blind .*influence"):
        collect(Blind(), policy, noise)
