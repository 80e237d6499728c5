"""Credits by name: NAME[:ARG][@BASE], for example return, gae:central, guidance:exact, guided:0.5@gae:central."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dgpg_verify.core import Credit, InputError, check_int, check_real, lacking
from dgpg_verify.credits.baseline import BaselineCredit
from dgpg_verify.credits.counterfactual import (
    CounterfactualCredit,
    ExactValue,
    ExpectedCounterfactualCredit,
    OptimalBaselineCredit,
    TeamValue,
)
from dgpg_verify.credits.difference import BranchCredit, DifferenceCredit, LearnedDifferenceCredit, ReplayCredit
from dgpg_verify.credits.expected import ExpectedGuidanceCredit, PathwiseCredit
from dgpg_verify.credits.gae import GAECredit
from dgpg_verify.credits.guidance import FORMS, GuidanceCredit
from dgpg_verify.credits.local import LocalReturnCredit
from dgpg_verify.credits.mixing import GuidedCredit, NormalisedCredit
from dgpg_verify.credits.residual import ExpectedResidualCredit, ResidualReturnCredit
from dgpg_verify.credits.returns import RawReturnCredit, ReturnCredit, RewardToGoCredit, ScoreCredit
from dgpg_verify.credits.shaped import ShapedCredit
from dgpg_verify.critics import LEARNED_VALUES

PLAIN: dict[str, Credit] = {  # those without a base
    "return": ReturnCredit(),
    "return:centred": ReturnCredit(),
    "return:raw": RawReturnCredit(),
    "return:to_go": RewardToGoCredit(),
    "gae": GAECredit(),
    **{f"gae:{kind}": GAECredit(kind) for kind in ("central", "local")},
    "guidance": GuidanceCredit(),
    **{f"guidance:{form}": GuidanceCredit(form) for form in FORMS},
    "expected_guidance": ExpectedGuidanceCredit(),
    "expected_guidance:exact": ExpectedGuidanceCredit("exact"),
    "pathwise": PathwiseCredit(),
    "shaped": ShapedCredit(),
    "difference": DifferenceCredit(),
    "difference:replay": ReplayCredit(),
    "difference:learned": LearnedDifferenceCredit(),
    "branch": BranchCredit(),
    "score": ScoreCredit(),
}
ON_BASE: dict[str, Callable[[Credit], Credit]] = {"normalised": NormalisedCredit, "baseline": BaselineCredit}
ON_VALUE: dict[str, Callable[[TeamValue], Credit]] = {
    "counterfactual": CounterfactualCredit,
    "optimal_baseline": OptimalBaselineCredit,
    "expected_counterfactual": ExpectedCounterfactualCredit,
}
VALUES: dict[str, TeamValue] = {"exact": ExactValue(), **LEARNED_VALUES}
OF_NUMBER: dict[str, Callable[[str], Credit]] = {
    "local": lambda text: LocalReturnCredit(
        check_int("hops of local:HOPS", int(text) if text.isdecimal() else text, 0)
    ),
    "residual_return": lambda text: ResidualReturnCredit(
        check_real("alpha of residual_return:ALPHA", text or 0.0, 0.0, 1.0)
    ),
    "expected_residual": lambda text: ExpectedResidualCredit(
        check_real("alpha of expected_residual:ALPHA", text or 0.0, 0.0, 1.0)
    ),
}
MIXED = ("guided", *ON_BASE)
GRAMMAR = (
    "return[:raw|:to_go]", "gae:central|local",
    "guidance[:chain_rule|:exact|:observed|:multi_step|:derivative|:demand]",
    "expected_guidance[:exact]", "pathwise", "shaped", "local:HOPS", "residual_return[:ALPHA]",
    "expected_residual[:ALPHA]",
    "guided:ALPHA[@BASE][+GUIDANCE]", "normalised@BASE", "baseline@BASE", "difference[:replay|:learned]",
    *(f"{kind}@{'|'.join(VALUES)}" for kind in ON_VALUE), "branch", "score",
)  # fmt: skip
_REGISTERED: dict[str, Callable[[str, Credit | None], Credit]] = {}


def register_credit(name: str, factory: Callable[[str, Credit | None], Credit]) -> None:
    """Make `factory(argument, base)` available under `name` in NAME[:ARG][@BASE]."""
    plain = dict.fromkeys(option.partition(":")[0] for option in PLAIN)
    known = [*plain, *MIXED, *ON_VALUE, *OF_NUMBER, *_REGISTERED]
    if name in known or not name.isidentifier():
        raise InputError(f"credit name {name!r} is not allowed: it must be a new identifier ({', '.join(known)})")
    _REGISTERED[name] = factory


def make_credit(name: str | Credit, setting: str = "sum") -> Credit:
    """Build a credit from its name; a Credit object is returned as it is. Raises InputError on unknown names."""
    if not isinstance(name, str):
        return _checked(name)
    whole, _, guidance_name = name.partition("+") if name.startswith("guided:") else (name, "", "")
    head, _, base_name = whole.partition("@")
    kind, _, argument = head.partition(":")
    if plain := [option for option in PLAIN if option.partition(":")[0] == kind]:
        return _plain(name, head.rstrip(":"), base_name, plain)
    if kind in OF_NUMBER and not base_name:
        return OF_NUMBER[kind](argument)
    if kind in ON_VALUE and not argument and base_name in VALUES:
        return ON_VALUE[kind](VALUES[base_name])
    if kind not in (*MIXED, *_REGISTERED):
        raise InputError(f"credit = {name!r} is not allowed: it must be one of {', '.join(GRAMMAR)}")
    base = make_credit(base_name, setting) if base_name else None
    if kind == "guided":
        guidance = make_credit(guidance_name or "guidance", setting)
        return GuidedCredit(_alpha(argument), base or ReturnCredit(), guidance, setting)
    if kind in _REGISTERED:
        return _REGISTERED[kind](argument, base)
    if base is None:
        raise InputError(f"credit {kind} needs a base: write {kind}@BASE")
    return ON_BASE[kind](base)


def _plain(name: str, head: str, base: str, allowed: list[str]) -> Credit:
    if base:
        raise InputError(f"credit = {name!r} is not allowed: {allowed[0]} takes no @BASE")
    if head not in allowed:
        options = f"it must be one of {', '.join(allowed)}" if allowed[1:] else f"{allowed[0]} takes no argument"
        raise InputError(f"credit {head} is not allowed: {options}")
    return PLAIN[head]


def _alpha(argument: str) -> float:
    try:
        return float(argument)
    except ValueError:
        raise InputError(f"credit guided:{argument} is not allowed: alpha must be a number in [0, 1]") from None


def _checked(credit: Any) -> Credit:
    if missing := lacking(credit, Credit):
        raise InputError(f"{credit!r} is not a credit: it lacks {', '.join(missing)}")
    checked: Credit = credit
    return checked
