"""One joint sample of many quadratic load-balancing games at once, and every credit's scalar on it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from dgpg_verify.samples.game.potential import Array, Fleets
from dgpg_verify.samples.problems import IntArray


@dataclass(frozen=True, eq=False)
class Draw:
    """Joint actions. chosen, servers int64 [F, S, N]: places in flat [F, S, N, K] and [F, S, M] tables; z [F, S, N]:
    each job's share of its server; x [F, S, M]: the state they lead to."""

    chosen: IntArray
    servers: IntArray
    z: Array
    x: Array


class Sampler:
    """Draws joint actions of p [F, S, N, K]: agents act independently, one uniform each (inverse CDF, slot order)."""

    def __init__(self, fleets: Fleets, p: Array) -> None:
        count, copies, agents, actions = p.shape
        self.fleets, self.places = fleets, fleets.places(copies).reshape(-1)
        self.shares = fleets.z.reshape(-1)
        self.shape = (count, copies, agents)
        columns = (p[..., k].reshape(-1) for k in range(actions - 1))  # the last step of the inverse CDF is 1
        self.steps = list(itertools.accumulate(columns))
        self.run_base = np.arange(count * copies * agents) * actions
        self.fleet_base = (np.arange(count * agents) * actions).reshape(count, 1, agents)

    def draw(self, generator: np.random.Generator) -> Draw:
        uniform = generator.random(self.run_base.size)
        action = np.zeros(uniform.size, dtype=np.int64)
        for step in self.steps:
            action += uniform >= step
        chosen = self.run_base + action
        servers = self.places[chosen]
        z = self.shares[self.fleet_base + action.reshape(self.shape)]
        background = self.fleets.background
        size = (*self.shape[:2], background.shape[1])
        load = np.bincount(servers, z.reshape(-1), minlength=int(np.prod(size)))
        x = load.reshape(size) + background[:, None]
        return Draw(chosen.reshape(self.shape), servers.reshape(self.shape), z, x)


def credit_on(
    fleets: Fleets, drawn: Draw, base: str | None, alpha: Array, half: float, expected_cost: Array | None
) -> Array:
    """w [F, S, N], ascent sign: (1 - alpha) base + alpha guidance on a joint sample.

    base: "return" (-C + E C), "difference" (no job as default: -h [z (x - t) - 1/2 z^2] on the chosen server) or None;
    guidance -[z (x - x~) - half z^2]; alpha [F, S]; expected_cost [F, S], for the return. Cost O(F S (N + M)).
    """
    share = alpha[..., None]
    z = drawn.z
    error = drawn.x - fleets.target[:, None]
    pulled = fleets.weights[:, None] * error
    table = share * (drawn.x - fleets.reference[:, None])
    stiff = share * half
    if base == "difference":
        table = table + (1.0 - share) * pulled
        weights = np.broadcast_to(fleets.weights[:, None], drawn.x.shape).reshape(-1)[drawn.servers]
        stiff = stiff + (1.0 - share) * 0.5 * weights
    w = z * (stiff * z - table.reshape(-1)[drawn.servers])
    if base == "return" and expected_cost is not None:
        w += (1.0 - share) * (expected_cost - 0.5 * (pulled * error).sum(-1))[..., None]
    return np.asarray(w)
