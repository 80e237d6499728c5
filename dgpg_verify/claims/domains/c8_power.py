"""C8: what guidance does in power dispatch, predicted before measuring."""

from __future__ import annotations

from dgpg_verify.claims.domains import design as grid
from dgpg_verify.claims.domains.questions import Prediction, ask_exponents, domain_claim, predicted, variances
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.series import Measured

FLOOR = [Prediction(key, "imbalance_penalty", "guidance", 2.0 * gamma - 1.0) for gamma, key in grid.FLOORS.items()]
PREDICTIONS = [
    *predicted(
        *((key, variances(2, 1, max(0.0, 1.0 - 2.0 * gamma))) for gamma, key in grid.WEIGHED.items()),
        (grid.NORMALISED, variances(2, 1, 0)),
        (grid.WEIGHED[0.0], {("noise_to_signal", "guidance"): 1}),
    ),
    *FLOOR,
]


def questions(measured: Measured) -> list[Question]:
    """Exponents of the noise and of the imbalance that guidance leaves, by the weight of the balance."""
    return ask_exponents(measured, PREDICTIONS)


CLAIM = domain_claim(
    [grid.POWER],
    questions,
    id="C8",
    title="Power dispatch",
    source="named by the paper as a domain; the predictions are ours",
    statement="Our predictions for dispatch: every generator moves one balance, so that the guidance's noise grows like "
    "N; a balance of weight N^-gamma makes it N^(1 - 2 gamma) and the imbalance it leaves N^(2 gamma - 1).",
)
