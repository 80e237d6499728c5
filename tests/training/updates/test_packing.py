"""Packing against a plain loop: which decision of which agent ends up where."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dgpg_verify.core import Rollout
from dgpg_verify.training.updates.packing import PackedDecisions, joined, pack
from tests.training.tools import played


def numbered(rollout: Rollout) -> torch.Tensor:
    """A weight that says where it comes from: 100 b + 10 t + i, 0 where idle."""
    b, t, n = rollout.active.shape
    where = 100 * torch.arange(b)[:, None, None] + 10 * torch.arange(t)[:, None] + torch.arange(n)
    return torch.where(rollout.active, where, 0).double()


@pytest.mark.parametrize("size", [1, 4])
def test_packing_equals_a_loop_over_agents_roll_outs_and_steps(size: int) -> None:
    rollout = played(1, size)
    assert not bool(rollout.active.all()), "every agent is always active: nothing is packed"
    found, weight = pack(rollout, numbered(rollout)), numbered(rollout)
    horizon = rollout.active.shape[1]
    for i in range(rollout.active.shape[2]):
        mine = [(b, t) for b in range(size) for t in range(horizon) if bool(rollout.active[b, t, i])]
        assert found.live[:, i].tolist() == [True] * len(mine) + [False] * (len(found.live) - len(mine))
        for row, (b, t) in enumerate(mine):
            assert float(found.weight[row, i]) == float(weight[b, t, i]) == 100 * b + 10 * t + i
            assert int(found.actions[row, i]) == int(rollout.actions[b, t, i]) >= 0
            assert int(found.step[row, i]) == b * horizon + t
            assert float(found.old_log_prob[row, i]) == pytest.approx(float(rollout.log_prob[b, t, i]), abs=1e-6)
            assert torch.equal(found.seen.features[row, i], rollout.seen.features[b, t, i])
            assert torch.equal(found.seen.mask[row, i], rollout.seen.mask[b, t, i])


def test_the_length_is_that_of_the_busiest_agent() -> None:
    rollout = played(2)
    busiest = int(rollout.active.flatten(0, 1).sum(0).max())
    assert len(pack(rollout, numbered(rollout)).live) == busiest < 4 * 5


def test_a_roll_out_in_which_nobody_acts_has_one_dead_row() -> None:
    rollout = played(0)
    idle = torch.zeros_like(rollout.active)
    found = pack(replace(rollout, active=idle), torch.zeros(idle.shape))
    assert found.live.shape == (1, 3) and not bool(found.live.any())


def test_rows_and_agents_select_every_field() -> None:
    rollout = played(3)
    whole = pack(rollout, numbered(rollout))
    rows, agents = whole.rows(torch.tensor([2, 0])), whole.agents(torch.tensor([1]))
    for name in ("live", "actions", "old_log_prob", "weight", "step"):
        assert torch.equal(getattr(rows, name), getattr(whole, name)[[2, 0]])
        assert torch.equal(getattr(agents, name), getattr(whole, name)[:, [1]])
    for name in ("features", "mask", "active"):
        assert torch.equal(getattr(rows.seen, name), getattr(whole.seen, name)[[2, 0]])
        assert torch.equal(getattr(agents.seen, name), getattr(whole.seen, name)[:, [1]])


# several teams

NAMES = ("live", "actions", "old_log_prob", "weight", "step")


def teams() -> list[PackedDecisions]:
    """Three teams of one size, of other lengths, the middle one with agents that decide at other steps."""
    found = []
    for seed, size in ((0, 2), (1, 4), (2, 1)):
        rollout = played(seed, size)
        found.append(pack(rollout, 1000.0 * (seed + 1) + numbered(rollout)))
    assert len({len(team.live) for team in found}) == 3
    return found


def fields(decisions: PackedDecisions) -> dict[str, torch.Tensor]:
    seen = {name: getattr(decisions.seen, name) for name in ("features", "mask", "active")}
    return seen | {name: getattr(decisions, name) for name in NAMES}


def idle(team: PackedDecisions) -> PackedDecisions:
    """The same team, had nobody decided anything; one dead row, as `pack` leaves it."""
    none = team.rows(torch.tensor([0]))
    dead = torch.zeros_like(none.live)
    return replace(none, live=dead, seen=replace(none.seen, active=dead))


def test_joined_teams_stand_side_by_side() -> None:
    """Each in its own columns with all that it had; behind its last row only zeros that nobody learns from."""
    parts = teams()
    whole, n = fields(joined(parts, shared=False)), 3
    length = max(len(part.live) for part in parts)
    for k, part in enumerate(parts):
        for name, value in fields(part).items():
            found = whole[name][:, k * n : (k + 1) * n]
            assert whole[name].shape == (length, 3 * n, *value.shape[2:]) and whole[name].dtype == value.dtype
            assert torch.equal(found[: len(value)], value), name
            assert not bool(found[len(value) :].any()), name


def test_joined_shared_teams_are_one_agent_each() -> None:
    """Every live decision of a team once, in a column of its own, with its own features, credit and all else."""
    parts = teams()
    whole = fields(joined(parts, shared=True))
    counts = [int(part.live.sum()) for part in parts]
    assert whole["live"].shape == (max(counts), 3) and len(set(counts)) == 3
    for k, part in enumerate(parts):
        assert whole["live"][:, k].tolist() == [True] * counts[k] + [False] * (max(counts) - counts[k])
        given, expected = fields(part), []
        for row in range(len(part.live)):
            expected += [(row, agent) for agent in range(3) if bool(part.live[row, agent])]
        for name, value in given.items():
            found = whole[name][:, k]
            assert whole[name].shape == (max(counts), 3, *value.shape[2:]) and found.dtype == value.dtype
            assert torch.equal(found[: counts[k]], torch.stack([value[place] for place in expected])), name
            assert not bool(found[counts[k] :].any()), name
        assert len(set(whole["weight"][: counts[k], k].tolist())) == counts[k], "no decision twice"


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_team_without_a_decision_has_columns_and_nothing_in_them(place: int, shared: bool) -> None:
    parts = teams()
    parts[place] = idle(parts[place])
    whole, usual = joined(parts, shared), joined(teams(), shared)
    columns = [slice(k, k + 1) if shared else slice(3 * k, 3 * k + 3) for k in range(3)]
    assert whole.live.shape[1] == usual.live.shape[1]
    for k, column in enumerate(columns):
        assert int(whole.live[:, column].sum()) == (0 if k == place else int(usual.live[:, column].sum())) >= 0
        assert torch.equal(whole.live[:, column], whole.seen.active[:, column])


@pytest.mark.parametrize("shared", [False, True])
def test_teams_without_any_decision_at_all_have_one_dead_row(shared: bool) -> None:
    whole = joined([idle(team) for team in teams()], shared)
    assert whole.live.shape == (1, 3 if shared else 9) and not bool(whole.live.any())


def test_a_team_alone_is_itself() -> None:
    team = teams()[1]
    for name, value in fields(joined([team], shared=False)).items():
        assert torch.equal(value, fields(team)[name]), name
