"""One run folder, one writer: a second one is refused with the owner's name, a killed one leaves no lock behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dgpg_verify.core import InputError
from dgpg_verify.runs.lock import LOCK, FolderLock, is_empty, only_writer

HOLD = "import sys, time, pathlib; from dgpg_verify.runs.lock import FolderLock; "
HOLD += "FolderLock(pathlib.Path(sys.argv[1])).take(); print('held', flush=True); time.sleep(60)"


def test_a_second_writer_is_refused_and_a_killed_one_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        try:
            assert owner.stdout is not None and owner.stdout.readline() == "held\n"
            with pytest.raises(InputError, match=rf"is being written by process {owner.pid} of .* since 20\d\d-"):
                FolderLock(folder).take()
        finally:
            owner.kill()
    assert [path.name for path in folder.iterdir()] == [LOCK] and is_empty(folder)
    with only_writer(folder):
        assert is_empty(folder)
        (folder / "file").touch()
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_a_lock_leaves_nothing_behind(tmp_path: Path) -> None:
    with only_writer(tmp_path / "new"), pytest.raises(InputError, match=f"process {os.getpid()} "):
        FolderLock(tmp_path / "new").take()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "kept").mkdir()
    with only_writer(tmp_path / "kept"):
        assert is_empty(tmp_path / "kept")
    assert (tmp_path / "kept").exists()
