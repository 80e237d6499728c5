"""What a credit reads, whether its mean is grad J, and what was fitted for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch

from dgpg_verify.core import (
    Cell,
    Credit,
    HasUnbiased,
    Policy,
    Rollout,
    System,
    Transition,
    draw_noise,
    offers,
)
from dgpg_verify.credits import make_credit
from dgpg_verify.credits.gae import GAECredit
from dgpg_verify.credits.residual import ResidualReturnCredit
from dgpg_verify.credits.shaped import ShapedCredit
from dgpg_verify.rollouts import collect

PILOT_STREAM = 3  # of what learned parts are fitted to, apart from the streams of a cell's probes


class Fitted:
    """A credit that was fitted before, on as many roll-outs as its cell says, and is not fitted again: no dataclass, of
    which a measurement would fit the parts."""

    def __init__(self, credit: Any, name: str, seconds: float) -> None:
        self.credit, self.name, self.seconds = credit, name, seconds
        self.keeps_states = bool(credit.keeps_states)

    @classmethod
    def on(cls, name: str, game: System, policy: Policy, cell: Cell) -> Fitted:
        constant, per_agent = cell.options["fitted_to"]
        noise = draw_noise(cell.seed % 2**31, PILOT_STREAM, game, policy, constant + per_agent * cell.n)
        pilot, found = collect(game, policy, noise, keep_states=True), []
        seconds = seconds_of(lambda: found.append(make_credit(name).fit([pilot])))
        return cls(found[0], name, seconds)

    def fit(self, pilot: Sequence[Rollout]) -> Fitted:
        return self

    def __call__(self, rollout: Rollout) -> torch.Tensor:
        return cast(torch.Tensor, self.credit(rollout))


def is_unbiased(credit: Credit, rollout: Rollout) -> bool:
    """Whether its mean is known to be grad J in this one-shot game: by its own word, as the reward less a value of what
    was seen before acting, or as the reward itself, less potentials that end at 0."""
    known = isinstance(credit, GAECredit | ShapedCredit) and rollout.system.horizon == 1
    return known or (offers(credit, HasUnbiased) and credit.unbiased(rollout))


def weights_of(credit: Credit, rollout: Rollout) -> torch.Tensor:
    """The weights that the credit's gradient is made of: of all own actions where it has them."""
    return credit.action_weights(rollout) if hasattr(credit, "action_weights") else credit(rollout)


class Altered:
    """A system whose rewards are others wherever they are played again."""

    def __init__(self, system: System) -> None:
        self._system = system

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._system, name)
        return self._altered(value) if name in ("removal_rewards", "replaced_rewards", "removal_gains") else value

    def _altered(self, play: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        return lambda *given: play(*given) + 1.0

    def step(self, state: Any, actions: torch.Tensor) -> Transition:
        transition = self._system.step(state, actions)
        return replace(transition, reward=transition.reward + 1.0 + actions.double().sum(-1))


def without_influence(rollout: Rollout) -> Rollout:
    return replace(rollout, influence=replace(rollout.influence, value=torch.zeros_like(rollout.influence.value)))


PROBES: Mapping[str, Callable[[Rollout], Rollout]] = {  # what a credit may read -> the roll-outs with another one
    "reference": lambda rollout: replace(rollout, reference=rollout.reference + 1.0),
    "influence": without_influence,
    "other rewards": lambda rollout: replace(rollout, system=cast(System, Altered(rollout.system))),
    "own reward": lambda rollout: replace(rollout, reward=rollout.reward * 2.0),
}


def reads(credit: Credit, rollout: Rollout) -> list[bool]:
    """Whether the credit's weights change with what each of PROBES changes."""
    usual = weights_of(credit, rollout)
    return [not torch.equal(usual, weights_of(credit, change(rollout))) for change in PROBES.values()]


def learned_numbers(credit: Any) -> int:
    """The same of a fitted credit: what a value of actions was fitted with, and the model's slope."""
    if isinstance(credit, Fitted):
        return learned_numbers(credit.credit)
    if isinstance(credit, ResidualReturnCredit):
        return 1
    value = getattr(credit, "value", None)
    return int(getattr(value, "parameters", 0)) if hasattr(value, "table") else 0


def seconds_of(work: Callable[[], Any]) -> float:
    """Processor time of some work."""
    began = time.process_time()
    work()
    return time.process_time() - began
