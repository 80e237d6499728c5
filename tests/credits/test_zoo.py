"""Credits that compare, expect or split, on every profile of random small games, against their definitions.

The oracle plays alternatives, removes agents and walks the graph; the instrument uses closed forms and the policy's score
products. Both are exact, so they agree to rounding: at most 256 terms of mixed sign, 1e-9 of the largest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.core import Rollout
from dgpg_verify.credits import make_credit
from dgpg_verify.credits.local import LocalReturnCredit
from dgpg_verify.credits.residual import ResidualReturnCredit
from dgpg_verify.credits.shaped import ShapedCredit
from dgpg_verify.measurement import gradients_of
from dgpg_verify.oracles import enumerate_moments
from dgpg_verify.oracles.games.zoo import ZOO_CREDITS
from dgpg_verify.oracles.moments import OracleMoments
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LoadBalancingGame, PowerDispatch, RateControl, ResourceGame, RoadNetwork
from dgpg_verify.testing.exhaustive import Exhaustive, all_profiles

COSTS = ("quadratic", "delay", "mm1", "makespan")
SEEDS = 50  # of each system
ROUNDING = 1e-9
UNBIASED = ("counterfactual@exact", "optimal_baseline@exact", "expected_counterfactual@exact", "residual_return", "shaped",
            "local:0", "local:1")  # fmt: skip


def load_balancing(seed: int, n: int) -> ResourceGame:
    return LoadBalancingGame.random(
        n, seed, n_candidates=1 + seed % min(n + 1, 4), cost=COSTS[seed % 4], n_servers=n + 1, reference="shuffled"
    )


def road_network(seed: int, n: int) -> ResourceGame:
    return RoadNetwork.random(n, seed, n_paths=2 + seed % 2)


def rate_control(seed: int, n: int) -> ResourceGame:
    return RateControl.random(n, seed, topology=("sparse", "bottleneck")[seed % 2])


def power_dispatch(seed: int, n: int) -> ResourceGame:
    return PowerDispatch.random(n, seed, n_levels=2 + seed % 3, gamma=0.5)


MAKERS = (load_balancing, road_network, rate_control, power_dispatch)


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
