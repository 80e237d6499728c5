"""Cells shared by C4: one method trained on some fleets of one size, with its curves on held-out workloads.

A row is a method with its settings; a replicate is one fleet with one seed. Small fleets are trained together, as many
in a cell as make up a batch of agents worth the name: a cell is named by the first of them. All methods meet the same
fleets, the same training workloads and the same held-out workloads at equal (N, replicate), so that comparisons are
paired.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from dgpg_verify.claims.noise.measure import measured_values, prefixed
from dgpg_verify.claims.subjects import build_system
from dgpg_verify.core import Cell, Evidence
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training import TrainingRun, make_method, train_together

FAMILY = "training"
BASE = "gae:central"  # the kind of credit that DG-PG mixes with guidance; here its critic is a regression of its own
MEASURED_CREDITS = ("return", BASE, "guidance", "difference", "score")
POINTS = ("start", "middle", "end")  # where the gradient's moments are measured
MEASURED_FROM = 16  # agents: exponents in N are judged from there on, so the noise of smaller teams is not read


def measure_training(cell: Cell) -> dict[str, Any]:
    """Train on all fleets of the cell; a function of the cell alone. Values, replicate by replicate: the curve, the
    heuristics' returns, the training log."""
    asked, seeds = cell.options, [seed % 2**31 for seed in cell.options["seeds"]]
    systems = [cast(CloudScheduling, build_system(replace(cell, seed=seed))) for seed in seeds]
    values: list[dict[str, Any]] = [{} for _ in seeds]

    def observe(fleet: int, episode: int, policy: Any) -> None:
        point = _point(episode, evaluated_at(asked))
        if asked["measured"] and point:
            given = {"rollouts": asked["measured"], "seed": seeds[fleet], "progress": False}
            moments = measure_gradients(systems[fleet], policy, MEASURED_CREDITS, **given)
            values[fleet].update(prefixed(point, measured_values(moments, None)))

    runs = train_together(
        systems,
        replace(make_method(asked["method"]), **asked["changes"]),
        asked["episodes"],
        seeds,
        asked["alpha"],
        asked["sharing"],
        evaluate_every=asked["evaluate_every"],
        workloads=asked["workloads"],
        progress=False,
        observe=observe,
        **asked["settings"],
    )
    kept: dict[str, Any] = {}
    for k, run in enumerate(runs):
        kept |= prefixed(str(cell.replicate + k), _numbers(run) | values[k])
    return kept


def replicates_of(evidence: Evidence) -> list[Evidence]:
    """What was measured on each fleet of a cell, as evidence of its own with an equal share of the time."""
    seeds, values = evidence.cell.options["seeds"], defaultdict[str, dict[str, Any]](dict)
    for name, value in evidence.values.items():
        replicate, _, rest = name.partition("/")
        values[replicate][rest] = value
    return [
        Evidence(replace(evidence.cell, replicate=k, seed=seed), values[str(k)], evidence.seconds / len(seeds))
        for k, seed in enumerate(seeds, evidence.cell.replicate)
    ]


def training_cost(cell: Cell) -> float:
    """Rough work of a cell, so that long ones start first."""
    asked = cell.options
    played = asked["episodes"] * 30 + len(evaluated_at(asked)) * asked["workloads"] + asked["measured"] * 10
    agents = cell.n * len(asked["seeds"])
    return float(played * asked["options"].get("horizon", 100) * (20 + agents))


def evaluated_at(asked: Mapping[str, Any]) -> list[int]:
    """Episodes after which a cell is to be evaluated, the start with them."""
    every, episodes = asked["evaluate_every"], asked["episodes"]
    return [*range(0, episodes, every), episodes] if isinstance(every, int) else [0, *every]


def _point(episode: int, evaluated: Sequence[int]) -> str | None:
    """Which of the three points an evaluation is: first, the one nearest to the middle, last."""
    last = evaluated[-1]
    middle = min(evaluated, key=lambda at: abs(at - 0.5 * last))
    return {0: "start", middle: "middle", last: "end"}.get(episode)


def _numbers(run: TrainingRun) -> dict[str, Any]:
    """Mean held-out return at every evaluation, and the processor time spent on learning until then; of the heuristics:
    means, and how surely Best-Fit beats Random; and the training log."""
    kept, spent = run.heldout.returns, {record.episode: record.seconds for record in run.history}
    gain = kept["best_fit"] - kept["random"]
    return {
        "episodes": np.array([episode for episode, _ in run.evaluations]),
        "returns": np.array([evaluation.mean for _, evaluation in run.evaluations]),
        "seconds": np.array([0.0, *(spent[episode] for episode, _ in run.evaluations[1:])]),
        "heuristics": {name: float(returns.mean()) for name, returns in kept.items()},
        "gain": float(gain.mean()),
        "gain_error": float(gain.std(ddof=1) / np.sqrt(len(gain))),
        "workloads": len(gain),
        "horizon": run.heldout.system.horizon,
        "reward": np.array([record.reward for record in run.history]),
        "entropy": np.array([record.entropy for record in run.history]),
        "alpha": np.array([-1.0 if record.alpha is None else record.alpha for record in run.history]),
        "learning_seconds": run.history[-1].seconds,
    }
