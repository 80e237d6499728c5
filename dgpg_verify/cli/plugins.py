"""Policies and credits of the command line: names, or a user's own as module:Object or path/to/file.py:Object.

A policy's object is a policy, or a class or function called as (system, seed=...); a credit's is a credit, or a class
or function called without arguments. What comes back is checked against the contract before any work.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from dgpg_verify.contracts.calls import called
from dgpg_verify.contracts.named import is_plugin, load_object
from dgpg_verify.core import Credit, InputError, Policy, System, check_unique, lacking
from dgpg_verify.credits import make_credit
from dgpg_verify.policies import make_policy


def make_any_policy(text: str, system: System, seed: int) -> Policy:
    """The policy named on the command line, for this system; InputError on any value."""
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


def _instance(kind: str, text: str, protocol: type, make: Callable[[Any], Any]) -> Any:
    """The object itself, or what it makes."""
    value = load_object(kind, text)
    if inspect.isclass(value) or inspect.isroutine(value):
        factory = value
        value = called(f"{kind} {text}", lambda: make(factory))
    if missing := lacking(value, protocol):
        raise InputError(f"{kind} {text} lacks {', '.join(missing)}: it must have every member of a {kind}")
    return value
