"""What the cells of C2.1, C2.2 and A2 say, pooled over batches: rates with exact intervals, values, shares violated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.equilibria.design import EVERY, RATE
from dgpg_verify.claims.equilibria.measure.intervals import ALPHAS
from dgpg_verify.claims.equilibria.measure.tradeoff import RULES
from dgpg_verify.claims.question import checked, exactly
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.core import Estimate, Evidence, Label, Verdict
from dgpg_verify.core.moments import mixed_variance
from dgpg_verify.equilibria.nash.compare import RELATIONS
from dgpg_verify.statistics import clopper_pearson, judge_at_least

Array = NDArray[np.float64]
PUBLISHED = (0.9, 0.55, 0.2)  # start, middle and end of the published schedule
UNKNOWN = -1  # in stored relations: not decided
FEWEST_AUDITED = 6  # fleets without a violation that support an audit on them


@dataclass(frozen=True)
class DrawnFleets(Series[Evidence]):
    """All batches of fleets of one row at one N."""

    @property
    def n(self) -> int:
        return self.n_values[0]

    @property
    def options(self) -> Mapping[str, Any]:
        return self.evidence[0].cell.options

    @property
    def cost(self) -> str:
        return str(self.options.get("cost", ""))

    @property
    def reference(self) -> str:
        return str(self.options.get("reference", ""))

    @property
    def k(self) -> int:
        return int(self.options.get("k", 0))

    @property
    def part(self) -> str:
        return str(self.row.notes["part"])

    def valued(self, name: str) -> Array | None:
        """What the equilibria of the first fleets are worth; None where they were not valued."""
        values = self.evidence[0].values
        return np.asarray(values[name], dtype=np.float64) if name in values else None

    def total(self, name: str) -> NDArray[Any]:
        """The sum of a count over all batches."""
        return np.asarray(sum(np.asarray(item.values[name]) for item in self.evidence))

    def over(self, name: str) -> NDArray[Any]:
        """An array whose last axis is the fleets, batches joined."""
        return self.joined(name, axis=-1)


def read_fleets(measured: Measured, *parts: str) -> list[DrawnFleets]:
    """The fleets of the named parts, row by row and N by N."""
    parted = [series.only(n) for series in measured.values() if series.row.notes["part"] in parts
              for n in series.n_values]  # fmt: skip
    return [DrawnFleets(one.row, one.items, one.evidence) for one in parted]


def alpha_place(alpha: float | str) -> int:
    """Where an alpha of ALPHAS, or EVERY, stands in stored relations."""
    return len(ALPHAS) if alpha == EVERY else ALPHAS.index(float(alpha))


def relation_counts(codes: NDArray[Any]) -> dict[str, int]:
    """How many fleets have each relation of RELATIONS; undecided ones are left out."""
    return {name: int((codes == place).sum()) for place, name in enumerate(RELATIONS)}


def equal_rate(codes: NDArray[Any], level: float) -> Estimate:
    """Share of decided fleets with equal sets (Clopper & Pearson 1934); unknown where none is decided."""
    decided = codes[codes != UNKNOWN]
    if not len(decided):
        return Estimate(None, None, None, level, 0)
    return clopper_pearson(int((decided == 0).sum()), len(decided), level)


def judge_rate(codes: NDArray[Any], level: float) -> Verdict:
    """Equal in at least 99 % of the fleets: supported if the interval lies above, refuted if below."""
    estimate = equal_rate(codes, level)
    if estimate.value is None:
        return Verdict("inconclusive", "no fleet is decided: all games are degenerate", estimate)
    decided = judge_at_least(estimate, RATE)
    counts = ", ".join(f"{count} {name}" for name, count in relation_counts(codes).items() if count)
    return Verdict(decided.label, f"{decided.why}; {counts}", estimate, decided.decided_at)


def judge_unequal_seen(codes: NDArray[Any], level: float) -> Verdict:
    """Points of one side are known only in part: sets can be seen to differ, never to be equal."""
    seen = int((codes != UNKNOWN).sum())
    bound = clopper_pearson(len(codes) - seen, len(codes), level)
    label: Label = "refuted" if bound.high is not None and bound.high < RATE else "inconclusive"
    return Verdict(label, f"sets certainly differ in {seen} of {len(codes)} fleets; the others are not decided", bound)


def judge_audit(violated: NDArray[Any], level: float, defined: NDArray[np.bool_] | None = None) -> Verdict:
    """Refuted if a certified cosine is below 0, else supported on the stated set, from FEWEST_AUDITED fleets on.

    violated, bool [F]: any in the fleet; defined, bool [F]: whether the fleet has a cosine at all (all have, if None).
    """
    known = np.asarray(violated if defined is None else violated[defined])
    count, fleets = int(known.sum()), len(known)
    why = f"a certified cosine below 0 in {count} of {fleets} fleets"
    if not count and fleets < FEWEST_AUDITED:
        return Verdict("inconclusive", f"{why}: at least {FEWEST_AUDITED} must be seen", exactly(0.0, fleets))
    return checked(not count, why, clopper_pearson(count, fleets, level))


def judge_proof(failed: Sequence[str], gain: float) -> Verdict:
    """A stored counterexample refutes if none of its statements is false, and proves nothing otherwise."""
    if failed:
        return Verdict("inconclusive", f"false statements: {'; '.join(failed)}", exactly(gain, 1))
    return Verdict("refuted", "verified from the definition in exact arithmetic", exactly(gain, 1))


def by_law(groups: Sequence[DrawnFleets], *options: str) -> dict[tuple[Any, ...], list[DrawnFleets]]:
    """The fleets of each system that some options name, by rising N."""
    laws: dict[tuple[Any, ...], list[DrawnFleets]] = {}
    for group in sorted(groups, key=lambda group: group.n):
        laws.setdefault(tuple(group.options[name] for name in options), []).append(group)
    return laws


def variance_per_agent(groups: Sequence[DrawnFleets], rule: str) -> Array:
    """Of the guided gradient, [N values, fleets]; of the published schedule the mean over start, middle and end."""
    return np.array([[_variance(item.values, rule) / group.n for item in group.evidence] for group in groups])


def _variance(values: Mapping[str, Any], rule: str) -> float:
    """Sum over agents."""
    alphas = PUBLISHED if rule == "published" else (float(np.asarray(values["alpha"])[RULES.index(rule)]),)
    base, guidance, covariance = (float(values[name]) for name in ("base", "guidance", "covariance"))
    return float(np.mean(mixed_variance(np.array(alphas), base, guidance, covariance)))


def mean_at_rule(group: DrawnFleets, name: str, rule: str) -> float:
    """Mean over fleets of "alpha", "shift" or "lost" at the end of a rule."""
    place = RULES.index("0.2" if rule == "published" else rule)
    return float(np.mean([np.asarray(item.values[name])[place] for item in group.evidence]))
