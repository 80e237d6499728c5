"""A1: the reference does not depend on the policy. Same environment stream, other policies: the same bits."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dgpg_verify.claims.ledger import ledger_row, provenance
from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.measure import TRACES, build_system
from dgpg_verify.claims.records import RECORDS
from dgpg_verify.claims.registry import cell_seed
from dgpg_verify.core import Cell, Estimate, Evidence, Label, LedgerRow, Verdict, draw_noise
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect

POLICIES = ("uniform", "heuristic:best_fit:0.3", "heuristic:join_shortest:0.1")
HONEST = ("fluid", "speed_aware", "biased:0.3", "lagged:5", "shuffled", "rounded", "noise:0.2")
CONTROL = "endogenous"
ROLLOUTS = 4
STATEMENT = "The reference x~_t does not depend on the policy (assumption: exogeneity)."


@dataclass(frozen=True)
class ExogeneityAudit:
    """Largest change of the reference when only the policy changes, over fleets and roll-outs."""

    id: str = "A1"
    title: str = "Exogeneity of the reference"
    source: str = "assumption of the paper's guidance term"
    statement: str = STATEMENT
    relation: str = "equal"
    expected: float = 0.0
    margin: float = 0.0
    controls: Sequence[Any] = (CONTROL,)

    @property
    def recorded(self) -> Mapping[str, tuple[str, str]]:
        return RECORDS

    def cells(self, scale: str, seed: int) -> Sequence[Cell]:
        fleets = {"smoke": 2, "standard": 10, "full": 30}[scale]
        rows = {name: {"reference": name, "horizon": 25} for name in (*HONEST, CONTROL)}
        rows["common_shock"] = {"horizon": 25, "common_shock": True}
        if grid.traces_folder():
            rows["recorded"] = {"horizon": 25, "fleet": f"openb:${TRACES}", "workload": f"openb:${TRACES}"}
        return [
            Cell("A1", f"reference/{row}", n, k, cell_seed(seed, row, n, k), {"system": "cloud", "options": options})
            for row, options in rows.items()
            for n in (8, 64)
            for k in range(fleets)
        ]

    def measure(self, cell: Cell) -> Evidence:
        """Roll out three policies on the same environment stream and compare the references bit by bit."""
        began = time.perf_counter()
        system = build_system(cell)
        seen = []
        for name in POLICIES:
            policy = make_policy(name, system)
            noise = draw_noise(cell.seed % 2**31, 0, system, policy, ROLLOUTS)
            seen.append(collect(system, policy, noise).reference)
        change = max(float((other - seen[0]).abs().max()) for other in seen[1:])
        return Evidence(cell, {"largest_change": change}, time.perf_counter() - began)

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        rows = dict.fromkeys(item.cell.row for item in evidence)
        return [self._row(key, [item for item in evidence if item.cell.row == key]) for key in rows]

    def _row(self, key: str, evidence: Sequence[Evidence]) -> LedgerRow:
        largest = max(float(item.values["largest_change"]) for item in evidence)
        moved = sum(float(item.values["largest_change"]) > 0.0 for item in evidence)
        name = key.rpartition("/")[2]
        control = name == CONTROL
        why = f"the reference changed in {moved} of {len(evidence)} fleets, by at most {largest:.3g}"
        label: Label = "refuted" if moved else "supported"
        return ledger_row(
            self.id,
            key,
            Verdict(label, why, Estimate(largest, largest, largest, 1.0, len(evidence))),
            provenance(evidence),
            self.recorded,
            statement=self.statement,
            holds_when=f"Reference {name}: {'moves with' if moved else 'bit-identical under'} {len(POLICIES)} policies "
            f"in {moved or len(evidence)} of {len(evidence)} fleets.",
            system=f"cloud, reference or workload {name}",
            policy=", ".join(POLICIES),
            statistic="largest change of x~ between policies",
            relation=self.relation,
            expected=0.0,
            margin=0.0,
            notes=("control: must be caught" if control else "",),
            primary=name == "fluid",
            kind="control" if control else "audit",
            expected_label="refuted" if control else None,
        )


CLAIM = ExogeneityAudit()
