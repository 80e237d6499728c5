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


def candidate_features(
    server_columns: list[Tensor],
    index: Tensor,
    shares: tuple[Tensor, Tensor],
    log_duration: Tensor,
    clock: tuple[float, float],
) -> Tensor:
    """Features [B, N, K, F] float32.

    Args:
        server_columns: one [B, M] or [M] column per name of SERVER_FEATURES.
        index: int64 [N, K] candidates. shares: the jobs' cores and memory over those of the candidates, [B, N, K].
        log_duration: [B, N]. clock: (t / T, day rate).

    Cost: one gather of B N K rows.
    """
    batch, n_servers = log_duration.shape[0], server_columns[0].shape[-1]
    # One gather brings all columns, those of the job still empty: cheaper than joining two blocks afterwards.
    table = torch.zeros(batch, n_servers, len(FEATURES), dtype=torch.float32, device=index.device)
    for k, column in enumerate(server_columns):
        table[..., k] = column
    table[..., FEATURE["time"]], table[..., FEATURE["day_rate"]] = clock
    row = torch.arange(batch, device=index.device)[:, None] * n_servers + index.flatten()
    out = table.flatten(0, 1).index_select(0, row.flatten()).view(batch, *index.shape, len(FEATURES))
    out[..., FEATURE["share_cores"]], out[..., FEATURE["share_memory"]] = shares
    out[..., FEATURE["log_duration"]] = log_duration[..., None]
    return out
