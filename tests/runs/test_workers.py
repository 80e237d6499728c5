"""Many cells: the same evidence for any number of workers and any order, failures that name their cell."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.core import Cell, Evidence, InputError, NonFiniteError, generator, to_json
from dgpg_verify.runs import CellFailed, CellStore, run_cells
from dgpg_verify.runs.workers import BATCHES_LEFT, LARGEST_BATCH, batches_of

CELLS = [Cell("F", "row", n, r, 100 * n + r, {}) for n in (2, 4, 8) for r in range(3)]


def measure(cell: Cell) -> dict[str, Any]:
    x = torch.rand(2000, generator=generator(cell.seed), dtype=torch.float32)
    return {"sum": float(x.sum()), "x": x[: cell.n].numpy(), "threads": torch.get_num_threads()}


def fails_at_four(cell: Cell) -> dict[str, Any]:
    if cell.n == 4:
        raise ZeroDivisionError("no such thing")
    return measure(cell)


def refuses(cell: Cell) -> dict[str, Any]:
    raise InputError("load = -1 is not allowed")


def not_finite(cell: Cell) -> dict[str, Any]:
    return {"x": np.array([np.nan])}


def fails_with(error: Exception, cell: Cell) -> dict[str, Any]:
    raise error


def _plain(evidence: list[Evidence]) -> list[object]:
    return [(to_json(e.cell), to_json(e.values)) for e in evidence]


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Two threads for the caller, so that a cell with one thread is the doing of run_cells."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def measured(cells: Sequence[Cell], store: CellStore, workers: int) -> list[Evidence]:
    run_cells(cells, measure, store, workers=workers, progress=False)
    return [store.load(cell) for cell in cells]


def test_workers_and_order_do_not_matter(tmp_path: Path, two_threads: None) -> None:
    one = measured(CELLS, CellStore(tmp_path / "a", "s"), workers=1)
    two = measured(CELLS[::-1], CellStore(tmp_path / "b", "s"), workers=2)
    assert _plain(one) == _plain(two[::-1])
    assert [e.values["threads"] for e in one] == [1] * len(CELLS)
    assert len({e.values["sum"] for e in one}) == len(CELLS)  # a seed that is ignored would repeat numbers
    assert all(e.seconds > 0 for e in one)


def test_threads_of_the_caller_are_given_back(tmp_path: Path, two_threads: None) -> None:
    run_cells(CELLS[:1], measure, CellStore(tmp_path, "s"), progress=False)
    assert torch.get_num_threads() == 2


def test_repeated_cells_are_measured_once_and_the_longest_first(tmp_path: Path) -> None:
    order: list[int] = []

    def noted(cell: Cell) -> dict[str, Any]:
        order.append(cell.seed)
        return measure(cell)

    store = CellStore(tmp_path, "s")
    run_cells([*CELLS, *CELLS], noted, store, progress=False, cost=lambda c: c.n)
    assert order == [c.seed for c in sorted(CELLS, key=lambda c: -c.n)]
    assert all(map(store.has, CELLS))


@pytest.mark.parametrize("workers", [2, 5])
@pytest.mark.parametrize("cheap", [0.0, 1e-3, 1.0])
def test_cheap_cells_travel_together_and_dear_ones_alone(cheap: float, workers: int) -> None:
    weights = [50.0, 40.0] + [cheap] * 1000
    batches = list(batches_of(weights, workers))
    assert [k for batch in batches for k in range(len(weights))[batch]] == list(range(len(weights)))
    left = sum(weights)
    for batch in batches:
        many = weights[batch]
        assert len(many) == 1 or sum(many) <= left / (BATCHES_LEFT * workers) + 1e-9
        assert len(many) <= LARGEST_BATCH
        left -= sum(many)
    assert [len(weights[batch]) for batch in batches[:2]] == [1, 1]
    assert len(batches) <= 2 + 8 * BATCHES_LEFT * workers  # a task a cell would be 1002
    assert cheap == 0.0 or len(weights[batches[-1]]) == 1  # the last ones are small, so that no worker waits


def test_resume_measures_only_what_is_missing_or_of_another_source(tmp_path: Path) -> None:
    run_cells(CELLS, measure, CellStore(tmp_path, "s"), progress=False)
    CellStore(tmp_path, "s").path(CELLS[4]).unlink()
    again: list[Cell] = []

    def noted(cell: Cell) -> dict[str, Any]:
        again.append(cell)
        return measure(cell)

    run_cells(CELLS, noted, CellStore(tmp_path, "s"), resume=True, progress=False)
    assert again == [CELLS[4]]
    run_cells(CELLS, noted, CellStore(tmp_path, "other"), resume=True, progress=False)
    assert again == [CELLS[4], *CELLS]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_names_its_cell_and_keeps_the_finished_ones(workers: int, tmp_path: Path) -> None:
    said = r"cell F row n=4 replicate=\d seed=40\d failed: ZeroDivisionError: no such thing"
    store = CellStore(tmp_path, "s")
    with pytest.raises(CellFailed, match=said):
        run_cells(CELLS, fails_at_four, store, workers=workers, progress=False, cost=lambda c: -c.n)
    assert workers == 2 or all(store.has(cell) for cell in CELLS[:3])  # two workers: those in flight are lost
    assert not any(store.has(cell) for cell in CELLS[3:6])
    assert not list(tmp_path.rglob(".*.tmp"))


@pytest.mark.parametrize("before, kept", [(0, "nothing was kept"), (2, "2 finished cells are kept, --resume goes on")])
def test_a_worker_that_is_killed(before: int, kept: str, tmp_path: Path) -> None:
    store = CellStore(tmp_path, "s")
    run_cells(CELLS[:before], measure, store, progress=False)
    with pytest.raises(InputError, match=f"^a worker process was killed: {kept}$"):
        run_cells(CELLS, lambda cell: os.kill(os.getpid(), signal.SIGKILL), store, 2, resume=True, progress=False)


def test_bad_input_inside_a_cell_stays_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cell F row n=2 .*load = -1 is not allowed"):
        run_cells(CELLS, refuses, CellStore(tmp_path, "s"), progress=False)


@pytest.mark.parametrize("bad, said", [(not_finite, r"x\[0\] = nan")])
def test_evidence_that_cannot_be_used_is_refused(bad: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(NonFiniteError, match=rf"cell F row n=4 .*{said}"):
        run_cells(CELLS[3:], bad, CellStore(tmp_path, "s"), progress=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), MemoryError("7 TiB")], ids=["disk", "memory"]
)
@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_machine_lacks_is_said_as_it_is(error: Exception, workers: int, tmp_path: Path) -> None:
    """A full disk is no defect of a cell: it ended in a traceback and the exit code of a failing row."""
    with pytest.raises(type(error), match=str(error.args[-1])):
        run_cells(CELLS[:2], partial(fails_with, error), CellStore(tmp_path, "s"), workers=workers, progress=False)


def test_workers_do_not_import_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's signal.py or random.py ended the workers while they started."""
    for name in ("signal", "random", "socket"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    monkeypatch.chdir(tmp_path)
    assert len(measured(CELLS[:2], CellStore(tmp_path / "run", "s"), workers=2)) == 2


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_bad_workers(workers: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="workers = "):
        run_cells(CELLS, measure, CellStore(tmp_path, "s"), workers=workers)


def test_progress_goes_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_cells(CELLS, measure, CellStore(tmp_path, "s"))
    out, err = capsys.readouterr()
    assert out == ""
    assert "measuring 9 cells" in err
    assert "F: 9 cells done" in err and "100 % of the work, 9/9 cells" in err
