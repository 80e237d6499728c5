"""Small games of the command line: drawn by name, or a user's own from a file, checked before any work.

An .nfg file is Gambit's, every player with the same payoff. A JSON file holds one object: the fields of
LoadBalancingGame.config() or LinearQuadraticTeam.config(), or two tables `reward` and `guidance` nested N deep, one
level per agent, with K entries each: reward[a_0][a_1]...[a_N-1].
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from torch import Tensor

from dgpg_verify.core import InputError, check_choice, check_int
from dgpg_verify.equilibria import Tables, joint_tables
from dgpg_verify.equilibria.games.nfg import read_nfg
from dgpg_verify.equilibria.games.random_games import games_with_tables
from dgpg_verify.equilibria.games.tables import check_joint_actions
from dgpg_verify.runs.files import read_json, read_text
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame, make_system

SYSTEMS = ("load_balancing", "linear_quadratic")
NFG = ".nfg"
MOST_AGENTS, MOST_SERVERS, MOST_OF_A_TEAM = 60, 1000, 1000  # axes of an array; loops over servers; dense matrices
LARGEST = 1e150  # entry of a table: differences of larger ones could overflow
LARGEST_FIELD = 1e50  # number of a game or team: these are multiplied with each other
# options of a drawn game or team, beside its size and seed
GAME_RECIPE = ("n_candidates", "cost", "job_law", "n_servers", "reference")
TEAM_RECIPE = ("alignment", "reference_bias")
BOUNDS = {"less_than_equal": "it should be at most {le:g}", "greater_than_equal": "it should be at least {ge:g}"}


@dataclass(frozen=True, eq=False)
class Subject:
    """The problem of the command: a team, or the tables of one fleet and, where actions are servers, the server
    that each action names, int64 [N, K]."""

    title: str
    of: Tables | LinearQuadraticTeam
    servers: NDArray[np.int64] | None = None


def _integers(rows: list[Any]) -> Tensor:
    return torch.tensor(rows, dtype=torch.int64)


def _doubles(rows: list[Any]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


Entry = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
Entries = Annotated[list[Entry], Field(fail_fast=True)]
Number = Annotated[float, Field(strict=True, ge=-LARGEST_FIELD, le=LARGEST_FIELD)]
Place = Annotated[float, Field(strict=True, ge=0, le=2**31, multiple_of=1)]  # a server or row, counted from 0
Vector = Annotated[list[Number], Field(min_length=1), AfterValidator(_doubles)]
Servers = Annotated[list[Number], Field(min_length=1, max_length=MOST_SERVERS), AfterValidator(_doubles)]
Jobs = Annotated[list[Number], Field(min_length=1, max_length=MOST_AGENTS), AfterValidator(_doubles)]
Matrix = Annotated[list[list[Number]], Field(min_length=1, max_length=MOST_OF_A_TEAM), AfterValidator(_doubles)]
Places = Annotated[list[list[Place]], Field(min_length=1, max_length=MOST_OF_A_TEAM), AfterValidator(_integers)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class TableFile(_File):
    """Two tables nested N deep; their entries are checked by `_table`."""

    reward: list[Any]
    guidance: list[Any]


class GameFile(_File):
    """A load-balancing game by its own numbers."""

    jobs: Jobs
    capacity: Servers
    background: Vector
    candidates: Places
    weights: Vector
    target: Vector
    reference_state: Vector
    cost: str


class TeamFile(_File):
    """A linear-quadratic team by its own numbers."""

    index: Places
    value: Matrix
    weights: Vector
    optimum: Vector
    reference_state: Vector


def drawn_game(
    agents: int, candidates: int, cost: str, reference: str, seed: int, n_servers: int | None = None
) -> Subject:
    """The first fleet of the seeded law over which rates are reported (equilibria/games/random_games.py).

    Raises
    ------
    InputError
        A value out of range, more than 10^7 joint actions, or a cost too large to be compared.
    """
    check_int("agents", agents, 1, MOST_AGENTS)
    check_int("candidates", candidates, 1, MOST_SERVERS)
    if n_servers is not None:
        check_int("n_servers", n_servers, 1, MOST_SERVERS)
    (game,), tables = games_with_tables(1, agents, candidates, cost, reference, seed, n_servers)
    title = f"load_balancing, {agents} agents, {candidates} candidates, cost {cost}, reference {reference}, seed {seed}"
    return Subject(title, _comparable(tables), _servers(game))


def drawn_team(agents: int, seed: int, options: Mapping[str, Any]) -> LinearQuadraticTeam:
    """A quadratic team by its recipe; InputError on any value, and where its numbers are too large to square."""
    for name in options:
        check_choice("option of linear_quadratic", name, TEAM_RECIPE)
    check_int("agents", agents, 1, MOST_OF_A_TEAM)
    team = cast(LinearQuadraticTeam, make_system("linear_quadratic", agents, seed, **options))
    check_reference(team)
    return team


def check_reference(system: Any) -> None:
    """InputError where a reference is too large to be squared without overflow."""
    largest = float(system.reference_state.abs().max())
    if not largest <= LARGEST_FIELD:
        raise InputError(f"reference_state holds {largest:g}: numbers must lie in +-{LARGEST_FIELD:g}")


def read_game(path: Path, guidance: Path | None = None) -> Subject:
    """A user's own game or team from a JSON or .nfg file; InputError in one line on anything that is wrong with it.

    guidance : an .nfg of the same shape with the table of G, beside an .nfg; G = 0 without it.
    """
    if path.suffix == NFG:
        reward = _team_table("reward", path)
        pull = np.zeros_like(reward) if guidance is None else _team_table("guidance", guidance)
        title = f"game of {path.name}" + (", no guidance" if guidance is None else f", guidance of {guidance.name}")
        return Subject(title, _comparable(Tables(reward, pull)))
    if guidance is not None:
        raise InputError(f"--guidance goes with a --game in Gambit's {NFG} format: {path.name} holds its own")
    content = _read_object(path)
    if content.keys() & TableFile.model_fields.keys():
        tables = {name: _table(name, nested) for name, nested in _check(TableFile, content, path.name).items()}
        return Subject(f"game of {path.name}", Tables(**tables))
    system = check_choice("system", content.pop("system", SYSTEMS[0]), SYSTEMS)
    if system == "linear_quadratic":
        return Subject(f"team of {path.name}", _team(content, path.name))
    recipe = "n_agents" in content
    game = _recipe_game(content) if recipe else LoadBalancingGame(**_check(GameFile, content, path.name))
    return Subject(f"game of {path.name}", _comparable(joint_tables(game)), _servers(game))


def _team_table(name: str, path: Path) -> NDArray[np.float64]:
    """The payoff that all players of an .nfg share, [1, K, ..., K]: what is verified is a game of one reward."""
    payoffs, players = read_nfg(read_text(path), path.name)
    if len(players) > MOST_AGENTS:
        raise InputError(f"{path.name} has {len(players)} players: at most {MOST_AGENTS} are allowed")
    differs = np.argwhere((payoffs != payoffs[:1]).any(0))
    if len(differs):
        profile = differs[0].tolist()
        raise InputError(
            f"{path.name} is no game of one reward: at profile {profile} the players get "
            f"{', '.join(f'{table[tuple(profile)]:g}' for table in payoffs)}; all must get the same"
        )
    if len(set(payoffs.shape[1:])) != 1:
        raise InputError(f"{name} has shape {payoffs.shape[1:]}: it must be [K, ..., K], one axis of K per player")
    return np.asarray(payoffs[:1])


def _read_object(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path.name} holds a {type(content).__name__}: it must be one object")
    return content


def _team(content: dict[str, Any], file: str) -> LinearQuadraticTeam:
    if "n_agents" in content:
        return drawn_team(content.pop("n_agents"), check_int("seed", content.pop("seed", 0), 0), content)
    return LinearQuadraticTeam(**_check(TeamFile, content, file))


def _recipe_game(content: dict[str, Any]) -> Any:
    """A game by the arguments of LoadBalancingGame.random; too large a table is refused before it is drawn."""
    agents = check_int("n_agents", content.pop("n_agents"), 1, MOST_AGENTS)
    seed = check_int("seed", content.pop("seed", 0), 0)
    for name in content:
        check_choice("option of load_balancing", name, GAME_RECIPE)
    servers, degree = content.get("n_servers"), content.get("n_candidates")
    servers = agents if servers is None else check_int("n_servers", servers, 1, MOST_SERVERS)
    degree = 4 if degree is None else degree
    check_joint_actions(agents, min(degree, servers) if type(degree) is int else servers)
    with np.errstate(over="ignore"):  # a reference that overflows is refused by the game, by its place
        return make_system("load_balancing", agents, seed, **content)


def _servers(game: LoadBalancingGame) -> NDArray[np.int64]:
    return np.asarray(game.candidates.cpu().numpy(), dtype=np.int64)


def _comparable(tables: Tables) -> Tables:
    for name in ("reward", "guidance"):
        largest = float(np.abs(getattr(tables, name)).max())
        if largest > LARGEST:
            raise InputError(f"{name} holds {largest:g}: every entry must lie in [-{LARGEST:g}, {LARGEST:g}]")
    return tables


def _table(name: str, nested: list[Any]) -> NDArray[np.float64]:
    """A nested table as float64 [1, K, ..., K], checked entry by entry."""
    array = np.array(nested, dtype=object)  # where rows are not equally long, their lists are its entries
    check_int(f"depth of {name}", array.ndim, 1, MOST_AGENTS)
    try:
        numbers = TypeAdapter(Entries).validate_python(array.ravel().tolist())
    except ValidationError as error:
        raise _refusal(error, lambda entry: _place(name, np.unravel_index(entry, array.shape))) from None
    if len(set(array.shape)) != 1:
        raise InputError(f"{name} has shape {array.shape}: it must be [K, ..., K], one axis of K per agent")
    return np.array(numbers, dtype=np.float64).reshape(1, *array.shape)


def _check(model: type[_File], content: dict[str, Any], file: str) -> dict[str, Any]:
    """The fields of a file, every one there and no other."""
    fields = model.model_fields
    missing = [name for name in fields if name not in content]
    if missing:
        raise InputError(f"{file}: {', '.join(missing)} missing: it must hold {', '.join(fields)}")
    for name in content:
        check_choice(f"field of {file}", name, fields)
    try:
        return dict(model.model_validate(content))
    except ValidationError as error:
        raise _refusal(error, lambda name, *where: _place(name, where)) from None


def _refusal(error: ValidationError, place: Callable[..., str]) -> InputError:
    """The first error of pydantic in one line; `place` words its location in the file."""
    first = error.errors(include_url=False)[0]
    words = first["msg"].removeprefix("Value error, ").replace(" after validation", "")
    words = words.replace("Input", "it").replace("List", "it")
    words = BOUNDS.get(first["type"], words).format(**first.get("ctx", {}))
    if first["type"] == "float_type" and isinstance(first["input"], list):
        words = "it should be a number: rows must be equally long"
    return InputError(f"{place(*first['loc'])} = {reprlib.repr(first['input'])} is not allowed: {words}")


def _place(name: str, indices: Iterable[Any]) -> str:
    return name + "".join(f"[{int(index)}]" for index in indices)
