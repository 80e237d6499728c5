"""C9: what guidance does in rate control, predicted before measuring."""

from __future__ import annotations

from dgpg_verify.claims.domains import design as grid
from dgpg_verify.claims.domains.questions import (
    ask_exponents,
    ask_share,
    domain_claim,
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

PREDICTIONS = predicted(
    (grid.SPARSE, variances(1, 0, 0) | {("noise_to_signal", "guidance"): 0}),
    (grid.FAT_TREE, variances(1, 0, 0) | {("noise_to_signal", "guidance"): 0}),
    (grid.SPARSE_BALANCED, {("noise_to_signal", "guidance"): 0}),
    (
        grid.BOTTLENECK,
        variances(1, 0, -2) | {("noise_to_signal", "guidance"): 0, ("cross_agent_share", "guidance"): -1},
    ),
    (
        grid.BACKBONE,
        variances(1, 0, -2) | {("noise_to_signal", "guidance"): 0, ("cross_agent_share", "guidance"): -1},
    ),
    (grid.BOTTLENECK_BALANCED, {("variance", "guidance"): -3, ("noise_to_signal", "guidance"): 1}),
    (grid.REST_SPARSE, floors("guided:0.2", "guidance") | samples(1, 0, 0)),
    (grid.REST_BOTTLENECK, floors("guidance") | samples(1, 0, 0)),
)


def questions(measured: Measured) -> list[Question]:
    """Exponents of the noise with few flows a link and with one link for all; where ascent rests; small games;
    training."""
    return [
        *ask_exponents(measured, PREDICTIONS),
        *ask_share(measured, (grid.SPARSE, grid.FAT_TREE, grid.BOTTLENECK)),
        *ask_rest(measured, grid.RATES),
        *ask_small(measured),
        *ask_training(measured, grid.RATES),
    ]


CLAIM = domain_claim(
    grid.RATES,
    PREDICTIONS,
    questions,
    id="C9",
    title="Our predictions: rate control",
    source="a network of the kind the paper names; the predictions are ours",
    statement="Our predictions for rate control: with a few flows a link the guidance's noise is O(1); with one link "
    "for all and a reference that is met on average its noise-to-signal grows like N.",
)
