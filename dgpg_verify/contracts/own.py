"""What a caller hands over is checked where it is the caller's own; what this package defines costs nothing here.

The checks draw from streams of their own and from no global generator, so that numbers do not depend on them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from dgpg_verify.contracts.credits import check_credit
from dgpg_verify.contracts.systems import check_system
from dgpg_verify.core import Credit, InputError, Policy, System, offers, refusal


def check_own_system(system: Any) -> None:
    """`check_system` of a system that this package does not define. Raises InputError as it does."""
    if not is_ours(system):
        check_system(system)


def check_own_credits(credits: Iterable[Credit], system: System, policy: Policy | None = None) -> None:
    """Refuse credits that cannot be measured on this system, and `check_credit` every one that this package does not
    define, also one inside a mixture of this package.

    Parameters
    ----------
    policy : plays the roll-outs on which credits are checked; None = uniform.

    Raises
    ------
    InputError : as `check_credit`; a credit that the system refuses.
    """
    parts = {id(part): part for credit in credits for part in _parts(credit)}  # one base may serve several
    for part in parts.values():
        if (why := refusal(system, part.name)) is not None:
            raise InputError(f"credit {part.name} cannot be measured on {type(system).__name__}: {why}")
    for part in parts.values():
        if not is_ours(part):
            check_credit(part, system, policy)


def is_ours(value: object) -> bool:
    """Whether this package defines the type of an object."""
    return type(value).__module__.partition(".")[0] == __name__.partition(".")[0]


def _parts(credit: Any) -> Iterator[Credit]:
    """The credit and, if this package defines it, those that it is made of."""
    yield credit
    if is_ours(credit) and dataclasses.is_dataclass(credit):
        for field in dataclasses.fields(credit):
            if offers(part := getattr(credit, field.name), Credit):
                yield from _parts(part)
