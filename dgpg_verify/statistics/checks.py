"""Input checks shared by this room: one clear InputError before any work."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dgpg_verify.core import InputError, check_int, check_real, check_unique

Array = NDArray[np.float64]


def check_level(level: Any, name: str = "level") -> float:
    """Return a confidence level strictly inside (0, 1), else InputError."""
    return check_real(name, level, 0.0, 1.0, open_low=True, open_high=True)


def check_positive(name: str, value: Any) -> float:
    """Return a finite number > 0, else InputError."""
    return check_real(name, value, 0.0, open_low=True)


def as_floats(name: str, values: ArrayLike, ndim: tuple[int, ...]) -> Array:
    """Return `values` as a float64 array with one of the numbers of axes in `ndim`, else InputError."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} is not allowed: it must be a rectangular array of real numbers") from None
    if array.ndim not in ndim:
        allowed = " or ".join(str(d) for d in ndim)
        raise InputError(f"{name} has shape {array.shape}: it must have {allowed} axes")
    return array


def check_sample(name: str, values: ArrayLike, minimum: int, ndim: tuple[int, ...] = (1,)) -> Array:
    """Return a finite sample with at least `minimum` entries along its first axis, else InputError."""
    array = as_floats(name, values, ndim)
    if len(array) < minimum:
        raise InputError(f"{name} holds {len(array)} values: at least {minimum} are needed")
    if not np.isfinite(array).all():
        bad = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{name}{list(bad)} = {array[bad]} is not allowed: it must be finite")
    return array


def check_n_values(n_values: ArrayLike) -> NDArray[np.int64]:
    """Return distinct integers >= 1 (numbers of agents), in the order given, else InputError."""
    if np.ndim(n_values) > 1:
        raise InputError(f"n_values has shape {np.shape(n_values)}: it must have 1 axis")
    items = check_unique("n_values", np.atleast_1d(n_values).tolist())
    return np.array([check_int("n_values", item, 1) for item in items], dtype=np.int64)
