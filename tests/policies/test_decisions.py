"""Packed decisions: every decision is in exactly one block, once, and padding is idle."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from dgpg_verify.core import generator
from dgpg_verify.policies.decisions import Decisions
from dgpg_verify.testing import EXACT


@EXACT
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4)),
    share=st.sampled_from([0.0, 0.3, 1.0]),
    block=st.integers(1, 12),
    cut=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_blocks_hold_every_decision_once(
    shape: tuple[int, int, int], share: float, block: int, cut: int, seed: int
) -> None:
    batch, _, n = shape
    actions = torch.where(torch.rand(shape, generator=generator(seed)) < share, 1, -1)
    decisions = Decisions.of(actions >= 0)
    found, rows = [], []
    for agents in (slice(0, min(cut, n)), slice(min(cut, n), n)):
        for part in decisions.blocks(agents, block):
            length = part.at.shape[1]
            assert len(part.row) == 1 or len(part.row) * length <= block
            assert torch.equal(part.row // batch + agents.start, part.agent)
            assert bool((part.at % n == part.agent[:, None]).all())
            assert bool((part.at // (n * shape[1]) == (part.row % batch)[:, None]).all())
            assert bool((part.at.diff(dim=1)[actions.flatten()[part.at[:, 1:]] >= 0] > 0).all())  # in order of time
            found.append(part.at.flatten())
            rows.append(part.row + agents.start * batch)
    assert sorted(torch.cat(rows).tolist()) == list(range(n * batch))
    places = torch.cat(found)
    assert len(places.unique()) == len(places)
    acted = places[actions.flatten()[places] >= 0]
    assert sorted(acted.tolist()) == (actions.flatten() >= 0).nonzero()[:, 0].tolist()


def test_long_rows_come_first_so_that_little_is_padded() -> None:
    """Rows of 4, 3, 1 and 1 decisions in blocks of 4: 4 + 3 + (1 and 1), and no idle step."""
    actions = torch.full((1, 4, 4), -1)
    for agent, count in enumerate((1, 4, 1, 3)):
        actions[0, :count, agent] = 0
    shapes = [tuple(block.at.shape) for block in Decisions.of(actions >= 0).blocks(slice(0, 4), 4)]
    assert shapes == [(1, 4), (1, 3), (2, 1)]
