"""Tables of small whole numbers, in which ties are common."""

from __future__ import annotations

import numpy as np

from dgpg_verify.equilibria.games.tables import Tables


def integer_tables(count: int, agents: int, actions: int, seed: int, high: int = 3) -> Tables:
    rng = np.random.default_rng(seed)
    shape = (count, *(actions,) * agents)
    return Tables(rng.integers(0, high, shape), rng.integers(0, high, shape))
