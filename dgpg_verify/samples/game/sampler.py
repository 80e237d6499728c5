"""One joint sample of many quadratic load-balancing games at once, and every credit's scalar on it."""

from __future__ import annotations

import itertools

import numpy as np

from dgpg_verify.samples.game.potential import Array, Fleets
from dgpg_verify.samples.problems import IntArray


class Sampler:
    """Draws joint actions of p [F, S, N, K]: agents act independently, one uniform each (inverse CDF, slot order)."""

    def __init__(self, fleets: Fleets, p: Array) -> None:
        count, copies, agents, actions = self.shape = p.shape
        self.fleets, self.places = fleets, fleets.places(copies).reshape(-1)
        columns = (p[..., k].reshape(-1) for k in range(actions - 1))  # the last step of the inverse CDF is 1
        self.steps = list(itertools.accumulate(columns))
        self.run_base = np.arange(count * copies * agents) * actions
        self.fleet_base = (np.arange(count * agents) * actions).reshape(count, 1, agents)

    def credit(
        self, generator: np.random.Generator, base: str | None, alpha: Array, half: float, expected_cost: Array | None
    ) -> tuple[IntArray, Array]:
        """One joint sample: places of the chosen actions in a flat [F, S, N, K] table, and w; [F, S, N] each.

        w = (1 - alpha) base + alpha guidance, ascent sign; alpha [F, S]. Cost O(F S (N + M)).
        base: "return" (-C + E C, E C the expected_cost [F, S]), "difference" (no job as default: -h [z (x - t) - 1/2
        z^2] on the chosen server) or None; guidance -[z (x - x~) - half z^2], z the job's share of its server.
        """
        fleets, share = self.fleets, alpha[..., None]
        uniform = generator.random(self.run_base.size)
        action = np.zeros(uniform.size, dtype=np.int64)
        for step in self.steps:
            action += uniform >= step
        chosen = self.run_base + action
        servers = self.places[chosen]
        z = fleets.z.reshape(-1)[self.fleet_base + action.reshape(self.shape[:3])]
        size = (*self.shape[:2], fleets.background.shape[1])
        load = np.bincount(servers, z.reshape(-1), minlength=int(np.prod(size)))
        x = load.reshape(size) + fleets.background[:, None]
        error = x - fleets.target[:, None]
        pulled = fleets.weights[:, None] * error
        table, stiff = share * (x - fleets.reference[:, None]), share * half
        if base == "difference":
            table = table + (1.0 - share) * pulled
            weights = np.broadcast_to(fleets.weights[:, None], x.shape).reshape(-1)[servers]
            stiff = stiff + (1.0 - share) * 0.5 * weights.reshape(z.shape)
        w = z * (stiff * z - table.reshape(-1)[servers].reshape(z.shape))
        if base == "return" and expected_cost is not None:
            w += (1.0 - share) * (expected_cost - 0.5 * (pulled * error).sum(-1))[..., None]
        return chosen.reshape(z.shape), w
