"""Commands around training: train, evaluate, compare."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dgpg_verify.cli.options import SYSTEM, Agents, AsJson, Seed, SystemOptions, build_system, print_answer, text_table

if TYPE_CHECKING:
    from dgpg_verify.core import Policy, System
    from dgpg_verify.training import Evaluation, Heldout, Method
    from dgpg_verify.training.folder import StoredRun

OWN_OPTIONS = ("system", "method", "episodes", "seed", "alpha", "guidance", "sharing", "evaluate_every", "workloads",
               "out", "resume", "tensorboard")  # fmt: skip
COLUMNS = ("folder", "run", "setting", "guidance", "episodes", "start", "last 20 %", "best", "samples", "seconds")
OPTIMISER = 2  # copies of the parameters that learning holds beside parameters and gradients: Adam's moments
Workloads = Annotated[int, typer.Option(help="held-out workloads of an evaluation")]


def train(
    system: Annotated[str, typer.Argument(help=SYSTEM)] = "cloud",
    n: Agents = 10,
    method: Annotated[str, typer.Option(help="dgpg, mappo, ippo, happo, guidance_only, ...")] = "dgpg",
    episodes: Annotated[int, typer.Option(help="roll-outs of T joint steps to learn from")] = 20,
    seed: Seed = 0,
    alpha: Annotated[str | None, typer.Option(help="A, A->B, n^-0.5 or adaptive (default: the method's)")] = None,
    guidance: Annotated[str | None, typer.Option(help="chain_rule, exact or multi_step (default: as named)")] = None,
    sharing: Annotated[str, typer.Option(help="independent or shared parameters")] = "independent",
    evaluate_every: Annotated[int, typer.Option(help="episodes between evaluations; 0 = start and end only")] = 2,
    workloads: Workloads = 40,
    out: Annotated[Path | None, typer.Option(help="run folder for config, log and checkpoint")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on from the checkpoint; --episodes may be more")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="write events too (optional extra)")] = False,
    option: SystemOptions = None,
    set: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the run's settings; repeatable")] = None,
) -> None:
    """Train all agents at once, then print the score of every evaluation (Random = 0, Best-Fit = 1)."""
    from dgpg_verify import training
    from dgpg_verify.cli.files import check_folder
    from dgpg_verify.core import parse_pairs

    check_folder("--out", out)
    built = build_system(system, n, seed, option, policy=_network, rollouts=1, credits=OPTIMISER)
    settings = parse_pairs(set or [], OWN_OPTIONS)
    chosen = _make_method(method, guidance)
    chosen.check_read(settings)
    settings |= {"evaluate_every": evaluate_every, "workloads": workloads, "out": out, "resume": resume}
    try:
        run = training.train(built, chosen, episodes, seed, alpha, sharing, tensorboard=tensorboard, **settings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_what_is_kept(out)) from None
    typer.echo(f"{system}, N = {n}, method {method}, alpha {run.config['alpha']}, {sharing} parameters, seed {seed}")
    for episode, evaluation in run.evaluations:
        samples = episode * built.horizon
        typer.echo(f"episode {episode:>5}  samples {samples:>8}  return {evaluation.mean:>14.2f}" + _score(evaluation))
    typer.echo(_references(run.heldout))
    if all(line.entropy == line.gradient_norm == 0.0 for line in run.history):
        typer.echo("no agent ever had a choice: nothing was learned")


def _network(system: System) -> Policy:
    from dgpg_verify.policies import make_policy

    return make_policy("mlp", system)


def _make_method(name: str, guidance: str | None) -> Method:
    """The method of this name, with another form of guidance if one is given."""
    from dgpg_verify.core import InputError, check_choice
    from dgpg_verify.credits.guidance import FORMS
    from dgpg_verify.training import make_method

    method = make_method(name)
    if guidance is None:
        return method
    check_choice("guidance", guidance, FORMS)
    if not method.guidance:
        raise InputError(f"guidance = {guidance!r} is not allowed with method {name!r}: it has none")
    return replace(method, guidance=f"guidance:{guidance}")


def _what_is_kept(out: Path | None) -> str:
    from dgpg_verify.training.checkpoints import CHECKPOINT

    if out is None or not (out / CHECKPOINT).exists():
        return "nothing was kept"
    return f"{out / CHECKPOINT} is kept, --resume goes on"


def evaluate(
    folder: Annotated[Path, typer.Argument(help="a run folder of train", metavar="DIR")],
    workloads: Workloads = 40,
    seed: Annotated[int | None, typer.Option(help="of the held-out workloads (default: the run's)")] = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="most probable actions instead of drawn ones")] = False,
    n: Annotated[int | None, typer.Option("--n", help="another number of agents, where parameters are shared")] = None,
    as_json: AsJson = False,
) -> None:
    """Play a trained policy on held-out workloads, beside the heuristics."""
    from dgpg_verify import training
    from dgpg_verify.training.folder import read_run

    run = read_run(folder, n)
    on = training.heldout(run.system, run.config["heldout_seed"] if seed is None else seed, workloads)
    result = training.evaluate(run.policy, on, greedy)
    means = {name: float(values.mean()) for name, values in on.returns.items()}
    numbers = {"episode": run.progress.done, "return": result.mean, "score": result.score, "gap_percent": result.gap}
    setting, guidance = _mixture(run)
    about = f"{folder.name}: {_name(run)}, setting {setting}, guidance {guidance}, after {run.progress.done} episodes"
    text = f"{about}: return {result.mean:.2f}{_score(result)}\n{_references(on)}"
    print_answer({**numbers, "heuristics": means}, lambda _: text, as_json)


def compare(
    folders: Annotated[list[Path], typer.Argument(help="run folders of train", metavar="DIR...")],
) -> None:
    """One line per run: score at the start, at the end (mean of the last 20 % of evaluations), best, samples."""
    from dgpg_verify.core import check_unique
    from dgpg_verify.training.folder import read_run

    check_unique("folders", [str(folder) for folder in folders])
    runs = [read_run(folder) for folder in folders]
    typer.echo(
        text_table(COLUMNS, [_compared(name, run) for name, run in zip(_short(folders), runs)], right=COLUMNS[4:])
    )
    typer.echo(
        "score: Random = 0, Best-Fit = 1 (mean return where there are no heuristics, or Best-Fit is not above Random "
        "beyond noise); the best of many evaluations is above what the policy is worth: compare the last"
    )


def _short(folders: list[Path]) -> list[str]:
    """The folders' own names where these differ, else their paths."""
    names = [folder.name for folder in folders]
    return names if len(set(names)) == len(names) and all(names) else [str(folder) for folder in folders]


def _compared(folder: str, run: StoredRun) -> tuple[str, ...]:
    import numpy as np

    from dgpg_verify import training
    from dgpg_verify.statistics import last_window

    on = training.heldout(run.system, run.config["heldout_seed"], run.config["workloads"])
    values = [on.score(returns) if on.scored else float(returns.mean()) for _, returns in run.progress.evaluations]
    scores = [value for value in values if value is not None]
    episodes = np.array([episode for episode, _ in run.progress.evaluations])
    last = scores[-last_window(episodes) :]
    seconds = run.progress.history[-1].seconds if run.progress.history else 0.0
    numbers = (f"{score:.2f}" for score in (scores[0], sum(last) / len(last), max(scores)))
    about = (folder, _name(run), *_mixture(run), str(run.progress.done))
    return (*about, *numbers, str(run.progress.done * run.system.horizon), f"{seconds:.1f}")


def _name(run: StoredRun) -> str:
    config = run.config
    method = f"{config['method']['name']} {config['alpha']} {config['sharing']}"
    return f"{method} N={run.system.n_agents} seed {config['seed']}"


def _mixture(run: StoredRun) -> tuple[str, str]:
    """Setting and form of the guidance, "-" where the method has none."""
    method, settings = run.config["method"], run.config["settings"]
    setting = settings["setting"] if method["base"] and method["guidance"] else "-"
    return setting, method["guidance"].removeprefix("guidance:") or "-"


def _score(evaluation: Evaluation) -> str:
    if evaluation.score is None:
        return ""
    return f"  score {evaluation.score:>6.3f}  gap to the best heuristic {evaluation.gap:+.1f} %"


def _references(on: Heldout) -> str:
    """Returns of the heuristics on the same workloads, and the worth of one unit of score."""
    if not on.returns:
        return "this system has no heuristics"
    scores = {name: on.score(values) if on.scored else values.mean() for name, values in on.returns.items()}
    words = ", ".join(f"{name} {score:.2f}" for name, score in scores.items())
    return f"heuristics on the same workloads: {words}\n{on.width_in_words()}"
