"""Roll-outs of several systems that were played side by side, taken apart again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import itemgetter
from typing import Any

from dgpg_verify.core import Policy, Rollout, System
from dgpg_verify.core.trees import map_tensors


def split_rollout(rollout: Rollout, systems: Sequence[System], policies: Sequence[Policy]) -> list[Rollout]:
    """Equal parts of the roll-outs, in order, each with the system and the policy it was played with. Views."""
    size = len(rollout.noise) // len(systems)
    parts = []
    for k, (system, policy) in enumerate(zip(systems, policies, strict=True)):
        rows = itemgetter(slice(k * size, (k + 1) * size))
        values: dict[str, Any] = {"system": system, "policy": policy}
        for name in (field.name for field in fields(Rollout) if field.name not in values):
            values[name] = map_tensors(rows, getattr(rollout, name))
        parts.append(Rollout(**values))
    return parts
