"""Constants of a regularised game in the logits, measured along its noise-free run (see `game` for what they mean)."""

from __future__ import annotations

import numpy as np

from dgpg_verify.core import check_int
from dgpg_verify.samples.game.potential import Potential, softmax
from dgpg_verify.samples.problems import Array, Constants

END = 1e-4  # the run is followed until its gap is this share of the first one, well below gap0 / 300
RESOLVED = 1e-11  # of the value: a smaller gap is rounding, and gives no ratio
FLAT = 1e-12  # least eigenvalue of diag(p) - p p^T that rounding resolves
LANCZOS = 40  # products for the two ends of a spectrum; enough for 1e-3 where the condition number is below 100


def path_constants(
    objective: Potential, best: Array, ends: Array | None = None, share: float = END, max_steps: int = 2_000
) -> Constants:
    """Constants along gradient ascent in the logits, from the uniform policy towards the best value of each potential.

    mu [F]: least |gradient|^2 / (2 gap) on the run and least curvature at its end, L where every gap is rounding;
    smoothness L: largest curvature in size; noise_trace: L times the largest sum_i (1 - |p_i|^2) / min_i lambda(P_i),
    P_i on the tangent space. Curvature is looked at after 0, 1, 2, 4, 8 ... steps and at `ends`, by Lanczos, which
    stays inside the spectrum by less than about 1e-3 of it.

    Parameters
    ----------
    objective : Potential
        One run per fleet (its axis S is 1).
    best, ends : array [F], array [F, N, K] or None
        Value to measure the gap from, and the logits where it is taken, None if it is not an optimum.
    share, max_steps : float, int
        The run ends at this share of the first gap, or after so many steps. A step costs O(F N K), a look at the
        curvature O(40 F N K + 40^2).
    """
    best = best[:, None]
    state = np.zeros((len(best), 1, *objective.fleets.z.shape[1:]))
    mu, (_, top, spread) = np.full_like(best, np.inf), _look(objective, state)
    if ends is not None:
        mu, last_top, last_spread = _look(objective, ends[:, None])
        top, spread = np.maximum(top, last_top), np.maximum(spread, last_spread)
    value, gradient = _climb(objective, state)
    step, least = 1.0 / top, np.maximum(share * (best - value), RESOLVED * (np.abs(best) + 1.0))
    for steps_taken in range(1, check_int("max_steps", max_steps, 1) + 1):
        length, gap = (gradient**2).sum((-1, -2)), best - value
        open_gap = gap > least
        if not open_gap.any():
            break
        mu = np.minimum(mu, np.where(open_gap, length / (2.0 * np.where(open_gap, gap, 1.0)), np.inf))
        moved = state + (step * open_gap)[..., None, None] * gradient
        next_value, next_gradient = _climb(objective, moved)
        short = open_gap & (next_value < value + 0.25 * step * length)  # only where L grew along the way
        step, value = np.where(short, 0.5 * step, step), np.where(short, value, next_value)
        keep = short[..., None, None]
        state, gradient = np.where(keep, state, moved), np.where(keep, gradient, next_gradient)
        if steps_taken & (steps_taken - 1) == 0:
            _, new_top, new_spread = _look(objective, state)
            top, spread = np.maximum(top, new_top), np.maximum(spread, new_spread)
    return Constants(np.minimum(mu, top)[:, 0], top[:, 0], top[:, 0] * spread[:, 0])


def _climb(objective: Potential, state: Array) -> tuple[Array, Array]:
    p, log_p = softmax(state)
    return objective.value(p, log_p), objective.gradient(p, log_p)


def _look(objective: Potential, state: Array) -> tuple[Array, Array, Array]:
    """(least curvature, largest in size, spread) at logits [F, 1, N, K]: [F, 1] each."""
    p, log_p = softmax(state)
    low, high = curvature_ends(objective, p, log_p)
    lines = p[..., None] * (np.eye(p.shape[-1]) - p[..., None, :])
    # eigenvalue 0 belongs to the constant direction; the next one vanishes at a vertex of the plain game only
    least = np.maximum(np.linalg.eigvalsh(lines)[..., 1].min(-1), FLAT)
    return low, np.maximum(high, -low), (1.0 - (p**2).sum(-1)).sum(-1) / least


def curvature_ends(objective: Potential, p: Array, log_p: Array) -> tuple[Array, Array]:
    """Least and largest eigenvalue of minus the Hessian in the logits, each agent's adding to 0: [F, S] each.

    LANCZOS steps with full reorthogonalisation from a fixed direction without symmetries; exact once they reach
    N (K - 1). Both ends lie inside the spectrum. Cost O(LANCZOS^2 F S N K).
    """
    surplus = objective.surplus(p, log_p)
    count = min(LANCZOS, p.shape[-2] * (p.shape[-1] - 1))
    vector = np.broadcast_to(np.cos(1.0 + np.arange(p[0, 0].size) ** 2 % 7919).reshape(p.shape[-2:]), p.shape)
    vector = _unit(vector - vector.mean(-1, keepdims=True))
    basis = np.zeros((count, *p.shape))
    lines = np.zeros((*p.shape[:2], count, count))
    for k in range(count):
        basis[k] = vector
        image = objective.curvature_times(p, surplus, vector)
        for again in (False, True):  # twice, as what is left may be rounding
            parts = np.einsum("jfsnk,fsnk->fsj", basis[: k + 1], image)
            if not again:
                lines[..., : k + 1, k] = lines[..., k, : k + 1] = parts
            image = image - np.einsum("fsj,jfsnk->fsnk", parts, basis[: k + 1])
            # exact in theory; rounding would let the constant directions, of curvature 0, grow in
            image = _unit(image - image.mean(-1, keepdims=True))
        vector = image
    ends = np.linalg.eigvalsh(lines)
    return ends[..., 0], ends[..., -1]


def _unit(vector: Array) -> Array:
    size = np.sqrt((vector**2).sum((-1, -2), keepdims=True))
    return np.asarray(vector / np.where(size > 0.0, size, 1.0))
