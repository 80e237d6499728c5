"""Pooled noise of many games at once against the closed-form oracle, fleet by fleet, beyond enumeration."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.oracles import load_balancing_moments
from dgpg_verify.samples.game import noise as game_noise
from dgpg_verify.samples.game.noise import PairPlaces, deviations, noise
from dgpg_verify.samples.game.potential import softmax, stack_games
from dgpg_verify.samples.game.problem import random_fleets

RELATIVE = 1e-11
CASES = [(40, None), (12, "all"), (5, 2)]


def worst(n: int, k: int | str | None, seed: int) -> float:
    """Largest relative disagreement over fleets, runs, credits and their covariances with the guidance."""
    fleet = random_fleets(n, 2, seed, n_candidates=k, reference="biased:0.3")
    data = stack_games(fleet)
    pairs = PairPlaces(data)
    p, _ = softmax(np.random.default_rng(seed).normal(size=(2, 3, *data.slots.shape[1:])))
    chain = {base: noise(data, pairs, p, base, 0.0) for base in ("return", "difference")}
    exact = noise(data, pairs, p, "return", 0.5)
    alone = noise(data, pairs, p, None, 0.5)
    names = ("return", "difference", "guidance", "guidance:exact")
    gaps = []
    for f, s in np.ndindex(2, 3):
        table = load_balancing_moments(fleet[f], p[f, s], names).covariances.sum(-1)
        pairs_of_values = [
            (chain["return"].base, table[0, 0]), (chain["difference"].base, table[1, 1]),
            (chain["return"].guidance, table[2, 2]), (exact.guidance, table[3, 3]), (alone.guidance, table[3, 3]),
            (chain["return"].cross, table[0, 2]), (chain["difference"].cross, table[1, 2]), (exact.cross, table[0, 3]),
        ]  # fmt: skip
        scale = max(1e-300, np.abs(table).max())
        gaps += [abs(mine[f, s] - wanted) / max(abs(wanted), 1e-3 * scale) for mine, wanted in pairs_of_values]
        assert alone.base[f, s] == alone.cross[f, s] == 0.0
    return max(gaps)


@pytest.mark.parametrize(("n", "k"), CASES)
def test_against_the_oracle(n: int, k: int | str | None, seed: int) -> None:
    assert worst(n, k, seed) < RELATIVE


@pytest.mark.parametrize(("n", "k"), CASES)
def test_deviations_against_the_oracle(n: int, k: int | str | None, seed: int) -> None:
    """Of the cost and of the guidance values about one mean, in each run of each game."""
    fleet = random_fleets(n, 2, seed, n_candidates=k, reference="biased:0.3")
    data = stack_games(fleet)
    p, _ = softmax(np.random.default_rng(seed).normal(size=(2, 3, *data.slots.shape[1:])))
    found = np.stack(deviations(data, PairPlaces(data), p), axis=-1)
    for f, s in np.ndindex(2, 3):
        wanted = load_balancing_moments(fleet[f], p[f, s], ("return", "guidance")).deviations
        np.testing.assert_allclose(found[f, s], wanted, rtol=RELATIVE)


def test_control_a_pair_sum_wrong_by_one_percent_is_caught(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    honest = PairPlaces.totals
    monkeypatch.setattr(game_noise.PairPlaces, "totals", lambda self, own: 1.01 * honest(self, own))
    assert worst(40, None, seed) > 1e-4


def test_bad_base() -> None:
    data = stack_games(random_fleets(4, 1, n_candidates=2))
    with pytest.raises(InputError, match="base"):
        noise(data, PairPlaces(data), np.full((1, 1, 4, 2), 0.5), "coma", 0.0)
