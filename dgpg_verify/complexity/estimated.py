"""Learning curves where no optimum is known: the distance of a trained policy to Best-Fit on held-out workloads.

The distance is estimated, and Best-Fit is no optimum: a gap below 0 is a policy that beats it. Everything else is as
with exact gaps: the same curve, the same arrivals, the same fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from dgpg_verify.complexity.learner import Curve
from dgpg_verify.complexity.problems import Array
from dgpg_verify.core import InputError, System, check_int
from dgpg_verify.training import TrainingRun, heldout, train

GOAL = "best_fit"  # sees the same candidates as the policy
WORKLOADS = 20  # held-out workloads of an evaluation
DRAWS = 8  # fleets drawn for each that is needed, before giving up


def estimated_curve(
    systems: Sequence[System],
    method: str,
    episodes: int,
    seeds: Sequence[int],
    *,
    evaluate_every: int = 1,
    workloads: int = WORKLOADS,
    **changes: Any,
) -> Curve:
    """Train once on every fleet; gap = (return of Best-Fit - return of the policy) / N on the fleet's own workloads.

    Source: claims C3.1 and C3.2 where J* is unknown; one joint sample = one roll-out = one episode.

    Args:
        systems: R fleets of equal N; method: a name of `training.method_names()`; episodes: roll-outs to learn from.
        seeds: one a fleet, of parameters, training workloads and held-out workloads (a stream of their own).
        evaluate_every: episodes between evaluations on `workloads` workloads; changes: fields of `training.Settings`.

    Returns:
        Curve of R runs, checkpoints at the evaluations.

    Raises:
        InputError: fleets of different N, as many seeds as fleets missing, or a fleet without an evaluation set on
            which Best-Fit beats Random beyond noise: there would be neither an optimum nor a distance.

    Cost: R training runs.
    """
    check_fleets(systems, seeds)
    for number, (system, seed) in enumerate(zip(systems, seeds)):
        check_measurable(system, seed, workloads, f"fleet {number}")
    runs = [
        train(system, method, episodes, seed, evaluate_every=evaluate_every, workloads=workloads, progress=False,
              **changes)
        for system, seed in zip(systems, seeds)
    ]  # fmt: skip
    marks = [episode for episode, _ in runs[0].evaluations]
    return Curve(
        method=method,
        step_rule="adam",
        roll_outs=_least_step(marks),
        samples=np.array(marks, dtype=np.int64),
        gaps=np.stack([_gaps(run, system.n_agents) for run, system in zip(runs, systems)]),
        alphas=np.stack([_alphas(run, marks) for run in runs]),
        diverged=np.full(len(runs), -1, dtype=np.int64),
        fleets=np.arange(len(runs), dtype=np.int64),
        finished=False,
    )


def scored_fleets(draw: Callable[[int], System], count: int, seed: int) -> tuple[list[System], list[int], int]:
    """Fleets with an evaluation set that can tell policies apart: the first `count` of at most DRAWS times as many.

    Args: draw: seed -> fleet; seed: root of the fleets' seeds. Returns: fleets, their seeds, how many were passed over.
    Raises: InputError where too few are usable. Cost: the heuristics' play on each.
    """
    drawn = np.random.SeedSequence(seed).generate_state(count * DRAWS).astype(np.int64) % 2**31
    systems: list[System] = []
    seeds: list[int] = []
    for place, one in enumerate(drawn.tolist()):
        system = draw(one)
        if heldout(system, one, WORKLOADS).scored:
            systems.append(system)
            seeds.append(one)
        if len(systems) == count:
            return systems, seeds, place + 1 - count
    raise InputError(
        f"{type(system).__name__} with {system.n_agents} agents has no optimum oracle, and only {len(systems)} of "
        f"{len(drawn)} fleets have an evaluation set on which Best-Fit beats Random beyond noise: {count} are needed"
    )


def check_fleets(systems: Sequence[System], seeds: Sequence[int]) -> None:
    """Raise InputError unless there is at least one fleet, one seed a fleet, and one N."""
    check_int("number of fleets", len(systems), 1)
    if len(seeds) != len(systems):
        raise InputError(f"seeds has {len(seeds)} entries: it must have {len(systems)}, one a fleet")
    sizes = sorted({system.n_agents for system in systems})
    if len(sizes) > 1:
        raise InputError(f"systems have n_agents {sizes}: all fleets of one curve must have the same")


def check_measurable(system: System, seed: int, workloads: int, name: str) -> None:
    """Raise InputError for a fleet with neither an optimum oracle nor an evaluation set that can tell policies."""
    on = heldout(system, seed, workloads)
    if not on.scored:
        raise InputError(
            f"{name} ({type(system).__name__}, {system.n_agents} agents) has no optimum oracle and no evaluation set "
            f"on which policies can be told apart; {on.width_in_words()}"
        )


def _gaps(run: TrainingRun, n_agents: int) -> Array:
    goal = float(run.heldout.returns[GOAL].mean())
    return np.array([(goal - evaluation.mean) / n_agents for _, evaluation in run.evaluations])


def _alphas(run: TrainingRun, marks: Sequence[int]) -> Array:
    """The weight in use at each evaluation; 0 where nothing is mixed in."""
    used = {record.episode: record.alpha or 0.0 for record in run.history}
    first = run.history[0].alpha or 0.0
    return np.array([used.get(mark, first) for mark in marks])


def _least_step(marks: Sequence[int]) -> int:
    return min(after - before for before, after in pairwise(marks))
