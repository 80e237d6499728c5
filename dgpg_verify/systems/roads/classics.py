"""The two textbook networks, with one unit of demand: their equilibria and optima are known exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dgpg_verify.systems.roads.links import Ints, Links


def pigou() -> tuple[Links, Ints]:
    """Two parallel links of travel times 1 and x (Pigou 1920): all take the second, half should."""
    return _links([(0, 1, 1.0, 0.0), (0, 1, 0.0, 1.0)]), np.array([[[0], [1]]])


def braess() -> tuple[Links, Ints]:
    """Times x, 1, 1, x on the four sides and 0 on the bridge (Braess 1968): all cross it, half should go either way.

    Paths: over the first corner, over the second, over the bridge.
    """
    sides = [(0, 1, 0.0, 1.0), (1, 3, 1.0, 0.0), (0, 2, 1.0, 0.0), (2, 3, 0.0, 1.0)]
    return _links([*sides, (1, 2, 0.0, 0.0)]), np.array([[[0, 1, -1], [2, 3, -1], [0, 4, 3]]])


CLASSICS: dict[str, Callable[[], tuple[Links, Ints]]] = {"braess": braess, "pigou": pigou}


def _links(rows: list[tuple[int, int, float, float]]) -> Links:
    """From start, end, free time and congestion of each link, of capacity and power 1."""
    start, end, free_time, congestion = np.array(rows).T
    ones = np.ones(len(rows))
    return Links(start.astype(np.int64), end.astype(np.int64), ones, free_time, congestion, ones)
