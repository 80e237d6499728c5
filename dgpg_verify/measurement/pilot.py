"""Separate roll-outs on which baselines, critics and scales are fitted, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from dgpg_verify.core import Credit, HasCombination, HasCritic, HasUnbiased, InputError, Rollout, check_finite, offers
from dgpg_verify.credits import live_values
from dgpg_verify.measurement.combine import Basis, fit_credits, make_basis
from dgpg_verify.measurement.gradients_of import chunk_size
from dgpg_verify.measurement.request import QUIET, Request, Setup
from dgpg_verify.rollouts import collect

MIN_PILOT, MAX_PILOT = 16, 128
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """What the pilot determines. basis: the fitted credits; target: name of the credit whose mean is taken for grad J,
    if any; unbiased: those of the requested credits; explained: variance explained by each critic; value_means [C] and
    value_covariances [C, C]: of the C requested credits' own values over all live entries."""

    basis: Basis
    target: str | None
    unbiased: tuple[bool, ...]
    explained: Mapping[str, float]
    value_means: Array
    value_covariances: Array


def calibrate(request: Request, setup: Setup) -> Calibration:
    """Fit the requested credits and find the target."""
    rollouts = pilot_rollouts(setup, request.to_fit)
    if not any(bool(rollout.active.any()) for rollout in rollouts):
        raise InputError(
            f"no agent is active at any step of {sum(len(rollout.active) for rollout in rollouts)} roll-outs: every "
            "gradient is 0 and there is nothing to measure"
        )
    fitted = fit_credits(request.to_fit, rollouts)
    count = len(request.credits)
    unbiased = tuple(offers(c, HasUnbiased) and bool(c.unbiased(rollouts[0])) for c in fitted[:count])
    target = _target(request, unbiased)
    basis = make_basis(fitted[:count], [c for c in fitted if c.name == target and not offers(c, HasCombination)])
    means, covariances = value_moments(basis, rollouts)
    critics = {c.name: c.critic if offers(c, HasCritic) else None for c in basis.credits}
    return Calibration(
        basis=basis,
        target=target if target in [credit.name for credit in basis.credits] else None,
        unbiased=unbiased,
        explained={name: critic.explained_variance for name, critic in critics.items() if critic is not None},
        value_means=means,
        value_covariances=covariances,
    )


def value_moments(basis: Basis, rollouts: Sequence[Rollout]) -> tuple[Array, Array]:
    """Means [C] and covariances [C, C] of the values of the requested credits over all live entries; 0 if none is."""
    rows = torch.stack([live_values(credit, rollouts).double() for credit in basis.credits]).cpu().numpy()
    weights, live = basis.weights, max(rows.shape[1], 1)
    means = rows.sum(1) / live
    centred = rows - means[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        covariances = weights @ (centred @ centred.T / live) @ weights.T
    check_finite("covariance of the values of credits [credit, credit] = ", covariances)
    return weights @ means, covariances


def pilot_rollouts(setup: Setup, credits: Sequence[Credit]) -> list[Rollout]:
    """max(16, min(R / 4, 128)) roll-outs, chunk by chunk, with states where a credit needs them."""
    system, policy = setup.system, setup.policy
    total = int(np.clip(setup.rollouts // 4, MIN_PILOT, MAX_PILOT))
    keep = any(credit.keeps_states for credit in credits)
    pilot: list[Rollout] = []
    for noise in setup.noises(setup.seeds["pilot"], total, chunk_size(system)):
        rollout = collect(system, policy, noise, keep_states=keep)
        pilot.append(_features_once(rollout, pilot[0]) if pilot else rollout)
    return pilot


def _features_once(rollout: Rollout, first: Rollout) -> Rollout:
    """`rollout` with the features of `first`, if every roll-out of both sees the same.

    One-shot systems show all roll-outs one table, expanded as a view. Chunks shrink as N grows, so a table kept with
    each chunk of the pilot would make memory grow faster than N.
    """
    features, known = rollout.seen.features, first.seen.features
    if not all(len(values) == 1 or values.stride(0) == 0 for values in (features, known)):
        return rollout
    if not torch.equal(features[0], known[0]):
        return rollout
    return replace(rollout, seen=replace(rollout.seen, features=known[0].expand_as(features)))


def _target(request: Request, unbiased: Sequence[bool]) -> str | None:
    """The credit named as target; the quietest unbiased one unless grad J was given."""
    if request.quiet is not None or request.exact is not None:
        return None if request.quiet is None else request.quiet.name
    known = [name for name, good in zip(request.names, unbiased, strict=True) if good]
    return next((name for name in QUIET if name in known), None)
