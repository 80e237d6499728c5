"""Small linear-quadratic teams."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from dgpg_verify.policies import GaussianPolicy
from dgpg_verify.systems import LinearQuadraticTeam
from dgpg_verify.testing.graphs import candidate_graphs
from dgpg_verify.testing.numbers import vectors
from dgpg_verify.testing.policies import gaussian_policies


@st.composite
def linear_quadratic_teams(
    draw: st.DrawFn, max_agents: int = 3, max_rows: int = 4, honest: bool | None = None
) -> LinearQuadraticTeam:
    """Teams with N <= max_agents agents, each touching S <= 3 of at most max_rows rows of Z.

    honest: reference equal to the optimum (True), drawn apart from it (False), or either (None).
    """
    n = draw(st.integers(1, max_agents))
    rows = draw(st.integers(1, max_rows))
    touched = draw(st.integers(1, min(3, rows)))
    optimum = draw(vectors(rows, -2.0, 2.0, step=0.25))
    apart = draw(st.booleans()) if honest is None else not honest
    return LinearQuadraticTeam(
        index=draw(candidate_graphs(n, rows, touched)),
        value=draw(vectors(n * touched, -1.5, 1.5, step=0.25)).view(n, touched),
        weights=draw(vectors(rows, 0.0, 2.0, step=0.25)),
        optimum=optimum,
        reference_state=draw(vectors(rows, -2.0, 2.0, step=0.25)) if apart else torch.clone(optimum),
    )


@st.composite
def team_and_policy(draw: st.DrawFn, **options: object) -> tuple[LinearQuadraticTeam, GaussianPolicy]:
    """A small team (options as in linear_quadratic_teams) and Gaussian policies for its agents."""
    team = draw(linear_quadratic_teams(**options))  # type: ignore[arg-type]
    return team, draw(gaussian_policies(team.n_agents))
