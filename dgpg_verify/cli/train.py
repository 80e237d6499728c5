"""Commands around training: train, evaluate, compare."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dgpg_verify.training import Heldout, Method
    from dgpg_verify.training.folder import StoredRun

OF_TRAIN = ("system", "method", "episodes", "seed", "alpha", "guidance", "sharing", "evaluate_every", "workloads",
            "out", "resume", "tensorboard")  # fmt: skip


def train(
    system: Annotated[str, typer.Argument(help="cloud or load_balancing")] = "cloud",
    n: Annotated[int, typer.Option("--n", help="number of agents")] = 10,
    method: Annotated[str, typer.Option(help="dgpg, mappo, ippo, happo, guidance_only, ...")] = "dgpg",
    episodes: Annotated[int, typer.Option(help="roll-outs of T joint steps to learn from")] = 20,
    seed: Annotated[int, typer.Option(help="root of every random stream")] = 0,
    alpha: Annotated[str | None, typer.Option(help="A, A->B, n^-0.5 or adaptive (default: the method's)")] = None,
    guidance: Annotated[str | None, typer.Option(help="chain_rule, exact or multi_step (default: as named)")] = None,
    sharing: Annotated[str, typer.Option(help="independent or shared parameters")] = "independent",
    evaluate_every: Annotated[int, typer.Option(help="episodes between evaluations; 0 = start and end only")] = 2,
    workloads: Annotated[int, typer.Option(help="held-out workloads of an evaluation")] = 40,
    out: Annotated[Path | None, typer.Option(help="run folder for config, log and checkpoint")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on from the run folder's checkpoint")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="write events too (optional extra)")] = False,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the system; repeatable")] = None,
    set: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the run's settings; repeatable")] = None,
) -> None:
    """Train all agents at once, then print the score of every evaluation (Random = 0, Best-Fit = 1)."""
    from dgpg_verify import training
    from dgpg_verify.core import GIVEN_APART, check_int, parse_pairs
    from dgpg_verify.systems import make_system

    check_int("seed", seed, 0)
    built = make_system(system, check_int("n", n, 1), seed, **parse_pairs(option or [], GIVEN_APART))
    chosen, settings = _of_form(method, guidance), parse_pairs(set or [], OF_TRAIN)
    chosen.check_read(settings)
    run = training.train(
        built,
        chosen,
        episodes,
        seed,
        alpha,
        sharing,
        evaluate_every=evaluate_every,
        workloads=workloads,
        out=out,
        resume=resume,
        tensorboard=tensorboard,
        **settings,
    )
    typer.echo(f"{system}, N = {n}, method {method}, alpha {run.config['alpha']}, {sharing} parameters, seed {seed}")
    for episode, evaluation in run.evaluations:
        samples = episode * built.horizon
        typer.echo(f"episode {episode:>5}  samples {samples:>8}  return {evaluation.mean:>14.2f}" + _score(evaluation))
    typer.echo(_references(run.heldout))


def _of_form(name: str, form: str | None) -> Method:
    """The method with another form of guidance, if one is asked for."""
    from dgpg_verify.core import InputError, check_choice
    from dgpg_verify.credits.guidance import FORMS
    from dgpg_verify.training import make_method

    method = make_method(name)
    if form is None:
        return method
    check_choice("guidance", form, FORMS)
    if not method.guidance:
        raise InputError(f"guidance = {form!r} is not allowed with method {name!r}: it has none")
    return replace(method, guidance=f"guidance:{form}")


def evaluate(
    folder: Annotated[Path, typer.Argument(help="a run folder of train", metavar="DIR")],
    workloads: Annotated[int, typer.Option(help="held-out workloads")] = 40,
    seed: Annotated[int | None, typer.Option(help="of the held-out workloads (default: the run's)")] = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="most probable actions instead of drawn ones")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> None:
    """Play a trained policy on held-out workloads, beside the heuristics."""
    from dgpg_verify import training
    from dgpg_verify.training.folder import read_run

    run = read_run(folder)
    on = training.heldout(run.system, run.config["heldout_seed"] if seed is None else seed, workloads)
    found = training.evaluate(run.policy, on, greedy)
    if as_json:
        means = {name: float(values.mean()) for name, values in on.returns.items()}
        said = {"episode": run.done, "return": found.mean, "score": found.score, "gap_percent": found.gap}
        typer.echo(json.dumps({**said, "heuristics": means}, indent=1, allow_nan=False))
        return
    typer.echo(f"{_name(run)} after {run.done} episodes: return {found.mean:.2f}{_score(found)}")
    typer.echo(_references(on))


def compare(
    folders: Annotated[list[Path], typer.Argument(help="run folders of train", metavar="DIR...")],
) -> None:
    """One line a run: score at the start, at the end (mean of the last 20 % of evaluations), best, samples."""
    from dgpg_verify import training
    from dgpg_verify.core import check_unique
    from dgpg_verify.statistics import last_window
    from dgpg_verify.training.folder import read_run

    check_unique("folders", [str(folder) for folder in folders])
    runs = [read_run(folder) for folder in folders]
    typer.echo(f"{'run':<44}{'start':>8}{'last 20 %':>11}{'best':>8}{'samples':>10}{'seconds':>9}")
    for run in runs:
        on = training.heldout(run.system, run.config["heldout_seed"], run.config["workloads"])
        values = [on.score(returns) if on.scored else float(returns.mean()) for _, returns in run.evaluations]
        scores = [value for value in values if value is not None]
        last = scores[-last_window(len(scores)) :]
        seconds = run.history[-1].seconds if run.history else 0.0
        typer.echo(
            f"{_name(run):<44}{scores[0]:>8.2f}{sum(last) / len(last):>11.2f}{max(scores):>8.2f}"
            f"{run.done * run.system.horizon:>10}{seconds:>9.1f}"
        )
    typer.echo(
        "score: Random = 0, Best-Fit = 1 (mean return where there are no heuristics, or Best-Fit is not above Random "
        "beyond noise); best is no summary, see last"
    )


def _name(run: StoredRun) -> str:
    config = run.config
    what = f"{config['method']['name']} {config['alpha']} {config['sharing']}"
    return f"{what} N={run.system.n_agents} seed {config['seed']}"


def _score(evaluation: Any) -> str:
    if evaluation.score is None:
        return ""
    return f"  score {evaluation.score:>6.3f}  gap to the best heuristic {evaluation.gap:+.1f} %"


def _references(on: Heldout) -> str:
    """What the heuristics get on the same workloads, and what one unit of score is worth."""
    if not on.returns:
        return "this system has no heuristics"
    shown = [f"{name} {on.score(values):.2f}" for name, values in on.returns.items() if on.scored]
    shown = shown or [f"{name} {values.mean():.2f}" for name, values in on.returns.items()]
    return f"heuristics on the same workloads: {', '.join(shown)}\n{on.width_in_words()}"
