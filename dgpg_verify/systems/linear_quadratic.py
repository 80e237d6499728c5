"""One-shot linear-quadratic team: continuous actions, x = Z a, reward -1/2 sum h (x - x*)^2.

With Gaussian policies every moment of every credit is a polynomial, so each has a closed form at any N.
Z = [I + W; extra rows]: sum_j |W_ij| and sum_i |W_ij| <= 0.2 and M = ceil(1.25 N) rows, so that the
Polyak-Lojasiewicz constant of J stays bounded away from 0 and infinity for every N.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.core import Influence, InputError, check_int, check_real
from dgpg_verify.systems.one_shot import GameState, OneShot, check_entries, check_graph, check_vectors

COUPLINGS = 2  # neighbours of an agent through W, each of strength at most 0.1
ALLOWED = dict.fromkeys(("value", "optimum", "reference_state"), "finite") | {"weights": "finite and >= 0"}
MAX_LOG_SPREAD = math.log(4.0)  # weights h lie in exp(+-spread) at alignment 0


@dataclass(frozen=True, eq=False)
class LinearQuadraticTeam(OneShot):
    """index int64 [N, S] and value [N, S]: the sparse columns of Z; weights h, optimum x*, reference_state [M].

    The influence of an action is Z_i (a_i - default); `influence(delta)` gives it for any deviation delta.
    """

    index: Tensor
    value: Tensor
    weights: Tensor
    optimum: Tensor
    reference_state: Tensor
    recipe: dict[str, Any] | None = None

    kind = "linear_quadratic"
    n_actions = 0

    def __post_init__(self) -> None:
        _check_team(self)

    @classmethod
    def random(
        cls, n_agents: int, seed: int = 0, alignment: float = 1.0, reference_bias: float = 0.0
    ) -> LinearQuadraticTeam:
        """Draw a team. alignment in [0, 1]: 1 gives equal weights h (J and -G share their gradient field when the
        reference is x*), 0 spreads h log-uniformly over a factor 16; reference_bias >= 0 moves x~ from x* by
        that standard deviation."""
        n_agents = check_int("n_agents", n_agents, 1)
        check_int("seed", seed, 0)
        spread = MAX_LOG_SPREAD * (1.0 - check_real("alignment", alignment, 0.0, 1.0))
        bias = check_real("reference_bias", reference_bias, 0.0)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,)))
        index, value = _draw_columns(n_agents, rng)
        rows = math.ceil(1.25 * n_agents)
        weights = np.exp(rng.uniform(-spread, spread, rows))
        optimum = rng.normal(0.0, 1.0, rows)
        reference = optimum + bias * rng.normal(0.0, 1.0, rows)
        given = {"n_agents": n_agents, "seed": seed, "alignment": alignment, "reference_bias": reference_bias}
        parts = {"index": index, "value": value, "weights": weights, "optimum": optimum, "reference_state": reference}
        return cls(**{name: torch.as_tensor(part) for name, part in parts.items()}, recipe=given)

    @property
    def n_agents(self) -> int:
        return self.index.shape[0]

    @property
    def idle_state(self) -> Tensor:
        return torch.zeros_like(self.reference_state)

    @property
    def features(self) -> Tensor:
        return torch.zeros(self.n_agents, 1, 0, device=self.value.device)

    def matrix(self) -> Tensor:
        """Dense Z [M, N]."""
        columns = torch.arange(self.n_agents)[:, None].expand_as(self.index)
        dense = torch.zeros(self.state_size, self.n_agents, dtype=torch.float64)
        return dense.index_put((self.index, columns), self.value, accumulate=True)

    def influence(self, delta: Tensor) -> Influence:
        """Z_i delta_i for deviations delta [B, N] from the default action."""
        return Influence(self.index.expand(delta.shape[0], -1, -1), self.value * delta[..., None])

    def cost_of(self, x: Tensor) -> Tensor:
        return 0.5 * (self.weights * (x - self.optimum) ** 2).sum(-1)

    def replaced_rewards(self, state: GameState, actions: Tensor, defaults: Tensor) -> Tensor:
        """Reward had agent i played its default instead, for each i: [B, N]. Cost O(B N S)."""
        transition = self.step(state, actions)
        change = self.influence(defaults - actions)
        residual = (self.weights * (transition.x - self.optimum)).gather(1, change.index.flatten(1))
        first = (residual.view_as(change.value) * change.value).sum(-1)
        second = (self.weights[change.index] * change.value**2).sum(-1)
        return transition.reward[:, None] - first - 0.5 * second


def _draw_columns(n_agents: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sparse columns of Z: own row, COUPLINGS neighbours' rows, one extra row shared by about four agents."""
    agents = np.arange(n_agents)
    index, value = [agents], [np.ones(n_agents)]
    # distinct cyclic shifts of one random cycle: each row and each column of W gets exactly COUPLINGS entries
    cycle = rng.permutation(n_agents)
    place = np.argsort(cycle)
    for shift in range(1, min(COUPLINGS, n_agents - 1) + 1):
        index.append(cycle[(place + shift) % n_agents])
        value.append(rng.uniform(0.05, 0.1, n_agents) * rng.choice([-1.0, 1.0], n_agents))
    extra = math.ceil(1.25 * n_agents) - n_agents
    index.append(n_agents + rng.permutation(n_agents) % extra)
    value.append(rng.uniform(-0.5, 0.5, n_agents))
    return np.stack(index, axis=1).astype(np.int64), np.stack(value, axis=1)


def _check_team(team: LinearQuadraticTeam) -> None:
    if team.index.shape != team.value.shape or team.index.ndim != 2:
        raise InputError(
            f"index {tuple(team.index.shape)} and value {tuple(team.value.shape)} do not fit: both must be [N, S]"
        )
    rows = team.weights.shape[0]
    check_vectors(team, ("optimum", "reference_state"), rows)
    check_entries(team, ALLOWED)
    check_graph("index", team.index, rows, "rows of Z")
