"""Cells of C3.1 and C3.2 on cloud scheduling: samples until a trained policy is near Best-Fit, estimated.

No optimum is known there, so the gap is that to Best-Fit on held-out workloads, and learning is that of the trainer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dgpg_verify.claims.complexity_law_cells import arrivals_of
from dgpg_verify.complexity.estimated import WORKLOADS, estimated_curve
from dgpg_verify.core import Cell, InputError
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training import heldout

ROOMS = ("complexity", "training", "statistics")
DRAWS = 8  # fleets drawn for each that is needed, before a cell gives up


def measure_cloud(cell: Cell) -> dict[str, Any]:
    """Train on `fleets` fleets; what a cell of a run holds, without a floor (none is known).

    `skipped`: fleets drawn on which Best-Fit does not beat Random beyond noise, so that there is no gap to measure.
    """
    options = cell.options
    systems, seeds, skipped = scored_fleets(cell.n, options["fleets"], options["horizon"], cell.seed)
    curve = estimated_curve(systems, options["method"], options["episodes"], seeds)
    zeros = np.zeros(len(systems))
    return {
        **arrivals_of(curve, options["factors"]), "floor": zeros, "settled": zeros.astype(bool),
        "skipped": skipped, "tries": [], "scale": None,
    }  # fmt: skip


def scored_fleets(n: int, count: int, horizon: int, seed: int) -> tuple[list[CloudScheduling], list[int], int]:
    """The first `count` fleets with a score, one seed each, and how many were passed over. InputError if too many."""
    drawn = np.random.SeedSequence(seed, spawn_key=(n,)).generate_state(count * DRAWS).astype(np.int64) % 2**31
    systems: list[CloudScheduling] = []
    seeds: list[int] = []
    for place, one in enumerate(drawn.tolist()):
        system = CloudScheduling(n, seed=one, horizon=horizon)
        if heldout(system, one, WORKLOADS).scored:
            systems.append(system)
            seeds.append(one)
        if len(systems) == count:
            return systems, seeds, place + 1 - count
    raise InputError(
        f"{len(systems)} of {len(drawn)} fleets with n = {n}, horizon = {horizon} have a score: {count} needed"
    )
