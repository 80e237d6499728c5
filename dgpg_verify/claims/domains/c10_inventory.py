"""C10: what guidance does in inventory control over time, predicted before measuring."""

from __future__ import annotations

from collections.abc import Iterator

from dgpg_verify.claims.domains import design as grid
from dgpg_verify.claims.domains.questions import READ, ask_exponents, domain_claim, predicted
from dgpg_verify.claims.domains.training import ask_training
from dgpg_verify.claims.question import Question, checked, exactly, level_of
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.claims.words import with_interval
from dgpg_verify.core import Evidence
from dgpg_verify.statistics import judge_at_least

PREDICTIONS = predicted(
    (grid.SEPARATE, {("variance", "return"): 1, ("variance", "guidance"): 0, ("noise_to_signal", "guidance"): 0}),
    (grid.WAREHOUSE, {("variance", "return"): 1, ("variance", "guidance"): 0}),
)
STATEMENT = "With a shared warehouse near its capacity the guidance is no longer free of the others' noise."
NO_SHARE, FELT = 1e-12, 0.05  # rounding; the share above which the guidance is not noise-free (C1.2)


def questions(measured: Measured) -> list[Question]:
    """Exponents of the noise, and whether other retailers are felt in the guidance; training."""
    return [
        *ask_exponents(measured, PREDICTIONS),
        *_shares(measured),
        *ask_training(measured, grid.STOCK),
    ]


def _shares(measured: Measured) -> Iterator[Question]:
    if grid.SEPARATE in measured:
        yield _alone(measured[grid.SEPARATE])
    for key in (grid.WAREHOUSE, *grid.LOADED.values()):
        if key in measured:
            yield _felt(measured[key])


def _share(item: Evidence) -> float:
    return READ["cross_agent_share"](item.values, "guidance")


def _alone(series: Series[Evidence]) -> Question:
    shares = [abs(_share(item)) for item in series.flat]
    return Question(
        key=f"{series.key}/share of others/guidance",
        statistic="share of others",
        read=[series],
        verdict=checked(max(shares) <= NO_SHARE, f"at most {max(shares):.2g}", exactly(max(shares), len(shares))),
        sentence=f"Other retailers cause at most {max(shares):.2g} of the guidance's variance (predicted: "
        f"nothing, each position is its own): {series.row.notes['where']}.",
        statement="The guidance gradient of a retailer does not depend on the others.",
        relation="equal",
        expected=0.0,
        margin=NO_SHARE,
        system=series.row.notes["where"],
        policy="uniform",
        primary=True,
    )


def _felt(series: Series[Evidence]) -> Question:
    n, predicted_one = max(series.n_values), series.key == grid.WAREHOUSE
    verdict = judge_at_least(series.at_largest(_share, level_of(predicted_one)), FELT)
    return Question(
        key=f"{series.key}/share of others/guidance",
        statistic="share of others",
        read=[series],
        verdict=verdict,
        sentence=f"Other retailers cause {with_interval(verdict.estimate)} of the guidance's variance at N = {n} "
        f"({'predicted' if predicted_one else 'asked afterwards'}: more than {FELT:g} as the load nears the "
        f"warehouse's capacity): {series.row.notes['where']}.",
        statement=STATEMENT if predicted_one else "At this load the guidance is no longer free of the others' noise.",
        notes=() if predicted_one else ("another load, asked after the prediction had been judged",),
        relation="at_least",
        expected=FELT,
        system=series.row.notes["where"],
        policy="uniform",
        primary=predicted_one,
        n_values=(n,),
    )


CLAIM = domain_claim(
    grid.STOCK,
    PREDICTIONS,
    questions,
    id="C10",
    title="Our predictions: inventory",
    source="named by the paper's author as a domain; the predictions are ours",
    statement="Our predictions for inventory: each retailer's position is its own, so the guidance's noise is O(1) "
    "and free of the others'; a shared warehouse near its capacity makes it felt.",
)
