"""What a cluster is refused for, and what comes back from it; tests/claims/test_cluster.py has runs on a real one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dgpg_verify.core import Cell, Evidence, InputError
from dgpg_verify.runs import CellStore, cluster
from dgpg_verify.runs.cells import cell_bytes
from dgpg_verify.runs.environment import relative_command

CELL, OTHER = Cell("F", "row", 2, 0, 1, {"of": [1, 2]}), Cell("F", "row", 4, 0, 1, {})


def here() -> dict[str, str | None]:
    return {"torch": "1"}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in cluster.THREADS:
        monkeypatch.setenv(name, "1")


def test_without_a_cluster_there_is_none() -> None:
    with cluster.connected(None, here) as found:
        assert found is None


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = r"cluster = 'tcp://h:1' is not allowed: .* not installed \(pip install dgpg-verify\[cluster\]\)"
    with pytest.raises(InputError, match=said), cluster.connected("tcp://h:1", here):
        pass


def test_what_comes_back_is_checked_before_it_is_written(tmp_path: Path) -> None:
    store = CellStore(tmp_path, "s")
    path, key = store.path(CELL), store.key(CELL)
    task = (0, CELL, path, key)
    for content in (cell_bytes(key, Evidence(OTHER, {}, 1.0)), cell_bytes("0" * 64, Evidence(CELL, {}, 1.0))):
        with pytest.raises(InputError, match="a worker gave another cell back for F row n=2"):
            cluster._write(task, content)
    with pytest.raises(InputError, match="is corrupt"):
        cluster._write(task, cell_bytes(key, Evidence(CELL, {}, 1.0))[:-9])
    assert not path.exists()
    cluster._write(task, cell_bytes(key, Evidence(CELL, {"x": 2.0}, 1.0)))
    assert store.load(CELL).values == {"x": 2.0}


def test_a_worker_of_other_versions_or_threads_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cluster._objection(here, here()) == ""
    assert cluster._objection(here, {"torch": "2"}) == "has torch 1, not 2"
    assert cluster._objection(here, {**here(), "jobs.csv": "abc"}) == "has jobs.csv None, not abc"
    monkeypatch.delenv("MKL_NUM_THREADS")
    assert cluster._objection(here, here()).startswith("has MKL_NUM_THREADS = None: it must be '1'")


def test_the_address_is_a_place_and_stays_out_of_the_record() -> None:
    words = ["pytest", "--cluster", "tcp://10.0.0.7:8786", "--cluster=tls://head.example:1", "--seed", "1"]
    assert relative_command(words, Path("/x")) == "pytest --cluster ADDRESS --cluster=ADDRESS --seed 1"
