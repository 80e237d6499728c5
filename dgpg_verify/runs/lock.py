"""One writer of a folder at a time. The system drops the lock of a process that ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from dgpg_verify.core.errors import InputError

LOCK = ".lock"


class FolderLock:
    """The right to write into a folder: `take` it before looking at what is there, `drop` it after the last file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._handle, self._made = folder, -1, False

    def take(self) -> None:
        """Make the folder and lock it. InputError naming the owner where another process has it."""
        self._made = not self.folder.exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        while self._handle < 0:
            handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.read(handle, 500).decode("utf-8", "replace").strip() or "another process"
                os.close(handle)
                raise InputError(
                    f"{str(self.folder)!r} is being written by {owner}: wait for its end, or choose another folder"
                ) from None
            if self._is_current(handle):
                self._handle = handle
            else:  # the owner has removed the file since it was opened
                os.close(handle)
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f"process {os.getpid()} of {platform.node()}, {_doing()}\n".encode())

    def drop(self) -> None:
        """Give the lock back; a folder that was made for nothing goes with it."""
        if self._handle < 0:
            return
        (self.folder / LOCK).unlink(missing_ok=True)
        os.close(self._handle)
        self._handle = -1
        if self._made:
            with contextlib.suppress(OSError):
                self.folder.rmdir()  # only where it is empty

    def _is_current(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), os.stat(self.folder / LOCK))
        except FileNotFoundError:
            return False


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder."""
    lock = FolderLock(folder)
    lock.take()
    try:
        yield
    finally:
        lock.drop()


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing but a lock, one's own or one that a killed process has left."""
    return all(path.name == LOCK for path in folder.iterdir())


def _doing() -> str:
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    return f"{program} since {time.strftime('%Y-%m-%d %H:%M:%S')}"
