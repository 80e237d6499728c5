"""Credits by name: NAME[:ARG][@BASE], for example return, gae:central, guidance:exact, guided:0.5@gae:central."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dgpg_verify.core import Credit, InputError, check_real, lacking
from dgpg_verify.credits.baseline import BaselineCredit
from dgpg_verify.credits.difference import BranchCredit, DifferenceCredit, ReplayCredit
from dgpg_verify.credits.gae import GAECredit
from dgpg_verify.credits.guidance import FORMS, GuidanceCredit
from dgpg_verify.credits.mixing import GuidedCredit, NormalisedCredit
from dgpg_verify.credits.returns import RawReturnCredit, ReturnCredit, RewardToGoCredit, ScoreCredit

Factory = Callable[[str, Credit | None, str], Credit]
WITHOUT_BASE = ("return", "gae", "guidance", "difference", "branch", "score")
GRAMMAR = (
    "return[:raw|:to_go]", "gae:central|local", "guidance[:chain_rule|:exact|:observed|:multi_step|:derivative]",
    "guided:ALPHA[@BASE][+GUIDANCE]", "normalised@BASE", "baseline@BASE", "difference[:replay]", "branch", "score",
)  # fmt: skip


def _return(argument: str, base: Credit | None, setting: str) -> Credit:
    kinds: dict[str, Callable[[], Credit]] = {
        "": ReturnCredit,
        "centred": ReturnCredit,
        "raw": RawReturnCredit,
        "to_go": RewardToGoCredit,
    }
    return kinds[_one_of("return", argument, kinds)]()


def _gae(argument: str, base: Credit | None, setting: str) -> Credit:
    return GAECredit(_one_of("gae", argument or "central", ("central", "local")))


def _guidance(argument: str, base: Credit | None, setting: str) -> Credit:
    return GuidanceCredit(_one_of("guidance", argument or "chain_rule", FORMS))


def _guided(argument: str, base: Credit | None, setting: str) -> Credit:
    try:
        alpha = float(argument)
    except ValueError:
        raise InputError(f"credit guided:{argument} is not allowed: alpha must be a number in [0, 1]") from None
    return GuidedCredit(check_real("alpha", alpha, 0.0, 1.0), base or ReturnCredit(), setting=setting)


def _normalised(argument: str, base: Credit | None, setting: str) -> Credit:
    if base is None:
        raise InputError("credit normalised needs a base: write normalised@BASE")
    return NormalisedCredit(base)


def _baseline(argument: str, base: Credit | None, setting: str) -> Credit:
    if base is None:
        raise InputError("credit baseline needs a base: write baseline@BASE")
    return BaselineCredit(base)


def _difference(argument: str, base: Credit | None, setting: str) -> Credit:
    kinds: dict[str, Callable[[], Credit]] = {"": DifferenceCredit, "replay": ReplayCredit}
    return kinds[_one_of("difference", argument, kinds)]()


def _plain(name: str, cls: Callable[[], Credit]) -> Factory:
    """A credit that takes no argument."""

    def factory(argument: str, base: Credit | None, setting: str) -> Credit:
        if argument:
            raise InputError(f"credit {name}:{argument} is not allowed: {name} takes no argument")
        return cls()

    return factory


_FACTORIES: dict[str, Factory] = {
    "return": _return,
    "gae": _gae,
    "guidance": _guidance,
    "guided": _guided,
    "normalised": _normalised,
    "baseline": _baseline,
    "difference": _difference,
    "branch": _plain("branch", BranchCredit),
    "score": _plain("score", ScoreCredit),
}


def register_credit(name: str, factory: Callable[[str, Credit | None], Credit]) -> None:
    """Make `factory(argument, base)` available under `name` in NAME[:ARG][@BASE]."""
    if name in _FACTORIES or not name.isidentifier():
        raise InputError(f"credit name {name!r} is not allowed: it must be a new identifier ({', '.join(_FACTORIES)})")
    _FACTORIES[name] = lambda argument, base, setting: factory(argument, base)


def make_credit(name: str | Credit, setting: str = "sum") -> Credit:
    """Build a credit from its name; a Credit object is returned as it is. Raises InputError on unknown names."""
    if not isinstance(name, str):
        return _checked(name)
    head, _, base_name = name.partition("@")
    guidance_name = ""
    if head.startswith("guided"):
        base_name, _, guidance_name = base_name.partition("+")
    kind, _, argument = head.partition(":")
    if kind not in _FACTORIES:
        raise InputError(f"credit = {name!r} is not allowed: it must be one of {', '.join(GRAMMAR)}")
    if base_name and kind in WITHOUT_BASE:
        raise InputError(f"credit = {name!r} is not allowed: {kind} takes no @BASE")
    base = make_credit(base_name, setting) if base_name else None
    credit = _FACTORIES[kind](argument, base, setting)
    if guidance_name and isinstance(credit, GuidedCredit):
        return GuidedCredit(credit.alpha, credit.base, make_credit(guidance_name, setting), setting)
    return credit


def _one_of(kind: str, argument: str, allowed: Any) -> str:
    if argument not in allowed:
        options = ", ".join(f"{kind}:{option}" if option else kind for option in allowed)
        raise InputError(f"credit {kind}:{argument} is not allowed: it must be one of {options}")
    return argument


def _checked(credit: Any) -> Credit:
    if missing := lacking(credit, Credit):
        raise InputError(f"{credit!r} is not a credit: it lacks {', '.join(missing)}")
    checked: Credit = credit
    return checked
