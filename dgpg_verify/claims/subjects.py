"""The system and the policy that a cell names: what claims of every family measure."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dgpg_verify.core import Cell, Policy, System
from dgpg_verify.oracles.teams.linear_quadratic import stationary_point
from dgpg_verify.policies import GaussianPolicy, make_policy
from dgpg_verify.systems import LinearQuadraticTeam, make_system
from dgpg_verify.systems.inputs import TRACES, file_digest

TRACE_FILES = ("nodes_openb.csv", "jobs_openb.csv.gz")
NETWORK_FILES = ("traffic/SiouxFalls_net.tntp", "traffic/SiouxFalls_trips.tntp")
LARGER_FILES = ("traffic/Anaheim_net.tntp", "traffic/Anaheim_trips.tntp")
RECORDED_NETWORK, LARGER_NETWORK = (f"${TRACES}/{files[0]}" for files in (NETWORK_FILES, LARGER_FILES))  # as options
RECORDED_INPUT = {"fleet": f"openb:${TRACES}", "workload": f"openb:${TRACES}"}  # options of a cloud that replays them
SIGMA = 0.5  # of the Gaussian policies


def traces_folder() -> str | None:
    """Folder named by the environment variable DGPG_TRACES when it holds the recorded files."""
    return _folder_of(TRACE_FILES)


def network_folder(files: Sequence[str] = NETWORK_FILES) -> str | None:
    """Folder named by the environment variable DGPG_TRACES when it holds a real road network."""
    return _folder_of(files)


def _folder_of(names: Sequence[str]) -> str | None:
    folder = os.environ.get(TRACES)
    return folder if folder and all((Path(folder) / name).exists() for name in names) else None


def trace_digests() -> dict[str, str]:
    """The recorded files by name, each with the beginning of its sha256; empty without them."""
    known = (TRACE_FILES, NETWORK_FILES, LARGER_FILES)
    there = [(folder, name) for names in known if (folder := _folder_of(names)) for name in names]
    return {name: file_digest(Path(folder) / name) for folder, name in there}


def build_system(cell: Cell) -> System:
    """The system of a cell. Recorded inputs are named by the environment variable, never by a path, in the key."""
    options = {
        name: value.replace(f"${TRACES}", os.environ[TRACES])
        if isinstance(value, str) and (value.endswith(f":${TRACES}") or value.startswith(f"${TRACES}/"))
        else value
        for name, value in cell.options["options"].items()
    }
    return make_system(cell.options["system"], cell.n, seed=cell.seed % 2**31, **options)


def build_policy(name: str, system: System, seed: int, sharing: str = "independent") -> Policy:
    """A policy by name; `toward:F` is the Gaussian policy a fraction F of the way from 0 to the optimum of J."""
    if name.startswith("toward:"):
        assert isinstance(system, LinearQuadraticTeam)
        fraction = float(name.partition(":")[2])
        return GaussianPolicy(torch.as_tensor(fraction * stationary_point(system, 0.0)), SIGMA)
    return make_policy(name, system, seed % 2**31, sharing)  # type: ignore[arg-type]


def one_shot_probabilities(system: System, policy: Any) -> np.ndarray:
    """[N, K] probabilities of the only decision of a one-shot system."""
    observation = system.observe(system.start(torch.zeros(1, 1, 0, dtype=torch.float64)))
    return np.asarray(policy.probabilities(observation)[0].detach().numpy())


def seconds_of(work: Callable[[], Any]) -> float:
    """Processor time of some work."""
    began = time.process_time()
    work()
    return time.process_time() - began
