"""Systems, policies and credits of the command line: names, or a user's own as module:Object or path/to/file.py:Object.

A system's object is a class or function called as (n_agents, seed=..., **options); a policy's is a policy, or a class
or function called as (system, seed=...); a credit's is a credit, or a class or function called without arguments. What
comes back is checked against the contract before any work.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dgpg_verify.contracts import check_credit, check_system
from dgpg_verify.contracts.calls import called
from dgpg_verify.core import Credit, InputError, Policy, System, check_unique, lacking
from dgpg_verify.credits import make_credit
from dgpg_verify.credits.registry import MIXED, PLAIN
from dgpg_verify.policies import make_policy
from dgpg_verify.systems import make_system, system_names

KINDS = {*(name.partition(":")[0] for name in PLAIN), *MIXED, "heuristic"}  # they take an argument after a colon
FORMS = "a name (dgpg-verify list), module:Object or path/to/file.py:Object"


def is_plugin(text: str) -> bool:
    """Whether a text names an object of a file or module. guided:0.5, gae:central or heuristic:random:1 do not."""
    if text in system_names():
        return False
    place, colon, name = text.rpartition(":")
    dotted = all(part.isidentifier() for part in place.split("."))
    return bool(colon) and (place.endswith(".py") or (dotted and name.isidentifier() and place not in KINDS))


def make_any_system(text: str, n_agents: int, seed: int, options: dict[str, Any], check: bool = True) -> System:
    """The system named on the command line; InputError on any value, and on a user's own that breaks the contract."""
    if not is_plugin(text):
        if text.endswith(".py"):
            raise InputError(f"system = {text!r} is not allowed: it must be {FORMS}")
        return make_system(text, n_agents, seed, **options)
    factory = load_object("system", text)
    if not callable(factory):
        raise InputError(f"system = {text!r} is not allowed: it must be a class or function of (n_agents, seed=...)")
    system = called(f"{text}({n_agents}, seed={seed})", lambda: factory(n_agents, seed=seed, **options))
    if check:
        check_system(system)
        if system.n_agents != n_agents:
            raise InputError(f"{text}({n_agents}, seed={seed}) has n_agents = {system.n_agents}: it must be {n_agents}")
    built: System = system
    return built


def make_any_policy(text: str, system: System, seed: int) -> Policy:
    """The policy named on the command line, for this system; InputError as `make_any_system`."""
    if not is_plugin(text):
        return make_policy(text, system, seed)
    policy = _instance("policy", text, Policy, lambda make: make(system, seed=seed))
    sizes = tuple(policy.parameters.shape[:-1])
    wanted = {"independent": (system.n_agents,), "shared": ()}.get(policy.sharing)
    if sizes != wanted:
        shape = list(policy.parameters.shape)
        raise InputError(
            f"{text}: parameters has shape {shape} with sharing {policy.sharing!r}: it must be [N, P] with N = "
            f"{system.n_agents} if independent, [P] if shared"
        )
    made: Policy = policy
    return made


def make_any_credits(text: str) -> list[str | Credit]:
    """Credits with commas between, each a name or the object it stands for; InputError on one that is neither."""
    names = check_unique("credits", [name.strip() for name in text.split(",") if name.strip()])
    credits = [_instance("credit", name, Credit, lambda make: make()) if is_plugin(name) else name for name in names]
    for credit in credits:
        make_credit(credit)
    return credits


def check_own_credits(credits: list[str | Credit], system: System, policy: Policy) -> None:
    """InputError where one of the user's own credits breaks the contract on this system."""
    for credit in credits:
        if not isinstance(credit, str):
            check_credit(credit, system, policy)


def _instance(kind: str, text: str, protocol: type, make: Callable[[Any], Any]) -> Any:
    """The object itself, or what it makes."""
    value = load_object(kind, text)
    if inspect.isclass(value) or inspect.isroutine(value):
        factory = value
        value = called(f"{kind} {text}", lambda: make(factory))
    if missing := lacking(value, protocol):
        raise InputError(f"{kind} {text} lacks {', '.join(missing)}: it must have every member of a {kind}")
    return value


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
