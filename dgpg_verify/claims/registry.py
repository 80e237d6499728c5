"""What a claim is, and which claims there are: every module of this room named c<k>_*.py or a<k>_*.py."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable
from zlib import crc32

import numpy as np

from dgpg_verify.core import Cell, Evidence, InputError, LedgerRow
from dgpg_verify.statistics import Relation

SCALES = ("smoke", "standard", "full")
CLAIM_MODULE = re.compile(r"[ac]\d+(_\w+)?")


@runtime_checkable
class Claim(Protocol):
    """A statement of the paper, how it is measured and how it is judged.

    recorded: row -> (label, reason), changed by hand only. A claim may also offer
    tables(evidence) -> {table: [flat records]}: what figures are drawn from;
    cost(cell) -> float: the longest cells start first (n unless said);
    decided_at: "smoke", "standard" or "full", or a mapping row -> scale: from there on an inconclusive row
    is a failure ("standard" unless said).
    """

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def statement(self) -> str: ...
    @property
    def relation(self) -> Relation: ...
    @property
    def expected(self) -> float: ...
    @property
    def margin(self) -> float: ...
    @property
    def recorded(self) -> Mapping[str, tuple[str, str]]: ...
    @property
    def controls(self) -> Sequence[Any]: ...

    def cells(self, scale: str, seed: int) -> Sequence[Cell]:
        """What has to be measured; rows and claims may share a cell, which is then measured once."""
        ...

    def measure(self, cell: Cell) -> Evidence:
        """Measure one cell; a function of the cell alone. Runs in a worker with one thread."""
        ...

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        """Rows of the ledger from files alone; `evidence` is in the order of `cells`."""
        ...


_REGISTERED: dict[str, Claim] = {}


def register_claim(claim: Claim) -> Claim:
    """Add a claim under its id; a module of this room needs only `CLAIM = ...` or `CLAIMS = [...]`."""
    if claim.id in _REGISTERED and _REGISTERED[claim.id] is not claim:
        raise InputError(f"claim id {claim.id!r} is taken already")
    _REGISTERED[claim.id] = claim
    return claim


def all_claims() -> list[Claim]:
    """Every known claim, C1.1 first, audits after the claims."""
    import dgpg_verify.claims as room

    for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        if CLAIM_MODULE.fullmatch(module.name.rpartition(".")[2]):
            loaded = importlib.import_module(module.name)
            for claim in getattr(loaded, "CLAIMS", None) or [loaded.CLAIM]:
                register_claim(claim)
    return sorted(_REGISTERED.values(), key=lambda claim: _order(claim.id))


def select_claims(prefixes: str | Sequence[str] | None = None) -> list[Claim]:
    """The claims that prefixes such as "C1,A3" or ["C1.2"] name; all of them for None.

    Raises InputError for an unknown, empty or repeated prefix.
    """
    claims = all_claims()
    if prefixes is None:
        return claims
    names = prefixes.split(",") if isinstance(prefixes, str) else list(prefixes)
    known = ", ".join(claim.id for claim in claims)
    chosen: dict[str, Claim] = {}
    for name in (name.strip() for name in names):
        found = [claim for claim in claims if claim.id == name or claim.id.startswith(name + ".")]
        if not name or not found:
            raise InputError(f"claims = {name!r} is not allowed: it must be a prefix of one of {known}")
        if all(claim.id in chosen for claim in found):
            raise InputError(f"claims holds {name!r} more than once: each claim is selected once")
        chosen.update({claim.id: claim for claim in found})
    return [claim for claim in claims if claim.id in chosen]


def cell_seed(seed: int, row: str, n: int, replicate: int) -> int:
    """The seed of one cell: SeedSequence(seed, spawn_key=(crc32 of the row, n, replicate)), below 2**63."""
    key = (crc32(row.encode()), n, replicate)
    state = np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)[0]
    return int(state >> np.uint64(1))


def _order(claim_id: str) -> tuple[bool, list[int], str]:
    """Claims C before audits A, then by number."""
    return claim_id.startswith("A"), [int(part) for part in re.findall(r"\d+", claim_id)], claim_id
