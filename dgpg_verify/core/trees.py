"""Map a function over the tensors of a nested frozen dataclass: states, systems, policies, roll-outs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor

Tree = TypeVar("Tree")


def map_tensors(function: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    """A copy of `tree` with `function` applied to every tensor in it; everything else is shared."""
    value: Any = tree
    if isinstance(value, Tensor):
        value = function(value)
    elif isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        value = type(value)(map_tensors(function, item) for item in value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {f.name: map_tensors(function, getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
        if any(changes[name] is not getattr(value, name) for name in changes):
            value = dataclasses.replace(value, **changes)
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
