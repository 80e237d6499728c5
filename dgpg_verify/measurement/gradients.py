"""measure_gradients: moments of every credit on one set of roll-outs, in one call.

All credits share roll-outs and scores (common random numbers). Baselines, critics and scales are fitted on separate
pilot roll-outs and then frozen. Cost: R roll-outs and one score pass each; every further credit costs one weighted sum
over steps. Memory does not depend on R.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgpg_verify.contracts import check_own_credits
from dgpg_verify.core import Credit, Noise, Policy, System, check_choice, check_int
from dgpg_verify.core.moments import MEASURED_SETTINGS
from dgpg_verify.core.trees import move
from dgpg_verify.measurement.accumulate import GroupMoments, deal, group_count
from dgpg_verify.measurement.combine import Basis
from dgpg_verify.measurement.cross_agent import FrozenPairs, pick_and_freeze
from dgpg_verify.measurement.gradients_of import batches, chunks_at_once, gradient_blocks
from dgpg_verify.measurement.jackknife import finish
from dgpg_verify.measurement.moments import GradientMoments
from dgpg_verify.measurement.pilot import Calibration, calibrate
from dgpg_verify.measurement.request import Request, Setup, make_request, make_setup
from dgpg_verify.runs.progress import Bar


def measure_gradients(
    system: System | str,
    policy: Policy | str = "uniform",
    credits: Sequence[str | Credit] = ("return", "guidance", "guided:0.5"),
    *,
    rollouts: int = 256,
    seed: int = 0,
    target: NDArray[np.float64] | str | None = None,
    setting: str = "sum",
    pick_freeze: int = 0,
    agents: int | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> GradientMoments:
    """Mean, variance, signal, efficiency and cross-agent share of policy-gradient estimators, by name of the credit.

    Parameters
    ----------
    system, policy : objects or names; a system's name takes its size N from `agents`
    credits : names NAME[:ARG][@BASE] or Credit objects
    rollouts : independent episodes R >= 2
    target : exact grad J [N, P], or the name of a quiet unbiased credit; None = the quietest unbiased one measured.
        Efficiency, alignment and the signal of unbiased credits are taken against it.
    setting : sum, mean, mixed, parts, both or joint; how guided credits scale their two parts
    pick_freeze : roll-out pairs for the cross-agent share of each frozen set of agents; 0 = not measured

    A system or credit that this package does not define is first checked against the contract (`check_system`,
    `check_credit`: some 30 roll-outs and one fit), which changes no number.

    Raises InputError before any work, NonFiniteError with the coordinates of the first number that is not finite.
    """
    check_int("pick_freeze", pick_freeze, 0)
    check_choice("setting", setting, MEASURED_SETTINGS)
    setup = make_setup(system, policy, agents, rollouts, seed, device)
    request = make_request(credits, target, setting, setup)
    check_own_credits(request.to_fit, *move((setup.system, setup.policy), "cpu"))
    calibration = calibrate(request, setup)
    groups, team = _accumulate(setup, calibration.basis, progress)
    frozen = pick_and_freeze(setup, calibration.basis, pick_freeze) if pick_freeze else None
    return _moments(request, calibration, groups, team, frozen)


def _accumulate(setup: Setup, basis: Basis, progress: bool) -> tuple[list[GroupMoments], list[GroupMoments] | None]:
    """Stream chunks of roll-outs into jackknife groups; shared parameters also into moments of sum_i g_i."""
    c, (n, size) = len(basis.credits), setup.shape
    count = group_count(c, n, size)
    chunk, together = chunks_at_once(setup.system, setup.rollouts, count)
    groups = [GroupMoments.empty(c, n, size, setup.device) for _ in range(count)]
    shared = setup.policy.sharing == "shared"
    team = [GroupMoments.empty(c, 1, size, setup.device) for _ in range(count)] if shared else None
    noises = Bar(
        setup.noises(setup.seeds["main"], setup.rollouts, chunk), desc="roll-outs", unit="chunk",
        total=-(-setup.rollouts // chunk), file=sys.stderr, delay=3.0, disable=not progress, leave=False,
    )  # fmt: skip
    dealt = 0
    for parts in batches(noises, together):
        blocks = gradient_blocks(setup.system, setup.policy, basis.credits, Noise.joined(parts))
        into, sizes = [(dealt + k) % count for k in range(len(parts))], [len(part) for part in parts]
        dealt += len(parts)
        if team is None:
            deal([groups[k] for k in into], blocks, sizes)
        else:
            total = torch.zeros(c, sum(sizes), 1, size, dtype=torch.float64, device=setup.device)
            deal([groups[k] for k in into], _summed(blocks, total), sizes)
            deal([team[k] for k in into], [(slice(0, 1), total)], sizes)
    return groups, team


def _summed(blocks: Iterator[tuple[slice, Tensor]], total: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """The blocks as they are, while their sum over agents is added up in `total` [C, B, 1, P]."""
    for agents, gradients in blocks:
        total += gradients.sum(2, keepdim=True, dtype=torch.float64)
        yield agents, gradients


def _moments(
    request: Request,
    calibration: Calibration,
    groups: list[GroupMoments],
    team: list[GroupMoments] | None,
    frozen: FrozenPairs | None,
) -> GradientMoments:
    basis, exact = calibration.basis, request.exact
    weights, target_index = basis.weights, None if calibration.target is None else basis.index(calibration.target)
    if exact is not None:  # one more row of the basis
        weights, target_index = np.pad(weights, ((0, 0), (0, 1))), weights.shape[1]
        frozen = None if frozen is None else replace(frozen, products=np.pad(frozen.products, ((0, 1), (0, 1), (0, 0))))
    agent = finish(groups, exact)
    return GradientMoments(
        names=request.names,
        aliases=request.aliases,
        weights=weights,
        agent=agent,
        team=agent if team is None else finish(team, None if exact is None else exact.sum(0, keepdim=True)),
        target_index=target_index,
        unbiased=calibration.unbiased,
        frozen=frozen,
        critics=calibration.explained,
        value_means=calibration.value_means,
        value_covariances=calibration.value_covariances,
    )
