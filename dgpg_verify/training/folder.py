"""The folder of a run: checked before the run, written during it, read back after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgpg_verify.contracts.named import is_plugin, make_any_system
from dgpg_verify.core import InputError, System, check_int, to_json
from dgpg_verify.systems import make_system
from dgpg_verify.training.checkpoints import (
    Progress,
    check_same,
    load_checkpoint,
    read_config,
    resumable,
    save_checkpoint,
    write_config,
)
from dgpg_verify.training.learner import make_learner
from dgpg_verify.training.logs import Events, event_writer, write_log
from dgpg_verify.training.methods import Method, Recipe
from dgpg_verify.training.schedules import make_schedule
from dgpg_verify.training.settings import Settings


@dataclass
class RunFolder:
    """Files of a run that is going on. every: episodes between checkpoints."""

    path: Path
    config: Mapping[str, Any]
    every: int
    resumed: bool
    events: Events

    def begin(self) -> tuple[dict[str, Any], Progress] | None:
        """What the checkpoint of a resumed run holds: tensors and progress; None where the run starts afresh."""
        if not self.resumed:
            write_config(self.path, self.config)
            return None
        stored = resumable(self.path, self.config)
        if stored is not None:
            write_log(self.path, stored[1].history)  # a kill between checkpoint and log leaves an older log
        return stored

    def save(self, tensors: Mapping[str, Any], progress: Progress) -> None:
        save_checkpoint(self.path, self.config, tensors, progress)
        write_log(self.path, progress.history)


def run_folder(
    config: Mapping[str, Any], out: str | Path | None, checkpoint_every: int, resume: bool, tensorboard: bool
) -> RunFolder | None:
    """The folder of a run, not yet written to.

    Parameters
    ----------
    out : folder for config.json, log.csv and checkpoint.pt; None writes nothing.
    checkpoint_every : episodes between checkpoints.
    resume : go on from the folder's checkpoint.
    tensorboard : write TensorBoard events too.

    Raises
    ------
    InputError : a folder that this run may not write to.
    """
    every = check_int("checkpoint_every", checkpoint_every, 1)
    if out is None:
        if tensorboard:
            raise InputError("tensorboard = True is not allowed without out: there is no folder for the events")
        if resume:
            raise InputError("resume = True is not allowed without out: there is no folder to go on from")
        return None
    path = Path(out)
    if tensorboard:
        event_writer()
    nearest = next((parent for parent in path.parents if parent.exists()), Path())
    if not nearest.is_dir():
        raise InputError(f"out = {str(path)!r} lies in {nearest.name!r}, which is a file: it must be a folder")
    if resume:
        resumable(path, config)
    elif path.exists() and not path.is_dir():
        raise InputError(f"out = {str(path)!r} is a file: it must be a folder, or a new name for one")
    elif path.exists() and any(path.iterdir()):
        raise InputError(f"out = {str(path)!r} is not empty: choose another folder, or resume = True to go on")
    return RunFolder(path, config, every, resume, Events(path, tensorboard))


@dataclass(frozen=True)
class StoredRun:
    """A folder written by train(). progress: how far the run had come at its last checkpoint."""

    config: dict[str, Any]
    system: System
    policy: Any
    progress: Progress


def read_run(folder: str | Path, trusted: Sequence[str] = ()) -> StoredRun:
    """Rebuild system and policy of a run folder from its config and checkpoint.

    trusted: names of users' own systems (module:Object, path/to/file.py:Object) that may be imported, which runs their
    code; what a folder names alone is never run. Raises InputError when a file is missing or corrupt, or the system
    cannot be made again.
    """
    folder = Path(folder)
    config = read_config(folder)
    tensors, progress = load_checkpoint(folder, config)
    system = _own_again(config, folder, trusted) if "origin" in config else rebuild(config["system"])
    schedule = make_schedule(config["alpha"], system.n_agents)
    recipe = Recipe(Method(**config["method"]), Settings(**config["settings"]), schedule, config["sharing"])
    learner = make_learner(recipe, [system], [config["seed"]])
    learner.load(tensors)
    return StoredRun(config, system, learner.policy, progress)


def rebuild(config: dict[str, Any]) -> System:
    """The system of a `config()`. Raises InputError for one that is not built in."""
    options = {name: value for name, value in config.items() if name not in ("system", "inputs", "n_agents", "seed")}
    try:
        return make_system(config["system"], config["n_agents"], seed=config["seed"], **options)
    except (KeyError, TypeError, InputError) as error:
        raise InputError(
            f"system {config.get('system')!r} cannot be rebuilt from its config ({error}); a system of your own is "
            "remembered where train is given its name, module:Object or path/to/file.py:Object"
        ) from None


def _own_again(config: Mapping[str, Any], folder: Path, trusted: Sequence[str]) -> System:
    """The user's own system that the folder names, if it still has the configuration it was trained with."""
    name = str(dict(config["origin"]).get("name"))
    if is_plugin(name) and name not in trusted:
        raise InputError(
            f"{folder} was trained on a system of a user's own: --system {name} imports it, which runs its code "
            "(trusted in Python)"
        )
    try:
        system = make_any_system(**config["origin"])
    except (InputError, TypeError) as error:
        reason = f"{folder} was trained on a system of your own that cannot be made again from here: {error}"
        raise InputError(reason) from None
    check_same(config["system"], to_json(system.config()), folder, "system.")
    return system
