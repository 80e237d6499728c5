"""C4.5: claim C1.4 on real training runs: along them, DG-PG's gradient keeps O(1) variance."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.noise.read import CellStats, CreditStats, return_share
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.series import Measured
from dgpg_verify.claims.training.design import DGPG, training_design
from dgpg_verify.claims.training.measure import BASE, MEASURED_FROM, POINTS, measure_training, training_cost
from dgpg_verify.claims.training.questions import ask
from dgpg_verify.claims.training.read import Trained, TrainedRun, read_training
from dgpg_verify.claims.training.tables import training_tables
from dgpg_verify.claims.words import number
from dgpg_verify.core import Verdict
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


PARTS = frozenset({"main"})


def questions(measured: Measured) -> list[Question]:
    """Exponent of the paired ratio at three points of the runs, in three settings."""
    trained = read_training(measured)
    groups = {key: [one for (row, _), one in trained.items() if row == key and _measured(one)] for key in DGPG}
    made = [_question(group, point) for group in groups.values() if group for point in POINTS]
    return made


def _measured(one: Trained) -> bool:
    return all(f"{point}/names" in run.values for run in one.runs for point in POINTS)


def _question(group: Sequence[Trained], point: str) -> Question:
    """Over the N of the top decade, with all fleets of every N."""
    top = max(one.n for one in group)
    used = [one for one in group if 10 * one.n >= top and one.n >= MEASURED_FROM and len(one.runs) > 1]
    used = used or list(group[-1:])
    table = [[_mixture(one, run, point).paired_ratio for run in one.runs] for one in used]
    first = group[0]

    def verdict(level: float) -> Verdict:
        # as in C1.4, every setting has a proved bound, so a bent curve is decided as well
        fit = fit_scaling([one.n for one in used], table, level, minimum_n=MEASURED_FROM)
        return judge(fit, 0.0, 0.15, "big_o", proved_bound=True)

    share = return_share([_mixture(one, run, point) for one in used[-1:] for run in one.runs])
    return ask(
        key=f"{first.key}/paired_ratio/{point}",
        statistic="paired_ratio",
        runs=used,
        rule=verdict,
        sentences=SENTENCES,
        expected=0.0,
        relation="big_o",
        margin=0.15,
        primary=True,
        words={
            "point": point,
            "label": first.label,
            "statistic": f"paired ratio at the {point} of training",
            "share": number(share, ".2g"),
        },
    )


def _mixture(one: Trained, run: TrainedRun, point: str) -> CreditStats:
    return CellStats.read(run.evidence, point).guided(run.alpha_at(point), one.setting or "sum", BASE)


CLAIM = Claim(
    id="C4.5",
    title="Noise along training",
    source="variance theorem, on training runs",
    statement=STATEMENT,
    family="training",
    design=partial(training_design, parts=PARTS),
    measure=measure_training,
    questions=questions,
    tables=training_tables,
    cost=training_cost,
    decided_at="full",
)
