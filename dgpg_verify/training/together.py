"""train_together(): several fleets of one size trained at once by the same method, each with a seed of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from dgpg_verify.core import InputError, Noise
from dgpg_verify.rollouts.play import play
from dgpg_verify.systems import CloudScheduling, CloudStack
from dgpg_verify.training.course import Course
from dgpg_verify.training.evaluation import HELD_OUT, Heldout, heldout, workloads_at_a_time
from dgpg_verify.training.loop import TrainingRun
from dgpg_verify.training.methods import Method, make_method
from dgpg_verify.training.plan import check_plan, run_config
from dgpg_verify.training.team import Team, make_team


def train_together(
    systems: Sequence[CloudScheduling],
    method: str | Method = "dgpg",
    episodes: int = 50,
    seeds: Sequence[int] = (0,),
    alpha: str | float | None = None,
    sharing: str = "independent",
    *,
    evaluate_every: int = 5,
    workloads: int = HELD_OUT,
    progress: bool = True,
    observe: Callable[[int, int, Any], None] | None = None,
    **changes: Any,
) -> list[TrainingRun]:
    """What `train` does for each fleet with its seed, in one batch: for small fleets several times faster.

    Every fleet meets the workloads, draws and initial networks it would meet alone. Numbers agree with those of
    `train` up to the rounding of float32 sums of another length, which training amplifies; the same call gives the
    same bits. Nothing is written to disk.

    Args:
        systems: cloud fleets that differ in their seed alone. seeds: one of each, for training and held-out workloads.
        observe: called as observe(fleet, episode, policy) at every evaluation.
        Others: see `train`.

    Returns:
        A TrainingRun of each fleet, in order.

    Raises:
        InputError: as `train`; no fleet, fleets of several kinds; another number of seeds than of fleets; minibatches.

    Cost: per episode one roll-out of S N agents, one batch of updates, and S critics and credits.
    """
    if not systems:
        raise InputError("systems = [] is not allowed: it must hold at least 1 fleet")
    if len(seeds) != len(systems):
        raise InputError(f"seeds = {list(seeds)!r} is not allowed for {len(systems)} fleets: it must be one of each")
    method = make_method(method)
    settings = method.settings(changes)
    asked = {"episodes": episodes, "alpha": alpha, "sharing": sharing, "evaluate_every": evaluate_every}
    asked |= {"workloads": workloads, "heldout_seed": None}
    configs = []
    for system, seed in zip(systems, seeds, strict=True):
        configs.append(run_config(system, method, settings, asked | {"seed": seed}))
        check_plan(system, method, settings, configs[-1], alpha)
    team = make_team(systems, method, settings, configs[0]["alpha"], configs[0]["sharing"], seeds)
    on = [heldout(system, seed, workloads) for system, seed in zip(systems, seeds, strict=True)]
    courses = [Course(config, method, settings, team.stack.horizon) for config in configs]
    _to_the_end(team, on, courses, progress, observe)
    ended = zip(team.policies, courses, on, configs, strict=True)
    return [TrainingRun(own, course.history, course.evaluations, at, c, None) for own, course, at, c in ended]


def _to_the_end(
    team: Team,
    on: Sequence[Heldout],
    courses: Sequence[Course],
    progress: bool,
    observe: Callable[[int, int, Any], None] | None,
) -> None:
    def evaluate_all() -> None:
        for k, (course, one, found) in enumerate(zip(courses, on, _returns(team, on), strict=True)):
            course.evaluated(one.judged(found))
            if observe is not None:
                observe(k, course.done, team.policies[k])

    first, shown = courses[0], f"{len(courses)} fleets"
    with tqdm(total=first.episodes, desc=shown, disable=not progress, file=sys.stderr, unit="ep", leave=False) as bar:
        evaluate_all()
        while not first.finished:
            began = time.perf_counter()
            facts = team.iterate(first.index, first.progress, first.imitating)
            spent = (time.perf_counter() - began) / len(courses)
            due = [course.advance(spent) for course in courses]
            if all(due):  # they go in step
                evaluate_all()
            for course, own in zip(courses, facts, strict=True):
                course.record(own)
            bar.update(team.stack.rollouts)


def _returns(team: Team, on: Sequence[Heldout]) -> NDArray[np.float64]:
    """What every fleet's policy gets on its held-out workloads, [S, B]; as many workloads at a time as
    `evaluate` would take of one fleet with all the agents."""
    systems, policy = team.stack.systems, team.policy
    at_a_time = workloads_at_a_time(len(systems) * systems[0].n_agents, systems[0].n_actions)
    parts = []
    for low in range(0, len(on[0].noise), at_a_time):
        noise = [one.noise.part(low, low + at_a_time) for one in on]
        stage = CloudStack(systems, len(noise[0]))
        parts.append(play(stage, policy.act, Noise.joined(noise)).view(len(on), -1))
    return torch.cat(parts, dim=1).cpu().numpy()
