"""Learning curves where no optimum is known: the distance of a trained policy to Best-Fit on held-out workloads.

The distance is estimated, and Best-Fit is not an optimum: a gap below 0 is a policy that beats it. Curve, arrivals
and fit are the same as with exact gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dgpg_verify.core import InputError, System, check_choice, check_int
from dgpg_verify.samples.learner import Curve
from dgpg_verify.samples.problems import Array
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training import TrainingRun, heldout, make_method, method_names, train

GOAL = "best_fit"  # sees the same candidates as the policy
WORKLOADS = 20  # held-out workloads of an evaluation
DRAWS = 8  # fleets drawn for each that is needed, before giving up


def estimated_curve(
    systems: Sequence[System], method: str, episodes: int, seeds: Sequence[int], **changes: Any
) -> Curve:
    """Train once on every fleet; gap = (return of Best-Fit - return of the policy) / N on the fleet's own workloads.

    Source: claims C3.1 and C3.2 where J* is unknown; one joint sample = one roll-out = one episode.

    Parameters
    ----------
    systems : sequence of System
        R fleets of equal N.
    method, episodes : str, int
        A name of `training.method_names()`, and the roll-outs to learn from.
    seeds : sequence of int [R]
        They draw parameters, training workloads and held-out workloads (a stream of their own).
    **changes
        Fields of `training.Settings`, such as setting="parts".

    Raises
    ------
    InputError
        As `check_method` and `check_fleets`, or a fleet without an evaluation set on which Best-Fit beats Random
        beyond noise: there would be neither an optimum nor a distance.
    """
    roll_outs = check_method(method, episodes)
    check_fleets(systems, seeds)
    for number, (system, seed) in enumerate(zip(systems, seeds)):
        check_measurable(system, seed, f"fleet {number}")
    runs = [
        train(system, method, episodes, seed, evaluate_every=1, workloads=WORKLOADS, progress=False, **changes)
        for system, seed in zip(systems, seeds)
    ]
    marks = [episode for episode, _ in runs[0].evaluations]
    return Curve(
        roll_outs=roll_outs,
        samples=np.array(marks, dtype=np.int64),
        gaps=np.stack([_gaps(run, systems[0].n_agents) for run in runs]),
        alphas=np.stack([_alphas(run, marks) for run in runs]),
        diverged=np.full(len(runs), -1, dtype=np.int64),
    )


def scored_fleets(n: int, count: int, seed: int, **options: Any) -> tuple[list[System], list[int], int]:
    """Fleets with an evaluation set that can tell policies apart: the first `count` of at most DRAWS times as many.

    Parameters
    ----------
    n, count : int
        Agents of a fleet (fleets are drawn anew at each N), and fleets needed.
    seed : int
        Root of the fleets' seeds.
    **options
        Options of `CloudScheduling`.

    Returns
    -------
    fleets, their seeds, number of fleets passed over
        InputError where too few are usable. Cost: the heuristics' play on each.
    """
    drawn = np.random.SeedSequence(seed, spawn_key=(n,)).generate_state(count * DRAWS).astype(np.int64) % 2**31
    systems: list[System] = []
    seeds: list[int] = []
    for place, fleet_seed in enumerate(drawn.tolist()):
        system = CloudScheduling(n, seed=fleet_seed, **options)
        if heldout(system, fleet_seed, WORKLOADS).scored:
            systems.append(system)
            seeds.append(fleet_seed)
        if len(systems) == count:
            return systems, seeds, place + 1 - count
    raise InputError(
        f"CloudScheduling with {n} agents has no optimum oracle, and only {len(systems)} of "
        f"{len(drawn)} fleets have an evaluation set on which Best-Fit beats Random beyond noise: {count} are needed"
    )


def check_method(name: str, episodes: int) -> int:
    """Roll-outs per update. InputError for an unknown method, for one that starts at Best-Fit (no gap is left to
    close), and for episodes that are not a multiple of its roll-outs per update."""
    method = make_method(check_choice("method", name, method_names()))
    if method.start == "residual":
        raise InputError(f"method = {name!r} is not allowed: it starts at the heuristic that the gap is measured to")
    rollouts = method.settings({}).rollouts
    if check_int("episodes", episodes, 1) % rollouts:
        raise InputError(f"episodes = {episodes} is not allowed with {name!r}: it must be a multiple of {rollouts}")
    return rollouts


def check_fleets(systems: Sequence[System], seeds: Sequence[int]) -> None:
    """Raise InputError unless there is at least one fleet, one seed per fleet, and one N."""
    check_int("number of fleets", len(systems), 1)
    if len(seeds) != len(systems):
        raise InputError(f"seeds has {len(seeds)} entries: it must have {len(systems)}, one per fleet")
    sizes = sorted({system.n_agents for system in systems})
    if len(sizes) > 1:
        raise InputError(f"systems have n_agents {sizes}: all fleets of one curve must have the same")


def check_measurable(system: System, seed: int, name: str) -> None:
    """Raise InputError for a fleet whose held-out workloads cannot tell policies apart: no optimum is used here."""
    evaluation = heldout(system, seed, WORKLOADS)
    if not evaluation.scored:
        raise InputError(
            f"{name} ({type(system).__name__}, {system.n_agents} agents): no optimum oracle is used here and there is "
            f"no evaluation set on which policies can be told apart; {evaluation.width_in_words()}"
        )


def _gaps(run: TrainingRun, n_agents: int) -> Array:
    goal = float(run.heldout.returns[GOAL].mean())
    return np.array([(goal - evaluation.mean) / n_agents for _, evaluation in run.evaluations])


def _alphas(run: TrainingRun, marks: Sequence[int]) -> Array:
    """The weight that is used from each evaluation on; 0 where nothing is mixed in."""
    places = np.searchsorted([record.episode for record in run.history], marks, side="right")
    return np.array([record.alpha or 0.0 for record in run.history])[np.minimum(places, len(run.history) - 1)]
