"""What mixing guidance into the objective of one game or team does to its equilibria, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.equilibria.arrays import Mask
from dgpg_verify.equilibria.games.deviations import deviations, exact_changes
from dgpg_verify.equilibria.games.profiles import action_values, expected
from dgpg_verify.equilibria.games.tables import Tables
from dgpg_verify.equilibria.nash.ascent import reached_equilibrium
from dgpg_verify.equilibria.nash.nash_conv import CERTIFICATE, nash_conv
from dgpg_verify.equilibria.nash.pure import pure_nash
from dgpg_verify.equilibria.shift.alpha_c import alpha_intervals, exact_interval
from dgpg_verify.equilibria.teams.stationary import team_shift, team_stationary
from dgpg_verify.systems import LinearQuadraticTeam

Answer = dict[str, Any]


def game_answer(tables: Tables, alpha: float, rows: int, servers: NDArray[np.int64] | None = None) -> Answer:
    """Pure equilibria of J and J_alpha of one fleet, values, the reached equilibrium, sign agreement.

    Parameters
    ----------
    tables
        Reward and guidance of one fleet.
    alpha
        In [0, 1].
    rows
        Equilibria listed at most, best value in J first.
    servers
        [N, K], the server that each action names, where actions are servers.

    Notes
    -----
    Cost: about 5 s for a million joint actions.
    """
    intervals = alpha_intervals(tables)
    of_j = pure_nash(tables.reward)
    # at alpha = 1 only G counts: no end of an interval has to be decided in fractions
    of_alpha = pure_nash(-tables.guidance) if alpha == 1.0 else intervals.holds(alpha)
    places = np.argwhere(of_j | of_alpha)
    order = np.argsort(-tables.reward[tuple(places.T)], kind="stable")
    listed = [tuple(int(k) for k in place[1:]) for place in places[order[:rows]]]
    sets = {"of_j": of_j, "of_j_alpha": of_alpha, "lost": of_j & ~of_alpha, "gained": of_alpha & ~of_j}
    violation = first_violation(tables)
    return {
        "alpha": alpha,
        "n_agents": tables.n_agents,
        "n_actions": tables.n_actions,
        "joint_actions": int(tables.reward[0].size),
        "reward_range": [float(tables.reward.min()), float(tables.reward.max())],
        "equilibria": {name: int(members.sum()) for name, members in sets.items()},
        "listed": [_equilibrium(tables, actions, bool(of_alpha[0][actions]), alpha, servers) for actions in listed],
        "not_listed": len(places) - len(listed),
        "values": _values(tables, of_j, of_alpha),
        "reached": _reached(tables, alpha),
        "sign_agreement": violation is None,
        "violation": violation,
    }


def _equilibrium(
    tables: Tables, actions: tuple[int, ...], kept: bool, alpha: float, servers: NDArray[np.int64] | None
) -> Answer:
    """One equilibrium of J or of J_alpha; the ends of its interval of alphas are exact for the tables."""
    share, changes = Fraction(alpha), list(exact_changes(tables, 0, actions))
    low, high = exact_interval(tables, 0, actions)
    in_j = _kind([change_j for change_j, _ in changes])
    return {
        "actions": list(actions),
        "servers": None if servers is None else [int(row[k]) for row, k in zip(servers, actions)],
        "change": "gained" if in_j == "-" else "kept" if kept else "lost",
        "in_j": in_j,
        "in_j_alpha": _kind([(1 - share) * change_j - share * change_g for change_j, change_g in changes]),
        "reward": float(tables.reward[0][actions]),
        "guidance": float(tables.guidance[0][actions]),
        "alpha_from": float(low),
        "alpha_c": float(high),
        "alpha_c_exact": None if in_j == "-" else str(high),
    }


def _kind(gains: Sequence[Fraction]) -> str:
    highest = max(gains, default=-1)
    return "-" if highest > 0 else "tied" if highest == 0 else "strict"


def _values(tables: Tables, of_j: Mask, of_alpha: Mask) -> dict[str, dict[str, float | None]]:
    """J at the best and the worst pure equilibrium of J and of J_alpha; loss as a share of the range of J."""
    values = {}
    for which, pick in (("best", max), ("worst", min)):
        base, value = (float(pick(tables.reward[members])) for members in (of_j, of_alpha))
        values[which] = {"of_j": base, "of_j_alpha": value, "loss": _share(base - value, tables.range[0])}
    return values


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _reached(tables: Tables, alpha: float) -> Answer:
    """Where a noise-free learner of J_alpha ends from uniform policies, judged in the original game."""
    policies, base = reached_equilibrium(tables.of(alpha)), reached_equilibrium(tables.reward)
    reward, of_j = (float(expected(tables.reward, profile)[0]) for profile in (policies, base))
    conv, extent = float(nash_conv(tables.reward, policies)[0]), tables.range[0]
    q = action_values(tables.reward, policies)[0]
    gains = q.max(-1) - (policies[0] * q).sum(-1)
    agent = int(gains.argmax())
    deviation = {"agent": agent, "action": int(q[agent].argmax()), "gain": float(gains[agent])}
    return {
        "policies": policies[0].tolist(),
        "reward": reward,
        "reward_of_j": of_j,
        "loss": _share(of_j - reward, extent),
        "nash_conv": conv,
        "nash_conv_share": _share(conv, extent),
        "deviation": deviation if extent and conv > CERTIFICATE * extent else None,
    }


def first_violation(tables: Tables) -> Answer | None:
    """The first unilateral deviation with dJ dG > 0, by joint action, then agent, then new action; None without one.

    Cost O(N K^(N+1)): sign agreement (T3 of the theory) means that there is none.
    """
    wrong = ((np.sign(dj) * np.sign(dg) > 0, agent, action) for agent, action, dj, dg in deviations(tables))
    first = ((int(members.argmax()), agent, action) for members, agent, action in wrong if members.any())
    place, agent, action = min(first, default=(None, 0, 0))
    if place is None:
        return None
    actions = tuple(int(k) for k in np.unravel_index(place, tables.reward.shape[1:]))
    deviated = (*actions[:agent], action, *actions[agent + 1 :])
    change_j, change_g = (float(t[0][deviated] - t[0][actions]) for t in (tables.reward, tables.guidance))
    return {"actions": list(actions), "agent": agent, "to": action, "change_j": change_j, "change_g": change_g}


def team_answer(team: LinearQuadraticTeam, alpha: float, rows: int) -> Answer:
    """Stationary point of J_alpha of a linear-quadratic team in closed form, `rows` agents listed. Cost O(M N^2)."""
    shares = {"of_j": 0.0, "of_j_alpha": alpha, "of_g": 1.0}
    points = {name: team_stationary(team, share) for name, share in shares.items()}
    base, mixed, guided = points.values()
    # a team whose J is flat somewhere has a set of optima: the distance is to the set, and the law does not apply
    distance = base.points.distance(mixed.point)
    lawful = base.points.dimension == 0
    return {
        "alpha": alpha,
        "n_agents": team.n_agents,
        "theta": [
            {"agent": i, **{name: float(stationary.point[i]) for name, stationary in points.items()}}
            for i in range(min(rows, team.n_agents))
        ],
        "not_listed": max(team.n_agents - rows, 0),
        "shift": distance,
        "predicted": float(np.linalg.norm(team_shift(team, base.point, alpha))) if lawful else None,
        "share_of_the_way": _share(distance, float(np.linalg.norm(guided.point - base.point))),
        "value_lost": mixed.value_lost,
        "value_lost_of_g": guided.value_lost,
        "residual": mixed.residual,
        "residual_bound": mixed.residual_bound,
        "smallest_singular": mixed.smallest_singular,
        "flat_directions": mixed.points.dimension,
    }
