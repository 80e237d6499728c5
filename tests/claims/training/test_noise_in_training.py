"""C4.5 from made-up moments: noise that grows, noise that does not, all fleets read, and the sentence's share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dgpg_verify.claims.training.c4_5_noise_in_training import CLAIM
from dgpg_verify.claims.training.design import training_design
from dgpg_verify.claims.training.measure import MEASURED_CREDITS, POINTS
from dgpg_verify.core import Evidence, LedgerRow
from tests.claims.judging import judge
from tests.claims.training.evidence import episodes_of, training_evidence

DESIGN = {row.key: row for row in training_design("full")}
FLEETS = {100: 10, 200: 10, 500: 3, 1000: 3}


def moments(n: int, base: float, guidance: float, jitter: float, objective: float) -> dict[str, Any]:
    """Per agent: variances of the credits, no covariances; squared means; deviation of the base over a batch."""
    variances = np.array([base, base, guidance, 1.0, 1.0]) * n
    signal = np.diag([objective, objective, 4.0, objective, 0.0]) * (1.0 + jitter)
    found: dict[str, Any] = {
        "names": list(MEASURED_CREDITS),
        "covariance": np.diag(variances * np.array([1.0 + jitter, 1.0 + jitter, 1.0 + jitter, 1.0, 1.0])),
        "signal": signal,
        "value_means": np.zeros(len(MEASURED_CREDITS)),
        "value_covariances": 100.0 * np.eye(len(MEASURED_CREDITS)),
    }
    return {f"{point}/{name}": value for point in POINTS for name, value in found.items()}


def measured(key: str, growth: float, fleets: dict[int, int] | None = None, objective: float = 9.0) -> list[Evidence]:
    """The base's variance grows like N^growth and drowns the guidance's, which is 1e-9."""
    row, made = DESIGN[key], []
    for n, count in (fleets or FLEETS).items():
        for k in range(count):
            jitter = 0.02 * np.sin(1.0 + k + 0.1 * n)
            seen = objective if n == max(fleets or FLEETS) else 1.0
            known = moments(n, n**growth, 1e-9, jitter, seen)
            (one,) = training_evidence(row, n, [np.ones(len(episodes_of(row)))], **known)
            values = {name.replace("0/", f"{k}/", 1): value for name, value in one.values.items()}
            options = {**one.cell.options, "seeds": [1000 * n + k]}
            made.append(Evidence(replace(one.cell, replicate=k, options=options), values, 1.0))
    return made


def judged(evidence: list[Evidence]) -> dict[str, LedgerRow]:
    return {row.row: row for row in judge(CLAIM, evidence, DESIGN)}


@pytest.mark.parametrize("growth, label", [(0.0, "supported"), (1.0, "refuted"), (0.3, "refuted"), (-1.0, "supported")])
def test_growth_decides(growth: float, label: str) -> None:
    for point in POINTS:
        row = judged(measured("dgpg/sum", growth))[f"C4.5/dgpg/sum/paired_ratio/{point}"]
        assert row.verdict == label and row.primary and row.margin == 0.15
        assert row.estimate == pytest.approx(growth, abs=0.03) and row.n_values == (100, 200, 500, 1000)


def test_the_highest_decade_that_can_decide_is_read() -> None:
    """The paper's grid has three N in its top decade; 50 to 500 are four. Of two decades with four the upper counts."""
    papers = {20: 10, 50: 10, 100: 10, 200: 10, 500: 3, 1500: 3}
    for fleets, read in ((papers, (50, 100, 200, 500)), (papers | {1000: 3}, (200, 500, 1000, 1500)),
                         ({100: 3, 200: 3, 1500: 3}, (200, 1500))):  # fmt: skip
        row = judged(measured("dgpg/sum", 0.0, fleets))["C4.5/dgpg/sum/paired_ratio/end"]
        assert row.n_values == read and (row.verdict == "supported") is (len(read) == 4)


def test_every_fleet_of_every_n_is_read() -> None:
    """Ten fleets at 100 and 200 agents, of which only the last seven are noisier: three would not see them."""
    louder = np.array([8.0, 8.0, 1.0, 1.0, 1.0])
    evidence = [
        Evidence(e.cell, {k: v * louder if k.endswith("/covariance") else v for k, v in e.values.items()}, 1.0)
        if e.cell.replicate >= 3
        else e
        for e in measured("dgpg/sum", 0.0)
    ]
    row = judged(evidence)["C4.5/dgpg/sum/paired_ratio/end"]
    assert row.estimate is not None and row.estimate < -0.2
    assert row.seeds == tuple(range(10)) and row.replicates == 3


def test_the_ratio_is_on_the_guidances_scale_in_every_setting() -> None:
    """`mixed` divides the return by N: its part of the variance falls by N^2 against the difference reward's. In
    `joint` a batch divides both by one number."""
    for key, reading in (("dgpg/mixed/raw", "mixed"), ("dgpg/mixed", "joint")):
        row = judged(measured(key, 1.0, {20: 10, 50: 10, 100: 10, 200: 10}))[f"C4.5/{key}/paired_ratio/end"]
        assert row.estimate == pytest.approx(-1.0, abs=0.05) and row.reading == reading


def test_the_share_is_that_of_the_largest_n() -> None:
    """Squared lengths 9 and 4 at alpha 0.2: 0.8 x 3 against 0.2 x 2; nothing where the return is lost in noise."""
    row = judged(measured("dgpg/sum", 1.0))["C4.5/dgpg/sum/paired_ratio/end"]
    assert f"return share {0.8 * 3 / (0.8 * 3 + 0.2 * 2):.2g}" in row.holds_when
    lost = judged(measured("dgpg/sum", 1.0, objective=-1.0))["C4.5/dgpg/sum/paired_ratio/end"]
    assert "return share not measurable" in lost.holds_when


def test_an_n_with_one_scored_fleet_is_left_out() -> None:
    row = judged(measured("dgpg/sum", 1.0, {50: 10, 100: 10, 200: 10, 400: 3, 500: 1}))
    assert row["C4.5/dgpg/sum/paired_ratio/end"].n_values == (50, 100, 200, 400)
