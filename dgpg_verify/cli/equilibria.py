"""The command `equilibria`: what mixing guidance into the objective does to the equilibria of one small game."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dgpg_verify.cli.games import SmallGame
    from dgpg_verify.systems import LinearQuadraticTeam

DEFAULTS = {"system": "load_balancing", "agents": 4, "candidates": 3, "cost": "quadratic", "reference": "fluid",
            "seed": 0}  # fmt: skip
OF_A_TEAM = ("system", "agents", "seed")  # what a linear-quadratic team is drawn from, beside its options


def equilibria(
    system: Annotated[str | None, typer.Option(help="load_balancing (default) or linear_quadratic")] = None,
    agents: Annotated[int | None, typer.Option(help="number of agents (default 4)")] = None,
    candidates: Annotated[int | None, typer.Option(help="actions of each agent (default 3)")] = None,
    cost: Annotated[str | None, typer.Option(help="quadratic (default), delay, mm1 or makespan")] = None,
    reference: Annotated[
        str | None, typer.Option(help="fluid (default), speed_aware, biased:D, shuffled or perfect")
    ] = None,
    alpha: Annotated[float, typer.Option(help="weight of the guidance, in [0, 1]")] = 0.2,
    seed: Annotated[int | None, typer.Option(help="root of every random stream (default 0)")] = None,
    game: Annotated[Path | None, typer.Option(help="a game of your own, a JSON file", metavar="FILE")] = None,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the system; repeatable")] = None,
    rows: Annotated[int, typer.Option(help="equilibria (or agents) listed at most")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> None:
    """Equilibria of J and of J_alpha: lost, gained, values, exact alpha_c, NashConv in J, sign agreement."""
    from dgpg_verify.core import InputError, check_int, parse_pairs, to_json
    from dgpg_verify.equilibria import check_alpha

    check_alpha(alpha)
    check_int("rows", rows, 1)
    given = {"system": system, "agents": agents, "candidates": candidates, "cost": cost, "reference": reference,
             "seed": seed}  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    options = parse_pairs(option or [])
    if game is not None and (given or options):
        extra = ", ".join([f"--{name}" for name in given] + ["--option"] * bool(options))
        raise InputError(f"{extra} cannot stand beside --game: the file says it all")
    found = _built(given, options) if game is None else _read(game)
    answer = found(alpha, rows)
    typer.echo(json.dumps(to_json(answer), indent=1, allow_nan=False) if as_json else _text(answer))


def _read(path: Path) -> Callable[[float, int], dict[str, Any]]:
    from dgpg_verify.cli.games import SmallGame, read_game

    found = read_game(path)
    if isinstance(found, SmallGame):
        return lambda alpha, rows: game_answer(found, alpha, rows)
    return lambda alpha, rows: team_answer(found, f"team of {path.name}", alpha, rows)


def _built(given: dict[str, Any], options: dict[str, Any]) -> Callable[[float, int], dict[str, Any]]:
    """The game or team that the options of the command line name."""
    from dgpg_verify.cli.games import SYSTEMS, drawn_game, drawn_team
    from dgpg_verify.core import InputError, check_choice

    asked = {**DEFAULTS, **given}
    if check_choice("system", asked["system"], SYSTEMS) == "load_balancing":
        for name in options:
            check_choice("option of equilibria in load_balancing", name, ("n_servers",))
        drawn = drawn_game(
            asked["agents"],
            asked["candidates"],
            asked["cost"],
            asked["reference"],
            asked["seed"],
            options.get("n_servers"),
        )
        return lambda alpha, rows: game_answer(drawn, alpha, rows)
    for name in given:
        if name not in OF_A_TEAM:
            raise InputError(f"--{name} is not allowed with linear_quadratic: use --agents, --seed and --option")
    team = drawn_team(asked["agents"], asked["seed"], options)
    said = "".join(f", {name} {value}" for name, value in options.items())
    title = f"linear_quadratic, {asked['agents']} agents{said}, seed {asked['seed']}"
    return lambda alpha, rows: team_answer(team, title, alpha, rows)


def game_answer(game: SmallGame, alpha: float, rows: int) -> dict[str, Any]:
    """Everything the command says of a game, as JSON values. Cost: about 5 s for a million joint actions."""
    import numpy as np

    from dgpg_verify.equilibria import alpha_intervals, pure_nash
    from dgpg_verify.equilibria.alignment.signs import sign_agreement

    tables = game.tables
    intervals = alpha_intervals(tables)
    of_j = pure_nash(tables.reward)
    # at alpha = 1 only G counts: no end of an interval has to be decided in fractions
    of_alpha = pure_nash(-tables.guidance) if alpha == 1.0 else intervals.holds(alpha)
    places = np.argwhere(of_j | of_alpha)
    order = np.argsort(-tables.reward[tuple(places.T)], kind="stable")
    listed = [tuple(int(k) for k in place[1:]) for place in places[order[:rows]]]
    agree = bool(sign_agreement(tables)[0])
    return {
        "game": game.title,
        "alpha": alpha,
        "n_agents": tables.n_agents,
        "n_actions": tables.n_actions,
        "joint_actions": int(tables.reward[0].size),
        "reward_range": [float(tables.reward.min()), float(tables.reward.max())],
        "equilibria": {
            "of_j": int(of_j.sum()),
            "of_j_alpha": int(of_alpha.sum()),
            "lost": int((of_j & ~of_alpha).sum()),
            "gained": int((of_alpha & ~of_j).sum()),
        },
        "listed": [_one(game, intervals, actions, bool(of_alpha[0][actions]), alpha) for actions in listed],
        "not_listed": len(places) - len(listed),
        "values": _values(tables.reward, of_j, of_alpha),
        "reached": _reached(tables, alpha),
        "sign_agreement": agree,
        "violation": None if agree else first_violation(tables),
    }


def _one(game: SmallGame, intervals: Any, actions: tuple[int, ...], kept: bool, alpha: float) -> dict[str, Any]:
    """One equilibrium of J or of J_alpha; alpha_c is exact for the numbers of the tables."""
    from fractions import Fraction

    from dgpg_verify.equilibria import exact_alpha_limit
    from dgpg_verify.equilibria.games.deviations import exact_changes

    tables, share = game.tables, Fraction(alpha)
    changes = list(exact_changes(tables, 0, actions))
    in_j = _kind([j for j, _ in changes])
    limit = exact_alpha_limit(tables, 0, actions) if in_j != "-" else None
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


def _kind(gains: Sequence[Any]) -> str:
    highest = max(gains, default=-1)
    return "-" if highest > 0 else "tied" if highest == 0 else "strict"


def _values(reward: Any, of_j: Any, of_alpha: Any) -> dict[str, dict[str, float | None]]:
    """J at the best and the worst pure equilibrium of J and of J_alpha; loss as a share of the range of J."""
    extent = float(reward.max() - reward.min())
    made = {}
    for which, pick in (("best", max), ("worst", min)):
        base, value = (float(pick(reward[members])) for members in (of_j, of_alpha))
        made[which] = {"of_j": base, "of_j_alpha": value, "loss": (base - value) / extent if extent else None}
    return made


def _reached(tables: Any, alpha: float) -> dict[str, Any]:
    """Where a noise-free learner of J_alpha ends from uniform policies, judged in the original game."""
    from dgpg_verify.equilibria import action_values, expected, nash_conv, reached_equilibrium

    there, base = reached_equilibrium(tables.of(alpha)), reached_equilibrium(tables.reward)
    extent, conv = float(tables.range[0]), float(nash_conv(tables.reward, there)[0])
    value, of_j = float(expected(tables.reward, there)[0]), float(expected(tables.reward, base)[0])
    q = action_values(tables.reward, there)[0]
    gains = q.max(-1) - (there[0] * q).sum(-1)
    agent = int(gains.argmax())
    deviation = {"agent": agent, "action": int(q[agent].argmax()), "gain": float(gains[agent])}
    return {
        "policies": there[0].tolist(),
        "reward": value,
        "reward_of_j": of_j,
        "loss": (of_j - value) / extent if extent else None,
        "nash_conv": conv,
        "nash_conv_share": conv / extent if extent else None,
        "deviation": deviation if extent and conv > 1e-9 * extent else None,
    }


def first_violation(tables: Any) -> dict[str, Any] | None:
    """The first unilateral deviation with dJ dG > 0, by joint action, then agent, then new action; None without one.

    Cost O(N K^(N+1)): sign agreement (T3 of the theory) asks that there is none.
    """
    import numpy as np

    best: tuple[int, int, int] | None = None
    for agent in range(tables.n_agents):
        for action in range(tables.n_actions):
            changes = [table[0].take([action], axis=agent) - table[0] for table in (tables.reward, tables.guidance)]
            wrong = (np.sign(changes[0]) * np.sign(changes[1]) > 0).ravel()
            first = int(wrong.argmax())
            if wrong[first]:
                best = min(best or (first, agent, action), (first, agent, action))
    if best is None:
        return None
    place, agent, action = best
    actions = tuple(int(k) for k in np.unravel_index(place, tables.reward.shape[1:]))
    there = (*actions[:agent], action, *actions[agent + 1 :])
    change_j, change_g = (float(t[0][there] - t[0][actions]) for t in (tables.reward, tables.guidance))
    return {"actions": list(actions), "agent": agent, "to": action, "change_j": change_j, "change_g": change_g}


def team_answer(team: LinearQuadraticTeam, title: str, alpha: float, rows: int) -> dict[str, Any]:
    """Stationary point of J_alpha of a linear-quadratic team in closed form. Cost O(M N^2)."""
    import numpy as np

    from dgpg_verify.equilibria.shift.annealing import anneal_team
    from dgpg_verify.equilibria.teams.stationary import team_stationary

    of_j, there, of_g = (team_stationary(team, share) for share in (0.0, alpha, 1.0))
    move = anneal_team(team, [alpha])
    whole = float(np.linalg.norm(of_g.point - of_j.point))
    shift, predicted = float(move.distance[0]), float(move.predicted[0])
    return {
        "team": title,
        "alpha": alpha,
        "n_agents": team.n_agents,
        "theta": [
            {
                "agent": i,
                "of_j": float(of_j.point[i]),
                "of_j_alpha": float(there.point[i]),
                "of_g": float(of_g.point[i]),
            }
            for i in range(min(rows, team.n_agents))
        ],
        "not_listed": max(team.n_agents - rows, 0),
        "shift": shift,
        "predicted": predicted if np.isfinite(predicted) else None,
        "share_of_the_way": shift / whole if whole > 0 else None,
        "value_lost": there.value_lost,
        "value_lost_of_g": of_g.value_lost,
        "residual": there.residual,
        "residual_bound": there.residual_bound,
        "smallest_singular": there.smallest_singular,
        "flat_directions": there.points.dimension,
    }


def _text(answer: dict[str, Any]) -> str:
    from dgpg_verify.reporting.equilibria.text import game_text, team_text

    return game_text(answer) if "game" in answer else team_text(answer)
