"""C4.5: claim C1.4 on real training runs: along them, DG-PG's gradient keeps O(1) variance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np

from dgpg_verify.claims.noise.read import return_share
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.training.design import DGPG
from dgpg_verify.claims.training.measure import MEASURED_FROM, POINTS
from dgpg_verify.claims.training.questions import TrainingQuestion, training_claim
from dgpg_verify.claims.training.read import Runs, Trained
from dgpg_verify.claims.words import number
from dgpg_verify.core import Verdict
from dgpg_verify.statistics import fit_scaling, judge
from dgpg_verify.statistics.scaling import highest_decade
from dgpg_verify.statistics.verdict import MARGIN

GROWTH = TrainingQuestion(
    "paired_ratio",
    "big_o",
    0.0,
    {
        "supported": "At the {point} of training the noise {growth} relative to the exact "
        "difference reward's (return share {share}): {label}.",
        "refuted": "At the {point} of training the noise still grows like N^{value} [{low}, {high}] relative to the "
        "exact difference reward's (return share {share}): {label}.",
        "inconclusive": "At the {point} of training the noise {growth}, which does not decide: {label}.",
    },
    margin=MARGIN,
)


def questions(trained: Runs) -> list[Question]:
    """Exponent of the paired ratio at three points of the runs, in every setting."""
    rows = [[runs for (key, _), runs in trained.items() if key == row and _measured(runs)] for row in DGPG]
    return [_question(row, point) for row in rows if row for point in POINTS]


def _measured(trained: Trained) -> bool:
    return all(f"{point}/names" in run.values for run in trained.runs for point in POINTS)


def _question(row: Sequence[Trained], point: str) -> Question:
    """Over the N of `_deciding`, with all fleets of every N."""
    used = _deciding(row)
    noise = [[run.guided_at(point, trained.mixture, trained.centred) for run in trained.runs] for trained in used]
    ratios = [[mixture.paired_ratio for mixture in fleets] for fleets in noise]

    def rule(level: float) -> Verdict:
        fit = fit_scaling([trained.n for trained in used], ratios, level, minimum_n=MEASURED_FROM)
        return judge(fit, 0.0, MARGIN, "big_o")

    words = {
        "point": point,
        "label": row[0].label,
        "statistic": f"paired ratio at the {point} of training",
        "share": number(return_share(noise[-1]), ".2g"),
    }
    return GROWTH.of(f"{row[0].key}/paired_ratio/{point}", used, rule, words=words, primary=True)


def _deciding(row: Sequence[Trained]) -> list[Trained]:
    """The highest decade of N that can decide: the paper's 200, 500 and 1 500 alone are one too few."""
    groups = [group for group in row if group.n >= MEASURED_FROM and len(group.runs) > 1]
    if not groups:
        return list(row[-1:])
    return list(compress(groups, highest_decade(np.array([group.n for group in groups]))))


CLAIM = training_claim(
    {"main"},
    questions,
    id="C4.5",
    title="Noise along training (our question)",
    source="variance theorem, on training runs",
    statement="Our question: along its training runs DG-PG's per-agent gradient, at the alpha in use, has O(1) "
    "variance.",
)
