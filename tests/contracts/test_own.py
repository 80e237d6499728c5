"""Objects of a caller's own are checked by `measure_gradients` and `train`, once, and change no number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.contracts import own
from dgpg_verify.core import InputError
from dgpg_verify.credits.mixing import GuidedCredit
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.training import Method, train
from tests.contracts.outsiders import Lights, Share
from tests.contracts.test_deliberate_mistakes import CREDITS, SYSTEMS
from tests.training.tools import QUICK

GAME = LoadBalancingGame.random(4, seed=1)


def measured(system: Any, credits: Any = ("return",)) -> Any:
    return measure_gradients(system, "uniform", credits, rollouts=16, progress=False)


def trained(system: Any) -> Any:
    return train(system, "mappo", **{**QUICK, "episodes": 1})


@pytest.mark.parametrize("run", [measured, trained])
@pytest.mark.parametrize("mistake", ["half a system", "reward [B, 1]", "index int32", "hidden torch.randn"])
def test_a_system_is_checked_before_any_work(run: Callable[[Any], Any], mistake: str) -> None:
    kind, said = SYSTEMS[mistake]
    with pytest.raises(InputError) as refused:
        run(kind())
    assert said in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("mistake", ["fit returns None", "wrong shape", "not 0 where inactive", "keeps_states False"])
def test_a_credit_is_checked_alone_inside_a_mixture_and_as_a_target(mistake: str) -> None:
    credit, said = CREDITS[mistake]
    for credits in (["return", credit], [GuidedCredit(0.5, credit)]):
        with pytest.raises(InputError) as refused:
            measured(Lights(), credits)
        assert said in str(refused.value) and "\n" not in str(refused.value)


def test_the_credit_of_a_method_is_checked_by_train(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Method, "credits", lambda self: [CREDITS["wrong shape"][0]])
    with pytest.raises(InputError, match=r"it must be float64 \[B, T, N\]"):
        trained(Lights())


def test_what_is_right_is_checked_once_and_its_numbers_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_rng_state()
    checked = measured(Lights(), [Share(), "return", "guidance"])
    curve = trained(Lights()).to_frame()
    assert torch.equal(before, torch.get_rng_state())
    calls: list[str] = []
    monkeypatch.setattr(own, "check_system", lambda system: calls.append("system"))
    monkeypatch.setattr(own, "check_credit", lambda *given: calls.append("credit"))
    unchecked = measured(Lights(), [Share(), "return", "guidance"])
    assert calls == ["system", "credit"]
    for name in checked:
        np.testing.assert_array_equal(checked[name].mean, unchecked[name].mean)
        np.testing.assert_array_equal(checked[name].variance, unchecked[name].variance)
    columns = ["reward", "evaluation", "kl", "gradient_norm"]
    assert curve[columns].equals(trained(Lights()).to_frame()[columns])


def test_objects_of_the_package_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("check_system", "check_credit"):
        monkeypatch.setattr(own, name, None)
    measured(GAME, ["return", "guided:0.5@gae:central"])
    trained(GAME)
    with pytest.raises(TypeError):  # control
        measured(Lights())
