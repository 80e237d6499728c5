"""What A0.5 measures: many fleets of teams whose noise is known, each as the claims on noise measure theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dgpg_verify.claims.instrument.subjects import PlantedNoise
from dgpg_verify.claims.noise.measure import measured_values, prefixed
from dgpg_verify.core import Cell
from dgpg_verify.measurement import measure_gradients

BASIC_CREDITS = ("return", "guidance")
CREDITS = (*BASIC_CREDITS, "score")  # the mixture `joint` subtracts a constant, for which it needs the bare score
UNREAD = ("team_covariance", "team_signal")  # equal to those per agent where parameters are not shared


def measure_pipeline(cell: Cell) -> dict[str, Any]:
    """The moments of every fleet of a cell, joined along a first axis."""
    fleets = [_fleet(cell.n, seed % 2**31, cell.options) for seed in cell.options["seeds"]]
    joined = {
        name: np.stack([fleet[name] for fleet in fleets]) if isinstance(value, np.ndarray) else value
        for name, value in fleets[0].items()
    }
    return prefixed("measured", joined)


def _fleet(n: int, seed: int, options: Mapping[str, Any]) -> dict[str, Any]:
    system = PlantedNoise.fleet(n, seed, **options["planted"])
    policy, credits, rollouts = (options[name] for name in ("policy", "credits", "rollouts"))
    moments = measure_gradients(system, policy, credits, rollouts=rollouts, seed=seed, progress=False)
    return {name: value for name, value in measured_values(moments).items() if name not in UNREAD}
