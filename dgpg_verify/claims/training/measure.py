"""Cells shared by C4: one method trained on some fleets of one size, with its curves on held-out workloads.

A row is a method with its settings; a replicate is one fleet with one seed. Small fleets are trained together, as many
in a cell as make up a batch of agents worth the name: a cell is named by the first of them. All methods meet the same
fleets, the same training workloads and the same held-out workloads at equal (N, replicate), so that comparisons are
paired.
"""

from __future__ import annotations

from collections import defaultdict
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
MEASURED_CREDITS = ("return", BASE, "guidance", "difference")
POINTS = ("start", "middle", "end")  # where the gradient's moments are measured
MEASURED_FROM = 16  # agents: exponents in N are judged from there on, so the noise of smaller teams is not read


def measure_training(cell: Cell) -> dict[str, Any]:
    """Train on all fleets of the cell; a function of the cell alone. Values, replicate by replicate: the curve, the
    heuristics' returns, the training log."""
    asked, seeds = cell.options, [seed % 2**31 for seed in cell.options["seeds"]]
    systems = [cast(CloudScheduling, build_system(replace(cell, seed=seed))) for seed in seeds]
    values: list[dict[str, Any]] = [{} for _ in seeds]

    def observe(fleet: int, episode: int, policy: Any) -> None:
        point = _point(episode, asked["episodes"], asked["evaluate_every"])
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
    evaluations = 1 + cell.options["episodes"] // cell.options["evaluate_every"]
    played = cell.options["episodes"] * 30 + evaluations * 40 + cell.options["measured"] * 10
    agents = cell.n * len(cell.options["seeds"])
    return float(played * cell.options["options"].get("horizon", 100) * (20 + agents))


def _point(episode: int, episodes: int, every: int) -> str | None:
    """Which of the three points an evaluation is: first, the one nearest to the middle, last."""
    middle = every * round(0.5 * episodes / every)
    return {0: "start", middle: "middle", episodes: "end"}.get(episode)


def _numbers(run: TrainingRun) -> dict[str, Any]:
    """Mean held-out return at every evaluation; of the heuristics: means, and how surely Best-Fit beats Random; and the
    training log."""
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
        "reward": np.array([record.reward for record in run.history]),
        "entropy": np.array([record.entropy for record in run.history]),
        "alpha": np.array([-1.0 if record.alpha is None else record.alpha for record in run.history]),
        "learning_seconds": run.history[-1].seconds,
    }
