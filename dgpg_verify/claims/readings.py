"""The readings of the paper: each choice it leaves open, with its source and whether it may decide a claim."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, get_args

from dgpg_verify.core import InputError, check_choice, check_unique

Status = Literal["leading", "sensitivity"]


@dataclass(frozen=True)
class Reading:
    """One way to read the paper where it leaves something open. choice: what is left open; source: who says so."""

    id: str
    choice: str
    status: Status
    formula: str
    source: str

    def __post_init__(self) -> None:
        check_choice(f"status of reading {self.id!r}", self.status, get_args(Status))
        if not (self.choice and self.formula and self.source):
            raise InputError(f"reading {self.id!r} needs a choice, a formula and a source")

    @property
    def leading(self) -> bool:
        return self.status == "leading"


def read_readings(text: str) -> dict[str, Reading]:
    """Readings by id. Raises InputError for an unknown status, an empty field or an id that stands twice."""
    readings = [Reading(**entry) for entry in tomllib.loads(text)["reading"]]
    check_unique("readings", [reading.id for reading in readings])
    return {reading.id: reading for reading in readings}


READINGS: Mapping[str, Reading] = read_readings(files(__package__).joinpath("readings.toml").read_text())


def is_leading(reading: str) -> bool:
    """Whether rows of this reading may decide a claim; rows without one may."""
    return not reading or READINGS[reading].leading
