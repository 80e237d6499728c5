"""CloudScheduling: N dispatchers place jobs on M heterogeneous FIFO servers for T steps, sharing one reward."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import Influence, InputError, Observation, Transition
from dgpg_verify.systems.cloud import heuristics
from dgpg_verify.systems.cloud.fleet import Fleet
from dgpg_verify.systems.cloud.layout import Layout
from dgpg_verify.systems.cloud.observation import FEATURES, candidate_features
from dgpg_verify.systems.cloud.options import Parts, build_parts, check_options
from dgpg_verify.systems.cloud.queues import (
    SLACK,
    STEP,
    TIME_LEFT,
    committed_after,
    empty_queues,
    line_up,
    serve,
)
from dgpg_verify.systems.cloud.removal import Placements, removal_gains
from dgpg_verify.systems.cloud.state import CloudState
from dgpg_verify.systems.cloud.workload.fit import fit_jobs
from dgpg_verify.systems.cloud.workload.generator import MEAN_DURATION, Jobs

ROOM = 1.0 + SLACK  # largest share of a server's capacity that a job may take


class CloudScheduling:
    """Dec-POMDP of dispatchers and FIFO servers; a pure function of explicit uniforms.

    In a step of dt = 1: observe, all act, jobs join their server's queue in order of arrival time within the step
    (never by agent index), x and reward are taken, running jobs are served, finished ones leave. A server runs the
    longest prefix of its queue whose cores and memory fit: a blocked head blocks the rest, nothing is pre-empted.
    reward = -sum over jobs present of dt / max(duration, dt), so that minus the return is total bounded slowdown.
    x [2M] = committed cores, then memory, over capacity. Influence: the job's share of its server, at (s, M + s).

    Args:
        n_agents: N >= 1. seed: fleet, graph and derangement. n_servers: M, default N. n_candidates: K, default
            min(8, M); "all" for the dense graph K = M. horizon: T. discount: gamma.
        fleet: "aws", "csv:PATH", "openb:FOLDER". workload: "bimodal", "philly", "openb", "lcg", "trace:PATH",
            "openb:FOLDER". load: offered core-work over what the fleet can do, before jobs are fitted to servers.
        reference: see `reference.Reference`. common_shock: one burst state for all dispatchers.
        influence: "immediate", or "multi_step", which multiplies the share by `residence`: the derivative of
            sum_t x_t for a fluid server on which the job starts on arrival.

    Raises:
        InputError: any value outside its range, before work starts.
    """

    heuristic_names = tuple(heuristics.HEURISTICS)
    feature_names = FEATURES

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
        self._options = check_options(options)
        self.parts = build_parts(self._options)
        self.layout = self.parts.layout

    @property
    def n_agents(self) -> int:
        return int(self._options["n_agents"])

    @property
    def n_servers(self) -> int:
        return int(self._options["n_servers"])

    @property
    def n_actions(self) -> int:
        return int(self._options["n_candidates"])

    @property
    def horizon(self) -> int:
        return int(self._options["horizon"])

    @property
    def discount(self) -> float:
        return float(self._options["discount"])

    @property
    def state_size(self) -> int:
        return 2 * self.n_servers

    @property
    def noise_size(self) -> int:
        return self.parts.workload.noise_size + self.parts.reference.noise_size

    @property
    def fleet(self) -> Fleet:
        return self.parts.fleet

    @property
    def candidates(self) -> Tensor:
        """int64 [N, K]"""
        return self.parts.candidates.index

    def config(self) -> dict[str, Any]:
        """Constructor arguments with defaults filled in, and digests of the files read."""
        return {"system": "cloud", **self._options, "inputs": self.parts.origin}

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
        reference = self.parts.reference
        return CloudState(
            step=0,
            jobs=jobs,
            reference=reference.path(
                reference.offered(jobs), reference.disturbance(noise[..., self.parts.workload.noise_size :])
            ),
            queues=empty_queues(noise.shape[0], self.n_servers, noise.device),
        )

    def observe(self, state: CloudState) -> Observation:
        """features [B, N, K, F] float32 (names in FEATURES), mask, active. Cost O(B N K F)."""
        layout, here, queues = self.layout, self._jobs_now(state), state.queues
        batch, n_servers = queues.count.shape
        logs = torch.cat([queues.count, queues.waiting, queues.backlog], dim=1).float().log1p()
        constant = layout.server_columns.expand(batch, -1)
        servers = torch.cat([constant, queues.committed, self.reference_at(state), state.free, logs], dim=1)
        duration = torch.where(here.active, here.duration, MEAN_DURATION) / MEAN_DURATION
        shares = state.work[:2, ..., None] / layout.capacities
        clock = layout.clock[state.step]
        features = candidate_features(servers.view(batch, -1, n_servers), layout.index, shares, duration.log(), clock)
        return Observation(features, (shares <= ROOM).all(0), here.active)

    def reference_at(self, state: CloudState) -> Tensor:
        """x~ [B, 2M] at the state's step."""
        return self.parts.reference.at(state.step, state.reference, state.committed)

    def step(self, state: CloudState, actions: Tensor) -> Transition:
        """Play actions int64 [B, N], -1 = no action. An active dispatcher's job without action is turned away.

        Actions of inactive dispatchers are ignored. Raises InputError on an action outside [-1, K - 1] or on a
        candidate that can never run the job. Cost O(B (N log N + M Q)), Q the longest queue.
        """
        here = self._jobs_now(state)
        acts, index, load = self._placed(state, actions)
        cost = _cost(here)
        server = torch.where(acts, index, -1)
        joiners = line_up(server, self.n_servers, here.arrival, torch.stack([load[0], load[1], cost, load[2]]))
        return Transition(
            next_state=CloudState(state.step + 1, state.jobs, state.reference, serve(state.queues, joiners)),
            reward=-(state.queues.cost.sum(1) + (cost * acts).sum(1)),
            x_observed=state.committed,
            x=committed_after(state.queues, joiners),
            reference=self.reference_at(state),
            influence=self._influence(state, acts, index, load),
            done=torch.full((len(server),), state.step + 1 >= self.horizon, device=server.device),
        )

    def _jobs_now(self, state: CloudState) -> Jobs:
        if state.step >= self.horizon:
            raise InputError(f"step = {state.step} is not allowed: the roll-out ended after {self.horizon} steps")
        return state.here

    def _placed(self, state: CloudState, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Whose job joins [B, N] and the chosen servers [B, N]; the job's shares of their cores and memory and its
        duration there, [3, B, N], 0 where none joins.

        Refuses what cannot be played.
        """
        active = state.here.active
        if actions.shape != active.shape or actions.dtype != torch.int64:
            raise InputError(
                f"actions have shape {list(actions.shape)} and type {actions.dtype}: they must be int64 "
                f"{list(active.shape)}"
            )
        if len(actions) and (int(actions.min()) < -1 or int(actions.max()) >= self.n_actions):
            bad = actions[(actions < -1) | (actions >= self.n_actions)][0]
            raise InputError(f"action = {int(bad)} is not allowed: it must be an integer in [-1, {self.n_actions - 1}]")
        acts = active & (actions >= 0)
        pair = self.layout.first + actions.clamp(min=0)
        load = state.work / self.layout.rooms.index_select(1, pair.flatten()).view_as(state.work) * acts
        if len(actions) and float(load[:2].max()) > ROOM:
            where = (load[:2].amax(0) > ROOM).nonzero()[0].tolist()
            raise InputError(
                f"action = {int(actions[tuple(where)])} of roll-out {where[0]}, agent {where[1]} is not allowed: "
                f"the job can never run on that candidate (mask False)"
            )
        return acts, self.layout.servers.take(pair), load

    def _influence(self, state: CloudState, acts: Tensor, server: Tensor, load: Tensor) -> Influence:
        """Shares of the chosen server's cores and memory, [B, N, 2]; zero where no job joined."""
        index = torch.stack([server, server + self.n_servers], dim=-1) * acts[..., None]
        value = load[:2].permute(1, 2, 0)
        if self._options["influence"] == "multi_step":
            speed = self.layout.speed.expand(len(server), -1).gather(1, server)
            value = value * self._stay(state.here, speed, state.step)[..., None]
        return Influence(index, value)

    def residence(self, state: CloudState) -> Tensor:
        """Steps a job started on arrival would stay on each candidate before T, discounted from now: [B, N, K].

        The fluid model of `multi_step` influence: sum over k < min(ceil(duration / speed), T - t) of gamma^k;
        0 where there is no job. A queued job stays longer: the factor is exact only where it starts at once.
        """
        return self._discounted(self.residence_steps(state))

    def residence_steps(self, state: CloudState) -> Tensor:
        """The same without discounting: min(ceil(duration / speed), T - t) steps on each candidate, [B, N, K]."""
        here = self._jobs_now(state)
        wide = Jobs(
            *(column[..., None] for column in (here.active, here.cores, here.memory, here.duration, here.arrival))
        )
        index = self.layout.index
        return self._steps(wide, self.layout.speed.gather(1, index.flatten(1)).view_as(index), state.step)

    def _stay(self, here: Jobs, speed: Tensor, step: int) -> Tensor:
        return self._discounted(self._steps(here, speed, step))

    def _steps(self, here: Jobs, speed: Tensor, step: int) -> Tensor:
        steps = (here.duration / speed - TIME_LEFT).ceil().clamp(min=1.0, max=float(self.horizon - step))
        return torch.where(here.active, steps, 0.0)

    def _discounted(self, steps: Tensor) -> Tensor:
        """1 + gamma + ... + gamma^(steps - 1); 0 for no steps."""
        return steps if self.discount == 1.0 else (1.0 - self.discount**steps) / (1.0 - self.discount)

    def removal_rewards(self, state: CloudState, actions: Tensor) -> Tensor:
        """Reward of this step had agent i alone not acted, [B, N]: the present jobs' costs do not interact in it."""
        own = self._joining_costs(state, actions)
        return -(state.queues.cost.sum(1) + own.sum(1))[:, None] + own

    def replaced_rewards(self, state: CloudState, actions: Tensor, replacements: Tensor) -> Tensor:
        """Reward of this step had agent i alone played replacements[:, i], [B, N]."""
        return self.removal_rewards(state, actions) - self._joining_costs(state, replacements)

    def removal_gains(self, start: CloudState, actions: Tensor) -> Tensor:
        """Discounted return of the episode minus that had agent i alone not acted at step t and all others played the
        same actions, [B, T, N]; start: the first state, actions [B, T, N]. Cost: see `removal.removal_gains`."""
        steps = [replace(start, step=t) for t in range(self.horizon)]
        placed = [self._placed(state, actions[:, t]) for t, state in enumerate(steps)]
        columns = [
            torch.stack([load[0], load[1], _cost(state.here), load[2]])
            for state, (_, _, load) in zip(steps, placed, strict=True)
        ]
        server = torch.stack([torch.where(acts, index, -1) for acts, index, _ in placed], dim=1)
        jobs = Placements(server, start.jobs.arrival, torch.stack(columns, dim=2), self.n_servers)
        return removal_gains(jobs, self.discount)

    def _joining_costs(self, state: CloudState, actions: Tensor) -> Tensor:
        """Cost in this step of the jobs that join by `actions`, [B, N]."""
        here = self._jobs_now(state)
        return torch.where(self._placed(state, actions)[0], _cost(here), 0.0)

    def heuristic_scores(self, name: str, seen: Observation) -> Tensor:
        """Scores float64 [..., N, K] of a rule that sees what the policies see; see `heuristics`."""
        return heuristics.heuristic_scores(name, seen)

    def global_actions(self, name: str, state: CloudState, noise: Tensor | None = None) -> Tensor:
        """Actions [B, N] of "best_fit" or "earliest_finish" with global knowledge, taken job by job.

        Jobs choose in order of arrival, each seeing where this step's earlier ones went. Ties go to the first
        candidate, so `noise` is not read. Cost: a loop over N; for comparison only.
        """
        seen = self.observe(state)
        return heuristics.sequential_actions(
            name, seen, self._jobs_now(state).arrival, self.parts.candidates.index, self.n_servers
        )

    def workload_report(self, noise: Tensor) -> dict[str, Any]:
        """Facts about the workload of these uniforms: jobs, offered loads before and after fitting, share altered."""
        noise = noise[..., : self.parts.workload.noise_size]
        drawn = self.parts.workload.jobs(noise)
        fitted = fit_jobs(drawn, self.parts.candidates)
        fleet, jobs = self.parts.fleet, int(drawn.active.sum())
        time = drawn.active.shape[0] * self.horizon

        def load(of: Jobs) -> tuple[float, float]:
            cores, memory = ((size * of.duration).sum() for size in (of.cores, of.memory))
            return float(cores) / (time * fleet.core_throughput), float(memory) / (time * fleet.memory_throughput)

        altered = int((fitted.cores != drawn.cores).sum())
        return {
            "jobs": jobs,
            "active_share": jobs / drawn.active.numel(),
            "mean_duration": float(drawn.duration.sum()) / max(jobs, 1),
            "altered_share": altered / max(jobs, 1),
            "core_load_drawn": load(drawn)[0],
            "memory_load_drawn": load(drawn)[1],
            "core_load": load(fitted)[0],
            "memory_load": load(fitted)[1],
            **self.parts.workload.report(noise),
        }

    def to(self, device: torch.device | str) -> CloudScheduling:
        """The same system with its constants on `device`; noise and actions must then be there too."""
        parts = self.parts.to(torch.device(device))
        return self._with(parts, parts.layout)

    def laid_out(self, layout: Layout) -> CloudScheduling:
        """The same system whose steps read other constants: those of several fleets side by side, see `stack`."""
        return self._with(self.parts, layout)

    def _with(self, parts: Parts, layout: Layout) -> CloudScheduling:
        other = object.__new__(CloudScheduling)
        other._options, other.parts, other.layout = self._options, parts, layout
        return other


def _cost(jobs: Jobs) -> Tensor:
    """Reward lost per step a job is present: dt / max(duration, dt)."""
    return STEP / jobs.duration.clamp(min=STEP)
