"""Learned value functions: an MLP over permutation-invariant features, so that its size does not grow with N or M.

`central` sees the pooled global state (MAPPO's V(s)), `local` what one agent sees (IPPO's V(o_i)); the local one has
its own parameters for each agent or one set for all. Like every policy here, parameters are one flat tensor.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dgpg_verify.core import Rollout, check_choice, check_int
from dgpg_verify.critics.features import Kind, features_of, time_left
from dgpg_verify.critics.value_norm import ValueNorm
from dgpg_verify.policies.initialise import Initialisation, initial_parameters
from dgpg_verify.policies.layers import check_widths, hidden_units, split_layers


@dataclass(frozen=True, eq=False)
class ValueNetwork:
    """Two hidden tanh layers. parameters [C, P], C = 1 or N copies; float32 arithmetic.

    Values are on the normaliser's scale inside (`normalised`), on the reward's scale outside (`__call__`).
    feature_norm, layer_norm: normalise the inputs, and the hidden units after tanh, without parameters of their own.
    Raises InputError where a norm is over a single number.
    """

    kind: Kind
    parameters: Tensor
    width: int
    hidden: int
    norm: ValueNorm
    layer_norm: bool = False
    feature_norm: bool = False

    def __post_init__(self) -> None:
        check_widths(self.layer_norm, self.feature_norm, self.hidden, self.width)

    @classmethod
    def random(
        cls,
        kind: Kind,
        width: int,
        copies: int,
        hidden: int = 64,
        seed: int = 0,
        initialisation: Initialisation = "gaussian",
        layer_norm: bool = False,
        feature_norm: bool = False,
    ) -> ValueNetwork:
        """Fresh weights, read-out of gain 1, see `initial_parameters`. `width`: number of features, `critic_inputs`."""
        check_choice("critic", kind, ("central", "local"))
        check_int("hidden", hidden, 1)
        values = initial_parameters(initialisation, _shapes(width, hidden), copies, 1.0, seed, 6)
        return cls(kind, values, width, hidden, ValueNorm.empty(), layer_norm, feature_norm)

    def normalised(self, inputs: Tensor) -> Tensor:
        """inputs [B, T, F] or [B, T, N, F] -> values [B, T] or [B, T, N], differentiable in `parameters`."""
        *layers, w3, b3 = split_layers(self.parameters, _shapes(self.width, self.hidden))
        hidden = hidden_units(self._rows(inputs.float()), layers, torch.tanh, self.feature_norm, self.layer_norm)
        values = torch.baddbmm(b3, hidden, w3)[..., 0]
        if len(self.parameters) == 1:
            return values.reshape(inputs.shape[:-1])
        return values.reshape(inputs.shape[2], *inputs.shape[:2]).permute(1, 2, 0)

    def __call__(self, rollout: Rollout) -> Tensor:
        """Values on the reward's scale, [B, T] or [B, T, N] float64: what advantages are computed with."""
        with torch.no_grad():
            return self.norm.denormalise(self.normalised(critic_inputs(self.kind, rollout)).double())

    def _rows(self, inputs: Tensor) -> Tensor:
        if len(self.parameters) == 1:
            return inputs.reshape(1, -1, self.width)
        return inputs.permute(2, 0, 1, 3).reshape(inputs.shape[2], -1, self.width)


def critic_inputs(kind: Kind, rollout: Rollout) -> Tensor:
    """Features and the share of time left: [B, T, F] (central) or [B, T, N, F] (local), float32."""
    features = features_of(kind, rollout).float()
    return torch.cat([features, time_left(features)], dim=-1)


def _shapes(width: int, hidden: int) -> list[tuple[int, ...]]:
    return [(width, hidden), (1, hidden), (hidden, hidden), (1, hidden), (hidden, 1), (1, 1)]
