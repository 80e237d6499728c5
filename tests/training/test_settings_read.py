"""No setting is silent: for every method, what `check_read` refuses changes nothing, and all else changes the run."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from dgpg_verify.core import InputError
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training import make_method, method_names, train
from dgpg_verify.training.settings import Settings

CLOUD = CloudScheduling(n_agents=3, seed=1, horizon=6)
# values that bite in a short run, and the steps large enough for them to
BASE: dict[str, Any] = {"rollouts": 2, "actor_lr": 0.02, "critic_lr": 0.02, "epochs": 4, "hidden": 8}
CHANGED: dict[str, Any] = {
    "discount": 0.5, "lam": 0.2, "clip": 0.001, "epochs": 2, "minibatches": 2, "rollouts": 4, "actor_lr": 0.01,
    "critic_lr": 0.1, "adam_eps": 0.1, "grad_clip": 0.001, "entropy": 0.5, "huber": 0.01, "value_clip": False,
    "value_norm": False, "advantage_norm": "agent", "setting": "parts", "hidden": 4, "initialisation": "gaussian",
    "gain": 1.0, "feature_norm": False, "layer_norm": False, "imitation_share": 1.0, "heuristic": "join_shortest",
    "temperature": 3.0, "teacher_share": 0.9, "kl_limit": 0.1, "buffer": 3, "batch": 5, "target_every": 2,
    "explore": 0.9, "explore_share": 0.0,
}  # fmt: skip


METHODS = [name for name in method_names() if name != "local"]  # which needs a one-shot system


@cache
def learned(method: str, name: str = "") -> Tensor:
    """Parameters of all actors after four iterations, with one setting changed."""
    changes = BASE | ({name: CHANGED[name]} if name else {})
    if method in ("happo", "hatrpo") and name == "advantage_norm":
        changes[name] = "batch"  # its preset has "agent"
    run = train(CLOUD, method, 8, seed=2, evaluate_every=0, workloads=2, **changes)
    return run.policy.parameters.detach()


def read(method: str, name: str) -> bool:
    try:
        make_method(method).check_read({name: CHANGED[name]})
    except InputError as error:
        assert f"{name} = {CHANGED[name]!r} is not allowed with method {method!r}: it " in str(error)
        return False
    return True


def test_every_setting_is_tried() -> None:
    assert {*CHANGED} == {field.name for field in fields(Settings)}


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize("method", METHODS)
def test_a_setting_changes_the_run_or_is_refused(method: str, name: str) -> None:
    before, after = learned(method), learned(method, name)
    assert read(method, name) == (before.shape != after.shape or not torch.equal(before, after))


@pytest.mark.parametrize("method", method_names())
def test_one_set_of_settings_can_be_given_to_all(method: str) -> None:
    assert make_method(method).settings(CHANGED).temperature == 3.0
