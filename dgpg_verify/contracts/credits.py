"""Whether a credit keeps its contract: fitted and called on a few roll-outs of a system under the uniform policy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dgpg_verify.contracts.calls import called, check_tensor, pure
from dgpg_verify.contracts.systems import rollouts_for
from dgpg_verify.core import Credit, HasActionWeights, InputError, Policy, Rollout, System, draw_noise, lacking, offers
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect

SAME = 1e-6  # of two ways to compute one weight
PILOT = 16  # roll-outs on which the credit is fitted, the fewest that a measurement takes


def check_credit(credit: Any, system: System, policy: Policy | None = None) -> None:
    """Fit and call a credit on a few roll-outs and check it against the contract (`core.Credit`).

    Checked: members; a credit comes back from fit(); weights float64 [B, T, N], finite, 0 where an agent is not
    active; weights of all actions, where there are such, that agree with them; `keeps_states` where the credit reads
    states; the same weights for the same roll-outs, without any global generator and without a change of what is given.

    Parameters
    ----------
    credit : the object to check.
    system : a system that keeps its contract.
    policy : plays the roll-outs; None = uniform.

    Raises
    ------
    InputError : the first value that is not as it must be, in one line that names it and what was expected.

    Notes
    -----
    Cost: about 20 roll-outs, one fit and two calls.
    """
    kind = type(credit).__name__
    if missing := lacking(credit, Credit):
        raise InputError(f"credit {kind} lacks {', '.join(missing)}: it must have every member of core.Credit")
    if not isinstance(credit.name, str) or not credit.name:
        raise InputError(f"{kind}.name = {credit.name!r} is not allowed: it must be a text that is not empty")
    if not isinstance(credit.keeps_states, bool):
        raise InputError(f"{kind}.keeps_states = {credit.keeps_states!r} is not allowed: it must be True or False")
    policy = make_policy("uniform", system) if policy is None else policy
    pilot, rollout, *_ = [_played(system, policy, k, size, credit.keeps_states) for k, size in
                          enumerate((PILOT, rollouts_for(system)))]  # fmt: skip
    try:
        fitted = pure(f"{kind}.fit()", credit.fit, [pilot])
        if lacking(fitted, Credit):
            raise InputError(f"{kind}.fit() returned {type(fitted).__name__}: it must return a credit")
        weights = pure(f"credit {kind}", fitted, rollout)
    except InputError as error:
        if error.__cause__ and not credit.keeps_states and _works_with_states(credit, system, policy):
            raise InputError(f"{kind}.keeps_states is False, but it reads rollout.states: it must be True") from None
        raise
    what = f"the weight of credit {kind}"
    check_tensor(what, weights, "B, T, N", rollout.active.shape, torch.float64)
    if bool((weights[~rollout.active] != 0).any()):
        raise InputError(f"{what} is not 0 for an agent that is not active: it must be 0")
    if offers(fitted, HasActionWeights):
        every = pure(f"{kind}.action_weights()", fitted.action_weights, rollout)
        _check_action_weights(f"the action weight of credit {kind}", every, weights, rollout)


def _check_action_weights(what: str, every: Any, weights: Tensor, rollout: Rollout) -> None:
    """InputError unless they have their shape and are, for the action taken, what the credit gives as a scalar."""
    check_tensor(what, every, "B, T, N, K", rollout.seen.mask.shape, torch.float64)
    taken = every.gather(-1, rollout.actions.clamp(min=0)[..., None])[..., 0]
    wrong = (taken - weights).abs() > SAME * (1.0 + weights.abs())
    if bool((wrong & rollout.active).any()):
        b, t, n = (wrong & rollout.active).nonzero()[0].tolist()
        raise InputError(
            f"{what} is {float(taken[b, t, n]):g} for the action taken at [{b}, {t}, {n}]: it must be what the credit "
            f"gives when called, {float(weights[b, t, n]):g}"
        )


def _played(system: System, policy: Policy, chunk: int, size: int, states: bool) -> Rollout:
    return collect(system, policy, draw_noise(0, chunk, system, policy, size), keep_states=states)


def _works_with_states(credit: Any, system: System, policy: Policy) -> bool:
    """Whether the credit gives weights once the roll-outs hold their states."""
    pilot, rollout = (_played(system, policy, k, PILOT, states=True) for k in range(2))
    try:
        called("fit", credit.fit, [pilot])(rollout)
    except Exception:
        return False
    return True
