"""C1.3's closed form of the minimum: where it is the minimum over (0, 1), exactly and as estimated on the cloud."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.c1_3_minimum_variance import CLAIM
from dgpg_verify.claims.noise.measure import prefixed
from dgpg_verify.core import Cell, Evidence, LedgerRow
from tests.claims.judging import judge

DESIGN = {row.key: row for row in grid.noise_design("smoke")}
NAMES = ("return", "guidance", "difference")
FOUR = (2, 16, 24, 32)


def fleets(key: str, covariances: Sequence[float], n: int, source: str) -> list[Evidence]:
    """One cell per covariance C of return and guidance, whose variances are 4 and 1."""
    found = []
    for k, c in enumerate(covariances):
        covariance = np.array([[4.0, c, 0.0], [c, 1.0, 0.0], [0.0, 0.0, 1.0]]) * n
        values = prefixed(source, {
            "names": NAMES, "covariance": covariance, "signal": np.eye(3) * n, "cross": covariance / 2, "rollouts": 64,
            "value_means": np.zeros(3), "value_covariances": np.eye(3),
        })  # fmt: skip
        found.append(Evidence(Cell("gradients", key, n, k, 1000 * n + k, DESIGN[key].options), values, 1.0))
    return found


def closed_form(key: str, covariances: Sequence[float], source: str) -> LedgerRow:
    items = [item for n in FOUR for item in fleets(key, covariances if n == FOUR[-1] else [0.5] * 6, n, source)]
    rows = {row.row: row for row in judge(CLAIM, items, DESIGN)}
    return rows[f"C1.3/{key}/closed form"]


@pytest.mark.parametrize(
    ("covariances", "verdict"),
    [
        ([0.5] * 6, "supported"),
        ([1.2, 0.5, 0.4, 0.6, 0.5, 0.9], "inconclusive"),  # one fleet, which noise may have put there
        ([1.2, 1.3, 1.25, 1.2, 1.3, 0.98], "refuted"),  # five of six, and their mean surely
    ],
)
def test_on_the_cloud_it_is_estimated_and_refuted_only_beyond_noise(covariances: list[float], verdict: str) -> None:
    row = closed_form(grid.CLOUD, covariances, "measured")
    assert row.verdict == verdict and not row.primary and row.relation == "universal"
    outside = sum(c > 1.0 for c in covariances)
    assert row.estimate == pytest.approx(outside / 24)
    assert "estimated from 64 roll-outs of each fleet" in row.holds_when
    assert f"{1 - outside / 6:.2g} at N = 32" in row.holds_when and row.holds_when.count("cloud") == 1
    assert ("told from the edge" in row.because) == (verdict == "inconclusive")


def test_exact_moments_need_one_fleet() -> None:
    row = closed_form(grid.GAME, [1.2, 0.5, 0.4, 0.6, 0.5, 0.9], "exact")
    assert row.verdict == "refuted" and "estimated" not in row.holds_when
