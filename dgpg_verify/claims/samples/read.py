"""What the cells of C3 and A4 say: fits of p and q from arrivals, shares of fleets that arrive, exponents of constants.

eps enters as a share of each fleet's own gap at the start; floors as their median over fleets, the same share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from dgpg_verify.claims.question import checked
from dgpg_verify.claims.samples.design import MAPPO, RETURN, SHARE
from dgpg_verify.claims.samples.measure.laws import NEVER
from dgpg_verify.claims.series import Measured, Series, by_n
from dgpg_verify.core import Estimate, Evidence, Verdict
from dgpg_verify.statistics import (
    Relation,
    SampleFit,
    clopper_pearson,
    coverage_band,
    fit_samples,
    judge_at_least,
    judge_p,
    judge_q,
)
from dgpg_verify.statistics.sample_fits import MINIMUM_N
from dgpg_verify.statistics.scaling import top_decade
from dgpg_verify.statistics.verdict import MARGIN

Array = NDArray[np.float64]
FEWEST_ERROR = 1e-3  # chance that an oracle row fails although the instrument is right


@dataclass(frozen=True)
class Asked:
    """An exponent that is asked for: "p", "p_total" or "q", and what is claimed of it."""

    what: str
    expected: float
    relation: Relation

    def verdict(self, fit: SampleFit, margin: float = MARGIN) -> Verdict:
        if self.what == "q":
            return judge_q(fit, self.expected, margin, self.relation)
        return judge_p(fit, self.expected, margin, self.relation, total=self.what == "p_total")


P_LINEAR, P_NONE, Q_ONE = Asked("p", 1.0, "theta"), Asked("p", 0.0, "big_o"), Asked("q", 1.0, "theta")


@dataclass(frozen=True)
class LearningRuns(Series[Evidence]):
    """All cells of one row, N ascending; each holds all its fleets."""

    @property
    def options(self) -> Mapping[str, Any]:
        return self.row.options

    @property
    def law(self) -> str:
        named = self.options.get("law", "")
        return self.key if self.row.notes["part"] == "control" else str(named)

    @property
    def method(self) -> str:
        return str(self.options.get("method", self.options.get("kind", "")))

    @property
    def step(self) -> str:
        return str(self.options.get("step", "theory"))

    @property
    def rule(self) -> list[str]:
        """The step rule, and the grid where it is not the usual one: such cells are no part of the usual fit."""
        return [self.step, *([str(self.options["grid"])] if "grid" in self.options else [])]

    @property
    def name(self) -> str:
        """Law, method and step rule: what the ledger calls it."""
        return "/".join([self.law, self.method, *self.rule])

    @property
    def of_return(self) -> bool:
        """Whether the shared return teaches alone: C3.1, and not C3.2."""
        return self.method in (RETURN, MAPPO)

    @property
    def exponents(self) -> tuple[Asked, Asked, Asked]:
        """What is claimed of p, q and p + q."""
        p = P_LINEAR if self.of_return or self.law == "control/growing" else P_NONE
        return p, Q_ONE, Asked("p_total", p.expected + 1.0, "theta")

    @property
    def factors(self) -> list[float]:
        return [float(factor) for factor in self.options["factors"]]

    def later_than(self, samples: float) -> LearningRuns | None:
        """These runs at the eps that no fleet reaches within `samples` at any deciding N; None if there is none.

        For a method that changes on the way: only eps that are reached after its last change tell one power of N.
        """
        deciding = top_decade(np.array(self.n_values), MINIMUM_N)
        places = np.flatnonzero((self.stack("low")[:, deciding] >= samples).all((0, 1)))
        if not deciding.any() or not len(places):
            return None
        factors = [self.factors[place] for place in places]
        row = replace(self.row, options={**self.options, "factors": factors, "grid": "later"})
        cells = []
        for item in self.evidence:
            ends = {name: np.asarray(item.values[name])[:, places] for name in ("low", "high")}
            cells.append(replace(item, values={**item.values, **ends}))
        return LearningRuns(row, by_n(cells), tuple(cells))

    @property
    def arrivals(self) -> Array:
        """Upper ends of the arrivals [F, G, E], infinite where a fleet never arrived."""
        return np.stack([arrivals_in(item) for item in self.evidence], axis=1)


def arrivals_in(item: Evidence) -> Array:
    """Upper ends of the arrivals of a cell [F, E], infinite where a fleet never arrived."""
    high = np.asarray(item.values["high"], dtype=np.float64)
    return np.where(high == NEVER, np.inf, high)


def read_runs(measured: Measured, *parts: str) -> list[LearningRuns]:
    """The runs of the named parts, in the order of the design."""
    named = [series for series in measured.values() if series.row.notes["part"] in parts]
    return [LearningRuns(series.row, series.items, series.evidence) for series in named]


def fit_of(series: LearningRuns, level: float) -> SampleFit:
    """p, q and p + q of one series."""
    floors = np.median(series.stack("floor") / series.stack("start"), axis=0)
    eps = 1.0 / np.array(series.factors)
    return fit_samples(series.n_values, eps, series.stack("low"), series.arrivals, level, floors=floors)


def arrival_verdict(groups: Sequence[LearningRuns], factor: float, level: float) -> Verdict:
    """Share of fleets, all N pooled, whose floor lies below start / factor, so that they reach it in the end.

    Refuted if the interval (Clopper & Pearson 1934) lies below SHARE. A noise-free run that has not come to rest
    counts as arriving, so that it speaks for the claim.
    """
    floor, start, settled = (_all_fleets(groups, name) for name in ("floor", "start", "settled"))
    below = (floor <= start / factor) | (settled == 0.0)
    estimate = clopper_pearson(int(below.sum()), len(below), level)
    judged = judge_at_least(estimate, SHARE)
    why = f"{int(below.sum())} of {len(below)} fleets have a floor below gap0/{factor:g}"
    return Verdict(judged.label, f"{why}; {judged.why}", estimate, judged.decided_at)


def seen_arrivals(series: LearningRuns, level: float) -> Verdict:
    """Share of fleets that were seen to reach every eps within their budget."""
    reached = np.isfinite(series.arrivals).all(-1).reshape(-1)
    return judge_at_least(clopper_pearson(int(reached.sum()), len(reached), level), SHARE)


def floor_share(groups: Sequence[LearningRuns]) -> float:
    """Median over fleets and N of floor / start."""
    return float(np.median(_all_fleets(groups, "floor") / _all_fleets(groups, "start")))


def _all_fleets(groups: Sequence[LearningRuns], name: str) -> Array:
    """One measured number of every fleet at every N of all groups."""
    return np.concatenate([series.joined(name) for series in groups]).astype(np.float64)


def band_verdict(misses: int, count: int, level: float) -> Verdict:
    """Intervals at `level` missed a known value `misses` times in `count`: inside the binomial band?"""
    low, high = coverage_band(level, count, FEWEST_ERROR)
    why = f"{misses} misses of {count}, between {low} and {high} allowed"
    return checked(low <= misses <= high, why, Estimate(misses / count, low / count, high / count, level, count))


def rates_verdict(records: Sequence[Mapping[str, Any]]) -> Verdict:
    """No truth may show more wrong verdicts than a rate of 1 % explains (binomial, all truths at once 0.1 %)."""
    repetitions = int(records[0]["repetitions"])
    limit = int(stats.binom.isf(FEWEST_ERROR / (2 * len(records)), repetitions, 0.01))
    worst = round(float(_wrong(records).max()) * repetitions)
    estimate = Estimate(worst / repetitions, 0.0, limit / repetitions, 1.0 - FEWEST_ERROR, repetitions)
    why = f"largest count of wrong verdicts {worst} of {repetitions} over {len(records)} cases; at most {limit}"
    return checked(worst <= limit, why, estimate)


def caught_verdict(records: Sequence[Mapping[str, Any]]) -> Verdict:
    """Each faulty rule must err in more than 1 % somewhere: the least of their largest rates."""
    rates = _wrong(records).groupby([record["rule"] for record in records], sort=False).max()
    repetitions = int(records[0]["repetitions"])
    estimate = clopper_pearson(round(rates.min() * repetitions), repetitions, 0.99)
    caught = estimate.low is not None and estimate.low > 0.01
    why = ", ".join(f"{rule}: {100 * rate:.3g} % wrong" for rule, rate in rates.items())
    return Verdict("refuted" if caught else "inconclusive", why, estimate)


def _wrong(records: Sequence[Mapping[str, Any]]) -> pd.Series:
    """The larger rate of wrong verdicts of each record."""
    return pd.DataFrame(records)[["false_support", "false_refutation"]].max(axis=1)


def recursion_scores(series: Sequence[LearningRuns]) -> Array:
    """One independent z score a (credit, team): its k-th record, k going round over teams."""
    tables = [np.asarray(runs.evidence[0].values["scores"], dtype=np.float64) for runs in series]
    return np.array([row[number % len(row)] for table in tables for number, row in enumerate(table)])
