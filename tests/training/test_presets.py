"""Presets against the values of the reference implementations, written out here once more by hand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from dgpg_verify.core import InputError
from dgpg_verify.critics import value_norm
from dgpg_verify.training import make_method, make_schedule
from dgpg_verify.training.methods import MIXER_NAMES, Method
from dgpg_verify.training.settings import Settings

# MAPPO and IPPO as the on-policy repository runs them (Yu et al. 2022); imitation and residual are ours.
PUBLISHED = {
    "discount": 0.99, "lam": 0.95, "clip": 0.2, "epochs": 10, "minibatches": 1, "rollouts": 1, "actor_lr": 5e-4,
    "critic_lr": 5e-4, "adam_eps": 1e-5, "grad_clip": 10.0, "entropy": 0.01, "huber": 10.0, "value_clip": True,
    "value_norm": True, "advantage_norm": "batch", "setting": "sum", "hidden": 64, "initialisation": "orthogonal",
    "gain": 0.01, "feature_norm": True, "layer_norm": True, "imitation_share": 0.5, "heuristic": "best_fit",
    "temperature": 0.3, "teacher_share": 0.5, "kl_limit": 0.01, "buffer": 5000, "batch": 256, "target_every": 200,
    "explore": 0.05, "explore_share": 0.5,
}  # fmt: skip
CHANGED = {
    "happo": {"epochs": 5, "advantage_norm": "agent"},  # HARL
    "hatrpo": {"epochs": 5, "advantage_norm": "agent"},  # HARL; epochs are the critic's
    "reinforce": {"advantage_norm": "none", "entropy": 0.0, "rollouts": 5},
    "residual_return": {"rollouts": 2},  # the least that a mean over roll-outs leaves something of
    "expected_residual": {"rollouts": 2},
    "coma": {"rollouts": 5},
    "mean_field": {"rollouts": 5},
    "shaped": {"rollouts": 5},
    "local": {"rollouts": 5},
    **{f"value:{mixer}": {"target_every": 50} for mixer in MIXER_NAMES if mixer != "mean_field"},
    "value:mean_field": {"target_every": 50, "temperature": 0.1},  # the authors' code
}
# name -> base credit, guidance, update rule, alpha
METHODS = {
    "dgpg": ("gae:central", "guidance", "ppo", "0.9->0.2"),
    "mappo": ("gae:central", "", "ppo", None),
    "ippo": ("gae:local", "", "ppo", None),
    "happo": ("gae:central", "", "sequential", None),
    "hatrpo": ("gae:central", "", "trust_region", None),
    "guided_search": ("gae:central", "", "ppo", None),
    "residual_return": ("residual_return", "", "ppo", None),
    "expected_residual": ("expected_residual", "", "ppo", None),
    "expected_guidance": ("", "expected_guidance:exact", "ppo", "1"),
    "pathwise": ("", "pathwise", "ppo", "1"),
    "counterfactual": ("counterfactual@exact", "", "ppo", None),
    "optimal_baseline": ("optimal_baseline@exact", "", "ppo", None),
    "expected_counterfactual": ("expected_counterfactual@exact", "", "ppo", None),
    "coma": ("counterfactual@coma", "", "ppo", None),
    "mean_field": ("counterfactual@mean_field", "", "ppo", None),
    "shaped": ("shaped", "", "ppo", None),
    "local": ("local:1", "", "ppo", None),
    **{f"value:{mixer}": ("", "", "value", None) for mixer in MIXER_NAMES},
    "guidance_only": ("", "guidance", "ppo", "1"),
    "imitation": ("gae:central", "", "ppo", None),
    "residual": ("gae:central", "", "ppo", None),
    "difference": ("difference", "", "ppo", None),
    "reinforce": ("return", "", "gradient", None),
}


@pytest.mark.parametrize("name", METHODS)
def test_settings_are_the_published_ones_but_for_what_is_named(name: str) -> None:
    assert asdict(make_method(name).settings({})) == PUBLISHED | CHANGED.get(name, {})


def test_every_setting_is_in_the_table() -> None:
    assert asdict(Settings()) == PUBLISHED


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_what_their_names_say(name: str) -> None:
    method = make_method(name)
    base, guidance, update, alpha = METHODS[name]
    assert (method.base, method.guidance, method.update) == (base, guidance, update)
    assert alpha is None or method.alpha == alpha


def test_the_published_schedule_falls_from_nine_to_two_tenths() -> None:
    schedule = make_schedule(make_method("dgpg").alpha, 30)
    assert [schedule(0.0), schedule(0.5), schedule(1.0)] == pytest.approx([0.9, 0.55, 0.2])


def test_the_value_normaliser_forgets_as_published() -> None:
    assert (value_norm.DECAY, value_norm.VARIANCE_FLOOR) == (0.99999, 1e-2)


@pytest.mark.parametrize(("fields", "said"), [
    ({"start": "guided", "update": "gradient"}, "must have update 'ppo'"),
    ({"mixer": "vdn"}, "must have update 'value'"),
])  # fmt: skip
def test_what_would_be_ignored_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Method("one", **fields)
