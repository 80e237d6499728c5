"""Small games of the command line: drawn by name, or a user's own from a JSON file, checked before any work.

A file holds one object: the fields of LoadBalancingGame.config() or LinearQuadraticTeam.config(), or two tables
`reward` and `guidance` nested N deep, one level an agent, with K entries each: reward[a_0][a_1]...[a_N-1].
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from dgpg_verify.core import InputError, check_choice, check_int
from dgpg_verify.equilibria import MAX_JOINT_ACTIONS, Tables, joint_tables, random_games, random_tables
from dgpg_verify.equilibria.games.tables import check_joint_actions
from dgpg_verify.runs.files import read_json
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame, make_system

SYSTEMS = ("load_balancing", "linear_quadratic")
MOST_AGENTS, MOST_SERVERS, MOST_OF_A_TEAM = 60, 1000, 1000  # axes of an array; loops over servers; dense matrices
LARGEST = 1e150  # of a table's entries: differences of larger ones could overflow
LARGEST_FIELD = 1e50  # of a game's or team's own numbers, which are multiplied with each other
GAME_FIELDS = ("jobs", "capacity", "background", "candidates", "weights", "target", "reference_state", "cost")
TEAM_FIELDS = ("index", "value", "weights", "optimum", "reference_state")
TABLE_FIELDS = ("reward", "guidance")
OF_A_RECIPE = ("alignment", "reference_bias")  # options of a drawn team, beside its size and seed
WHOLE = ("candidates", "index")


@dataclass(frozen=True, eq=False)
class SmallGame:
    """A game on every joint action: tables of one fleet; servers int64 [N, K] by action, where actions are servers."""

    title: str
    tables: Tables
    servers: NDArray[np.int64] | None = None


def drawn_game(agents: int, candidates: int, cost: str, reference: str, seed: int, n_servers: int | None) -> SmallGame:
    """The first fleet of the seeded law over which rates are reported (equilibria/law.py); InputError on any value."""
    check_int("agents", agents, 1, MOST_AGENTS)
    check_int("candidates", candidates, 1, MOST_SERVERS)
    if n_servers is not None:
        check_int("n_servers", n_servers, 1, MOST_SERVERS)
    check_joint_actions(agents, candidates)
    tables = random_tables(1, agents, candidates, cost, reference, seed, n_servers)
    state = "fluid" if reference == "perfect" else reference
    game = random_games(1, agents, candidates, cost, state, seed, n_servers)[0]
    title = f"load_balancing, {agents} agents, {candidates} candidates, cost {cost}, reference {reference}, seed {seed}"
    return SmallGame(title, _checked(tables), _servers(game))


def drawn_team(agents: int, seed: int, options: Mapping[str, Any]) -> LinearQuadraticTeam:
    """A quadratic team by its recipe; InputError on any value, and where its numbers are too large to square."""
    for name in options:
        check_choice("option of linear_quadratic", name, OF_A_RECIPE)
    team: Any = make_system("linear_quadratic", team_size(agents), seed, **options)
    largest = float(team.reference_state.abs().max())
    if not largest <= LARGEST_FIELD:
        raise InputError(f"reference_state holds {largest:g}: numbers must lie in +-{LARGEST_FIELD:g}")
    return cast(LinearQuadraticTeam, team)


def read_game(path: Path) -> SmallGame | LinearQuadraticTeam:
    """A user's own game or team from a JSON file; InputError in one line on anything that is wrong with it."""
    found = _object(path)
    title = f"game of {path.name}"
    if any(name in found for name in TABLE_FIELDS):
        _check_fields(path, found, TABLE_FIELDS)
        reward, guidance = (_table(name, found[name]) for name in TABLE_FIELDS)
        return SmallGame(title, Tables(reward[None], guidance[None]))
    system = check_choice("system", found.get("system", "load_balancing"), SYSTEMS)
    fields = {name: value for name, value in found.items() if name != "system"}
    built = _named(system, fields) if "n_agents" in fields else _explicit(path, system, fields)
    if not isinstance(built, LoadBalancingGame):
        return built
    check_int("n_agents", built.n_agents, 1, MOST_AGENTS)
    return SmallGame(title, _checked(joint_tables(built)), _servers(built))


def team_size(n_agents: Any) -> int:
    """The number of agents of a linear-quadratic team, whose matrices are dense here."""
    return check_int("agents", n_agents, 1, MOST_OF_A_TEAM)


def _servers(game: LoadBalancingGame) -> NDArray[np.int64]:
    return np.asarray(game.candidates.cpu().numpy(), dtype=np.int64)


def _checked(tables: Tables) -> Tables:
    for name in TABLE_FIELDS:
        largest = float(np.abs(getattr(tables, name)).max())
        if largest > LARGEST:
            raise InputError(f"{name} holds {largest:g}: every entry must lie in [-{LARGEST:g}, {LARGEST:g}]")
    return tables


def _object(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except RecursionError:
        raise InputError(f"{path.name} is nested too deep: at most {MOST_AGENTS} levels are allowed") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} holds a number too long to read: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"{path.name} holds a {type(found).__name__}: it must be one object")
    return found


def _check_fields(path: Path, found: Mapping[str, Any], fields: Collection[str]) -> None:
    """Every field there, and no other."""
    missing = [name for name in fields if name not in found]
    if missing:
        raise InputError(f"{path.name}: {', '.join(missing)} missing: it must hold {', '.join(fields)}")
    for name in found:
        check_choice(f"field of {path.name}", name, fields)


def _named(system: str, fields: dict[str, Any]) -> Any:
    """A game or team by its recipe: n_agents, seed and options."""
    options = dict(fields)
    agents, seed = options.pop("n_agents"), check_int("seed", options.pop("seed", 0), 0)
    if system == "linear_quadratic":
        return drawn_team(agents, seed, options)
    check_int("n_agents", agents, 1, MOST_AGENTS)
    servers = options.get("n_servers")
    servers = agents if servers is None else check_int("n_servers", servers, 1, MOST_SERVERS)
    degree = options.get("n_candidates")
    if degree is None:
        degree = 4
    whole = isinstance(degree, int) and not isinstance(degree, bool)
    check_joint_actions(agents, min(degree, servers) if whole else servers)
    with np.errstate(over="ignore"):  # a reference that overflows is refused by the game, by its place
        return make_system(system, agents, seed, **options)


def _explicit(path: Path, system: str, fields: dict[str, Any]) -> Any:
    """A game or team by its own numbers."""
    _check_fields(path, fields, GAME_FIELDS if system == "load_balancing" else TEAM_FIELDS)
    values: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "cost":
            values[name] = value
            continue
        depth = 2 if name in ("candidates", "index", "value") else 1
        array = _numbers(name, value, depth)
        if name in WHOLE and not (np.isfinite(array).all() and (array == np.rint(array)).all()):
            raise InputError(f"{name} holds a number that is not whole: servers and rows are counted from 0")
        if name in WHOLE and float(np.abs(array).max(initial=0.0)) > 2**31:
            raise InputError(f"{name} holds {np.abs(array).max():g}: it must name servers or rows that are there")
        if float(np.abs(array).max(initial=0.0)) > LARGEST_FIELD:
            raise InputError(f"{name} holds {np.abs(array).max():g}: numbers must lie in +-{LARGEST_FIELD:g}")
        values[name] = torch.as_tensor(array.astype(np.int64) if name in WHOLE else array)
    if system == "linear_quadratic":
        team_size(len(values["index"]))
        return LinearQuadraticTeam(**values)
    check_int("n_agents", len(values["jobs"]), 1, MOST_AGENTS)
    check_int("n_servers", len(values["capacity"]), 1, MOST_SERVERS)
    return LoadBalancingGame(**values)


def _table(name: str, value: Any) -> NDArray[np.float64]:
    """A table nested N deep, [K, ..., K]."""
    shape = _shape(name, value)
    if len(set(shape)) != 1:
        raise InputError(f"{name} has shape {shape}: it must be [K, ..., K], one axis of the same length an agent")
    check_int(f"depth of {name}", len(shape), 1, MOST_AGENTS)
    array = _numbers(name, value, len(shape))
    if array.size and not np.abs(array).max() <= LARGEST:
        raise InputError(f"{name} holds {np.abs(array).max():g}: every entry must lie in [-{LARGEST:g}, {LARGEST:g}]")
    return array


def _shape(name: str, value: Any) -> tuple[int, ...]:
    """Lengths along the first entries; InputError where there is no list, an empty one, or too much."""
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value or math.prod(shape) > MAX_JOINT_ACTIONS:
            raise InputError(
                f"{name} has shape {tuple(shape)}: it must hold at least 1 and at most {MAX_JOINT_ACTIONS} numbers"
            )
        value = value[0]
    if not shape:
        raise InputError(f"{name} is a {type(value).__name__}: it must be a list of numbers")
    return tuple(shape)


def _numbers(name: str, value: Any, depth: int) -> NDArray[np.float64]:
    """Nested lists of finite numbers as float64 with `depth` axes; texts and truth values are no numbers."""
    shape = _shape(name, value)
    if len(shape) != depth:
        raise InputError(f"{name} has shape {shape}: it must have {depth} ax{'i' if depth == 1 else 'e'}s")
    try:
        array = np.fromiter(_leaves(name, value, shape), dtype=np.float64, count=math.prod(shape))
    except OverflowError:
        raise InputError(f"{name} holds a number that is not finite in double precision") from None
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds {float(array[~np.isfinite(array)][0])!r}: every number must be finite")
    return array.reshape(shape)


def _leaves(name: str, value: Any, shape: tuple[int, ...]) -> Iterator[float]:
    if not isinstance(value, list) or len(value) != shape[0]:
        found = f"{len(value)} entries" if isinstance(value, list) else f"a {type(value).__name__}"
        raise InputError(f"{name} holds {found} where its shape {shape} asks for {shape[0]}: rows must be equally long")
    for entry in value:
        if len(shape) > 1:
            yield from _leaves(name, entry, shape[1:])
        elif isinstance(entry, bool) or not isinstance(entry, int | float):
            raise InputError(f"{name} holds a {type(entry).__name__}: every entry must be a number")
        else:
            yield entry
