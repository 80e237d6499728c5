"""Further credits of a small one-shot game by their definitions, profile by profile; slow and plain.

The mean over an agent's own action is a sum over the profiles in which it plays each in turn; the gradient of the fluid
model is a complex derivative; neighbours are found by walking.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from dgpg_verify.oracles.games.conditional import Array
from dgpg_verify.oracles.games.profiles import EnumeratedGame, Profiles

Complex = NDArray[np.complex128]
STEP = 1e-30  # of a complex derivative, which loses no digits
EXPECTED = {  # credits that are the mean of another over the own action
    "expected_guidance": "guidance", "expected_guidance:exact": "guidance:exact",
    "expected_counterfactual@exact": "coma",
}  # fmt: skip
LOCAL = tuple(f"local:{hops}" for hops in range(4))
ZOO_CREDITS = (
    *EXPECTED, "pathwise", "counterfactual@exact", "optimal_baseline@exact", "residual_return", "shaped", *LOCAL,
)  # fmt: skip


class Zoo:
    """Values and gradients of `ZOO_CREDITS` on profiles of a game. slope: c of the model const - c d."""

    def __init__(self, game: EnumeratedGame, slope: float) -> None:
        self.game, self.slope = game, slope
        self.mean_of = cache(lambda name: game.expected(lambda c: [self._plain(name, c)])[0])
        self.near = cache(self._near)

    def values(self, name: str, at: Profiles) -> Array:
        """The weight of the action taken, ascent sign: [B, N]."""
        game = self.game
        if name in EXPECTED:
            return game.credit(EXPECTED[name], at, 0.0)
        if name == "counterfactual@exact":
            return game.credit("coma", at, 0.0)
        if name == "optimal_baseline@exact":
            return np.stack([-at.cost - self._best_baseline(at, i) for i in range(game.n)], axis=1)
        if name == "pathwise":
            pull = game.weights * (fluid(game, game.p).real - game.reference)
            return np.stack([-(at.x - self._without(at, i)) @ pull for i in range(game.n)], axis=1)
        centred = self._plain(name, at) - self.mean_of(name)
        if name == "residual_return":
            saved = [game.distance(self._without(at, i)) - game.distance(at.x) for i in range(game.n)]
            centred = centred + self.slope * np.stack(saved, axis=1)
        return centred

    def gradient(self, name: str, at: Profiles) -> Array:
        """The gradient estimate on each profile, [B, N, K]."""
        game = self.game
        if name == "pathwise":
            return np.broadcast_to(-fluid_gradient(game), (len(at.cost), game.n, game.k))
        if name not in EXPECTED:
            return np.asarray(self.values(name, at)[..., None] * game.scores(at))
        agents = []
        for i in range(game.n):
            played = [game.played(at, i, k) for k in range(game.k)]
            if name == "expected_counterfactual@exact":
                q = -np.stack([there.cost for there in played])
                w = q - game.p[i] @ q
            else:
                w = np.stack([game.credit(EXPECTED[name], there, 0.0)[:, i] for there in played])
            agents.append(sum(game.p[i, k] * w[k][:, None] * (np.eye(game.k)[k] - game.p[i]) for k in range(game.k)))
        return np.stack(agents, axis=1)

    def _plain(self, name: str, at: Profiles) -> Array:
        """What is subtracted from its mean: the shared or the local part of a return, [B, N]."""
        game = self.game
        if name == "residual_return":
            return np.repeat((-at.cost + self.slope * game.distance(at.x))[:, None], game.n, axis=1)
        if name == "shaped":  # Phi = -d before acting, 0 afterwards
            before = -game.distance(game.idle[None])
            return np.repeat((-at.cost + 0.0 - before)[:, None], game.n, axis=1)
        paid = game.system.coordinate_costs(torch.as_tensor(at.x)).numpy()
        own = game.kappa[np.arange(game.n), at.actions]
        near = [self.near(i, int(name.removeprefix("local:"))) for i in range(game.n)]
        return -np.stack([paid[:, places].sum(1) + own[:, agents].sum(1) for places, agents in near], axis=1)

    def _near(self, agent: int, hops: int) -> tuple[list[int], list[int]]:
        """Coordinates that can be touched within so many hops, and the agents there; one hop = a common coordinate."""
        game, near = self.game, {agent}
        reach = [set(game.index[j][game.value[j] != 0.0].tolist()) for j in range(game.n)]
        for _ in range(hops):
            near |= {j for j in range(game.n) for i in list(near) if reach[i] & reach[j]}
        return sorted(set().union(*(reach[j] for j in near))), sorted(near)

    def _without(self, at: Profiles, agent: int) -> Array:
        return self.game.state(self.game.replace(at.actions, agent, -1))

    def _best_baseline(self, at: Profiles, agent: int) -> Array:
        """Minimises E |psi (Q - b)|^2 over b given the others' actions, by its normal equation: [B]."""
        p = self.game.p[agent]
        length = np.array([((np.eye(self.game.k)[k] - p) ** 2).sum() for k in range(self.game.k)])
        q = np.stack([-self.game.played(at, agent, k).cost for k in range(self.game.k)], axis=1)
        weights = p * length
        # an agent that is certain has no score, and any baseline will do
        return np.asarray(q @ weights / weights.sum() if weights.sum() > 0.0 else q @ p)


def fluid(game: EnumeratedGame, p: Array | Complex) -> Complex:
    """x0 + sum_j sum_k p_jk z_jk, [M]; complex for complex p."""
    x = game.idle.astype(np.complex128)
    for j, k, s in np.ndindex(*game.index.shape):
        x[game.index[j, k, s]] += p[j, k] * game.value[j, k, s]
    return x


def fluid_gradient(game: EnumeratedGame) -> Array:
    """Derivative of 1/2 sum_m W_m (xbar_m - x~_m)^2 in each logit, [N, K]."""
    slope = np.zeros((game.n, game.k))
    for i, k in np.ndindex(game.n, game.k):
        moved = game.p.astype(np.complex128)
        moved[i, k] *= 1.0 + 1j * STEP  # a logit raised by 1j STEP
        moved[i] /= moved[i].sum()
        distance = 0.5 * (game.weights * (fluid(game, moved) - game.reference) ** 2).sum()
        slope[i, k] = distance.imag / STEP
    return slope
