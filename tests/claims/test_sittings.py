"""What a sitting leaves out is not missed: every claim is asked of each of its rows alone, from the committed runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgpg_verify.claims.claim import all_claims
from dgpg_verify.claims.run_index import RunIndex
from dgpg_verify.claims.series import make_series

REPORTS = Path(__file__).resolve().parents[2] / "reports"
FOLDERS = sorted(REPORTS.glob("reference*"))
MOST = 24  # rows of a claim, at equal steps


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_claim_is_asked_of_one_row_alone(folder: Path) -> None:
    index = RunIndex.read(folder)
    claims, evidence = {claim.id: claim for claim in all_claims()}, index.evidence(unfinished=True)[0]
    for claim_id, names in index.claims.items():
        held, claim = [name for name in names if name in evidence], claims[claim_id]
        for name in held[:: -(-len(held) // MOST) or 1]:
            measured = {name[1]: make_series(index.rows[name], evidence[name])}
            for question in claim.questions(measured):
                assert question.verdict.label in ("supported", "refuted", "inconclusive")
            if claim.tables is not None:
                claim.tables(measured)
