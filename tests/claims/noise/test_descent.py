"""C1.5 on small fleets, and its smallest counterexample by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from dgpg_verify.claims.noise.c1_5_descent import CLAIM, GAMES, TEAM
from dgpg_verify.core import Evidence
from dgpg_verify.oracles import linear_quadratic_moments
from dgpg_verify.systems import LinearQuadraticTeam
from tests.claims.judging import judge


def test_what_descends_and_what_does_not() -> None:
    rows = {row.key: replace(row, n_values={32: 12}) for row in CLAIM.design("smoke")}
    evidence = [Evidence(cell, CLAIM.measure(cell), 0.0) for row in rows.values() for cell in row.cells(0)]
    judged = {row.row: row for row in judge(CLAIM, evidence, rows)}
    for form in ("guidance", "guidance:exact", "reparameterised"):
        assert judged[f"C1.5/{TEAM}/cosine/{form}"].verdict == "supported"
    for game in GAMES:
        assert judged[f"C1.5/{game}/cosine/guidance:exact"].verdict == "supported"
    literal = judged[f"C1.5/{TEAM}/cosine/guidance:derivative"]  # the control: it must not pass
    assert literal.verdict == "refuted" and not literal.leading and literal.reading == "derivative"
    assert judged[f"C1.5/{TEAM}/measured/guidance:derivative"].verdict == "supported"


def test_the_smallest_counterexample() -> None:
    one = torch.ones(1, dtype=torch.float64)
    team = LinearQuadraticTeam(torch.zeros(1, 1, dtype=torch.int64), one[None], one, one, one)
    exact = linear_quadratic_moments(team, np.zeros(1), 0.7, ["guidance:derivative"])
    assert exact.means[0, 0, 0] == -1.0 and -exact.guidance_gradient[0, 0] == 1.0
