"""Iterated best response: one agent after another takes the action that costs it least, until nobody moves.

Where all share one cost it ends in a Nash equilibrium of the team, a local optimum; with a price of each agent's own in
one of that game. It ends wherever the game has a potential (Rosenthal 1973; Monderer & Shapley 1996), as equal weights
on shared resources have; with weights that differ it need not, and stops after `ROUNDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from dgpg_verify.systems.resource_game import ResourceGame

ROUNDS = 100
TOLERANCE = 1e-9  # share of its cost that an agent must save to move
Array = NDArray[np.float64]
# What an action adds to an agent's cost by each coordinate it touches: x there without the agent and with it, and which
# coordinates these are, all [K, S].
Price = Callable[[Array, Array, NDArray[np.int64]], Array]


def team_price(game: ResourceGame) -> Price:
    """What everybody pays more."""

    def costs(x: Array, at: NDArray[np.int64]) -> Array:
        return game.coordinate_costs(torch.as_tensor(x), torch.as_tensor(at)).cpu().numpy()

    return lambda before, after, at: costs(after, at) - costs(before, at)


def distance_price(game: ResourceGame) -> Price:
    """By how much the distance G to the reference rises."""
    target, weights = game.reference_state.cpu().numpy(), game.distance_weights
    scale = 0.5 * (np.ones(len(target)) if weights is None else weights.cpu().numpy())
    return lambda before, after, at: scale[at] * (after - before) * (after + before - 2.0 * target[at])


def iterated_best_response(game: ResourceGame, price: Price, start: Tensor, own: Tensor | None = None) -> Tensor:
    """Actions int64 [N] in which nobody gains by another one, or those after 100 rounds.

    Parameters
    ----------
    price : see `Price`.
    start : actions [N] to begin with; agents move in the order of their numbers, and of equal actions take the first.
    own : what each action costs beside, [N, K]; None = 0.

    Notes
    -----
    Cost: a loop over agents, 10 to 40 us each and round; some ten rounds.
    """
    at, z = (part.cpu().numpy() for part in (game.additions.index, game.additions.value))
    beside = np.zeros(z.shape[:2]) if own is None else own.cpu().numpy()
    if game.allowed is not None:
        beside = np.where(game.allowed.cpu().numpy(), beside, np.inf)
    actions, agents = start.cpu().numpy().copy(), np.arange(len(z))
    x = game.idle_state.cpu().numpy().astype(np.float64)
    np.add.at(x, at[agents, actions], z[agents, actions])
    for _ in range(ROUNDS):
        if not _round(price, actions, x, at, z, beside):
            break
    return torch.as_tensor(actions)


def _round(price: Price, actions: Any, x: Array, at: NDArray[np.int64], z: Array, beside: Array) -> bool:
    """Let every agent move once, changing `actions` and x; whether any has."""
    moved = False
    for agent, action in enumerate(actions.tolist()):
        here, value = at[agent], z[agent]
        np.subtract.at(x, here[action], value[action])
        before = x[here]
        cost = np.where(value != 0.0, price(before, before + value, here), 0.0).sum(-1) + beside[agent]
        best = int(cost.argmin())
        if cost[action] - cost[best] > TOLERANCE * abs(cost[action]):
            actions[agent], action, moved = best, best, True
        np.add.at(x, here[action], value[action])
    return moved
