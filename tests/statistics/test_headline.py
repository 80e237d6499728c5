"""The headline of a claim from the verdicts of its rows and readings: the whole table by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgpg_verify.core import LABELS, Label
from dgpg_verify.statistics import HEADLINES, join_readings, join_rows

READINGS = {
    "supported": [["supported"], ["supported", "supported"]],
    "refuted": [["refuted"], ["refuted", "refuted"]],
    "depends": [["supported", "refuted"], ["refuted", "inconclusive", "supported"]],
    "inconclusive": [[], ["inconclusive"], ["supported", "inconclusive"], ["refuted", "inconclusive"]],
}


@pytest.mark.parametrize(
    ("headline", "labels"), [(name, labels) for name, cases in READINGS.items() for labels in cases]
)
def test_readings_by_hand(headline: str, labels: Sequence[Label]) -> None:
    assert join_readings(labels) == headline and headline in HEADLINES


@pytest.mark.parametrize(
    ("label", "rows"),
    [
        ("supported", ["supported", "supported"]),
        ("refuted", ["supported", "inconclusive", "refuted"]),
        ("inconclusive", ["supported", "inconclusive"]),
        ("inconclusive", []),
    ],
)
def test_rows_by_hand(label: Label, rows: Sequence[Label]) -> None:
    assert join_rows(rows) == label


class _Placed(str):
    """A label whose place in a set is given: that of others is drawn anew in each interpreter."""

    place = 0

    def __hash__(self) -> int:
        return self.place


@pytest.mark.parametrize("places", [(0, 1), (1, 0)])
@pytest.mark.parametrize("decided", ["supported", "refuted"])
def test_one_undecided_reading_is_enough_wherever_it_stands(decided: str, places: tuple[int, int]) -> None:
    labels = [_Placed(decided), _Placed("inconclusive")]
    for label, place in zip(labels, places):
        label.place = place
    assert join_readings(labels) == "inconclusive"


def test_a_reading_that_was_not_measured_counts_as_undecided() -> None:
    assert join_readings(["supported"], whole=False) == join_readings(["refuted"], whole=False) == "inconclusive"
    assert join_readings(["supported", "refuted"], whole=False) == "depends"


@given(labels=st.lists(st.sampled_from(LABELS), max_size=5))
def test_a_single_reading_is_its_own_headline_and_order_never_matters(labels: list[Label]) -> None:
    assert join_readings(labels) == join_readings(labels[::-1]) == join_readings(labels + labels)
    assert all(join_readings([label]) == label for label in labels)
    if join_readings(labels) in ("supported", "refuted"):  # a decided headline is what every reading says
        assert set(labels) == {join_readings(labels)}
