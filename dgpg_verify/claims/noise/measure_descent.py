"""Cells of C1.5: the mean of every form of guidance against the descent of G, exactly, and one form by Monte Carlo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.subjects import build_policy, build_system, one_shot_probabilities
from dgpg_verify.core import Cell, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement import gradients_of
from dgpg_verify.oracles import linear_quadratic_moments, load_balancing_moments
from dgpg_verify.oracles.moments import OracleMoments
from dgpg_verify.systems import LoadBalancingGame

TEAM_FORMS = ("guidance", "guidance:exact", "guidance:derivative", "reparameterised")
GAME_FORMS = ("guidance", "guidance:exact")
DEMAND = "guidance:demand"  # of games too, by the game in which it is the plain form
ROLLOUTS = 4_096
Array = NDArray[np.float64]
NOISE_STREAM = 7


def measure_descent(cell: Cell) -> Mapping[str, Any]:
    """Cosine of each form's exact mean with -grad G, all agents stacked.

    In a game also that of guidance in the units of demand, with this and (`/own`) with the descent of 1/2 sum_m c_m
    (x_m - x~_m)^2, from which the chain rule differs by 1/2 sum_j E c |z_j|^2 at any N. On a team also the largest
    error of the measured mean of `guidance:derivative`, in its standard errors.
    """
    system = build_system(cell)
    policy = build_policy(cell.options["policy"], system, cell.seed)
    if isinstance(system, LoadBalancingGame):
        p = one_shot_probabilities(system, policy)
        exact, demand = (load_balancing_moments(game, p, GAME_FORMS) for game in (system, in_demands(system)))
        own, plain = (_cosine(demand.means[0], -of.guidance_gradient) for of in (demand, exact))
        return _cosines(exact) | {DEMAND: plain, f"{DEMAND}/own": own}
    exact = linear_quadratic_moments(system, policy.means, policy.sigma, TEAM_FORMS)  # type: ignore[arg-type,attr-defined]
    credit = make_credit("guidance:derivative")
    noise = draw_noise(cell.seed, NOISE_STREAM, system, policy, ROLLOUTS)
    drawn = gradients_of(system, policy, [credit], noise)[0].double().numpy()[..., 0]
    error = (drawn.mean(0) - exact.means[exact.index(credit.name), :, 0]) / (drawn.std(0, ddof=1) / np.sqrt(len(drawn)))
    return _cosines(exact) | {"largest_error": float(np.abs(error).max())}


def in_demands(game: LoadBalancingGame) -> LoadBalancingGame:
    """The game whose plain guidance is `guidance:demand` in `game`, and whose G is 1/2 sum_m c_m (x_m - x~_m)^2: its
    state is sqrt(c) x. Its cost J is another one."""
    root = game.capacity.sqrt()
    states = {name: root * getattr(game, name) for name in ("background", "target", "reference_state")}
    return replace(game, capacity=root, recipe=None, **states)


def _cosines(exact: OracleMoments) -> dict[str, float]:
    return {name: _cosine(mean, -exact.guidance_gradient) for name, mean in zip(exact.names, exact.means)}


def _cosine(mean: Array, descent: Array) -> float:
    return float((mean * descent).sum() / (np.linalg.norm(mean) * np.linalg.norm(descent)))
