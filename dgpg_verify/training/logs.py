"""One line per iteration: always as CSV, as TensorBoard events when that package is installed and asked for."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from dgpg_verify.core import InputError

LOG = "log.csv"


@dataclass(frozen=True)
class Record:
    """One iteration. samples: joint steps played so far (the x-axis of every curve: not updates). reward: mean
    return of this iteration's training roll-outs, sum scale. score, gap: last column filled only where the policy
    was evaluated. explained: variance of the value targets the critic explained before it was updated."""

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
    kl: float
    clipped: float
    gradient_norm: float
    seconds: float


COLUMNS = tuple(field.name for field in fields(Record))


def write_log(folder: Path, history: Sequence[Record]) -> None:
    """The whole history, rewritten: a resumed run leaves no doubled line."""
    temporary = folder / f".{LOG}.tmp"
    with temporary.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: "" if v is None else v for k, v in asdict(record).items()} for record in history)
    temporary.replace(folder / LOG)


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
    """TensorBoard events of a run; does nothing when not asked for. What a killed run had written beyond the
    checkpoint that a resumed one starts from is purged."""

    def __init__(self, folder: Path | None, wanted: bool) -> None:
        self._folder = folder if wanted else None
        self._writer: Any = None

    def add(self, record: Record) -> None:
        if self._folder is None:
            return
        if self._writer is None:
            self._writer = event_writer()(str(self._folder), purge_step=record.samples)
        values: Mapping[str, Any] = asdict(record)
        for name, value in values.items():
            if value is not None and name not in ("episode", "samples"):
                self._writer.add_scalar(name, value, record.samples)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
