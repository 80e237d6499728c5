"""What a run is asked for, checked before any work starts, and where its files go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dgpg_verify.core import InputError, System, check_choice, check_int, heuristic_names
from dgpg_verify.training.checkpoints import check_resumable
from dgpg_verify.training.logs import event_writer
from dgpg_verify.training.methods import Method
from dgpg_verify.training.settings import Settings


def run_config(system: System, method: Method, settings: Settings, given: Mapping[str, Any]) -> dict[str, Any]:
    """Checked arguments as JSON values: what a checkpoint must agree with."""
    held = given["seed"] if given["heldout_seed"] is None else given["heldout_seed"]
    return {
        "system": system.config(),
        "method": asdict(method),
        "settings": settings.to_json(),
        "alpha": method.alpha if given["alpha"] is None else str(given["alpha"]),
        "episodes": check_int("episodes", given["episodes"], 1),
        "seed": check_int("seed", given["seed"], 0),
        "sharing": check_choice("sharing", given["sharing"], ("independent", "shared")),
        "evaluate_every": check_int("evaluate_every", given["evaluate_every"], 0),
        "workloads": check_int("workloads", given["workloads"], 1),
        "heldout_seed": check_int("heldout_seed", held, 0),
    }


def check_plan(
    system: System, method: Method, settings: Settings, config: Mapping[str, Any], alpha: str | float | None
) -> None:
    """What can only be said of the parts together."""
    if config["episodes"] % settings.rollouts:
        raise InputError(
            f"episodes = {config['episodes']} is not allowed: it must be a multiple of rollouts = {settings.rollouts}"
        )
    if alpha is not None and not method.mixes:
        raise InputError(
            f"alpha = {alpha!r} is not allowed with method {method.name!r}: it mixes nothing with guidance"
        )
    if method.centred and settings.rollouts < 2:
        raise InputError(
            f"rollouts = {settings.rollouts} is not allowed with base credit {method.base!r}: it must be at least 2, "
            "a return minus its own mean is 0"
        )
    if method.start != "plain":
        check_choice("heuristic", settings.heuristic, heuristic_names(system))
    if method.update == "sequential" and config["sharing"] == "shared":
        raise InputError(f"sharing = 'shared' is not allowed with method {method.name!r}: it must be 'independent'")


def run_folder(out: str | Path | None, resume: bool, config: Mapping[str, Any], tensorboard: bool) -> Path | None:
    """The run's folder, checked and not yet written to."""
    if out is None:
        if tensorboard:
            raise InputError("tensorboard = True is not allowed without out: there is no folder for the events")
        if resume:
            raise InputError("resume = True is not allowed without out: there is no folder to go on from")
        return None
    folder = Path(out)
    if tensorboard:
        event_writer()
    inside = next((one for one in folder.parents if one.exists()), Path())
    if not inside.is_dir():
        raise InputError(f"out = {str(out)!r} lies in {inside.name!r}, which is a file: it must be a folder")
    if resume:
        check_resumable(folder, config)
        return folder
    if folder.exists() and not folder.is_dir():
        raise InputError(f"out = {str(out)!r} is a file: it must be a folder, or a new name for one")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"out = {str(out)!r} is not empty: choose another folder, or resume = True to go on")
    return folder
