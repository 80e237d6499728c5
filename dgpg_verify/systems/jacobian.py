"""The local influence z of any differentiable state, by automatic differentiation: no formula has to be written.

The tutorial obtains z as the Jacobian of `analytical_state`. For choices that is the change of x caused by the selected
action: with a presence p_i in [0, 1] for each agent's action, x is linear in p wherever actions add up, so dx/dp_i at
p = 1 is exactly the contribution x(a) - x(a without a_i). For continuous actions dx/da_i times the deviation from the
default is the contribution.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from dgpg_verify.core import Influence, InputError

State = Callable[[Tensor, Tensor], Tensor]


def choice_influence(analytical_state: State, actions: Tensor) -> Influence:
    """What each agent's choice adds to the state.

    Parameters
    ----------
    analytical_state : (actions int64 [N], presence float64 [N]) -> x [D], differentiable in the presence, by which each
        agent's addition to the state is multiplied; -1 = no action.
    actions : int64 [B, N].

    Returns
    -------
    Influence
        All D coordinates of every agent, [B, N, D]: exact where the additions do not interact.

    Raises
    ------
    InputError : a state that does not depend on the presence, or of another shape.

    Notes
    -----
    Cost: D backward passes per roll-out; a system that knows its z returns it directly.
    """
    presence = torch.ones(actions.shape, dtype=torch.float64, device=actions.device)
    return _columns(vmap(jacrev(analytical_state, argnums=1))(actions, presence), actions)


def action_influence(analytical_state: Callable[[Tensor], Tensor], actions: Tensor, default: Tensor) -> Influence:
    """What each agent's deviation from its default adds to the state, to first order: exact for x linear in a.

    Parameters
    ----------
    analytical_state : actions float64 [N] -> x [D], differentiable.
    actions, default : float64 [B, N]; the default of a Gaussian policy is its mean.

    Returns
    -------
    Influence
        [B, N, D]. Raises and costs as `choice_influence`.
    """
    dense = _columns(vmap(jacrev(analytical_state))(actions), actions)
    return Influence(dense.index, dense.value * (actions - default)[..., None])


def _columns(jacobian: Tensor, actions: Tensor) -> Influence:
    """The columns of [B, D, N] as the influence of each agent."""
    if jacobian.ndim != 3 or jacobian.shape[::2] != actions.shape:
        shape = list(jacobian.shape[1:])
        raise InputError(f"analytical_state has derivatives of shape {shape}: it must return x [D] of one roll-out")
    return dense_influence(jacobian.transpose(1, 2).double())


def dense_influence(value: Tensor) -> Influence:
    """What agents add to every coordinate of x, [B, N, D], as an influence with S = D."""
    return Influence(torch.arange(value.shape[-1], device=value.device).expand(value.shape), value)
