"""The families of claims: a page each."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dgpg_verify.core.claim_ids import is_named

INDEX = "index.html"


@dataclass(frozen=True)
class Family:
    """claims: the heads of its claims; that without one takes what no other does."""

    name: str
    title: str
    claims: tuple[str, ...]

    @property
    def file(self) -> str:
        return f"{self.name}.html"


FAMILIES = (
    Family("noise", "Noise of the gradient", ("C1", "words")),
    Family("equilibria", "Equilibria and alignment", ("C2", "A2")),
    Family("samples", "Samples to a gap", ("C3", "A4")),
    Family("training", "Training", ("C4",)),
    Family("comparison", "Beside other methods", ("C6",)),
    Family("instrument", "Cost, assumptions, instrument", ("C5", "A0", "A1", "A3")),
    Family("traffic", "Traffic", ("C7",)),
    Family("power", "Power dispatch", ("C8",)),
    Family("rates", "Rate control", ("C9",)),
    Family("inventory", "Inventory", ("C10",)),
    Family("further", "Further claims", ()),
)


def family_of(claim: str) -> Family:
    """The family of a claim or audit, by its id: that of C1.2 is that of C1, that of C10 is not."""
    return next((family for family in FAMILIES if any(is_named(claim, head) for head in family.claims)), FAMILIES[-1])


def anchor(text: str) -> str:
    """A name that can stand in id= and href=#: letters, digits, dots and dashes."""
    return re.sub(r"[^\w.-]|_", "-", text)
