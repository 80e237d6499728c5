"""The steps of a cloud: what happens between two decisions, on one fleet or on several side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import Influence, InputError, Observation, Transition
from dgpg_verify.systems.cloud import heuristics
from dgpg_verify.systems.cloud.layout import Layout
from dgpg_verify.systems.cloud.observation import FEATURES, candidate_features
from dgpg_verify.systems.cloud.options import Parts
from dgpg_verify.systems.cloud.queues import SLACK, STEP, TIME_LEFT, committed_after, line_up, serve
from dgpg_verify.systems.cloud.removal import Placements, removal_gains
from dgpg_verify.systems.cloud.state import CloudState
from dgpg_verify.systems.cloud.workload.generator import MEAN_DURATION, Jobs

ROOM = 1.0 + SLACK  # largest share of a server's capacity that a job may take


class CloudSteps:
    """Sizes, observations, steps and heuristics that depend on the options and the layout alone.

    Parameters
    ----------
    options
        As checked by `check_options`.
    parts
        Fixed parts of the fleet, or of the first of several fleets.
    layout
        Constants of a step, of all fleets.
    """

    heuristic_names = tuple(heuristics.HEURISTICS)
    feature_names = FEATURES

    def __init__(self, options: dict[str, Any], parts: Parts, layout: Layout) -> None:
        self.options, self.parts, self.layout = options, parts, layout
        self.n_agents: int = options["n_agents"]
        self.n_servers: int = options["n_servers"]
        self.n_actions: int = options["n_candidates"]
        self.horizon: int = options["horizon"]
        self.discount: float = options["discount"]
        self.state_size = 2 * self.n_servers
        self.noise_size = parts.workload.noise_size + parts.reference.noise_size

    def observe(self, state: CloudState) -> Observation:
        """features [B, N, K, F] float32 (names in FEATURES), mask, active. Cost O(B N K F)."""
        layout, jobs, queues = self.layout, self._jobs_now(state), state.queues
        batch, n_servers = queues.count.shape
        logs = torch.cat([queues.count, queues.waiting, queues.backlog], dim=1).float().log1p()
        constant = layout.server_columns.expand(batch, -1)
        servers = torch.cat([constant, queues.committed, self.reference_at(state), state.free, logs], dim=1)
        duration = torch.where(jobs.active, jobs.duration, MEAN_DURATION) / MEAN_DURATION
        shares = state.work[:2, ..., None] / layout.capacities
        clock = layout.clock[state.step]
        features = candidate_features(servers.view(batch, -1, n_servers), layout.index, shares, duration.log(), clock)
        fits = shares <= ROOM
        return Observation(features, fits[0] & fits[1], jobs.active)  # `all` is several times slower

    def reference_at(self, state: CloudState) -> Tensor:
        """x~ [B, 2M] at the state's step."""
        return self.parts.reference.at(state.step, state.reference, state.committed)

    def step(self, state: CloudState, actions: Tensor) -> Transition:
        """Play actions int64 [B, N], -1 = no action. An active dispatcher's job without action is turned away.

        Actions of inactive dispatchers are ignored. Raises InputError on an action outside [-1, K - 1] or on a
        candidate that can never run the job. Cost O(B (N log N + M Q)), Q the longest queue.
        """
        jobs = self._jobs_now(state)
        acts, index, load = self._placed(state, actions)
        cost = _cost(jobs)
        server = torch.where(acts, index, -1)
        joiners = line_up(server, self.n_servers, jobs.arrival, torch.stack([load[0], load[1], cost, load[2]]))
        return Transition(
            next_state=CloudState(state.step + 1, state.jobs, state.reference, serve(state.queues, joiners)),
            reward=-(state.queues.cost.sum(1) + (cost * acts).sum(1)),
            x_observed=state.committed,
            x=committed_after(state.queues, joiners),
            reference=self.reference_at(state),
            influence=self._influence(state, actions, acts, index, load),
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

    def _influence(self, state: CloudState, actions: Tensor, acts: Tensor, server: Tensor, load: Tensor) -> Influence:
        """Shares of the chosen server's cores and memory, [B, N, 2]; zero where no job joined."""
        index = torch.stack([server, server + self.n_servers], dim=-1) * acts[..., None]
        value = load[:2].permute(1, 2, 0)
        if self.options["influence"] == "multi_step":
            value = value * self.residence(state).gather(2, actions.clamp(min=0)[..., None])
        return Influence(index, value)

    def residence(self, state: CloudState) -> Tensor:
        """Steps a job started on arrival would stay on each candidate before T, discounted from now: [B, N, K].

        The fluid model of `multi_step` influence: sum over k < min(ceil(duration / speed), T - t) of gamma^k;
        0 where there is no job. A queued job stays longer: the factor is exact only where it starts at once.
        """
        steps = self.residence_steps(state)
        return steps if self.discount == 1.0 else (1.0 - self.discount**steps) / (1.0 - self.discount)

    def residence_steps(self, state: CloudState) -> Tensor:
        """Steps that a job stays where it starts on arrival, [B, N, K]: min(ceil(duration / speed), T - t)."""
        jobs, index = self._jobs_now(state), self.layout.index
        speed = self.layout.speed.gather(1, index.flatten(1)).view_as(index)
        steps = (
            (jobs.duration[..., None] / speed - TIME_LEFT).ceil().clamp(min=1.0, max=float(self.horizon - state.step))
        )
        return torch.where(jobs.active[..., None], steps, 0.0)

    def removal_rewards(self, state: CloudState, actions: Tensor) -> Tensor:
        """Reward of this step had agent i alone not acted, [B, N]: the present jobs' costs do not interact in it."""
        joining = self._joining_costs(state, actions)
        return -(state.queues.cost.sum(1) + joining.sum(1))[:, None] + joining

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
        jobs = self._jobs_now(state)
        return torch.where(self._placed(state, actions)[0], _cost(jobs), 0.0)

    def heuristic_scores(self, name: str, seen: Observation) -> Tensor:
        """Scores float64 [..., N, K] of a rule that sees what the policies see; see `heuristics`."""
        return heuristics.heuristic_scores(name, seen)


def _cost(jobs: Jobs) -> Tensor:
    """Reward lost per step a job is present: dt / max(duration, dt)."""
    return STEP / jobs.duration.clamp(min=STEP)
