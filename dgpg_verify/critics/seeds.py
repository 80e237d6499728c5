"""Networks whose first weights depend on a seed alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import nn

from dgpg_verify.core import generator

Network = TypeVar("Network", bound=nn.Module)


@runtime_checkable
class DrawsOwn(Protocol):
    """A module with parameters that are neither a linear layer's nor an embedding's."""

    def draw_own(self, rng: torch.Generator) -> None: ...


def drawn(build: Callable[[], Network], seed: int, device: torch.device | str = "cpu") -> Network:
    """build() with fresh weights from `seed`; no global generator is read.

    Linear layers are uniform in +-1 / sqrt(inputs), embeddings standard normal, as in torch; the rest: `DrawsOwn`.
    """
    with torch.device("meta"):
        network = build()
    network.to_empty(device="cpu")
    rng = generator(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Linear):
                bound = module.in_features**-0.5
                for weights in module.parameters():
                    weights.uniform_(-bound, bound, generator=rng)
            elif isinstance(module, nn.Embedding):
                module.weight.normal_(generator=rng)
            elif isinstance(module, DrawsOwn):
                module.draw_own(rng)
    return network.to(device)
