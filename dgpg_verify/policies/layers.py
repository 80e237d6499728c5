"""The two hidden layers that actors and critics have in common, of many networks at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dgpg_verify.policies.layer_norm import normalise


def split_layers(parameters: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Flat parameters [C, P] of C networks as float32 weights and biases in order, each [C, *shape]."""
    parts = parameters.float().split([math.prod(shape) for shape in shapes], dim=1)
    return [part.reshape(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]


def hidden_units(
    rows: Tensor, layers: Sequence[Tensor], tanh: Callable[[Tensor], Tensor], feature_norm: bool, layer_norm: bool
) -> Tensor:
    """[C, R, F] -> [C, R, H]. layers: W1, b1, W2, b2, see `split_layers`; tanh may overwrite what it is given."""
    units = normalise(rows) if feature_norm else rows
    for weight, bias in (layers[:2], layers[2:]):
        units = tanh(torch.baddbmm(bias, units, weight))
        units = normalise(units) if layer_norm else units
    return units
