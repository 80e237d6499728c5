"""Dispatching rules that see what the policies see."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dgpg_verify.core import Observation, check_choice
from dgpg_verify.systems.cloud.observation import FEATURE

FIT = 1e-6  # features are float32: a job may start where it fits up to this share of the capacity


def _column(features: Tensor, name: str) -> Tensor:
    return features[..., FEATURE[name]].double()


def starts_now(features: Tensor) -> Tensor:
    """bool [..., N, K]: nothing waits on the candidate and the job fits into what is free."""
    room = _column(features, "share_cores") <= _column(features, "free_cores") + FIT
    room &= _column(features, "share_memory") <= _column(features, "free_memory") + FIT
    return room & (_column(features, "log_waiting") <= 0.0)


def room_left(features: Tensor) -> Tensor:
    """Free cores and memory after the job started, each over the fleet's mean server, summed."""
    cores = (_column(features, "free_cores") - _column(features, "share_cores")) * _column(features, "log_cores").exp()
    memory = _column(features, "free_memory") - _column(features, "share_memory")
    return (cores + memory * _column(features, "log_memory").exp()).clamp(min=0.0)


def committed_after(features: Tensor) -> Tensor:
    """The larger of committed cores and memory over capacity, the job included."""
    cores = _column(features, "x_cores") + _column(features, "share_cores")
    return torch.maximum(cores, _column(features, "x_memory") + _column(features, "share_memory"))


def best_fit_scores(features: Tensor) -> Tensor:
    """In (1, 2] where the job starts now (least room left best), else in (0, 1] (least committed best)."""
    fitting = 1.0 + 1.0 / (1.0 + room_left(features))
    return torch.where(starts_now(features), fitting, 1.0 / (1.0 + committed_after(features)))


def finish_scores(features: Tensor) -> Tensor:
    """Minus the steps until the job is done: the backlog drained at full speed first, unless it starts now."""
    wait = torch.where(starts_now(features), 0.0, _column(features, "log_backlog").expm1())
    return -(wait + 10.0 * _column(features, "log_duration").exp() / _column(features, "speed"))


HEURISTICS: dict[str, Callable[[Tensor], Tensor]] = {
    "random": lambda features: torch.zeros_like(features[..., 0], dtype=torch.float64),
    "capacity_proportional": lambda features: _column(features, "log_cores"),
    "join_shortest": lambda features: -_column(features, "log_present").expm1(),
    "best_fit": best_fit_scores,
    "earliest_finish": finish_scores,
}


def heuristic_scores(name: str, seen: Observation) -> Tensor:
    """Scores float64 [..., N, K] of rule `name` from the observation alone; -inf where masked.

    random: 0. capacity_proportional: log cores (sample by softmax at temperature 1). join_shortest: minus jobs present.
    best_fit: among the candidates where the job starts now the one left with least room, else the least committed.
    earliest_finish: minus (backlog, unless it starts now, + duration / speed).
    Raises InputError on an unknown name.
    """
    rule = HEURISTICS[check_choice("heuristic", name, HEURISTICS)]
    return rule(seen.features).masked_fill(~seen.mask, -torch.inf)
