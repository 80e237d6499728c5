"""One-shot load balancing: N agents place one job each on one of K candidate servers.

State x [M] is the servers' utilisation, background + sum of the jobs placed / capacity. The shared reward is
minus a cost of x. This is the smallest system in which the paper's claims have closed forms at any N.
Laws of the random fleets (our declared choice): capacity log-uniform in [1, 4]; gamma jobs (shape 4, mean 1,
clipped to [0.1, 5] so that max/median stays below 10) or log-normal jobs (log-sd 1); background uniform in
[0, 0.2]; cost weights log-uniform in [1/2, 2]. None depends on N.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.core import Influence, InputError, Observation, check_choice, check_int
from dgpg_verify.systems.graphs import MOST_SERVERS, count_candidates, random_candidates
from dgpg_verify.systems.one_shot import GameState, check_entries, check_graph, check_vectors
from dgpg_verify.systems.references import alter_reference
from dgpg_verify.systems.resource_game import ResourceGame

COSTS = ("quadratic", "delay", "mm1", "makespan")
JOB_LAWS = ("gamma", "lognormal")
MM1_CAP = 0.95  # queueing delay x / (1 - x) is followed up to here, then continued linearly
FEATURES = ("log capacity", "background", "reference", "share")
ALLOWED = {
    **dict.fromkeys(("jobs", "capacity"), "finite and > 0"),
    **dict.fromkeys(("weights", "background"), "finite and >= 0"),
    **dict.fromkeys(("target", "reference_state"), "finite"),
}
HEURISTICS = ("random", "capacity_proportional", "least_committed")


@dataclass(frozen=True, eq=False)
class LoadBalancingGame(ResourceGame):
    """The load-balancing game. jobs [N]; capacity, background, weights, target, reference_state [M];
    candidates int64 [N, K].

    target is x* inside the quadratic cost of J, reference_state is x-tilde of the guidance G; they are equal
    unless a faulty reference is chosen. Cost of a step: O(B N + B M).
    """

    jobs: Tensor
    capacity: Tensor
    background: Tensor
    candidates: Tensor
    weights: Tensor
    target: Tensor
    reference_state: Tensor
    cost: str = "quadratic"
    recipe: dict[str, Any] | None = None

    kind = "load_balancing"
    heuristic_names = HEURISTICS

    def __post_init__(self) -> None:
        check_choice("cost", self.cost, COSTS)
        _check_parameters(self)

    @classmethod
    def random(
        cls,
        n_agents: int,
        seed: int = 0,
        n_candidates: int | str | None = None,
        cost: str = "quadratic",
        job_law: str = "gamma",
        n_servers: int | None = None,
        reference: str = "fluid",
    ) -> LoadBalancingGame:
        """Draw a heterogeneous fleet. n_candidates defaults to min(4, M); "all" gives the dense graph.

        Raises InputError on any value outside its range, before drawing.
        """
        n_agents = check_int("n_agents", n_agents, 1)
        servers = n_agents if n_servers is None else check_int("n_servers", n_servers, 1, MOST_SERVERS)
        check_choice("cost", cost, COSTS)
        check_choice("job_law", job_law, JOB_LAWS)
        check_int("seed", seed, 0)
        degree = count_candidates(n_candidates, servers, default=4)
        fleet = _draw_fleet(n_agents, servers, degree, job_law, seed)
        recipe = {
            "n_agents": n_agents, "seed": seed, "n_candidates": n_candidates,
            "cost": cost, "job_law": job_law, "n_servers": n_servers, "reference": reference,
        }  # fmt: skip
        guided_to = alter_reference(reference, fleet["target"], fleet["capacity"], seed)
        return cls(**fleet, reference_state=guided_to, cost=cost, recipe=recipe)

    # told without `additions`, which take longer than the rest of drawing a small game
    @property
    def n_agents(self) -> int:
        return self.candidates.shape[0]

    @property
    def n_actions(self) -> int:
        return self.candidates.shape[1]

    @property
    def n_servers(self) -> int:
        return self.capacity.shape[0]

    @property
    def idle_state(self) -> Tensor:
        return self.background

    @property
    def state_units(self) -> Tensor:
        return self.capacity

    @property
    def shares(self) -> Tensor:
        """z_i(k) [N, K]: what agent i's job adds to the utilisation of its k-th candidate."""
        return self.jobs[:, None] / self.capacity[self.candidates]

    @cached_property
    def additions(self) -> Influence:
        return Influence(self.candidates[..., None], self.shares[..., None])

    @property
    def features(self) -> Tensor:
        columns = (self.capacity.log(), self.background, self.reference_state)
        return torch.stack([*(column[self.candidates] for column in columns), self.shares], dim=-1)

    def cost_of(self, x: Tensor) -> Tensor:
        """Cost of utilisations x [..., M] -> [...], a sum over servers except for the makespan."""
        return x.amax(-1) if self.cost == "makespan" else super().cost_of(x)

    def coordinate_costs(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        """Each server's cost, elementwise; `at` names the servers when x is not indexed by server."""
        pick = slice(None) if at is None else at
        if self.cost == "quadratic":
            return 0.5 * self.weights[pick] * (x - self.target[pick]) ** 2
        if self.cost == "delay":
            return self.capacity[pick] * x**2
        if self.cost == "mm1":
            return _mm1_delay(x)
        raise InputError(f"cost = {self.cost!r} is not a sum over servers: it must be one of {', '.join(COSTS[:3])}")

    def removal_rewards(self, state: GameState, actions: Tensor) -> Tensor:
        if self.cost != "makespan":
            return super().removal_rewards(state, actions)
        step = self.step(state, actions)
        return _makespan_without(step.x, step.influence.index[..., 0], step.influence.value[..., 0])

    def replaced_rewards(self, state: GameState, actions: Tensor, replacements: Tensor) -> Tensor:
        if self.cost != "makespan":
            return super().replaced_rewards(state, actions, replacements)
        x, _, z = self._others_at(state, actions, replacements)
        return torch.minimum(self.removal_rewards(state, actions), -(x + z)[..., 0])

    def heuristic_scores(self, name: str, seen: Observation) -> Tensor:
        """Preference of a simple rule for each candidate, [..., N, K], higher is better."""
        check_choice("heuristic", name, HEURISTICS)
        log_capacity, background, _, share = seen.features.unbind(-1)
        if name == "random":
            return torch.zeros_like(share)
        return log_capacity if name == "capacity_proportional" else -(background + share)


def _draw_fleet(n_agents: int, servers: int, degree: int, job_law: str, seed: int) -> dict[str, Tensor]:
    """Jobs, servers and graph. target: in the fluid limit all load, spread in proportion to capacity, gives every
    server the same utilisation."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    jobs = _draw_jobs(n_agents, job_law, rng)
    capacity = np.exp(rng.uniform(0.0, np.log(4.0), servers))
    background = rng.uniform(0.0, 0.2, servers)
    weights = np.exp(rng.uniform(-np.log(2.0), np.log(2.0), servers))
    level = (jobs.sum() + (background * capacity).sum()) / capacity.sum()
    return {
        "jobs": torch.as_tensor(jobs),
        "capacity": torch.as_tensor(capacity),
        "background": torch.as_tensor(background),
        "weights": torch.as_tensor(weights),
        "candidates": torch.as_tensor(random_candidates(n_agents, servers, degree, rng)),
        "target": torch.full((servers,), float(level), dtype=torch.float64),
    }


def _draw_jobs(n_agents: int, law: str, rng: np.random.Generator) -> np.ndarray:
    if law == "gamma":
        return rng.gamma(4.0, 0.25, n_agents).clip(0.1, 5.0)
    return rng.lognormal(-0.5, 1.0, n_agents)


def _mm1_delay(x: Tensor) -> Tensor:
    slope = 1.0 / (1.0 - MM1_CAP) ** 2
    inside = x.clamp(max=MM1_CAP)
    return inside / (1.0 - inside) + slope * (x - inside)


def _makespan_without(x: Tensor, index: Tensor, value: Tensor) -> Tensor:
    """-(max over servers) after taking `value` off server `index`: only the top two servers matter."""
    if x.shape[1] == 1:
        return -(torch.gather(x, 1, index) - value)
    top, where = x.topk(2, dim=1)
    others = torch.where(where[:, :1] == index, top[:, 1:], top[:, :1])
    return -torch.maximum(others, torch.gather(x, 1, index) - value)


def _check_parameters(game: LoadBalancingGame) -> None:
    n_servers = game.capacity.shape[0]
    if game.candidates.ndim != 2 or game.jobs.shape != game.candidates.shape[:1]:
        raise InputError(
            f"jobs {tuple(game.jobs.shape)} and candidates {tuple(game.candidates.shape)} do not fit: "
            "they must be [N] and [N, K]"
        )
    check_vectors(game, ("background", "weights", "target", "reference_state"), n_servers)
    check_entries(game, ALLOWED)
    check_graph("candidates", game.candidates, n_servers, "servers")
