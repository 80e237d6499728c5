"""Ratios of processor time, measured in turn within one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np


def seconds(work: Callable[[], Any]) -> float:
    """Processor seconds of one call, whose result must not be empty."""
    began = time.process_time()
    result = work()
    spent = time.process_time() - began
    assert result is not None
    return spent


def paired_ratio(slow: Callable[[], Any], fast: Callable[[], Any], rounds: int = 3) -> tuple[float, float, float]:
    """Median, least and largest of slow / fast over rounds in which both run in turn; one warm-up of each."""
    slow(), fast()
    ratios = [seconds(slow) / seconds(fast) for _ in range(rounds)]
    return float(np.median(ratios)), min(ratios), max(ratios)
