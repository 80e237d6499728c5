"""Roll-outs of several systems that were played side by side, taken apart again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from torch import Tensor

from dgpg_verify.core import Policy, Rollout, System
from dgpg_verify.core.trees import map_tensors


def split_rollout(rollout: Rollout, systems: Sequence[System], policies: Sequence[Policy]) -> list[Rollout]:
    """Equal parts of the roll-outs, in order, each with the system and the policy it was played with. Views."""
    size = len(rollout.noise) // len(systems)
    found = []
    for k, (system, policy) in enumerate(zip(systems, policies, strict=True)):
        rows = slice(k * size, (k + 1) * size)

        def own(tensor: Tensor, rows: slice = rows) -> Tensor:
            return tensor[rows]

        values: dict[str, Any] = {"system": system, "policy": policy}
        for name in (field.name for field in fields(Rollout) if field.name not in values):
            values[name] = map_tensors(own, getattr(rollout, name))
        found.append(Rollout(**values))
    return found
