"""What the command `equilibria` says of a game or a team, as JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify import equilibria
from dgpg_verify.cli.games import TabledGame, TitledTeam
from dgpg_verify.equilibria.alignment.signs import sign_agreement
from dgpg_verify.equilibria.games.deviations import exact_changes
from dgpg_verify.equilibria.shift.annealing import anneal_team
from dgpg_verify.equilibria.teams.stationary import team_stationary

Array = NDArray[Any]
CERTIFIED = 1e-9  # NashConv below this share of the range of J is rounding


def game_answer(game: TabledGame, alpha: float, rows: int) -> dict[str, Any]:
    """Pure equilibria of J and J_alpha, `rows` of them listed. Cost: about 5 s for a million joint actions."""
    tables = game.tables
    intervals = equilibria.alpha_intervals(tables)
    of_j = equilibria.pure_nash(tables.reward)
    # at alpha = 1 only G counts: no end of an interval has to be decided in fractions
    of_alpha = equilibria.pure_nash(-tables.guidance) if alpha == 1.0 else intervals.holds(alpha)
    places = np.argwhere(of_j | of_alpha)
    order = np.argsort(-tables.reward[tuple(places.T)], kind="stable")
    listed = [tuple(int(k) for k in place[1:]) for place in places[order[:rows]]]
    agree = bool(sign_agreement(tables)[0])
    sets = {"of_j": of_j, "of_j_alpha": of_alpha, "lost": of_j & ~of_alpha, "gained": of_alpha & ~of_j}
    return {
        "game": game.title,
        "alpha": alpha,
        "n_agents": tables.n_agents,
        "n_actions": tables.n_actions,
        "joint_actions": int(tables.reward[0].size),
        "reward_range": [float(tables.reward.min()), float(tables.reward.max())],
        "equilibria": {name: int(members.sum()) for name, members in sets.items()},
        "listed": [_equilibrium(game, intervals, actions, bool(of_alpha[0][actions]), alpha) for actions in listed],
        "not_listed": len(places) - len(listed),
        "values": _values(tables, of_j, of_alpha),
        "reached": _reached(tables, alpha),
        "sign_agreement": agree,
        "violation": None if agree else first_violation(tables),
    }


def _equilibrium(
    game: TabledGame, intervals: Any, actions: tuple[int, ...], kept: bool, alpha: float
) -> dict[str, Any]:
    """One equilibrium of J or of J_alpha; alpha_c is exact for the numbers of the tables."""
    tables, share = game.tables, Fraction(alpha)
    changes = list(exact_changes(tables, 0, actions))
    in_j = _kind([j for j, _ in changes])
    limit = equilibria.exact_alpha_limit(tables, 0, actions) if in_j != "-" else None
    return {
        "actions": list(actions),
        "servers": None if game.servers is None else [int(row[k]) for row, k in zip(game.servers, actions)],
        "change": "gained" if in_j == "-" else "kept" if kept else "lost",
        "in_j": in_j,
        "in_j_alpha": _kind([(1 - share) * j - share * g for j, g in changes]),
        "reward": float(tables.reward[0][actions]),
        "guidance": float(tables.guidance[0][actions]),
        "alpha_from": float(intervals.low[0][actions]),
        "alpha_c": float(intervals.high[0][actions] if limit is None else limit),
        "alpha_c_exact": None if limit is None else str(limit),
    }


def _kind(gains: Sequence[Fraction]) -> str:
    highest = max(gains, default=-1)
    return "-" if highest > 0 else "tied" if highest == 0 else "strict"


def _values(tables: equilibria.Tables, of_j: Array, of_alpha: Array) -> dict[str, dict[str, float | None]]:
    """J at the best and the worst pure equilibrium of J and of J_alpha; loss as a share of the range of J."""
    extent = float(tables.range[0])
    values = {}
    for which, pick in (("best", max), ("worst", min)):
        base, value = (float(pick(tables.reward[members])) for members in (of_j, of_alpha))
        values[which] = {"of_j": base, "of_j_alpha": value, "loss": _share(base - value, extent)}
    return values


def _share(part: float, extent: float) -> float | None:
    return part / extent if extent else None


def _reached(tables: equilibria.Tables, alpha: float) -> dict[str, Any]:
    """Where a noise-free learner of J_alpha ends from uniform policies, judged in the original game."""
    policies, base = equilibria.reached_equilibrium(tables.of(alpha)), equilibria.reached_equilibrium(tables.reward)
    extent, conv = float(tables.range[0]), float(equilibria.nash_conv(tables.reward, policies)[0])
    value, of_j = (
        float(equilibria.expected(tables.reward, policies)[0]),
        float(equilibria.expected(tables.reward, base)[0]),
    )
    q = equilibria.action_values(tables.reward, policies)[0]
    gains = q.max(-1) - (policies[0] * q).sum(-1)
    agent = int(gains.argmax())
    deviation = {"agent": agent, "action": int(q[agent].argmax()), "gain": float(gains[agent])}
    return {
        "policies": policies[0].tolist(),
        "reward": value,
        "reward_of_j": of_j,
        "loss": _share(of_j - value, extent),
        "nash_conv": conv,
        "nash_conv_share": _share(conv, extent),
        "deviation": deviation if extent and conv > CERTIFIED * extent else None,
    }


def first_violation(tables: equilibria.Tables) -> dict[str, Any] | None:
    """The first unilateral deviation with dJ dG > 0, by joint action, then agent, then new action; None without one.

    Cost O(N K^(N+1)): sign agreement (T3 of the theory) asks that there is none.
    """
    place, agent, action = min(_violations(tables), default=(None, 0, 0))
    if place is None:
        return None
    actions = tuple(int(k) for k in np.unravel_index(place, tables.reward.shape[1:]))
    there = (*actions[:agent], action, *actions[agent + 1 :])
    change_j, change_g = (float(t[0][there] - t[0][actions]) for t in (tables.reward, tables.guidance))
    return {"actions": list(actions), "agent": agent, "to": action, "change_j": change_j, "change_g": change_g}


def _violations(tables: equilibria.Tables) -> Iterator[tuple[int, int, int]]:
    """The first joint action (flat index) at which a change of `agent` to `action` moves J and G the same way."""
    for agent in range(tables.n_agents):
        for action in range(tables.n_actions):
            changes = [table[0].take([action], axis=agent) - table[0] for table in (tables.reward, tables.guidance)]
            wrong = (np.sign(changes[0]) * np.sign(changes[1]) > 0).ravel()
            if wrong.any():
                yield int(wrong.argmax()), agent, action


def team_answer(titled: TitledTeam, alpha: float, rows: int) -> dict[str, Any]:
    """Stationary point of J_alpha of a linear-quadratic team in closed form. Cost O(M N^2)."""
    team = titled.team
    points = {
        name: team_stationary(team, share) for name, share in (("of_j", 0.0), ("of_j_alpha", alpha), ("of_g", 1.0))
    }
    mixed, move = points["of_j_alpha"], anneal_team(team, [alpha])
    whole = float(np.linalg.norm(points["of_g"].point - points["of_j"].point))
    shift, predicted = float(move.distance[0]), float(move.predicted[0])
    return {
        "team": titled.title,
        "alpha": alpha,
        "n_agents": team.n_agents,
        "theta": [
            {"agent": i, **{name: float(stationary.point[i]) for name, stationary in points.items()}}
            for i in range(min(rows, team.n_agents))
        ],
        "not_listed": max(team.n_agents - rows, 0),
        "shift": shift,
        "predicted": predicted if np.isfinite(predicted) else None,
        "share_of_the_way": _share(shift, whole),
        "value_lost": mixed.value_lost,
        "value_lost_of_g": points["of_g"].value_lost,
        "residual": mixed.residual,
        "residual_bound": mixed.residual_bound,
        "smallest_singular": mixed.smallest_singular,
        "flat_directions": mixed.points.dimension,
    }
