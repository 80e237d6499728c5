"""Reading a run folder back: its system, its policy and its curve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.core import InputError, System
from dgpg_verify.systems import make_system
from dgpg_verify.training.checkpoints import load_checkpoint, read_config
from dgpg_verify.training.learner import make_learner
from dgpg_verify.training.logs import Record
from dgpg_verify.training.methods import Method
from dgpg_verify.training.schedules import make_schedule
from dgpg_verify.training.settings import Settings


@dataclass(frozen=True)
class StoredRun:
    """A folder written by train(). done: episodes learned from; evaluations: [(episode, returns [B])]."""

    folder: Path
    config: dict[str, Any]
    system: System
    policy: Any
    done: int
    history: tuple[Record, ...]
    evaluations: tuple[tuple[int, NDArray[np.float64]], ...]


def read_run(folder: str | Path) -> StoredRun:
    """Rebuild system and policy of a run folder from its config and checkpoint.

    Raises InputError when either is missing, corrupt, or names a system that cannot be rebuilt from its config.
    """
    folder = Path(folder)
    config = read_config(folder)
    tensors, stored = load_checkpoint(folder, config)
    system = rebuild(config["system"])
    method, settings = Method(**config["method"]), Settings(**config["settings"])
    schedule = make_schedule(config["alpha"], system.n_agents)
    learner = make_learner(system, method, settings, schedule, config["sharing"], config["seed"])
    learner.load(tensors)
    return StoredRun(folder, config, system, learner.policy, stored.done, stored.history, stored.evaluations)


def rebuild(config: dict[str, Any]) -> System:
    """The system of a `config()`. Raises InputError for one that is not built in."""
    options = {name: value for name, value in config.items() if name not in ("system", "inputs", "n_agents", "seed")}
    try:
        return make_system(config["system"], config["n_agents"], seed=config["seed"], **options)
    except (KeyError, TypeError) as error:
        raise InputError(f"system {config.get('system')!r} cannot be rebuilt from its config ({error})") from None
