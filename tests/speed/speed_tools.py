"""Ratios of processor time, measured in turn within one run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

TABLE = "DGPG_SPEED_TABLE" in os.environ
"""Whether a speed table is written."""
SLACK = 1.0 if TABLE else 2.0
"""Factor by which a ratio may miss its goal. Goals are for the machine whose table is kept; others differ in memory and
vector units (the environment is 42 to 75 times as fast as plain loops on three of them), and there a test is to find
what has stopped being one operation on whole arrays."""


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


def ratio_of_least(slow: Callable[[], Any], fast: Callable[[], Any], rounds: int = 3) -> tuple[float, float, float]:
    """Least time of slow / least of fast, and the least and largest ratio of a round; for ratios near 1.

    A round is slow, fast, fast, slow, so that a steady drift of the machine cancels; what other processes add is
    never negative, so the least times are the least disturbed ones. One warm-up of each.
    """
    slow(), fast()
    spent = []
    for _ in range(rounds):
        a, b, c, d = (seconds(work) for work in (slow, fast, fast, slow))
        spent.append(((a, d), (b, c)))
    of_rounds = [sum(slows) / sum(fasts) for slows, fasts in spent]
    least = [min(min(pair) for pair in side) for side in zip(*spent, strict=True)]
    return least[0] / least[1], min(of_rounds), max(of_rounds)


def peak_of(program: str) -> float:
    """Most resident bytes of a fresh process that runs `program`."""
    # of this process alone: getrusage would start from the parent's size at the fork
    ask = """
status = open("/proc/self/status").read().split()
print(1024 * int(status[status.index("VmHWM:") + 1]))
"""
    done = subprocess.run([sys.executable, "-c", program + ask], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])
