"""Small cloud-scheduling systems: a few dispatchers and servers of the package's fleet, a few steps."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from dgpg_verify.systems import CloudScheduling
from dgpg_verify.testing.numbers import grid

EXOGENOUS = ("fluid", "speed_aware", "biased:0.25", "lagged:1", "shuffled", "rounded", "noise:0.5")


@st.composite
def cloud_systems(
    draw: st.DrawFn,
    max_agents: int = 4,
    max_horizon: int = 6,
    references: Sequence[str] = EXOGENOUS,
) -> CloudScheduling:
    """N in [2, max_agents] dispatchers, 2 to 4 servers, T in [2, max_horizon], light to overloaded (load up to 6)."""
    servers = draw(st.integers(2, 4))
    return CloudScheduling(
        n_agents=draw(st.integers(2, max_agents)),
        seed=draw(st.integers(0, 999)),
        n_servers=servers,
        n_candidates=draw(st.integers(2, servers)),
        horizon=draw(st.integers(2, max_horizon)),
        load=draw(grid(0.5, 6.0, step=0.5)),
        reference=draw(st.sampled_from(tuple(references))),
        common_shock=draw(st.booleans()),
        discount=draw(st.sampled_from((1.0, 0.875))),
    )
