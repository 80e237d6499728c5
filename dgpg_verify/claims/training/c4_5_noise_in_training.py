"""C4.5: claim C1.4 on real training runs: along them, DG-PG's gradient keeps O(1) variance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dgpg_verify.claims.noise.read import CellStats, return_share
from dgpg_verify.claims.training.design import DGPG
from dgpg_verify.claims.training.measure import BASE, MEASURED_FROM, POINTS
from dgpg_verify.claims.training.questions import Question, TrainingClaim, judged, trained_in
from dgpg_verify.claims.training.read import Trained, TrainedRun
from dgpg_verify.claims.words import number
from dgpg_verify.core import Evidence, LedgerRow, Verdict
from dgpg_verify.statistics import fit_scaling, judge

STATEMENT = "Along its training runs DG-PG's per-agent gradient, at the alpha in use, has O(1) variance (C1.4)."
SENTENCES = {
    "supported": "At the {point} of training the noise grows like N^{value} [{low}, {high}] relative to the exact "
    "difference reward's (return share {share}): {label}.",
    "refuted": "At the {point} of training the noise still grows like N^{value} [{low}, {high}] relative to the exact "
    "difference reward's (return share {share}): {label}.",
    "inconclusive": "At the {point} of training the noise grows like N^{value} [{low}, {high}], which does not decide: "
    "{label}.",
}
Runs = Mapping[tuple[str, int], Trained]


@dataclass(frozen=True)
class NoiseInTrainingClaim(TrainingClaim):
    """Exponent of the paired ratio at three points of the runs, in three settings."""

    id: str = "C4.5"
    title: str = "Noise along training"
    source: str = "variance theorem, on training runs"
    statement: str = STATEMENT
    relation: str = "big_o"
    expected: float = 0.0
    margin: float = 0.15
    controls: Sequence[Any] = ()
    decided_at: str = "full"
    parts = frozenset({"main"})

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        trained = trained_in(evidence)
        groups = {key: [one for (row, _), one in trained.items() if row == key and _measured(one)] for key in DGPG}
        questions = [_question(group, point) for group in groups.values() if group for point in POINTS]
        return judged(self.id, questions, self.recorded)


def _measured(one: Trained) -> bool:
    return all(f"{point}/names" in run.values for run in one.runs for point in POINTS)


def _question(group: Sequence[Trained], point: str) -> Question:
    """Over the N of the top decade, with all fleets of every N."""
    top = max(one.n for one in group)
    used = [one for one in group if 10 * one.n >= top and one.n >= MEASURED_FROM and len(one.runs) > 1]
    used = used or list(group[-1:])
    table = [[_paired_ratio(one, run, point) for run in one.runs] for one in used]
    row = group[0].row

    def verdict(level: float) -> Verdict:
        # as in C1.4, every setting has a proved bound, so a bent curve is decided as well
        fit = fit_scaling([one.n for one in used], table, level, minimum_n=MEASURED_FROM)
        return judge(fit, 0.0, 0.15, "big_o", proved_bound=True)

    share = return_share([_mixture(one, run, point) for one in used[-1:] for run in one.runs])
    return Question(
        key=f"{row.key}/paired_ratio/{point}",
        statement=STATEMENT,
        statistic="paired_ratio",
        runs=used,
        judge=verdict,
        sentences=SENTENCES,
        expected=0.0,
        relation="big_o",
        margin=0.15,
        primary=True,
        extra={
            "point": point,
            "label": row.label,
            "statistic": f"paired ratio at the {point} of training",
            "share": number(share, ".2g"),
        },
    )


def _mixture(one: Trained, run: TrainedRun, point: str) -> Any:
    return CellStats.read(run.evidence, point).guided(run.alpha_at(point), one.row.setting or "sum", BASE)


def _paired_ratio(one: Trained, run: TrainedRun, point: str) -> float:
    """Variance of the mixture over that of the difference reward on the same fleet, on the guidance's scale."""
    scale = CellStats.read(run.evidence, point).scales(one.row.setting or "sum", BASE)[1]
    return float(_mixture(one, run, point).paired_ratio(scale))


CLAIM = NoiseInTrainingClaim()
