"""The green band of a row's strip is the set in which its claim holds."""

from __future__ import annotations

import re

import pytest

from dgpg_verify.reporting.pages.strip import WIDTH, interval_strip
from dgpg_verify.statistics.verdict import RELATIONS
from tests.reporting.synthetic_run import ledger_row

LEFT, RIGHT = 4.0, WIDTH - 4.0  # where the ends of LIMITS are drawn
LIMITS = (0.0, 1.0)


def band(relation: str, expected: float | None, margin: float | None) -> tuple[float, float] | None:
    """Ends of the band on the scale of LIMITS; an end outside [0, 1] is open."""
    svg = interval_strip(ledger_row("r", "C1.1", relation=relation, expected=expected, margin=margin), LIMITS)
    found = re.search(r'class="allowed" x="([\d.]+)" y="3" width="([\d.]+)"', svg)
    if found is None:
        return None
    x, width = (float(text) for text in found.groups())
    return tuple((end - LEFT) / (RIGHT - LEFT) for end in (x, x + width))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("relation", "margin", "low", "high"),
    [
        ("theta", 0.2, 0.4, 0.8),
        ("equal", 0.2, 0.4, 0.8),
        ("big_o", 0.2, None, 0.8),
        ("at_most", 0.2, None, 0.8),
        ("at_least", 0.2, 0.4, None),
        ("big_o", None, None, 0.6),
        ("at_most", None, None, 0.6),
        ("at_least", None, 0.6, None),
    ],
)
def test_the_band_is_where_the_claim_holds(
    relation: str, margin: float | None, low: float | None, high: float | None
) -> None:
    left, right = band(relation, 0.6, margin)
    assert left < 0.0 if low is None else left == pytest.approx(low, abs=0.01)
    assert right > 1.0 if high is None else right == pytest.approx(high, abs=0.01)


@pytest.mark.parametrize("relation", ["equal", "theta", "universal"])
def test_an_exact_statement_is_a_thin_line_at_its_value(relation: str) -> None:
    left, right = band(relation, 0.6, None)
    assert left == pytest.approx(0.6, abs=0.01) and right - left < 0.02


def test_every_relation_is_tested() -> None:
    tested = {"theta", "equal", "big_o", "at_most", "at_least", "universal"}
    assert set(RELATIONS) == tested


def test_a_row_without_an_expected_value_has_no_band() -> None:
    assert band("at_most", None, None) is None
