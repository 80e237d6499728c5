"""Fitting a joint network: Adam, a fixed number of steps, and the weights that predict best what was kept apart."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import Rollout, generator
from dgpg_verify.critics.joint_inputs import JointInputs, Scaling
from dgpg_verify.critics.seeds import drawn

SEED = 0
STEPS, CHECKS, RATE = 1000, 20, 3e-3  # of Adam; how often the kept part is looked at; the step size
FURTHER = 40  # steps of a network that goes on from where it is
KEPT_SHARE = 0.2  # of the roll-outs, the last ones
MOST_ROWS, MOST_DECISIONS = 128, 4096  # of a minibatch: steps, and (step, agent) pairs


@dataclass(frozen=True)
class FittedNetwork:
    """A network with the scales of its inputs and its target."""

    network: Any
    scaling: Scaling
    level: float
    spread: float

    @property
    def parameters(self) -> int:
        return sum(weights.numel() for weights in self.network.parameters())

    def __call__(self, rollout: Rollout) -> Tensor:
        """[B, T] float64."""
        return self._each(self.network.value, rollout)

    def table(self, rollout: Rollout) -> Tensor:
        """[B, T, N, K] float64."""
        return self._each(self.network.table, rollout)

    def state(self) -> dict[str, Any]:
        """Copies of all numbers, for a checkpoint."""
        weights = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        scales = [part.clone() for pair in (self.scaling.state, self.scaling.features) for part in pair]
        return {"weights": weights, "scales": scales, "level": self.level, "spread": self.spread}

    def with_state(self, stored: Mapping[str, Any]) -> FittedNetwork:
        """The network of the same system as it was at `state()`. Raises RuntimeError for another."""
        network = copy.deepcopy(self.network)
        network.load_state_dict(stored["weights"])
        state_mean, state_sd, mean, sd = stored["scales"]
        scaling = Scaling((state_mean, state_sd), (mean, sd))
        return FittedNetwork(network, scaling, float(stored["level"]), float(stored["spread"]))

    def _each(self, part: Callable[[JointInputs], Tensor], rollout: Rollout) -> Tensor:
        inputs = self.scaling(JointInputs.of([rollout]))
        rows = minibatch(inputs)
        with torch.no_grad():
            found = [part(inputs.rows(slice(r, r + rows))) for r in range(0, len(inputs), rows)]
        values = torch.cat(found).double() * self.spread + self.level
        return values.unflatten(0, rollout.actions.shape[:2])


def fit_network(
    build: Callable[[JointInputs], Any],
    pilot: Sequence[Rollout],
    targets: Tensor,
    steps: int = STEPS,
    start: FittedNetwork | None = None,
) -> FittedNetwork:
    """Fit to targets [R], from `start`, whose scales are kept, or from the same drawn weights. The same inputs give the
    same weights; no global generator is read or changed.

    Cost: `steps` minibatches of at most MOST_ROWS steps.
    """
    plain = JointInputs.of(pilot)
    if start is None:
        scaling, level, spread = Scaling.of(plain), float(targets.mean()), float(targets.std(correction=0)) or 1.0
        network = drawn(lambda: build(scaling(plain)), SEED, targets.device)
    else:
        scaling, level, spread, network = start.scaling, start.level, start.spread, copy.deepcopy(start.network).train()
    _adam(network, scaling(plain), ((targets - level) / spread).float(), steps)
    return FittedNetwork(network.eval(), scaling, level, spread)


def minibatch(inputs: JointInputs) -> int:
    return max(1, min(MOST_ROWS, MOST_DECISIONS // inputs.sizes[0]))


def _adam(network: Any, inputs: JointInputs, targets: Tensor, steps: int) -> None:
    """Leaves the network with the best weights of CHECKS looks at the last rows."""
    used = len(targets) - int(KEPT_SHARE * len(targets))
    size, rng = min(minibatch(inputs), used), generator(SEED, 1)
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    best, least = copy.deepcopy(network.state_dict()), float("inf")
    for step in range(steps):
        index = torch.randint(used, (size,), generator=rng) if size < used else torch.arange(used)
        optimiser.zero_grad()
        network.loss(inputs.rows(index), targets[index]).backward()
        optimiser.step()
        if (step + 1) % max(1, steps // CHECKS) == 0:
            error = _kept_error(network, inputs, targets, used)
            if error < least:
                best, least = copy.deepcopy(network.state_dict()), error
    network.load_state_dict(best)


def _kept_error(network: Any, inputs: JointInputs, targets: Tensor, used: int) -> float:
    rows, total = minibatch(inputs), 0.0
    with torch.no_grad():
        for low in range(used, len(targets), rows):
            part = slice(low, low + rows)
            total += float(((network.value(inputs.rows(part)) - targets[part]) ** 2).sum())
    return total
