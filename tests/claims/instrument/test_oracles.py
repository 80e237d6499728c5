"""A0: intervals of the instrument against exact moments, on every system that has an oracle; a wrong oracle is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dgpg_verify.claims.instrument import a0_instrument, measure
from dgpg_verify.claims.instrument.measure import AT_FULL_SCALE, COVERAGE, ORACLES, QUANTITIES, coverage_batch
from dgpg_verify.statistics import coverage_band

BATCHES, SIZE = 4, 10


def misses(oracle: str, seed: int) -> dict[str, int]:
    found = [coverage_batch(oracle, 100 * seed + k, SIZE, COVERAGE) for k in range(BATCHES)]
    return {name: sum(hits[name].count(0) for hits in found) for name in QUANTITIES}


@pytest.mark.parametrize("oracle", AT_FULL_SCALE)
def test_intervals_cover_as_often_as_they_say_on_other_domains(oracle: str, seed: int) -> None:
    """40 configurations, in the band that holds an honest count 999 times in 1000."""
    low, high = coverage_band(COVERAGE, BATCHES * SIZE, 0.001 / len(QUANTITIES))
    assert all(low <= count <= high for count in misses(oracle, seed).values())


@pytest.mark.parametrize("oracle", AT_FULL_SCALE)
def test_control_an_oracle_wrong_by_a_half_is_seen(oracle: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = ORACLES[oracle]

    def wrong(rng: np.random.Generator) -> Any:
        system, policy, exact = honest(rng)
        return system, policy, {name: Scaled(exact[name].variance) for name in measure.CREDITS}

    monkeypatch.setitem(measure.ORACLES, oracle, wrong)
    assert min(misses(oracle, seed).values()) > BATCHES * SIZE / 2


class Scaled:
    def __init__(self, variance: np.ndarray) -> None:
        self.variance = 1.5 * variance


def test_they_are_asked_at_full_scale() -> None:
    asked = {scale: {row.key for row in a0_instrument.design(scale)} for scale in ("smoke", "standard", "full")}
    more = {f"coverage/{oracle}" for oracle in AT_FULL_SCALE}
    assert asked["full"] - asked["standard"] == more and asked["smoke"] == asked["standard"]
