"""Small load-balancing games with heterogeneous jobs, capacities, weights, graphs and references."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from dgpg_verify.policies import SoftmaxPolicy
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.systems.load_balancing import COSTS
from dgpg_verify.testing.graphs import candidate_graphs
from dgpg_verify.testing.jobs import capacities, job_sizes
from dgpg_verify.testing.numbers import vectors
from dgpg_verify.testing.policies import softmax_policies


@st.composite
def load_balancing_games(
    draw: st.DrawFn,
    min_agents: int = 1,
    max_agents: int = 4,
    max_candidates: int = 3,
    costs: Sequence[str] = COSTS,
    honest: bool | None = None,
) -> LoadBalancingGame:
    """Games with N <= max_agents, K <= max_candidates, M in [K, 4]: at most 81 action profiles by default.

    honest: reference equal to the target (True), drawn apart from it (False), or either (None).
    """
    n = draw(st.integers(min_agents, max_agents))
    k = draw(st.integers(1, max_candidates))
    m = draw(st.integers(k, max(k, 4)))
    target = draw(vectors(m, 0.0, 3.0, step=0.25))
    apart = draw(st.booleans()) if honest is None else not honest
    return LoadBalancingGame(
        jobs=draw(job_sizes(n)),
        capacity=draw(capacities(m)),
        background=draw(vectors(m, 0.0, 0.5)),
        candidates=draw(candidate_graphs(n, m, k)),
        weights=draw(vectors(m, 0.0, 2.0, step=0.25)),
        target=target,
        reference_state=draw(vectors(m, 0.0, 3.0, step=0.25)) if apart else target,
        cost=draw(st.sampled_from(tuple(costs))),
    )


@st.composite
def game_and_policy(
    draw: st.DrawFn,
    kinds: Sequence[str] = ("tabular", "linear"),
    sharings: Sequence[str] = ("independent", "shared"),
    **options: object,
) -> tuple[LoadBalancingGame, SoftmaxPolicy]:
    """A small game (options as in load_balancing_games) and a policy that can play it."""
    game = draw(load_balancing_games(**options))  # type: ignore[arg-type]
    return game, draw(softmax_policies(game, kinds, sharings))
