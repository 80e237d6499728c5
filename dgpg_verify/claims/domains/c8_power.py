"""C8: what guidance does in power dispatch, predicted before measuring."""

from __future__ import annotations

from dgpg_verify.claims.claim import Tables
from dgpg_verify.claims.domains import design as grid
from dgpg_verify.claims.domains.questions import (
    Prediction,
    Statistic,
    ask_exponents,
    ask_share,
    domain_claim,
    exponent_of,
    floors,
    predicted,
    samples,
    variances,
)
from dgpg_verify.claims.domains.rest import ask_rest
from dgpg_verify.claims.domains.small import ask_small
from dgpg_verify.claims.domains.training import ask_training
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.series import Measured


def noise_power(gamma: float) -> float:
    """The power of N that the guidance's noise was predicted to have."""
    return max(0.0, 1.0 - 2.0 * gamma)


BEFORE = {gamma: 2.0 * gamma - 1.0 for gamma in (0.0, 0.25, 0.5)}
# Derived after the first look had refuted that: with N generators some are near the middle between two levels, and
# move for next to nothing. n flips cost n^2 / N of the own coordinates, so that the imbalance ends near
# N^(gamma - 1/2), or within one level
AFTER = {gamma: min(0.0, max(-1.0, 2.0 * gamma - 2.0)) for gamma in grid.FLOORS}
PREDICTIONS = [
    *predicted(
        (grid.WEIGHED[0.0], variances(2, 1, 1) | {("noise_to_signal", "guidance"): 1}),
        (grid.NORMALISED, {("variance", "guidance"): 0}),
        (grid.LINES, {("others_variance", "guidance"): 1}),
        (grid.ANY_OUTPUT[0.0], variances(2, 1, 1) | {("noise_to_signal", "guidance"): 1}),
        (grid.ANY_OUTPUT[0.5], {("variance", "guidance"): noise_power(0.5)}),
        (grid.REST_POWER[0.0], floors("guided:0.2", "guidance") | samples(2, 1, 1)),
        (grid.REST_POWER[0.5], floors("guidance")),
        (grid.REST_POWER[1.0], floors("guidance", exponent=1.0) | floors("guided:0.2")),
    ),
    *(Prediction(grid.WEIGHED[gamma], "variance", "guidance", noise_power(gamma)) for gamma in grid.GAMMAS[1:]),
    *(Prediction(grid.FLOORS[gamma], "imbalance_penalty", "guidance", power) for gamma, power in BEFORE.items()),
    Prediction(grid.REST_POWER[0.0], "floor", "guidance:exact", -1.0, "big_o"),
]
CORRECTED = [
    Prediction(grid.FLOORS[gamma], "imbalance_penalty", "guidance", power, "big_o", before=False)
    for gamma, power in AFTER.items()
] + [Prediction(grid.WEIGHED[grid.BETWEEN], "variance", "guidance", noise_power(grid.BETWEEN), before=False)]


def questions(measured: Measured) -> list[Question]:
    """Exponents of the noise and of the imbalance that guidance leaves; where ascent rests; small games;
    training."""
    return [
        *ask_exponents(measured, [*PREDICTIONS, *CORRECTED]),
        *ask_share(measured, (grid.WEIGHED[0.0], grid.WEIGHED[0.5], grid.LINES)),
        *ask_rest(measured, grid.POWER),
        *ask_small(measured),
        *ask_training(measured, grid.POWER),
    ]


def weights(measured: Measured) -> Tables:
    """`balance_weights`: powers of N of the guidance's noise and of the imbalance that it leaves, by gamma."""
    rows: list[tuple[float, str, Statistic, float | None]] = [
        *((gamma, key, "variance", noise_power(gamma)) for gamma, key in grid.WEIGHED.items()),
        *((gamma, key, "imbalance_penalty", BEFORE.get(gamma)) for gamma, key in grid.FLOORS.items()),
    ]
    powers = {
        (gamma, statistic): (exponent_of(measured[key], statistic, "guidance"), expected)
        for gamma, key, statistic, expected in rows
        if key in measured
    }
    records = [
        {"gamma": gamma, "statistic": statistic, "exponent": power.value, "low": power.low, "high": power.high,
         "predicted": expected}
        for (gamma, statistic), (power, expected) in powers.items()
    ]  # fmt: skip
    return {"balance_weights": records}


CLAIM = domain_claim(
    grid.POWER,
    PREDICTIONS,
    questions,
    weights,
    id="C8",
    title="Our predictions: power dispatch",
    source="named by the paper as a domain; the predictions are ours",
    statement="Our predictions for dispatch: every generator moves one balance, so that the guidance's noise grows "
    "like N; a balance of weight N^-gamma makes it N^(1 - 2 gamma) and the imbalance it leaves N^(2 gamma - 1).",
)
