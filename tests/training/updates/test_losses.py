"""The losses against slow plain versions in float64, and what masks must not change."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dgpg_verify.core import generator
from dgpg_verify.testing import EXACT
from dgpg_verify.training.updates.losses import (
    clipped_surrogate,
    entropy,
    live_mean,
    log_probabilities,
    normalise_advantages,
    value_loss,
)


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@EXACT
@given(ratio=st.floats(0.0, 3.0), advantage=st.floats(-5, 5), clip=st.floats(0.01, 0.9))
def test_clipped_surrogate_case_by_case(ratio: float, advantage: float, clip: float) -> None:
    """A gain is counted up to 1 + clip, a loss from 1 - clip on; nothing else is cut."""
    if advantage >= 0.0:
        expected = (1.0 + clip if ratio > 1.0 + clip else ratio) * advantage
    else:
        expected = (1.0 - clip if ratio < 1.0 - clip else ratio) * advantage
    assert float(clipped_surrogate(tensor(ratio), tensor(advantage), clip)) == pytest.approx(expected, abs=1e-12)


@EXACT
@given(new=st.floats(-20, 20), old=st.floats(-20, 20), target=st.floats(-20, 20), clip=st.floats(0.01, 1))
@pytest.mark.parametrize("huber", [None, 1.5])
def test_value_loss_case_by_case(huber: float | None, new: float, old: float, target: float, clip: float) -> None:
    def plain(gap: float) -> float:
        if huber is None or abs(gap) <= huber:
            return gap**2 / 2
        return huber * abs(gap) - huber**2 / 2

    kept = min(max(new, old - clip), old + clip)
    given_ = tensor(new), tensor(old), tensor(target)
    assert float(value_loss(*given_, None, huber)) == pytest.approx(plain(new - target), abs=1e-9)
    expected = max(plain(new - target), plain(kept - target))
    assert float(value_loss(*given_, clip, huber)) == pytest.approx(expected, abs=1e-9)


def test_log_probabilities_and_entropy_by_hand() -> None:
    """Logits log 1, log 3 and a masked one: probabilities 1/4, 3/4; a row without candidates gives 0 everywhere."""
    logits = torch.tensor([[0.0, math.log(3.0), 9.0], [1.0, 2.0, 3.0]], dtype=torch.float64)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    found = log_probabilities(logits.masked_fill(~mask, -torch.inf), mask)
    torch.testing.assert_close(found[0, :2].exp(), tensor(0.25, 0.75))
    assert found[0, 2] == 0.0 and not bool(found[1].any())
    expected = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert float(entropy(found, mask)[0]) == pytest.approx(expected, rel=1e-12)
    assert float(entropy(found, mask)[1]) == 0.0


@pytest.mark.parametrize("how", ["filled", "added"])
def test_fully_masked_rows_give_no_nan_gradient(how: str) -> None:
    """Whether a policy fills masked logits with -inf or adds -inf (then nothing stops a NaN on its way back)."""
    logits = torch.zeros(3, 4, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True] * 4, [False] * 4, [True, False, False, False]])
    penalty = torch.zeros_like(logits).masked_fill(~mask, -torch.inf)
    log_probs = log_probabilities(logits + penalty if how == "added" else logits.masked_fill(~mask, -torch.inf), mask)
    (log_probs[:, 0] + entropy(log_probs, mask)).sum().backward()
    assert logits.grad is not None and bool(logits.grad.isfinite().all())
    assert bool(logits.grad[0].any()) and not bool(logits.grad[1:].any())


def ragged(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Values [L, N] and a mask with 5, 2 and 0 live entries."""
    live = torch.tensor([[True] * 5, [True, False, True, False, False], [False] * 5]).T
    return torch.randn(5, 3, generator=generator(seed), dtype=torch.float64), live


@pytest.mark.parametrize("per_agent", [True, False])
def test_live_mean_equals_a_loop_and_ignores_the_rest(per_agent: bool) -> None:
    values, live = ragged()
    lists = [[float(values[k, i]) for k in range(5) if live[k, i]] for i in range(3)]
    if per_agent:
        expected = sum(sum(mine) / len(mine) for mine in lists if mine)
    else:
        expected = sum(map(sum, lists)) / sum(map(len, lists))
    assert float(live_mean(values, live, per_agent)) == pytest.approx(expected, rel=1e-12)
    junk = torch.where(live, values, torch.nan)
    assert float(live_mean(junk, live, per_agent)) == float(live_mean(values, live, per_agent))


@pytest.mark.parametrize("per_agent", [True, False])
def test_live_mean_is_a_mean_not_a_sum(per_agent: bool) -> None:
    """Every decision twice, or padding below it: the same loss."""
    values, live = ragged()
    once = live_mean(values, live, per_agent)
    torch.testing.assert_close(live_mean(values.repeat(2, 1), live.repeat(2, 1), per_agent), once)
    padded = live_mean(torch.cat([values, values + 7]), torch.cat([live, torch.zeros_like(live)]), per_agent)
    torch.testing.assert_close(padded, once)


def advantages(seed: int = 3) -> tuple[Tensor, Tensor]:
    """[B, T, N] = [2, 6, 4] of very different agents; agent 2 decides once, agent 3 never."""
    rng = generator(seed)
    scale = tensor(1.0, 50.0, 3.0, 2.0)
    values = torch.randn(2, 6, 4, generator=rng, dtype=torch.float64) * scale + 10.0 * scale
    live = torch.rand(2, 6, 4, generator=rng) < 0.6
    live[..., 2] = False
    live[1, 4, 2] = True
    live[..., 3] = False
    return values, live


@pytest.mark.parametrize("how", ["batch", "agent", "none"])
def test_advantages_are_normalised_over_the_right_axis(how: str) -> None:
    values, live = advantages()
    x, keep = values.numpy(), live.numpy()
    expected = np.zeros_like(x)
    batch = x[keep]
    for i in range(4):
        mine = batch if how == "batch" or keep[..., i].sum() < 2 else x[..., i][keep[..., i]]
        for b in range(2):
            for t in range(6):
                if keep[b, t, i]:
                    expected[b, t, i] = (
                        x[b, t, i] if how == "none" else (x[b, t, i] - mine.mean()) / (mine.std() + 1e-5)
                    )
    np.testing.assert_allclose(normalise_advantages(values, live, how).numpy(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("how", ["batch", "agent"])
def test_idle_entries_do_not_move_the_normalisation(how: str) -> None:
    values, live = advantages()
    junk = torch.where(live, values, 1e9)
    assert torch.equal(normalise_advantages(junk, live, how), normalise_advantages(values, live, how))


@pytest.mark.parametrize("how", ["batch", "agent", "none"])
def test_equal_advantages_and_empty_batches_stay_finite(how: str) -> None:
    same, live = torch.full((1, 2, 2), 3.0), torch.ones(1, 2, 2, dtype=torch.bool)
    assert bool(normalise_advantages(same, live, how).isfinite().all())
    assert not bool(normalise_advantages(same, torch.zeros_like(live), how).any())
