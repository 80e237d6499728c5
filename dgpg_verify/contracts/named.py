"""Systems by name, or a user's own as module:Object or path/to/file.py:Object; and the objects behind such names."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from dgpg_verify.contracts.calls import called
from dgpg_verify.contracts.systems import check_system
from dgpg_verify.core import InputError, System
from dgpg_verify.credits.registry import MIXED, OF_NUMBER, ON_VALUE, PLAIN
from dgpg_verify.systems import make_system, system_names

KINDS = {
    *(name.partition(":")[0] for name in PLAIN),
    *MIXED,
    *ON_VALUE,
    *OF_NUMBER,
    "heuristic",
}  # they take an argument after a colon
FORMS = "a name (dgpg-verify list), module:Object or path/to/file.py:Object"


def is_plugin(text: str) -> bool:
    """Whether a text names an object of a file or module. guided:0.5, gae:central or heuristic:random:1 do not."""
    if text in system_names():
        return False
    place, colon, name = text.rpartition(":")
    dotted = all(part.isidentifier() for part in place.split("."))
    return bool(colon) and (place.endswith(".py") or (dotted and name.isidentifier() and place not in KINDS))


def make_any_system(name: str, n_agents: int, seed: int, options: dict[str, Any], check: bool = True) -> System:
    """The system of a name; InputError on any value, and on a user's own that breaks the contract.

    A user's own is a class or function called as (n_agents, seed=..., **options). check: whether to play it.
    """
    if not is_plugin(name):
        if name.endswith(".py"):
            raise InputError(f"system = {name!r} is not allowed: it must be {FORMS}")
        return make_system(name, n_agents, seed, **options)
    factory = load_object("system", name)
    if not callable(factory):
        raise InputError(f"system = {name!r} is not allowed: it must be a class or function of (n_agents, seed=...)")
    system = called(f"{name}({n_agents}, seed={seed})", lambda: factory(n_agents, seed=seed, **options))
    if check:
        check_system(system)
        if system.n_agents != n_agents:
            raise InputError(f"{name}({n_agents}, seed={seed}) has n_agents = {system.n_agents}: it must be {n_agents}")
    built: System = system
    return built


def load_object(kind: str, text: str) -> Any:
    """The object behind module:Object or path/to/file.py:Object; InputError where there is none."""
    place, _, name = text.rpartition(":")
    module = _file(kind, text, Path(place)) if place.endswith(".py") else _module(kind, text, place)
    if not hasattr(module, name):
        own = [word for word, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise InputError(f"{kind} = {text!r} is not allowed: {place} holds {', '.join(own) or 'nothing'}, no {name!r}")
    return getattr(module, name)


def _file(kind: str, text: str, path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{kind} = {text!r} is not allowed: there is no file {str(path)!r}")
    alias = f"dgpg_verify_own_{path.stem}_{abs(hash(path.resolve()))}"
    if alias in sys.modules:
        return sys.modules[alias]
    spec = importlib.util.spec_from_file_location(alias, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[alias] = module  # dataclasses look their module up there
    try:
        called(f"{kind} {text}: reading the file", spec.loader.exec_module, module)
    except InputError:
        del sys.modules[alias]
        raise
    return module


def _module(kind: str, text: str, name: str) -> Any:
    """Import a module, from the working directory too."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        return called(f"{kind} {text}: importing {name!r}", importlib.import_module, name)
    except InputError as error:
        if isinstance(error.__cause__, ModuleNotFoundError) and error.__cause__.name == name.partition(".")[0]:
            raise InputError(
                f"{kind} = {text!r} is not allowed: there is no module {name!r}; it must be {FORMS}"
            ) from None
        raise
    finally:
        sys.path.remove(str(Path.cwd()))
