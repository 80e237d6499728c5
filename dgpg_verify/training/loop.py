"""train(): one call from a system to a trained policy, its curve and its files."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dgpg_verify.core import InputError, System, check_int
from dgpg_verify.systems import make_system
from dgpg_verify.training.checkpoints import Progress, check_resumable, load_checkpoint, save_checkpoint, write_config
from dgpg_verify.training.course import Course
from dgpg_verify.training.evaluation import HELD_OUT, Evaluation, Heldout, evaluate, heldout
from dgpg_verify.training.learner import Learner, make_learner
from dgpg_verify.training.logs import Events, Record, write_log
from dgpg_verify.training.methods import Method, make_method
from dgpg_verify.training.plan import check_plan, run_config, run_folder
from dgpg_verify.training.schedules import make_schedule


@dataclass(frozen=True)
class TrainingRun:
    """What train() returns. policy: the last one; history: a Record per iteration; evaluations: [(episode,
    Evaluation)], the first at episode 0, before any learning; config: everything that was asked, as JSON values."""

    policy: Any
    history: Sequence[Record]
    evaluations: Sequence[tuple[int, Evaluation]]
    heldout: Heldout
    config: Mapping[str, Any]
    folder: Path | None

    @property
    def scores(self) -> list[tuple[int, float | None]]:
        """(episode, score) of every evaluation."""
        return [(episode, evaluation.score) for episode, evaluation in self.evaluations]


def train(
    system: System | str,
    method: str | Method = "dgpg",
    episodes: int = 50,
    seed: int = 0,
    alpha: str | float | None = None,
    sharing: str = "independent",
    *,
    agents: int | None = None,
    evaluate_every: int = 5,
    workloads: int = HELD_OUT,
    heldout_seed: int | None = None,
    out: str | Path | None = None,
    checkpoint_every: int = 10,
    resume: bool = False,
    tensorboard: bool = False,
    progress: bool = True,
    observe: Callable[[int, Any], None] | None = None,
    **changes: Any,
) -> TrainingRun:
    """Train all agents of `system` at once by one of the methods; deterministic in its arguments.

    Args:
        system: an object, or a name together with `agents`.
        method: see `method_names()`, or a Method object.
        episodes: roll-outs of T joint steps to learn from (iterations x `rollouts`).
        seed: of initial parameters, training workloads and action draws; held-out workloads use `heldout_seed`
            (default: the same number, another stream).
        alpha: schedule of the guidance's weight, see `schedules`; None = the method's own.
        sharing: "independent" (parameters per agent, the theorem's setting) or "shared".
        evaluate_every: episodes between evaluations on `workloads` held-out workloads (0 = only start and end).
        out: folder for config.json, log.csv and checkpoint.pt; None writes nothing. resume: go on from there;
            the result equals the uninterrupted run bit for bit.
        observe: called as observe(episode, policy) at every evaluation, for example to measure gradients on the way;
            it must not change the policy.
        changes: any field of `Settings`, such as epochs=5 or setting="mixed".

    Returns:
        TrainingRun.

    Raises:
        InputError: bad arguments, an existing run without `resume`, a checkpoint of another configuration.
        NonFiniteError: naming the iteration and the coordinates of the first number that is not finite.

    Cost: per episode one roll-out and `epochs` forward-backward passes over its decisions.
    """
    if isinstance(system, str):
        system = make_system(system, check_int("agents", agents, 1), seed=check_int("seed", seed, 0))
    elif agents is not None:
        raise InputError(f"agents = {agents!r} is not allowed with a system object: it goes with a system's name")
    method = make_method(method)
    settings = method.settings(changes)
    config = run_config(system, method, settings, locals())
    schedule = make_schedule(config["alpha"], system.n_agents)
    check_plan(system, method, settings, config, alpha)
    check_int("checkpoint_every", checkpoint_every, 1)
    folder = run_folder(out, resume, config, tensorboard)
    learner = make_learner(system, method, settings, schedule, config["sharing"], config["seed"])
    on = heldout(system, config["heldout_seed"], config["workloads"])
    run = _Run(learner, on, config, folder, checkpoint_every, progress, observe)
    events = Events(folder, tensorboard)
    try:
        if resume:
            run.restore()
        elif folder is not None:
            write_config(folder, config)
        run.to_the_end(events)
    finally:
        events.close()
        run.close()
    return TrainingRun(learner.policy, run.course.history, run.course.evaluations, on, config, folder)


class _Run:
    """The loop with its surroundings: evaluations, log, checkpoints, progress."""

    def __init__(
        self,
        learner: Learner,
        on: Heldout,
        config: Mapping[str, Any],
        folder: Path | None,
        every: int,
        progress: bool,
        observe: Callable[[int, Any], None] | None = None,
    ) -> None:
        self.learner, self.on, self.config, self.folder, self.every = learner, on, config, folder, every
        self.observe = observe
        self.course = Course(config, learner.method, learner.settings, learner.system.horizon)
        self.bar = tqdm(total=config["episodes"], disable=not progress, file=sys.stderr, unit="ep", leave=False)

    def to_the_end(self, events: Events) -> None:
        course = self.course
        if not course.evaluations:
            self._evaluate()
        while not course.finished:
            record = self._iteration()
            events.add(record)
            step = self.learner.settings.rollouts
            if self.folder is not None and (course.finished or course.index % max(1, self.every // step) == 0):
                self.save()
            self._show(record)

    def _iteration(self) -> Record:
        began, course = time.perf_counter(), self.course
        facts = self.learner.iterate(course.index, course.progress, course.imitating)
        if course.advance(time.perf_counter() - began):
            self._evaluate()
        return course.record(facts)

    def _evaluate(self) -> None:
        self.course.evaluated(evaluate(self.learner.policy, self.on))
        if self.observe is not None:
            self.observe(self.course.done, self.learner.policy)

    def _show(self, record: Record) -> None:
        shown = "" if record.score is None else f", score {record.score:.2f}"
        per_agent = record.reward / self.learner.system.n_agents
        self.bar.set_postfix_str(f"reward/agent {per_agent:.1f}, samples {record.samples}{shown}", refresh=False)
        self.bar.update(self.learner.settings.rollouts)

    def save(self) -> None:
        assert self.folder is not None
        course = self.course
        evaluations = tuple((episode, evaluation.returns) for episode, evaluation in course.evaluations)
        progress = Progress(course.done, course.seconds, tuple(course.history), evaluations)
        save_checkpoint(self.folder, self.config, self.learner.state(), progress)
        write_log(self.folder, course.history)

    def restore(self) -> None:
        assert self.folder is not None
        if not check_resumable(self.folder, self.config):
            return
        tensors, stored = load_checkpoint(self.folder, self.config)
        self.learner.load(tensors)
        course = self.course
        course.done, course.seconds, course.history = stored.done, stored.seconds, [*stored.history]
        for episode, returns in stored.evaluations:
            course.evaluations.append((episode, self.on.judged(returns)))
        write_log(self.folder, course.history)  # a kill between checkpoint and log leaves an older log
        self.bar.update(course.done)

    def close(self) -> None:
        self.bar.close()
