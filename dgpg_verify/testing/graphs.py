"""Candidate graphs: which servers each agent may choose."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from dgpg_verify.core import InputError


@st.composite
def candidate_graphs(draw: st.DrawFn, n_agents: int, n_servers: int, n_candidates: int) -> Tensor:
    """int64 [N, K], K distinct servers for each agent; degrees are not bounded (a shared server is allowed).

    Shrinks toward everyone seeing servers 0, 1, 2 ... in order.
    """
    if not 1 <= n_candidates <= n_servers:
        raise InputError(f"n_candidates = {n_candidates} is not allowed: it must be an integer in [1, {n_servers}]")
    servers = st.sampled_from(range(n_servers))
    row = st.lists(servers, min_size=n_candidates, max_size=n_candidates, unique=True)
    return torch.tensor(draw(st.lists(row, min_size=n_agents, max_size=n_agents)), dtype=torch.int64)
