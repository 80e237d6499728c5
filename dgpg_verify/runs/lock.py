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
PART = ".part"  # end of the name under which a file is written before it is renamed


class FolderLock:
    """The right to write into a folder: `take` it before looking at what is there, `drop` it after the last file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._handle, self._made = folder, -1, False

    def take(self) -> None:
        """Make the folder and lock it. InputError naming the owner where another process has it."""
        self._made = not self.folder.exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._handle = open_locked(self.folder / LOCK, wait=False)
        except BlockingIOError:
            raise InputError(
                f"{str(self.folder)!r} is being written by {self._owner()}: wait for its end, or choose another folder"
            ) from None
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

    def _owner(self) -> str:
        with contextlib.suppress(OSError):
            return (self.folder / LOCK).read_text("utf-8", "replace").strip() or "another process"
        return "another process"


def open_locked(path: Path, wait: bool) -> int:
    """A file of this name, made where there is none, opened and locked by this process alone.

    wait: for the process that has it; else BlockingIOError.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # its owner has removed or renamed the file since it was opened


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
    """Whether a folder holds nothing but what a killed process may have left: a lock, and files that are not whole."""
    return all(path.name == LOCK or is_part(path) for path in folder.iterdir())


def is_part(path: Path) -> bool:
    """Whether a file bears the name under which another one is written."""
    return path.name.startswith(".") and path.name.endswith(PART)


def _doing() -> str:
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    return f"{program} since {time.strftime('%Y-%m-%d %H:%M:%S')}"
