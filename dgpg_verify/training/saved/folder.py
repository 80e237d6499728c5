"""The folder of a run: checked before the run, written during it, read back after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgpg_verify.contracts.named import is_plugin, make_any_system
from dgpg_verify.core import InputError, System, check_int, to_json
from dgpg_verify.runs.lock import FolderLock, is_empty
from dgpg_verify.systems import make_system, system_names
from dgpg_verify.systems.inputs import at_place, check_inputs, recorded_place
from dgpg_verify.training.methods import Method, make_recipe
from dgpg_verify.training.saved.checkpoints import (
    BESIDE,
    EARLIER,
    PLACE,
    Progress,
    check_same,
    load_checkpoint,
    read_config,
    resumable,
    save_checkpoint,
    write_config,
)
from dgpg_verify.training.saved.logs import Events, event_writer, write_log
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.start import AnyLearner, fresh_learner


@dataclass
class RunFolder:
    """Files of a run that is going on. every: episodes between checkpoints."""

    path: Path
    config: Mapping[str, Any]
    every: int
    resumed: bool
    events: Events
    lock: FolderLock

    def begin(self) -> tuple[dict[str, Any], Progress] | None:
        """What the checkpoint of a resumed run holds: tensors and progress; None where the run starts afresh.

        Takes the folder's lock and looks again. Raises InputError where another run writes, or has written since.
        """
        self.lock.take()
        if not self.resumed:
            _check_empty(self.path)
            write_config(self.path, {**self.config, PLACE: recorded_place(self.path)})
            return None
        stored = resumable(self.path, self.config)
        if stored is not None:
            self._note_more_episodes()
            write_log(self.path, stored[1].history)  # a kill between checkpoint and log leaves an older log
        return stored

    def _note_more_episodes(self) -> None:
        """Write a longer run's configuration with the episodes that it had before, where there is one."""
        written = read_config(self.path)
        if written["episodes"] < self.config["episodes"]:
            earlier = [*written.get(EARLIER, []), written["episodes"]]
            write_config(self.path, {**written, "episodes": self.config["episodes"], EARLIER: earlier})

    def end(self) -> None:
        """Close what is open and let others write."""
        self.events.close()
        self.lock.drop()

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
    elif path.exists():
        _check_empty(path)
    return RunFolder(path, config, every, resume, Events(path, tensorboard), FolderLock(path))


def _check_empty(path: Path) -> None:
    if not is_empty(path):
        raise InputError(f"out = {str(path)!r} is not empty: choose another folder, or resume = True to go on")


@dataclass(frozen=True)
class StoredRun:
    """A folder written by train(). progress: how far the run had come at its last checkpoint."""

    config: dict[str, Any]
    system: System
    policy: Any
    progress: Progress


def read_run(folder: str | Path, trusted: Sequence[str] = (), n_agents: int | None = None) -> StoredRun:
    """Rebuild system and policy of a run folder from its config and checkpoint.

    trusted: names of users' own systems (module:Object, path/to/file.py:Object) that may be imported, which runs their
    code; what a folder names alone is never run. n_agents: another number of agents to play with, where they share
    their parameters. Relative paths of inputs are taken from where the run was started. Raises InputError when a file
    is missing, corrupt or no longer the one that was read, or the system cannot be made again.
    """
    folder = Path(folder)
    config = read_config(folder)
    place, _ = (config.pop(name, None) for name in BESIDE)
    tensors, progress = load_checkpoint(folder, config)
    start = Path() if place is None else folder / place
    own = "origin" in config
    system = _own_again(config, folder, trusted) if own else rebuild(config["system"], start)
    try:
        learner = learner_of_run(config, system)
    except (KeyError, TypeError) as error:
        raise InputError(f"{folder} was written by another version of this package ({error}): take that one") from None
    learner.load(tensors)
    if n_agents is not None:
        system = _resized(config, check_int("n", n_agents, 1), start)
    return StoredRun(config, system, learner.policy, progress)


def learner_of_run(config: Mapping[str, Any], system: System) -> AnyLearner:
    """The learner of a run before its first episode."""
    method, settings = Method(**config["method"]), Settings(**config["settings"])
    recipe = make_recipe(method, settings, system.n_agents, config["alpha"], config["sharing"])
    return fresh_learner(recipe, system, config["seed"])


def _resized(config: dict[str, Any], n_agents: int, place: Path) -> System:
    """The system of a run with another number of agents, and of servers where there was one for each agent."""
    if config["sharing"] != "shared" and n_agents != config["system"]["n_agents"]:
        raise InputError(
            f"n = {n_agents} is not allowed: each of the {config['system']['n_agents']} agents has parameters of its "
            "own; only shared ones can be played by others"
        )
    if "origin" in config:
        return make_any_system(**{**config["origin"], "n_agents": n_agents})
    given = config["system"]
    servers = {"n_servers": n_agents} if given.get("n_servers") == given["n_agents"] else {}
    return rebuild({**given, "n_agents": n_agents, **servers}, place)


def rebuild(config: dict[str, Any], place: Path) -> System:
    """The system of a `config()`, files with relative paths read from `place`.

    Raises InputError for one that is not built in, and for a file that has changed since.
    """
    name = config.get("system")
    if name not in system_names():
        raise InputError(
            f"system {name!r} cannot be rebuilt from its config; a system of your own is remembered where train is "
            "given its name, module:Object or path/to/file.py:Object"
        )
    ours = ("system", "inputs", "n_agents", "seed")
    options = {name: value for name, value in at_place(config, place).items() if name not in ours}
    try:
        system = make_system(name, config["n_agents"], seed=config["seed"], **options)
    except (KeyError, TypeError) as error:
        raise InputError(f"system {name!r} cannot be rebuilt from its config ({error})") from None
    check_inputs(config, system)
    return system


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
