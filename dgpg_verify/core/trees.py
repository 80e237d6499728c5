"""Map a function over the tensors of a nested frozen dataclass: states, systems, policies, roll-outs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor

Tree = TypeVar("Tree")


def map_tensors(function: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    """A copy of `tree` with `function` applied to every tensor in it; everything else is shared."""
    return _map(function, tree)


def _map(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(_map(function, item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {f.name: _map(function, getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
        if all(changes[name] is getattr(value, name) for name in changes):
            return value
        return dataclasses.replace(value, **changes)
    return value


def move(tree: Tree, device: str) -> Tree:
    """`tree` with its tensors on `device`."""
    return map_tensors(lambda tensor: tensor.to(device), tree)


def select(tree: Tree, index: Tensor) -> Tree:
    """Rows `index` of every tensor's leading axis: picks, repeats or reorders the roll-outs of a state."""
    return map_tensors(lambda tensor: tensor[index], tree)


def repeat_rollouts(tree: Tree, times: int) -> Tree:
    """Every roll-out `times` times in a row: [B, ...] -> [B * times, ...]."""
    return map_tensors(lambda tensor: tensor.repeat_interleave(times, dim=0), tree)
