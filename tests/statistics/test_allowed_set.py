"""Every judge decides by the set that `allowed_set` gives for its row: Hypothesis over all relations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgpg_verify.core import Estimate, InputError, Label
from dgpg_verify.statistics import (
    RELATIONS,
    allowed_set,
    allowed_text,
    fit_scaling,
    judge,
    judge_at_least,
    judge_equal,
    judge_interval,
    judge_none,
    judge_threshold,
)

Region = tuple[float, float]
# Multiples of 1/8 are exact in binary, so that ends meet the edge of a set often and without rounding.
EIGHTHS = st.integers(-24, 24).map(lambda k: k / 8)
MARGINS = st.integers(1, 16).map(lambda k: k / 8)
BASE = fit_scaling((32, 64, 128, 256), np.exp(0.1 * np.random.default_rng(0).standard_normal((4, 20))))


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    low, high = sorted((draw(EIGHTHS), draw(EIGHTHS)))
    return Estimate((low + high) / 2, low, high, 0.99, 20)


def plain_label(estimate: Estimate, allowed: Region, tolerated: Region) -> Label:
    """The definition, number by number: all of the interval's eighths inside, or none of them tolerated."""
    points = np.arange(estimate.low, estimate.high + 0.01, 1 / 8)
    if all(allowed[0] <= point <= allowed[1] for point in points):
        return "supported"
    return "inconclusive" if any(tolerated[0] <= point <= tolerated[1] for point in points) else "refuted"


def plain_set(relation: str, expected: float, margin: float) -> Region:
    """The table of relations, written apart."""
    return {
        "theta": (expected - margin, expected + margin),
        "equal": (expected - margin, expected + margin),
        "universal": (expected - margin, expected + margin),
        "big_o": (-np.inf, expected + margin),
        "at_most": (-np.inf, expected + margin),
        "at_least": (expected - margin, np.inf),
    }[relation]


def exponent_label(estimate: Estimate, relation: str, expected: float, margin: float) -> Label:
    """The label of a fit whose deciding interval is that of the estimate."""
    top = dataclasses.replace(
        BASE.top_decade, exponent=estimate.value, low=estimate.low, high=estimate.high, lack_of_fit=0.5
    )
    return judge(dataclasses.replace(BASE, top_decade=top), expected, margin, relation).label


@given(estimate=estimates(), relation=st.sampled_from(RELATIONS), expected=EIGHTHS, margin=MARGINS)
def test_supported_iff_inside_and_refuted_iff_disjoint(
    estimate: Estimate, relation: str, expected: float, margin: float
) -> None:
    allowed = plain_set(relation, expected, margin)
    assert allowed_set(relation, expected, margin) == allowed
    wanted = plain_label(estimate, allowed, allowed)
    assert judge_interval(estimate, relation, expected, margin).label == wanted
    assert exponent_label(estimate, relation, expected, margin) == wanted


@given(estimate=estimates(), bound=EIGHTHS, margin=MARGINS)
def test_each_named_judge_is_its_relation(estimate: Estimate, bound: float, margin: float) -> None:
    judged = {
        judge_at_least(estimate, bound): allowed_set("at_least", bound),
        judge_threshold(estimate, bound): allowed_set("at_most", bound),
        judge_equal(estimate, bound, margin): allowed_set("equal", bound, margin),
    }
    for verdict, allowed in judged.items():
        assert verdict.label == plain_label(estimate, allowed, allowed)


@given(estimate=estimates(), support_at=EIGHTHS, gap=MARGINS)
def test_with_two_thresholds_it_is_refuted_iff_beyond_the_second(
    estimate: Estimate, support_at: float, gap: float
) -> None:
    wanted = plain_label(estimate, (-np.inf, support_at), (-np.inf, support_at + gap))
    assert judge_threshold(estimate, support_at, support_at + gap).label == wanted


@pytest.mark.parametrize("relation", [r for r in RELATIONS if r not in ("theta", "equal", "universal")])
def test_a_set_open_to_the_wrong_side_is_caught(relation: str) -> None:
    """The control: the mirrored set, as a figure once drew it, disagrees with the judge."""
    mirrored: Callable[[Region], Region] = lambda allowed: (  # noqa: E731
        (-np.inf, allowed[0]) if allowed[1] == np.inf else (allowed[1], np.inf)
    )
    wrong = mirrored(allowed_set(relation, 1.0, 0.5))
    caught = [
        plain_label(estimate, wrong, wrong) != judge_interval(estimate, relation, 1.0, 0.5).label
        for estimate in (Estimate(0.0, 0.0, 0.0, 0.99, 2), Estimate(3.0, 3.0, 3.0, 0.99, 2))
    ]
    assert all(caught)


@given(relation=st.sampled_from(RELATIONS), expected=EIGHTHS)
def test_no_margin_is_a_margin_of_zero(relation: str, expected: float) -> None:
    assert allowed_set(relation, expected) == allowed_set(relation, expected, 0.0) == plain_set(relation, expected, 0.0)
    assert allowed_text(relation, expected) == allowed_text(relation, expected, 0.0)


def test_sets_in_words() -> None:
    words = {
        ("theta", 1.0, 0.15): "1 -+ 0.15",
        ("equal", 0.0, None): "exactly 0",
        ("big_o", 0.0, 0.15): "at most 0 + 0.15",
        ("at_most", 10.0, None): "at most 10",
        ("at_least", 0.0, 0.15): "at least 0 - 0.15",
        ("at_least", 0.99, None): "at least 0.99",
    }
    assert {statement: allowed_text(*statement) for statement in words} == words


def test_a_tolerance_is_a_margin_of_an_exact_number() -> None:
    exact = Estimate(5e-15, 5e-15, 5e-15, 1.0, 10)
    assert judge_interval(exact, "at_most", 0.0).label == "refuted"
    assert judge_interval(exact, "at_most", 0.0, 1e-9).label == "supported"


def test_one_violation_refutes_and_none_supports_if_enough_were_looked_at() -> None:
    assert judge_none(1, 10_000).label == "refuted"
    assert judge_none(0, 40, fewest=40).label == "supported"
    few, nothing = judge_none(0, 39, fewest=40), judge_none(0, 0)
    assert (few.label, few.decided_at, nothing.label, nothing.estimate.value) == (
        "inconclusive", 40, "inconclusive", None,
    )  # fmt: skip
    assert judge_none(0, 40, 0.99).estimate.high == pytest.approx(1 - 0.005 ** (1 / 40))


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (("omega", 0.0, 0.1), "theta, equal, big_o, at_most, at_least"),
        (("theta", 0.0, -0.1), "margin"),
        (("theta", 0.0, np.nan), "margin"),
        (("at_most", np.inf, 0.1), "expected"),
        (("at_least", None, 0.1), "expected"),
    ],
)
def test_an_unknown_statement_is_refused(statement: tuple, named: str) -> None:
    with pytest.raises(InputError, match=named):
        allowed_set(*statement)
