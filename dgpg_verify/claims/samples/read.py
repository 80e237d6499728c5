"""What the cells of C3 and A4 say: fits of p and q from arrivals, shares of fleets that arrive, exponents of constants.

eps enters as a share of each fleet's own gap at the start; floors as their median over fleets, the same share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dgpg_verify.claims.samples.design import SHARE
from dgpg_verify.claims.samples.measure.laws import NEVER
from dgpg_verify.claims.series import Measured, Series, by_n
from dgpg_verify.core import Estimate, Evidence, Label, Verdict
from dgpg_verify.statistics import SampleFit, clopper_pearson, coverage_band, fit_samples, judge_at_least
from dgpg_verify.statistics.sample_fits import MINIMUM_N
from dgpg_verify.statistics.scaling import top_decade

Array = NDArray[np.float64]
FEWEST_ERROR = 1e-3  # chance that an oracle row fails although the instrument is right


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
    def name(self) -> str:
        """Law, method and step rule, and the grid where it is not the usual one: what the ledger calls it."""
        grid = [str(self.options["grid"])] if "grid" in self.options else []
        return "/".join([self.law, self.method, self.step, *grid])

    @property
    def factors(self) -> list[float]:
        return [float(factor) for factor in self.options["factors"]]

    @property
    def to_the_end(self) -> bool:
        """Whether its runs had the time to arrive; otherwise they show a floor."""
        return "budget" not in self.options

    def later_than(self, samples: float) -> LearningRuns | None:
        """The same at those eps that no fleet reaches within `samples` at any deciding N; None if there is none.

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
    below = np.concatenate([_arrives(item, factor) for series in groups for item in series.evidence])
    estimate = clopper_pearson(int(below.sum()), len(below), level)
    judged = judge_at_least(estimate, SHARE)
    why = f"{int(below.sum())} of {len(below)} fleets have a floor below gap0/{factor:g}"
    return Verdict(judged.label, f"{why}; {judged.why}", estimate, judged.decided_at)


def seen_arrivals(series: LearningRuns, level: float) -> Verdict:
    """Share of fleets that were seen to reach every eps within their budget."""
    reached = np.isfinite(series.arrivals).all(-1).reshape(-1)
    return judge_at_least(clopper_pearson(int(reached.sum()), len(reached), level), SHARE)


def _arrives(item: Evidence, factor: float) -> NDArray[np.bool_]:
    floor, start = (np.asarray(item.values[name], dtype=np.float64) for name in ("floor", "start"))
    return np.asarray((floor <= start / factor) | ~np.asarray(item.values["settled"], dtype=bool))


def floor_share(groups: Sequence[LearningRuns]) -> float:
    """Median over fleets and N of floor / start."""
    shares = [
        np.asarray(item.values["floor"], dtype=np.float64) / np.asarray(item.values["start"], dtype=np.float64)
        for series in groups
        for item in series.evidence
    ]
    return float(np.median(np.concatenate(shares)))


def band_verdict(misses: int, count: int, level: float) -> Verdict:
    """Intervals at `level` missed a known value `misses` times in `count`: inside the binomial band?"""
    low, high = coverage_band(level, count, FEWEST_ERROR)
    label: Label = "supported" if low <= misses <= high else "refuted"
    estimate = Estimate(misses / count, low / count, high / count, level, count)
    return Verdict(label, f"{misses} misses of {count}, between {low} and {high} allowed", estimate)


def rates_verdict(records: Sequence[Mapping[str, Any]]) -> Verdict:
    """No truth may show more wrong verdicts than a rate of 1 % explains (binomial, all truths at once 0.1 %)."""
    counts = [
        round(float(r[name]) * r["repetitions"]) for r in records for name in ("false_support", "false_refutation")
    ]
    repetitions = int(records[0]["repetitions"])
    limit = int(stats.binom.isf(FEWEST_ERROR / len(counts), repetitions, 0.01))
    worst = max(counts)
    estimate = Estimate(worst / repetitions, 0.0, limit / repetitions, 1.0 - FEWEST_ERROR, repetitions)
    why = f"largest count of wrong verdicts {worst} of {repetitions} over {len(records)} cases; at most {limit}"
    return Verdict("supported" if worst <= limit else "refuted", why, estimate)


def caught_verdict(records: Sequence[Mapping[str, Any]]) -> Verdict:
    """Each faulty rule must err in more than 1 % somewhere: the least of their largest rates."""
    rates: dict[str, float] = {}
    for record in records:
        wrong = max(float(record["false_support"]), float(record["false_refutation"]))
        rates[record["rule"]] = max(rates.get(record["rule"], 0.0), wrong)
    least, repetitions = min(rates.values()), int(records[0]["repetitions"])
    estimate = clopper_pearson(round(least * repetitions), repetitions, 0.99)
    caught = estimate.low is not None and estimate.low > 0.01
    why = ", ".join(f"{rule}: {100 * rate:.3g} % wrong" for rule, rate in rates.items())
    return Verdict("refuted" if caught else "inconclusive", why, estimate)


def recursion_scores(series: Sequence[LearningRuns]) -> Array:
    """One independent z score a (credit, team): its k-th record, k going round over teams."""
    scores = []
    for one in series:
        table = np.asarray(one.evidence[0].values["scores"], dtype=np.float64)
        scores += [row[number % table.shape[1]] for number, row in enumerate(table)]
    return np.array(scores)
