"""How often the verdict on "converges within so many episodes" errs on learning curves whose answer is known.

Curves rise as level (1 - 20^(-t / tau)), so that they reach 95 % of the way at t = tau exactly; every evaluation
carries noise, every run its own tau and level. "False" is fixed by the law of tau, before any run: supporting is
false if its 90th percentile (or mean) exceeds the claimed episodes, refuting if it does not. A run that never
settles has tau infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from scipy import stats

from dgpg_verify.core import check_int
from dgpg_verify.statistics.calibration.harness import Judged, Record, error_rates
from dgpg_verify.statistics.checks import Array
from dgpg_verify.statistics.convergence import Convergence, convergence
from dgpg_verify.statistics.settling import CLAIMED, judge_settling

EPISODES = np.arange(61.0)
CLOSELY = np.array([*range(16), *range(18, 31, 3)], dtype=np.float64)  # as DG-PG's main rows are evaluated
NOISE = 0.01  # of one evaluation, score units
QUICK_TOP = 8.0  # no quick run of two kinds settles later (3 standard deviations)
FALSE_ALARM = 1e-3  # with which a correct rule exceeds `allowed`

Draw = Callable[[Generator, tuple[int, ...]], Array]


@dataclass(frozen=True)
class CurveLaw:
    """times(rng, shape) draws tau; after: factor on the curve at given episodes (1 unless it falls back); truth of
    C4.1's two statistics in episodes."""

    name: str
    times: Draw
    percentile: float
    mean: float
    after: Callable[[Array], Array] | None = None
    noise: float = NOISE

    def sample(self, rng: Generator, repetitions: int, seeds: int, episodes: Array = EPISODES) -> Array:
        """Scores of whole experiments, evaluated after `episodes` [E]: [repetitions, seeds, E]."""
        tau = self.times(rng, (repetitions, seeds, 1))
        level = rng.normal(1.0, 0.05, tau.shape)
        curves = level * (1.0 - 20.0 ** (-episodes / tau))
        if self.after is not None:
            curves = curves * self.after(episodes)
        return curves + self.noise * rng.standard_normal(curves.shape)


@dataclass(frozen=True)
class SettlingRule:
    """The verdict rule at a sample size; it promises at most `rate` for each wrong label."""

    name: str
    statistic: str
    seeds: int
    law: str = "any"
    level: float = 0.95
    closely: bool = False

    @property
    def episodes(self) -> Array:
        """After which a run is evaluated, [E]."""
        return CLOSELY if self.closely else EPISODES

    @property
    def rate(self) -> float:
        return 0.5 * (1.0 - self.level) + 0.005  # 0.5 % for "learned"

    def label(self, scores: Array) -> str:
        """Label of one experiment, scores [R, E]."""
        return self.judge(convergence(self.episodes, scores))

    def judge(self, runs: Sequence[Convergence]) -> str:
        return judge_settling(runs, self.statistic, level=self.level, law=self.law).label


class DroppingRule(SettlingRule):
    """A faulty rule, for a control: runs that never settle are dropped instead of counted."""

    def label(self, scores: Array) -> str:
        kept = [run for run in convergence(EPISODES, scores) if run.settled_at is not None]
        return self.judge(kept) if len(kept) >= 2 else "inconclusive"


def standard_settling_rules() -> list[SettlingRule]:
    """Percentile at 5 and 40 seeds without a law, at 5 with one; mean at 5 seeds; and both as DG-PG's main rows have
    them, ten seeds of 30 episodes."""
    return [
        SettlingRule("90th percentile, any law, 5 seeds", "percentile", 5),
        SettlingRule("90th percentile, any law, 40 seeds", "percentile", 40),
        SettlingRule("90th percentile, log-normal, 5 seeds", "percentile", 5, "lognormal"),
        SettlingRule("mean, 5 seeds", "mean", 5),
        SettlingRule("90th percentile, log-normal, 10 seeds, 30 episodes", "percentile", 10, "lognormal", closely=True),
        SettlingRule("mean, 10 seeds, 30 episodes", "mean", 10, closely=True),
        SettlingRule("mean, 3 seeds, 30 episodes", "mean", 3, closely=True),
    ]


def standard_curves() -> list[CurveLaw]:
    """Seeds of one kind: never, quick, near the claimed 10, 15, 30, noisy, drifting, collapsing wholly and by half."""

    def fall(episodes: Array) -> Array:
        return np.asarray(np.clip((25.0 - episodes) / 10.0, 0.0, 1.0))

    forever: Draw = lambda rng, shape: np.full(shape, math.inf)  # noqa: E731
    return [
        CurveLaw("never", forever, math.inf, math.inf),
        _normal_times(5.0, 1.0),
        _normal_times(8.0, 2.0),
        _normal_times(15.0, 2.0),
        _normal_times(30.0, 3.0),
        # Linear to the end: reaches 95 % of its last fifth's mean only inside that fifth.
        CurveLaw("drifting to the end", _normal_draw(0.01, 0.0), 51.0, 51.0, lambda episodes: episodes / episodes[-1]),
        CurveLaw("collapsing", _normal_draw(5.0, 1.0), math.inf, math.inf, fall),
        CurveLaw(
            "collapsing by half",
            _normal_draw(5.0, 1.0),
            math.inf,
            math.inf,
            lambda episodes: 0.5 + 0.5 * fall(episodes),
        ),
        replace(_normal_times(5.0, 1.0), name="settles at 5 -+ 1, noisy evaluations", noise=0.05),
        *(
            replace(_normal_times(9.5, 0.2), name=f"settles at 9.5 -+ 0.2, noise {sd:g}", noise=sd)
            for sd in (0.015, 0.02, 0.03)
        ),
    ]


def uneven_curves() -> list[CurveLaw]:
    """Seeds of two kinds, most of them quick: some never settle, or a tenth (a little more, a little less) is late.

    They show the limit of few seeds: the percentile without a law keeps its promise; the mean and the log-normal limit
    do not, because a handful of seeds often holds no run of the second kind.
    """
    return [
        _two_kinds(0.25, math.inf, "25 % of the runs never settle"),
        _two_kinds(0.125, math.inf, "12.5 % of the runs never settle"),
        _two_kinds(0.105, 20.0, "10.5 % of the runs settle at 20"),
        _two_kinds(0.095, 20.0, "9.5 % of the runs settle at 20"),
    ]


def settling_error_rates(
    rule: SettlingRule, curves: Sequence[CurveLaw] | None = None, repetitions: int = 400, seed: int = 0
) -> list[Record]:
    """Run the whole verdict procedure on `repetitions` synthetic experiments per law of curves.

    Parameters
    ----------
    curves
        Default `standard_curves()`.

    Returns
    -------
    One flat record per law, fields as in `exponent_error_rates`; allowed: the rate that a rule which keeps its promise
    exceeds with probability at most 0.1 %.

    Notes
    -----
    Cost: repetitions * seeds * E numbers per law.
    """
    repetitions = check_int("repetitions", repetitions, 1)
    allowed = float(stats.binom.isf(FALSE_ALARM, repetitions, rule.rate)) / repetitions

    def judged(curve: CurveLaw, rng: Generator) -> Iterator[Judged]:
        labels = np.array([rule.label(scores) for scores in curve.sample(rng, repetitions, rule.seeds, rule.episodes)])
        truth = curve.percentile if rule.statistic == "percentile" else curve.mean
        yield rule.name, labels, truth <= CLAIMED[rule.statistic]

    return error_rates(standard_curves() if curves is None else curves, judged, seed, allowed)


def _normal_draw(centre: float, spread: float) -> Draw:
    return lambda rng, shape: np.maximum(rng.normal(centre, spread, shape), 0.01)


def _normal_times(centre: float, spread: float) -> CurveLaw:
    truth = centre + spread * float(stats.norm.ppf(0.9))
    return CurveLaw(f"settles at {centre:g} -+ {spread:g}", _normal_draw(centre, spread), truth, centre)


def _two_kinds(share: float, late: float, name: str) -> CurveLaw:
    """`share` of the runs settles at `late`, the rest at 5 -+ 1. The percentile counts as late if share > 10 %."""

    def times(rng: Generator, shape: tuple[int, ...]) -> Array:
        quick = _normal_draw(5.0, 1.0)(rng, shape)
        return np.where(rng.random(shape) < share, late, quick)

    return CurveLaw(name, times, late if share > 0.1 else QUICK_TOP, share * late + (1.0 - share) * 5.0)
