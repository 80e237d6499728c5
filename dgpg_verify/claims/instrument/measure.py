"""What A0 runs: random configurations on which the Monte Carlo instrument meets an exact answer, and its controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.claims.subjects import one_shot_probabilities
from dgpg_verify.core import Cell, Estimate, Policy, Rollout, System, draw_noise
from dgpg_verify.credits import GuidanceCredit, GuidedCredit, ReturnCredit
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.oracles import (
    OracleMoments,
    enumerate_moments,
    enumerate_trajectories,
    linear_quadratic_moments,
    load_balancing_moments,
    trajectory_moments,
)
from dgpg_verify.oracles.games.quadratic import quadratic_moments
from dgpg_verify.policies import GaussianPolicy, TabularPolicy, uniform_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.statistics import calibration_table, control_table, headline_error_rates, majority
from dgpg_verify.systems import CloudScheduling, LinearQuadraticTeam, LoadBalancingGame, make_system
from dgpg_verify.systems.power.power_dispatch import PowerDispatch
from dgpg_verify.systems.resource_game import ResourceGame

COVERAGE = 0.95
BATCH = 10  # configurations in one cell
REPETITIONS = 1000
ROLLOUTS = 1024
QUANTITIES = ("variance of return:raw", "variance of guidance", "variance of difference")
CREDITS = ("return:raw", "guidance", "difference")
OTHER_GAMES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("road_network", {}),
    ("road_network:braess", {}),
    ("rate_control", {}),
    ("rate_control", {"topology": "bottleneck"}),
    ("power_dispatch", {"lines": True}),
)
Configuration = tuple[System, Policy, OracleMoments]


def measure_instrument(cell: Cell) -> dict[str, Any]:
    """Measure one cell of A0; a function of the cell alone."""
    kind, _, oracle = cell.row.partition("/")
    if kind == "coverage":
        return coverage_batch(oracle, cell.seed, BATCH, COVERAGE)
    return MEASURES[kind](cell.n, cell.seed % 2**31)


def coverage_batch(oracle: str, seed: int, size: int, level: float) -> dict[str, Any]:
    """Which of the instrument's intervals contain the exact value: quantity -> 0/1 for each random configuration."""
    hits: dict[str, list[int]] = {quantity: [] for quantity in QUANTITIES}
    for number in range(size):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        system, policy, exact = ORACLES[oracle](rng)
        run_seed = int(rng.integers(2**31))
        moments = measure_gradients(system, policy, CREDITS, rollouts=ROLLOUTS, seed=run_seed, progress=False)
        for quantity, credit in zip(QUANTITIES, CREDITS, strict=True):
            hits[quantity].append(int(_covers(moments[credit].mean_variance, exact[credit].variance.mean())))
    return dict(hits)


def _covers(estimate: Estimate, truth: float) -> bool:
    if estimate.low is None or estimate.high is None:
        return False
    # a credit without any variance has an interval of no width: equal up to round-off counts as covered
    slack = 1e-9 * abs(truth) + 1e-300
    return bool(estimate.low - slack <= truth <= estimate.high + slack)


def _random_policy(system: System, rng: np.random.Generator) -> TabularPolicy:
    logits = rng.normal(0.0, 0.7, (system.n_agents, system.n_actions))
    return TabularPolicy(torch.as_tensor(logits))


def _enumeration(rng: np.random.Generator) -> Configuration:
    cost = str(rng.choice(["quadratic", "delay", "mm1", "makespan"]))
    n = int(rng.integers(2, 6))
    system = LoadBalancingGame.random(n, int(rng.integers(2**31)), n_candidates=min(3, n), cost=cost)
    policy = _random_policy(system, rng)
    return system, policy, enumerate_moments(system, one_shot_probabilities(system, policy))


def _closed_form_game(rng: np.random.Generator) -> Configuration:
    cost = str(rng.choice(["quadratic", "delay"]))
    system = LoadBalancingGame.random(int(rng.integers(6, 40)), int(rng.integers(2**31)), cost=cost)
    policy = _random_policy(system, rng)
    return system, policy, load_balancing_moments(system, one_shot_probabilities(system, policy))


def _closed_form_team(rng: np.random.Generator) -> Configuration:
    n, seed = int(rng.integers(3, 40)), int(rng.integers(2**31))
    system = LinearQuadraticTeam.random(n, seed, alignment=float(rng.uniform()), reference_bias=float(rng.uniform()))
    means, sigma = rng.normal(0.0, 0.5, n), float(rng.uniform(0.2, 1.0))
    return system, GaussianPolicy(torch.as_tensor(means), sigma), linear_quadratic_moments(system, means, sigma)


def _trajectories(rng: np.random.Generator) -> Configuration:
    horizon, seed = int(rng.integers(2, 5)), int(rng.integers(2**31))
    cloud = CloudScheduling(2, seed=seed, n_candidates=2, horizon=horizon, load=0.9)
    stream = torch.as_tensor(rng.uniform(size=(horizon, cloud.noise_size)))
    while not bool(cloud.start(stream[None]).jobs.active.any()):  # without a job there is nothing to measure
        stream = torch.as_tensor(rng.uniform(size=(horizon, cloud.noise_size)))
    system = FixedEnvironment(cloud, stream)
    policy = _random_policy(cloud, rng)
    paths = enumerate_trajectories(cloud, policy, stream)
    return system, policy, trajectory_moments(paths, CREDITS)


def _closed_form_dispatch(rng: np.random.Generator) -> Configuration:
    n, seed = int(rng.integers(6, 40)), int(rng.integers(2**31))
    system = PowerDispatch.random(n, seed, normalised=bool(rng.integers(2)), gamma=float(rng.uniform(0.0, 2.0)))
    policy = _random_policy(system, rng)
    return system, policy, quadratic_moments(system, one_shot_probabilities(system, policy), CREDITS)


def _other_domains(rng: np.random.Generator) -> Configuration:
    kind, options = OTHER_GAMES[int(rng.integers(len(OTHER_GAMES)))]
    system = cast(ResourceGame, make_system(kind, int(rng.integers(2, 5)), int(rng.integers(2**31)), **options))
    policy = _random_policy(system, rng)
    return system, policy, enumerate_moments(system, one_shot_probabilities(system, policy), CREDITS)


ORACLES: dict[str, Callable[[np.random.Generator], Configuration]] = {
    "enumeration": _enumeration,
    "load-balancing closed form": _closed_form_game,
    "linear-quadratic closed form": _closed_form_team,
    "trajectory enumeration": _trajectories,
    "dispatch closed form": _closed_form_dispatch,
    "enumeration of other domains": _other_domains,
}
AT_FULL_SCALE = ("dispatch closed form", "enumeration of other domains")


@dataclass(frozen=True, eq=False)
class FixedEnvironment:
    """A system whose environment stream is always `stream` [T, E]: only the agents are random."""

    inner: Any
    stream: Tensor

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.inner, name)

    def start(self, noise: Tensor) -> Any:
        return self.inner.start(self.stream.expand(len(noise), -1, -1))


def bit_identities(n: int, seed: int) -> dict[str, Any]:
    """Largest differences that must be exactly 0: alpha = 0 and 1, and guidance seen before acting."""
    system = LoadBalancingGame.random(n, seed)
    policy = uniform_policy(system)
    noise = draw_noise(seed, 0, system, policy, 64)
    rollout = collect(system, policy, noise)
    pilot = [collect(system, policy, draw_noise(seed, 1, system, policy, 64))]

    def gap(first: Any, second: Any) -> float:
        return float((first.fit(pilot)(rollout) - second.fit(pilot)(rollout)).abs().max())

    # redraw everyone but agent 0: its guidance, taken at the state seen before acting, may not change
    first = torch.zeros(n, dtype=torch.bool)
    first[0] = True
    other = collect(system, policy, noise.freeze(draw_noise(seed, 2, system, policy, 64), first))
    observed = GuidanceCredit("observed")
    return {
        "alpha 0 equals the base credit": gap(GuidedCredit(0.0), ReturnCredit()),
        "alpha 1 equals the guidance": gap(GuidedCredit(1.0), GuidanceCredit()),
        "guidance at the state seen before acting ignores the others": float(
            (observed(rollout)[..., 0] - observed(other)[..., 0]).abs().max()
        ),
    }


def observed_guidance_bias(n: int, seed: int) -> dict[str, Any]:
    """What taking the guidance at the state seen before acting costs: its exact mean against -grad G.

    relative_bias = |mean - (-grad G)| / |grad G| and cosine between them, agents stacked, uniform policy.
    """
    system = LoadBalancingGame.random(n, seed)
    p = one_shot_probabilities(system, uniform_policy(system))
    gap = (system.background - system.reference_state)[system.candidates].numpy()
    weights = -gap * system.shares.numpy()
    mean = p * (weights - (p * weights).sum(1, keepdims=True))
    descent = -load_balancing_moments(system, p).guidance_gradient
    inner = float((mean * descent).sum() / (np.linalg.norm(mean) * np.linalg.norm(descent)))
    return {"relative_bias": float(np.linalg.norm(mean - descent) / np.linalg.norm(descent)), "cosine": inner}


def constant_reward_is_not_measurable(n: int, seed: int) -> dict[str, Any]:
    """A game whose cost weights are all 0: its noise-to-signal ratio must not be a number."""
    system = LoadBalancingGame.random(n, seed)
    constant = replace(system, weights=torch.zeros_like(system.weights), recipe=None)
    moments = measure_gradients(constant, "uniform", ["return"], rollouts=256, seed=seed, progress=False)
    return {"measurable": moments["return"].noise_to_signal.value is not None}


@dataclass(frozen=True)
class OwnRewardCredit:
    """w = -(utilisation the agent's own job adds): a reward that no other agent enters."""

    name: str = "own_reward"
    keeps_states: bool = False

    def fit(self, pilot: Sequence[Rollout]) -> OwnRewardCredit:
        return self

    def __call__(self, rollout: Rollout) -> Tensor:
        return torch.where(rollout.active, -rollout.influence.value[..., 0], 0.0)


def independent_rewards(n: int, seed: int) -> dict[str, Any]:
    """Noise-to-signal when every agent is paid for its own job only: must not grow."""
    system = LoadBalancingGame.random(n, seed)
    moments = measure_gradients(system, "uniform", [OwnRewardCredit()], rollouts=512, seed=seed, progress=False)
    return {"noise_to_signal": moments["own_reward"].noise_to_signal.value}


def error_rates(n: int, seed: int) -> dict[str, Any]:
    """Records of how often the verdict rules err, and rules with a planted fault."""
    tables: dict[str, Sequence[Callable[..., list[dict[str, Any]]]]] = {
        "standard": (calibration_table, headline_error_rates),
        "faulty": (control_table, partial(headline_error_rates, rule=majority)),
    }
    return {name: [record for table in each for record in table(REPETITIONS, seed)] for name, each in tables.items()}


MEASURES: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "identities": bit_identities,
    "observed_bias": observed_guidance_bias,
    "constant_reward": constant_reward_is_not_measurable,
    "independent_rewards": independent_rewards,
    "error_rates": error_rates,
}
