"""The command `equilibria`: what mixing guidance into the objective does to the equilibria of one small game."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dgpg_verify.cli.options import AsJson, SystemOptions, print_answer

if TYPE_CHECKING:
    from dgpg_verify.cli.games import Subject

DEFAULTS = {"system": "load_balancing", "agents": 4, "candidates": 3, "cost": "quadratic", "reference": "fluid",
            "seed": 0}  # fmt: skip
FOR_A_TEAM = ("system", "agents", "seed")  # what a linear-quadratic team is drawn from, beside its options


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
    game: Annotated[
        Path | None, typer.Option(help="a game of your own: JSON, or Gambit's .nfg", metavar="FILE")
    ] = None,
    guidance: Annotated[Path | None, typer.Option(help="G beside a game in .nfg: another .nfg", metavar="FILE")] = None,
    option: SystemOptions = None,
    rows: Annotated[int, typer.Option(help="equilibria (or agents) listed at most")] = 20,
    as_json: AsJson = False,
) -> None:
    """Equilibria of J and of J_alpha: lost, gained, values, exact alpha_c, NashConv in J, sign agreement."""
    from dgpg_verify.cli.games import read_game
    from dgpg_verify.core import InputError, check_int, parse_pairs
    from dgpg_verify.equilibria import Tables, check_alpha
    from dgpg_verify.equilibria.answers import game_answer, team_answer
    from dgpg_verify.reporting.equilibria.text import game_text, team_text

    check_alpha(alpha)
    check_int("rows", rows, 1)
    recipe = {"system": system, "agents": agents, "candidates": candidates, "cost": cost, "reference": reference,
              "seed": seed}  # fmt: skip
    recipe = {name: value for name, value in recipe.items() if value is not None}
    options = parse_pairs(option or [])
    if game is not None and (recipe or options):
        extra = ", ".join([f"--{name}" for name in recipe] + ["--option"] * bool(options))
        raise InputError(f"{extra} cannot stand beside --game: the file defines the whole game")
    if guidance is not None and game is None:
        raise InputError("--guidance goes with --game: a drawn game has its own")
    subject = _draw(recipe, options) if game is None else read_game(game, guidance)
    if isinstance(subject.of, Tables):
        answer = {"game": subject.title} | game_answer(subject.of, alpha, rows, subject.servers)
        return print_answer(answer, game_text, as_json)
    print_answer({"team": subject.title} | team_answer(subject.of, alpha, rows), team_text, as_json)


def _draw(recipe: dict[str, Any], options: dict[str, Any]) -> Subject:
    """The game or team that the options of the command line name."""
    from dgpg_verify.cli.games import SYSTEMS, Subject, drawn_game, drawn_team
    from dgpg_verify.core import InputError, check_choice

    values = {**DEFAULTS, **recipe}
    if check_choice("system", values.pop("system"), SYSTEMS) == "load_balancing":
        for name in options:
            check_choice("option of equilibria in load_balancing", name, ("n_servers",))
        return drawn_game(**values, **options)
    for name in recipe:
        if name not in FOR_A_TEAM:
            raise InputError(f"--{name} is not allowed with linear_quadratic: use --agents, --seed and --option")
    team = drawn_team(values["agents"], values["seed"], options)
    words = "".join(f", {name} {value}" for name, value in options.items())
    return Subject(f"linear_quadratic, {values['agents']} agents{words}, seed {values['seed']}", team)
