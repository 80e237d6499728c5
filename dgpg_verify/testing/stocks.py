"""Small inventory systems: a few retailers on a dyadic grid of costs, a few steps, with or without a warehouse."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st

from dgpg_verify.systems import Inventory, SeparateInventory
from dgpg_verify.systems.inventory.demand import LAWS
from dgpg_verify.testing.numbers import grid, vectors


@st.composite
def inventories(draw: st.DrawFn, max_agents: int = 3, max_horizon: int = 5, warehouse: bool | None = None) -> Inventory:
    """N <= max_agents retailers, T <= max_horizon steps, L < T, K in [2, 5].

    warehouse: with one (True), from scarce to more than enough, without (False), or either (None).
    """
    n, horizon = draw(st.integers(1, max_agents)), draw(st.integers(1, max_horizon))
    shared = draw(st.booleans()) if warehouse is None else warehouse
    parts: dict[str, Any] = {
        "rates": draw(vectors(n, 0.25, 3.0, step=0.25)),
        "holding": draw(vectors(n, 0.25, 2.0, step=0.25)),
        "shortage": draw(vectors(n, 0.25, 8.0, step=0.25)),
        "stock": draw(vectors(n, -2.0, 6.0, step=1.0)),
        "reference_state": draw(vectors(n + shared, 0.0, 6.0, step=0.5)),
    }
    if shared:
        parts["capacity"] = torch.tensor(draw(grid(0.5, 6.0 * n, step=0.5)), dtype=torch.float64)
    return (Inventory if shared else SeparateInventory)(
        **parts,
        demand=draw(st.sampled_from(LAWS)),
        lead_time=draw(st.integers(0, horizon - 1)),
        n_actions=draw(st.integers(2, 5)),
        horizon=horizon,
        discount=draw(st.sampled_from((1.0, 0.875))),
    )
