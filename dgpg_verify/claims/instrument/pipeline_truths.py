"""What A0.5 asks of systems whose noise is known: the design, what is true, and what the pipeline was expected to say.

`expected` was written before the first run, from the width that the intervals have: the log of a variance measured on R
roll-outs of one fleet spreads by sqrt(2 / R), with the fleets by 0.10 at R = 256, and the slope over 8, 16, 32, 64 with
8 fleets each is then known to -+ 0.10 at the level of primary rows. It is reported beside what came out, and judges
nothing. What counts as false is `holds`, by this rule: an exponent is that of the curve over the measured N. Where a
theorem is known, the limit counts: a curve that bends beyond the largest N cannot be seen, so the honest answer there
is "inconclusive", and "the opposite" would be false. Without a theorem the statement is about the measured N alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.instrument.measure_pipeline import BASIC_CREDITS, CREDITS
from dgpg_verify.claims.noise.questions import exponent_question, of_credit
from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.series import Series
from dgpg_verify.core.moments import LEADING_MIXTURES
from dgpg_verify.statistics import Headline
from dgpg_verify.statistics.calibration.truths import Curve

SIZES = (8, 16, 32, 64)
FLEETS = 8
SEEDS: Mapping[str, int] = {"smoke": 2, "standard": 5}  # whole experiments of each system; at full scale its own
FLEETS_PER_CELL = 64
ALPHA = 0.5
SENTENCES = dict.fromkeys(("supported", "refuted", "inconclusive"), "The {statistic} {growth}: {where}.")
Ask = Callable[[Series[CellStats]], list[Question]]


def power(exponent: float, at_8: float = 1.0) -> Curve:
    """at_8 (N / 8)^exponent, as its logarithm."""
    return lambda n: np.log(at_8) + exponent * np.log(n / 8)


def drift(first: float, last: float, at_8: float = 1.0) -> Curve:
    """A local exponent that goes from `first` at N = 8 to `last` at N = 64, evenly in log N."""
    half = (last - first) / (2.0 * np.log(8.0))
    return lambda n: np.log(at_8) + first * np.log(n / 8) + half * np.log(n / 8) ** 2


def flat_until(n_knee: float, at_8: float = 1.0) -> Curve:
    """Flat, then linear."""
    return lambda n: np.log(at_8 * np.maximum(1.0, n / n_knee))


def linear_until(n_knee: float, at_8: float = 1.0) -> Curve:
    """Linear, then flat."""
    return lambda n: np.log(at_8 * np.minimum(n, n_knee) / 8)


@dataclass(frozen=True)
class Planted:
    """A system. variance: of the return gradient of an agent; ratio: noise to signal of the guidance; both for a fleet
    of scale 1, as logarithms over N. The rest: options of `PlantedNoise.fleet`, and how it is measured; seeds: whole
    experiments at full scale, of which 300 without an error show a rate of at most 1 %."""

    key: str
    variance: Curve
    ratio: Curve
    own: float = 0.1
    tail: str = "normal"
    fleets: str = "normal"
    spread: float = 0.05
    rollouts: int = 256
    credits: Sequence[str] = BASIC_CREDITS
    seeds: int = 300

    def row(self, scale: str) -> Row:
        """The experiments of a scale, one after the other, each of FLEETS fleets at every N."""
        options = {"policy": "uniform", "sharing": "independent", "rollouts": self.rollouts, "credits": [*self.credits]}
        return Row(
            "A0.5",
            self.key,
            dict.fromkeys(SIZES, SEEDS.get(scale, self.seeds) * FLEETS),
            options,
            {n: {"planted": self.planted(n)} for n in SIZES},
            stream=f"A0.5/{self.key}",
            agents_per_cell=FLEETS_PER_CELL * max(SIZES),
            notes={"where": f"planted noise, {self.key}"},
        )

    def planted(self, n: int) -> dict[str, Any]:
        """What `PlantedNoise.fleet` makes a team of N agents from."""
        curves = {"variance": self.variance, "ratio": self.ratio}
        values = {name: float(np.exp(curve(np.array(float(n))))) for name, curve in curves.items()}
        return values | {"own": self.own, "tail": self.tail, "fleets": self.fleets, "spread": self.spread}


SYSTEMS = {
    system.key: system
    for system in (
        Planted("flat", power(0.0), power(1.0, 2.0), seeds=1000),
        Planted("root", power(0.5), power(0.16, 2.0)),
        # the agents' own sum and a shared noise of variance 1: V = N / 2, noise to signal N
        Planted("sum", power(1.0, 4.0), power(0.0, 2.0), own=1.0, rollouts=512, credits=CREDITS),
        # V / N^2 grows like N, V / Var(return) does not
        Planted("cube", power(3.0, 256.0), power(0.0), own=1.0, rollouts=512, credits=CREDITS),
        Planted("drifting", drift(0.2, 1.0), drift(0.0, 0.1, 2.0)),
        Planted("two regimes", flat_until(32), linear_until(64, 2.0)),
        Planted("heavy tails", power(0.0), power(1.0, 2.0), tail="student"),
        Planted("few roll-outs", power(1.0), flat_until(64, 2.0), rollouts=32),
        Planted("heavy fleets", power(1.0), flat_until(64, 2.0), fleets="student", spread=0.1),
        Planted("square", power(2.0), power(-0.5, 4.0)),
        Planted("near the margin", power(0.14), power(0.3, 2.0)),
        Planted("all heavy", power(0.0), power(1.0, 2.0), tail="student", fleets="student", spread=0.1, rollouts=64),
    )
}


@dataclass(frozen=True)
class PlantedClaim:
    """A claim on a system. holds: the true headline; expected: what the pipeline was expected to say most often."""

    name: str
    system: str
    ask: Ask
    holds: Headline
    expected: Headline = "inconclusive"


def exponent(name: str, credit: str, expected: float = 0.0, relation: str = "big_o", **more: Any) -> Ask:
    """One primary row: how a statistic of a credit grows; more: of `exponent_question`."""
    of, about = of_credit(name, credit), {"expected": expected, "relation": relation, "primary": True, **more}
    return lambda series: [exponent_question(series, name, of, SENTENCES, suffix=relation, **about)]


def linear(name: str, credit: str) -> Ask:
    """Growth like N in both leading readings of "grows with N"."""
    parts = [exponent(name, credit, 1.0, reading, reading=reading) for reading in ("theta", "big_o")]
    return lambda series: [question for ask in parts for question in ask(series)]


def mixtures(*readings: str) -> Ask:
    """The variance of the mixture at ALPHA is bounded, in each reading of the mixture."""

    def ask(series: Series[CellStats]) -> list[Question]:
        return [
            exponent_question(series, "variance", partial(_mixed_variance, reading), SENTENCES, suffix=reading,
                              reading=reading, setting=reading, primary=True)
            for reading in readings
        ]  # fmt: skip

    return ask


def _mixed_variance(reading: str, cell: CellStats) -> float:
    return cell.guided(ALPHA, reading).variance


BOUNDED, GUIDANCE_BOUNDED = exponent("variance", "return"), exponent("variance", "guidance")
GUIDANCE_RATIO = exponent("noise_to_signal", "guidance")
THETA_N = exponent("variance", "return", 1.0, "theta")

ASKED = (
    PlantedClaim("flat: bounded", "flat", BOUNDED, "supported", "supported"),
    PlantedClaim(
        "N, guidance: Theta(N)", "flat", exponent("noise_to_signal", "guidance", 1.0, "theta"), "supported", "supported"
    ),
    PlantedClaim("N, guidance: bounded (wrong)", "flat", GUIDANCE_RATIO, "refuted", "refuted"),
    PlantedClaim("N^1/2: Theta(N^1/2)", "root", exponent("variance", "return", 0.5, "theta"), "supported", "supported"),
    PlantedClaim("N^1/2: bounded (wrong)", "root", BOUNDED, "refuted", "refuted"),
    PlantedClaim("N^1/2: grows like N, readings differ", "root", linear("variance", "return"), "depends", "depends"),
    PlantedClaim("N^0.16, just beyond the margin: bounded", "root", GUIDANCE_RATIO, "refuted"),
    PlantedClaim(
        "sum of N: grows like N, readings agree", "sum", linear("noise_to_signal", "return"), "supported", "supported"
    ),
    PlantedClaim("sum of N, guidance: bounded", "sum", GUIDANCE_BOUNDED, "supported", "supported"),
    PlantedClaim("sum of N: four mixtures bounded", "sum", mixtures(*LEADING_MIXTURES), "supported", "supported"),
    PlantedClaim("sum of N: two of four mixtures measured", "sum", mixtures("parts", "mixed"), "inconclusive"),
    PlantedClaim("N^3: four mixtures differ", "cube", mixtures(*LEADING_MIXTURES), "depends", "depends"),
    PlantedClaim("local exponent 0.2 to 1: Theta(N)", "drifting", THETA_N, "refuted"),
    PlantedClaim("local exponent 0 to 0.1: bounded", "drifting", GUIDANCE_BOUNDED, "supported", "supported"),
    PlantedClaim("flat, linear from N = 32: bounded", "two regimes", BOUNDED, "refuted"),
    PlantedClaim("linear, flat beyond 64: bounded at these N", "two regimes", GUIDANCE_BOUNDED, "refuted", "refuted"),
    PlantedClaim(
        "linear, flat beyond 64: bounded, proved of the limit",
        "two regimes",
        exponent("variance", "guidance", proved="supported"),
        "supported",
    ),
    PlantedClaim("heavy-tailed noise, flat: bounded", "heavy tails", BOUNDED, "supported"),
    PlantedClaim("heavy-tailed noise, N: bounded (wrong)", "heavy tails", GUIDANCE_BOUNDED, "refuted", "refuted"),
    PlantedClaim("heavy-tailed fleets, N: Theta(N)", "heavy fleets", THETA_N, "supported"),
    PlantedClaim("heavy-tailed fleets, N: bounded (wrong)", "heavy fleets", BOUNDED, "refuted", "refuted"),
    PlantedClaim("few roll-outs, N: Theta(N)", "few roll-outs", THETA_N, "supported"),
    PlantedClaim("few roll-outs, N: bounded (wrong)", "few roll-outs", BOUNDED, "refuted", "refuted"),
    PlantedClaim(
        "flat, linear beyond 64: bounded at these N", "few roll-outs", GUIDANCE_BOUNDED, "supported", "supported"
    ),
    PlantedClaim(
        "flat, linear beyond 64: N, proved of the limit",
        "few roll-outs",
        exponent("variance", "guidance", proved="refuted"),
        "refuted",
    ),
    PlantedClaim(
        "N^2: at most N (wrong)", "square", exponent("variance", "return", 1.0, "big_o"), "refuted", "refuted"
    ),
    PlantedClaim("N^-1/2, guidance: bounded", "square", GUIDANCE_RATIO, "supported", "supported"),
    PlantedClaim("N^0.14, just within the margin: bounded", "near the margin", BOUNDED, "supported"),
    PlantedClaim("N^0.3, guidance: bounded (wrong)", "near the margin", GUIDANCE_RATIO, "refuted", "refuted"),
    PlantedClaim("heavy tails and fleets, few roll-outs, flat: bounded", "all heavy", BOUNDED, "supported"),
    PlantedClaim(
        "heavy tails and fleets, few roll-outs, N: bounded (wrong)", "all heavy", GUIDANCE_BOUNDED, "refuted", "refuted"
    ),
)
