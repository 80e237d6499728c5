"""Systems and credits with one deliberate mistake each: one line that names the field and what was expected."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dgpg_verify.contracts import check_credit, check_system
from dgpg_verify.core import InputError, Observation, Transition
from dgpg_verify.credits import make_credit
from dgpg_verify.credits.registry import PLAIN
from dgpg_verify.systems import make_system
from tests.contracts.outsiders import Hall, Lights, Share


def stepping(change: Callable[[Transition], Any]) -> type[Lights]:
    """Lights whose step() is changed after the fact."""

    class Changed(Lights):
        def step(self, state: Any, actions: Tensor) -> Any:
            return change(super().step(state, actions))

    return Changed


def seeing(change: Callable[[Observation], Any]) -> type[Lights]:
    class Changed(Lights):
        def observe(self, state: Any) -> Any:
            return change(super().observe(state))

    return Changed


def with_influence(**changes: Callable[[Tensor], Tensor]) -> type[Lights]:
    """Lights whose step() returns another index or value of the influence."""

    def change(step: Transition) -> Transition:
        z = step.influence
        return replace(step, influence=replace(z, **{k: f(getattr(z, k)) for k, f in changes.items()}))

    return stepping(change)


class HalfASystem:
    n_agents = 4

    def start(self, noise: Tensor) -> Tensor:
        return noise


class NoConfig(Lights):
    config = property(lambda self: self.missing)  # type: ignore[assignment]


class CountingSteps(Lights):
    """Randomness of its own, outside the noise."""

    drawn = 0

    def step(self, state: Any, actions: Tensor) -> Any:
        self.drawn += 1
        step = super().step(state, actions)
        return replace(step, reward=step.reward + self.drawn)


class Overwriting(Lights):
    def step(self, state: Any, actions: Tensor) -> Any:
        step = super().step(state, actions)
        state.lit.add_(1.0)
        return step


SYSTEMS: dict[str, tuple[type, str]] = {
    "half a system": (HalfASystem, "HalfASystem lacks n_actions, horizon, discount, state_size, noise_size, observe"),
    "no config": (NoConfig, "NoConfig lacks config"),
    "config without JSON": (type("Odd", (Lights,), {"config": lambda s: {"a": object()}}), "Odd.config() must return"),
    "reward [B, 1]": (stepping(lambda s: replace(s, reward=s.reward[:, None])),
                      "step().reward has shape [3, 1]: it must be float64 [B] = [3]"),
    "reward scalar": (stepping(lambda s: replace(s, reward=s.reward.sum())),
                      "step().reward has shape []: it must be float64 [B] = [3]"),
    "reward float32": (stepping(lambda s: replace(s, reward=s.reward.float())),
                       "step().reward has dtype float32: it must be float64 [B]"),
    "reward NaN": (stepping(lambda s: replace(s, reward=s.reward * torch.nan)), "step().reward[0] = nan"),
    "reference [1, D]": (stepping(lambda s: replace(s, reference=s.reference[:1])),
                         "step().reference has shape [1, 2]: it must be float64 [B, D] = [3, 2]"),
    "x a list": (stepping(lambda s: replace(s, x=[1.0])), "step().x is a list: it must be a tensor"),
    "step returns None": (stepping(lambda s: None), "step() returned NoneType: it must be Transition(next_state"),
    "never done": (stepping(lambda s: replace(s, done=torch.zeros_like(s.done))),
                   "step().done is False after the last of 2 steps"),
    "done as numbers": (stepping(lambda s: replace(s, done=s.done.long())), "step().done has dtype int64"),
    "index out of range": (with_influence(index=lambda z: z + 7), "influence.index holds 7: it must name coordinates "
                           "of x in [0, 1]"),
    "index int32": (with_influence(index=lambda z: z.int()), "influence.index has dtype int32: it must be int64"),
    "influence float32": (with_influence(value=lambda z: z.float()), "influence.value has dtype float32"),
    "influence without action": (with_influence(value=lambda z: z + 1.0), "influence.value is not 0 for an agent with"),
    "influence of the wrong sign": (with_influence(value=lambda z: -z), "influence does not point where x moves"),
    "no influence": (with_influence(value=lambda z: 0.0 * z), "influence does not point where x moves"),
    "features without F": (seeing(lambda o: replace(o, features=o.features[..., 0])),
                           "observe().features has shape [3, 4, 2]: it must be float [B, N, K, F] = [3, 4, 2, F]"),
    "mask of floats": (seeing(lambda o: replace(o, mask=o.mask.double())), "observe().mask has dtype float64"),
    "nothing allowed": (seeing(lambda o: replace(o, mask=o.mask & False)), "observe().mask allows agent 0 nothing"),
    "active [N]": (seeing(lambda o: replace(o, active=o.active[0])), "observe().active has shape [4]"),
    "hidden torch.randn": (stepping(lambda s: replace(s, reward=s.reward + torch.randn(3))),
                           "step() uses the global generator of torch"),
    "hidden numpy noise": (seeing(lambda o: replace(o, features=o.features + np.random.rand())),  # noqa: NPY002
                           "observe() uses the global generator of numpy"),
    "hidden random": (seeing(lambda o: replace(o, features=o.features + random.random())),
                      "observe() uses the global generator of random"),
    "noise of its own": (CountingSteps, "step() gives another result for the same noise"),
    "state overwritten": (Overwriting, "step() changes a tensor that it is given"),
    "horizon 0": (type("Short", (Lights,), {"horizon": 0}), "Short.horizon = 0 is not allowed"),
    "an error of its own": (type("Torn", (Lights,), {"observe": lambda s, state: state.gone}),
                            "Torn.observe() raised AttributeError: 'Hall' object has no attribute 'gone' (test_del"),
}  # fmt: skip


def refusal(check: Callable[..., None], *given: Any) -> str:
    with pytest.raises(InputError) as refused:
        check(*given)
    text = str(refused.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("mistake", SYSTEMS)
def test_a_mistake_in_a_system_is_named(mistake: str) -> None:
    kind, said = SYSTEMS[mistake]
    assert said in refusal(check_system, kind())


def weighing(weight: Callable[[Any], Any], states: bool = False, **members: Any) -> Share:
    kind = type("Mine", (Share,), {"__call__": lambda self, rollout: weight(rollout), **members})
    made: Share = kind(keeps_states=states)
    return made


def of_all(weight: Callable[[Any], Any]) -> Share:
    """1 for the action taken, and `weight` for all."""
    return weighing(lambda r: r.active.double(), action_weights=lambda self, rollout: weight(rollout))


CREDITS: dict[str, tuple[Any, str]] = {
    "half a credit": (Hall, "lacks name, keeps_states, fit"),
    "fit returns None": (weighing(lambda r: r.reward, fit=lambda self, pilot: None), "Mine.fit() returned NoneType"),
    "wrong shape": (weighing(lambda r: r.reward), "the weight of credit Mine has shape [3, 2]: it must be float64 "
                    "[B, T, N] = [3, 2, 4]"),
    "float32": (weighing(lambda r: r.active.float()), "the weight of credit Mine has dtype float32: it must be float"),
    "NaN": (weighing(lambda r: r.active.double() * torch.nan), "[0, 0, 0] = nan: every number must be finite"),
    "not 0 where inactive": (weighing(lambda r: 1.0 + r.active.double()), "is not 0 for an agent that is not active"),
    "keeps_states False": (weighing(lambda r: r.states[0].lit[:, None] * r.active),
                           "Mine.keeps_states is False, but it reads rollout.states: it must be True"),
    "keeps_states a word": (Share(keeps_states="no"), "keeps_states = 'no' is not allowed"),  # type: ignore[arg-type]
    "no name": (Share(name=""), "Share.name = '' is not allowed"),
    "hidden torch.randn": (weighing(lambda r: torch.randn(()) * r.active), "uses the global generator of torch"),
    "roll-out overwritten": (weighing(lambda r: r.reward.add_(1.0)[..., None] * r.active), "changes a tensor that it"),
    "action weights of another shape": (of_all(lambda r: r.active.double()), "the action weight of credit Mine has "
                                        "shape [3, 2, 4]: it must be float64 [B, T, N, K] = [3, 2, 4, 2]"),
    "action weights of another credit": (of_all(lambda r: 2.0 + 0.0 * r.seen.features[..., 0].double()),
                                         "for the action taken at [0, 0, 0]: it must be what the credit gives when "),
    "an error of its own": (weighing(lambda r: r.rewards), "raised AttributeError: 'Rollout' object has no"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", CREDITS)
def test_a_mistake_in_a_credit_is_named(mistake: str) -> None:
    credit, said = CREDITS[mistake]
    assert said in refusal(check_credit, credit, Lights())


@pytest.mark.parametrize("n", [1, 3, 4])
def test_what_is_correct_passes(n: int) -> None:
    check_system(Lights(n))
    check_credit(Share(), Lights(n))
    check_credit(of_all(lambda r: r.seen.mask.double()), Lights(n))
    check_credit(weighing(lambda r: r.states[0].lit[:, None] * r.active, states=True), Lights(n))


@pytest.mark.parametrize("name, options", [("load_balancing", {}), ("load_balancing", {"cost": "mm1"}),
                         ("linear_quadratic", {}), ("cloud", {"horizon": 6})])  # fmt: skip
def test_the_package_keeps_its_own_contract(name: str, options: dict[str, Any]) -> None:
    system = make_system(name, 5, **options)
    check_system(system)
    for credit in ("return", "gae:local", "guidance", "guidance:exact", "difference", "branch"):
        check_credit(PLAIN[credit], system)
    if system.n_actions:
        for credit in ("expected_guidance", "expected_guidance:exact", "pathwise", "shaped"):
            check_credit(PLAIN[credit], system)
    if name == "load_balancing":
        for credit in ("expected_counterfactual@exact", "optimal_baseline@exact", "residual_return", "local:0"):
            check_credit(make_credit(credit), system)


def test_global_generators_are_left_as_they_were() -> None:
    before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())  # noqa: NPY002
    check_system(Lights())
    refusal(check_system, SYSTEMS["hidden torch.randn"][0]())
    assert before[1:] == (random.getstate(), str(np.random.get_state()))  # noqa: NPY002
    assert torch.equal(before[0], torch.get_rng_state())
