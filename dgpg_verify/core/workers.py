"""Measuring many cells: any number of workers, one torch thread each, every finished cell on disk at once."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from tqdm import tqdm

from dgpg_verify.core.cells import CellStore, cell_name, unique_cells, write_cell
from dgpg_verify.core.errors import InputError, check_int
from dgpg_verify.core.records import Cell, Evidence

BAR = "{l_bar}{bar}| {elapsed}<{remaining}{postfix}"
Measure = Callable[[Cell], Evidence]


class CellFailed(RuntimeError):
    """Measuring a cell raised; the message names the cell, the cause is chained."""


def run_cells(
    cells: Sequence[Cell],
    measure: Measure,
    store: CellStore,
    workers: int = 1,
    resume: bool = False,
    progress: bool = True,
    cost: Callable[[Cell], float] | None = None,
) -> list[Evidence]:
    """Measure every cell once and return the evidence in the order of `cells`, read back from the files.

    cells: repeats are measured once. measure: a function of the cell alone, so that neither order nor number
    of workers matters. resume: keep cells whose key matches. cost: relative cost of a cell; longest first.
    Raises InputError (bad workers, corrupt kept cell) and CellFailed; finished cells stay on disk either way.
    """
    workers = check_int("workers", workers, 1)
    wanted = unique_cells(cells)
    if resume:
        store.clean()
    todo = [cell for cell in wanted if not (resume and store.has(cell))]
    weight = {id(cell): float(cost(cell)) if cost else 1.0 for cell in todo}
    todo.sort(key=lambda cell: -weight[id(cell)])  # stable: equal costs keep their order
    shown = _Progress(len(wanted) - len(todo), [weight[id(cell)] for cell in todo], progress)
    here = os.getpid()
    tasks = [(k, measure, cell, store.path(cell), store.key(cell), here) for k, cell in enumerate(todo)]
    try:
        for k in _finished(tasks, min(workers, max(1, len(tasks)))):
            shown.done(k)
    finally:
        shown.close()
    return [store.load(cell) for cell in cells]


def _finished(tasks: list[tuple[Any, ...]], workers: int) -> Any:
    """Indices of the tasks as they finish."""
    if workers == 1:
        threads = torch.get_num_threads()
        try:
            for task in tasks:
                yield _measure_one(*task)
        finally:
            torch.set_num_threads(threads)
        return
    with parallel_config(backend="loky", inner_max_num_threads=1):
        run = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
        try:
            yield from run(delayed(_measure_one)(*task) for task in tasks)
        finally:
            get_reusable_executor().shutdown(wait=True, kill_workers=True)


def _measure_one(index: int, measure: Measure, cell: Cell, path: Path, key: str, owner: int) -> int:
    """Measure one cell and write it; runs in a worker. One torch thread, so that sums have one order."""
    torch.set_num_threads(1)
    if os.getpid() != owner:
        _end_with(owner)
    started = time.perf_counter()
    try:
        evidence = measure(cell)
        if evidence.cell != cell:
            raise ValueError(f"the evidence is labelled {cell_name(evidence.cell)}")
        write_cell(path, key, replace(evidence, seconds=time.perf_counter() - started))
    except InputError as error:
        raise InputError(f"cell {cell_name(cell)}: {error}") from error
    except Exception as error:
        raise CellFailed(f"cell {cell_name(cell)} failed: {type(error).__name__}: {error}") from error
    return index


@cache
def _end_with(owner: int) -> None:
    """Once a worker: end it when the process that started it is gone, so that a killed run leaves none behind."""

    def watch() -> None:
        while os.getppid() == owner:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _Progress:
    """Progress on stderr with time left: a bar on a terminal, a line now and then elsewhere."""

    PAUSE = 15.0  # seconds between plain lines

    def __init__(self, kept: int, weights: list[float], show: bool) -> None:
        self.weights, self.started, self.spoken = weights, time.perf_counter(), 0.0
        self.cells, self.work, self.kept = 0, 0.0, kept
        tty = sys.stderr.isatty()
        self.plain = show and not tty and bool(weights)
        self.bar = (
            tqdm(total=sum(weights), file=sys.stderr, bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}")
            if show and tty and weights
            else None
        )
        if self.plain:
            self._say(f"measuring {len(weights)} cells" + (f", {kept} kept" if kept else ""))

    def done(self, index: int) -> None:
        self.cells += 1
        self.work += self.weights[index]
        if self.bar is not None:
            self.bar.set_postfix_str(f"cell {self.cells}/{len(self.weights)}", refresh=False)
            self.bar.update(self.weights[index])
        last = self.cells == len(self.weights)
        if self.plain and (last or time.perf_counter() - self.spoken > self.PAUSE):
            passed = time.perf_counter() - self.started
            left = passed * (sum(self.weights) - self.work) / max(self.work, 1e-12)
            self._say(f"cell {self.cells}/{len(self.weights)}, {passed:.0f} s, about {left:.0f} s left")

    def _say(self, text: str) -> None:
        self.spoken = time.perf_counter()
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
