"""Exact values of many load-balancing games with quadratic cost at once, at any N (closed form F6).

Every expected objective the game's learner climbs has one shape. With C = 1/2 sum_m h_m (x_m - t_m)^2 and p_j the
choices of agent j, e = E x - t,

    E C = 1/2 sum_m h_m e_m^2 + 1/2 sum_jk h_s z_jk^2 p_jk (1 - p_jk),      s = s_k the server of slot k,
    q_jk = -dE C/dp_jk = -h_s [z_jk (e_s - p_jk z_jk) + 1/2 z_jk^2]        (value of choice k, up to a constant),

and (1 - alpha) C + alpha/2 |x - x~|^2 is again of that shape, with weights h' = (1 - alpha) h + alpha and target
((1 - alpha) h t + alpha x~) / h'. The paper's chain-rule guidance adds alpha/2 sum_jk z_jk^2 p_jk: its mean is the
gradient of that. So J_alpha + tau sum_i H(p_i) is one `Potential` for every alpha.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dgpg_verify.core import InputError
from dgpg_verify.samples.problems import Array, IntArray
from dgpg_verify.systems import LoadBalancingGame


@dataclass(frozen=True, eq=False)
class Fleets:
    """F games of one size. slots int64 [F, N, K]; z [F, N, K] shares; the rest [F, M]."""

    slots: IntArray
    z: Array
    weights: Array
    target: Array
    reference: Array
    background: Array
    _flat: dict[int, IntArray] = field(default_factory=dict, repr=False)

    def places(self, copies: int) -> IntArray:
        """Server of every slot in a flat [F, copies, M] table: [F, copies, N, K]; kept, as every step needs it."""
        if copies not in self._flat:
            rows = np.arange(len(self.slots) * copies).reshape(-1, copies, 1, 1)
            self._flat[copies] = rows * self.weights.shape[1] + self.slots[:, None]
        return self._flat[copies]

    def at_slots(self, servers: Array) -> Array:
        """Look a table [F, S, M] up on the slots: [F, S, N, K]."""
        return np.asarray(servers.reshape(-1)[self.places(servers.shape[1])])

    def loads(self, placed: Array, empty: bool = False) -> Array:
        """What is placed on the slots [F, S, N, K], on top of the background unless `empty`: [F, S, M]."""
        copies, shape = placed.shape[1], self.weights.shape
        size = shape[0] * copies * shape[1]
        total = np.bincount(self.places(copies).reshape(-1), placed.reshape(-1), minlength=size)
        table = total.reshape(shape[0], copies, shape[1])
        return np.asarray(table if empty else table + self.background[:, None])


def stack_games(games: Sequence[LoadBalancingGame]) -> Fleets:
    """The arrays of games that share N, K and M. Raises InputError: none given, sizes differ, cost not quadratic."""
    if not games:
        raise InputError("games is empty: at least one is needed")
    sizes = [(game.n_agents, game.n_actions, game.n_servers) for game in games]
    for number, (game, size) in enumerate(zip(games, sizes, strict=True)):
        if game.cost != "quadratic":
            raise InputError(f"games[{number}] has cost = {game.cost!r}: it must be 'quadratic'")
        if size != sizes[0]:
            raise InputError(f"games[{number}] has (N, K, M) = {size}: it must be {sizes[0]}, the size of games[0]")
    slots = np.stack([game.candidates.cpu().numpy() for game in games]).astype(np.int64)

    def stacked(name: str) -> Array:
        return np.stack([getattr(game, name).cpu().numpy() for game in games]).astype(np.float64)

    z, weights, target = stacked("shares"), stacked("weights"), stacked("target")
    return Fleets(slots, z, weights, target, stacked("reference_state"), stacked("background"))


@dataclass(frozen=True, eq=False)
class Potential:
    """-E C' - sum_jk linear_jk p_jk + tau sum_i H(p_i) for a quadratic C'.

    weights, target [F, S, M]; linear, hz2 [F, S, N, K] (hz2: weights on the slots times z^2); tau [F, 1].
    The axis S is 1 where all runs of a fleet share one alpha; p and log p are [F, any S, N, K].
    """

    fleets: Fleets
    weights: Array
    target: Array
    linear: Array
    hz2: Array
    tau: Array

    def cost(self, p: Array) -> Array:
        """E C' + sum linear p, without the entropy: [F, S]. Cost O(F S N K)."""
        x = self.fleets.loads(p * self.fleets.z[:, None])
        centre = (self.weights * (x - self.target) ** 2).sum(-1)
        spread = _over_slots(p, self.hz2 + 2.0 * self.linear) - _over_slots(p * p, self.hz2)
        return np.asarray(0.5 * (centre + spread))

    def value(self, p: Array, log_p: Array) -> Array:
        """The potential, entropy included: [F, S]. Cost O(F S N K)."""
        return np.asarray(-self.tau * _over_slots(p, log_p) - self.cost(p))

    def action_values(self, p: Array) -> Array:
        """q [F, S, N, K]: derivative in p of the potential without the entropy."""
        z = self.fleets.z[:, None]
        error = self.fleets.at_slots(self.weights * (self.fleets.loads(p * z) - self.target))
        return np.asarray(self.hz2 * (p - 0.5) - z * error - self.linear)

    def surplus(self, p: Array, log_p: Array) -> Array:
        """a = q - tau log p [F, S, N, K]: constant over k for every agent at the optimum."""
        return np.asarray(self.action_values(p) - self.tau[..., None, None] * log_p)

    def gradient(self, p: Array, log_p: Array) -> Array:
        """Gradient in the logits, entropy included: [F, S, N, K]."""
        return through_softmax(p, self.surplus(p, log_p))

    def curvature_times(self, p: Array, surplus: Array, direction: Array) -> Array:
        """-(Hessian in the logits) times a direction [F, S, N, K]: derivative of -gradient along it. O(F S N K)."""
        moved = through_softmax(p, direction)
        pull = self.fleets.at_slots(self.weights * self.fleets.loads(moved * self.fleets.z[:, None], empty=True))
        # d log p = direction up to a constant per agent, which the softmax loses
        change = self.hz2 * moved - self.fleets.z[:, None] * pull - self.tau[..., None, None] * direction
        turn = moved * (surplus - sum_actions(p * surplus)[..., None]) - p * sum_actions(moved * surplus)[..., None]
        return np.asarray(-(turn + through_softmax(p, change)))


def potential(fleets: Fleets, tau: Array, alpha: Array | float = 0.0, half: float = 0.0) -> Potential:
    """J_alpha + tau sum_i H(p_i), J_alpha = -(1 - alpha) E C - alpha E 1/2 |x - x~|^2 (and the bias of the chain rule).

    Parameters
    ----------
    tau : array [F]
        >= 0, not multiplied by 1 - alpha: the entropy belongs to the learner and is the same at every alpha.
    alpha : float or array [F, S]
        In [0, 1], or InputError.
    half : float
        c of the guidance's -(z . (x - x~) - c z^2): 0 for the chain rule (the paper's), 1/2 for the exact form.
    """
    mix = np.asarray(alpha, dtype=np.float64)
    mix = mix.reshape(1, 1) if mix.ndim == 0 else mix
    if mix.ndim != 2 or mix.shape[0] not in (1, len(fleets.z)) or not ((mix >= 0.0) & (mix <= 1.0)).all():
        raise InputError(
            f"alpha = {np.asarray(alpha).tolist()} is not allowed: it must be in [0, 1], a number or [F, S]"
        )
    share = mix[:, :, None]
    weights = (1.0 - share) * fleets.weights[:, None] + share
    pulled = (1.0 - share) * (fleets.weights * fleets.target)[:, None] + share * fleets.reference[:, None]
    target = pulled / np.where(weights > 0.0, weights, 1.0)
    square = fleets.z[:, None] ** 2
    linear = (0.5 - half) * share[..., None] * square
    return Potential(fleets, weights, target, linear, fleets.at_slots(weights) * square, np.asarray(tau)[:, None])


def softmax(logits: Array) -> tuple[Array, Array]:
    """(p, log p) of logits [..., K]."""
    log_p = logits - _top(logits)[..., None]
    p = np.exp(log_p)
    total = sum_actions(p)
    p *= (1.0 / total)[..., None]
    log_p -= np.log(total)[..., None]
    return p, log_p


def through_softmax(p: Array, values: Array) -> Array:
    """(diag p - p p^T) v for every agent: p_k (v_k - sum p v)."""
    return np.asarray(p * (values - sum_actions(p * values)[..., None]))


def sum_actions(values: Array) -> Array:
    """Sum over the last axis; for the few entries it has here a product with ones is several times faster."""
    return np.asarray(values @ np.ones(values.shape[-1]))


def _top(values: Array) -> Array:
    """Largest entry along the last axis, column by column: many times faster than a reduction over few entries."""
    out = values[..., 0]
    for k in range(1, values.shape[-1]):
        out = np.maximum(out, values[..., k])
    return np.asarray(out)


def _over_slots(p: Array, table: Array) -> Array:
    """sum_jk p_jk table_jk [F, S], for p [F, S, N, K] and a table with S or 1 on its second axis."""
    flat = p.reshape(*p.shape[:2], -1)
    if table.shape[1] == 1:
        return np.asarray((flat @ table.reshape(len(table), -1, 1))[..., 0])
    return np.asarray(np.einsum("fsi,fsi->fs", flat, table.reshape(*table.shape[:2], -1)))
