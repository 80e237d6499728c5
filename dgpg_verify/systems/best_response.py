"""Iterated best response: one agent after another takes the action that costs it least, until nobody moves.

Where all share one cost it ends in a Nash equilibrium of the team, a local optimum; with a price of each agent's own in
one of that game. It ends wherever the game has a potential (Rosenthal 1973; Monderer & Shapley 1996), as equal weights
on shared resources have; with weights that differ it need not, and stops after `ROUNDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from dgpg_verify.systems.resource_game import ResourceGame

ROUNDS = 100
TOLERANCE = 1e-9  # share of its cost that an agent must save to move
# What an action adds to an agent's cost by each coordinate it touches: x there without the agent and with it, and which
# coordinates these are, all [K, S].
Price = Callable[[Tensor, Tensor, Tensor], Tensor]


def team_price(game: ResourceGame) -> Price:
    """What everybody pays more."""
    return lambda before, after, at: game.coordinate_costs(after, at) - game.coordinate_costs(before, at)


def iterated_best_response(game: ResourceGame, price: Price, start: Tensor, own: Tensor | None = None) -> Tensor:
    """Actions int64 [N] in which nobody gains by another one, or those after 100 rounds.

    Parameters
    ----------
    price : see `Price`.
    start : actions [N] to begin with; agents move in the order of their numbers, and of equal actions take the first.
    own : what each action costs beside, [N, K]; None = 0.

    Notes
    -----
    Cost: a loop over agents, 0.1 ms each and round; some ten rounds.
    """
    actions = start.clone()
    for _ in range(ROUNDS):
        moved = _round(game, price, actions, own)
        if not moved:
            break
    return actions


def _round(game: ResourceGame, price: Price, actions: Tensor, own: Tensor | None) -> bool:
    """Let every agent move once, changing `actions`; whether any has."""
    z, moved = game.additions, False
    touched = game.influence(actions[None])
    x = game.idle_state.scatter_add(0, touched.index.flatten(), touched.value.flatten())
    for agent, action in enumerate(actions.tolist()):
        at, value = z.index[agent], z.value[agent]
        x.scatter_add_(0, at[action], -value[action])
        cost = torch.where(value != 0.0, price(x[at], x[at] + value, at), 0.0).sum(-1)
        if own is not None:
            cost = cost + own[agent]
        if game.allowed is not None:
            cost = cost.masked_fill(~game.allowed[agent], torch.inf)
        best = int(cost.argmin())
        if float(cost[action] - cost[best]) > TOLERANCE * abs(float(cost[action])):
            actions[agent], action, moved = best, best, True
        x.scatter_add_(0, at[action], value[action])
    return moved
