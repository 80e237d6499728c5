"""A fresh learner of one fleet, of whichever kind its method is."""

from __future__ import annotations

from dgpg_verify.core import System
from dgpg_verify.training.learner import Learner, make_learner
from dgpg_verify.training.methods import Recipe
from dgpg_verify.training.values.learner import ValueLearner, make_value_learner

AnyLearner = Learner | ValueLearner


def fresh_learner(recipe: Recipe, system: System, seed: int) -> AnyLearner:
    """A learner before its first episode."""
    if recipe.method.update == "value":
        return make_value_learner(recipe, system, seed)
    return make_learner(recipe, [system], [seed])
