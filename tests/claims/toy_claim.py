"""A tiny claim with known answers, and a program that runs it: python toy_claim.py OUT WORKERS SECONDS [resume]."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Any

import numpy as np
import torch

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.run import run_claims
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.core import Cell, Estimate, Evidence, Verdict, generator

N_VALUES = (2, 4, 8)
ROWS = ("one", "two")


def design(scale: str) -> list[Row]:
    return [Row("toy", key, dict.fromkeys(N_VALUES, 4), {"scale": scale}) for key in ROWS]


def measure(cell: Cell, pause: float = 0.0) -> dict[str, Any]:
    """Takes `pause` seconds."""
    time.sleep(pause)
    x = torch.rand(500 * cell.n, generator=generator(cell.seed), dtype=torch.float32)
    return {"mean": float(x.mean()), "some": x[:3].numpy()}


def questions(measured: Measured, expected: float = 0.5) -> list[Question]:
    """Each row's mean over its cells against `expected`."""
    return [question(series, expected) for series in measured.values()]


def question(series: Series[Evidence], expected: float = 0.5) -> Question:
    mean = float(np.mean([item.values["mean"] for item in series.flat]))
    inside = abs(mean - expected) < 0.1
    return Question(
        key=series.key,
        statistic="mean",
        read=[series],
        verdict=Verdict("supported" if inside else "refuted", f"{mean:.6f} +- 0.01",
                        Estimate(mean, mean - 0.01, mean + 0.01, 0.99, 4)),
        sentence="always",
        relation="equal",
        expected=expected,
        margin=0.15,
        system="none",
        policy="none",
        primary=True,
    )  # fmt: skip


def tables(measured: Measured) -> dict[str, list[dict[str, Any]]]:
    cells = [item for series in measured.values() for item in series.flat]
    return {"moments": [moment(item) for item in cells], "declared": [{"text": "uniforms are uniform"}]}


def moment(evidence: Evidence) -> dict[str, Any]:
    """A record of the moments table, with every column that variance_vs_n.csv needs."""
    words = dict.fromkeys(("system", "policy", "sharing", "setting", "credit"), "none")
    mean = evidence.values["mean"]
    numbers = {"rollouts": 500, "samples": 500, "variance": mean, "signal_squared": mean * mean, "noise_to_signal": 1.0}
    cell = evidence.cell
    return {**words, "graph": "none", "scope": "agent", "n": cell.n, "fleet": cell.replicate, "seed": 0, **numbers}


def toy_claim(id: str = "C99.1", expected: float = 0.5, pause: float = 0.0, **changes: Any) -> Claim:
    """Two rows whose estimate is a mean over cells."""
    parts: dict[str, Any] = {
        "title": "toy", "source": "made for tests", "statement": "a mean of uniforms is one half", "family": "toy",
        "design": design, "measure": partial(measure, pause=pause), "tables": tables,
        "questions": partial(questions, expected=expected), "recorded": {"C99.1/one": ("supported", "by hand")},
    }  # fmt: skip
    return Claim(id=id, **(parts | changes))


if __name__ == "__main__":
    folder, workers, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    run_claims([toy_claim(pause=seconds)], "smoke", 5, workers, "resume" in sys.argv, folder)
