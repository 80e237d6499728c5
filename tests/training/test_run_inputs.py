"""Bad arguments, folders, checkpoints and systems: one clear line each, and nothing left behind."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError, NonFiniteError, Transition
from dgpg_verify.systems import CloudScheduling, LinearQuadraticTeam
from dgpg_verify.testing import SmallQueues
from dgpg_verify.training import Method, train
from dgpg_verify.training.saved.folder import read_run
from tests.training.tools import CLOUD, QUEUES, QUICK, quick

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "zero episodes": ({"episodes": 0}, "episodes = 0"),
    "half an episode": ({"episodes": 2.5}, "episodes = 2.5"),
    "no multiple": ({"rollouts": 3}, "multiple of rollouts = 3"),
    "unknown method": ({"method": "mapo"}, "method = 'mapo'"),
    "alpha above 1": ({"method": "dgpg", "alpha": 1.5}, "alpha = '?1.5"),
    "alpha below 0": ({"method": "dgpg", "alpha": "-0.1"}, "alpha = '?-0.1"),
    "alpha nan": ({"method": "dgpg", "alpha": float("nan")}, "alpha = '?nan"),
    "alpha without guidance": ({"alpha": 0.5}, "alpha = 0.5 is not allowed with method 'mappo'"),
    "alpha without base": ({"method": "guidance_only", "alpha": "0"}, "alpha = '0' is not allowed"),
    "resume without folder": ({"resume": True}, "resume = True is not allowed without out"),
    "events without folder": ({"tensorboard": True}, "tensorboard = True is not allowed without out"),
    "unknown setting": ({"epoch": 3}, "setting of a run = 'epoch'"),
    "negative seed": ({"seed": -1}, "seed = -1"),
    "unknown sharing": ({"sharing": "both"}, "sharing = 'both'"),
    "shared happo": ({"method": "happo", "sharing": "shared"}, "sharing = 'shared' is not allowed with method 'happo'"),
    "no workloads": ({"workloads": 0}, "workloads = 0"),
    "checkpoint_every": ({"checkpoint_every": 0}, "checkpoint_every = 0"),
    "evaluate_every": ({"evaluate_every": -1}, "evaluate_every = -1"),
    "evaluations out of order": ({"evaluate_every": (3, 1)}, "the episodes must rise"),
    "an evaluation after the end": ({"evaluate_every": (1, 999)}, "evaluate_every = 999"),
    "clip": ({"clip": 0.0}, "clip = 0.0"),
    "learning rate": ({"actor_lr": float("nan")}, "actor_lr = nan"),
    "a flag that is none": ({"value_norm": "no"}, "value_norm = 'no'"),
    "advantage_norm": ({"advantage_norm": "agents"}, "advantage_norm = 'agents'"),
    "unknown heuristic": ({"method": "residual", "heuristic": "bestfit"}, "heuristic = 'bestfit'"),
    "a lone return": ({"method": "reinforce", "rollouts": 1}, "rollouts = 1 is not allowed with base credit 'return'"),
    "agents beside an object": ({"agents": 3}, "agents = 3 is not allowed with a system object"),
    "continuous actions": ({"system": LinearQuadraticTeam.random(3)}, "n_actions = 0"),
    "no agents": ({"system": "cloud", "agents": 0}, "agents = 0"),
    "agents not said": ({"system": "cloud"}, "agents = None"),
    "unknown system": ({"system": "clowd", "agents": 2}, "clowd"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_end_in_one_line_and_leave_no_folder(name: str, tmp_path: Path) -> None:
    changes, message = BAD[name]
    given = {"system": CLOUD, "method": "mappo", **QUICK, **changes}
    if not {"resume", "tensorboard"} & set(changes):
        given["out"] = tmp_path / "run"
    with pytest.raises(InputError, match=message) as caught:
        train(**given)
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


def finished(tmp_path: Path) -> Path:
    quick(out=tmp_path / "run", episodes=2)
    return tmp_path / "run"


def refused(folder: Path, match: str, **changes: Any) -> None:
    with pytest.raises(InputError, match=match) as caught:
        quick(**{"out": folder, "episodes": 2, **changes})
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_checkpoints_that_are_none_of_train(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    stored = torch.load(folder / "checkpoint.pt", weights_only=True)
    torch.save({name: value for name, value in stored.items() if name != "actor"}, folder / "checkpoint.pt")
    refused(folder, "checkpoint is not one of this learner .KeyError 'actor'.", resume=True)
    for wrong in (torch.zeros(3), torch.zeros(1)):
        torch.save({**stored, "actor": wrong}, folder / "checkpoint.pt")
        refused(folder, "checkpoint is not one of this learner .ValueError shape", resume=True)
    moments = [{k: {**m, "exp_avg": torch.zeros(2)} for k, m in state.items()} for state in stored["actor_optimisers"]]
    torch.save({**stored, "actor_optimisers": moments}, folder / "checkpoint.pt")
    refused(folder, "checkpoint is not one of this learner .ValueError shape .2,.", resume=True)
    progress = json.loads(stored["plain"])
    for name, value in (("done", "three"), ("seconds", None), ("history", [{"episode": 1}]), ("evaluations", [3])):
        torch.save({**stored, "plain": json.dumps({**progress, name: value})}, folder / "checkpoint.pt")
        refused(folder, "is corrupt", resume=True)
        with pytest.raises(InputError, match="is corrupt"):
            read_run(folder)
        torch.save({**stored, "plain": json.dumps({k: v for k, v in progress.items() if k != name})},
                   folder / "checkpoint.pt")  # fmt: skip
        refused(folder, f"is corrupt .KeyError '{name}'", resume=True)
    (folder / "checkpoint.pt").unlink()
    (folder / "config.json").write_text("[1, 2]")
    refused(folder, "it must be a JSON object", resume=True)


@pytest.mark.parametrize("method", ["mappo", "dgpg"])
def test_a_critic_that_diverges_is_named(method: str) -> None:
    with pytest.raises(NonFiniteError, match="iteration 0: critic parameter"):
        quick(method, critic_lr=1e38, layer_norm=False)


def test_folders_of_a_later_version_are_named(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    stored = torch.load(folder / "checkpoint.pt", weights_only=True)
    config = json.loads((folder / "config.json").read_text())
    torch.save({**stored, "schema": stored["schema"] + 1}, folder / "checkpoint.pt")
    refused(folder, "of a later version", resume=True)
    later = {**json.loads(stored["config"])}
    later["settings"] = {**later["settings"], "invented": 1}
    torch.save({**stored, "config": json.dumps(later, sort_keys=True)}, folder / "checkpoint.pt")
    (folder / "config.json").write_text(json.dumps({**config, "settings": later["settings"]}))
    with pytest.raises(InputError, match=r"written by another version of this package .*invented"):
        read_run(folder)


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    refused(folder, "is not empty: choose another folder")
    refused(folder / "log.csv", "is a file")
    refused(folder / "log.csv" / "x", "lies in 'log.csv', which is a file")
    refused(folder / "log.csv" / "x" / "y", "lies in 'log.csv', which is a file")
    refused(tmp_path / "missing", "it is not a folder written by train", resume=True)


@pytest.mark.parametrize("name", ["empty", "noise", "cut", "text"])
def test_a_corrupt_checkpoint_is_named(name: str, tmp_path: Path) -> None:
    path = finished(tmp_path) / "checkpoint.pt"
    whole = path.read_bytes()
    path.write_bytes(
        {"empty": b"", "noise": bytes(range(256)) * 20, "cut": whole[: len(whole) // 2], "text": b"hello"}[name]
    )
    refused(path.parent, "checkpoint.pt in .* is corrupt", resume=True)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"epochs": 9}, "settings.epochs = 9"),
        ({"seed": 5}, "seed = 5"),
        ({"episodes": 1}, "episodes = 1"),
        ({"method": "ippo"}, "method.base = 'gae:local'"),
        ({"system": CloudScheduling(4, seed=0, horizon=10)}, "system.n_agents = 4"),
    ],
)
def test_another_configuration_is_refused_and_the_value_named(
    changes: dict[str, Any], name: str, tmp_path: Path
) -> None:
    refused(finished(tmp_path), f"{name} is not allowed here", resume=True, **changes)


def test_another_configuration_is_refused_before_the_first_checkpoint_too(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    (folder / "checkpoint.pt").unlink()
    refused(folder, "seed = 5 is not allowed here", resume=True, seed=5)


@pytest.mark.parametrize(
    "bad",
    [
        {"update": "pop"},
        {"start": "warm"},
        {"base": "gae:centrl"},
        {"base": "retrun"},
        {"guidance": "guide"},
        {"base": ""},
        {"update": "sequential", "start": "imitation"},
    ],
)
def test_methods_that_cannot_work_are_refused(bad: dict[str, str]) -> None:
    with pytest.raises(InputError):
        Method("new", **bad)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Poisoned:
    """Queues whose reward is NaN at step 3 of the second roll-out, where `size` roll-outs are played at once."""

    inner: SmallQueues
    size: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def step(self, state: Any, actions: Tensor) -> Transition:
        moved = self.inner.step(state, actions)
        if state.step != 3 or len(actions) != self.size:
            return moved
        return replace(moved, reward=moved.reward.index_fill(0, torch.tensor(1), torch.nan))


def test_a_nan_reward_stops_a_run_and_is_named() -> None:
    with pytest.raises(NonFiniteError, match="iteration 0: reward is not finite at roll-out 1, step 3"):
        quick("guidance_only", Poisoned(QUEUES, 2), rollouts=2)
    with pytest.raises(NonFiniteError, match=r"return of roll-out \[1\]"):
        quick("guidance_only", Poisoned(QUEUES, 3), rollouts=2)
