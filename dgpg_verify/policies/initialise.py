"""Initial weights of the small networks here, Gaussian or orthogonal, all networks of a team in one call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from dgpg_verify.core import check_choice, generator, open_uniforms

Initialisation = Literal["orthogonal", "gaussian"]
INITIALISATIONS: tuple[str, ...] = get_args(Initialisation)
TANH_GAIN = 5.0 / 3.0  # keeps the size of signals through tanh layers; a ReLU would take sqrt(2)

Shape = tuple[int, ...]


def initial_parameters(
    how: Initialisation, shapes: Sequence[Shape], copies: int, gain: float, seed: int, stream: int
) -> Tensor:
    """Flat parameters of `copies` networks of hidden tanh layers and a linear read-out, [copies, P] float64.

    gaussian: weights of variance 1 / fan-in. orthogonal: rows or columns, whichever are fewer, at right angles and of
    length TANH_GAIN (Saxe et al. 2014; the gain is that of on-policy practice). The read-out, the last weight, has
    gain `gain` in both. Biases are 0.

    shapes: of the parts in order: weights [in, out] at even places, biases [1, out] at odd ones. seed, stream: name
    the random numbers. Raises InputError for another `how`. Cost: orthogonal one QR decomposition per layer.
    """
    check_choice("initialisation", how, INITIALISATIONS)
    sizes = [math.prod(shape) for shape in shapes]
    normal = torch.special.ndtri(open_uniforms((copies, sum(sizes)), generator(seed, stream)))
    last = (len(shapes) - 1) // 2 * 2
    parts = []
    for place, (part, shape) in enumerate(zip(normal.split(sizes, dim=1), shapes, strict=True)):
        if place % 2:
            parts.append(torch.zeros_like(part))
        elif how == "gaussian":
            parts.append(part * ((gain if place == last else 1.0) / math.sqrt(shape[0])))
        else:
            parts.append(_orthogonal(part, shape) * (gain if place == last else TANH_GAIN))
    return torch.cat(parts, dim=1)


def _orthogonal(normal: Tensor, shape: Shape) -> Tensor:
    """Standard normals [copies, in * out] to orthogonal matrices in the same layout, uniform over all of them."""
    matrix = normal.reshape(-1, *shape)
    wide = shape[0] < shape[1]
    q, r = torch.linalg.qr(matrix.transpose(1, 2) if wide else matrix)
    q = q * r.diagonal(dim1=1, dim2=2).sign()[:, None]  # the law of q itself depends on the routine's signs
    return (q.transpose(1, 2) if wide else q).reshape(normal.shape)
