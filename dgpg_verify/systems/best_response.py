"""Iterated best response: one agent after another takes the action that costs it least, until nobody moves.

Where all share one cost it ends in a Nash equilibrium of the team, a local optimum; with a price of each agent's own in
one of that game. It ends wherever the game has a potential (Rosenthal 1973; Monderer & Shapley 1996), as equal weights
on shared resources have; with weights that differ it need not, and stops after `ROUNDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
# coordinates these are, all [..., K, S].
Price = Callable[[Array, Array, NDArray[np.int64]], Array]


def team_price(game: ResourceGame) -> Price:
    """What everybody pays more."""

    def costs(x: Array, at: NDArray[np.int64]) -> Array:
        return game.coordinate_costs(torch.as_tensor(x), torch.as_tensor(at)).cpu().numpy()

    return lambda before, after, at: costs(after, at) - costs(before, at)


def distance_price(*games: ResourceGame) -> Price:
    """By how much the distance G to the reference rises; of several games, for `iterated_best_responses`."""
    target = np.concatenate([game.reference_state.cpu().numpy() for game in games])
    scale = 0.5 * np.concatenate([_weights(game) for game in games])
    return lambda before, after, at: scale[at] * (after - before) * (after + before - 2.0 * target[at])


def _weights(game: ResourceGame) -> Array:
    weights = game.distance_weights
    return np.ones(len(game.reference_state)) if weights is None else weights.cpu().numpy()


def iterated_best_response(game: ResourceGame, price: Price, start: Tensor, own: Tensor | None = None) -> Tensor:
    """Actions int64 [N] in which nobody gains by another one, or those after 100 rounds.

    Parameters
    ----------
    price : see `Price`.
    start : actions [N] to begin with; agents move in the order of their numbers, and of equal actions take the first.
    own : what each action costs beside, [N, K]; None = 0.

    Notes
    -----
    Cost: a loop over agents, 15 to 40 us each and round; some ten rounds.
    """
    return iterated_best_responses([game], price, start[None], None if own is None else own[None])[0]


def iterated_best_responses(
    games: Sequence[ResourceGame], price: Price, start: Tensor, own: Tensor | None = None
) -> Tensor:
    """The same for F games of one size side by side: start and result [F, N], own [F, N, K]. The games' coordinates
    follow each other in what `price` is asked. 16 games take 1.3 times the time of one."""
    places = [game.additions.index.cpu().numpy() for game in games]
    begins = np.cumsum([0, *(game.state_size for game in games[:-1])])
    at = np.stack([place + begin for place, begin in zip(places, begins.tolist(), strict=True)], axis=1)
    z = np.stack([game.additions.value.cpu().numpy() for game in games], axis=1)
    beside = np.zeros(z.shape[:3]) if own is None else own.cpu().numpy().swapaxes(0, 1)
    for f, game in enumerate(games):
        if game.allowed is not None:
            beside[:, f] = np.where(game.allowed.cpu().numpy(), beside[:, f], np.inf)
    actions = start.cpu().numpy().T.copy()
    x = np.concatenate([game.idle_state.cpu().numpy() for game in games]).astype(np.float64)
    np.add.at(x, _chosen(at, actions), _chosen(z, actions))
    for _ in range(ROUNDS):
        if not _round(price, actions, x, at, z, beside):
            break
    return torch.as_tensor(actions.T.copy())


def _chosen(parts: Any, actions: NDArray[np.int64]) -> Any:
    """Of [..., K, S] those of the actions [...], [..., S]."""
    return np.take_along_axis(parts, actions[..., None, None], axis=-2)[..., 0, :]


def _round(price: Price, actions: NDArray[np.int64], x: Array, at: NDArray[np.int64], z: Array, beside: Array) -> bool:
    """Let every agent move once in all F games, changing `actions` [N, F] and x; whether any has. at, z: [N, F, K, S];
    beside: [N, F, K]."""
    moved, games = False, np.arange(at.shape[1])
    for agent, action in enumerate(actions):
        here, value = at[agent], z[agent]
        np.subtract.at(x, here[games, action], value[games, action])
        before = x[here]
        cost = np.where(value != 0.0, price(before, before + value, here), 0.0).sum(-1) + beside[agent]
        best, now = cost.argmin(1), cost[games, action]
        gains = now - cost[games, best] > TOLERANCE * np.abs(now)
        if gains.any():
            action[gains], moved = best[gains], True  # a view of `actions`
        np.add.at(x, here[games, action], value[games, action])
    return moved
