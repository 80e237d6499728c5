"""The hash of the code behind `measure`: a measure that only passes on is looked through, any other is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dgpg_verify.core import Cell
from dgpg_verify.runs import cell_file, sources
from dgpg_verify.runs.sources import measuring_hash
from tests.claims.toy_claim import ToyClaim, _moment


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., set[str]]:
    """Names of the files that measuring_hash looks into, besides the measuring rooms and *_cells.py."""

    def files_of(measure: Any) -> set[str]:
        seen: list[str] = []
        monkeypatch.setattr(sources, "source_hash", lambda rooms, files: seen.extend(files) or "hash")
        measuring_hash(measure)
        return {name.rsplit("/", 1)[-1] for name in seen if not name.endswith("_cells.py")}

    return files_of


class PassesOn:
    def measure(self, cell: Cell) -> Any:
        return _moment(cell)


class PassesOnElsewhere:
    def measure(self, cell: Cell) -> Any:
        return cell_file(cell)


class WorksItself:
    factor = 2

    def measure(self, cell: Cell) -> Any:
        return cell_file(cell), self.factor


def test_which_files_stand_behind_a_measure(hashed: Callable[..., set[str]]) -> None:
    assert hashed(PassesOn().measure) == {"toy_claim.py"}
    assert hashed(_moment) == {"toy_claim.py"}
    assert hashed(ToyClaim().measure) == {"toy_claim.py", "noise.py"}
    assert hashed(PassesOnElsewhere().measure) == {"cells.py"}
    assert hashed(WorksItself().measure) == {"test_sources.py", "cells.py"}


def test_passing_on_to_another_function_changes_the_hash() -> None:
    assert measuring_hash(PassesOn().measure) != measuring_hash(PassesOnElsewhere().measure)


def test_two_claims_that_pass_on_alike_share_their_hash() -> None:
    class Again:
        def measure(self, cell: Cell) -> Any:
            return _moment(cell)

    assert measuring_hash(PassesOn().measure) == measuring_hash(Again().measure)
