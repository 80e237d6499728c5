"""Which code a cell was measured by: its hash is part of the cell's key, so that changed code re-measures."""

from __future__ import annotations

import builtins
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from dgpg_verify.runs.cells import MEASURING_ROOMS, source_hash


def measuring_hash(measure: Callable[..., Any]) -> str:
    """Hash of the measuring rooms, of the code behind `measure` and of the `measure` modules that it uses.

    A `measure` that only passes its cell on is looked through: claims that share cells share their key, and a
    change to how a claim is judged re-measures nothing. A module may name further rooms it measures by in `ROOMS`.
    """
    function = inspect.unwrap(getattr(measure, "__func__", measure))
    names = function.__code__.co_names
    passed_on = [function.__globals__[name] for name in names if inspect.isfunction(function.__globals__.get(name))]
    only_passes_on = passed_on and all(name in function.__globals__ or hasattr(builtins, name) for name in names)
    behind = passed_on if only_passes_on else [function, *passed_on]
    modules = {code.__module__ for code in behind}
    modules |= {name for first in modules for name in _cells_behind(sys.modules.get(first), set())}
    found = [module for name in modules if (module := sys.modules.get(name))]
    files = {file for module in found if (file := getattr(module, "__file__", None))}
    rooms = {room for module in found for room in getattr(module, "ROOMS", ())}
    digest = source_hash((*MEASURING_ROOMS, *sorted(rooms)), tuple(sorted(files)))
    return f"{digest} {' '.join(code.__name__ for code in behind)}"


def _cells_behind(module: ModuleType | None, seen: set[str]) -> set[str]:
    """Names of the `measure` modules of claims that a module imports from, and they in turn."""
    for value in vars(module).values() if module else ():
        name = str(getattr(value, "__module__", ""))
        if name.startswith("dgpg_verify.claims.") and "measure" in name.split(".") and name not in seen:
            seen.add(name)
            _cells_behind(sys.modules.get(name), seen)
    return seen
