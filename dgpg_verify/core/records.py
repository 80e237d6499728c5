"""Frozen records that travel between rooms and files, each with a JSON form. Unknown numbers are None, never NaN."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Label = Literal["supported", "refuted", "inconclusive"]
LABELS: tuple[Label, ...] = ("supported", "refuted", "inconclusive")


@dataclass(frozen=True)
class Estimate:
    """A number with its interval. value None = not measurable; n = independent replicates behind it."""

    value: float | None
    low: float | None
    high: float | None
    level: float
    n: int

    def __str__(self) -> str:
        """The number with its interval to three digits, "-" where it is not known."""
        if self.value is None:
            return "-"
        if self.low is None or self.high is None:
            return f"{self.value:.3g}"
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


@dataclass(frozen=True)
class Verdict:
    """The verdict of a measured interval on a claim. `decided_at`: replicates that would decide, if inconclusive."""

    label: Label
    why: str
    estimate: Estimate
    decided_at: int | None = None


@dataclass(frozen=True)
class Cell:
    """One unit of measurement: a claim's row at one N and one replicate. Hashable through its JSON form."""

    claim: str
    row: str
    n: int
    replicate: int
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """What measuring a cell returned: named floats and arrays, and the seconds it took."""

    cell: Cell
    values: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True)
class LedgerRow:
    """One judged row of the ledger; the fields are the ledger's schema, in its order.

    reading: which reading of the paper it takes, "" where none of its open choices matters; leading: whether that
    reading may decide the claim; inside: whether the claim's own hypotheses hold there, as stated.
    """

    row: str
    id: str
    primary: bool
    statement: str
    holds_when: str
    system: str
    policy: str
    sharing: str
    setting: str
    statistic: str
    relation: str
    estimate: float | None
    low: float | None
    high: float | None
    level: float
    expected: float | None
    margin: float | None
    verdict: Label
    verdict_margins: Mapping[str, Label]
    recorded: Mapping[str, str] | None
    because: str
    return_share: float | None
    n_values: tuple[int, ...]
    replicates: int
    seeds: tuple[int, ...]
    files: tuple[str, ...]
    seconds: float
    kind: Literal["claim", "audit", "control", "oracle"] = "claim"
    expected_label: Label | None = None
    reading: str = ""
    leading: bool = True
    inside: bool = True


PLAIN = frozenset({bool, int, float, str, type(None)})  # types of nearly all values: one look tells


def to_json(value: Any) -> Any:
    """A record, mapping, array or number as plain JSON values; NaN and infinities become None."""
    if type(value) in PLAIN:
        return None if type(value) is float and not math.isfinite(value) else value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(item) for item in value]
    if isinstance(value, np.ndarray):
        return to_json(value.tolist())
    if isinstance(value, np.generic):
        return to_json(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def ledger_row_from_json(data: Mapping[str, Any]) -> LedgerRow:
    names = {f.name for f in dataclasses.fields(LedgerRow)}
    values = {key: value for key, value in data.items() if key in names}
    for key in ("n_values", "seeds", "files"):
        values[key] = tuple(values[key])
    return LedgerRow(**values)
