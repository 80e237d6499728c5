"""Array types of this room, the machine epsilon, and the reshapings that every table needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
EPS = float(np.finfo(np.float64).eps)


def flat(values: NDArray[Any]) -> NDArray[Any]:
    """[F, K, ..., K] as [F, K^N]."""
    return values.reshape(len(values), -1)


def beside(values: Array, table: Array) -> Array:
    """One number per fleet, values [F], shaped [F, 1, ..., 1] to broadcast against a table [F, ...]."""
    return values.reshape(-1, *(1,) * (table.ndim - 1))
