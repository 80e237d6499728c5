"""The settings that are tried for every method, fixed before any of them is judged: as many for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# What a good practitioner would run in the paper's 500 episodes: jobs last about 10 of its 100 steps, so credit looks
# less far.
PRACTICE = {"rollouts": 5, "actor_lr": 1e-3, "critic_lr": 2e-3, "discount": 0.95}
# the search of every method: step size, sharing of parameters, roll-outs an update, discount, passes over each
# iteration's decisions; as many points for all
SEARCH: tuple[Mapping[str, Any], ...] = (
    {"actor_lr": 2e-3},
    {"sharing": "shared", "actor_lr": 2e-3},
    {"rollouts": 5, "actor_lr": 2e-3},
    {"sharing": "shared", "rollouts": 5, "actor_lr": 2e-3},
    {"actor_lr": 1e-4},
    {"discount": 0.95},
    {"sharing": "shared", **PRACTICE},
    {"epochs": 5},
)
# sequential updates want parameters per agent: another step, and five roll-outs at the preset's, in place of sharing
SEARCH_UNSHARED: tuple[Mapping[str, Any], ...] = (
    SEARCH[0], {"actor_lr": 1e-3}, SEARCH[2], {"rollouts": 5}, SEARCH[4], SEARCH[5], PRACTICE, {"epochs": 10},
)  # fmt: skip
# the same with the episodes that the paper gives, beside the preset and PRACTICE with shared parameters: which of the
# things changed matters
_SLOW = {name: value for name, value in PRACTICE.items() if name != "discount"}
LONG_SEARCH: tuple[Mapping[str, Any], ...] = (
    {"discount": 0.95}, PRACTICE, {"sharing": "shared", **_SLOW}, {"sharing": "shared", **PRACTICE, "epochs": 5},
)  # fmt: skip
LONG_SEARCH_UNSHARED: tuple[Mapping[str, Any], ...] = (
    {"discount": 0.95}, _SLOW, {**PRACTICE, "epochs": 10}, {**PRACTICE, "rollouts": 10},
)  # fmt: skip


def search_points(key: str) -> Sequence[Mapping[str, Any]]:
    """The settings tried for a method beside its default: as many for all."""
    return SEARCH_UNSHARED if key == "happo" else SEARCH


def point_name(point: Mapping[str, Any]) -> str:
    """A search point in words; "default" for the preset itself."""
    return ", ".join(f"{name} {value}" for name, value in point.items()) or "default"


def long_points(key: str) -> Sequence[Mapping[str, Any]]:
    """The settings tried beside its default with the episodes that the paper gives. The baselines have PRACTICE with
    shared parameters in a row of its own."""
    if key == "happo":
        return LONG_SEARCH_UNSHARED
    return (*LONG_SEARCH, {"sharing": "shared", **PRACTICE}) if key.startswith("dgpg/") else LONG_SEARCH
