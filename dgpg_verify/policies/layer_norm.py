"""Layer normalisation (Ba et al. 2016) without scale and shift of its own: the next layer's weights can take both in.

y = (x - mean) / sd with sd = sqrt(variance + EPS), over the last axis. A gradient g at y is, at x,
(g - mean(g) - y mean(g y)) / sd: g without its parts along (1, ..., 1) and along y.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dgpg_verify.core import InputError
from dgpg_verify.policies.squash import tanh_

EPS = 1e-5


def normalise(x: Tensor) -> Tensor:
    """[..., H] -> the same, mean 0 and mean square 1 (0 where all entries are equal); differentiable."""
    return torch.nn.functional.layer_norm(x, x.shape[-1:], eps=EPS)


def check_widths(layer_norm: bool, feature_norm: bool, hidden: int, n_features: int) -> None:
    """Raise InputError where normalising would erase everything: over a single number."""
    for flag, on, name, width in (
        ("layer_norm", layer_norm, "hidden", hidden),
        ("feature_norm", feature_norm, "n_features", n_features),
    ):
        if on and width < 2:
            raise InputError(f"{name} = {width} is not allowed with {flag} = True: it must be at least 2")


@dataclass(frozen=True)
class Units:
    """A hidden layer and its derivative by hand. value [..., H]: tanh of the input, normalised where `inverse` =
    1 / sd [..., 1] is given."""

    tanh: Tensor
    value: Tensor
    inverse: Tensor | None

    @classmethod
    def of(cls, inputs: Tensor, layer_norm: bool, out: Tensor | None = None) -> Units:
        """From what reaches the units, which is overwritten; `out` receives the value."""
        if not layer_norm:
            value = tanh_(inputs) if out is None else out.copy_(tanh_(inputs))
            return cls(value, value, None)
        tanh_(inputs)
        value, _, inverse = torch.native_layer_norm(inputs, inputs.shape[-1:], None, None, EPS)
        return cls(inputs, value if out is None else out.copy_(value), inverse)

    def through(self, gradient: Tensor) -> Tensor:
        """Gradient at the inputs from that at the value; `gradient` is overwritten and returned."""
        if self.inverse is not None:
            along = (gradient * self.value).mean(-1, keepdim=True)
            gradient.sub_(gradient.mean(-1, keepdim=True)).addcmul_(self.value, along, value=-1.0).mul_(self.inverse)
        return gradient.addcmul_(gradient * self.tanh, self.tanh, value=-1.0)  # tanh' = 1 - tanh^2
