"""Which claims there are and how prefixes select them."""

from __future__ import annotations

import pytest

from dgpg_verify.claims import claim as registry
from dgpg_verify.claims.claim import Claim, all_claims, register_claim, select_claims
from dgpg_verify.core import InputError
from tests.claims.toy_claim import toy_claim

IDS = ("C1.1", "C1.2", "C1.10", "C10.1", "A1", "A3")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six toy claims in place of the real ones."""
    monkeypatch.setattr(registry, "_REGISTERED", {name: toy_claim(id=name) for name in reversed(IDS)})
    monkeypatch.setattr(registry.pkgutil, "walk_packages", lambda *path: [])


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
        register_claim(toy_claim(id="A1", title="another"))


def test_every_claim_of_the_package_is_whole() -> None:
    for claim in all_claims():
        assert isinstance(claim, Claim)
        assert claim.statement and claim.source and claim.title
        assert claim.design("smoke") and claim.family
