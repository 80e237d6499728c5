"""Power cases of a user's own: the generators and the demand of one hour, from a JSON file; every bad entry is named.

    {"source": "free text", "demand": 259.0,
     "generators": [{"name": "bus 1", "p_min": 0.0, "p_max": 332.4, "c2": 0.04, "c1": 20, "bus": 1}, ...],
     "loads": [{"bus": 2, "p": 21.7}, ...],
     "branches": [{"name": "line 1", "from": 1, "to": 2, "x": 0.059, "limit": 160.0}, ...]}

Powers in MW. Running at p MW for an hour costs c2 p^2 + c1 p, the convention of MATPOWER; a constant part would change
no decision and is left out. c2 > 0: with straight costs many dispatches are optimal, and the reference would be any one
of them. `scripts/power_case.py` writes such files.

Loads, branches and the generators' buses, any whole numbers, are there for lines and may be left out together. Loads
add up to the demand; x is a reactance in any unit, the same for all, below 0 for some equivalents of transformers; a
branch without limit carries what it must.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from dgpg_verify.core import InputError
from dgpg_verify.runs.files import read_text
from dgpg_verify.systems.power.lines import Grid

Array = NDArray[np.float64]
MAX_NAMED = 50
COLUMNS = ("least", "most", "quadratic", "linear")
LARGEST = 1e9  # squares of larger numbers, summed, lose the balance
AGREED = 1e-6  # relative difference between the demand and the sum of the loads
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
Positive = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=LARGEST)]
Bus = Annotated[int, Field(strict=True, ge=0, le=int(LARGEST))]
NOWHERE = -1  # the bus of a generator that names none
NUMBER, BUS = f"a number in [-{LARGEST:g}, {LARGEST:g}]", f"a whole number in [0, {LARGEST:g}]"
ALLOWED: dict[Any, str] = {
    **dict.fromkeys(("p_min", "p_max", "c1", "demand", "p", "x"), NUMBER),
    **dict.fromkeys(("bus", "from", "to"), BUS),
    **dict.fromkeys(("name", "source"), "a text"),
    **dict.fromkeys(("c2", "limit"), f"a number > 0, at most {LARGEST:g}"),
    **dict.fromkeys(("loads", "branches"), "a list"),
    "generators": "a list with a generator at least",
}


@dataclass(frozen=True, eq=False)
class Generators:
    """least, most: limits of the output [G]; running at p costs quadratic / 2 p^2 + linear p [G]; demand: what all of
    them together have to meet; grid: the lines, None where nothing is known of them."""

    least: Array
    most: Array
    quadratic: Array
    linear: Array
    demand: float
    grid: Grid | None = None

    def __len__(self) -> int:
        return len(self.most)

    def copied(self, count: int) -> Generators:
        """Every generator `count` times, the list as a whole again and again, and `count` times the demand: the
        dispatch that meets it costs the same each time. Lines are those of the case with `count` times the limits."""
        least, most, quadratic, linear = (np.tile(getattr(self, name), count) for name in COLUMNS)
        grid = None if self.grid is None else self.grid.copied(count)
        return Generators(least, most, quadratic, linear, count * self.demand, grid)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Generator(_Entry):
    name: str = ""
    p_min: Number
    p_max: Number
    c2: Positive
    c1: Number
    bus: Bus = NOWHERE

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if self.p_min > self.p_max:
            raise ValueError(f"p_min = {self.p_min!r} must not lie above p_max = {self.p_max!r}")
        return self


class _Load(_Entry):
    bus: Bus
    p: Number


class _Branch(_Entry):
    name: str = ""
    start: Annotated[Bus, Field(alias="from")]
    end: Annotated[Bus, Field(alias="to")]
    x: Number
    limit: Positive = math.inf

    @model_validator(mode="after")
    def _leads_on(self) -> Self:
        if self.start == self.end:
            raise ValueError(f"from = {self.start} and to = {self.end} must be two buses")
        if abs(self.x) < 1.0 / LARGEST:
            raise ValueError(f"x = {self.x!r} must be at least {1.0 / LARGEST:g} in size")
        return self


class _CaseFile(_Entry):
    source: str = ""
    demand: Number
    generators: Annotated[list[_Generator], Field(min_length=1)]
    loads: list[_Load] = []
    branches: list[_Branch] = []

    @model_validator(mode="after")
    def _whole(self) -> Self:
        faults = [*self._infeasible(), *(self._apart() if self.loads or self.branches else ())]
        if faults:
            raise ValueError(_listed(faults))
        return self

    def _infeasible(self) -> Iterator[str]:
        low, high = (sum(getattr(each, limit) for each in self.generators) for limit in ("p_min", "p_max"))
        if not low <= self.demand <= high:
            yield f"demand = {self.demand!r} must lie in what the generators can give, [{low:g}, {high:g}]"

    def _apart(self) -> Iterator[str]:
        """What does not fit between generators, loads and branches."""
        for name, there in (("loads", self.loads), ("branches", self.branches)):
            if not there:
                yield f"{name} are missing: loads and branches must be given together"
        total = sum(each.p for each in self.loads)
        if self.loads and not abs(total - self.demand) <= AGREED * abs(self.demand):
            yield f"demand = {self.demand!r}, and loads add up to {total:g}: they must agree"
        if self.demand <= 0.0:
            yield f"demand = {self.demand!r} must be > 0 where there are branches"
        for place, each in enumerate(self.generators):
            if each.bus == NOWHERE:
                yield f"generators[{place}].bus is missing: it must be {BUS}"
        yield from self._islands()

    def _islands(self) -> Iterator[str]:
        """Buses that no line joins to the first one of a branch."""
        named = self.named_buses()
        _, place = np.unique([bus for _, bus in named], return_inverse=True)
        ends = np.array([[each.start, each.end] for each in self.branches], dtype=np.int64).reshape(-1, 2)
        joins = np.searchsorted(np.unique([bus for _, bus in named]), ends)
        size = int(place.max(initial=-1)) + 1
        links = sparse.coo_array((np.ones(len(joins)), (joins[:, 0], joins[:, 1])), shape=(size, size))
        island = connected_components(links, directed=False)[1]
        for (name, bus), at in zip(named, place):
            if len(joins) and island[at] != island[joins[0, 0]]:
                yield f"{name} = {bus} is not connected with bus {self.branches[0].start}"

    def named_buses(self) -> list[tuple[str, int]]:
        """Every place in the file that names a bus, and the bus."""
        return [
            *((f"generators[{k}].bus", each.bus) for k, each in enumerate(self.generators) if each.bus != NOWHERE),
            *((f"loads[{k}].bus", each.bus) for k, each in enumerate(self.loads)),
            *((f"branches[{k}].from", each.start) for k, each in enumerate(self.branches)),
            *((f"branches[{k}].to", each.end) for k, each in enumerate(self.branches)),
        ]

    def grid(self) -> Grid | None:
        """Its lines; None without any."""
        if not self.branches:
            return None
        buses, at = np.unique([bus for _, bus in self.named_buses()], return_inverse=True)
        generator, load, start, end = np.split(
            at, np.cumsum([len(self.generators), len(self.loads), len(self.branches)])
        )
        amount = np.bincount(load, [each.p for each in self.loads], len(buses)).astype(np.float64)
        reactance, limit = (np.array([getattr(each, name) for each in self.branches]) for name in ("x", "limit"))
        return Grid(start, end, reactance, limit, generator, amount)


def read_case(path: Path) -> Generators:
    """Read a case, plain or .gz.

    Raises
    ------
    InputError for a missing file, for text that is no JSON or names a field twice, and for every field that is missing,
    unknown or outside its range, for loads that do not add up to the demand, and for a bus that no branch leads to.
    """
    text = read_text(path, "JSON in UTF-8")
    try:
        file = _CaseFile.model_validate(json.loads(text, object_pairs_hook=_named_once))
    except ValidationError as error:
        faults = [_fault(each) for each in error.errors(include_url=False)]
        raise InputError(f"{path.name}: {_listed(faults)}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is not allowed: it must be a JSON file ({error})") from None
    columns = (np.array([getattr(each, name) for each in file.generators]) for name in ("p_min", "p_max", "c2", "c1"))
    least, most, c2, c1 = columns
    return Generators(least, most, 2.0 * c2, c1, file.demand, file.grid())


def _listed(faults: Sequence[str]) -> str:
    more = f"; and {len(faults) - MAX_NAMED} more" if len(faults) > MAX_NAMED else ""
    return f"{'; '.join(faults[:MAX_NAMED])}{more}"


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
