"""Which code a cell was measured by: its hash is part of the cell's key, so that changed code measures again."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGE = "dgpg_verify"
ROOT = Path(__file__).resolve().parents[1]
# Rooms that a measurement never depends on, whatever imports them. Of `claims` it depends on the modules that measure
# alone: choices of design are in the cell's own options, and judging comes later.
JUDGING = (f"{PACKAGE}.reporting", f"{PACKAGE}.runs", f"{PACKAGE}.cli", f"{PACKAGE}.claims")
MEASURING = {"measure", "subjects"}
DATA = {".csv", ".json"}


def measuring_hash(measure: Callable[..., Any]) -> str:
    """sha256 of the module of `measure` and of every module of the package behind it, and of their rooms' data files.

    Imports are read from the source, not from what happens to be loaded. Changing how a claim is designed, judged or
    drawn measures nothing again.
    """
    while isinstance(measure, partial):
        measure = measure.func
    function = inspect.unwrap(getattr(measure, "__func__", measure))
    return _hash_of(function.__module__) + f" {function.__qualname__}"


def package_hash() -> str:
    """sha256 of the whole package and its data: which state of the code a run was made by."""
    return _hash_of_files([path for path in sorted(ROOT.rglob("*")) if path.suffix in {".py", *DATA}])


@cache
def _hash_of(module: str) -> str:
    return _hash_of_files(files_behind(module))


def _hash_of_files(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def files_behind(module: str) -> list[Path]:
    """The files of a module, of what it imports from the package, and so on; with the data of the rooms they are in."""
    paths: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _file_of(name)
        if name in paths or path is None or (name != module and _judges(name)):
            continue
        paths[name] = path
        waiting += _imports(path.read_text())
    rooms = {ROOT / name.split(".")[1] for name in paths if name.startswith(f"{PACKAGE}.")}
    data = [path for room in rooms if room.is_dir() for path in room.rglob("*") if path.suffix in DATA]
    return sorted({*paths.values(), *data})


def _judges(name: str) -> bool:
    return name.startswith(JUDGING) and not MEASURING.intersection(name.split("."))


def _file_of(name: str) -> Path | None:
    """Source of a module of this package, or of the module that a caller named; None for other packages' modules."""
    loaded = getattr(sys.modules.get(name), "__file__", None)
    if loaded is not None:
        return Path(loaded)
    spec = find_spec(name)
    return Path(spec.origin) if spec is not None and spec.origin else None


@cache  # most modules stand behind the measurements of several families
def _imports(source: str) -> tuple[str, ...]:
    """Modules of the package that a file imports: `from a import b` may name the module a.b."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(module for module in modules if module.startswith(f"{PACKAGE}.") and _is_module(module))


@cache
def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split(".")[1:])
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
