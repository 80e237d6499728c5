"""Reference states for one-shot games: the correct fluid limit and the faulty variants used as controls.

`shuffled` permutes the reference *load* over servers by a derangement: a permutation of equal utilisations would
change nothing. `biased:d` multiplies by 1 + d s_m with s_m = +-1 alternating by capacity rank, `biased_uniform:d`
by 1 + d. `noise:s` multiplies by exp(s Z) and `rounded` rounds to one decimal.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.core import InputError, check_real

VARIANTS = ("fluid", "biased:D", "biased_uniform:D", "shuffled", "rounded", "noise:S")


def parse_reference(name: str, variants: Sequence[str]) -> tuple[str, float]:
    """Kind and finite number (0 where the kind takes none) of a reference, else InputError naming the variants."""
    kind, colon, text = str(name).partition(":")
    with_number = {variant.partition(":")[0]: ":" in variant for variant in variants}
    if with_number.get(kind) is bool(colon):
        try:
            return kind, check_real(f"reference {kind}", float(text)) if colon else 0.0
        except ValueError:  # an InputError among them: no number, or none that is finite
            pass
    raise InputError(f"reference = {name!r} is not allowed: it must be one of {', '.join(variants)}")


def alter_reference(name: str, honest: Tensor, capacity: Tensor, seed: int) -> Tensor:
    """The reference called `name`, made from the correct one [M] and the capacities [M]."""
    kind, number = parse_reference(name, VARIANTS)
    if kind == "shuffled":
        return shuffled(honest, capacity, seed)
    if kind == "rounded":
        return (honest * 10).round() / 10
    if kind == "biased":
        return honest * (1.0 + number * alternating_signs(capacity))
    if kind == "noise":
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
        sd = check_real(f"reference {kind}", number, 0.0)
        return honest * torch.as_tensor(np.exp(sd * rng.standard_normal(len(honest))))
    return honest * (1.0 + number)  # biased_uniform; fluid, whose number is 0


def alternating_signs(capacity: Tensor) -> Tensor:
    """+1, -1, +1 ... by rank of capacity, [M]."""
    signs = torch.empty_like(capacity)
    signs[capacity.argsort(stable=True)] = 1.0 - 2.0 * (torch.arange(len(capacity)) % 2).to(capacity)
    return signs


def shuffled(honest: Tensor, capacity: Tensor, seed: int) -> Tensor:
    """x~_m cap_sigma(m) / cap_m for a random derangement sigma (a random cycle through all servers)."""
    if len(capacity) < 2:
        raise InputError("reference = 'shuffled' is not allowed with 1 server: a derangement needs 2 or more")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))
    cycle = torch.as_tensor(rng.permutation(len(capacity)))
    sigma = torch.empty_like(cycle)
    sigma[cycle] = cycle.roll(-1)
    return honest * capacity[sigma] / capacity
