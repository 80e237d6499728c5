"""Finished runs in the layouts that other packages read: marl-eval's JSON and rliable's matrices.

Runs are named alike in both. The environment is the system's name; the task its number of agents and every option that
is not the default; the algorithm the method, alpha, sharing, its mixture and every setting that is not the method's;
the run its seed. All are read from the run folders, so that exports made apart agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import InputError
from dgpg_verify.statistics import last_window
from dgpg_verify.systems import make_system
from dgpg_verify.training.evaluation import Heldout, heldout
from dgpg_verify.training.methods import Method
from dgpg_verify.training.saved.folder import StoredRun
from dgpg_verify.training.settings import usual_settings

Array = NDArray[np.float64]
Task = tuple[str, str]  # environment and task
NOT_OPTIONS = ("system", "n_agents", "seed", "inputs")


@dataclass(frozen=True)
class FinishedRun:
    """A stored run by its names. folder: what messages call it."""

    folder: str
    stored: StoredRun

    @property
    def task(self) -> Task:
        known = self.stored.config["system"]
        name, n_agents = str(known.get("system", type(self.stored.system).__name__)), self.stored.system.n_agents
        if "origin" in self.stored.config:
            options = self.stored.config["origin"]["options"]
        else:
            options = _changed(known, make_system(name, n_agents, known["seed"]).config(), NOT_OPTIONS)
        return name, " ".join([f"N={n_agents}", *(f"{key}={value}" for key, value in options.items())])

    @property
    def algorithm(self) -> str:
        """Without commas, which marl-eval does not allow."""
        config = self.stored.config
        method = Method(**config["method"])
        parts = [method.name, config["alpha"], config["sharing"]]
        if method.guidance:
            parts.append(method.guidance)
        if method.mixes:
            parts.append(config["settings"]["setting"])
        usual = method.settings(usual_settings(self.stored.system, config["episodes"]))
        changed = _changed(config["settings"], asdict(usual), ("setting",))
        return " ".join([*parts, *(f"{key}={value}" for key, value in changed.items())]).replace(",", ";")

    @property
    def seed(self) -> str:
        """The run's seed, and the system's where it is another one."""
        seed, fleet = (config.get("seed") for config in (self.stored.config, self.stored.config["system"]))
        return f"seed_{seed}" if fleet in (None, seed) else f"seed_{seed}_system_{fleet}"

    @property
    def episodes(self) -> list[int]:
        return [episode for episode, _ in self.stored.progress.evaluations]

    @cached_property
    def on(self) -> Heldout:
        config = self.stored.config
        return heldout(self.stored.system, config["heldout_seed"], config["workloads"])

    def metrics(self, scored: bool) -> list[dict[str, list[float]]]:
        """Of each evaluation one number per workload: the return, and the score if `scored`. Its mean over workloads is
        the score of the evaluation."""
        found = []
        for _, returns in self.stored.progress.evaluations:
            values = {"return": returns}
            if scored:
                values["score"] = (returns - self.on.random.mean()) / self.on.width().value
            found.append({name: numbers.tolist() for name, numbers in values.items()})
        return found

    def level(self, metric: str) -> float:
        """Mean over the evaluations of the last 20 % of the episodes."""
        last = last_window(np.array(self.episodes))
        return float(np.mean([values[metric] for values in self.metrics(metric == "score")[-last:]]))


def marl_eval(runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """environment -> task -> algorithm -> run -> step_i, each with step_count (joint steps) and a list per metric, one
    number a workload; the layout of Gorsane et al. (2022).

    `absolute_metrics` holds the evaluations of the last 20 % of the episodes: the best policy of a run, which the
    layout means, is chosen by the same workloads and so looks better than it is.

    Raises
    ------
    InputError : runs of other seeds or evaluations for one algorithm than for another: marl-eval needs equal ones.
    """
    table = _table(runs)
    first = runs[0]
    for run in runs:
        if run.episodes != first.episodes:
            raise InputError(f"{run.folder} was not evaluated after the same episodes as {first.folder}: marl-eval "
                             "needs the same evaluations in every run")  # fmt: skip
    _check_equal(table, sorted({algorithm for _, algorithm in table}))
    scored = _scored(runs)
    found: dict[str, Any] = {}
    for ((environment, task), algorithm), seeds in table.items():
        place = found.setdefault(environment, {}).setdefault(task, {})
        place[algorithm] = {seed: _steps(run, scored) for seed, run in seeds.items()}
    return found


def rliable(runs: Sequence[FinishedRun]) -> tuple[dict[str, Array], list[Task]]:
    """Levels of the runs, algorithm -> [runs, tasks], as `rliable.library.get_interval_estimates` takes them, and the
    tasks in the order of the columns. Rows are seeds in order; a level is a score, or a return where no run has one.

    Raises
    ------
    InputError : an algorithm without the same seeds on every task; runs with and without a score together.
    """
    table = _table(runs)
    scored = _scored(runs)
    if not scored and any(run.on.scored for run in runs):
        bare = next(run.folder for run in runs if not run.on.scored)
        raise InputError(f"{bare} has no score and other runs have one: rliable needs one scale, so export them apart")
    metric = "score" if scored else "return"
    tasks = sorted({task for task, _ in table})
    found = {}
    for algorithm in dict.fromkeys(algorithm for _, algorithm in table):
        _check_equal(table, [algorithm])
        rows = sorted(table[tasks[0], algorithm], key=lambda seed: (len(seed), seed))
        found[algorithm] = np.array([[table[task, algorithm][seed].level(metric) for task in tasks] for seed in rows])
    return found, tasks


def _table(runs: Iterable[FinishedRun]) -> dict[tuple[Task, str], dict[str, FinishedRun]]:
    """(task, algorithm) -> seed -> run; InputError where two runs have the same names, or one was stopped early."""
    table: dict[tuple[Task, str], dict[str, FinishedRun]] = {}
    for run in runs:
        done, planned = run.stored.progress.done, run.stored.config["episodes"]
        if done < planned:
            raise InputError(f"{run.folder} was stopped after {done} of {planned} episodes: end it with --resume first")
        seeds = table.setdefault((run.task, run.algorithm), {})
        if run.seed in seeds:
            raise InputError(f"{run.folder} and {seeds[run.seed].folder} are both {run.seed} of {run.algorithm} on "
                             f"{' '.join(run.task)}: each run is allowed once")  # fmt: skip
        seeds[run.seed] = run
    return table


def _check_equal(table: Mapping[tuple[Task, str], Mapping[str, FinishedRun]], algorithms: Sequence[str]) -> None:
    """InputError at the first task and algorithm that lacks a seed which another one of them has."""
    tasks = sorted({task for task, _ in table})
    seeds = {(task, algorithm): set(table.get((task, algorithm), ())) for task in tasks for algorithm in algorithms}
    everywhere = set().union(*seeds.values())
    for (task, algorithm), there in seeds.items():
        if missing := sorted(everywhere - there):
            raise InputError(f"{algorithm} on {' '.join(task)} has no run {', '.join(missing)}: it needs the seeds "
                             "that it, or another algorithm, has elsewhere")  # fmt: skip


def _scored(runs: Iterable[FinishedRun]) -> bool:
    return all(run.on.scored for run in runs)


def _steps(run: FinishedRun, scored: bool) -> dict[str, Any]:
    metrics, horizon = run.metrics(scored), run.stored.system.horizon
    steps = [{"step_count": episode * horizon, **values} for episode, values in zip(run.episodes, metrics)]
    last = metrics[-last_window(np.array(run.episodes)) :]
    absolute = {name: [number for values in last for number in values[name]] for name in last[0]}
    return {f"step_{k}": step for k, step in enumerate(steps)} | {"absolute_metrics": absolute}


def _changed(values: Mapping[str, Any], usual: Mapping[str, Any], left_out: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in left_out and value != usual.get(name)}
