"""Which claims there are, how prefixes select them, and the seed of a cell."""

from __future__ import annotations

import itertools

import pytest

from dgpg_verify.claims import registry
from dgpg_verify.claims.registry import Claim, all_claims, cell_seed, register_claim, select_claims
from dgpg_verify.core import InputError
from tests.claims.toy_claim import ToyClaim

IDS = ("C1.1", "C1.2", "C1.10", "C10.1", "A1", "A3")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six toy claims in place of the real ones."""
    monkeypatch.setattr(registry, "_REGISTERED", {name: ToyClaim(id=name) for name in reversed(IDS)})
    monkeypatch.setattr(registry.pkgutil, "iter_modules", lambda path: [])


def _ids(claims: list[Claim]) -> list[str]:
    return [claim.id for claim in claims]


def test_claims_come_in_order_audits_last(known: None) -> None:
    assert _ids(all_claims()) == list(IDS)


@pytest.mark.parametrize(
    "prefixes, chosen",
    [
        (None, list(IDS)),
        ("C1", ["C1.1", "C1.2", "C1.10"]),
        ("C1.1", ["C1.1"]),
        ("A3, C1.2", ["C1.2", "A3"]),
        (["C10"], ["C10.1"]),
    ],
)
def test_prefixes(known: None, prefixes: str | list[str] | None, chosen: list[str]) -> None:
    assert _ids(select_claims(prefixes)) == chosen


@pytest.mark.parametrize("bad", ["C", "C2", "c1", "", "C1,", "C1.", "A1,A1", "C1,C1.1"])
def test_prefixes_that_are_refused(known: None, bad: str) -> None:
    with pytest.raises(InputError, match="claims"):
        select_claims(bad)


def test_an_id_is_taken_once(known: None) -> None:
    with pytest.raises(InputError, match="'A1' is taken"):
        register_claim(ToyClaim(id="A1", title="another"))


def test_every_claim_of_the_package_is_whole() -> None:
    for claim in all_claims():
        assert isinstance(claim, Claim)
        assert claim.statement and claim.source and claim.title
        for label, reason in claim.recorded.values():
            assert label in ("supported", "refuted", "inconclusive") and reason


def test_cell_seeds_differ_in_every_argument_and_never_change() -> None:
    grid = list(itertools.product((0, 1), ("cloud", "game"), (2, 4, 8), range(50)))
    seeds = {cell_seed(*point) for point in grid}
    assert len(seeds) == len(grid)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert cell_seed(0, "cloud", 2, 0) == cell_seed(0, "cloud", 2, 0)
