"""measure_gradients: the instrument. One call, one set of roll-outs, every credit."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from dgpg_verify.core import (
    Credit,
    InputError,
    Policy,
    Rollout,
    System,
    check_choice,
    check_int,
    check_unique,
    draw_noise,
)
from dgpg_verify.core.trees import move
from dgpg_verify.credits import SETTINGS, credit_sd, make_credit
from dgpg_verify.measurement.accumulate import GROUPS, GroupMoments, group_count
from dgpg_verify.measurement.combine import Basis, fit_credits, make_basis
from dgpg_verify.measurement.cross_agent import pick_and_freeze
from dgpg_verify.measurement.gradients_of import chunk_size, gradient_blocks
from dgpg_verify.measurement.jackknife import finish
from dgpg_verify.measurement.moments import GradientMoments, MeasuredParts
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import make_system

PILOT_STREAM, MAIN_STREAM = 0, 1
MIN_PILOT, MAX_PILOT = 16, 128
QUIET = ("branch", "difference", "return:to_go", "return")  # preferred targets, quietest first


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
    """Measure mean, variance, signal, efficiency and cross-agent share of policy-gradient estimators.

    All credits share roll-outs and scores (common random numbers). Baselines, critics and scales are fitted on
    separate pilot roll-outs (max(16, min(rollouts / 4, 128))) and then frozen.

    Args:
        system, policy: objects or names (a system's name takes its size from `agents`).
        credits: names NAME[:ARG][@BASE] or Credit objects.
        rollouts: independent episodes R >= 2.
        target: exact grad J [N, P], or the name of a quiet unbiased credit; None picks the quietest unbiased
            credit measured. Efficiency, alignment and the signal of unbiased credits are taken against it.
        setting: sum, mean, mixed or parts; how guided credits scale their two parts.
        pick_freeze: roll-out pairs for the cross-agent share of each frozen set of agents; 0 = not measured.
        agents: N, only when `system` is a name.

    Returns:
        GradientMoments, a mapping from credit name to CreditMoments.

    Raises:
        InputError: an unknown name or a value outside its range, before any work.
        NonFiniteError: with the coordinates of the first number that is not finite.

    Cost: R roll-outs and one score pass each; every further credit costs one weighted sum over steps. Memory does
    not depend on R.
    """
    check_int("rollouts", rollouts, 2)
    check_int("seed", seed, 0)
    check_int("pick_freeze", pick_freeze, 0)
    check_choice("setting", setting, SETTINGS)
    _check_device(device)
    system = _system(system, agents, seed)
    policy = make_policy(policy, system, seed) if isinstance(policy, str) else policy
    requested = [make_credit(credit, setting) for credit in credits]
    names = check_unique("credits", [credit.name for credit in requested])
    quiet = make_credit(target, setting) if isinstance(target, str) else None
    if hasattr(quiet, "combination"):
        raise InputError(f"target = {target!r} is not allowed: it must be measured directly, such as {QUIET[0]!r}")
    exact = None if target is None or isinstance(target, str) else _exact(target, system, policy)
    system, policy = move(system, device), move(policy, device)

    main_seed, pilot_seed, freeze_seed = _streams(seed)
    wanted = [*requested, *([quiet] if quiet and quiet.name not in names else [])]
    pilot = _pilot(system, policy, wanted, rollouts, pilot_seed, device)
    fitted = fit_credits(wanted, pilot)
    unbiased = [_is_unbiased(credit, pilot[0]) for credit in fitted]
    target_name = quiet.name if quiet else _default_target(fitted, unbiased) if exact is None else None
    extra = [credit for credit in fitted if credit.name == target_name and not hasattr(credit, "combination")]
    basis = make_basis(fitted[: len(requested)], extra)
    critics = {credit.name: getattr(credit, "critic", None) for credit in basis.credits}
    explained = {name: critic.explained_variance for name, critic in critics.items() if critic is not None}
    deviations = {credit.name: credit_sd(credit, pilot) for credit in basis.credits}
    del pilot

    groups, team = _accumulate(system, policy, basis, rollouts, main_seed, device, progress)
    frozen = (
        pick_and_freeze(system, policy, basis, pick_freeze, freeze_seed, chunk_size(system), device)
        if pick_freeze
        else None
    )
    return GradientMoments(
        _parts(names, credits, basis, groups, team, exact, target_name, unbiased, frozen, explained, deviations, policy)
    )


def _accumulate(
    system: System, policy: Policy, basis: Basis, rollouts: int, seed: int, device: str, progress: bool
) -> tuple[list[GroupMoments], list[GroupMoments] | None]:
    """Stream chunks of roll-outs into jackknife groups; shared parameters also into moments of sum_i g_i."""
    n, size = system.n_agents, policy.parameters.shape[-1]
    c = len(basis.credits)
    count = group_count(c, n, size)
    chunk = min(chunk_size(system), max(1, rollouts // GROUPS))  # of C no function: more credits, same noise
    groups = [GroupMoments.empty(c, n, size, device) for _ in range(count)]
    shared = policy.sharing == "shared"
    team = [GroupMoments.empty(c, 1, size, device) for _ in range(count)] if shared else None
    starts = range(0, rollouts, chunk)
    for number, start in enumerate(_progress(starts, progress)):
        noise = move(draw_noise(seed, number, system, policy, min(chunk, rollouts - start)), device)
        blocks = gradient_blocks(system, policy, basis.credits, noise)
        if team is None:
            groups[number % count].add_blocks(blocks)
        else:
            total = torch.zeros(c, len(noise), 1, size, dtype=torch.float64, device=device)
            groups[number % count].add_blocks(_summed(blocks, total))
            team[number % count].add(total)
    return [g for g in groups if g.count], None if team is None else [g for g in team if g.count]


def _summed(blocks: Iterator[tuple[slice, Tensor]], total: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """The blocks as they are, while their sum over agents is added up in `total` [C, B, 1, P]."""
    for agents, gradients in blocks:
        total += gradients.sum(2, keepdim=True, dtype=torch.float64)
        yield agents, gradients


def _parts(
    names: list[str],
    credits: Sequence[str | Credit],
    basis: Basis,
    groups: list[GroupMoments],
    team: list[GroupMoments] | None,
    exact: Tensor | None,
    target_name: str | None,
    unbiased: list[bool],
    frozen: Any,
    explained: dict[str, float],
    deviations: dict[str, float],
    policy: Policy,
) -> MeasuredParts:
    weights = basis.weights
    target_index = basis.index(target_name) if target_name in [c.name for c in basis.credits] else None
    team_exact = None
    if exact is not None:
        weights = np.concatenate([weights, np.zeros((len(weights), 1))], axis=1)
        target_index = weights.shape[1] - 1
        team_exact = exact.sum(0, keepdim=True) if policy.sharing == "shared" else exact
        if frozen is not None:
            padded = np.pad(frozen.products, ((0, 1), (0, 1), (0, 0)))
            frozen = type(frozen)(frozen.agents, padded, frozen.pairs)
    agent, agent_jackknife = finish(groups, exact)
    if team is None:
        team_moments, team_jackknife = agent, agent_jackknife
    else:
        team_moments, team_jackknife = finish(team, team_exact)
    aliases = {credit: name for credit, name in zip(credits, names, strict=True) if isinstance(credit, str)}
    return MeasuredParts(
        names=tuple(names),
        aliases=aliases,
        weights=weights,
        agent=agent,
        agent_jackknife=agent_jackknife,
        team=team_moments,
        team_jackknife=team_jackknife,
        target_index=target_index,
        unbiased=tuple(unbiased[: len(names)]),
        frozen=frozen,
        explained=explained,
        deviations=deviations,
    )


def _pilot(
    system: System, policy: Policy, credits: Sequence[Credit], rollouts: int, seed: int, device: str
) -> list[Rollout]:
    """Separate roll-outs on which baselines, critics and scales are fitted."""
    total = int(np.clip(rollouts // 4, MIN_PILOT, MAX_PILOT))
    chunk = chunk_size(system)
    keep = any(credit.keeps_states for credit in credits)
    pilot: list[Rollout] = []
    for number, start in enumerate(range(0, total, chunk)):
        noise = draw_noise(seed, number, system, policy, min(chunk, total - start))
        rollout = collect(system, policy, move(noise, device), keep_states=keep)
        pilot.append(_seen_once(rollout, pilot[0]) if pilot else rollout)
    return pilot


def _seen_once(rollout: Rollout, first: Rollout) -> Rollout:
    """`rollout` with the features of `first`, if every roll-out of both sees the same.

    One-shot systems show all roll-outs one table, expanded as a view. Chunks shrink as N grows, so a table kept with
    each chunk of the pilot would make memory grow faster than N.
    """
    own, known = rollout.seen.features, first.seen.features
    if not all(len(features) == 1 or features.stride(0) == 0 for features in (own, known)):
        return rollout
    if not torch.equal(own[0], known[0]):
        return rollout
    return replace(rollout, seen=replace(rollout.seen, features=known[0].expand_as(own)))


def _streams(seed: int) -> tuple[int, int, int]:
    """Independent seeds for the main, the pilot and the pick-freeze roll-outs."""
    state = np.random.SeedSequence(seed, spawn_key=(7,)).generate_state(3)
    return int(state[0]), int(state[1]), int(state[2])


def _is_unbiased(credit: Any, rollout: Rollout) -> bool:
    inner = getattr(credit, "credit", credit)
    return bool(inner.unbiased(rollout)) if hasattr(inner, "unbiased") else False


def _default_target(credits: Sequence[Credit], unbiased: Sequence[bool]) -> str | None:
    known = [credit.name for credit, good in zip(credits, unbiased, strict=True) if good]
    return next((name for name in QUIET if name in known), None)


def _exact(target: Any, system: System, policy: Policy) -> Tensor:
    values = torch.as_tensor(np.asarray(target, dtype=np.float64))
    shape = (system.n_agents, policy.parameters.shape[-1])
    if values.shape != shape:
        raise InputError(f"target has shape {tuple(values.shape)}: an exact gradient must be [N, P] = {shape}")
    if not bool(values.isfinite().all()):
        raise InputError("target holds a value that is not finite: an exact gradient must be finite")
    return values


def _system(system: System | str, agents: int | None, seed: int) -> System:
    if isinstance(system, str):
        return make_system(system, check_int("agents", 10 if agents is None else agents, 1), seed)
    if agents is not None and agents != system.n_agents:
        raise InputError(f"agents = {agents} is not allowed: this system has {system.n_agents} agents")
    return system


def _check_device(device: str) -> None:
    if device != "cpu" and not (device.startswith("cuda") and torch.cuda.is_available()):
        allowed = "cpu or cuda" if torch.cuda.is_available() else "cpu (no CUDA device is available)"
        raise InputError(f"device = {device!r} is not allowed: it must be {allowed}")


def _progress(items: range, show: bool) -> Any:
    return tqdm(items, desc="roll-outs", unit="chunk", file=sys.stderr, delay=3.0, disable=not show, leave=False)
