"""Cells of C1.5: the mean of every form of guidance against the descent of G, exactly, and one form by Monte Carlo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dgpg_verify.claims.subjects import build_policy, build_system, one_shot_probabilities
from dgpg_verify.core import Cell, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement import gradients_of
from dgpg_verify.oracles import linear_quadratic_moments, load_balancing_moments
from dgpg_verify.oracles.moments import OracleMoments

TEAM_FORMS = ("guidance", "guidance:exact", "guidance:derivative", "reparameterised")
GAME_FORMS = ("guidance", "guidance:exact")
ROLLOUTS = 4_096
NOISE_STREAM = 7


def measure_descent(cell: Cell) -> Mapping[str, Any]:
    """Cosine of each form's exact mean with -grad G, all agents stacked.

    On a team also the largest error of the measured mean of `guidance:derivative`, in its standard errors.
    """
    system = build_system(cell)
    policy = build_policy(cell.options["policy"], system, cell.seed)
    if cell.options["system"] == "load_balancing":
        p = one_shot_probabilities(system, policy)
        return _cosines(load_balancing_moments(system, p, GAME_FORMS))  # type: ignore[arg-type]
    exact = linear_quadratic_moments(system, policy.means, policy.sigma, TEAM_FORMS)  # type: ignore[arg-type,attr-defined]
    credit = make_credit("guidance:derivative")
    noise = draw_noise(cell.seed, NOISE_STREAM, system, policy, ROLLOUTS)
    drawn = gradients_of(system, policy, [credit], noise)[0].double().numpy()[..., 0]
    error = (drawn.mean(0) - exact.means[exact.index(credit.name), :, 0]) / (drawn.std(0, ddof=1) / np.sqrt(len(drawn)))
    return _cosines(exact) | {"largest_error": float(np.abs(error).max())}


def _cosines(exact: OracleMoments) -> dict[str, float]:
    descent = -exact.guidance_gradient
    return {
        name: float((mean * descent).sum() / (np.linalg.norm(mean) * np.linalg.norm(descent)))
        for name, mean in zip(exact.names, exact.means)
    }
