"""Speeds are ratios measured within one run, never checked against a clock.

DGPG_SPEED_TABLE=FILE writes the measured rows as JSON (what, goal, measured, reached, note), which the report's speed
table is made of; without it nothing is written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

ROWS: list[dict[str, Any]] = []


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """One torch thread, as in the workers that measure cells; restored afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def speed_row() -> Callable[..., None]:
    """Note one row of the speed table, and fail where `best` says that its goal is missed.

    best: whether the round least disturbed by the machine reached the goal, for goals that are ratios within one run;
    where no table is written, a ratio may miss it by `speed_tools.SLACK`. Wall times are noted alone.
    """

    def note(
        what: str, goal: str, measured: str, reached: bool | None, note: str = "", *, best: bool | None = None
    ) -> None:
        ROWS.append({"what": what, "goal": goal, "measured": measured, "reached": reached, "note": note})
        assert best is not False, f"{what}: {measured}, goal {goal}"

    return note


def pytest_sessionfinish() -> None:
    target = os.environ.get("DGPG_SPEED_TABLE")
    if target and ROWS:
        Path(target).write_text(json.dumps(ROWS, indent=1) + "\n")
