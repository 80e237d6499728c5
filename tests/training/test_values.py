"""Learners of action values: the best equilibrium of a matrix, and the matrix that only some mixers can learn.

The second is that of Son et al. (2019, table 1): (8, -12, -12; -12, 0, 0; -12, 0, 0). Its best pay-off is surrounded by
the worst ones: a sum of utilities, QMIX and agents on their own settle on 0, where QTRAN and QPLEX reach 8.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, NonFiniteError
from dgpg_verify.training import make_method, method_names
from dgpg_verify.training.methods import Method, make_recipe
from dgpg_verify.training.start import fresh_learner
from dgpg_verify.training.values.learner import ValueLearner, exploration
from tests.critics.payoffs import PayoffGame
from tests.training.games import largest_gain
from tests.training.tools import FLEETS, QUICK, quick, settings, together

VALUES = [name for name in method_names() if make_method(name).update == "value"]
SON = torch.tensor([[8.0, -12.0, -12.0], [-12.0, 0.0, 0.0], [-12.0, 0.0, 0.0]], dtype=torch.float64)
# not asked of mean field: its values can hold it (see test_values_mean_field), but are read between what was played
REACHES = {"value:iql": False, "value:vdn": False, "value:qmix": False, "value:qtran": True, "value:qplex": True}
STARTS = 8
# two equilibria; the better one is best against agents that explore, so that every mixer can find it
TWO = torch.tensor([[10.0, 3.0, 0.0], [3.0, 4.0, 0.0], [0.0, 0.0, -1.0]], dtype=torch.float64)


def learner_of(method: str, payoff: Tensor, seed: int = 0, **changes: Any) -> ValueLearner:
    declared = make_method(method)
    options = {"rollouts": 32, "actor_lr": 5e-3, "hidden": 16, "target_every": 20, "explore": 1.0, **changes}
    recipe = make_recipe(declared, declared.settings(options), 2)
    learner = fresh_learner(recipe, PayoffGame(payoff), seed)
    assert isinstance(learner, ValueLearner)
    return learner


def greedy(method: str, payoff: Tensor, seed: int, iterations: int = 25, **changes: Any) -> tuple[int, ...]:
    """The greedy profile after learning from a uniform policy."""
    learner = learner_of(method, payoff, seed, **changes)
    for index in range(iterations):
        learner.iterate(index, index / (iterations - 1))
    system = learner.fleets[0].system
    seen = system.observe(system.start(torch.empty(1, 1, 0)))
    return tuple(int(k) for k in learner.policy.probabilities(seen)[0].argmax(-1))


def test_the_certificate() -> None:
    table = -TWO.numpy()
    assert [p for p in np.ndindex(3, 3) if largest_gain(table, p) <= 0.0] == [(0, 0), (1, 1)]
    assert [p for p in np.ndindex(3, 3) if largest_gain(-SON.numpy(), p) <= 0.0 and SON[p] == 8.0] == [(0, 0)]


@pytest.mark.parametrize("method", VALUES)
def test_the_best_equilibrium_is_reached(method: str, seed: int) -> None:
    assert [greedy(method, TWO, seed + k) for k in range(2)] == [(0, 0)] * 2


@pytest.mark.parametrize("method", VALUES)
def test_control_of_opposite_pay_offs_it_is_not(method: str, seed: int) -> None:
    assert greedy(method, -TWO, seed) != (0, 0)


@pytest.mark.parametrize("method", REACHES)
def test_the_matrix_that_tells_mixers_apart(method: str, seed: int) -> None:
    """QPLEX can hold it but found it from 7 of 12 starts (stuck at 0 from the others), and from which ones depends on
    the processor's rounding. So one of STARTS is asked for, which fails about once in 1 000 times; the first ends
    the search. Mixers that cannot hold it never find it."""
    assert {*VALUES} - {*REACHES} == {"value:mean_field"}
    starts = range(STARTS if REACHES[method] else 1)
    found = (float(SON[greedy(method, SON, seed + k, 150, actor_lr=3e-3, batch=32)]) == 8.0 for k in starts)
    assert any(found) == REACHES[method]


# what runs through `train`


@pytest.mark.parametrize("sharing", ["independent", "shared"])
@pytest.mark.parametrize("method", VALUES)
def test_it_trains_on_the_cloud(method: str, sharing: str) -> None:
    run = quick(method, sharing=sharing, batch=16)
    last = run.history[-1]
    assert last.value_loss is not None and last.gradient_norm > 0.0 and last.kl is None and last.alpha is None
    assert run.history[0].entropy > last.entropy > 0.0
    assert last.steps == QUICK["epochs"]
    assert run.to_frame()["kl"].isna().all()


@pytest.mark.parametrize("method", ["value:iql", "value:qplex", "value:mean_field"])
def test_a_resumed_run_equals_the_uninterrupted_one(method: str, tmp_path: Any) -> None:
    """Kept episodes, target networks and moments of the optimiser are in the checkpoint."""
    whole = quick(method, episodes=8, batch=16, target_every=4, evaluate_every=2)
    seen: list[int] = []

    class Killed(BaseException):
        pass

    def kill(episode: int, policy: Any) -> None:
        seen.append(episode)
        if episode == 4:
            raise Killed

    options: dict[str, Any] = {"episodes": 8, "batch": 16, "target_every": 4, "evaluate_every": 2}
    options |= {"out": tmp_path / "run", "checkpoint_every": 1}
    with pytest.raises(Killed):
        quick(method, observe=kill, **options)
    resumed = quick(method, resume=True, **options)
    assert torch.equal(resumed.policy.parameters, whole.policy.parameters)
    assert [line.reward for line in resumed.history] == [line.reward for line in whole.history]


@pytest.mark.parametrize(("one", "other"), [("value:vdn", "value:qmix"), ("value:iql", "value:mean_field")])
def test_a_checkpoint_of_another_learner_is_refused(one: str, other: str) -> None:
    stored = learner_of(one, TWO).state()
    with pytest.raises(InputError, match="not one of this learner"):
        learner_of(other, TWO).load(stored)


@pytest.mark.parametrize("method", ["value:vdn", "value:mean_field"])
def test_fleets_in_one_batch_are_refused(method: str) -> None:
    with pytest.raises(InputError, match="train one by one"):
        together(method, FLEETS)


@pytest.mark.parametrize("wrong", [{"mixer": "sum"}, {"base": "return"}, {"guidance": "guidance"}, {"start": "guided"}])
def test_a_method_that_cannot_be_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(InputError):
        replace(make_method("value:vdn"), **wrong)  # type: ignore[arg-type]
    assert Method("own", base="", update="value", mixer="vdn").critic is None


def test_epsilon_falls_to_its_floor() -> None:
    given = settings(explore=0.1, explore_share=0.5)
    assert [exploration(given, p) for p in (0.0, 0.25, 0.5, 1.0)] == pytest.approx([1.0, 0.55, 0.1, 0.1])
    assert exploration(settings(explore=0.1, explore_share=0.0), 0.0) == 0.1


def test_a_loss_that_is_not_finite_stops_the_run() -> None:
    learner = learner_of("value:vdn", torch.full((3, 3), 1e30, dtype=torch.float64), value_norm=False)
    with pytest.raises(NonFiniteError, match="iteration 0: value loss is inf in update 0"):
        learner.iterate(0, 0.0)
