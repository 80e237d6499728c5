"""The options of a run, checked before any work starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, cast

from dgpg_verify.core import InputError, System, check_choice, check_int, heuristic_names, to_json
from dgpg_verify.training.methods import Method, Recipe, Sharing, make_recipe
from dgpg_verify.training.settings import Settings


@dataclass(frozen=True)
class RunOptions:
    """How to train and how often to evaluate; immutable, checked on construction.

    Attributes
    ----------
    method : what is learned from.
    changes : fields of `Settings` that differ from the method's preset.
    episodes : roll-outs of T joint steps to learn from (iterations x `rollouts`).
    alpha : schedule of the guidance's weight, see `schedules`; None = the method's own.
    sharing : "independent" (parameters per agent, the theorem's setting) or "shared".
    evaluate_every : episodes between evaluations, or the episodes after which to evaluate, in order; 0 = only before
        the first iteration and after the last, which are always evaluated.
    workloads : held-out workloads of an evaluation.
    """

    method: Method
    changes: Mapping[str, Any]
    episodes: int
    alpha: str | float | None
    sharing: str
    evaluate_every: int | Sequence[int]
    workloads: int

    def __post_init__(self) -> None:
        """Raise InputError for a value outside its range, and for values that do not go together."""
        for name, low in (("episodes", 1), ("workloads", 1)):
            object.__setattr__(self, name, check_int(name, getattr(self, name), low))
        object.__setattr__(self, "evaluate_every", _checked_evaluations(self.evaluate_every, self.episodes))
        check_choice("sharing", self.sharing, ("independent", "shared"))
        method, rollouts = self.method, self.settings.rollouts
        if self.episodes % rollouts:
            raise InputError(
                f"episodes = {self.episodes} is not allowed: it must be a multiple of rollouts = {rollouts}"
            )
        if self.alpha is not None and not method.mixes:
            raise InputError(
                f"alpha = {self.alpha!r} is not allowed with method {method.name!r}: it mixes nothing with guidance"
            )
        if method.centred and rollouts < 2:
            raise InputError(
                f"rollouts = {rollouts} is not allowed with base credit {method.base!r}: it must be at least 2, "
                "a return minus its own mean is 0"
            )
        if method.in_turn and self.sharing == "shared":
            raise InputError(f"sharing = 'shared' is not allowed with method {method.name!r}: it must be 'independent'")

    @cached_property
    def settings(self) -> Settings:
        return self.method.settings(self.changes)

    @property
    def schedule_name(self) -> str:
        return self.method.alpha if self.alpha is None else str(self.alpha)

    def recipe(self, system: System) -> Recipe:
        """How a learner is to learn on `system`. Raises InputError for a heuristic that the system does not have."""
        if self.method.start != "plain":
            check_choice("heuristic", self.settings.heuristic, heuristic_names(system))
        return make_recipe(self.method, self.settings, system.n_agents, self.schedule_name, cast(Sharing, self.sharing))

    def config(self, system: System, seed: int, heldout_seed: int | None) -> dict[str, Any]:
        """Everything a run depends on as JSON values: what a checkpoint must agree with."""
        return {
            "system": to_json(system.config()),
            "method": asdict(self.method),
            "settings": asdict(self.settings),
            "alpha": self.schedule_name,
            "episodes": self.episodes,
            "seed": check_int("seed", seed, 0),
            "sharing": self.sharing,
            "evaluate_every": self.evaluate_every if isinstance(self.evaluate_every, int) else [*self.evaluate_every],
            "workloads": self.workloads,
            "heldout_seed": check_int("heldout_seed", seed if heldout_seed is None else heldout_seed, 0),
        }

    def progress(self, done: int) -> float:
        """0 at the first iteration, 1 at the last. done: episodes learned from."""
        return done / max(1, self.episodes - self.settings.rollouts)

    def imitating(self, done: int) -> bool:
        """Whether the next iteration imitates the heuristic."""
        return self.method.imitates and done < self.settings.imitation_share * self.episodes

    def evaluates(self, done: int) -> bool:
        """Whether to evaluate after the iteration that ended at `done` episodes."""
        before = done - self.settings.rollouts
        return done >= self.episodes or any(before < due <= done for due in self.evaluated_at)

    @cached_property
    def evaluated_at(self) -> Sequence[int]:
        """Episodes after which an evaluation is due; it is made when the iteration ends."""
        every = self.evaluate_every
        return every if not isinstance(every, int) else range(every, self.episodes + 1, every) if every else ()


def _checked_evaluations(every: int | Sequence[int], episodes: int) -> int | tuple[int, ...]:
    if not isinstance(every, list | tuple):
        return check_int("evaluate_every", every, 0)
    due = tuple(check_int("evaluate_every", episode, 0, episodes) for episode in every)
    if list(due) != sorted({*due}):
        raise InputError(f"evaluate_every = {list(every)!r} is not allowed: the episodes must rise")
    return due
