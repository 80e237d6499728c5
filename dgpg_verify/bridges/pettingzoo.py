"""PettingZoo both ways: a system as a `ParallelEnv`, and a `ParallelEnv` as a system."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dgpg_verify.core import InputError, System

if TYPE_CHECKING:
    from dgpg_verify.bridges.env_system import EnvSystem, OfActions, OfEnv
    from dgpg_verify.bridges.system_env import SystemEnv


def to_parallel_env(system: System, seed: int = 0) -> SystemEnv:
    """A `pettingzoo.ParallelEnv` that plays a system, one episode at a time.

    Parameters
    ----------
    system : any system of this package or of one's own.
    seed : of the episodes until `reset(seed=...)` gives another; an episode depends on nothing else.

    Returns
    -------
    SystemEnv
        Agents `agent_0` ... `agent_N-1`. Each sees `{"observation": float32 [K, F], "action_mask": int8 [K]}` and
        chooses among K candidates, `Discrete(K)`; with continuous actions it sees float32 [K, F] and gives one number,
        `Box` [1]. An agent with nothing to decide is allowed action 0 alone, which is not played. All get the shared
        reward, on the sum scale. The episode ends for all after T steps (terminated). `state()` is all that agents see,
        in one row; `env.transition` is the last step's, with x, x~ and z [1, ...] for guidance.

    Raises
    ------
    InputError : pettingzoo is not installed; in a step, an action that is not allowed.
    """
    _check_installed("pettingzoo")
    from dgpg_verify.bridges.system_env import SystemEnv

    return SystemEnv(system, seed)


def from_parallel_env(
    make_env: Callable[[], Any], reference: OfEnv | None = None, influence: OfActions | None = None, *,
    state: OfEnv | None = None, idle: int | None = None, horizon: int | None = None, discount: float = 1.0,
    team_reward: str = "mean",
) -> EnvSystem:  # fmt: skip
    """A `ParallelEnv` of another package as a system whose gradients can be measured.

    Parameters
    ----------
    make_env : makes the environment; several are made. Actions must be `Discrete`; agents with fewer actions or shorter
        observations than others are padded, and masked. An `action_mask`, in observation or info, is obeyed.
    reference : environment after a step -> x~ [D].
    influence : (environment before a step, its actions by agent) -> z [N, D], what each action adds to x. Both or
        neither; with both, guidance can be measured.
    state : environment after a step or a reset -> x [D]; None = its `state()`, or else what all agents see.
    idle : the number of the action that stands for none; with it difference rewards can be measured.
    horizon : T, where episodes are cut; None = the environment's own limit, if an episode ends by one.
    discount : gamma in [0, 1].
    team_reward : "mean" of the agents' rewards, right where all get the same one, or their "sum".

    Returns
    -------
    EnvSystem
        A roll-out is an episode: `reset(seed)` with a seed from the system's noise, then steps one after the other.
        What agents see are float32 [K, F], their flattened observation and which of the K actions it is.

    Raises
    ------
    InputError : gymnasium is not installed; an argument or environment that does not fit, such as one whose episodes
        are not fixed by their seeds; later, a credit that cannot be measured here.

    Notes
    -----
    Roll-outs of a chunk are played one after the other in this process, by an environment each. A step from an earlier
    moment (difference rewards, `branch`, the checks of the contract) plays the episode again from its start.
    An episode that ends before T goes on with reward 0 and nobody active; critics are not trained on these steps.
    """
    _check_installed("gymnasium")
    from dgpg_verify.bridges.env_system import EnvModel, EnvSystem

    if (reference is None) != (influence is None):
        raise InputError("reference and influence must be given together: guidance needs both")
    return EnvSystem(make_env, EnvModel(state, reference, influence), idle, horizon, discount, team_reward)


def _check_installed(package: str) -> None:
    if find_spec(package) is None:
        raise InputError(f"{package} is not installed: pip install 'dgpg-verify[pettingzoo]'")
