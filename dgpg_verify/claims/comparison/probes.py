"""What a credit reads, whether its mean is grad J, and what was fitted for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import torch

from dgpg_verify.claims.subjects import seconds_of
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
from dgpg_verify.credits.base import FixedCredit
from dgpg_verify.credits.gae import GAECredit
from dgpg_verify.credits.residual import ResidualReturnCredit
from dgpg_verify.rollouts import collect
from dgpg_verify.training.updates.weights import Weights, weights_of

PILOT_STREAM = 3  # of what learned parts are fitted to, apart from the streams of a cell's probes


class Fitted(FixedCredit):
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

    def __call__(self, rollout: Rollout) -> torch.Tensor:
        return cast(torch.Tensor, self.credit(rollout))


def is_unbiased(credit: Credit, rollout: Rollout) -> bool:
    """Whether its mean is known to be grad J in this one-shot game: by its own word, or as the reward less a value of
    what was seen before acting."""
    known = isinstance(credit, GAECredit) and rollout.system.horizon == 1
    return known or (offers(credit, HasUnbiased) and credit.unbiased(rollout))


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
    return [not same(usual, weights_of(credit, change(rollout))) for change in PROBES.values()]


def same(one: Weights, other: Weights) -> bool:
    pairs = [(one.taken, other.taken)]
    if one.own is not None and other.own is not None:
        pairs.append((one.own.weight, other.own.weight))
    return all(torch.equal(*pair) for pair in pairs)


def learned_numbers(credit: Any) -> int:
    """Numbers that a fitted credit learned beyond values of the state: those of a value of actions, and the model's
    slope."""
    if isinstance(credit, Fitted):
        return learned_numbers(credit.credit)
    if isinstance(credit, ResidualReturnCredit):
        return 1
    value = getattr(credit, "value", None)
    return int(getattr(value, "parameters", 0)) if hasattr(value, "table") else 0
