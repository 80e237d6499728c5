"""Measuring cells on a Dask cluster that is there already, by the contract of local workers.

A worker gets cells with the keys that they must hold. It works each key out from its own copy of the package, measures
with one thread, one cell at a time, and gives the content of the cell's file back. This process checks and writes it,
since it may share no disk with the workers. A worker of other code or versions is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from functools import cache
from typing import Any

from dgpg_verify import THREADS
from dgpg_verify.core.errors import InputError
from dgpg_verify.core.records import Cell
from dgpg_verify.runs.cells import Source, cell_file, cell_key, cell_name, unpack_cell
from dgpg_verify.runs.files import write_atomic
from dgpg_verify.runs.sources import package_hash
from dgpg_verify.runs.workers import Done, Measure, Task, measured_bytes

PATIENCE = 5.0  # seconds for the scheduler to answer
State = Mapping[str, str | None]
ALONE = threading.Lock()  # in a worker: its threads share the clock, and the number of torch's threads


@contextlib.contextmanager
def connected(address: str | None, state: Callable[[], State]) -> Iterator[Cluster | None]:
    """The cluster of an address for a while; None without one.

    state: what must be the same here and on every worker; a function of a module, that a worker can import.
    Raises InputError where the package distributed is missing, the scheduler does not answer within five seconds, it
    has no worker, or a worker is refused.
    """
    if address is None:
        yield None
        return
    client = _client(address)
    try:
        yield Cluster(address, client, state)
    finally:
        with contextlib.suppress(Exception):  # of a scheduler that is gone
            client.close(timeout=PATIENCE)


def _client(address: str) -> Any:
    try:
        distributed = importlib.import_module("distributed")
    except ImportError:
        raise InputError(
            f"cluster = {address!r} is not allowed: the package distributed is not installed (pip install "
            "dgpg-verify[cluster])"
        ) from None
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what ends a run is said in one line
    wanted = "it must be the address of a Dask scheduler, such as tcp://HOST:8786"
    if "://" not in address:
        raise InputError(f"cluster = {address!r} is not allowed: {wanted}")
    try:
        asyncio.run(asyncio.wait_for(_greet(distributed, address), PATIENCE))
        return distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except Exception as error:  # any: a dashboard's answer, for one, is read as a length, and ends in a MemoryError
        raise InputError(f"cluster = {address!r} cannot be reached ({type(error).__name__}): {wanted}") from None


async def _greet(distributed: Any, address: str) -> None:
    """Ask the scheduler who it is: a client that fails halfway cannot be closed."""
    secure = distributed.Security().get_connection_args("client")
    async with distributed.core.rpc(address, timeout=PATIENCE, connection_args=secure) as scheduler:
        await scheduler.identity()


class Cluster:
    """The workers behind a client. workers: processes at the start; those that join later measure too."""

    def __init__(self, address: str, client: Any, state: Callable[[], State]) -> None:
        self._address, self._client, self._state = address, client, state
        self.workers = len(client.nthreads())
        if not self.workers:
            raise InputError(f"cluster = {address!r} has no worker: it must have at least one before the run starts")
        self._check()

    def _check(self) -> None:
        """Refuse what is there now. What cannot be imported there would otherwise end workers without a word."""
        wanted = "scheduler and workers must have the dgpg_verify of this process"
        try:
            self._client.run_on_scheduler(package_hash)
            found = self._client.run(_objection, self._state, self._state(), on_error="return")
        except Exception as error:
            raise InputError(f"cluster = {self._address!r} cannot be used ({error!r}): {wanted}") from None
        for address, why in found.items():
            if why:
                raise _refused(address, why if isinstance(why, str) else f"cannot be used ({why!r}): {wanted}")

    def finished(
        self, measure: Measure, source: Source, tasks: Sequence[Task], batches: Iterable[slice]
    ) -> Iterator[Done]:
        """Indices and seconds of the tasks as they finish, each on disk before it is told.

        Raises InputError for a worker that is refused, ConnectionError for a cluster that is lost, and what `measure`
        raised.
        """
        distributed, state = importlib.import_module("distributed"), self._state()
        futures = []
        for number, part in enumerate(batches):
            batch = [(k, cell, key) for k, cell, _, key in tasks[part]]
            given = (measure, source, self._state, state, batch)
            futures.append(self._client.submit(_measure_batch, *given, pure=False, priority=-number))
        for future in distributed.as_completed(futures, loop=self._client.loop):
            for index, seconds, content in self._result(future):
                _write(tasks[index], content)
                yield index, seconds
            future.release()

    def _result(self, future: Any) -> list[tuple[int, float, bytes]]:
        distributed, comm = map(importlib.import_module, ("distributed", "distributed.comm"))
        try:
            return future.result()
        except (CancelledError, comm.CommClosedError) as error:
            why = f"is lost ({type(error).__name__})"
        except distributed.KilledWorker:
            why = "lost several workers over the same cells: too little memory, as a rule"
        raise ConnectionError(f"cluster = {self._address!r} {why}") from None


def _write(task: Task, content: bytes) -> None:
    """Write what a worker gave back, if it is what it was asked for."""
    _, cell, path, key = task
    evidence, held = unpack_cell(content, path.name)
    if held != key or cell_file(evidence.cell) != cell_file(cell):
        raise InputError(f"a worker gave another cell back for {cell_name(cell)}: {cell_name(evidence.cell)}")
    write_atomic(path, content)


def _measure_batch(
    measure: Measure, source: Source, state: Callable[[], State], wanted: State, tasks: Sequence[tuple[int, Cell, str]]
) -> list[tuple[int, float, bytes]]:
    """Measure cells one after the other. Runs in a worker; InputError where it must not measure these."""
    with ALONE:
        why, done = _objection(state, wanted), []
        for index, cell, key in tasks:
            own = cell_key(source, cell)
            if own != key:
                why = why or f"measures {cell_name(cell)} by other code: its key begins {own[:8]}, not {key[:8]}"
            if why:
                raise _refused(importlib.import_module("distributed").get_worker().address, why)
            content, seconds = measured_bytes(measure, cell, key)
            done.append((index, seconds, content))
        return done


def _objection(state: Callable[[], State], wanted: State) -> str:
    """Why this worker must not measure, "" if it may."""
    if package_hash() != _loaded():
        return "has files of dgpg_verify that are newer than what it has loaded"
    here = _state_of(state)
    for name in {**wanted, **here}:
        if here.get(name) != wanted.get(name):
            return f"has {name} {here.get(name)}, not {wanted.get(name)}"
    for name in THREADS:
        if os.environ.get(name) != "1":
            return f"has {name} = {os.environ.get(name)!r}: it must be '1', as a nanny sets it"
    return ""


def _refused(address: str, why: str) -> InputError:
    return InputError(f"worker {address} is refused, it {why}; start it anew with what this process runs")


@cache
def _loaded() -> str:
    """The package when this process first measured."""
    return package_hash()


@cache
def _state_of(state: Callable[[], State]) -> State:
    return state()
