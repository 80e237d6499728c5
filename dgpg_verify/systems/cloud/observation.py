"""What a dispatcher sees of each candidate before acting: documented features, float32."""

from __future__ import annotations

import torch
from torch import Tensor

SERVER_FEATURES = (
    "log_cores",  # log(cores / fleet's mean cores)
    "log_memory",  # log(memory / fleet's mean memory)
    "speed",  # work steps per step
    "x_cores",  # committed (running + queued) cores over capacity
    "x_memory",  # committed memory over capacity
    "reference_cores",  # x~ of cores
    "reference_memory",  # x~ of memory
    "free_cores",  # share of cores not used by running jobs
    "free_memory",  # share of memory not used by running jobs
    "log_present",  # log(1 + jobs present)
    "log_waiting",  # log(1 + jobs present that do not run)
    "log_backlog",  # log(1 + remaining core-work / (cores * speed)), steps
)
JOB_FEATURES = (
    "share_cores",  # the job's cores over the candidate's capacity
    "share_memory",  # the job's memory over the candidate's capacity
    "log_duration",  # log(duration / 10 steps)
    "time",  # t / T
    "day_rate",  # job arrival rate of this step over its mean (1 for a replayed trace)
)
FEATURES = SERVER_FEATURES + JOB_FEATURES
FEATURE = {name: k for k, name in enumerate(FEATURES)}


def candidate_features(servers: Tensor, index: Tensor, shares: Tensor, log_duration: Tensor, clock: Tensor) -> Tensor:
    """Features [B, N, K, F] float32.

    Parameters
    ----------
    servers
        The columns of SERVER_FEATURES, [B, 12, M].
    index
        int64 [1 or B, N, K] candidates.
    shares
        The jobs' cores and memory over those of the candidates, [2, B, N, K].
    log_duration
        [B, N].
    clock
        t / T and day rate, [2].

    Notes
    -----
    Cost: one gather of B N K rows.
    """
    batch, n_columns, n_servers = servers.shape
    # One gather brings all columns, those of the job still empty: cheaper than joining two blocks afterwards.
    table = torch.zeros(batch, n_servers, len(FEATURES), dtype=torch.float32, device=index.device)
    table[..., :n_columns] = servers.transpose(1, 2)
    table[..., FEATURE["time"] :] = clock
    first = torch.arange(0, batch * n_servers, n_servers, device=index.device)[:, None]
    row = (first + index.flatten(1)).flatten()
    out = table.flatten(0, 1).index_select(0, row).view(batch, *index.shape[1:], len(FEATURES))
    out[..., n_columns : n_columns + 2] = shares.permute(1, 2, 3, 0)
    out[..., FEATURE["log_duration"]] = log_duration[..., None]
    return out
