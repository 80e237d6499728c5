"""Progress of measuring on stderr: percent of the estimated work, time left, and a line when a family is done."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from dgpg_verify.core.records import Cell

BAR = "{l_bar}{bar}| {elapsed}{postfix}"
SHRINK = 2.0  # how strongly a power is held at 1, and a row at the rate of its family: as by so many cells
PULL = 0.3  # part of the way to a new estimate of the end that the shown one goes with every line


Array = NDArray[Any]


def duration_text(seconds: float) -> str:
    """A duration in words: 40 s, 9 min, 3.5 h, 40 days, 3 years, > 1000 years."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 5970:
        return f"{seconds / 60:.0f} min"
    days = seconds / 86400
    if days < 10:
        return f"{seconds / 3600:.1f} h"
    if days < 1000:
        return f"{days:.0f} days"
    return f"{days / 365.25:.3g} years" if days < 999.5 * 365.25 else "> 1000 years"


def size_text(count: float) -> str:
    """A number of bytes in words: 40 kB, 9 MB, 3.5 GB; a kB is 1000 bytes."""
    unit = "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if count >= 999.5:
            count, unit = count / 1000, larger
    return f"{count:.3g} {unit}"


def fitted(x: Array, y: Array, *groups: Array) -> tuple[Array, float]:
    """What all cells take, by rate cost^power and a factor for every group, learnt from those that are finished.

    x: log costs. y: log seconds, or of what else a cell takes; NaN where not known yet, which is not everywhere.
    groups: a number for each cell, the rows for example; a later grouping refines the ones before it.
    Returns what a cell takes, not its logarithm, and the power.
    """
    done = ~np.isnan(y)
    apart = x - x[done].mean()
    power = 1.0 + apart[done] @ (y - x)[done] / (apart[done] @ apart[done] + SHRINK)
    guess = (y - x)[done].mean() + x[done].mean() + np.clip(power, 0.0, 2.0) * apart
    for grouping in groups:
        for group in np.unique(grouping[done]):
            here = grouping == group
            off = (y - guess)[here & done]
            guess[here] += off.sum() / (len(off) + SHRINK)
    scale = np.exp(y[done]).sum() / np.exp(guess[done]).sum()  # logarithms give the middle, sums need the mean
    return scale * np.exp(guess), float(np.clip(power, 0.0, 2.0))


class Forecast:
    """What the cells that are left will take.

    Costs are comparable within a family alone, and only roughly: seconds = rate cost^power, both learnt for every
    family as its cells finish, and a factor for every row in it. Few cells, or cells of one cost, leave the power at 1.
    """

    def __init__(self, cells: Sequence[Cell], costs: Sequence[float], workers: int) -> None:
        names = {name: k for k, name in enumerate(dict.fromkeys((cell.claim, cell.row) for cell in cells))}
        self.names = list(dict.fromkeys(family for family, _ in names))
        self.rows = np.array([names[cell.claim, cell.row] for cell in cells], dtype=int)
        self.families = np.array([self.names.index(cell.claim) for cell in cells], dtype=int)
        self.costs = np.log(np.maximum(np.array(costs, dtype=float), 1e-12))
        self.seconds, self.workers = np.full(len(cells), np.nan), workers
        self._share, self._end = 0.0, 0.0

    def finish(self, index: int, seconds: float) -> str | None:
        """Learn from a finished cell; the line to print if it was the last one of its family."""
        self.seconds[index] = max(seconds, 1e-6)
        spent = self.seconds[self.families == self.families[index]]
        if np.isnan(spent).any():
            return None
        name = self.names[self.families[index]]
        return f"{name}: {len(spent)} cells done, {duration_text(float(spent.sum()))} of measuring"

    def work_left(self) -> float:
        """Seconds that the cells not yet finished take one after the other, those being measured with them."""
        return sum(self._left_of(self.families == k) for k in range(len(self.names)))

    def _left_of(self, family: Array) -> float:
        """The seconds left of one family of which a cell is finished."""
        x, y, rows = self.costs[family], np.log(self.seconds[family]), self.rows[family]
        return float(fitted(x, y, rows)[0][np.isnan(y)].sum())

    def at(self, passed: float) -> tuple[float, float] | None:
        """Share of the work that is done and seconds left, `passed` seconds after the start; None before a cell of
        every family is finished. The share never falls, and the end moves toward a new estimate only in part."""
        known = ~np.isnan(self.seconds)
        if len(np.unique(self.families[known])) < len(self.names):
            return None
        left, spent = self.work_left(), float(self.seconds[known].sum())
        begun = min(max(0.0, passed * self.workers - spent), left)  # spent on cells not yet finished
        self._share = max(self._share, float((spent + begun) / max(spent + left, 1e-12)))
        end = passed + (left - begun) / self.workers
        self._end += (PULL if self._end else 1.0) * (end - self._end)
        return min(self._share, 1.0), max(0.0, self._end - passed)


class Bar(tqdm):
    """tqdm's bar, which can be interrupted at any moment.

    While it is made it says nothing then: tqdm closes what is not there yet, and the traceback of that ends on the
    user's terminal. While it is drawn it holds a lock that tqdm does not let go, for which a thread that looks after
    slow bars would wait for ever, and the process for the thread: there is none, and every step looks at the clock.
    """

    monitor_interval = 0
    made = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"miniters": 1, **options})
        self.made = True

    def close(self) -> None:
        if self.made:
            super().close()


class CellProgress:
    """A bar on a terminal, elsewhere a line every 15 seconds, or every hundredth of the time of a longer run."""

    PAUSE = 15.0

    def __init__(self, kept: int, cells: Sequence[Cell], costs: Sequence[float], workers: int, show: bool) -> None:
        self.forecast, self.total, self.cells = Forecast(cells, costs, workers), len(cells), 0
        self.started = time.perf_counter()
        tty = sys.stderr.isatty()
        self.shown = show and bool(cells)
        self.plain = self.shown and not tty
        self.bar = Bar(total=100, bar_format=BAR, disable=not (self.shown and tty))
        self.lock, self.ended = threading.Lock(), threading.Event()
        if self.plain:
            print(f"measuring {len(cells)} cells" + (f", {kept} kept" if kept else ""), file=sys.stderr, flush=True)
        if self.shown:
            threading.Thread(target=self._watch, daemon=True).start()

    def done(self, index: int, seconds: float) -> None:
        with self.lock:
            self.cells += 1
            line = self.forecast.finish(index, seconds)
        if self.shown and line:
            self.bar.write(line, file=sys.stderr)

    def close(self) -> None:
        """Stop; a run that measured all of its cells ends with a line that says so."""
        self.ended.set()
        if self.shown and self.cells == self.total:
            self._say()
        self.bar.close()

    def _watch(self) -> None:
        pause = 1.0 if not self.plain else self.PAUSE
        while not self.ended.wait(pause):
            self._say()
            if self.plain:
                pause = max(self.PAUSE, (time.perf_counter() - self.started) / 100)

    def line(self) -> str:
        """All that is known now in one line."""
        with self.lock:
            passed = time.perf_counter() - self.started
            known, counted = self.forecast.at(passed), f"{self.cells}/{self.total} cells"
        if self.cells == self.total:
            return f"100 % of the work, {counted}, {duration_text(passed)}"
        if known is None:
            return f"  0 % of the work, {counted}, {duration_text(passed)}, time left not known yet"
        share, left = known
        told = f"about {duration_text(left)} left" if left > 0.0 else "the last cells take longer than estimated"
        return f"{min(99, int(100 * share)):3d} % of the work, {counted}, {duration_text(passed)}, {told}"

    def _say(self) -> None:
        text = self.line()
        if self.plain:
            print(text, file=sys.stderr, flush=True)
        else:
            self.bar.n = int(text.split("%")[0])
            self.bar.set_postfix_str(text.split("work, ")[1])
