"""Cells of C3.1 and C3.2 on cloud scheduling: samples until a trained policy is near Best-Fit, estimated.

No optimum is known there, so the gap is that to Best-Fit on held-out workloads, and learning is that of the trainer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dgpg_verify.claims.samples.measure.laws import arrivals_of
from dgpg_verify.core import Cell
from dgpg_verify.samples.cloud import estimated_curve, scored_fleets
from dgpg_verify.systems import CloudScheduling


def measure_cloud(cell: Cell) -> dict[str, Any]:
    """Train on `fleets` fleets; what a cell of a run holds, without a floor (none is known).

    `skipped`: fleets drawn on which Best-Fit does not beat Random beyond noise, so that there is no gap to measure.
    """
    options = cell.options
    horizon = int(options["horizon"])

    def draw(seed: int) -> CloudScheduling:
        return CloudScheduling(cell.n, seed=seed, horizon=horizon)

    systems, seeds, skipped = scored_fleets(draw, cell.n, options["fleets"], cell.seed)
    curve = estimated_curve(systems, options["method"], options["episodes"], seeds)
    zeros = np.zeros(len(systems))
    return {
        **arrivals_of(curve, options["factors"]), "floor": zeros, "settled": zeros.astype(bool),
        "skipped": skipped, "tries": [], "scale": None,
    }  # fmt: skip
