"""What a caller hands over is checked where it is the caller's own; what this package defines costs nothing here.

The checks draw from streams of their own and from no global generator, so that numbers do not depend on them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from dgpg_verify.contracts.credits import check_credit
from dgpg_verify.contracts.systems import check_system
from dgpg_verify.core import Credit, Policy, System, offers


def check_own_system(system: Any) -> None:
    """`check_system` of a system that this package does not define. Raises InputError as it does."""
    if not is_ours(system):
        check_system(system)


def check_own_credits(credits: Iterable[Credit], system: System, policy: Policy | None = None) -> None:
    """`check_credit` of every credit that this package does not define, also of one inside a mixture of this package.

    Parameters
    ----------
    policy : plays the roll-outs on which credits are checked; None = uniform.

    Raises
    ------
    InputError : as `check_credit`.
    """
    parts = {id(part): part for credit in credits for part in _own_parts(credit)}  # one base may serve several
    for part in parts.values():
        check_credit(part, system, policy)


def is_ours(value: object) -> bool:
    """Whether this package defines the type of an object."""
    return type(value).__module__.partition(".")[0] == __name__.partition(".")[0]


def _own_parts(credit: Any) -> Iterator[Credit]:
    """The credit, or those that it is made of, as far as this package does not define them."""
    if not is_ours(credit):
        yield credit
    elif dataclasses.is_dataclass(credit):
        for field in dataclasses.fields(credit):
            if offers(part := getattr(credit, field.name), Credit):
                yield from _own_parts(part)
