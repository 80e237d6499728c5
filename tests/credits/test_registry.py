"""Credits by name: the grammar, what is refused, and credits used before fit()."""

from __future__ import annotations

import pytest
import torch

from dgpg_verify.core import Credit, InputError, draw_noise
from dgpg_verify.credits import make_credit, register_credit
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LoadBalancingGame

GOOD = {
    "return": "return", "return:centred": "return", "return:raw": "return:raw", "return:to_go": "return:to_go",
    "gae": "gae:central", "gae:local": "gae:local", "guidance": "guidance", "guidance:observed": "guidance:observed",
    "guided:0.2@gae:local": "guided:0.2@gae:local", "normalised@gae:central": "normalised@gae:central",
    "guided:0.2@normalised@return": "guided:0.2@normalised@return", "difference": "difference", "branch": "branch",
    "score": "score", "expected_guidance": "expected_guidance",
    "expected_guidance:exact": "expected_guidance:exact",
    "pathwise": "pathwise", "shaped": "shaped", "local:0": "local:0", "local:12": "local:12",
    "residual_return": "residual_return", "residual_return:0.5": "residual_return:0.5",
    "expected_residual": "expected_residual", "expected_residual:0.5": "expected_residual:0.5",
    "counterfactual@exact": "counterfactual@exact", "optimal_baseline@exact": "optimal_baseline@exact",
    "expected_counterfactual@exact": "expected_counterfactual@exact",
}  # fmt: skip


@pytest.mark.parametrize(("name", "canonical"), GOOD.items())
def test_names_give_credits(name: str, canonical: str) -> None:
    credit = make_credit(name)
    assert isinstance(credit, Credit) and credit.name == canonical


KEEP_STATES = ("difference", "difference:replay", "branch", "expected_guidance", "pathwise", "local:1",
               "counterfactual@exact", "guidance:multi_step", "expected_residual")  # fmt: skip
KEEP_NONE = ("return", "return:raw", "return:to_go", "gae", "guidance", "difference:learned", "score", "shaped",
             "residual_return")  # fmt: skip


@pytest.mark.parametrize("around", ["", "normalised@", "baseline@", "guided:0.5@"])
def test_states_are_kept_where_a_credit_reads_them(around: str) -> None:
    """Nowhere else: they take most of the memory of a roll-out."""
    assert all(make_credit(around + name).keeps_states is True for name in KEEP_STATES)
    assert all(make_credit(around + name).keeps_states is False for name in KEEP_NONE)


@pytest.mark.parametrize(
    ("name", "word"),
    [("", "credit"), ("retrun", "retrun"), ("return:discounted", "return"), ("gae:globl", "gae"),
     ("guidance:exakt", "guidance"), ("guided", "alpha"), ("guided:half", "alpha"), ("guided:1.5", "alpha"),
     ("guided:nan", "alpha"), ("guided:0.5@nothing", "nothing"), ("guided:0.5@return+nothing", "nothing"),
     ("normalised", "base"), ("local", "hops"), ("local:-1", "hops"), ("local:x", "hops"), ("local:1.5", "hops"),
     ("residual_return:2", "alpha of residual_return"), ("residual_return:-1", "alpha of residual_return"),
     ("expected_residual:2", "alpha of expected_residual"), ("expected_residual:-1", "alpha of expected_residual"),
     ("residual_return:x", "alpha"), ("counterfactual", "counterfactual@exact"),
     ("counterfactual@return", "counterfactual@exact"), ("expected_guidance:observed", "expected_guidance")],
)  # fmt: skip
def test_bad_names_are_refused(name: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        make_credit(name)


@pytest.mark.parametrize(
    "name",
    ["difference@return", "return@gae:central", "score:3", "branch:2", "difference:x", "local:1@return",
     "counterfactual:2@exact", "residual_return@return", "pathwise@return"],
)  # fmt: skip
def test_parts_of_a_name_that_would_be_ignored_are_refused(name: str) -> None:
    """A base or argument that a credit has no use for must not be accepted and dropped."""
    with pytest.raises(InputError):
        make_credit(name)


@pytest.mark.parametrize(
    "name",
    [
        "return",
        "return:to_go",
        "gae:central",
        "gae:local",
        "guided:0.5",
        "normalised@return",
        "local:0",
        "residual_return",
        "shaped",
    ],
)
def test_use_before_fit_is_refused(name: str) -> None:
    game = LoadBalancingGame.random(2, seed=0)
    policy = make_policy("uniform", game)
    rollout = collect(game, policy, draw_noise(0, 0, game, policy, 2), keep_states=True)
    with pytest.raises(InputError, match="before fit"):
        make_credit(name)(rollout)


def test_objects_pass_through_and_others_are_refused() -> None:
    credit = make_credit("return")
    assert make_credit(credit) is credit
    with pytest.raises(InputError, match="not a credit"):
        make_credit(torch.zeros(3))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["return", "two words", "a:b", ""])
def test_taken_or_impossible_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="credit name"):
        register_credit(name, lambda argument, base: make_credit("return"))
