"""Temperature policies around a heuristic: standardised scores, masks, errors."""

from __future__ import annotations

import pytest
import torch

from dgpg_verify.core import InputError
from dgpg_verify.policies import HeuristicPrior, TabularPolicy, make_policy
from dgpg_verify.policies.softmax import standardise
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame


def test_standardise_uses_allowed_candidates_only() -> None:
    scores = torch.tensor([[1.0, 3.0, 1e9], [2.0, 2.0, 7.0]], dtype=torch.float64)
    allowed = torch.tensor([[True, True, False], [True, True, False]])
    found = standardise(scores, allowed)
    torch.testing.assert_close(found[0], torch.tensor([-1.0, 1.0, 0.0], dtype=torch.float64))
    assert torch.equal(found[1], torch.zeros(3, dtype=torch.float64))  # no difference, no preference


def test_standardise_is_free_of_scale_and_offset() -> None:
    scores = torch.tensor([[0.3, -1.0, 2.5]], dtype=torch.float64)
    allowed = torch.ones(1, 3, dtype=torch.bool)
    torch.testing.assert_close(standardise(40.0 * scores - 7.0, allowed), standardise(scores, allowed))


def test_standardise_survives_infinite_scores() -> None:
    scores = torch.tensor([[-torch.inf, 1.0, 2.0]], dtype=torch.float64)
    found = standardise(scores, scores.isfinite())
    assert bool(found.isfinite().all()) and float(found[0, 0]) == 0.0


def test_temperature_moves_between_the_heuristic_and_uniform() -> None:
    """Cold: the heuristic's choice has nearly all probability; hot: nearly uniform; monotone in between."""
    game = LoadBalancingGame.random(5, seed=1)
    seen = game.observe(game.start(torch.empty(1, 1, 0)))
    best = game.heuristic_scores("least_committed", seen).argmax(-1, keepdim=True)
    chosen = [
        float(make_policy(f"heuristic:least_committed:{t}", game).probabilities(seen).gather(-1, best).min())  # type: ignore[attr-defined]
        for t in (0.001, 0.3, 3.0, 1e6)
    ]
    assert chosen == sorted(chosen, reverse=True)
    assert chosen[0] > 0.999 and chosen[-1] == pytest.approx(0.25, abs=1e-5)


def test_random_heuristic_is_uniform() -> None:
    game = LoadBalancingGame.random(5, seed=1)
    seen = game.observe(game.start(torch.empty(1, 1, 0)))
    chances = make_policy("heuristic:random:0.1", game).probabilities(seen)  # type: ignore[attr-defined]
    torch.testing.assert_close(chances, torch.full_like(chances, 0.25))


def test_prior_is_added_to_the_policys_own_logits() -> None:
    game = LoadBalancingGame.random(3, seed=1)
    seen = game.observe(game.start(torch.empty(1, 1, 0)))
    prior = HeuristicPrior(game, "capacity_proportional", 2.0)
    logits = torch.arange(9.0, dtype=torch.float64).view(3, 3)
    torch.testing.assert_close(TabularPolicy(logits, prior=prior).logits(seen)[0], logits + prior(seen)[0])


@pytest.mark.parametrize(
    ("name", "temperature", "word"),
    [("nonsense", 1.0, "nonsense"), ("random", 0.0, "temperature"), ("random", float("nan"), "temperature")],
)
def test_bad_priors_are_refused(name: str, temperature: float, word: str) -> None:
    with pytest.raises(InputError, match=word):
        HeuristicPrior(LoadBalancingGame.random(2), name, temperature)


def test_a_system_without_heuristics_is_refused() -> None:
    with pytest.raises(InputError, match="no heuristics"):
        HeuristicPrior(LinearQuadraticTeam.random(2), "random", 1.0)
