"""Cells shared by C1.1 - C1.4: all credits of one fleet under one policy, measured and, where possible, exact.

Claims differ only in the statistic they read from the same cells, so each fleet is measured once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dgpg_verify.claims.subjects import build_policy, build_system, one_shot_probabilities
from dgpg_verify.core import Cell, System
from dgpg_verify.measurement import GradientMoments, measure_gradients
from dgpg_verify.oracles.games.load_balancing import load_balancing_moments
from dgpg_verify.oracles.moments import OracleMoments
from dgpg_verify.oracles.teams.linear_quadratic import linear_quadratic_moments
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame


def measure_noise(cell: Cell) -> dict[str, Any]:
    """Measure all credits of one cell: exact/... from closed forms, measured/... from roll-outs."""
    options = cell.options
    system = build_system(cell)
    policy = build_policy(options["policy"], system, cell.seed, options["sharing"])
    values: dict[str, Any] = {}
    oracle = None if options["system"] == "cloud" else exact_moments(system, policy)
    if oracle is not None and options["exact"]:
        values |= prefixed("exact", _exact_values(oracle, options["credits"]))
    if options["rollouts"]:
        moments = measure_gradients(
            system,
            policy,
            options["credits"],
            rollouts=options["rollouts"],
            seed=cell.seed % 2**31,
            pick_freeze=options["pick_freeze"],
            target=None if oracle is None else oracle.objective_gradient,
            progress=False,
        )
        values |= prefixed("measured", measured_values(moments, oracle))
    return values


def noise_cost(cell: Cell) -> float:
    """Rough work of a cell, so that long ones start first: decisions times candidates, or N for a closed form."""
    options = cell.options["options"]
    candidates = options.get("n_candidates", 8)
    width = cell.n if candidates == "all" else min(int(candidates), cell.n)
    played = cell.options["rollouts"] + 8 * cell.options["pick_freeze"]
    decisions = played * options.get("horizon", 1)
    return float(cell.n * (20 + decisions * width))


def exact_moments(system: System, policy: Any) -> OracleMoments:
    """Closed form of every credit for a one-shot system under a tabular or Gaussian policy."""
    if isinstance(system, LinearQuadraticTeam):
        return linear_quadratic_moments(system, policy.means.numpy(), policy.sigma)
    assert isinstance(system, LoadBalancingGame)
    return load_balancing_moments(system, one_shot_probabilities(system, policy))


def _exact_values(oracle: OracleMoments, credits: Sequence[str]) -> dict[str, Any]:
    places = [oracle.index(name) for name in credits]
    pick = np.ix_(places, places)
    means = oracle.means[places]
    assert oracle.cross is not None
    gradient, pull = oracle.objective_gradient, -oracle.guidance_gradient
    return {
        "names": list(credits),
        "covariance": oracle.covariances[pick].sum(-1),
        "signal": np.einsum("cnp,dnp->cd", means, means),
        "cross": oracle.cross[pick].sum(-1),
        "value_means": oracle.value_means[places],
        "value_covariances": oracle.value_covariances[pick],
        "to_objective": np.einsum("cnp,np->c", means, gradient),
        "objective_signal": float((gradient**2).sum()),
        "guidance_signal": float((pull**2).sum()),
    }


def measured_values(moments: GradientMoments, oracle: OracleMoments | None = None) -> dict[str, Any]:
    """Pooled second moments of a measurement, and means and covariances of the credits' own values."""
    agent, team = (part.summed().of(moments.weights) for part in (moments.agent, moments.team))
    cross = moments.cross_products()
    values: dict[str, Any] = {
        "names": list(moments),
        "covariance": agent.covariance,
        "signal": agent.signal,
        "team_covariance": team.covariance,
        "team_signal": team.signal,
        "value_means": moments.value_means,
        "value_covariances": moments.value_covariances,
        "rollouts": moments.rollouts,
    }
    if cross is not None:
        values["cross"] = cross
    if oracle is not None:
        values["objective_signal"] = float((oracle.objective_gradient**2).sum())
        values["team_objective_signal"] = float((oracle.objective_gradient.sum(0) ** 2).sum())
    for name, explained in moments.critics.items():
        values[f"explained_variance:{name}"] = explained if np.isfinite(explained) else None
    return values


def prefixed(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}/{key}": value for key, value in values.items()}
