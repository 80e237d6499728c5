"""Systems by name, for the command line and for cells read back from files."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from dgpg_verify.core import InputError, System, check_choice, check_int
from dgpg_verify.systems.cloud import CloudScheduling
from dgpg_verify.systems.inventory import random_inventory
from dgpg_verify.systems.linear_quadratic import LinearQuadraticTeam
from dgpg_verify.systems.load_balancing import LoadBalancingGame
from dgpg_verify.systems.power import ContinuousDispatch, PowerDispatch
from dgpg_verify.systems.rate_control import RateControl
from dgpg_verify.systems.roads import RoadNetwork
from dgpg_verify.systems.roads.road_network import NETWORKS

_FACTORIES: dict[str, Callable[..., System]] = {
    "load_balancing": LoadBalancingGame.random,
    "linear_quadratic": LinearQuadraticTeam.random,
    "cloud": CloudScheduling,
    "road_network": RoadNetwork.random,
    **{f"road_network:{name}": partial(RoadNetwork.random, network=name) for name in NETWORKS[:-1]},
    "rate_control": RateControl.random,
    "power_dispatch": PowerDispatch.random,
    ContinuousDispatch.kind: ContinuousDispatch.random,
    "inventory": random_inventory,
}


def register_system(name: str, factory: Callable[..., System]) -> None:
    """Make `factory(n_agents, seed=0, **options)` available as `name`."""
    if name in _FACTORIES:
        raise InputError(f"system name {name!r} is taken: {', '.join(_FACTORIES)}")
    _FACTORIES[name] = factory


def system_names() -> tuple[str, ...]:
    """Every name that `make_system` understands."""
    return tuple(_FACTORIES)


def make_system(name: str, n_agents: int, seed: int = 0, **options: Any) -> System:
    """Build a system by name. Raises InputError on an unknown name, option or value."""
    factory = _FACTORIES[check_choice("system", name, _FACTORIES)]
    check_int("n_agents", n_agents, 1)
    parameters = inspect.signature(factory).parameters.values()
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        allowed = [p.name for p in parameters]
        for option in options:
            check_choice(f"option of system {name}", option, allowed)
    return factory(n_agents, seed=seed, **options)
