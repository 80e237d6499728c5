"""Training cells made up with known answers, in the form in which they are measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.training.measure import evaluated_at
from dgpg_verify.core import Cell, Evidence

RANDOM, BEST_FIT = -100.0, -40.0


def training_evidence(
    row: Row, n: int, scores: Sequence[NDArray[np.float64]], gain_error: float = 1.0, **more: Any
) -> list[Evidence]:
    """One cell for each curve of scores [E]: returns on a scale on which Random has -100 and Best-Fit -40."""
    found = []
    for k, curve in enumerate(scores):
        seed, values = 1000 * n + k, _values(row, curve, gain_error) | more
        cell = Cell("training", row.key, n, k, seed, {**row.options, "seeds": [seed]})
        found.append(Evidence(cell, {f"{k}/{name}": value for name, value in values.items()}, 1.0))
    return found


def episodes_of(row: Row) -> NDArray[np.float64]:
    return np.array(evaluated_at(row.options), dtype=np.float64)


def _values(row: Row, curve: NDArray[np.float64], gain_error: float) -> dict[str, Any]:
    assert len(curve) == len(episodes_of(row))
    return {
        "episodes": episodes_of(row),
        "returns": RANDOM + (BEST_FIT - RANDOM) * curve,
        "heuristics": {"random": RANDOM, "best_fit": BEST_FIT, "earliest_finish": -30.0},
        "gain": BEST_FIT - RANDOM,
        "gain_error": gain_error,
        "workloads": 40,
        "horizon": int(row.options["options"]["horizon"]),
        "reward": np.zeros(row.options["episodes"]),
        "entropy": np.ones(row.options["episodes"]),
        "alpha": np.linspace(0.9, 0.2, row.options["episodes"]),
        "learning_seconds": 1.0,
        "seconds": np.linspace(0.0, 1.0, len(curve)),
    }


def rising(row: Row, settled: float, level: float = 1.0, noise: float = 0.002, seed: int = 0) -> Any:
    """A curve that climbs from 0 to `level` in a straight line until `settled` episodes, then stays."""
    at = episodes_of(row)
    jitter = noise * np.random.default_rng(seed).standard_normal(len(at))
    return level * np.minimum(at / settled, 1.0) + jitter
