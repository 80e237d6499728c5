"""Sentences of the ledger: numbers, bounds, and what is not known."""

from __future__ import annotations

import pytest

from dgpg_verify.claims.samples.questions import describe_method
from dgpg_verify.claims.words import growth, is_unknown, number, power, sentence, with_interval
from dgpg_verify.core import Estimate, Verdict


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.9312, 0.9, 0.96, "0.931 [0.9, 0.96]"),
        (None, 6.917, None, "at least 6.92"),
        (None, None, 20.0, "at most 20"),
        (None, 3.0, 5.0, "between 3 and 5"),
        (9.5, 8.0, None, "at least 8"),
        (9.5, None, None, "9.5"),
        (None, None, None, "not measurable"),
        (0.0, 0.0, 0.0, "0 [0, 0]"),
    ],
)
def test_an_estimate_is_told_as_far_as_it_is_known(
    value: float | None, low: float | None, high: float | None, said: str
) -> None:
    estimate = Estimate(value, low, high, 0.95, 5)
    assert with_interval(estimate) == said
    assert is_unknown(estimate) == (said == "not measurable")


def test_numbers_and_powers() -> None:
    assert number(0.97312, ".2f") == "0.97"
    assert number(-0.004, ".2f") == "0.00"
    assert number(None) == "not measurable"
    assert power("N", 1.0) == "N^1.00"
    assert power("eps", -0.894) == "eps^-0.89"
    assert power("N", -0.001) == "N^0.00"
    assert power("N", None) == ""


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.97, 0.85, 1.08, "grows like N^0.97 [0.85, 1.08]"),
        (-0.05, -0.08, -0.02, "falls like N^-0.05 [-0.08, -0.02]"),
        (-0.001, -0.02, 0.02, "shows no trend in N (N^0.00 [-0.02, 0.02])"),
        (-0.07, -0.15, 0.0006, "shows no trend in N (N^-0.07 [-0.15, 0.00])"),
        (-0.001, -0.002, 0.001, "is the same for all N (N^0.00 [0.00, 0.00])"),
        (0.3, None, 0.4, "goes like N^0.30 [not measurable, 0.40]"),
    ],
)
def test_an_exponent_is_told_as_growth_fall_or_neither(value: float, low: float | None, high: float, said: str) -> None:
    assert growth(Estimate(value, low, high, 0.95, 5)) == said


def test_every_method_of_the_learning_runs_has_words() -> None:
    for method in (
        "return",
        "guided:0.2",
        "guided:sqrt@difference",
        "growing",
        "constant",
        "mappo",
        "parts:0.2",
        "dgpg/parts",
    ):
        assert not describe_method(method).rstrip().endswith("=")


def test_a_sentence_is_that_of_the_label_and_an_unknown_number_has_its_own() -> None:
    sentences = {"supported": "It is {value} [{low}, {high}], {what}.", "refuted": "It is not, {what}."}
    known = Verdict("supported", "why", Estimate(0.98765, 0.9, 1.0, 0.95, 4))
    assert sentence(sentences, known, ".2f", what="here") == "It is 0.99 [0.90, 1.00], here."
    unknown = Verdict("inconclusive", "no cells", Estimate(None, None, None, 0.95, 0))
    assert (
        sentence(sentences, unknown, statistic="ratio", where="cloud")
        == "The ratio is not measurable (no cells): cloud."
    )
