"""Alignment at all softmax parameters: witnesses that hold when evaluated anew, and none where there can be none."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.alignment.points import gradient
from dgpg_verify.equilibria.alignment.signs import sign_agreement
from dgpg_verify.equilibria.alignment.softmax import softmax_alignment, witness_profiles
from dgpg_verify.equilibria.games.random_games import random_tables
from dgpg_verify.equilibria.games.tables import Tables


@pytest.mark.parametrize(("agents", "actions"), [(1, 2), (1, 3), (2, 2), (2, 3), (3, 2)])
def test_declared_profiles_are_interior_and_distinct(agents: int, actions: int) -> None:
    p = witness_profiles(agents, actions)
    assert p.shape[1:] == (agents, actions) and (p > 0).all()
    assert np.abs(p.sum(-1) - 1).max() < 1e-12
    assert len(np.unique(p, axis=0)) == len(p)


@pytest.mark.parametrize("reference", ["fluid", "biased:0.3", "shuffled"])
def test_each_witness_holds_when_evaluated_anew(reference: str, seed: int) -> None:
    tables = random_tables(60, 2, 3, "quadratic", reference, seed)
    found = softmax_alignment(tables)
    assert found.negative.any() and (found.point > 0).all()
    product = -gradient(tables.reward, found.point, "softmax") * gradient(tables.guidance, found.point, "softmax")
    assert product.sum((1, 2)) == pytest.approx(found.inner, rel=1e-9, abs=1e-15)
    assert (found.inner[found.negative] < 0).all()
    assert not (found.negative & found.aligned).any()


@pytest.mark.parametrize("agents", [1, 2, 3])
def test_perfect_guidance_is_certified_and_has_no_witness(agents: int, seed: int) -> None:
    tables = random_tables(60, agents, 3, "quadratic", "perfect", seed)
    found = softmax_alignment(tables)
    assert found.aligned.all() and not found.negative.any()


def test_every_sign_disagreement_has_a_witness(seed: int) -> None:
    """T4, constructive: integer tables, so that a disagreement is never smaller than 1."""
    rng = np.random.default_rng(seed)
    tables = Tables(rng.integers(0, 4, (300, 3, 3)), rng.integers(0, 4, (300, 3, 3)))
    agree = sign_agreement(tables)
    assert (~agree).sum() > 200
    assert softmax_alignment(tables.take(~agree), random_points=0).negative.all()


def test_the_converse_is_false() -> None:
    """J = (0, .1, 1) and -G = (0, .9, 1) rank the actions alike; the declared profiles still find a witness."""
    tables = Tables([[0.0, 0.1, 1.0]], [[0.0, -0.9, -1.0]])
    assert sign_agreement(tables)[0] and softmax_alignment(tables, random_points=0).negative[0]


def test_same_seed_same_answer_and_more_points_find_no_less(seed: int) -> None:
    tables = random_tables(60, 2, 3, "quadratic", "fluid", seed)
    first, same, none = (
        softmax_alignment(tables, 64, seed),
        softmax_alignment(tables, 64, seed),
        softmax_alignment(tables, 0),
    )
    assert np.array_equal(first.point, same.point)
    assert (first.inner + first.rounding <= none.inner + none.rounding).all()
    assert (first.negative | ~none.negative).all()
    with pytest.raises(InputError, match="random_points"):
        softmax_alignment(tables, random_points=-1)
