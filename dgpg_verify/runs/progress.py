"""Progress of measuring on stderr: percent of the estimated work, time left, and a line when a family is done."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence

from tqdm import tqdm

from dgpg_verify.core.records import Cell

BAR = "{l_bar}{bar}| {elapsed}{postfix}"
SHRINK = 2.0  # cells' worth of the family's rate in the rate of a row
PULL = 0.3  # part of the way to a new estimate of the end that the shown one goes with every line


def duration_text(seconds: float) -> str:
    """A duration in words: 40 s, 9 min, 3.5 h."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


class _Rate:
    """Seconds for each unit of cost, from the cells that are finished."""

    def __init__(self) -> None:
        self.cells, self.cost, self.seconds = 0, 0.0, 0.0

    def add(self, cost: float, seconds: float) -> None:
        self.cells, self.cost, self.seconds = self.cells + 1, self.cost + cost, self.seconds + seconds

    def shrunk(self, prior: float) -> float:
        """The rate drawn toward `prior` as by SHRINK more cells of the mean cost."""
        if not self.cost:
            return prior
        more = SHRINK * self.cost / self.cells
        return (self.seconds + more * prior) / (self.cost + more)

    @property
    def plain(self) -> float:
        return self.seconds / self.cost if self.cost else 0.0


class Forecast:
    """What the cells that are left will take.

    Costs are comparable within a family alone, and only roughly: every family, and every row in it, has a rate of its
    own, learnt as cells finish.
    """

    def __init__(self, cells: Sequence[Cell], costs: Sequence[float], workers: int) -> None:
        self.names = [(cell.claim, cell.row) for cell in cells]
        self.costs, self.workers, self.seconds = costs, workers, 0.0
        self.rows = {name: _Rate() for name in self.names}
        self.families = {family: _Rate() for family, _ in self.names}
        self.left = dict.fromkeys(self.names, 0.0)
        self.waiting = dict.fromkeys(self.families, 0)
        for name, cost in zip(self.names, costs):
            self.left[name] += cost
            self.waiting[name[0]] += 1
        self._share, self._end = 0.0, 0.0

    def finish(self, index: int, seconds: float) -> str | None:
        """Learn from a finished cell; the line to print if it was the last one of its family."""
        name, cost = self.names[index], self.costs[index]
        family = self.families[name[0]]
        for rate in (self.rows[name], family):
            rate.add(cost, seconds)
        self.left[name] -= cost
        self.waiting[name[0]] -= 1
        self.seconds += seconds
        if self.waiting[name[0]]:
            return None
        return f"{name[0]}: {family.cells} cells done, {duration_text(family.seconds)} of measuring"

    def work_left(self) -> float:
        """Seconds that the cells not yet finished take one after the other, those being measured with them."""
        total = 0.0
        for name, cost in self.left.items():
            total += max(0.0, cost) * self.rows[name].shrunk(self.families[name[0]].plain)
        return total

    def at(self, passed: float) -> tuple[float, float] | None:
        """Share of the work that is done and seconds left, `passed` seconds after the start; None before a cell of
        every family is finished. The share never falls, and the end moves toward a new estimate only in part."""
        if not all(family.cells for family in self.families.values()):
            return None
        left = self.work_left()
        begun = min(max(0.0, passed * self.workers - self.seconds), left)  # spent on cells not yet finished
        self._share = max(self._share, (self.seconds + begun) / max(self.seconds + left, 1e-12))
        end = passed + (left - begun) / self.workers
        self._end += (PULL if self._end else 1.0) * (end - self._end)
        return min(self._share, 1.0), max(0.0, self._end - passed)


class Progress:
    """A bar on a terminal, elsewhere a line every 15 seconds, or every hundredth of the time of a longer run."""

    PAUSE = 15.0

    def __init__(self, kept: int, cells: Sequence[Cell], costs: Sequence[float], workers: int, show: bool) -> None:
        self.forecast, self.total, self.cells = Forecast(cells, costs, workers), len(cells), 0
        self.started = time.perf_counter()
        tty = sys.stderr.isatty()
        self.shown = show and bool(cells)
        self.plain = self.shown and not tty
        self.bar = tqdm(total=100, bar_format=BAR, disable=not (self.shown and tty))
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
        return (
            f"{min(99, int(100 * share)):3d} % of the work, {counted}, "
            f"{duration_text(passed)}, about {duration_text(left)} left"
        )

    def _say(self) -> None:
        text = self.line()
        if self.plain:
            print(text, file=sys.stderr, flush=True)
        else:
            self.bar.n = int(text.split("%")[0])
            self.bar.set_postfix_str(text.split("work, ")[1])
