"""Several fleets of one size played at once: S systems, R roll-outs each, as one system with S R roll-outs.

Small fleets are cheap but not quick to play: a step costs about as much for one as for ten. Roll-outs never touch
each other, so fleets can lie side by side along their axis, the R of the first fleet first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import InputError, check_int
from dgpg_verify.systems.cloud.layout import Layout
from dgpg_verify.systems.cloud.queues import empty_queues
from dgpg_verify.systems.cloud.scheduling import CloudScheduling
from dgpg_verify.systems.cloud.state import CloudState
from dgpg_verify.systems.cloud.steps import CloudSteps
from dgpg_verify.systems.cloud.workload.generator import Jobs

JOB_COLUMNS = tuple(column.name for column in fields(Jobs))


class CloudStack(CloudSteps):
    """Systems that differ in their seed alone, played side by side; a roll-out is bit for bit what it is alone.

    Parameters
    ----------
    systems
        S systems.
    rollouts
        R, roll-outs of each; noise, states and actions have B = S R rows.

    Raises
    ------
    InputError
        For no system, or systems that differ in more than their seed.
    """

    def __init__(self, systems: Sequence[CloudScheduling], rollouts: int) -> None:
        if not systems:
            raise InputError("systems = [] is not allowed: a stack needs at least 1")
        kinds = [system.config() | {"seed": 0} for system in systems]
        for k, kind in enumerate(kinds):
            odd = sorted(name for name in kind if kind[name] != kinds[0][name])
            if odd:
                raise InputError(
                    f"system {k} differs from the first in {', '.join(odd)}: systems of a stack may differ in their "
                    "seed alone"
                )
        self.systems, self.rollouts = tuple(systems), check_int("rollouts", rollouts, 1)
        layout = Layout.stacked([system.layout for system in systems], rollouts)
        super().__init__(systems[0].options, systems[0].parts, layout)

    def __len__(self) -> int:
        return len(self.systems)

    def config(self) -> dict[str, Any]:
        """The configurations of the systems."""
        return {"system": "cloud_stack", "rollouts": self.rollouts, "systems": [part.config() for part in self.systems]}

    def start(self, noise: Tensor) -> CloudState:
        """[S R, T, E] uniforms -> first state; each fleet draws its own workload and reference."""
        if len(noise) != len(self) * self.rollouts:
            raise InputError(f"environment noise has {len(noise)} rows: it must have {len(self)} x {self.rollouts}")
        states = [system.start(part) for system, part in zip(self.systems, noise.chunk(len(self)), strict=True)]
        columns = ([getattr(state.jobs, name) for state in states] for name in JOB_COLUMNS)
        return CloudState(
            step=0,
            jobs=Jobs(*map(torch.cat, columns)),
            reference=torch.cat([state.reference for state in states]),
            queues=empty_queues(len(noise), self.n_servers, noise.device),
        )
