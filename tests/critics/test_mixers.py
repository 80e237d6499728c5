"""Mixers: the four promises of their papers, on random ones, and the pay-off matrix that tells them apart."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dgpg_verify.critics import MIXERS, Mixer, drawn
from dgpg_verify.critics.mixers import JointActions, taken
from dgpg_verify.testing import EXACT

N, K, F = 3, 4, 5
MATRIX = torch.tensor([[8.0, -12.0, -12.0], [-12.0, 0.0, 0.0], [-12.0, 0.0, 0.0]])  # Son et al. 2019, table 1
REACHES = {"vdn": False, "qmix": False, "qtran": True, "qplex": True}


def made(name: str, seed: int, n: int = N, k: int = K) -> Mixer:
    return drawn(lambda: MIXERS[name](n, k, F), seed)


def inputs(seed: int, size: int = 6) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Utilities [B, N, K], state, best, actions, an agent without an action in the first row."""
    rng = torch.Generator().manual_seed(seed)
    utilities, state = torch.randn(size, N, K, generator=rng), torch.randn(size, F, generator=rng)
    actions = torch.randint(K, (size, N), generator=rng)
    actions[0, 1] = -1
    return utilities, state, torch.where(actions >= 0, utilities.amax(-1), 0.0), actions


@pytest.mark.parametrize("name", MIXERS)
def test_tables_play_one_action_at_a_time(name: str) -> None:
    """Every entry against the mixer itself on the changed joint action; the diagonal is the value of what was taken."""
    mixer = made(name, 0)
    utilities, state, best, actions = inputs(0)
    table = mixer.table(utilities, state, best, actions)
    assert table.shape == (6, N, K) and mixer(taken(utilities, actions), state, best, actions).shape == (6,)
    for i, k in itertools.product(range(N), range(K)):
        changed = actions.clone()
        changed[1:, i] = k
        value = mixer(taken(utilities, changed), state, best, changed)
        torch.testing.assert_close(table[1:, i, k], value[1:], atol=1e-5, rtol=1e-5)
    assert float((table[1:] - table[1:, :, :1]).detach().abs().max()) > 1e-3


@EXACT
@given(seed=st.integers(0, 2**16), agent=st.integers(0, N - 1), rise=st.floats(0.01, 10.0))
def test_qmix_and_vdn_rise_with_every_utility(seed: int, agent: int, rise: float) -> None:
    utilities, state, _, actions = inputs(seed)
    before = taken(utilities, actions)
    after = before + rise * torch.eye(N)[agent]
    for name in ("vdn", "qmix"):
        mixer = made(name, seed)
        assert bool((mixer(after, state) >= mixer(before, state)).all()), name


@EXACT
@given(seed=st.integers(0, 2**16))
def test_qmix_is_convex_in_the_utilities(seed: int) -> None:
    """Half-way between two vectors of utilities it is at most the mean of both: why it misses concave pay-offs."""
    rng = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, 5, N, generator=rng)
    state, mixer = torch.randn(5, F, generator=rng), made("qmix", seed)
    middle = mixer((first + second) / 2, state)
    assert bool((middle <= (mixer(first, state) + mixer(second, state)) / 2 + 1e-5).all())


def test_control_qplex_is_not_monotone() -> None:
    """Else they could not represent a pay-off that is not: an action of more utility has somewhere less value."""
    utilities, state, best, actions = inputs(1)
    values = made("qplex", 1).table(utilities, state, best, actions)[1:]
    order = utilities[1:].argsort(-1)
    assert bool((values.gather(-1, order).diff(dim=-1) < 0).any())


@EXACT
@given(seed=st.integers(0, 2**16))
def test_the_best_of_qplex_is_the_best_of_each(seed: int) -> None:
    utilities, state, _, _ = inputs(seed, 1)
    profiles = torch.cartesian_prod(*[torch.arange(K)] * N)
    utilities = utilities.expand(len(profiles), -1, -1)
    state = state.expand(len(profiles), -1)
    values = made("qplex", seed)(taken(utilities, profiles), state, utilities.amax(-1), profiles)
    assert torch.equal(profiles[values.argmax()], utilities[0].argmax(-1))


def test_qtrans_constraints_by_hand() -> None:
    """One row: the gap at the greedy action counts squared, that of the action taken where it is below 0 alone."""
    mixer = made("qtran", 2)
    utilities, state, _, actions = (values[1:2] for values in inputs(2))
    best, best_actions = utilities.max(-1)
    offset = mixer.offset(state)[0, 0]  # type: ignore[operator, union-attr]
    at_best = best.sum() - mixer(None, state, None, best_actions)[0] + offset
    at_taken = taken(utilities, actions).sum() - mixer(None, state, None, actions)[0] + offset
    found = mixer.constraints(taken(utilities, actions), state, best, actions, best_actions)
    torch.testing.assert_close(found, at_best**2 + at_taken.clamp(max=0.0) ** 2)
    found.backward()  # type: ignore[no-untyped-call]
    learned = {name for name, weights in mixer.named_parameters() if weights.grad is not None and weights.grad.any()}
    assert {name.partition(".")[0] for name in learned} == {"offset"}, "the joint value yields to the sum's constraints"
    for name in ("vdn", "qmix", "qplex"):
        assert not bool(made(name, 2).constraints(utilities, state, best, actions, best_actions).any())


def test_the_sum_of_rows_is_a_linear_layer_on_one_hots() -> None:
    layer = drawn(lambda: JointActions(N, K, 7), 0)
    actions = torch.tensor([[0, 3, 2], [1, -1, 0]])
    one_hot = torch.nn.functional.one_hot(actions.clamp(min=0), K).float() * (actions >= 0)[..., None]
    torch.testing.assert_close(layer(actions), torch.einsum("bnk,nkw->bw", one_hot, layer.every()))
    changed = actions.clone()
    changed[:, 1] = 2
    torch.testing.assert_close(layer.others(actions)[0, 1], layer.others(changed)[0, 1])
    torch.testing.assert_close(layer.others(actions)[1, 1], layer(actions)[1])


@pytest.mark.parametrize("name", MIXERS)
def test_an_idle_agent_changes_nothing_for_the_others(name: str) -> None:
    """What it would have preferred does not matter: its utility and best are 0, its action -1."""
    mixer = made(name, 3)
    utilities, state, best, actions = inputs(3)
    other = utilities.clone()
    other[0, 1] += 5.0
    first, second = (mixer.table(values, state, best, actions)[0, [0, 2]] for values in (utilities, other))
    torch.testing.assert_close(first, second)


def test_seeds_decide_the_weights_and_nothing_outside() -> None:
    before = torch.random.get_rng_state()
    one, again, other = (made("qmix", seed).first[0].weight for seed in (1, 1, 2))  # type: ignore[index, union-attr]
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def learned(name: str, seed: int = 0, steps: int = 1500) -> tuple[Tensor, float]:
    """The utilities [2, 3] after regression on all nine cells alike, and the pay-off of their greedy joint action."""
    mixer = drawn(lambda: MIXERS[name](2, 3, 1), seed)
    table = torch.nn.Parameter(0.1 * torch.randn(2, 3, generator=torch.Generator().manual_seed(seed)))
    actions = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    state, target = torch.ones(9, 1), MATRIX.flatten()
    optimiser = torch.optim.Adam([table, *mixer.parameters()], lr=1e-2, fused=True)
    for _ in range(steps):
        utilities = table.expand(9, 2, 3)
        best, best_actions = utilities.max(-1)
        chosen = taken(utilities, actions)
        error = torch.nn.functional.mse_loss(mixer(chosen, state, best, actions), target)
        loss = error + mixer.constraints(chosen, state, best, actions, best_actions)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    row, column = table.argmax(-1)
    return table.detach(), float(MATRIX[row, column])


@pytest.mark.parametrize("name", MIXERS)
def test_the_matrix_of_qtran(name: str) -> None:
    """VDN and QMIX, the controls, cannot represent it and miss 8 from four first weights; QTRAN and QPLEX reach it.

    Of eight first weights QTRAN reached 8 from all, QPLEX from five to seven, depending on rounding: it has local
    minima in which the utilities of two actions stay equal. Hence one of eight is asked for, which fails at most once
    in 2 500 times.
    """
    assert any(learned(name, seed)[1] == 8.0 for seed in range(8 if REACHES[name] else 4)) == REACHES[name]
