"""Cells shared by C1.1 - C1.4: all credits of one fleet under one policy, measured and, where possible, exact.

A row is a system x policy x graph x sharing; a cell is one fleet of it at one N. Claims differ only in the
statistic they read from the same cells, so each fleet is measured once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from dgpg_verify.claims.registry import cell_seed
from dgpg_verify.core import Cell, Evidence, Policy, System
from dgpg_verify.measurement import GradientMoments, measure_gradients
from dgpg_verify.oracles.games.load_balancing import load_balancing_moments
from dgpg_verify.oracles.moments import OracleMoments
from dgpg_verify.oracles.teams.linear_quadratic import linear_quadratic_moments, stationary_point
from dgpg_verify.policies import GaussianPolicy, make_policy
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame, make_system

FAMILY = "gradients"
ONE_SHOT_CREDITS = ("return", "guidance", "guidance:exact", "difference")
CLOUD_CREDITS = ("return", "return:to_go", "guidance", "difference")
CLOUD_MORE = ("gae:central", "gae:local", "normalised@gae:central", "guidance:exact", "guidance:multi_step")
TRACES = "DGPG_TRACES"  # environment variable: folder with nodes_openb.csv and jobs_openb.csv.gz
SIGMA = 0.5  # of the Gaussian policies


@dataclass(frozen=True)
class Row:
    """One row of the design: which systems, how many fleets and roll-outs, at which N.

    n_values: N -> number of fleets; rollouts 0 = closed form only; pick_freeze: pairs of roll-outs a frozen set, and
    at the largest N, where the cross-agent share is judged, pick_freeze_largest; minimum_n: smaller N are drawn, not
    fitted (2 K); horizon and other system options in `options`.
    """

    key: str
    system: str
    policy: str
    n_values: Mapping[int, int]
    rollouts: int = 0
    pick_freeze: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    sharing: str = "independent"
    graph: str = "sparse"
    minimum_n: int = 8
    credits: tuple[str, ...] = ONE_SHOT_CREDITS
    pick_freeze_largest: int | None = None

    @property
    def exact(self) -> bool:
        """Closed forms decide wherever they exist; the instrument's own numbers stand beside them."""
        return self.system != "cloud" and self.sharing == "independent"

    @property
    def source(self) -> str:
        return "exact" if self.exact else "measured"

    def pairs(self, n: int) -> int:
        """Pick-and-freeze pairs at this N."""
        if self.pick_freeze_largest is None or n < max(self.n_values):
            return self.pick_freeze
        return self.pick_freeze_largest

    def cells(self, seed: int) -> list[Cell]:
        options = {
            "system": self.system, "options": dict(self.options), "policy": self.policy, "sharing": self.sharing,
            "rollouts": self.rollouts, "credits": list(self.credits), "exact": self.exact,
        }  # fmt: skip
        return [
            Cell(
                FAMILY,
                self.key,
                n,
                replicate,
                cell_seed(seed, self.key, n, replicate),
                options | {"pick_freeze": self.pairs(n)},
            )
            for n, fleets in self.n_values.items()
            for replicate in range(fleets)
        ]


def measure_cell(cell: Cell) -> Evidence:
    """Measure all credits of one cell; a function of the cell alone."""
    began = time.perf_counter()
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
    return Evidence(cell, values, time.perf_counter() - began)


def cell_cost(cell: Cell) -> float:
    """Rough work of a cell, so that long ones start first: decisions times candidates, or N for a closed form."""
    options = cell.options.get("options", {})
    candidates = options.get("n_candidates", 8)
    width = cell.n if candidates == "all" else min(int(candidates), cell.n)
    played = cell.options.get("rollouts", 0) + 8 * cell.options.get("pick_freeze", 0)
    decisions = played * options.get("horizon", 1)
    return float(cell.n * (20 + decisions * width))


def build_system(cell: Cell) -> System:
    """The fleet of a cell. Recorded inputs are named by the environment variable, never by a path, in the key."""
    known = dict(cell.options["options"])
    for name, value in known.items():
        if isinstance(value, str) and value.endswith(f":${TRACES}"):
            known[name] = value.replace(f"${TRACES}", os.environ[TRACES])
    return make_system(cell.options["system"], cell.n, seed=cell.seed % 2**31, **known)


def build_policy(name: str, system: System, seed: int, sharing: str = "independent") -> Policy:
    """A policy by name; `toward:F` is the Gaussian policy a fraction F of the way from 0 to the optimum of J."""
    if name.startswith("toward:"):
        assert isinstance(system, LinearQuadraticTeam)
        fraction = float(name.partition(":")[2])
        return GaussianPolicy(torch.as_tensor(fraction * stationary_point(system, 0.0)), SIGMA)
    return make_policy(name, system, seed % 2**31, sharing)  # type: ignore[arg-type]


def exact_moments(system: System, policy: Any) -> OracleMoments:
    """Closed form of every credit for a one-shot system under a tabular or Gaussian policy."""
    if isinstance(system, LinearQuadraticTeam):
        return linear_quadratic_moments(system, policy.means.numpy(), policy.sigma)
    assert isinstance(system, LoadBalancingGame)
    return load_balancing_moments(system, one_shot_probabilities(system, policy))


def one_shot_probabilities(system: System, policy: Any) -> np.ndarray:
    """[N, K] of the only decision."""
    seen = system.observe(system.start(torch.zeros(1, 1, 0, dtype=torch.float64)))
    return np.asarray(policy.probabilities(seen)[0].detach().numpy())


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
        "deviations": oracle.deviations[places],
        "to_objective": np.einsum("cnp,np->c", means, gradient),
        "objective_signal": float((gradient**2).sum()),
        "guidance_signal": float((pull**2).sum()),
        "objectives_inner": float((gradient * pull).sum()),
        "median_nsr": np.array([_median_ratio(oracle, name) for name in credits]),
    }


def _median_ratio(oracle: OracleMoments, name: str) -> float:
    moments = oracle[name]
    signal = moments.signal_squared
    return float(np.median(np.where(signal > 0, moments.variance / np.where(signal > 0, signal, 1.0), 1e300)))


def measured_values(moments: GradientMoments, oracle: OracleMoments | None) -> dict[str, Any]:
    pool, team, cross = moments.pooled(), moments.pooled_team(), moments.cross_products()
    known = moments.deviations
    values: dict[str, Any] = {
        "names": list(moments),
        "covariance": pool.covariance,
        "signal": pool.signal,
        "team_covariance": team.covariance,
        "team_signal": team.signal,
        "deviations": np.array([known.get(name, -1.0) for name in moments]),
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
