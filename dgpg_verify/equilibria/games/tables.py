"""Reward and guidance of small one-shot games on every joint action, many fleets at once.

Signs as everywhere: the reward J is maximised, the guidance G minimised, J_alpha = (1 - alpha) J - alpha G.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from dgpg_verify.core import InputError, check_real
from dgpg_verify.equilibria.arrays import Array, beside
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.systems.load_balancing import COSTS, MM1_CAP
from dgpg_verify.systems.resource_game import ResourceGame

MAX_JOINT_ACTIONS = 10_000_000
SERVER_PARAMETERS = ("background", "reference_state", "weights", "target", "capacity")


def check_table(name: str, table: ArrayLike) -> Array:
    """Return a table as finite float64 [F, K, ..., K] (N >= 1 action axes of one length), else InputError.

    Raises InputError on another shape, on more than 10^7 joint actions per fleet, on NaN or infinity. Cost O(F K^N).
    """
    array = np.asarray(table, dtype=np.float64)
    if array.ndim < 2 or 0 in array.shape or len(set(array.shape[1:])) != 1:
        raise InputError(f"{name} has shape {array.shape}: it must be [F, K, ..., K] with F, N, K >= 1")
    check_joint_actions(array.ndim - 1, array.shape[1])
    # the sum is finite unless an entry is not, or the sum overflows: only then look at every entry
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum()
    if not np.isfinite(total) and not np.isfinite(array).all():
        place = [int(k) for k in np.argwhere(~np.isfinite(array))[0]]
        raise InputError(f"{name}{place} = {float(array[tuple(place)])!r} is not allowed: every entry must be finite")
    return array


def check_joint_actions(n_agents: int, n_actions: int) -> None:
    """Raise InputError when a fleet has more than 10^7 joint actions."""
    if n_actions**n_agents > MAX_JOINT_ACTIONS:
        raise InputError(
            f"n_actions^n_agents = {n_actions}^{n_agents} joint actions is not allowed: "
            f"it must be in [1, {MAX_JOINT_ACTIONS}]"
        )


def check_alpha(alpha: Any) -> float:
    """Return alpha as a float in [0, 1], else InputError."""
    return check_real("alpha", alpha, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Tables:
    """reward J [F, K, ..., K] (maximised) and guidance G [F, K, ..., K] (minimised) of F fleets, N action axes.

    Raises InputError unless both are finite, of one shape and within 10^7 joint actions per fleet.
    """

    reward: Array
    guidance: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "reward", check_table("reward", self.reward))
        object.__setattr__(self, "guidance", check_table("guidance", self.guidance))
        if self.reward.shape != self.guidance.shape:
            raise InputError(
                f"reward {self.reward.shape} and guidance {self.guidance.shape} do not fit: they must have one shape"
            )

    @property
    def fleets(self) -> int:
        return int(self.reward.shape[0])

    @property
    def n_agents(self) -> int:
        return self.reward.ndim - 1

    @property
    def n_actions(self) -> int:
        return int(self.reward.shape[1])

    @property
    def range(self) -> Array:
        """Highest minus lowest reward over the joint actions, [F]; the unit of every certificate."""
        return table_range(self.reward)

    def of(self, alpha: float) -> Array:
        """J_alpha = (1 - alpha) J - alpha G on every joint action, [F, K, ..., K]; alpha in [0, 1]."""
        alpha = check_alpha(alpha)
        return (1.0 - alpha) * self.reward - alpha * self.guidance

    def take(self, fleets: Any) -> Tables:
        """The same tables for some of the fleets: an index array, a mask [F] or a slice."""
        return Tables(self.reward[fleets], self.guidance[fleets])


def table_range(table: Array) -> Array:
    """Highest minus lowest entry of each fleet's table, [F]."""
    flat = table.reshape(len(table), -1)
    return np.asarray(flat.max(1) - flat.min(1))


def centred(table: Array) -> Array:
    """The table minus the middle of its range, fleet by fleet: same gains, less rounding."""
    flat = table.reshape(len(table), -1)
    return np.asarray(table - beside(0.5 * (flat.max(1) + flat.min(1)), table))


def normalised(table: Array) -> Array:
    """The centred table divided by its range, fleet by fleet; a constant table becomes 0."""
    extent = table_range(table)
    return centred(table) / beside(np.where(extent > 0.0, extent, 1.0), table)


def joint_tables(games: LoadBalancingGame | Sequence[LoadBalancingGame]) -> Tables:
    """J = -cost and G = 1/2 |x - reference|^2 (all servers, unweighted) of games on every joint action.

    Parameters
    ----------
    games
        One game, or several with the same N, K, M and cost: they become the fleet axis F.

    Returns
    -------
    Tables
        float64 [F, K, ..., K]; axis 1 + i is agent i's action.

    Raises
    ------
    InputError
        No game, games that differ in N, K, M or cost, more than 10^7 joint actions, non-finite costs.

    Notes
    -----
    Cost O(F M K^N): the load of one server at a time, built up agent by agent.
    """
    listed = [games] if isinstance(games, LoadBalancingGame) else list(games)
    first = _first_of_equals(listed)
    fleets = {name: stacked(listed, name) for name in SERVER_PARAMETERS}
    candidates, shares = stacked(listed, "candidates"), stacked(listed, "shares")
    shape = (len(listed), *(first.n_actions,) * first.n_agents)
    cost, guidance = np.zeros(shape), np.zeros(shape)
    for m in range(first.n_servers):
        x = _server_load(fleets["background"][:, m], np.where(candidates == m, shares, 0.0))
        server = {name: beside(values[:, m], x) for name, values in fleets.items()}
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused below, by its place
            guidance += 0.5 * (x - server["reference_state"]) ** 2
            if first.cost == "makespan":
                cost = x if m == 0 else np.maximum(cost, x)
            else:
                cost += _server_cost(first.cost, x, server)
    return Tables(-cost, guidance)


def resource_tables(games: Sequence[ResourceGame]) -> Tables:
    """J and G of games of one N and K on every joint action, each played once: float64 [F, K, ..., K].

    For any resource game. Ties of equal sets of agents may differ by rounding, which `joint_tables` avoids in
    load-balancing games: drawn games of other systems have none.
    Raises InputError as `joint_tables`, or where an action is not there. Cost O(F K^N (N S + M)).
    """
    first = games[0]
    check_joint_actions(first.n_agents, first.n_actions)
    if any(game.allowed is not None for game in games):
        raise InputError("games must have all actions: a table has a place for each")
    shape = (first.n_actions,) * first.n_agents
    actions = torch.as_tensor(np.stack([part.ravel() for part in np.indices(shape)], axis=1))
    nothing = torch.zeros(len(actions), 1, 0, dtype=torch.float64)
    played = [game.step(game.start(nothing), actions) for game in games]
    reward = torch.stack([step.reward for step in played])
    distance = torch.stack([0.5 * ((step.x - step.reference) ** 2).sum(1) for step in played])
    return Tables(*(part.numpy().reshape(len(games), *shape) for part in (reward, distance)))


def stacked(games: Sequence[LoadBalancingGame], name: str) -> Array:
    """One parameter of several games of one shape, float64 [F, ...]."""
    return torch.stack([getattr(game, name) for game in games]).cpu().numpy().astype(np.float64)


def _first_of_equals(games: list[LoadBalancingGame]) -> LoadBalancingGame:
    """The first game; InputError unless all have its N, K, M and cost and the tables are not too large."""
    if not games:
        raise InputError("games is empty: at least one game is needed")
    for place, game in enumerate(games):
        if not isinstance(game, LoadBalancingGame):
            raise InputError(f"games[{place}] = {game!r} is not allowed: it must be a LoadBalancingGame")
    first, *others = [(game.n_agents, game.n_actions, game.n_servers, game.cost) for game in games]
    for place, other in enumerate(others, start=1):
        if other != first:
            raise InputError(f"games[{place}] has (N, K, M, cost) = {other}: it must equal that of games[0], {first}")
    check_joint_actions(first[0], first[1])
    return games[0]


def _server_load(background: Array, loads: Array) -> Array:
    """Utilisation of one server on every joint action from each agent's load by action [F, N, K]: [F, K, ..., K].

    Jobs are added in the order of the agents: equal sets of jobs give bit-equal loads, so that ties stay ties.
    """
    fleets, n_agents, n_actions = loads.shape
    x = background
    for i in range(n_agents):
        x = x[..., None] + loads[:, i].reshape(fleets, *(1,) * i, n_actions)
    return x


def _server_cost(cost: str, x: Array, server: dict[str, Array]) -> Array:
    if cost == "quadratic":
        return 0.5 * server["weights"] * (x - server["target"]) ** 2
    if cost == "delay":
        return server["capacity"] * x**2
    if cost == "mm1":
        inside = np.minimum(x, MM1_CAP)
        return inside / (1.0 - inside) + (x - inside) / (1.0 - MM1_CAP) ** 2
    raise InputError(f"cost = {cost!r} is not allowed: it must be one of {', '.join(COSTS)}")
