"""Policies by name, for the command line and for cells read back from files."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

from dgpg_verify.core import InputError, Policy, System, check_choice
from dgpg_verify.policies.gaussian import GaussianPolicy
from dgpg_verify.policies.linear import LinearPolicy, TabularPolicy
from dgpg_verify.policies.mlp import MLPPolicy
from dgpg_verify.policies.softmax import HeuristicPrior

Sharing = Literal["independent", "shared"]
NETWORKS = ("tabular", "linear", "mlp")
DEFAULT_SIGMA = 0.5


def uniform_policy(system: System, sharing: Sharing = "independent") -> Policy:
    """Every allowed candidate equally likely (tabular logits 0), or Gaussian means 0 for continuous actions."""
    return make_policy("tabular", system, sharing=sharing)


def policy_names() -> tuple[str, ...]:
    """Names make_policy understands; NAME@HEURISTIC:TEMPERATURE puts a network on top of a heuristic."""
    return ("uniform", "gaussian", *NETWORKS, "heuristic:NAME:TEMPERATURE", "NETWORK@NAME:TEMPERATURE")


def make_policy(name: str, system: System, seed: int = 0, sharing: Sharing = "independent", **options: Any) -> Policy:
    """Build a policy by name.

    uniform, tabular, linear, mlp; `heuristic:NAME:TEMPERATURE` = tabular offsets (at 0) on a temperature policy
    around a heuristic; `linear@NAME:TEMPERATURE`, `mlp@...` the same with another network. Continuous systems take
    `uniform` or `gaussian` (means 0, or means=..., sigma=...). Raises InputError on unknown names.
    """
    check_choice("sharing", sharing, ("independent", "shared"))
    if system.n_actions == 0:
        return _gaussian(name, system, sharing, options)
    head, _, rest = name.partition(":") if name.startswith("heuristic:") else name.partition("@")
    network = "tabular" if head in ("uniform", "heuristic") else head
    if network not in NETWORKS:
        raise InputError(f"policy = {name!r} is not allowed: it must be one of {', '.join(policy_names())}")
    prior = _parse_prior(name, rest, system) if rest else None
    if network == "mlp":
        return MLPPolicy.random(system.n_agents, n_features(system), seed, sharing=sharing, prior=prior)
    kind, width = (TabularPolicy, system.n_actions) if network == "tabular" else (LinearPolicy, n_features(system))
    shape = (width,) if sharing == "shared" else (system.n_agents, width)
    return kind(torch.zeros(shape, dtype=torch.float64), sharing, prior)


def n_features(system: System) -> int:
    """F of a system's observation, read off one observed state."""
    seen = system.observe(system.start(torch.full((1, system.horizon, system.noise_size), 0.5, dtype=torch.float64)))
    return seen.features.shape[-1]


def _gaussian(name: str, system: System, sharing: Sharing, options: dict[str, Any]) -> Policy:
    if name not in ("uniform", "gaussian", "tabular") or sharing == "shared":
        raise InputError(
            f"policy = {name!r} ({sharing}) is not allowed: continuous actions take 'gaussian' with independent means"
        )
    means = torch.as_tensor(np.asarray(options.get("means", np.zeros(system.n_agents)), dtype=np.float64))
    if means.shape != (system.n_agents,):
        raise InputError(f"means has shape {tuple(means.shape)}: it must be [N] = ({system.n_agents},)")
    return GaussianPolicy(means, options.get("sigma", DEFAULT_SIGMA))


def _parse_prior(name: str, rest: str, system: System) -> HeuristicPrior:
    heuristic, _, temperature = rest.rpartition(":")
    try:
        value = float(temperature)
    except ValueError:
        heuristic = ""
        value = 0.0
    if not heuristic:
        raise InputError(f"policy = {name!r} is not allowed: a heuristic is written NAME:TEMPERATURE")
    return HeuristicPrior(system, heuristic, value)
