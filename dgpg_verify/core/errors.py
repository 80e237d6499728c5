"""Errors: bad input ends in one clear line that names the value and the allowed range, before any work starts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

LARGEST_INT = 2**64 - 1  # the largest seed; beyond it numpy and torch end in errors of their own


class InputError(ValueError):
    """A user's value is outside its allowed range. The command line turns it into exit code 2."""


class NonFiniteError(ArithmeticError):
    """A computed number is NaN or infinite; the message names where (chunk, roll-out, step, agent)."""


class ClaimRefuted(AssertionError):
    """A claim was measured to be false. Raised so that an expected refutation never hides a crash."""


def check_int(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return `value` as int, or raise InputError naming it and its range [low, high]; none is above 2^64 - 1."""
    allowed = f"an integer >= {low}" if high is None else f"an integer in [{low}, {high}]"
    try:
        number = int(value)
        whole = not isinstance(value, bool) and number == value
    except (TypeError, ValueError, OverflowError):
        whole, number = False, low
    if high is None and whole and number > LARGEST_INT:
        high, allowed = LARGEST_INT, f"an integer in [{low}, {LARGEST_INT}]"
    if not whole or number < low or (high is not None and number > high):
        raise InputError(f"{name} = {value!r} is not allowed: it must be {allowed}")
    return number


def check_real(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return `value` as a finite float in [low, high], without an end that is open, else InputError."""
    left, right = "(" if open_low or low == -math.inf else "[", ")" if open_high or high == math.inf else "]"
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    edge = (open_low and number == low) or (open_high and number == high)
    if not math.isfinite(number) or not low <= number <= high or edge:
        allowed = f"a finite number in {left}{low:g}, {high:g}{right}"
        raise InputError(f"{name} = {value!r} is not allowed: it must be {allowed}")
    return number


def check_choice(name: str, value: Any, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of `allowed`, else InputError listing them."""
    options = list(allowed)
    if value not in options:
        raise InputError(f"{name} = {value!r} is not allowed: it must be one of {', '.join(options)}")
    return str(value)


def check_unique(name: str, values: Iterable[Any]) -> list[Any]:
    """Return `values` as a non-empty list without repeats, else InputError naming the repeated one."""
    items = list(values)
    if not items:
        raise InputError(f"{name} is empty: at least one value is needed")
    for item in items:
        if items.count(item) > 1:
            raise InputError(f"{name} holds {item!r} more than once: each value is allowed once")
    return items


def check_finite(name: str, values: Any) -> None:
    """Raise NonFiniteError at the first NaN or infinity of an array or tensor, naming its coordinates."""
    array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    if np.isfinite(array.sum()):  # one pass; an overflow of the sum only sends us to the slow path
        return
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        where = tuple(int(k) for k in bad[0])
        raise NonFiniteError(f"{name}{list(where)} = {array[where]}: {len(bad)} of {array.size} are not finite")
