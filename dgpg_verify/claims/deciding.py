"""What would decide a row: the command that measures it at the next scale, and about how long that takes."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dgpg_verify.claims.claim import Claim, all_claims
from dgpg_verify.claims.design import SCALES, Row
from dgpg_verify.claims.run_index import RunIndex
from dgpg_verify.core import LedgerRow
from dgpg_verify.runs.cells import cell_files
from dgpg_verify.runs.progress import duration_text


@dataclass(frozen=True)
class Deciding:
    """Next steps for the rows of one run. claims: the claim objects, all registered ones by default."""

    folder: Path
    workers: int = 1
    claims: Sequence[Claim] | None = None
    designs: dict[tuple[str, str], Sequence[Row]] = field(default_factory=dict)  # asked for already

    @cached_property
    def index(self) -> RunIndex:
        return RunIndex.read(self.folder)

    @cached_property
    def known(self) -> Mapping[str, Claim]:
        return {claim.id: claim for claim in (all_claims() if self.claims is None else self.claims)}

    def next_step(self, row: LedgerRow) -> str:
        """One line: the command that decides the row, or at the largest scale measures it anew, and its time."""
        claim, last = self.known[row.id], self.index.scale == SCALES[-1]
        following = SCALES[min(SCALES.index(self.index.scale) + 1, len(SCALES) - 1)]
        scale = max(following, claim.scale_of(row.row), key=SCALES.index)
        rows, time = self._plan(claim, row, scale)
        seed = self.index.seed + last
        options = f"--claims {row.id} --scale {scale}" + (f" --rows {shlex.quote(rows)}" if rows else "")
        options += f" --seed {seed}" if seed else ""
        out = f"reports/{row.id}-{scale}" + (f"-seed{seed}" if seed else "")
        head = "no larger scale; on other fleets" if last else "to decide it"
        return f"{head} ({time}): pytest theorems/ --benchmark {options} --out {out}"

    def _plan(self, claim: Claim, row: LedgerRow, scale: str) -> tuple[str, str]:
        """Patterns of the rows to measure, "" for all of the claim's, and the time in words. Less than all are chosen
        where that saves half of the time: a sitting is not judged as a finished run is."""
        design, read = self._design(claim, scale), self._read(row)
        names = {(item.family, item.key) for item in read}
        wanted = [item for item in design if (item.family, item.key) in names]
        measured = _work(claim, read, self.index.seed)
        if not measured or len(wanted) < len(read):
            return "", "a time that is not known"
        alone, whole = (_work(claim, rows, self.index.seed) for rows in (wanted, design))
        keys = [item.key for item in wanted]
        some = alone < 0.5 * whole and not any("," in key for key in keys)
        seconds = row.seconds / measured / self.workers * (alone if some else whole)
        return ",".join(dict.fromkeys(keys)) if some else "", f"about {duration_text(seconds)}"

    def _design(self, claim: Claim, scale: str) -> Sequence[Row]:
        key = claim.id, scale
        if key not in self.designs:
            self.designs[key] = claim.design(scale)
        return self.designs[key]

    def _read(self, row: LedgerRow) -> list[Row]:
        """The rows of the design whose cells the ledger's row was judged from."""
        rows = (self.index.rows[name] for name in self.index.claims[row.id])
        return [item for item in rows if cell_files(item.cells_at(next(iter(item.n_values)), 0)[0]) in row.files]


def _work(claim: Claim, rows: Iterable[Row], seed: int) -> float:
    """Costs of all cells of the rows."""
    return sum(claim.cost(cell) for row in rows for cell in row.cells(seed))
