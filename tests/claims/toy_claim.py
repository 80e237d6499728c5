"""A tiny claim with known answers, and a program that runs it: python toy_claim.py OUT WORKERS SECONDS [resume]."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from dgpg_verify.claims.registry import cell_seed
from dgpg_verify.claims.run import run_claims
from dgpg_verify.core import Cell, Evidence, LedgerRow, generator
from dgpg_verify.runs import cell_file
from dgpg_verify.statistics import Relation

N_VALUES = (2, 4, 8)
ROWS = ("one", "two")


@dataclass(frozen=True)
class ToyClaim:
    """Two rows whose estimate is a mean over cells; measuring a cell takes `pause` seconds."""

    id: str = "C9.1"
    title: str = "toy"
    source: str = "made for tests"
    statement: str = "a mean of uniforms is one half"
    relation: Relation = "equal"
    expected: float = 0.5
    margin: float = 0.15
    recorded: Mapping[str, tuple[str, str]] = field(default_factory=lambda: {"C9.1/one": ("supported", "by hand")})
    controls: Sequence[Any] = ()
    pause: float = 0.0

    def cells(self, scale: str, seed: int) -> list[Cell]:
        keys = [(row, n, r) for row in ROWS for n in N_VALUES for r in range(4)]
        return [Cell("toy", row, n, r, cell_seed(seed, row, n, r), {"scale": scale}) for row, n, r in keys]

    def measure(self, cell: Cell) -> Evidence:
        time.sleep(self.pause)
        x = torch.rand(500 * cell.n, generator=generator(cell.seed), dtype=torch.float32)
        return Evidence(cell, {"mean": float(x.mean()), "some": x[:3].numpy()}, 0.0)

    def judge(self, evidence: Sequence[Evidence]) -> list[LedgerRow]:
        seen = {name: [e for e in evidence if e.cell.row == name] for name in ROWS}
        return [self._row(name, items) for name, items in seen.items() if items]

    def tables(self, evidence: Sequence[Evidence]) -> dict[str, list[dict[str, Any]]]:
        return {"moments": [_moment(e) for e in evidence], "declared": [{"text": "uniforms are uniform"}]}

    def _row(self, name: str, evidence: Sequence[Evidence]) -> LedgerRow:
        mean = float(np.mean([e.values["mean"] for e in evidence]))
        key = f"{self.id}/{name}"
        label = "supported" if abs(mean - self.expected) < self.margin else "refuted"
        record = self.recorded.get(key)
        return LedgerRow(
            row=key,
            id=self.id,
            primary=True,
            statement=self.statement,
            holds_when="always",
            system="none",
            policy="none",
            sharing="independent",
            setting="sum",
            statistic="mean",
            relation=self.relation,
            estimate=mean,
            low=mean - 0.01,
            high=mean + 0.01,
            level=0.99,
            expected=self.expected,
            margin=self.margin,
            verdict=label,  # type: ignore[arg-type]
            verdict_margins={},
            recorded={"label": record[0], "reason": record[1]} if record else None,
            because=f"{mean:.6f} +- 0.01",
            return_share=None,
            n_values=tuple(sorted({e.cell.n for e in evidence})),
            replicates=4,
            seeds=tuple(e.cell.seed for e in evidence),
            files=tuple(cell_file(e.cell) for e in evidence),
            seconds=sum(e.seconds for e in evidence),
        )


def _moment(evidence: Evidence) -> dict[str, Any]:
    """A record of the moments table, with every column that variance_vs_n.csv needs."""
    words = dict.fromkeys(("system", "policy", "sharing", "setting", "credit"), "none")
    mean = evidence.values["mean"]
    numbers = {"rollouts": 500, "samples": 500, "variance": mean, "signal_squared": mean * mean, "noise_to_signal": 1.0}
    cell = evidence.cell
    return {**words, "graph": "none", "scope": "agent", "n": cell.n, "fleet": cell.replicate, "seed": 0, **numbers}


if __name__ == "__main__":
    folder, workers, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    run_claims([ToyClaim(pause=seconds)], "smoke", 5, workers, "resume" in sys.argv, folder)
