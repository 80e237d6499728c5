"""Progress of measuring: percent and time left of simulated runs, whose end is known."""

from __future__ import annotations

import gc
import io
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

from dgpg_verify.core import Cell
from dgpg_verify.runs.progress import Bar, CellProgress, Forecast, duration_text
from dgpg_verify.runs.workers import probes_first

# family -> cells, largest cost, seconds for each unit of cost: the units of cost have nothing in common
FAMILIES = {"gradients": (60, 5e5, 4e-5), "training": (30, 2e9, 3e-8), "exact": (400, 3.0, 1.0)}
POWERS = {"gradients": 0.6, "training": 1.1, "exact": 0.9}  # of cost, in seconds


def simulated(seed: int, workers: int = 2) -> tuple[list[tuple[float, float, float]], float]:
    """Time, share done and time left as shown every 5 s of a run whose rates scatter and fall with size."""
    rng = np.random.default_rng(seed)
    made = [
        (
            Cell(family, f"row {k % 3}", 2, k, k, {}),
            cost,
            rate * top * (cost / top) ** POWERS[family] * rng.lognormal(0, 0.3),
        )
        for family, (count, top, rate) in FAMILIES.items()
        for k in range(count)
        for cost in [top * (1 + k) ** -0.7]
    ]
    by_cell = {cell.seed + hash(cell.claim): (cost, seconds) for cell, cost, seconds in made}
    todo = probes_first([cell for cell, _, _ in sorted(made, key=lambda m: -m[1])])
    about = [by_cell[cell.seed + hash(cell.claim)] for cell in todo]
    forecast = Forecast(todo, [cost for cost, _ in about], workers)
    free, ends = [0.0] * workers, []
    for k, (_, seconds) in enumerate(about):
        worker = int(np.argmin(free))
        free[worker] += seconds
        ends.append((free[worker], k, seconds))
    shown, ends = [], sorted(ends)
    for now in np.arange(5.0, ends[-1][0], 5.0):
        while ends[0][0] <= now:
            _, k, seconds = ends.pop(0)
            forecast.finish(k, seconds)
        known = forecast.at(now)
        shown += [] if known is None else [(now, *known)]
    return shown, max(free)


@pytest.mark.parametrize("seed", range(4))
def test_percent_and_time_left_are_near_the_truth_and_do_not_swing(seed: int) -> None:
    shown, end = simulated(seed)
    times, shares, left = map(np.array, zip(*shown))
    assert times[0] < 0.15 * end and np.all(np.diff(shares) >= 0) and shares[-1] <= 1
    ends = times + left
    assert np.all((end / 2 < ends) & (ends < 2 * end))
    late = times > end / 4
    assert np.all((0.7 * end < ends[late]) & (ends[late] < 1.3 * end))
    assert np.abs(np.diff(ends)).max() < 0.15 * end  # from one line to the next
    assert np.abs(shares - times / end).max() < 0.25


def test_nothing_is_said_of_the_end_before_a_cell_is_finished() -> None:
    forecast = Forecast([Cell("F", "row", 2, k, k, {}) for k in range(4)], [1.0] * 4, 1)
    assert forecast.at(100.0) is None
    assert forecast.finish(0, 10.0) is None
    assert forecast.at(10.0) == (pytest.approx(0.25), pytest.approx(30.0))


def test_a_family_that_is_done_has_a_line() -> None:
    forecast = Forecast([Cell(family, "row", 2, k, k, {}) for family in "FG" for k in range(2)], [1.0] * 4, 1)
    assert [forecast.finish(k, 100.0) for k in range(4)] == [
        None, "F: 2 cells done, 3 min of measuring", None, "G: 2 cells done, 3 min of measuring",
    ]  # fmt: skip


def test_lines_come_while_a_long_cell_is_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CellProgress, "PAUSE", 0.05)
    shown = CellProgress(3, [Cell("F", "row", 2, k, k, {}) for k in range(2)], [1.0, 1.0], 1, True)
    time.sleep(0.3)
    shown.done(0, 0.3)
    time.sleep(0.2)
    shown.close()
    first, unknown, *_, last = capsys.readouterr().err.splitlines()
    assert first == "measuring 2 cells, 3 kept"
    assert unknown.startswith("  0 % of the work, 0/2 cells") and "not known yet" in unknown
    assert " % of the work, 1/2 cells, " in last and last.endswith(" left")


def test_a_last_cell_that_takes_longer_than_estimated_is_not_promised_for_now(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = CellProgress(0, [Cell("F", "row", 2, k, k, {}) for k in range(2)], [1.0, 1.0], 1, False)
    shown.done(0, 1.0)
    monkeypatch.setattr(shown, "started", shown.started - 500.0)  # the second cell has run for 499 s, not for one
    assert shown.line().endswith("8 min, the last cells take longer than estimated")


def test_cells_of_every_family_come_first() -> None:
    cells = [Cell(family, "row", 2, k, k, {}) for family in ("F", "G") for k in range(5)]
    first = [(c.claim, c.replicate) for c in probes_first(cells)[:7]]
    assert first == [("F", 1), ("F", 2), ("F", 3), ("G", 1), ("G", 2), ("G", 3), ("F", 0)]
    assert sorted(probes_first(cells), key=cells.index) == cells
    assert probes_first(cells[:5]) == cells[:5] and probes_first([]) == []


YEAR = 365.25 * 86400


@pytest.mark.parametrize(
    "seconds, said",
    [(4.4, "4 s"), (99, "99 s"), (100, "2 min"), (7000, "1.9 h"), (999 * YEAR, "999 years"), (1e15, "> 1000 years")],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration_text(seconds) == said


class _Interrupted:
    """What is counted and where it is shown; ctrl-C comes when `at` is asked of it."""

    def __init__(self, at: str) -> None:
        self.at = at

    def __len__(self) -> int:
        return self._asked("length", 3)

    @property
    def encoding(self) -> str:
        return self._asked("encoding", "utf-8")

    def write(self, text: str) -> int:
        return self._asked("write", len(text))

    def flush(self) -> None:
        return self._asked("flush", None)

    def _asked(self, what: str, answer: Any) -> Any:
        if what == self.at:
            raise KeyboardInterrupt
        return answer


@pytest.mark.parametrize("at", ["length", "encoding", "write", "flush"])
def test_a_bar_interrupted_while_it_is_made_says_nothing(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = list[Any]()
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    told = _Interrupted(at)
    with pytest.raises(KeyboardInterrupt):
        Bar(told, file=told)
    gc.collect()
    assert not said


def test_no_thread_waits_for_a_bar_that_was_interrupted_while_it_was_drawn() -> None:
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        Bar(total=3, file=_Interrupted("write"))
    assert set(threading.enumerate()) == before and Bar.monitor is None


def test_a_bar_that_slows_down_is_drawn_at_every_step() -> None:
    """Ten thousand quick steps would otherwise make it wait for as many slow ones."""
    shown = io.StringIO()
    with Bar(total=10_003, file=shown, mininterval=0.01) as bar:
        for _ in range(10_000):
            bar.update(1)
        for step in range(1, 4):
            time.sleep(0.02)
            bar.update(1)
            assert f"{10_000 + step}/10003" in shown.getvalue()
