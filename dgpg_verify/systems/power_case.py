"""Power cases of a user's own: the generators and the demand of one hour, from a JSON file; every bad entry is named.

    {"source": "free text", "demand": 259.0,
     "generators": [{"name": "bus 1", "p_min": 0.0, "p_max": 332.4, "c2": 0.043, "c1": 20.0}, ...]}

Powers in MW. Running at p MW for an hour costs c2 p^2 + c1 p, the convention of MATPOWER; a constant part would change
no decision and is left out. c2 > 0: with straight costs many dispatches are optimal, and the reference would be any one
of them. `scripts/power_case.py` writes such files.
"""

from __future__ import annotations

import json
import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dgpg_verify.core import InputError
from dgpg_verify.runs.files import read_text

Array = NDArray[np.float64]
MAX_NAMED = 50
COLUMNS = ("least", "most", "quadratic", "linear")
LARGEST = 1e9  # squares of larger numbers, summed, lose the balance
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
NUMBER = f"a number in [-{LARGEST:g}, {LARGEST:g}]"
ALLOWED: dict[Any, str] = {
    **dict.fromkeys(("p_min", "p_max", "c1", "demand"), NUMBER),
    **dict.fromkeys(("name", "source"), "a text"),
    "c2": f"a number > 0, at most {LARGEST:g}",
    "generators": "a list with a generator at least",
}


@dataclass(frozen=True, eq=False)
class Generators:
    """least, most: limits of the output [G]; running at p costs quadratic / 2 p^2 + linear p [G]; demand: what all of
    them together have to meet."""

    least: Array
    most: Array
    quadratic: Array
    linear: Array
    demand: float

    def __len__(self) -> int:
        return len(self.most)

    def copied(self, count: int) -> Generators:
        """Every generator `count` times, the list as a whole again and again, and `count` times the demand: the
        dispatch that meets it costs the same each time."""
        least, most, quadratic, linear = (np.tile(getattr(self, name), count) for name in COLUMNS)
        return Generators(least, most, quadratic, linear, count * self.demand)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Generator(_Entry):
    name: str = ""
    p_min: Number
    p_max: Number
    c2: Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=LARGEST)]
    c1: Number

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if self.p_min > self.p_max:
            raise ValueError(f"p_min = {self.p_min!r} must not lie above p_max = {self.p_max!r}")
        return self


class _CaseFile(_Entry):
    source: str = ""
    demand: Number
    generators: Annotated[list[_Generator], Field(min_length=1)]

    @model_validator(mode="after")
    def _feasible(self) -> Self:
        low, high = (sum(getattr(each, limit) for each in self.generators) for limit in ("p_min", "p_max"))
        if not low <= self.demand <= high:
            raise ValueError(f"demand = {self.demand!r} must lie in what the generators can give, [{low:g}, {high:g}]")
        return self


def read_case(path: Path) -> Generators:
    """Read a case, plain or .gz.

    Raises
    ------
    InputError for a missing file, for text that is no JSON or names a field twice, and for every field that is missing,
    unknown or outside its range.
    """
    text = read_text(path, "JSON in UTF-8")
    try:
        file = _CaseFile.model_validate(json.loads(text, object_pairs_hook=_named_once))
    except ValidationError as error:
        faults = [_fault(each) for each in error.errors(include_url=False)]
        more = f"; and {len(faults) - MAX_NAMED} more" if len(faults) > MAX_NAMED else ""
        raise InputError(f"{path.name}: {'; '.join(faults[:MAX_NAMED])}{more}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is not allowed: it must be a JSON file ({error})") from None
    columns = (np.array([getattr(each, name) for each in file.generators]) for name in ("p_min", "p_max", "c2", "c1"))
    least, most, c2, c1 = columns
    return Generators(least, most, 2.0 * c2, c1, file.demand)


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in fields if names.count(name) > 1)!r} is there twice in one object")
    return fields


def _fault(error: Any) -> str:
    """One fault that pydantic found, with its place in the file."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    field = error["loc"][-1] if error["loc"] else ""
    if error["type"] == "value_error":
        return f"{place}: {error['ctx']['error']}" if place else str(error["ctx"]["error"])
    if error["type"] == "extra_forbidden":
        return f"{place} is no field of a case"
    allowed = ALLOWED.get(field, "an object with its fields")
    if error["type"] == "missing":
        return f"{place} is missing: it must be {allowed}"
    return f"{place or 'the file'} = {reprlib.repr(error['input'])} must be {allowed}"
