"""Transfer factors: a triangle by hand, plain least squares with every bus balanced, drawn networks, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.systems.power.lines import Grid, drawn_lines, limited_lines, transfer_factors
from tests.oracles.games.prices import unit_flows


def grid(start: list[int], end: list[int], reactance: list[float], bus: list[int], load: list[float]) -> Grid:
    limit = np.full(len(start), np.inf)
    return Grid(np.array(start), np.array(end), np.array(reactance), limit, np.array(bus), np.array(load))


def test_a_triangle_by_hand() -> None:
    """From bus 0 to the load at bus 2: over 2 at once, or over 1 + 2 by bus 1, so that 3/5 and 2/5 take these ways."""
    found = transfer_factors(grid([0, 0, 1], [2, 1, 2], [2.0, 1.0, 2.0], [0, 1, 2], [0.0, 0.0, 7.0]))
    np.testing.assert_allclose(found[:, 0], [3 / 5, 2 / 5, 2 / 5], atol=1e-14)
    np.testing.assert_allclose(found[:, 1], [1 / 5 * 2, -2 / 5, 3 / 5], atol=1e-14)
    assert found[:, 2].tolist() == [0.0] * 3


def test_loads_are_fed_in_proportion() -> None:
    """A generator between two loads, 1 and 3: a quarter goes one way."""
    found = transfer_factors(grid([1, 1], [0, 2], [1.0, 5.0], [1], [1.0, 0.0, 3.0]))
    np.testing.assert_allclose(found[:, 0], [1 / 4, 3 / 4], atol=1e-14)


@pytest.mark.parametrize("negative", [False, True])
def test_factors_are_those_of_least_squares_and_balanced_at_every_bus(negative: bool, seed: int) -> None:
    """A meshed network of 12 buses with parallel lines, loads below 0, and reactances below 0 that leave a solution."""
    rng = np.random.default_rng(seed)
    ends = np.array([*((k, k + 1) for k in range(11)), *rng.integers(0, 12, (20, 2)), (3, 4)])
    start, end = ends[ends[:, 0] != ends[:, 1]].T
    reactance = rng.uniform(0.5, 2.0, len(start))
    reactance[-1] *= -20.0 if negative else 1.0
    load = rng.uniform(-1.0, 5.0, 12)
    made = Grid(start, end, reactance, np.full(len(start), np.inf), rng.integers(0, 12, 6), load)
    found = transfer_factors(made)
    for generator in range(6):
        flow, gain = unit_flows(made, generator)
        assert np.abs(gain).max() < 1e-11
        np.testing.assert_allclose(found[:, generator], flow, atol=1e-11)


def test_reactances_that_cancel_are_refused() -> None:
    with pytest.raises(InputError, match="balanced at every bus"):
        transfer_factors(grid([0, 0], [1, 1], [1.0, -1.0], [0], [0.0, 1.0]))


def test_lines_without_a_limit_are_left_out_and_copies_share_the_lines() -> None:
    made = grid([0, 0, 1], [2, 1, 2], [2.0, 1.0, 2.0], [0, 1], [0.0, 0.0, 7.0])
    made.limit[1] = 4.0
    once, twice = limited_lines(made), limited_lines(made.copied(2))
    assert once.limit.tolist() == [4.0] and twice.limit.tolist() == [8.0]
    np.testing.assert_allclose(once.transfer, [[2 / 5, -2 / 5]], atol=1e-14)
    np.testing.assert_allclose(twice.transfer, np.tile(once.transfer, 2), atol=1e-14)


@pytest.mark.parametrize(("n", "lines"), [(2, 1), (3, 2), (4, 4), (7, 8), (16, 24)])
def test_drawn_lines_carry_the_usual_outputs(n: int, lines: int, seed: int) -> None:
    """Streets of a square grid; limits from the usual flow on, at most the mean of the usual flows above it."""
    output = np.random.default_rng(seed).uniform(1.0, 4.0, n)
    made: Any = drawn_lines(output, float(output.sum()), np.random.default_rng(seed + 1))
    spare = made.limit - np.abs(made.transfer @ output)
    assert made.transfer.shape == (lines, n) and (np.abs(made.transfer) <= 1.0).all()
    assert (spare >= 0.0).all() and spare.max() <= np.abs(made.transfer @ output).mean() * (1 + 1e-12)
    other: Any = drawn_lines(output, float(output.sum()), np.random.default_rng(seed + 2))
    assert np.abs(other.transfer - made.transfer).max() > 0.0 or n == 3
