"""Dispatching rules that see what the policies see, and their global-knowledge versions."""

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
GLOBAL_RULES = ("best_fit", "earliest_finish")


def heuristic_scores(name: str, seen: Observation) -> Tensor:
    """Scores float64 [..., N, K] of rule `name` from the observation alone; -inf where masked.

    random: 0. capacity_proportional: log cores (sample by softmax at temperature 1). join_shortest: minus jobs present.
    best_fit: among the candidates where the job starts now the one left with least room, else the least committed.
    earliest_finish: minus (backlog, unless it starts now, + duration / speed).
    Raises InputError on an unknown name.
    """
    rule = HEURISTICS[check_choice("heuristic", name, HEURISTICS)]
    return rule(seen.features).masked_fill(~seen.mask, -torch.inf)


def sequential_actions(name: str, seen: Observation, arrival: Tensor, index: Tensor, n_servers: int) -> Tensor:
    """Rule `name` with global knowledge: jobs choose one after another, each seeing where the earlier ones went.

    Parameters
    ----------
    seen
        Observation of the state, leading axes [B, N, K].
    arrival
        [B, N], order within the step.
    index
        int64 [1 or B, N, K], candidates.
    n_servers
        M.

    Returns
    -------
    Actions int64 [B, N], -1 where no job.

    Notes
    -----
    Cost O(N) passes over [B, K]: a loop over jobs, for comparison only.
    """
    check_choice("global heuristic", name, GLOBAL_RULES)
    batch, n_agents = seen.active.shape
    index = index.expand(batch, -1, -1)
    # What this step's earlier jobs added to each server: cores, memory (shares), jobs waiting, drain time.
    added = torch.zeros(batch, n_servers, 4, dtype=torch.float64, device=arrival.device)
    actions = torch.full((batch, n_agents), -1, dtype=torch.int64, device=arrival.device)
    rows = torch.arange(batch, device=arrival.device)
    for agent in torch.where(seen.active, arrival, torch.inf).argsort(1).unbind(1):
        servers = index[rows, agent]
        features = _updated(seen.features[rows, agent].double(), added[rows[:, None], servers])
        scores = HEURISTICS[name](features).masked_fill(~seen.mask[rows, agent], -torch.inf)
        choice = scores.argmax(1)
        acts = seen.active[rows, agent]
        actions[rows[acts], agent[acts]] = choice[acts]
        added[rows, servers[rows, choice]] += _effect(features[rows, choice]) * acts[:, None]
    return actions


def _updated(features: Tensor, added: Tensor) -> Tensor:
    """Features [B, K, F] after this step's earlier jobs; a waiting job blocks, so `free` only falls by starters."""
    out, logs = features.clone(), [FEATURE["log_waiting"], FEATURE["log_backlog"]]
    grown = features[..., logs].expm1() + added[..., 2:]
    out[..., logs] = grown.log1p()
    starting = torch.where(grown[..., :1] <= 0.0, added[..., :2], 0.0)
    out[..., [FEATURE["x_cores"], FEATURE["x_memory"]]] += added[..., :2]
    out[..., [FEATURE["free_cores"], FEATURE["free_memory"]]] -= starting
    return out


def _effect(features: Tensor) -> Tensor:
    """What the job of this row adds to its server: shares, one waiting job unless it starts, drain time [B, 4]."""
    share = features[..., FEATURE["share_cores"]]
    work = share * 10.0 * features[..., FEATURE["log_duration"]].exp() / features[..., FEATURE["speed"]]
    waits = (~starts_now(features)).double()
    return torch.stack([share, features[..., FEATURE["share_memory"]], waits, work], dim=-1)
