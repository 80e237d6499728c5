"""CloudScheduling: N dispatchers place jobs on M heterogeneous FIFO servers for T steps, sharing one reward."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import InputError
from dgpg_verify.core.trees import move
from dgpg_verify.systems.cloud.fleet import Fleet
from dgpg_verify.systems.cloud.options import build_parts, check_options
from dgpg_verify.systems.cloud.queues import empty_queues
from dgpg_verify.systems.cloud.state import CloudState
from dgpg_verify.systems.cloud.steps import CloudSteps
from dgpg_verify.systems.cloud.workload.fit import fit_jobs
from dgpg_verify.systems.cloud.workload.generator import Jobs


class CloudScheduling(CloudSteps):
    """Dec-POMDP of dispatchers and FIFO servers; a pure function of explicit uniforms.

    In a step of dt = 1: observe, all act, jobs join their server's queue in order of arrival time within the step
    (never by agent index), x and reward are taken, running jobs are served, finished ones leave. A server runs the
    longest prefix of its queue whose cores and memory fit: a blocked head blocks the rest, nothing is pre-empted.
    reward = -sum over jobs present of dt / max(duration, dt), so that minus the return is total bounded slowdown.
    x [2M] = committed cores, then memory, over capacity. Influence: the job's share of its server, at (s, M + s).

    Parameters
    ----------
    n_agents
        N >= 1.
    seed
        Root of the random numbers of fleet, graph and derangement.
    fleet
        "aws", "csv:PATH", "openb:PATH".
    workload
        "bimodal", "philly", "openb", "lcg"; recorded jobs: "trace:PATH" (a user's own), or as published "openb:PATH",
        "azure:PATH", "google:PATH", "philly:PATH", "swf:PATH".
    n_candidates
        K, default min(8, M); "all" for the dense graph K = M.
    horizon
        T.
    load
        Offered core-work over what the fleet can do, before jobs are fitted to servers.
    reference
        See `reference.Reference`.
    common_shock
        One burst state for all dispatchers.
    influence
        "immediate", or "multi_step", which multiplies the share by `residence`: the derivative of sum_t x_t for a
        fluid server on which the job starts on arrival.
    discount
        gamma.
    n_servers
        M, default N.

    Raises
    ------
    InputError
        For any value outside its range, before work starts.
    """

    def __init__(
        self,
        n_agents: int,
        seed: int = 0,
        fleet: str = "aws",
        workload: str = "bimodal",
        n_candidates: int | str | None = None,
        horizon: int = 100,
        load: float = 0.75,
        reference: str = "fluid",
        common_shock: bool = False,
        influence: str = "immediate",
        discount: float = 1.0,
        n_servers: int | None = None,
    ) -> None:
        options = {
            "n_agents": n_agents, "seed": seed, "fleet": fleet, "workload": workload, "n_candidates": n_candidates,
            "horizon": horizon, "load": load, "reference": reference, "common_shock": common_shock,
            "influence": influence, "discount": discount, "n_servers": n_servers,
        }  # fmt: skip
        options = check_options(options)
        parts = build_parts(options)
        super().__init__(options, parts, parts.layout)

    @property
    def fleet(self) -> Fleet:
        return self.parts.fleet

    @property
    def state_units(self) -> Tensor:
        """Cores of all servers, then GiB of memory, [2M]."""
        return self.fleet.capacity

    @property
    def candidates(self) -> Tensor:
        """int64 [N, K]"""
        return self.parts.candidates.index

    def config(self) -> dict[str, Any]:
        """Constructor arguments with defaults filled in, and digests of the files read."""
        return {"system": "cloud", **self.options, "inputs": self.parts.origin}

    def jobs(self, noise: Tensor) -> Jobs:
        """The exogenous workload [B, T, N] of environment uniforms [B, T, E], fitted to the candidates."""
        return fit_jobs(self.parts.workload.jobs(noise[..., : self.parts.workload.noise_size]), self.parts.candidates)

    def start(self, noise: Tensor) -> CloudState:
        """[B, T, E] uniforms -> first state: empty servers; workload and reference of the whole roll-out.

        Raises InputError on another shape. Cost O(B T N).
        """
        expected = (self.horizon, self.noise_size)
        if noise.dim() != 3 or tuple(noise.shape[1:]) != expected:
            raise InputError(
                f"environment noise has shape {list(noise.shape)}: it must be [B, {expected[0]}, {expected[1]}]"
            )
        jobs = self.jobs(noise)
        return CloudState(
            step=0,
            jobs=jobs,
            reference=self.parts.reference.path(jobs, noise[..., self.parts.workload.noise_size :]),
            queues=empty_queues(noise.shape[0], self.n_servers, noise.device),
        )

    def to(self, device: torch.device | str) -> CloudScheduling:
        """The same system with its constants on `device`; noise and actions must then be there too."""
        other = copy.copy(self)
        other.parts = move(self.parts, str(device))
        other.layout = other.parts.layout
        return other
