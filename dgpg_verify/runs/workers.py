"""Measuring many cells: any number of workers, one torch thread each, finished cells on disk within milliseconds.

Handing a task to a worker costs about 25 ms, more than many a cell: cheap cells are handed over in batches.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor

from dgpg_verify.core.errors import InputError, NonFiniteError, check_int
from dgpg_verify.core.records import Cell, Evidence
from dgpg_verify.runs.cells import CellStore, cell_bytes, cell_name, unique_cells
from dgpg_verify.runs.files import write_atomic
from dgpg_verify.runs.progress import CellProgress

if TYPE_CHECKING:
    from dgpg_verify.runs.cluster import Cluster

WRITERS = 4  # files on their way to the disk at once, of each worker
LARGEST_BATCH = 32  # cells handed over at once
BATCHES_LEFT = 16  # per worker: no batch holds more than this part of the cost that is left, so that none waits long
SAFE_PATH = "PYTHONSAFEPATH"
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from malloc.h
Measure = Callable[[Cell], Mapping[str, Any]]
Task = tuple[int, Cell, Path, str]  # index, cell, its file and its key
Done = tuple[int, float]  # index and the seconds it took


class CellFailed(RuntimeError):
    """Measuring a cell raised; the message names the cell, the cause is chained."""


def default_workers() -> int:
    """Two workers where there are two cores."""
    return min(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def run_cells(
    cells: Sequence[Cell],
    measure: Measure,
    store: CellStore,
    workers: int = 1,
    resume: bool = False,
    progress: bool = True,
    cost: Callable[[Cell], float] | None = None,
    cluster: Cluster | None = None,
) -> None:
    """Measure every cell once, into the store.

    cells: repeats are measured once. measure: a function of the cell alone, so that neither order nor number
    of workers matters. resume: keep cells whose key matches. cost: relative cost of a cell; longest first, after
    three of each family, by which the time left is estimated. cluster: measures in place of local workers.
    Raises InputError (bad workers, corrupt kept cell, workers that are lost), NonFiniteError, OSError, MemoryError and,
    for any other error of `measure`, CellFailed; finished cells stay on disk either way.
    """
    workers = check_int("workers", workers, 1)
    distinct = unique_cells(cells)
    todo = [cell for cell in distinct if not (resume and store.has(cell))]
    if cost:
        todo = probes_first(sorted(todo, key=cost, reverse=True))  # stable: equal costs keep their order
    weights = [float(cost(cell)) if cost else 1.0 for cell in todo]
    workers = min(cluster.workers if cluster else workers, max(1, len(todo)))
    shown = CellProgress(len(distinct) - len(todo), todo, weights, workers, progress)
    tasks = [(k, cell, store.path(cell), store.key(cell)) for k, cell in enumerate(todo)]
    try:
        for k, seconds in (
            cluster.finished(measure, store.source, tasks, batches_of(weights, workers))
            if cluster
            else _finished(measure, tasks, weights, workers, os.getpid())
        ):
            shown.done(k, seconds)
    except (BrokenProcessPool, ConnectionError) as error:
        lost = error if isinstance(error, ConnectionError) else "a worker process was killed"
        raise InputError(f"{lost}: {kept_text(sum(map(store.has, distinct)))}") from None
    finally:
        shown.close()


def kept_text(finished: int, where: str = "") -> str:
    """What a run that ends early leaves of its cells."""
    return f"{finished} finished cells are kept{where}, --resume goes on" if finished else "nothing was kept"


def probes_first(cells: Sequence[Cell]) -> list[Cell]:
    """Three cells of each family, at its quarters, then the others in order; all as given if there is one family."""
    families: dict[str, list[int]] = {}
    for k, cell in enumerate(cells):
        families.setdefault(cell.claim, []).append(k)
    quarters = (found[q * len(found) // 4] for found in families.values() for q in (1, 2, 3))
    probes = list(dict.fromkeys(quarters)) if len(families) > 1 else []
    return [cells[k] for k in (*probes, *(k for k in range(len(cells)) if k not in probes))]


def _finished(measure: Measure, tasks: list[Task], weights: list[float], workers: int, owner: int) -> Iterator[Done]:
    """The tasks as they finish."""
    if workers == 1:
        with one_thread():
            for task in tasks:
                yield _measure_one(measure, *task)
        return
    with _safe_imports(), parallel_config(backend="loky", inner_max_num_threads=1):
        run = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
        batches = (tasks[part] for part in batches_of(weights, workers))
        try:
            for finished in run(delayed(_measure_batch)(measure, batch, owner) for batch in batches):
                yield from finished
        finally:
            get_reusable_executor().shutdown(wait=True, kill_workers=True)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread for a while: sums over threads have another order, and other last digits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def _safe_imports() -> Iterator[None]:
    """Processes started meanwhile do not look for Python's own modules in the working directory first, where a user's
    signal.py or random.py would end them. They take this process's own sys.path once they run."""
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = before


def batches_of(weights: Sequence[float], workers: int) -> Iterator[slice]:
    """Tasks that are handed over together, as consecutive slices: many cheap ones, or one expensive cell.

    A batch takes tasks until it holds its part of the cost that is left, one of 16 per worker, or 32 of them: batches
    shrink toward the end, so that the workers end together.
    """
    left, low = float(sum(weights)), 0
    while low < len(weights):
        enough, taken, high = left / (BATCHES_LEFT * workers), weights[low], low + 1
        while high < len(weights) and high - low < LARGEST_BATCH and taken + weights[high] <= enough:
            taken, high = taken + weights[high], high + 1
        yield slice(low, high)
        left, low = left - taken, high


def _measure_batch(measure: Measure, tasks: list[Task], owner: int) -> list[Done]:
    """Measure cells one after the other, all of them on disk at the end. Runs in a worker.

    Files are written beside the measuring: a disk takes milliseconds to say that it holds a file, as many as a small
    cell takes to measure.
    """
    _end_with(owner)
    _keep_memory()
    done, writing = [], deque[Future[Path]]()
    with ThreadPoolExecutor(WRITERS) as pool:  # waits for them, also after an error
        for index, cell, path, key in tasks:
            content, seconds = measured_bytes(measure, cell, key)
            done.append((index, seconds))
            writing.append(pool.submit(write_atomic, path, content))
            if len(writing) == WRITERS:  # as many as a kill may lose; raises what writing raised
                writing.popleft().result()
        for written in writing:
            written.result()
    return done


def _measure_one(measure: Measure, index: int, cell: Cell, path: Path, key: str) -> Done:
    """Measure one cell and write it."""
    content, seconds = measured_bytes(measure, cell, key)
    write_atomic(path, content)
    return index, seconds


def measured_bytes(measure: Measure, cell: Cell, key: str) -> tuple[bytes, float]:
    """Measure one cell: the content of its file, and the seconds it took. One torch thread, so that sums have one
    order."""
    torch.set_num_threads(1)
    started = time.perf_counter()
    try:
        values = measure(cell)
        seconds = time.perf_counter() - started
        return cell_bytes(key, Evidence(cell, values, seconds)), seconds
    except (InputError, NonFiniteError) as error:
        raise type(error)(f"cell {cell_name(cell)}: {error}") from error
    except (OSError, MemoryError):  # the machine's, not the cell's: no place left, no memory left
        raise
    except Exception as error:
        raise CellFailed(f"cell {cell_name(cell)} failed: {type(error).__name__}: {error}") from error


@cache
def _end_with(owner: int) -> None:
    """Once per worker: end it when the process that started it is gone, so that a killed run leaves none behind."""

    def watch() -> None:
        while os.getppid() == owner:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@cache
def _keep_memory() -> None:
    """Once per worker: freed memory is kept for the next tensors instead of going back to the system.

    Each chunk of roll-outs frees tensors of up to a hundred MB and asks for them again; without this a third of the
    time of a large cell goes into mapping the same pages anew. Only where the C library is glibc; speed alone depends
    on it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 1 << 30)
        mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)
