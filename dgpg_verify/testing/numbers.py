"""Short numbers: multiples of a power of two, which shrink toward zero and print in a few digits."""

from __future__ import annotations

import math

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

EXAMPLES = 40
# One profile for exact properties: the same examples on every run, and no time limit on one of them. Forty of each, or
# the first few where the profile in force asks for fewer, as beside a measurement.
EXACT = settings(deadline=None, derandomize=True, database=None, max_examples=min(EXAMPLES, settings().max_examples))


def grid(low: float, high: float, step: float = 0.125) -> st.SearchStrategy[float]:
    """Multiples of `step` in [low, high]; with a dyadic step the sums of a few of them are exact in float64.

    Shrinks toward the multiple nearest to zero.
    """
    return st.integers(math.ceil(low / step), math.floor(high / step)).map(lambda k: k * step)


def vectors(size: int, low: float, high: float, step: float = 0.125) -> st.SearchStrategy[Tensor]:
    """float64 tensors [size] of grid numbers."""
    numbers = st.lists(grid(low, high, step), min_size=size, max_size=size)
    return numbers.map(lambda values: torch.tensor(values, dtype=torch.float64))
