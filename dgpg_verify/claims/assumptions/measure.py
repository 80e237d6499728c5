"""What A1 and A3 measure: how far the reference moves with the policy, and how local an agent's influence is."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from dgpg_verify.claims.subjects import SIGMA, build_policy, build_system, one_shot_probabilities
from dgpg_verify.core import Cell, Rollout, draw_noise
from dgpg_verify.oracles.games.guidance import additions_in_norm, dense_additions, others_load
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LinearQuadraticTeam
from dgpg_verify.systems.resource_game import ResourceGame

Array = NDArray[np.float64]
# Policies that act in very different ways, by system; games of one step share theirs
POLICIES = {
    "cloud": ("uniform", "heuristic:best_fit:0.3", "heuristic:join_shortest:0.1"),
    "inventory": ("uniform", "heuristic:base_stock:0.1", "heuristic:s_S:0.1"),
}
ONE_SHOT = ("uniform", "heuristic:best_response:0.1", "heuristic:proportional:0.1")
EXOGENEITY_ROLLOUTS, LOCALITY_ROLLOUTS = 4, 8
ONE_TOTAL = "one_total"  # control of A3: every server counts as one shared coordinate


def measure_exogeneity(cell: Cell) -> dict[str, float]:
    """Largest change of the reference between policies on the same environment stream, over roll-outs and steps."""
    system = build_system(cell)
    references = []
    for name in POLICIES.get(cell.options["system"], ONE_SHOT):
        policy = make_policy(name, system)
        noise = draw_noise(cell.seed % 2**31, 0, system, policy, EXOGENEITY_ROLLOUTS)
        references.append(collect(system, policy, noise).reference)
    return {"largest_change": max(float((other - references[0]).abs().max()) for other in references[1:])}


def measure_locality(cell: Cell) -> dict[str, float]:
    """Five measures of locality: exact for games and teams, four of them from roll-outs on the cloud."""
    system = build_system(cell)
    if isinstance(system, LinearQuadraticTeam):
        return team_locality(system)
    policy = build_policy(cell.options["policy"], system, cell.seed)
    if isinstance(system, ResourceGame):
        return game_locality(system, one_shot_probabilities(system, policy), cell.row.endswith(ONE_TOTAL))
    noise = draw_noise(cell.seed % 2**31, 0, system, policy, LOCALITY_ROLLOUTS)
    reach = float(system.candidates.flatten().bincount().max())  # type: ignore[attr-defined]
    return {**rollout_locality(collect(system, policy, noise)), "reach": reach}


def game_locality(game: ResourceGame, p: Array, one_total: bool = False) -> dict[str, float]:
    """Exact locality of a game, in the norm of G; `one_total` counts every coordinate as one (control)."""
    at, z = additions_in_norm(game)
    if one_total:
        at = np.zeros_like(at)
    size = (z**2).sum(-1)
    many = z.shape[2] ** 2 > game.n_agents * game.state_size
    overlap, spread = _met_anywhere(at, z, p) if many else _met_where_one_acts(at, z, p)
    agents = np.arange(len(z)).repeat(at[0].size)[z.ravel() != 0]
    reached = np.unique(np.stack([at.ravel()[z.ravel() != 0], agents]), axis=1)[0]
    return {
        "largest_influence": float(np.sqrt(size.max())),
        "coordinates": float((z != 0).sum(-1).mean()),
        "reach": float(np.bincount(reached).max()),
        "overlap": float((p * overlap).sum(1).mean()),
        "others_variance": float((p * spread / np.where(size > 0.0, size, 1.0)).sum(1).mean()),
    }


def _met_where_one_acts(at: NDArray[np.int64], z: Array, p: Array) -> tuple[Array, Array]:
    """Of action k of agent i, [N, K]: the others' sum of E <z_ik, z_j>^2, and sum_s z_iks^2 Var of their load at s."""
    others = others_load(at, z, p)
    overlap = np.einsum("iks,ikt,ikst->ik", z, z, others.squares)
    return overlap, np.einsum("iks,ikss->ik", z**2, others.covariance)


def _met_anywhere(at: NDArray[np.int64], z: Array, p: Array) -> tuple[Array, Array]:
    """What `_met_where_one_acts` returns, from the products of every two agents' additions; cost O(N^2 K^2 M)."""
    (n, k, _), rows = z.shape, dense_additions(at, z)
    overlap = np.einsum("iknl,nl->ikn", ((rows @ rows.T) ** 2).reshape(n, k, n, k), p)
    overlap[np.arange(n), :, np.arange(n)] = 0.0
    added = rows.reshape(n, k, -1)
    own = np.einsum("ik,ikm->im", p, added**2) - np.einsum("ik,ikm->im", p, added) ** 2
    return overlap.sum(-1), np.einsum("ikm,im->ik", added**2, own.sum(0) - own)


def team_locality(team: LinearQuadraticTeam) -> dict[str, float]:
    """Exact locality of a team: z_i = Z_i sigma xi_i, so E <z_i, z_j>^2 = sigma^4 (Z'Z)_ij^2 for i != j."""
    index, value = team.index.numpy(), team.value.numpy()
    rows = team.state_size
    columns = np.repeat(np.arange(team.n_agents), index.shape[1])
    z = sparse.csr_matrix((value.ravel(), (index.ravel(), columns)), shape=(rows, team.n_agents))
    gram = (z.T @ z).tocsr()
    squared = np.asarray(gram.multiply(gram).sum(1)).ravel() - gram.diagonal() ** 2
    row_square = np.asarray(z.multiply(z).sum(1)).ravel()
    others = (value**2 * (row_square[index] - value**2)).sum(1) / (value**2).sum(1)
    return {
        "largest_influence": float(SIGMA * np.sqrt((value**2).sum(1)).max()),
        "coordinates": float((value != 0).sum(1).mean()),
        "reach": float((z != 0).sum(1).max()),
        "overlap": float(SIGMA**4 * squared.mean()),
        "others_variance": float(SIGMA**2 * others.mean()),
    }


def rollout_locality(rollout: Rollout) -> dict[str, float]:
    """Locality of the jobs placed in the same step, averaged over roll-outs, steps and acting agents."""
    index, value = rollout.influence.index, rollout.influence.value
    acting = rollout.actions >= 0
    server = index[..., 0]
    half = rollout.x.shape[-1] // 2
    first, second = value[..., 0], value[..., 1]

    def of_others(part: Tensor) -> Tensor:
        """What the other jobs of the step add up to on each job's server."""
        on_server = torch.zeros(*server.shape[:2], half, dtype=value.dtype).scatter_add(-1, server, part)
        return on_server.gather(-1, server) - part

    products = ((1.0, first**2), (2.0, first * second), (1.0, second**2))
    overlap = torch.stack([factor * product * of_others(product) for factor, product in products]).sum(0)
    return {
        "largest_influence": float(value.pow(2).sum(-1).sqrt().max()),
        "coordinates": float((value != 0).sum(-1)[acting].double().mean()),
        "overlap": float(overlap[acting].mean()),
        "others_variance": float(of_others(first)[acting].var()),
    }
