"""Sign agreement, tied descents and perfect alignment of whole tables against plain loops."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from dgpg_verify.equilibria.alignment.signs import perfectly_aligned, sign_agreement, tied_descents
from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.games.tables import Tables
from tests.equilibria.alignment.integer_tables import integer_tables


def plain_sign_agreement(reward: np.ndarray, guidance: np.ndarray) -> bool:
    agents, actions = reward.ndim, reward.shape[0]
    for a in product(range(actions), repeat=agents):
        for i, k in product(range(agents), range(actions)):
            b = (*a[:i], k, *a[i + 1 :])
            if (reward[b] - reward[a]) * (guidance[b] - guidance[a]) > 0:
                return False
    return True


def plain_tied_descent(reward: np.ndarray, guidance: np.ndarray) -> bool:
    agents, actions = reward.ndim, reward.shape[0]
    for a in product(range(actions), repeat=agents):
        others = [(*a[:i], k, *a[i + 1 :]) for i, k in product(range(agents), range(actions))]
        stays = all(reward[b] <= reward[a] for b in others)
        if stays and any(reward[b] == reward[a] and guidance[b] < guidance[a] for b in others):
            return True
    return False


@pytest.mark.parametrize(("agents", "actions"), [(1, 3), (2, 2), (2, 3), (3, 2)])
def test_sign_agreement_and_tied_descents_against_loops(agents: int, actions: int, seed: int) -> None:
    tables = integer_tables(400, agents, actions, seed)
    halved = Tables(tables.reward, -np.floor(tables.reward / 2) + (tables.guidance == 0) * (agents == 1))
    for case in (tables, halved):
        pairs = list(zip(case.reward, case.guidance))
        signs = [plain_sign_agreement(j, g) for j, g in pairs]
        assert sign_agreement(case).tolist() == signs
        assert tied_descents(case).tolist() == [plain_tied_descent(j, g) for j, g in pairs]
    assert 0 < sign_agreement(tables).sum() < 400 and 0 < tied_descents(tables).sum() < 400


def test_sign_agreement_survives_tiny_and_huge_differences() -> None:
    """The product of two differences of 1e-200 underflows, that of 1e200 overflows; their signs do not."""
    for size in (1e-200, 1e200):
        tables = Tables([[0.0, size]], [[0.0, size]])
        assert not sign_agreement(tables)[0] and sign_agreement(Tables([[0.0, size]], [[size, 0.0]]))[0]


def test_perfect_alignment_up_to_rounding_and_no_further(seed: int) -> None:
    tables = random_tables(300, 3, 3, "delay", "perfect", seed)
    assert perfectly_aligned(tables).all()
    assert perfectly_aligned(Tables(0.1 * tables.reward + 5.0, tables.guidance)).all()
    assert not perfectly_aligned(Tables(-tables.reward, tables.guidance)).any()
    bent = tables.guidance.copy()
    bent[:, 0, 1, 2] += 1e-9 * np.abs(bent).max((1, 2, 3))
    assert not perfectly_aligned(Tables(tables.reward, bent)).any()
    constant, varied = np.zeros((1, 2, 2)), np.arange(4.0).reshape(1, 2, 2)
    found = [perfectly_aligned(Tables(j, g))[0] for j, g in product((constant, varied), repeat=2)]
    assert found == [True, False, False, False]
