"""Verdicts C4.2 - C4.4: hand cases, and error rates at the edge of each claim, where they are largest.

Rates over 1 000 experiments at the edge: a rule that promises 2.5 % exceeds 43 once in 2 500 seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from scipy import stats

from dgpg_verify.core import Estimate, InputError, Verdict
from dgpg_verify.statistics import (
    judge_collapses,
    judge_equivalent,
    judge_fails,
    judge_matches,
    judge_slightly_below,
)

REPETITIONS = 1000
ALLOWED = int(stats.binom.isf(5e-4, REPETITIONS, 0.025))
WIDTH = Estimate(100.0, 90.0, 110.0, 0.99, 20)  # Best-Fit minus Random, in returns


def rates(judge: Callable[[np.random.Generator], Verdict], seed: int, stream: int) -> dict[str, int]:
    rng = np.random.default_rng([71, seed, stream])
    labels = [judge(rng).label for _ in range(REPETITIONS)]
    return {name: labels.count(name) for name in ("supported", "refuted", "inconclusive")}


def share(judge: Callable[[np.random.Generator], Verdict], label: str, seed: int, stream: int) -> float:
    """Share of 100 experiments with a label, for truths far from every edge."""
    rng = np.random.default_rng([73, seed, stream])
    return float(np.mean([judge(rng).label == label for _ in range(100)]))


def mixture(failing: float, n: int) -> Callable[[np.random.Generator], Verdict]:
    """n seeds that fail (score near 0.1) with probability `failing`, else succeed."""
    return lambda g: judge_fails(np.where(g.random(n) < failing, 0.1, 0.9) + 0.05 * g.normal(size=n))


@pytest.mark.parametrize("n", [5, 6, 10, 20, 40])
def test_fails_errs_at_its_rate_at_both_edges(n: int, seed: int) -> None:
    found = rates(mixture(0.5, n), seed, n)
    assert found["supported"] <= ALLOWED and found["refuted"] <= ALLOWED


def test_fails_is_decided_for_clear_methods(seed: int) -> None:
    assert share(mixture(1.0, 10), "supported", seed, 1) == 1.0
    assert share(mixture(0.0, 10), "refuted", seed, 2) == 1.0
    assert share(mixture(0.97, 20), "supported", seed, 3) > 0.85


def test_fails_by_hand() -> None:
    assert judge_fails([0.1] * 6).label == "supported"
    five = judge_fails([0.1] * 5)
    assert five.label == "inconclusive" and five.decided_at == 6 and five.estimate.low == pytest.approx(0.478, abs=5e-4)
    assert judge_fails([0.1] * 14 + [0.9] * 6).label == "inconclusive"  # lower end 0.46
    assert judge_fails([0.1] * 15 + [0.9] * 5).label == "supported"  # lower end 0.51
    assert judge_fails([0.1] * 5 + [0.5] * 15).label == "refuted"  # exactly 0.5 is not below; upper end 0.49
    assert judge_fails([0.1] * 5, level=0.9).label == "supported"


def collapse(at: float, small: float, n: int = 5) -> Callable[[np.random.Generator], Verdict]:
    return lambda g: judge_collapses(g.normal(at, 0.1, n), g.normal(small, 0.2, n))


def test_collapse_errs_at_its_rate_at_both_edges(seed: int) -> None:
    assert rates(collapse(-0.5, -0.2), seed, 11)["supported"] <= ALLOWED  # drop exactly 0.3
    assert rates(collapse(0.2, 1.0), seed, 12)["supported"] <= ALLOWED  # score exactly 0.2
    # Refutation is a union of two ends, 5 % together; here both lie at their edges.
    both = rates(collapse(0.2, 0.5), seed, 13)
    assert both["refuted"] <= int(stats.binom.isf(5e-4, REPETITIONS, 0.05))
    assert share(collapse(-0.2, 0.9), "supported", seed, 14) > 0.85
    assert share(collapse(0.9, 0.9), "refuted", seed, 15) > 0.85


def test_collapse_needs_both_parts() -> None:
    near, far, big = [0.01, 0.0, -0.01], [0.5, 0.51, 0.49], [0.95, 1.0, 1.05]
    assert judge_collapses(near, big).label == "supported"
    assert judge_collapses(far, big).label == "refuted"  # fell by 0.5, but ends at 0.5
    assert judge_collapses(near, [0.2, 0.21, 0.19]).label == "refuted"  # ends at 0, but fell by 0.2 only
    assert judge_collapses(near, [0.5, 0.0, 1.0]).label == "inconclusive"


@pytest.mark.parametrize("n", [3, 5, 10])
def test_matching_best_fit_errs_at_its_rate_at_the_edge(n: int, seed: int) -> None:
    at = rates(lambda g: judge_matches(g.normal(5.0, 10.0, n), WIDTH), seed, 20 + n)
    assert at["supported"] <= ALLOWED and at["refuted"] <= ALLOWED
    assert at["supported"] > 0 and at["refuted"] > 0  # 2.5 % of 1 000 expected
    assert share(lambda g: judge_matches(g.normal(0.0, 0.5, n), WIDTH), "supported", seed, 40 + n) > 0.85
    assert share(lambda g: judge_matches(g.normal(10.0, 0.5, n), WIDTH), "refuted", seed, 60 + n) > 0.85


@pytest.mark.parametrize("edge", [0.0, 15.0])
def test_slightly_below_errs_at_its_rate_at_both_edges(edge: float, seed: int) -> None:
    at = rates(lambda g: judge_slightly_below(g.normal(edge, 2.0, 5), WIDTH), seed, int(80 + edge))
    assert 0 < at["supported"] <= ALLOWED and 0 < at["refuted"] <= ALLOWED


def test_costs_against_best_fit_by_hand() -> None:
    """Percent above Best-Fit's cost."""
    assert judge_matches([4.0, 3.0, 2.0], WIDTH).label == "inconclusive"
    assert judge_matches([3.0, 2.0, 1.0], WIDTH).label == "supported"
    assert judge_matches([-9.0, -8.0, -10.0], WIDTH).label == "supported"
    assert judge_slightly_below([6.0, 7.0, 8.0], WIDTH).label == "supported"
    assert judge_slightly_below([-9.0, -10.0, -11.0], WIDTH).label == "refuted"
    assert judge_slightly_below([22.0, 23.0, 24.0], WIDTH).label == "refuted"
    assert judge_slightly_below([-2.0, 0.0, 2.0], WIDTH).label == "inconclusive"


@pytest.mark.parametrize("low", [-1.0, 0.0, None])
def test_without_a_gap_between_the_heuristics_there_is_no_score(low: float | None) -> None:
    for judge in (judge_matches, judge_slightly_below):
        verdict = judge([0.9, 0.9, 0.91], Estimate(1.0, low, 3.0, 0.99, 20))
        assert verdict.label == "inconclusive" and "Random" in verdict.why


def alphas(means: list[float], noise: float, n: int) -> Callable[[np.random.Generator], Verdict]:
    """Four settings; seeds differ far more (0.2) than settings within a seed."""
    centre = np.array(means)[:, None]

    def judge(g: np.random.Generator) -> Verdict:
        scores = centre + 0.2 * g.normal(size=n) + noise * g.normal(size=(4, n))
        return judge_equivalent(scores, 0.01, level=0.95)

    return judge


@pytest.mark.parametrize("n", [5, 10])
def test_equivalence_errs_at_its_rate(n: int, seed: int) -> None:
    # Edge: one setting exactly 0.01 from the others' common mean, noise small enough that only it can decide.
    edge = rates(alphas([0.0, 0.01, 0.005, 0.005], 0.001, n), seed, n)
    assert 0 < edge["supported"] <= ALLOWED
    # False refutation: six pairs share 5 %; the largest difference lies on the margin.
    assert edge["refuted"] <= int(stats.binom.isf(5e-4, REPETITIONS, 0.05))
    assert share(alphas([0.0] * 4, 0.002, n), "supported", seed, n + 1) > 0.85
    assert share(alphas([0.0, 0.0, 0.0, 0.05], 0.005, n), "refuted", seed, n + 2) > 0.85
    assert share(alphas([0.0] * 4, 0.05, n), "supported", seed, n + 3) == 0.0  # not knowing is no equivalence


def test_absence_of_a_difference_is_not_equivalence(seed: int) -> None:
    """The control: "no pair differs significantly" calls settings equal that are three margins apart."""

    def naive(g: np.random.Generator) -> bool:
        scores = np.array([0.0, 0.03, 0.0, 0.0])[:, None] + 0.03 * g.normal(size=(4, 5))
        return all(stats.ttest_rel(scores[i], scores[j]).pvalue > 0.05 / 6 for i in range(4) for j in range(i))

    rng = np.random.default_rng([72, seed])
    assert sum(naive(rng) for _ in range(200)) > 100
    assert share(alphas([0.0, 0.03, 0.0, 0.0], 0.03, 5), "supported", seed, 90) == 0.0


def test_equivalence_by_hand() -> None:
    base = np.array([0.9, 1.0, 1.1])
    same = judge_equivalent(np.stack([base, base + 0.001, base - 0.001]), 0.01)
    assert same.label == "supported" and "3 of 3 pairs" in same.why
    apart = judge_equivalent(np.stack([base, base + 0.5, base]), 0.01, names=["a 0.2", "a 0.4", "a 0.6"])
    assert apart.label == "refuted" and "a 0.4" in apart.why and apart.estimate.level == pytest.approx(1 - 0.05 / 3)
    assert judge_equivalent(np.stack([base, base + 0.5]), 0.6).label == "supported"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(judge_fails, []), "levels"),
        (partial(judge_fails, [0.1, np.nan]), "finite"),
        (partial(judge_collapses, [0.1], [0.1, 0.2]), "at least 2"),
        (partial(judge_matches, [0.1, 0.2], Estimate(1.0, 0.5, 2.0, 0.95, 9)), "width.level"),
        (partial(judge_equivalent, [[0.1, 0.2]], 0.01), "at least 2"),
        (partial(judge_equivalent, [[0.1], [0.2]], 0.01), "at least 2"),
        (partial(judge_equivalent, np.ones((2, 3)), 0.0), "margin"),
        (partial(judge_equivalent, np.ones((2, 3)), 0.1, names=["a"]), "agree"),
        (partial(judge_equivalent, np.ones((2, 3)), 0.1, names=["a", "a"]), "more than once"),
    ],
)
def test_bad_input_is_named(call: Callable[[], object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()
