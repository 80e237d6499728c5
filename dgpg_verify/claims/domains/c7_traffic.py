"""C7: what guidance does on road networks, predicted before measuring."""

from __future__ import annotations

from dgpg_verify.claims.domains import design as grid
from dgpg_verify.claims.domains.questions import (
    Prediction,
    ask_exponents,
    ask_lost,
    ask_share,
    domain_claim,
    floors,
    predicted,
    samples,
    variances,
)
from dgpg_verify.claims.domains.rest import ask_rest
from dgpg_verify.claims.domains.small import ask_small
from dgpg_verify.claims.domains.training import ask_real, ask_training
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.series import Measured

PREDICTIONS = predicted(
    (grid.GRID, variances(1, 0, 0) | {("paired_ratio", "return"): 1, ("noise_to_signal", "guidance"): 0}),
    (
        grid.NETWORK,
        variances(-1, -2, -2)
        | {("paired_ratio", "return"): 1, ("noise_to_signal", "guidance"): 0, ("cross_agent_share", "guidance"): -1},
    ),
    (grid.BALANCED, {("variance", "guidance"): -3, ("noise_to_signal", "guidance"): 1}),
    (grid.REST_TOWN, floors("guided:0.2", "guidance") | samples(1, 0, 0)),
    (grid.REST_TOWN_SELFISH, floors("guided:0.2", "guidance")),
    (grid.REST_NETWORK, samples(1, 0, 0)),
)
# whole platoons miss a link's flow by part of their size, and travel time in proportion
SMALLER_PLATOONS = Prediction(grid.REAL_WHOLE, "above", "guidance", -1.0, before=False)
SELFISH = {"pigou": lambda a: a**2 / 3.0, "braess": lambda a: 4.0 * a**2 / (3.0 * (1.0 + a) ** 2)}
LOST = {key: SELFISH[name] for (name, _), key in grid.BY_REFERENCE.items()}


def questions(measured: Measured) -> list[Question]:
    """Exponents of the noise on a town and on one network; what a biased reference costs, and where ascent rests;
    small games; training."""
    return [
        *ask_exponents(measured, PREDICTIONS),
        *ask_lost(measured, LOST, control="system_optimum"),
        *ask_share(measured, (grid.GRID, grid.NETWORK)),
        *ask_rest(measured, grid.TRAFFIC),
        *ask_small(measured),
        *ask_training(measured, grid.TRAFFIC),
        *ask_real(measured),
        *ask_exponents(measured, [SMALLER_PLATOONS]),
    ]


CLAIM = domain_claim(
    grid.TRAFFIC,
    PREDICTIONS,
    questions,
    id="C7",
    title="Our predictions: traffic",
    source="named by the paper as a domain; the predictions are ours",
    statement="Our predictions for routing: in a town that grows the guidance's noise is O(1), on one network it is in "
    "the end free of the others'; guided toward the user equilibrium, traffic pays the price of anarchy.",
)
