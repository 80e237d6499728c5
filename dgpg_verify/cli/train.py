"""Commands around training: train, evaluate, compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dgpg_verify.cli.options import SYSTEM, Agents, AsJson, Seed, SystemOptions, build_system, print_answer, text_table

if TYPE_CHECKING:
    from dgpg_verify.core import Policy, System
    from dgpg_verify.training import Evaluation, Heldout, Method, TrainingRun
    from dgpg_verify.training.saved.folder import StoredRun

OWN_OPTIONS = ("system", "method", "episodes", "seed", "alpha", "guidance", "sharing", "evaluate_every", "workloads",
               "out", "resume", "tensorboard", "origin")  # fmt: skip
COLUMNS = ("folder", "run", "setting", "guidance", "episodes", "start", "last 20 %", "best", "minus random", "samples",
           "seconds")  # fmt: skip
ENDINGS = {"marl-eval": ".json", "rliable": ".npz"}  # of the files written for other packages
OPTIMISER = 2  # copies of the parameters that learning holds beside parameters and gradients: Adam's moments
Workloads = Annotated[int, typer.Option(help="held-out workloads of an evaluation")]
EPISODES = "roll-outs of T joint steps to learn from (default: 20; systems of one step 1280, power 10240)"
Episodes = Annotated[int | None, typer.Option(help=EPISODES)]
EVERY = "episodes between evaluations; 0 = start and end only (default: a tenth of the default episodes)"
EvaluateEvery = Annotated[int | None, typer.Option(help=EVERY)]
Trusted = Annotated[
    list[str] | None, typer.Option("--system", help="a system of your own that a run names, to be imported; repeatable")
]


def train(
    system: Annotated[str, typer.Argument(help=SYSTEM.replace("linear_quadratic, ", ""))] = "cloud",
    n: Agents = 10,
    method: Annotated[str, typer.Option(help="dgpg, mappo, ippo, happo, guidance_only, ...")] = "dgpg",
    episodes: Episodes = None,
    seed: Seed = 0,
    alpha: Annotated[str | None, typer.Option(help="A, A->B, n^-0.5 or adaptive (default: the method's)")] = None,
    guidance: Annotated[str | None, typer.Option(help="chain_rule, exact or multi_step (default: as named)")] = None,
    sharing: Annotated[str, typer.Option(help="independent or shared parameters")] = "independent",
    evaluate_every: EvaluateEvery = None,
    workloads: Workloads = 40,
    out: Annotated[Path | None, typer.Option(help="run folder for config, log, checkpoint and picture")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on from the checkpoint; --episodes may be more")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="write events too (optional extra)")] = False,
    option: SystemOptions = None,
    set: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the run's settings; repeatable")] = None,
) -> None:
    """Train all agents at once, then print the score of every evaluation (Random = 0, Best-Fit = 1), or on a system
    without Best-Fit its return beside that of the random policy. Of roads, generators and rates a picture before and
    after training lies in the run folder."""
    from dgpg_verify import training
    from dgpg_verify.core import parse_pairs

    _check_out(out, resume, tensorboard)
    built = build_system(system, n, seed, option, policy=_network, rollouts=1, credits=OPTIMISER)
    settings = parse_pairs(set or [], OWN_OPTIONS)
    chosen = _make_method(method, guidance)
    chosen.check_read(settings)
    episodes, every = _length(built, episodes, evaluate_every)
    settings |= {"evaluate_every": every, "workloads": workloads, "out": out, "resume": resume}
    settings |= _origin(system, n, seed, option)
    try:
        run = training.train(built, chosen, episodes, seed, alpha, sharing, tensorboard=tensorboard, **settings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_what_is_kept(out)) from None
    typer.echo(f"{system}, N = {n}, method {method}, alpha {run.config['alpha']}, {sharing} parameters, seed {seed}")
    _print_run(run)


def _print_run(run: TrainingRun) -> None:
    """Every evaluation and what it is compared with; where the picture lies."""
    from dgpg_verify.training import outcome

    on = run.heldout
    for episode, evaluation in run.evaluations:
        samples = episode * on.system.horizon
        typer.echo(f"episode {episode:>5}  samples {samples:>8}  return {_result(on, evaluation)}")
    typer.echo(_references(on, run.evaluations[-1][1]) + _idle(run))
    if run.folder is not None and outcome.has_picture(on.system):
        played = [evaluation.returns for _, evaluation in run.evaluations]
        typer.echo(_picture(run.folder, on.system, run.config, run.policy, played[0], played[-1]))


def _length(system: System, episodes: int | None, evaluate_every: int | None) -> tuple[int, int]:
    """Episodes, and those between evaluations, where they are not given: the usual ones of the system, and a tenth."""
    from dgpg_verify.training import usual_episodes

    usual = usual_episodes(system)
    return usual if episodes is None else episodes, usual // 10 if evaluate_every is None else evaluate_every


def _picture(folder: Path, system: System, config: Mapping[str, Any], policy: Any, first: Any, last: Any) -> str:
    """Draw what a run did to its system into its folder; where it lies, or why there is none, in a line."""
    from dgpg_verify.core import InputError
    from dgpg_verify.reporting.frame import NothingToDraw
    from dgpg_verify.training import outcome

    if not outcome.has_picture(system):
        raise InputError(f"--figure draws roads, generators and rates: {type(system).__name__} has no picture")
    try:
        return f"picture: {outcome.save_outcome(outcome.outcome_of(system, config, policy, first, last), folder)}"
    except (NothingToDraw, InputError) as reason:
        return f"no picture: {reason}"


def _check_out(out: Path | None, resume: bool, tensorboard: bool) -> None:
    """Refuse a place that cannot be written, and options that need a place where there is none."""
    from dgpg_verify.cli.files import check_folder
    from dgpg_verify.core import InputError

    check_folder("--out", out)
    for name, wanted in (("--resume", resume), ("--tensorboard", tensorboard)):
        if wanted and out is None:
            raise InputError(f"{name} needs the run folder: say which with --out")


def _origin(system: str, n: int, seed: int, option: list[str] | None) -> dict[str, Any]:
    """How a system of the user's own is made again, which its run remembers; nothing for a built-in one."""
    from dgpg_verify.contracts.named import is_plugin
    from dgpg_verify.core import GIVEN_APART, parse_pairs

    if not is_plugin(system):
        return {}
    options = parse_pairs(option or [], GIVEN_APART)
    return {"origin": {"name": system, "n_agents": n, "seed": seed, "options": options}}


def _idle(run: TrainingRun) -> str:
    """A word where no gradient was ever different from 0."""
    learned = any(line.entropy or line.gradient_norm for line in run.history)
    return "" if learned else "\nno agent ever had a choice: nothing was learned"


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
    if method.guidance.partition(":")[0] != "guidance":
        reason = f"its guidance is {method.guidance}" if method.guidance else "it has none"
        raise InputError(f"guidance = {guidance!r} is not allowed with method {name!r}: {reason}")
    return replace(method, guidance=f"guidance:{guidance}")


def _what_is_kept(out: Path | None) -> str:
    from dgpg_verify.training.saved.checkpoints import CHECKPOINT

    if out is None or not (out / CHECKPOINT).exists():
        return "nothing was kept"
    return f"{out / CHECKPOINT} is kept, --resume goes on"


def evaluate(
    folder: Annotated[Path, typer.Argument(help="a run folder of train", metavar="DIR")],
    workloads: Workloads = 40,
    seed: Annotated[int | None, typer.Option(help="of the held-out workloads (default: the run's)")] = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="most probable actions instead of drawn ones")] = False,
    n: Annotated[int | None, typer.Option("--n", help="another number of agents, where parameters are shared")] = None,
    figure: Annotated[bool, typer.Option("--figure", help="draw the picture of roads, power or rates again")] = False,
    trusted: Trusted = None,
    as_json: AsJson = False,
) -> None:
    """Play a trained policy on held-out workloads, beside the heuristics."""
    from dgpg_verify import training
    from dgpg_verify.core import InputError
    from dgpg_verify.training.saved.folder import read_run

    if figure and n is not None:
        raise InputError("--figure draws the run as it was trained: it is not allowed with --n")
    run = read_run(folder, trusted or (), n)
    on = training.heldout(run.system, run.config["heldout_seed"] if seed is None else seed, workloads)
    result = training.evaluate(run.policy, on, greedy)
    means = {name: float(values.mean()) for name, values in on.returns.items()}
    numbers: dict[str, Any] = {"episode": run.progress.done, "return": result.mean, "score": result.score,
                               "gap_percent": result.gap, "gains": on.gains(result.returns)}  # fmt: skip
    setting, guidance = _mixture(run)
    about = f"{folder.name}: {_name(run)}, setting {setting}, guidance {guidance}, after {run.progress.done} episodes"
    text = f"{about}: return {_result(on, result).lstrip()}\n{_references(on, result)}"
    if figure:
        played = [returns for _, returns in run.progress.evaluations]
        numbers["picture"] = _picture(folder, run.system, run.config, run.policy, played[0], played[-1])
        text += f"\n{numbers['picture']}"
    print_answer({**numbers, "heuristics": means}, lambda _: text, as_json)


def compare(
    folders: Annotated[list[Path], typer.Argument(help="run folders of train", metavar="DIR...")],
    export: Annotated[str | None, typer.Option(help="marl-eval or rliable: write the runs for that package")] = None,
    out: Annotated[Path | None, typer.Option(help="file of the export, .json or .npz", metavar="FILE")] = None,
    trusted: Trusted = None,
) -> None:
    """One line per run: score at the start, at the end (mean of the last 20 % of evaluations), best, samples."""
    from dgpg_verify.cli.files import check_file
    from dgpg_verify.core import check_unique
    from dgpg_verify.training.saved.folder import read_run

    _check_export(export, out)
    check_file("--out", out)
    check_unique("folders", [str(folder) for folder in folders])
    runs = [read_run(folder, trusted=trusted or ()) for folder in folders]
    written = None if export is None or out is None else _exported(folders, runs, export, out)
    rows = [_compared(name, run) for name, run in zip(_short(folders), runs)]
    typer.echo(text_table(COLUMNS, rows, right=COLUMNS[4:]))
    typer.echo(
        "score: Random = 0, Best-Fit = 1 (mean return where there are no heuristics, or Best-Fit is not above Random "
        "beyond noise); minus random: mean return of the last 20 % minus that of the random policy on the same "
        "workloads, 95 % interval; the best of many evaluations is above what the policy is worth: compare the last"
    )
    if written is not None:
        typer.echo(written)


def _check_export(export: str | None, out: Path | None) -> None:
    from dgpg_verify.core import InputError, check_choice

    if (export is None) != (out is None):
        raise InputError("--export and --out go together: the package to write for, and the file")
    if export is None or out is None:
        return
    ending = ENDINGS[check_choice("export", export, ENDINGS)]
    if out.suffix != ending:
        raise InputError(f"--out = {str(out)!r} is not allowed for {export}: it must end in {ending}")


def _exported(folders: list[Path], runs: list[StoredRun], export: str, out: Path) -> str:
    """Write the runs for another package; what was written, in one line."""
    import io
    import json

    import numpy as np

    from dgpg_verify.runs.files import write_atomic
    from dgpg_verify.training.saved.export import FinishedRun, marl_eval, rliable

    finished = [FinishedRun(str(folder), run) for folder, run in zip(folders, runs)]
    if export == "marl-eval":
        write_atomic(out, json.dumps(marl_eval(finished), indent=1, allow_nan=False) + "\n")
        return f"{out}: {len(finished)} runs for marl-eval"
    levels, tasks = rliable(finished)
    content = io.BytesIO()
    np.savez(content, **levels)  # type: ignore[arg-type]  # the names of algorithms, none of them an argument
    write_atomic(out, content.getvalue())
    return f"{out}: {len(levels)} algorithms for rliable, columns: {', '.join(' '.join(task) for task in tasks)}"


def _short(folders: list[Path]) -> list[str]:
    """The folders' own names where these differ, else their paths."""
    names = [folder.name for folder in folders]
    return names if len(set(names)) == len(names) and all(names) else [str(folder) for folder in folders]


def _compared(folder: str, run: StoredRun) -> tuple[str, ...]:
    import numpy as np

    from dgpg_verify import training
    from dgpg_verify.statistics import last_window

    on = training.heldout(run.system, run.config["heldout_seed"], run.config["workloads"])
    returns = np.stack([played for _, played in run.progress.evaluations])  # [evaluations, workloads]
    known = [on.score(played) for played in returns]
    values = [mean if score is None else score for score, mean in zip(known, returns.mean(1).tolist())]
    last = last_window(np.array([episode for episode, _ in run.progress.evaluations]))
    seconds = run.progress.history[-1].seconds if run.progress.history else 0.0
    numbers = (
        format(value, ".2f" if on.scored else ".4g") for value in (values[0], np.mean(values[-last:]), max(values))
    )
    about = (folder, _name(run), *_mixture(run), str(run.progress.done))
    gain = on.gains(returns[-last:].mean(0))["random"]
    return (*about, *numbers, str(gain), str(run.progress.done * run.system.horizon), f"{seconds:.1f}")


def _name(run: StoredRun) -> str:
    config = run.config
    method = f"{config['method']['name']} {config['alpha']} {config['sharing']}"
    return f"{method} N={run.system.n_agents} seed {config['seed']}"


def _mixture(run: StoredRun) -> tuple[str, str]:
    """Setting and form of the guidance, "-" where the method has none."""
    method, settings = run.config["method"], run.config["settings"]
    setting = settings["setting"] if method["base"] and method["guidance"] else "-"
    return setting, method["guidance"].removeprefix("guidance:") or "-"


def _result(on: Heldout, evaluation: Evaluation) -> str:
    """A mean return with its score, or where there is none with its interval and what it is above the random policy."""
    from dgpg_verify.statistics import mean_of

    if evaluation.score is None:
        return f"{mean_of(evaluation.returns)!s:>24}  minus random {on.gains(evaluation.returns)['random']}"
    return (
        f"{evaluation.mean:>14.2f}  score {evaluation.score:>6.3f}  gap to the best heuristic {evaluation.gap:+.1f} %"
    )


def _references(on: Heldout, last: Evaluation) -> str:
    """The heuristics on the same workloads with the worth of one unit of score, or what the last evaluation is above
    each of them and above the random policy."""
    if on.scored:
        words = ", ".join(f"{name} {on.score(values):.2f}" for name, values in on.returns.items())
        return f"heuristics on the same workloads: {words}\n{on.width_in_words()}"
    gains = on.gains(last.returns)
    lines = [f"{name} {values.mean():.4g}, the policy above it {gains[name]}" for name, values in on.references.items()]
    return "\n".join(["on the same workloads, intervals at 95 %:", *lines, on.width_in_words()])
