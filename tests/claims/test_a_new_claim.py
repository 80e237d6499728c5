"""A claim from outside the package is one object: found through its entry point, measured, judged, drawn and tested."""

from __future__ import annotations

import importlib.metadata
import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dgpg_verify.claims import claim as registry
from dgpg_verify.claims.claim import Claim, select_claims
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.outcome import row_outcome
from dgpg_verify.claims.question import Question, level_of
from dgpg_verify.claims.run import run_claims
from dgpg_verify.claims.series import Measured
from dgpg_verify.core import Cell, InputError
from dgpg_verify.statistics import judge

GROWTH = 0.5


def design(scale: str) -> list[Row]:
    return [Row("X1", "squares", dict.fromkeys((8, 16, 32, 64), 12))]


def measure(cell: Cell) -> dict[str, float]:
    """A mean of squares whose size grows like N^GROWTH."""
    draws = np.random.default_rng(cell.seed).normal(size=2_000)
    return {"size": float(cell.n**GROWTH * (draws**2).mean())}


def questions(measured: Measured) -> list[Question]:
    series = measured["squares"]
    fit = series.fit(lambda item: float(item.values["size"]), level_of(True))
    return [
        Question(
            key="squares/exponent",
            statistic="exponent",
            read=[series],
            verdict=judge(fit, 0.5, 0.15, "theta"),
            sentence=f"The mean grows like N^{fit.exponent:.2f}.",
            relation="theta",
            expected=0.5,
            margin=0.15,
            system="none",
            primary=True,
        )
    ]


CLAIM = Claim(
    "X1", "A root law", "this test", "Squares grow like the root of N.", "outside", design, measure, questions
)


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another package offered CLAIM."""
    entry = EntryPoint("x1", f"{__name__}:CLAIM", registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "_REGISTERED", {})
    monkeypatch.setattr(EntryPoint, "load", lambda self: CLAIM)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry] * (group == registry.ENTRY_POINTS))


def test_a_claim_from_outside_is_selected_measured_judged_and_shown(offered: None, tmp_path: Path) -> None:
    (claim,) = select_claims("X1")
    assert claim is CLAIM and len(select_claims()) > 15
    run = run_claims("X1", "smoke", 3, 1, out=tmp_path / "run", progress=False)
    (row,) = run.rows
    assert (row.row, row.verdict, row.statement) == ("X1/squares/exponent", "supported", CLAIM.statement)
    assert row.estimate == pytest.approx(GROWTH, abs=0.05) and row.n_values == (8, 16, 32, 64)
    assert row_outcome(row, run.scale, run.decided_at[row.row]).result == "pass"
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["titles"] == {"X1": "A root law"}
    page = (tmp_path / "run" / "further.html").read_text()
    assert "A root law" in page and "The mean grows like N^0.5" in page


def test_an_entry_point_that_is_not_a_claim_is_refused(offered: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EntryPoint, "load", lambda self: [object()])
    with pytest.raises(InputError, match=r"entry point .x1. of dgpg_verify\.claims is not a Claim"):
        select_claims()


def test_an_id_of_the_package_is_taken(offered: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    other: Any = dataclasses.replace(CLAIM, id="C1.1")
    monkeypatch.setattr(EntryPoint, "load", lambda self: [other])
    with pytest.raises(InputError, match=r"claim id 'C1\.1' is taken"):
        select_claims()
