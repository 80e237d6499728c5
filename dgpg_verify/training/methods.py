"""What distinguishes the methods: the credit's base, its critic, whether guidance is added, and the update rule.

Everything else (architecture, roll-outs, evaluation, seeds) is the same code for all of them, and so are the settings
but for each method's preset. MAPPO and IPPO share parameters in their authors' code: that is train's `sharing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from dgpg_verify.core import Credit, InputError, check_choice
from dgpg_verify.credits import make_credit
from dgpg_verify.critics import MIXERS
from dgpg_verify.training.schedules import Schedule, make_schedule
from dgpg_verify.training.settings import Settings

Update = Literal["ppo", "gradient", "sequential", "trust_region", "value"]
Start = Literal["plain", "imitation", "guided", "residual"]
Sharing = Literal["independent", "shared"]
ALONE, MEAN_FIELD = "iql", "mean_field"  # nobody mixes
MIXER_NAMES = (ALONE, *MIXERS, MEAN_FIELD)


@dataclass(frozen=True)
class Method:
    """A training method.

    Attributes
    ----------
    base : name of the base credit (`gae:central`, `gae:local`, `return`, ...); "" = none, guidance alone.
    guidance : name of the guidance credit; "" = none.
    alpha : default schedule of the guidance's weight.
    update : clipped surrogate ("ppo"), one plain ascent step ("gradient"), or one agent after the other
        ("sequential", HAPPO; "trust_region", HATRPO); "value" learns action values from replayed episodes instead and
        has no credit.
    start : "plain"; "imitation" first imitates a heuristic; "guided" is then also held to it by a KL term that fades;
        "residual" learns on top of a heuristic's logits.
    preset : settings that differ from the defaults.
    mixer : how action values of agents make one of the team, see `critics.mixers`; "iql" = not at all;
        "mean_field" = nor there, but they depend on the others' mean action; "" = none.
    """

    name: str
    base: str = "gae:central"
    guidance: str = ""
    alpha: str = "0"
    update: Update = "ppo"
    start: Start = "plain"
    preset: Mapping[str, Any] = field(default_factory=dict)
    mixer: str = ""

    def __post_init__(self) -> None:
        """Raise InputError on an unknown update, start or credit, before anything is played."""
        check_choice("update", self.update, get_args(Update))
        check_choice("start", self.start, get_args(Start))
        credits = self.credits()  # refuses unknown names
        if self.update == "value":
            self._check_values()
        elif not credits:
            raise InputError(f"method {self.name!r} has base = '' and guidance = '': it must have at least one")
        if self.mixer and self.update != "value":
            raise InputError(f"method {self.name!r} has mixer = {self.mixer!r}: it must have update 'value' for that")
        if self.start == "guided" and self.update != "ppo":
            raise InputError(f"method {self.name!r} has start 'guided': it must have update 'ppo' for that")
        if self.in_turn and self.imitates:
            raise InputError(f"method {self.name!r} is not allowed: a sequential update does not imitate")

    def _check_values(self) -> None:
        check_choice("mixer", self.mixer, MIXER_NAMES)
        if self.credits() or self.start != "plain":
            raise InputError(
                f"method {self.name!r} is not allowed: update 'value' takes base = '', guidance = '' and start 'plain'"
            )

    def credits(self) -> list[Credit]:
        """Base and guidance built from their names, where there are any; not fitted yet."""
        return [make_credit(name) for name in (self.base, self.guidance) if name]

    @property
    def keeps_states(self) -> bool:
        """Whether a credit plays parts of an episode again."""
        return any(credit.keeps_states for credit in self.credits())

    @property
    def in_turn(self) -> bool:
        """Whether agents are updated one after the other."""
        return self.update in ("sequential", "trust_region")

    @property
    def imitates(self) -> bool:
        """Whether the first iterations imitate a heuristic."""
        return self.start in ("imitation", "guided")

    @property
    def critic(self) -> Literal["central", "local"] | None:
        """Which learned critic the base credit needs."""
        kind, _, argument = self.base.partition(":")
        if kind != "gae":
            return None
        return "local" if argument == "local" else "central"

    @property
    def mixes(self) -> bool:
        """Whether alpha means anything: a base and a guidance."""
        return bool(self.base and self.guidance)

    @property
    def centred(self) -> bool:
        """Whether the base credit subtracts a mean over the iteration's roll-outs: one alone would be nothing."""
        kinds = ("shaped", "local", "residual_return", "expected_residual")
        return self.base in ("return", "return:centred", "return:to_go") or self.base.partition(":")[0] in kinds

    def settings(self, changes: Mapping[str, Any]) -> Settings:
        """The preset with some values replaced. Raises InputError on a name that does not exist. Names that this method
        never reads are taken, so that one set of settings can be given to all; see `check_read`."""
        return Settings().changed({**self.preset, **changes})

    def check_read(self, changes: Mapping[str, Any]) -> None:
        """Raise InputError on a setting without effect on this method: for runs of this one alone."""
        for name in changes:
            if reason := self._unread().get(name):
                raise InputError(f"{name} = {changes[name]!r} is not allowed with method {self.name!r}: {reason}")

    def _unread(self) -> dict[str, str]:
        """Settings without effect here, and why."""
        of_critic = ("discount", "lam", "critic_lr", "huber", "value_clip", "value_norm")
        of_actor = ("lam", "critic_lr", "huber", "value_clip", "clip", "minibatches", "entropy", "advantage_norm")
        tempered = self.start == "residual" or self.mixer == MEAN_FIELD
        of_values, values = ("buffer", "batch", "target_every", "explore", "explore_share"), self.update == "value"
        rules: list[tuple[bool, tuple[str, ...], str]] = [
            (not self.mixes, ("setting",), "it mixes nothing with guidance"),
            (not self.critic and not values, of_critic, "it has no critic of the state's value"),
            (values, of_actor, "it learns action values"),
            (not values, of_values, "it learns no action values"),
            (self.update == "gradient", ("epochs", "clip"), "it takes one plain gradient step"),
            (self.start == "plain", ("heuristic",), "it does not start from a heuristic"),
            (not tempered, ("temperature",), "it does not learn on top of a heuristic"),
            (not self.imitates, ("imitation_share",), "it imitates nothing"),
            (self.start != "guided", ("teacher_share",), "it has no teacher"),
            (self.update != "trust_region", ("kl_limit",), "it has no trust region"),
            (self.update == "trust_region", ("actor_lr", "entropy", "minibatches"), "it is bounded by kl_limit alone"),
        ]
        return {name: reason for applies, names, reason in rules if applies for name in names}


@dataclass(frozen=True)
class Recipe:
    """How a learner learns: what all its fleets have in common."""

    method: Method
    settings: Settings
    schedule: Schedule
    sharing: Sharing


def make_recipe(
    method: Method, settings: Settings, n_agents: int, alpha: str | None = None, sharing: Sharing = "independent"
) -> Recipe:
    """How n_agents learn by a method. alpha: schedule of the guidance's weight, see `schedules`; None = the method's
    own. Raises InputError for a schedule that does not exist."""
    schedule = make_schedule(method.alpha if alpha is None else alpha, n_agents)
    return Recipe(method, settings, schedule, sharing)


_METHODS: dict[str, Method] = {}


def register_method(method: Method) -> Method:
    """Make a method available by name. Raises InputError if the name is taken."""
    if method.name in _METHODS:
        raise InputError(f"method = {method.name!r} is taken: it must be a new name ({', '.join(_METHODS)})")
    _METHODS[method.name] = method
    return method


for _method in (
    Method("dgpg", guidance="guidance", alpha="0.9->0.2"),
    Method("mappo"),
    Method("ippo", base="gae:local"),
    Method("happo", update="sequential", preset={"epochs": 5, "advantage_norm": "agent"}),
    Method("hatrpo", update="trust_region", preset={"epochs": 5, "advantage_norm": "agent"}),
    Method("guidance_only", base="", guidance="guidance", alpha="1"),
    Method("imitation", start="imitation"),
    Method("guided_search", start="guided"),
    Method("residual", start="residual"),
    Method("difference", base="difference"),
    Method("difference_replay", base="baseline@difference:replay"),
    Method("residual_return", base="residual_return", preset={"rollouts": 2}),
    Method("expected_residual", base="expected_residual", preset={"rollouts": 2}),
    Method("expected_guidance", base="", guidance="expected_guidance:exact", alpha="1"),
    Method("pathwise", base="", guidance="pathwise", alpha="1"),
    Method("counterfactual", base="counterfactual@exact"),
    Method("optimal_baseline", base="optimal_baseline@exact"),
    Method("expected_counterfactual", base="expected_counterfactual@exact"),
    Method("coma", base="counterfactual@coma", preset={"rollouts": 5}),
    Method("mean_field", base="counterfactual@mean_field", preset={"rollouts": 5}),
    Method("shaped", base="shaped", preset={"rollouts": 5}),
    Method("local", base="local:1", preset={"rollouts": 5}),
    Method(
        "reinforce",
        base="return",
        update="gradient",
        preset={"advantage_norm": "none", "entropy": 0.0, "rollouts": 5},
    ),
    *(
        Method(f"value:{mixer}", base="", update="value", mixer=mixer, preset={"target_every": 50, **more})
        for mixer in MIXER_NAMES
        for more in [{"temperature": 0.1} if mixer == MEAN_FIELD else {}]
    ),
):
    register_method(_method)


def method_names() -> tuple[str, ...]:
    return tuple(_METHODS)


def make_method(method: str | Method) -> Method:
    """A method from its name; a Method object is returned as it is. Raises InputError on unknown names."""
    if isinstance(method, Method):
        return method
    return _METHODS[check_choice("method", method, _METHODS)]
