"""Inverse CDF, masked softmax and logit scores at their edges."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dgpg_verify.policies import inverse_cdf, logit_scores, masked_softmax
from dgpg_verify.testing import EXACT

TINY, NEARLY_ONE = 2.0**-53, 1.0 - 2.0**-53  # the ends of open_uniforms


def row(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("probabilities", "uniform", "expected"),
    [
        pytest.param(row(0.25, 0.5, 0.25), 0.25, 0, id="boundary-belongs-to-the-left"),
        pytest.param(row(0.25, 0.5, 0.25), 0.2500001, 1, id="just-above"),
        pytest.param(row(0.0, 0.5, 0.5), TINY, 1, id="masked-first-u-near-0"),
        pytest.param(row(0.0, 0.0, 1.0), TINY, 2, id="only-last"),
        pytest.param(row(0.5, 0.5, 0.0), NEARLY_ONE, 1, id="masked-last-u-near-1"),
        pytest.param(row(1.0, 0.0, 0.0), NEARLY_ONE, 0, id="only-first"),
        pytest.param(row(0.5, 0.0, 0.5), 0.5, 0, id="masked-middle-at-boundary"),
        pytest.param(row(0.5, 0.0, 0.5), 0.5 + 1e-12, 2, id="masked-middle-is-skipped"),
        pytest.param(row(0.1, 0.2, 0.0) / 0.3 * (1 - 1e-15), NEARLY_ONE, 1, id="sum-below-1"),
        pytest.param(row(1.0), 0.7, 0, id="one-candidate"),
    ],
)
def test_inverse_cdf(probabilities: Tensor, uniform: float, expected: int) -> None:
    assert int(inverse_cdf(probabilities, torch.tensor(uniform, dtype=torch.float64))) == expected


@EXACT
@given(
    logits=st.lists(st.floats(-700, 700), min_size=1, max_size=6),
    masked=st.lists(st.booleans(), min_size=6, max_size=6),
    uniform=st.floats(TINY, NEARLY_ONE),
)
def test_inverse_cdf_never_picks_probability_zero(logits: list[float], masked: list[bool], uniform: float) -> None:
    """Whatever the logits, mask and uniform: the chosen candidate is allowed and has probability > 0."""
    values = row(*logits).masked_fill(torch.tensor(masked[: len(logits)]), -torch.inf)
    if not bool(values.isfinite().any()):
        values[0] = 0.0
    chances = masked_softmax(values)
    assert float(chances[inverse_cdf(chances, row(uniform)[0])]) > 0.0


def test_inverse_cdf_frequencies_are_exact_on_a_lattice() -> None:
    """1000 equally spaced uniforms hit each candidate in proportion to its probability."""
    chances = row(0.1, 0.0, 0.65, 0.25)
    uniforms = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    counts = torch.bincount(inverse_cdf(chances.expand(1000, 4), uniforms), minlength=4)
    assert counts.tolist() == [100, 0, 650, 250]


def test_masked_softmax_ignores_masked_and_survives_none_allowed() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    mask = torch.tensor([[True, False, True], [False, False, False]])
    chances = masked_softmax(logits.masked_fill(~mask, -torch.inf))
    expected = torch.softmax(row(1.0, 3.0), -1)
    torch.testing.assert_close(chances[0], torch.stack([expected[0], row(0.0)[0], expected[1]]))
    assert torch.equal(chances[1], torch.zeros(3, dtype=torch.float64))


def test_masked_softmax_is_float64_and_stable() -> None:
    chances = masked_softmax(torch.tensor([1e4, 1e4 - 1.0], dtype=torch.float32))
    assert chances.dtype == torch.float64
    torch.testing.assert_close(chances, torch.softmax(row(1.0, 0.0), -1))


def test_logit_scores_are_zero_without_an_action_and_sum_to_zero() -> None:
    chances = row(0.2, 0.3, 0.5).expand(2, 3)
    scores = logit_scores(chances, torch.tensor([1, -1]))
    torch.testing.assert_close(scores[0], row(-0.2, 0.7, -0.5))
    assert torch.equal(scores[1], torch.zeros(3, dtype=torch.float64))
