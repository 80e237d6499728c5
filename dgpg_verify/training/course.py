"""How far a run has come: what it recorded, and what its next iteration is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dgpg_verify.training.evaluation import Evaluation
from dgpg_verify.training.logs import Record
from dgpg_verify.training.methods import Method
from dgpg_verify.training.settings import Settings


@dataclass
class Course:
    """history: a Record per iteration; evaluations: (episode, Evaluation); done: episodes learned from; seconds:
    spent on learning from them."""

    config: Mapping[str, Any]
    method: Method
    settings: Settings
    horizon: int
    history: list[Record] = field(default_factory=list)
    evaluations: list[tuple[int, Evaluation]] = field(default_factory=list)
    done: int = 0
    seconds: float = 0.0

    @property
    def episodes(self) -> int:
        """Of the whole run."""
        return int(self.config["episodes"])

    @property
    def index(self) -> int:
        """Number of the next iteration."""
        return self.done // self.settings.rollouts

    @property
    def progress(self) -> float:
        """0 at the first iteration, 1 at the last."""
        return self.done / max(1, self.episodes - self.settings.rollouts)

    @property
    def imitating(self) -> bool:
        """Whether the next iteration imitates the heuristic."""
        return self.method.start == "imitation" and self.done < self.settings.imitation_share * self.episodes

    @property
    def finished(self) -> bool:
        return self.done >= self.episodes

    def advance(self, seconds: float) -> bool:
        """One iteration more; whether the policy is to be evaluated after it."""
        before, every = self.done, self.config["evaluate_every"]
        self.done += self.settings.rollouts
        self.seconds += seconds
        return self.finished or (every > 0 and self.done // every > before // every)

    def evaluated(self, evaluation: Evaluation) -> None:
        self.evaluations.append((self.done, evaluation))

    def record(self, facts: Mapping[str, Any]) -> Record:
        """Write down what the iteration that has just ended did, with its evaluation if there was one."""
        episode, evaluation = self.evaluations[-1]
        now = evaluation if episode == self.done else None
        record = Record(
            episode=self.done,
            samples=self.done * self.horizon,
            score=now.score if now else None,
            evaluation=now.mean if now else None,
            gap=now.gap if now else None,
            seconds=self.seconds,
            **facts,
        )
        self.history.append(record)
        return record
