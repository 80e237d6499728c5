"""Which code a cell was measured by: its hash is part of the cell's key, so that changed code re-measures."""

from __future__ import annotations

import builtins
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dgpg_verify.core import source_hash


def measuring_hash(measure: Callable[..., Any]) -> str:
    """Hash of the measuring rooms, of this room's *_cells.py and of the code behind `measure`.

    A `measure` that only passes its cell on is looked through: claims that share cells share their key, and a
    change to how a claim is judged re-measures nothing.
    """
    function = inspect.unwrap(getattr(measure, "__func__", measure))
    names = function.__code__.co_names
    passed_on = [function.__globals__[name] for name in names if inspect.isfunction(function.__globals__.get(name))]
    only_passes_on = passed_on and all(name in function.__globals__ or hasattr(builtins, name) for name in names)
    behind = passed_on if only_passes_on else [function, *passed_on]
    files = {str(path) for path in Path(__file__).parent.glob("*_cells.py")}
    files |= {file for code in behind if (file := getattr(sys.modules.get(code.__module__), "__file__", None))}
    return f"{source_hash(files=tuple(sorted(files)))} {' '.join(code.__name__ for code in behind)}"
