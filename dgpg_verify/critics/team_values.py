"""Learned values Q(s, (a_-i, k)) for the credits that compare own actions, see `credits/counterfactual.py`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from dgpg_verify.core import InputError, Rollout
from dgpg_verify.critics.additive import AdditiveTables
from dgpg_verify.critics.joint_inputs import JointInputs, Targets, halves
from dgpg_verify.critics.joint_networks import NETWORKS
from dgpg_verify.critics.joint_training import FURTHER, FittedNetwork, fit_network
from dgpg_verify.critics.regressed import StateModel


class JointFit(Protocol):
    """What is fitted to the targets."""

    @property
    def parameters(self) -> int: ...

    def __call__(self, rollout: Rollout) -> Tensor:
        """Of the action taken, [B, T]."""
        ...

    def table(self, rollout: Rollout) -> Tensor:
        """Had agent i alone played k, [B, T, N, K]."""
        ...


@dataclass(frozen=True)
class LearnedValue:
    """V(s_t), by ridge regression, plus what `fitter` makes of the rest; see `Targets`.

    explained_variance: of the rewards to go of the second half of the pilot, fitted on the first; the fit kept uses
    all of it. parameters: numbers fitted, those of V left out. seconds: of fitting twice. gradual: `fitter` takes
    steps, and can go on from an earlier fit.
    """

    name: str
    fitter: Callable[..., JointFit]
    keeps_states: bool = False
    gradual: bool = False
    targets: Targets | None = None
    estimate: JointFit | None = None
    explained_variance: float = math.nan
    seconds: float = math.nan

    @property
    def parameters(self) -> int:
        return 0 if self.estimate is None else self.estimate.parameters

    def fit(self, pilot: Sequence[Rollout]) -> LearnedValue:
        """Raises InputError without roll-outs, or where actions are continuous."""
        if not pilot or not pilot[0].system.n_actions:
            raise InputError(f"value {self.name!r} needs pilot roll-outs with candidates to choose from")
        started = time.perf_counter()
        explained = self._explained(*halves(pilot))
        targets, estimate = self._fitted(pilot)
        seconds = time.perf_counter() - started
        return replace(self, targets=targets, estimate=estimate, explained_variance=explained, seconds=seconds)

    def further(self, pilot: Sequence[Rollout]) -> LearnedValue:
        """Fitted on from what it is, by a few steps on other roll-outs, as a learner's critic goes on from one update
        to the next. Nothing is kept apart to tell how much it explains. What takes no steps is fitted anew."""
        targets = Targets.of(pilot)
        options = {"steps": FURTHER, "start": self.estimate} if self.gradual else {}
        return replace(self, targets=targets, estimate=self.fitter(pilot, targets.left(pilot), **options))

    def state(self) -> dict[str, Any]:
        """What the next `further` goes on from."""
        return self.estimate.state() if isinstance(self.estimate, FittedNetwork) else {}

    def with_state(self, stored: Mapping[str, Any]) -> LearnedValue:
        """As it was at `state()`; it must be fitted to roll-outs of the same system."""
        if not isinstance(self.estimate, FittedNetwork):
            return self
        return replace(self, estimate=self.estimate.with_state(stored))

    def table(self, rollout: Rollout) -> Tensor:
        """[B, T, N, K] float64, discounted to time 0. Raises InputError before fit()."""
        if self.targets is None or self.estimate is None:
            raise InputError(f"value {self.name!r} was used before fit(pilot)")
        steps = torch.arange(rollout.reward.shape[-1], dtype=torch.float64, device=rollout.reward.device)
        values = self.targets.value(rollout)[..., None, None] + self.estimate.table(rollout)
        return (rollout.system.discount**steps)[:, None, None] * values

    def unbiased(self, rollout: Rollout) -> bool:
        return False

    def _fitted(self, pilot: Sequence[Rollout]) -> tuple[Targets, JointFit]:
        targets = Targets.of(pilot)
        return targets, self.fitter(pilot, targets.left(pilot))

    def _explained(self, first: Sequence[Rollout], second: Sequence[Rollout]) -> float:
        if not any(len(rollout.reward) for rollout in first):
            return math.nan
        targets, estimate = self._fitted(first)
        found = torch.cat([estimate(rollout).flatten() for rollout in second])
        return targets.explained(second, found)


def fit_vdn(pilot: Sequence[Rollout], targets: Tensor) -> JointFit:
    """Least squares where the candidates never change, else utilities of their features."""
    if JointInputs.of(pilot).fixed:
        return AdditiveTables.fit(pilot, targets)
    return fit_network(NETWORKS["vdn"], pilot, targets)


LEARNED_VALUES: dict[str, LearnedValue] = {
    "vdn": LearnedValue("vdn", fit_vdn),
    **{
        name: LearnedValue(name, partial(fit_network, NETWORKS[name]), gradual=True)
        for name in ("qmix", "qtran", "qplex", "coma", "mean_field")
    },
    "regressed": LearnedValue("regressed", StateModel.fit, keeps_states=True),
}
