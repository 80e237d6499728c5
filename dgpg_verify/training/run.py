"""The loop: from systems to trained policies, their curves and their files. A single fleet is a batch of one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dgpg_verify.contracts import check_own_credits, check_own_system
from dgpg_verify.contracts.named import is_plugin, make_any_system
from dgpg_verify.core import InputError, System, check_int
from dgpg_verify.runs.progress import Bar
from dgpg_verify.runs.workers import one_thread
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training.evaluation import HELD_OUT, Evaluation, Heldout, evaluate, evaluate_stacked, heldout
from dgpg_verify.training.learner import make_joint_learner
from dgpg_verify.training.methods import Method, make_method
from dgpg_verify.training.options import RunOptions
from dgpg_verify.training.saved.checkpoints import Progress
from dgpg_verify.training.saved.folder import RunFolder, run_folder
from dgpg_verify.training.saved.logs import LogLine
from dgpg_verify.training.settings import usual_settings
from dgpg_verify.training.start import AnyLearner, fresh_learner

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Observe = Callable[[int, int, Any], None]  # fleet, episode, policy


@dataclass(frozen=True, repr=False)
class TrainingRun:
    """The result of training one fleet; both lists grow while it is trained.

    Attributes
    ----------
    policy : the last one.
    heldout : the workloads of the evaluations.
    config : everything the run depends on, as JSON values.
    folder : where its files are; None without files.
    history : a LogLine per iteration.
    evaluations : (episode, Evaluation) pairs, the first at episode 0, before any learning.
    """

    policy: Any
    heldout: Heldout
    config: Mapping[str, Any]
    folder: Path | None = None
    history: list[LogLine] = field(default_factory=list)
    evaluations: list[tuple[int, Evaluation]] = field(default_factory=list)

    @property
    def scores(self) -> list[tuple[int, float | None]]:
        """(episode, score) of every evaluation."""
        return [(episode, evaluation.score) for episode, evaluation in self.evaluations]

    def __repr__(self) -> str:
        from dgpg_verify.training.readable import run_text

        return run_text(self)

    def to_frame(self) -> pd.DataFrame:
        """One row per iteration, and one for episode 0, before any learning; what does not apply is NaN.

        Columns: those of `LogLine`; evaluation_low and evaluation_high, the ends of the evaluation's 95 % interval over
        the held-out workloads; above_random, the evaluation minus the random policy's return on the same workloads,
        with its ends above_random_low and above_random_high. Rewards and evaluations are returns of an episode summed
        over agents, gaps percent of the best heuristic's cost, samples joint steps, seconds processor time.
        """
        from dgpg_verify.training.readable import run_frame

        return run_frame(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """The learning curve, drawn into `ax` or into a new pyplot figure: scores, or returns with their intervals
        where there is no score."""
        from dgpg_verify.training.readable import plot_run

        return plot_run(self, ax)


def train(
    system: System | str, method: str | Method = "dgpg", episodes: int = 50, seed: int = 0,
    alpha: str | float | None = None, sharing: str = "independent", *, agents: int | None = None,
    evaluate_every: int | Sequence[int] = 5, workloads: int = HELD_OUT, heldout_seed: int | None = None,
    out: str | Path | None = None, checkpoint_every: int = 10, resume: bool = False, tensorboard: bool = False,
    progress: bool = True, observe: Callable[[int, Any], None] | None = None, origin: Mapping[str, Any] | None = None,
    **changes: Any,
) -> TrainingRun:  # fmt: skip
    """Train all agents of a system at once by one of the methods, on one torch thread; deterministic in its arguments.

    Parameters
    ----------
    system : an object, or a name together with `agents`; also module:Object or path/to/file.py:Object.
    method : see `method_names()`, or a Method object.
    episodes, alpha, sharing, evaluate_every, workloads : see `RunOptions`.
    seed : seeds initial parameters, training workloads and action draws.
    heldout_seed : seeds the held-out workloads, in a stream of their own; None = the same number as `seed`.
    out, checkpoint_every, resume, tensorboard : see `run_folder`. A resumed run equals the uninterrupted one bit
        for bit; one that is resumed with more episodes goes on where the shorter one ended, with the schedule of alpha
        of the longer one from there on, and says so in its config.json.
    observe : called as observe(episode, policy) at every evaluation; it must not change the policy.
    origin : arguments of `contracts.named.make_any_system` that make this system of your own again, for `evaluate` and
        `compare`; known where `system` is a name.
    changes : any field of `Settings`, such as epochs=5 or setting="mixed"; what is not named is the method's preset, on
        systems of one step with `usual_settings`.

    Raises
    ------
    InputError : bad arguments, an existing run without `resume`, a checkpoint of another configuration, a system or
        credit that this package does not define and that breaks the contract (`check_system`, `check_credit`).
    NonFiniteError : naming the iteration and the coordinates of the first number that is not finite.

    Notes
    -----
    Cost: per episode one roll-out and `epochs` forward-backward passes over its decisions.
    """
    system, origin = _built(system, agents, seed, origin)
    episodes = check_int("episodes", episodes, 1)
    check_own_system(system)
    changes = usual_settings(system, episodes) | changes
    options = RunOptions(make_method(method), changes, episodes, alpha, sharing, evaluate_every, workloads)
    check_own_credits(options.method.credits(), system)
    config, recipe = options.config(system, seed, heldout_seed), options.recipe(system)
    config |= {} if origin is None else {"origin": dict(origin)}
    folder = run_folder(config, out, checkpoint_every, resume, tensorboard)
    learner = fresh_learner(recipe, system, config["seed"])
    watch = None if observe is None else lambda _, episode, policy: observe(episode, policy)
    (run,) = _finished(learner, options, [config], watch, progress, folder)
    return run


def train_together(
    systems: Sequence[CloudScheduling], method: str | Method = "dgpg", episodes: int = 50, seeds: Sequence[int] = (0,),
    alpha: str | float | None = None, sharing: str = "independent", *, evaluate_every: int | Sequence[int] = 5,
    workloads: int = HELD_OUT, progress: bool = True, observe: Observe | None = None, **changes: Any,
) -> list[TrainingRun]:  # fmt: skip
    """What `train` does for each fleet with its seed, in one batch: for small fleets several times faster.

    Every fleet has the workloads, draws and initial networks it would have alone. Numbers agree with those of
    `train` up to the rounding of float32 sums of another length, which training amplifies; the same call gives the
    same bits. Nothing is written to disk.

    Parameters
    ----------
    systems : cloud fleets that differ in their seed alone.
    seeds : one per fleet, for training and held-out workloads.
    observe : called as observe(fleet, episode, policy) at every evaluation.
    method, episodes, alpha, sharing, evaluate_every, workloads, changes : see `train`.

    Raises
    ------
    InputError : as `train`; no fleet, fleets of several kinds, another number of seeds than of fleets, minibatches.

    Notes
    -----
    Cost: per episode one roll-out of S N agents, one batch of updates, and S critics and credits.
    """
    if not systems:
        raise InputError("systems = [] is not allowed: it must hold at least 1 fleet")
    if len(seeds) != len(systems):
        raise InputError(f"seeds = {list(seeds)!r} is not allowed for {len(systems)} fleets: it must be one per fleet")
    options = RunOptions(make_method(method), changes, episodes, alpha, sharing, evaluate_every, workloads)
    configs = [options.config(system, seed, None) for system, seed in zip(systems, seeds, strict=True)]
    recipe, *_ = [options.recipe(system) for system in systems]
    return _finished(make_joint_learner(recipe, systems, seeds), options, configs, observe, progress)


def _finished(
    learner: AnyLearner, options: RunOptions, configs: Sequence[Mapping[str, Any]], watch: Observe | None,
    progress: bool, folder: RunFolder | None = None,
) -> list[TrainingRun]:  # fmt: skip
    """The runs of a fresh learner's fleets, trained to the end."""
    path = None if folder is None else folder.path
    runs = [
        TrainingRun(fleet.policy, heldout(fleet.system, config["heldout_seed"], options.workloads), config, path)
        for fleet, config in zip(learner.fleets, configs, strict=True)
    ]
    with one_thread():  # as cells are measured: the same call gives the same bits on any machine of one kind
        Loop(learner, options, runs, watch, folder).to_the_end(progress)
    return runs


def _built(
    system: System | str, agents: int | None, seed: int, origin: Mapping[str, Any] | None
) -> tuple[System, Mapping[str, Any] | None]:
    """The system, and how to make it again where it is a user's own and its name is known."""
    if isinstance(system, str):
        named: dict[str, Any] = {
            "name": system,
            "n_agents": check_int("agents", agents, 1),
            "seed": check_int("seed", seed, 0),
        }
        return make_any_system(**named, options={}), {**named, "options": {}} if is_plugin(system) else None
    if agents is not None:
        raise InputError(f"agents = {agents!r} is not allowed with a system object: it goes with a system's name")
    return system, origin


@dataclass
class Loop:
    """A learner with its surroundings: evaluations, log, checkpoints, progress.

    Attributes
    ----------
    runs : one per fleet of the learner, written to while they go on.
    observe : called at every evaluation of every fleet.
    folder : where the files of a single fleet go; None writes nothing.
    done : episodes learned from.
    seconds : of processor time spent on learning from them, per fleet.
    """

    learner: AnyLearner
    options: RunOptions
    runs: Sequence[TrainingRun]
    observe: Observe | None = None
    folder: RunFolder | None = None
    done: int = 0
    seconds: float = 0.0

    def to_the_end(self, show: bool) -> None:
        """Iterate until all episodes are learned from, from the folder's checkpoint on if there is one."""
        total, title = self.options.episodes, f"{len(self.runs)} fleets" if len(self.runs) > 1 else None
        try:
            self._begin()
            with Bar(
                total=total, initial=self.done, desc=title, disable=not show, file=sys.stderr, unit="ep", leave=False
            ) as bar:
                if self.done == 0:
                    self._evaluate()
                while self.done < total:
                    self._iterate()
                    self._keep()
                    self._show(bar)
        finally:
            if self.folder is not None:
                self.folder.end()

    def _iterate(self) -> None:
        began, step = time.process_time(), self.options.settings.rollouts
        progress, imitating = self.options.progress(self.done), self.options.imitating(self.done)
        facts = self.learner.iterate(self.done // step, progress, imitating)
        self.seconds += (time.process_time() - began) / len(self.runs)
        self.done += step
        if self.options.evaluates(self.done):
            self._evaluate()
        samples = self.done * self.learner.fleets[0].system.horizon
        reached = {"episode": self.done, "samples": samples, "seconds": self.seconds}
        for run, learned in zip(self.runs, facts, strict=True):
            episode, last = run.evaluations[-1]
            now = last if episode == self.done else None
            scores = {"evaluation": now and now.mean, "score": now and now.score, "gap": now and now.gap}
            numbers: dict[str, Any] = {**reached, **learned, **scores}
            run.history.append(LogLine(**numbers))

    def _evaluate(self) -> None:
        heldouts, policy = [run.heldout for run in self.runs], cast(Any, self.learner.policy)
        joint = self.learner.stack is not None
        evaluations = evaluate_stacked(policy, heldouts) if joint else [evaluate(policy, heldouts[0])]
        for k, (run, evaluation) in enumerate(zip(self.runs, evaluations, strict=True)):
            run.evaluations.append((self.done, evaluation))
            if self.observe is not None:
                self.observe(k, self.done, self.learner.fleets[k].policy)

    def _begin(self) -> None:
        """Take up what the folder holds."""
        stored = None if self.folder is None else self.folder.begin()
        if stored is None:
            return
        tensors, progress = stored
        self.learner.load(tensors)
        self.done, self.seconds, run = progress.done, progress.seconds, self.runs[0]
        run.history.extend(progress.history)
        run.evaluations.extend((episode, run.heldout.judged(returns)) for episode, returns in progress.evaluations)

    def _keep(self) -> None:
        """Write to the folder what is due after an iteration."""
        if self.folder is None:
            return
        run = self.runs[0]
        self.folder.events.add(run.history[-1])
        step = self.options.settings.rollouts
        if self.done >= self.options.episodes or self.done // step % max(1, self.folder.every // step) == 0:
            evaluations = tuple((episode, evaluation.returns) for episode, evaluation in run.evaluations)
            progress = Progress(self.done, self.seconds, tuple(run.history), evaluations)
            self.folder.save(self.learner.state(), progress)

    def _show(self, bar: Bar) -> None:
        if len(self.runs) == 1:
            line, n_agents = self.runs[0].history[-1], self.learner.fleets[0].system.n_agents
            score = "" if line.score is None else f", score {line.score:.2f}"
            shown = f"reward/agent {line.reward / n_agents:.1f}, samples {line.samples}{score}"
            bar.set_postfix_str(shown, refresh=False)
        bar.update(self.options.settings.rollouts)
