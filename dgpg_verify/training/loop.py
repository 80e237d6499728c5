"""train(): one call from a system to a trained policy, its curve and its files."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dgpg_verify.core import InputError, System, check_choice, check_int
from dgpg_verify.systems import make_system
from dgpg_verify.training.checkpoints import check_resumable, load_checkpoint, save_checkpoint, write_config
from dgpg_verify.training.evaluation import HELD_OUT, Evaluation, Heldout, evaluate, heldout
from dgpg_verify.training.learner import Learner, make_learner
from dgpg_verify.training.logs import Events, Record, write_log
from dgpg_verify.training.methods import Method, make_method
from dgpg_verify.training.schedules import make_schedule
from dgpg_verify.training.settings import Settings


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
    config = _config(system, method, settings, locals())
    schedule = make_schedule(config["alpha"], system.n_agents)
    _check_plan(system, method, settings, config, alpha)
    check_int("checkpoint_every", checkpoint_every, 1)
    folder = _folder(out, resume, config, tensorboard)
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
    return TrainingRun(learner.policy, run.history, run.evaluations, on, config, folder)


def _config(system: System, method: Method, settings: Settings, given: Mapping[str, Any]) -> dict[str, Any]:
    """Checked arguments as JSON values: what a checkpoint must agree with."""
    held = given["seed"] if given["heldout_seed"] is None else given["heldout_seed"]
    return {
        "system": system.config(),
        "method": asdict(method),
        "settings": settings.to_json(),
        "alpha": method.alpha if given["alpha"] is None else str(given["alpha"]),
        "episodes": check_int("episodes", given["episodes"], 1),
        "seed": check_int("seed", given["seed"], 0),
        "sharing": check_choice("sharing", given["sharing"], ("independent", "shared")),
        "evaluate_every": check_int("evaluate_every", given["evaluate_every"], 0),
        "workloads": check_int("workloads", given["workloads"], 1),
        "heldout_seed": check_int("heldout_seed", held, 0),
    }


def _check_plan(
    system: System, method: Method, settings: Settings, config: Mapping[str, Any], alpha: str | float | None
) -> None:
    """What can only be said of the parts together."""
    if config["episodes"] % settings.rollouts:
        raise InputError(
            f"episodes = {config['episodes']} is not allowed: it must be a multiple of rollouts = {settings.rollouts}"
        )
    if alpha is not None and not method.mixes:
        raise InputError(
            f"alpha = {alpha!r} is not allowed with method {method.name!r}: it mixes nothing with guidance"
        )
    if method.centred and settings.rollouts < 2:
        raise InputError(
            f"rollouts = {settings.rollouts} is not allowed with base credit {method.base!r}: it must be at least 2, "
            "a return minus its own mean is 0"
        )
    if method.start != "plain":
        check_choice("heuristic", settings.heuristic, getattr(system, "heuristic_names", ()))
    if method.update == "sequential" and config["sharing"] == "shared":
        raise InputError(f"sharing = 'shared' is not allowed with method {method.name!r}: it must be 'independent'")


def _folder(out: str | Path | None, resume: bool, config: Mapping[str, Any], tensorboard: bool) -> Path | None:
    """The run's folder, checked and not yet written to."""
    if out is None:
        if tensorboard:
            raise InputError("tensorboard = True is not allowed without out: there is no folder for the events")
        if resume:
            raise InputError("resume = True is not allowed without out: there is no folder to go on from")
        return None
    folder = Path(out)
    if resume:
        check_resumable(folder, config)
        return folder
    if folder.exists() and not folder.is_dir():
        raise InputError(f"out = {str(out)!r} is a file: it must be a folder, or a new name for one")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"out = {str(out)!r} is not empty: choose another folder, or resume = True to go on")
    return folder


class _Run:
    """The loop with its bookkeeping: evaluations, log, checkpoints, progress."""

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
        self.history: list[Record] = []
        self.evaluations: list[tuple[int, Evaluation]] = []
        self.done = 0  # episodes learned from
        self.seconds = 0.0
        self.bar = tqdm(total=config["episodes"], disable=not progress, file=sys.stderr, unit="ep", leave=False)

    def to_the_end(self, events: Events) -> None:
        if not self.evaluations:
            self._evaluate()
        step = self.learner.settings.rollouts
        while self.done < self.config["episodes"]:
            record = self._iteration(step)
            self.history.append(record)
            events.add(record)
            last = self.done == self.config["episodes"]
            if self.folder is not None and (last or (self.done // step) % max(1, self.every // step) == 0):
                self.save()
            self._show(record)

    def _iteration(self, step: int) -> Record:
        began = time.perf_counter()
        total, settings = self.config["episodes"], self.learner.settings
        progress = self.done / max(1, total - step)
        imitating = self.learner.method.start == "imitation" and self.done < settings.imitation_share * total
        facts = self.learner.iterate(self.done // step, progress, imitating)
        self.done += step
        self.seconds += time.perf_counter() - began
        evaluation = self._evaluate() if self._evaluation_due(step) else None
        return Record(
            episode=self.done,
            samples=self.done * self.learner.system.horizon,
            score=evaluation.score if evaluation else None,
            evaluation=evaluation.mean if evaluation else None,
            gap=evaluation.gap if evaluation else None,
            seconds=self.seconds,
            **facts,
        )

    def _evaluate(self) -> Evaluation:
        evaluation = evaluate(self.learner.policy, self.on)
        self.evaluations.append((self.done, evaluation))
        if self.observe is not None:
            self.observe(self.done, self.learner.policy)
        return evaluation

    def _evaluation_due(self, step: int) -> bool:
        every = self.config["evaluate_every"]
        last = self.done == self.config["episodes"]
        return last or (every > 0 and self.done // every > (self.done - step) // every)

    def _show(self, record: Record) -> None:
        shown = "" if record.score is None else f", score {record.score:.2f}"
        per_agent = record.reward / self.learner.system.n_agents
        self.bar.set_postfix_str(f"reward/agent {per_agent:.1f}, samples {record.samples}{shown}", refresh=False)
        self.bar.update(self.learner.settings.rollouts)

    def save(self) -> None:
        assert self.folder is not None
        plain = {
            "done": self.done,
            "seconds": self.seconds,
            "history": [asdict(record) for record in self.history],
            "evaluations": [[episode, evaluation.returns.tolist()] for episode, evaluation in self.evaluations],
        }
        save_checkpoint(self.folder, self.config, self.learner.state(), plain)
        write_log(self.folder, self.history)

    def restore(self) -> None:
        assert self.folder is not None
        if not check_resumable(self.folder, self.config):
            return
        tensors, plain = load_checkpoint(self.folder, self.config)
        self.learner.load(tensors)
        self.done, self.seconds = plain["done"], plain["seconds"]
        self.history = [Record(**record) for record in plain["history"]]
        for episode, values in plain["evaluations"]:
            self.evaluations.append((episode, self.on.judged(np.asarray(values))))
        write_log(self.folder, self.history)  # a kill between checkpoint and log leaves an older log
        self.bar.update(self.done)

    def close(self) -> None:
        self.bar.close()
