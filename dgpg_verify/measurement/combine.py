"""Which credits must be rolled through the network, and how the others follow from them.

A guided credit is (1 - alpha) base + alpha guidance, a raw return is the centred one plus a constant times the
score: their gradients are linear combinations, so their moments need no pass of their own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dgpg_verify.core import Credit, HasActionWeights, Rollout, offers
from dgpg_verify.credits.base import FixedCredit, terms_of

PARTS = ("base", "guidance")  # fields of a credit that hold other credits, fitted once for all that share them


@dataclass(frozen=True)
class Basis:
    """credits: those measured directly; weights [requested, basis]: each requested credit as a combination."""

    credits: tuple[Credit, ...]
    weights: NDArray[np.float64]

    def index(self, name: str) -> int:
        return [credit.name for credit in self.credits].index(name)


class _Fitted(FixedCredit):
    """A credit that is fitted already: fit() returns it unchanged, so a base shared by several is fitted once."""

    def __init__(self, credit: Credit) -> None:
        self.credit, self.name, self.keeps_states = credit, credit.name, credit.keeps_states

    def __call__(self, rollout: Rollout) -> Tensor:
        return self.credit(rollout)

    def combination(self) -> Sequence[tuple[float, Credit]]:
        return [(1.0, self.credit)]


def fit_credits(credits: Sequence[Credit], pilot: Sequence[Rollout]) -> list[Credit]:
    """Fit every credit on the pilot; bases with the same name are fitted once and shared."""
    memory: dict[str, Credit] = {}

    def fit(credit: Any) -> Credit:
        if credit.name not in memory:
            names = [field.name for field in dataclasses.fields(credit)] if dataclasses.is_dataclass(credit) else []
            parts = {name: getattr(credit, name) for name in names if name in PARTS}
            fitted = {name: _Fitted(fit(part)) for name, part in parts.items() if offers(part, Credit)}
            memory[credit.name] = (dataclasses.replace(credit, **fitted) if fitted else credit).fit(pilot)
        return memory[credit.name]

    return [fit(credit) for credit in credits]


def make_basis(credits: Sequence[Credit], extra: Sequence[Credit] = ()) -> Basis:
    """Expand fitted credits into a basis; `extra` credits (quiet targets) join it."""
    expanded = [terms_of(credit) for credit in credits]
    terms = [term for row in expanded for term in row] + [(1.0, credit) for credit in extra]
    members = {credit.name: credit for _, credit in reversed(terms)}  # the first of a name stays
    # those that weigh all actions last, as score passes give them
    names = sorted(
        dict.fromkeys(credit.name for _, credit in terms), key=lambda n: offers(members[n], HasActionWeights)
    )
    weights = np.zeros((len(credits), len(names)))
    for row, parts in zip(weights, expanded, strict=True):
        for factor, credit in parts:
            row[names.index(credit.name)] += factor
    return Basis(tuple(members[name] for name in names), weights)
