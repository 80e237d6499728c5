"""The shift law on quadratics, where it is exact, and its order where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.shift.first_order import predicted_shift


def test_by_hand() -> None:
    """J = -1/2 (t - 1)^2, G = 1/2 (t - 3)^2: theta_alpha = 1 + 2 alpha."""
    move = predicted_shift([[-1.0]], [[1.0]], [1.0 - 3.0], 0.25)
    assert move.shape == (1,) and move[0] == 0.5


def test_batch_equals_one_by_one_and_solves_the_equation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(2, 7, 4, 4))
    first, second = -(roots[0] @ roots[0].swapaxes(1, 2)) - np.eye(4), roots[1] @ roots[1].swapaxes(1, 2)
    gradient = rng.normal(size=(7, 4))
    moves = predicted_shift(first, second, gradient, 0.4)
    assert moves.shape == (7, 4)
    for f in range(7):
        assert np.array_equal(moves[f], predicted_shift(first[f], second[f], gradient[f], 0.4))
    mixed = 0.6 * first - 0.4 * second
    left = np.einsum("fab,fb->fa", mixed, moves)
    assert np.abs(left - 0.4 * gradient).max() < 1e-13 * np.linalg.cond(mixed).max()


def test_alpha_zero_moves_nothing_and_a_singular_hessian_is_refused() -> None:
    assert not predicted_shift(-np.eye(2), np.eye(2), [1.0, 2.0], 0.0).any()
    with pytest.raises(InputError, match=r"condition number inf"):
        predicted_shift(np.diag([-1.0, 0.0]), np.zeros((2, 2)), [0.0, 1.0], 0.5)


@pytest.mark.parametrize(
    "arguments",
    [
        (np.eye(2), np.eye(3), np.ones(2), 0.5),
        (np.eye(2), np.eye(2), np.ones(3), 0.5),
        (np.eye(2), np.eye(2), np.ones(2), 1.5),
        (np.ones((2, 3)), np.ones((2, 3)), np.ones(2), 0.5),
    ],
    ids=["hessians", "gradient", "alpha", "square"],
)
def test_bad_input(arguments: tuple) -> None:
    with pytest.raises(InputError):
        predicted_shift(*arguments)
