"""Cells shared by C4: one method trained on some fleets of one size, with its curves on held-out workloads.

A row is a method with its settings; a replicate is one fleet with one seed. Small fleets are trained together, as many
in a cell as make up a batch of agents worth the name: a cell is named by the first of them. All methods meet the same
fleets, the same training workloads and the same held-out workloads at equal (N, replicate), so that comparisons are
paired.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from dgpg_verify.claims.noise.measure import build_system, measured_values, prefixed
from dgpg_verify.claims.registry import cell_seed
from dgpg_verify.core import Cell, Evidence, System
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training import Method, TrainingRun, make_method, train_together

FAMILY = "training"
ROOMS = ("training",)  # measured by these rooms as well: their source is part of the cells' key
BASE = "gae:central"  # the kind of credit that DG-PG mixes with guidance; here its critic is a regression of its own
MEASURED_CREDITS = ("return", BASE, "guidance", "difference")
POINTS = ("start", "middle", "end")  # where the gradient's moments are measured
MEASURED_FROM = 16  # agents: exponents in N are judged from there on, so the noise of smaller teams is not read
TOGETHER = 200  # agents of a cell: from there on a batch of fleets saves nothing


@dataclass(frozen=True)
class TrainingRow:
    """One method on one kind of system.

    label: for a legend. part: the experiment it belongs to. n_values: N -> number of seeds (independent fleets).
    alpha None = the method's own schedule. changes: fields of the Method that differ (such as the form of guidance);
    settings: fields of `training.Settings`. evaluate_every: episodes between evaluations on 40 held-out workloads.
    measured: roll-outs by which the gradient is measured at start, middle and end, of teams of MEASURED_FROM agents or
    more; 0 = not.
    """

    key: str
    label: str
    part: str
    method: str
    n_values: Mapping[int, int]
    episodes: int
    alpha: str | None = None
    sharing: str = "independent"
    changes: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    evaluate_every: int = 2
    measured: int = 0

    @property
    def setting(self) -> str | None:
        """Relative scale of the two parts, where there are two."""
        return str(self.settings.get("setting", "sum")) if make_method(self.method).mixes else None

    @property
    def schedule(self) -> str | None:
        """The guidance's weight, where it is mixed with a return."""
        method = make_method(self.method)
        return (self.alpha or method.alpha) if method.mixes else None

    def cells(self, seed: int) -> list[Cell]:
        """`seeds`: of every replicate from the cell's own on. They do not depend on the row: methods meet on the same
        fleets and workloads."""
        options = {
            "system": "cloud", "options": dict(self.options), "method": self.method, "changes": dict(self.changes),
            "alpha": self.alpha, "sharing": self.sharing, "settings": dict(self.settings), "episodes": self.episodes,
            "evaluate_every": self.evaluate_every,
        }  # fmt: skip
        made = []
        for n, replicates in self.n_values.items():
            seeds = [cell_seed(seed, FAMILY, n, replicate) for replicate in range(replicates)]
            size, own = max(1, TOGETHER // n), options | {"measured": self.measured if n >= MEASURED_FROM else 0}
            made += [
                Cell(FAMILY, self.key, n, first, seeds[first], own | {"seeds": seeds[first : first + size]})
                for first in range(0, replicates, size)
            ]
        return made


def measure_training_cell(cell: Cell) -> Evidence:
    """Train on all fleets of the cell; a function of the cell alone. Values, replicate by replicate: the curve, the
    heuristics' returns, the training log."""
    began = time.perf_counter()
    asked, seeds = cell.options, [seed % 2**31 for seed in cell.options["seeds"]]
    systems = [cast(CloudScheduling, build_system(replace(cell, seed=seed))) for seed in seeds]
    values: list[dict[str, Any]] = [{} for _ in seeds]

    def observe(fleet: int, episode: int, policy: Any) -> None:
        point = _point(episode, asked["episodes"], asked["evaluate_every"])
        if asked["measured"] and point:
            found = _moments(systems[fleet], policy, asked["measured"], seeds[fleet])
            values[fleet].update(prefixed(point, found))

    runs = train_together(
        systems,
        _method(asked),
        asked["episodes"],
        seeds,
        asked["alpha"],
        asked["sharing"],
        evaluate_every=asked["evaluate_every"],
        progress=False,
        observe=observe,
        **asked["settings"],
    )
    kept: dict[str, Any] = {}
    for k, run in enumerate(runs):
        kept |= prefixed(str(cell.replicate + k), _curve(run) | _log(run) | values[k])
    return Evidence(cell, kept, time.perf_counter() - began)


def replicates_of(evidence: Evidence) -> list[Evidence]:
    """What was measured on each fleet of a cell, as evidence of its own with an equal share of the time."""
    cell, found = evidence.cell, []
    seeds = cell.options["seeds"]
    for replicate, seed in enumerate(seeds, cell.replicate):
        start = f"{replicate}/"
        values = {name[len(start) :]: value for name, value in evidence.values.items() if name.startswith(start)}
        own = replace(cell, replicate=replicate, seed=seed)
        found.append(Evidence(own, values, evidence.seconds / len(seeds)))
    return found


def training_cost(cell: Cell) -> float:
    """Rough work of a cell, so that long ones start first."""
    evaluations = 1 + cell.options["episodes"] // cell.options["evaluate_every"]
    played = cell.options["episodes"] * 30 + evaluations * 40 + cell.options["measured"] * 10
    agents = cell.n * len(cell.options["seeds"])
    return float(played * cell.options["options"].get("horizon", 100) * (20 + agents))


def _method(asked: Mapping[str, Any]) -> Method:
    return replace(make_method(asked["method"]), **asked["changes"])


def _point(episode: int, episodes: int, every: int) -> str | None:
    """Which of the three points an evaluation is: first, the one nearest to the middle, last."""
    middle = every * round(0.5 * episodes / every)
    return {0: "start", middle: "middle", episodes: "end"}.get(episode)


def _moments(system: System, policy: Any, rollouts: int, seed: int) -> dict[str, Any]:
    found = measure_gradients(system, policy, MEASURED_CREDITS, rollouts=rollouts, seed=seed, progress=False)
    return measured_values(found, None)


def _curve(run: TrainingRun) -> dict[str, Any]:
    """Mean held-out return at every evaluation; of the heuristics: means, and how surely Best-Fit beats Random."""
    kept = run.heldout.returns
    gain = kept["best_fit"] - kept["random"]
    return {
        "episodes": np.array([episode for episode, _ in run.evaluations]),
        "returns": np.array([evaluation.mean for _, evaluation in run.evaluations]),
        "heuristics": {name: float(returns.mean()) for name, returns in kept.items()},
        "gain": float(gain.mean()),
        "gain_error": float(gain.std(ddof=1) / np.sqrt(len(gain))),
        "workloads": len(gain),
        "horizon": run.heldout.system.horizon,
    }


def _log(run: TrainingRun) -> dict[str, Any]:
    return {
        "reward": np.array([record.reward for record in run.history]),
        "entropy": np.array([record.entropy for record in run.history]),
        "alpha": np.array([-1.0 if record.alpha is None else record.alpha for record in run.history]),
        "learning_seconds": run.history[-1].seconds,
    }
