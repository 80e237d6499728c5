"""A measurement as text, table and picture holds the numbers of its credits, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from dgpg_verify.core import Estimate, InputError
from dgpg_verify.measurement import GradientMoments, measure_gradients
from dgpg_verify.systems import LoadBalancingGame

GAME = LoadBalancingGame.random(5, seed=1, n_candidates=3)
CREDITS = ["return", "guidance", "guided:0.5"]


@pytest.fixture(scope="module")
def moments() -> GradientMoments:
    return measure_gradients(GAME, "uniform", CREDITS, rollouts=32, pick_freeze=8, progress=False)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.mark.parametrize(
    ("estimate", "text"),
    [((1.2345, 1.0, 2.0), "1.23 [1, 2]"), ((0.5, None, None), "0.5"), ((None, None, None), "-")],
)
def test_an_estimate_prints_as_a_number_with_its_interval(estimate: tuple[float | None, ...], text: str) -> None:
    assert str(Estimate(*estimate, 0.95, 3)) == text


def test_the_text_is_a_short_table_of_all_credits(moments: GradientMoments) -> None:
    lines = repr(moments).splitlines()
    assert lines[0] == "3 credits, 5 agents, 32 roll-outs, intervals at 95%"
    assert lines[1].split() == ["credit", "variance", "noise-to-signal", "efficiency", "alignment", "cross-agent"]
    for line, (name, credit) in zip(lines[2:], moments.items(), strict=True):
        assert line.split()[0] == name and str(credit.noise_to_signal) in line and str(credit.alignment) in line
        assert str(credit.mean_variance) in repr(credit)
    assert len({len(line) for line in lines[1:]}) == 1, "not aligned"
    for text in (repr(moments), *map(repr, moments.values())):
        assert " at 0x" not in text and "array(" not in text and "tensor(" not in text


def test_the_frame_has_a_row_per_credit_with_the_pooled_numbers(moments: GradientMoments) -> None:
    frame = moments.to_frame().set_index("credit")
    assert list(frame.index) == list(moments)
    for name, credit in moments.items():
        row = frame.loc[name]
        for column, estimate in (("variance", credit.mean_variance), ("noise_to_signal", credit.noise_to_signal),
                                 ("efficiency", credit.efficiency), ("alignment", credit.alignment)):  # fmt: skip
            assert estimate is not None
            found = [row[column], row[f"{column}_low"], row[f"{column}_high"]]
            known = [estimate.value, estimate.low, estimate.high]
            np.testing.assert_array_equal(found, np.array(known, dtype=float))
        assert row["signal_squared"] == credit.signal_squared.mean()
        assert row["cross_agent_share"] == credit.cross_agent_share
    assert set(map(str, frame.dtypes)) == {"float64"}


def test_the_frame_of_a_credit_has_a_row_per_agent(moments: GradientMoments) -> None:
    credit = moments["guidance"]
    frame = credit.to_frame()
    assert list(frame["agent"]) == list(range(5))
    assert credit.cross_agent is not None
    for column in ("variance", "signal_squared", "cross_agent"):
        np.testing.assert_array_equal(frame[column], getattr(credit, column))


def test_what_is_not_measurable_is_missing_and_named() -> None:
    flat = replace(GAME, weights=torch.zeros_like(GAME.weights))
    still = measure_gradients(flat, "uniform", ["guidance"], rollouts=8, progress=False)
    frame = still.to_frame()
    assert frame[["efficiency", "alignment", "cross_agent_share"]].isna().all(axis=None)
    assert repr(still).splitlines()[-1].split()[-3:] == ["-", "-", "-"]
    (label,) = still.plot("efficiency").get_yticklabels()
    assert "not measurable" in label.get_text()


def test_the_picture_shows_the_pooled_numbers(moments: GradientMoments) -> None:
    for quantity in ("noise_to_signal", "variance", "efficiency", "alignment"):
        ax = moments.plot(quantity)
        marks = [float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() != "None"]  # type: ignore[index]
        np.testing.assert_array_equal(marks, moments.to_frame()[quantity])
    given = plt.figure().add_subplot()
    assert moments.plot(ax=given) is given
    with pytest.raises(InputError, match="quantity = 'noise' is not allowed"):
        moments.plot("noise")


def test_the_picture_of_a_credit_shows_every_agent(moments: GradientMoments) -> None:
    (dots,) = moments["return"].plot().collections
    np.testing.assert_array_equal(np.asarray(dots.get_offsets())[:, 1], moments["return"].variance)
