"""Scores of a policy one decision at a time: by automatic differentiation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgpg_verify.core import InputError, Observation, Policy

Score = Callable[[Observation, Tensor], NDArray[np.float64]]
BATCH = 256


def policy_scores(policy: Policy) -> Score:
    """grad log pi(a_i | o_i) of every agent, [C, N, P], by back-propagation through `policy.log_prob`.

    The policy must be a dataclass with a field `parameters`, [N, P] (independent: agent i's block only enters its
    own probability) or [P] (shared). Cost: one backward pass per decision, and per agent if shared.
    """
    if not dataclasses.is_dataclass(policy) or "parameters" not in {f.name for f in dataclasses.fields(policy)}:
        raise InputError(f"{type(policy).__name__} has no field `parameters`: give a score formula instead")

    def score(seen: Observation, actions: Tensor) -> NDArray[np.float64]:
        parameters = policy.parameters.detach().clone().requires_grad_(True)
        live = dataclasses.replace(policy, parameters=parameters)
        log_prob = live.log_prob(seen, actions)
        size, n = log_prob.shape
        shared = policy.sharing == "shared"
        outputs = log_prob.flatten() if shared else log_prob.sum(1)
        rows = []
        for first in range(0, len(outputs), BATCH):
            picks = torch.zeros(min(BATCH, len(outputs) - first), len(outputs), dtype=outputs.dtype)
            picks[torch.arange(len(picks)), first + torch.arange(len(picks))] = 1.0
            (part,) = torch.autograd.grad(outputs, parameters, picks, retain_graph=True, is_grads_batched=True)
            rows.append(part.double().numpy())
        return np.concatenate(rows).reshape(size, n, -1)

    return score
