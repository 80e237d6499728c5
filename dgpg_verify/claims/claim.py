"""What a claim is, and which claims there are: the package's own and those that other packages offer."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.question import Question, Records
from dgpg_verify.claims.recorded import RECORDED
from dgpg_verify.claims.series import Measured
from dgpg_verify.core import Cell, InputError, offered
from dgpg_verify.core.claim_ids import claim_order, is_named

CLAIM_MODULE = re.compile(r"[ac]\d+(_\w+)?")
ENTRY_POINTS = "dgpg_verify.claims"  # group in which another package names its claims
Tables = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Claim:
    """A statement of the paper, how it is measured and how it is judged. The only place of its id and title.

    Parameters
    ----------
    id, title, source, statement : as printed; source names the paper's theorem or section.
    family : the question of the paper it belongs to (noise, equilibria, samples, training, ...).
    design : scale -> rows to measure. Rows and claims may share cells, which are then measured once.
    measure : cell -> named numbers and arrays; a function of the cell alone, run in a worker with one thread.
    questions : what was measured -> rows of the ledger, from files alone.
    tables : what was measured -> {table: flat records}, from which figures are drawn.
    cost : relative cost of a cell; expensive cells start first.
    decided_at : scale from which on a row has to be decided (outcome.py), or row -> scale ("standard" unless said).
    recorded : row -> (label, reason); changed by hand only.
    """

    id: str
    title: str
    source: str
    statement: str
    family: str
    design: Callable[[str], Sequence[Row]]
    measure: Callable[[Cell], Mapping[str, Any]]
    questions: Callable[[Measured], Iterable[Question]]
    tables: Callable[[Measured], Tables] = lambda measured: {}
    cost: Callable[[Cell], float] = lambda cell: float(cell.n)
    decided_at: str | Mapping[str, str] = "standard"
    recorded: Records = field(default_factory=lambda: RECORDED)

    def scale_of(self, row: str) -> str:
        """The scale from which on this row of the ledger has to be decided."""
        return self.decided_at if isinstance(self.decided_at, str) else self.decided_at.get(row, "standard")


def claims_of(family: str, design: Callable[..., Sequence[Row]], **common: Any) -> Callable[..., Claim]:
    """What makes the claims of one family, which are judged from parts of one design.

    Parameters
    ----------
    design : (scale, parts) -> rows.
    common : further fields of `Claim` that all of them share.

    Returns
    -------
    (parts, questions, further fields: id, title, source, statement ...) -> Claim.
    """

    def claim(parts: Any, questions: Callable[[Measured], Iterable[Question]], **about: Any) -> Claim:
        return Claim(family=family, design=partial(design, parts=parts), questions=questions, **common, **about)

    return claim


_REGISTERED: dict[str, Claim] = {}


def register_claim(claim: Claim) -> Claim:
    """Add a claim under its id for this process; an id is taken once."""
    if _REGISTERED.setdefault(claim.id, claim) is not claim:
        raise InputError(f"claim id {claim.id!r} is taken already")
    return claim


def all_claims() -> list[Claim]:
    """Every known claim, C1.1 first, audits after the claims.

    A module of this room named c<k>_*.py or a<k>_*.py offers `CLAIM`, a Claim or several that share a question; another
    package offers claims through entry points of the group `dgpg_verify.claims`, each a Claim or a list of them.

    Raises
    ------
    InputError : two claims of one id, or an entry point that is not a claim.
    """
    import dgpg_verify.claims as room

    for claim in (*_package_claims(room), *offered(ENTRY_POINTS, Claim)):
        register_claim(claim)
    return sorted(_REGISTERED.values(), key=lambda claim: claim_order(claim.id))


def _package_claims(room: Any) -> list[Claim]:
    names = [module.name for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")]
    chosen = [name for name in names if CLAIM_MODULE.fullmatch(name.rpartition(".")[2])]
    found = [importlib.import_module(name).CLAIM for name in chosen]
    return [claim for item in found for claim in ([item] if isinstance(item, Claim) else item)]


def select_claims(prefixes: str | Sequence[str] | None = None) -> list[Claim]:
    """The claims that prefixes such as "C1,A3" or ["C1.2"] name; all of them for None.

    Raises
    ------
    InputError : an unknown, empty or repeated prefix.
    """
    claims = all_claims()
    if prefixes is None:
        return claims
    names = prefixes.split(",") if isinstance(prefixes, str) else list(prefixes)
    known = ", ".join(claim.id for claim in claims)
    chosen: dict[str, Claim] = {}
    for name in (name.strip() for name in names):
        matching = [claim for claim in claims if is_named(claim.id, name)]
        if not name or not matching:
            raise InputError(f"claims = {name!r} is not allowed: it must be a prefix of one of {known}")
        if all(claim.id in chosen for claim in matching):
            raise InputError(f"claims holds {name!r} more than once: each claim is selected once")
        chosen.update({claim.id: claim for claim in matching})
    return [claim for claim in claims if claim.id in chosen]
