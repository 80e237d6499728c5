"""Job sizes and capacities of a small fleet."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from dgpg_verify.core import check_choice
from dgpg_verify.testing.numbers import vectors

JOB_LAWS = ("equal", "bounded", "heavy")


def job_sizes(n_agents: int, law: str | None = None) -> st.SearchStrategy[Tensor]:
    """Sizes [N] > 0: `equal` (one size for all), `bounded` (1/8 to 4, ratio 32) or `heavy` (2^-3 to 2^6).

    `law=None` draws the law as well.
    """
    if law is None:
        return st.sampled_from(JOB_LAWS).flatmap(lambda drawn: job_sizes(n_agents, drawn))
    check_choice("law", law, JOB_LAWS)
    if law == "equal":
        return vectors(1, 0.125, 4.0).map(lambda size: size.repeat(n_agents))
    if law == "bounded":
        return vectors(n_agents, 0.125, 4.0)
    return vectors(n_agents, -3.0, 6.0, step=1.0).map(torch.exp2)


def capacities(n_servers: int) -> st.SearchStrategy[Tensor]:
    """Capacities [M] in [1/2, 4]."""
    return vectors(n_servers, 0.5, 4.0, step=0.25)
