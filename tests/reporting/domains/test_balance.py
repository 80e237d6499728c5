"""The figure of dispatch: powers of N by the weight of the balance, and a title that says where both hold."""

from __future__ import annotations

import pytest

from dgpg_verify.reporting.domains.balance import draw_balance
from dgpg_verify.reporting.frame import NothingToDraw, frames
from tests.reporting.synthetic_run import balance_weights


def test_both_powers_are_drawn_as_recorded_and_beside_them_what_was_predicted() -> None:
    [ax] = draw_balance(frames({"balance_weights": balance_weights()})).axes
    drawn = [list(line.get_ydata()) for line in ax.lines if line.get_marker() in ("s", "D")]
    assert drawn == [[1.0, 0.0, 0.0], [-2.0, -1.0, 0.0]]
    dashed = [
        list(line.get_ydata()) for line in ax.lines if line.get_linestyle() == "--" and len(line.get_xdata()) == 3
    ]
    assert dashed == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("shift", "said"), [(0.0, "a weight of N^-0.5 the noise"), (2.0, "No weight"), (-1.0, "N^-0.5 to N^-1")]
)
def test_the_title_says_where_both_hold(shift: float, said: str) -> None:
    rows = balance_weights()
    for row in rows:
        if row["statistic"] == "imbalance_penalty":
            row |= {end: row[end] + shift for end in ("exponent", "low", "high")}
    assert said in draw_balance(frames({"balance_weights": rows})).texts[0].get_text()


def test_without_records_there_is_nothing_to_draw() -> None:
    with pytest.raises(NothingToDraw, match="balance_weights"):
        draw_balance(frames({}))
