"""One line per iteration: always as CSV, as TensorBoard events when that package is installed and requested."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from dgpg_verify.core import InputError
from dgpg_verify.runs.files import write_atomic

LOG = "log.csv"


@dataclass(frozen=True)
class LogLine:
    """One iteration. Numbers that do not apply are None.

    Attributes
    ----------
    episode : episodes learned from so far.
    samples : joint steps played so far, the x-axis of every curve (not updates).
    reward : mean return of this iteration's training roll-outs, sum scale.
    alpha : weight of the guidance.
    score, evaluation, gap : see `Evaluation` (its mean); only where the policy was evaluated after the iteration.
    explained : share of the value targets' variance that the critic explained before it was updated.
    value_loss : loss of the last pass, per value, on the normalised scale.
    entropy, kl, clipped, gradient_norm : see `AgentFacts.over`; of action values the entropy of the exploring policy.
    steps : of optimisers or natural gradients that actors took one after the other; agents that step at the same time
        count once.
    seconds : of processor time spent on learning so far, without evaluations; an equal share where fleets learn
        together.
    """

    episode: int
    samples: int
    reward: float
    alpha: float | None
    score: float | None
    evaluation: float | None
    gap: float | None
    explained: float | None
    value_loss: float | None
    entropy: float
    kl: float | None
    clipped: float | None
    gradient_norm: float
    steps: int
    seconds: float


COLUMNS = tuple(field.name for field in fields(LogLine))


def write_log(folder: Path, history: Sequence[LogLine]) -> None:
    """The whole history, rewritten: a resumed run leaves no doubled line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: "" if v is None else v for k, v in asdict(line).items()} for line in history)
    write_atomic(folder / LOG, text.getvalue())


def event_writer() -> Any:
    """TensorBoard's writer. Raises InputError when the extra is missing."""
    try:
        return importlib.import_module("torch.utils.tensorboard").SummaryWriter
    except ImportError:
        raise InputError(
            "tensorboard = True is not allowed: the package tensorboard is not installed (pip install "
            "dgpg-verify[tensorboard])"
        ) from None


class Events:
    """TensorBoard events of a run; does nothing when not requested. What a killed run had written beyond the
    checkpoint that a resumed one starts from is purged."""

    def __init__(self, folder: Path | None, wanted: bool) -> None:
        self._folder = folder if wanted else None
        self._writer: Any = None

    def add(self, line: LogLine) -> None:
        if self._folder is None:
            return
        if self._writer is None:
            self._writer = event_writer()(str(self._folder), purge_step=line.samples)
        for name, value in asdict(line).items():
            if value is not None and name not in ("episode", "samples"):
                self._writer.add_scalar(name, value, line.samples)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
