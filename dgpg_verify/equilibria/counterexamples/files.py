"""Stored counterexamples: one JSON file per form of the claim in equilibria/data, numbers as fractions.

Searches that ended empty are records of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from dgpg_verify.core import InputError, check_choice
from dgpg_verify.equilibria.counterexamples.catalogue import FORMS
from dgpg_verify.equilibria.counterexamples.certificate import Counterexample
from dgpg_verify.equilibria.counterexamples.forms import Form
from dgpg_verify.equilibria.exact.rational import RationalFleet, check_fleet

DATA = Path(__file__).parents[1] / "data"
EMPTY = "empty_searches"
WHOLE = ("n_agents", "n_actions", "agent", "action", "examined", "first_total")
FRACTIONS = ("reward", "guidance", "point", "gain", "level")


@dataclass(frozen=True)
class EmptySearch:
    """No counterexample among the first `examined` fleets: the whole declared range of the form."""

    form: Form
    examined: int


def load_all() -> dict[str, Counterexample]:
    """Every stored counterexample by the name of its form. Raises InputError on a file it cannot read."""
    return {name: load(name) for name in _names()}


def load(name: str) -> Counterexample:
    """The stored counterexample of one form."""
    check_choice("form", name, _names())
    return from_json(json.loads((DATA / f"{name}.json").read_text()))


def load_empty() -> list[EmptySearch]:
    """The searches that ended empty, as a theorem says they must."""
    rows = json.loads((DATA / f"{EMPTY}.json").read_text())
    return [EmptySearch(FORMS[row["form"]], row["examined"]) for row in rows]


def _names() -> list[str]:
    return sorted(path.stem for path in DATA.glob("*.json") if path.stem != EMPTY)


def to_json(example: Counterexample) -> dict[str, Any]:
    """Plain JSON, fractions as text."""
    form = example.form
    record: dict[str, Any] = {
        "schema": 1, "kind": "table" if example.fleet is None else "fleet", "form": form.name, "alpha": form.alpha,
        "n_agents": example.n_agents, "n_actions": example.n_actions,
    }  # fmt: skip
    if form.name not in FORMS:
        record |= {"claim": form.claim, "reading": form.reading, "inclusion": form.inclusion, "points": form.points}
    if example.fleet is not None:
        record["fleet"] = {name: entry for name, entry in vars(example.fleet).items() if entry != ()}
    names = ("reward", "guidance", "point", "agent", "action", "gain", "level", "examined", "first_total")
    record |= {name: getattr(example, name) for name in names}
    plain: dict[str, Any] = json.loads(json.dumps(record, default=str))
    return plain


def from_json(record: Mapping[str, Any]) -> Counterexample:
    """The example of a JSON record; InputError for an unknown form or schema."""
    if record.get("schema") != 1:
        raise InputError(f"schema = {record.get('schema')!r} is not allowed: it must be 1")
    form = FORMS.get(record["form"])
    if form is None:
        form = Form(record["form"], record["claim"], record["reading"], record["inclusion"], record["points"])
    fleet = None
    if record["kind"] == "fleet":
        parts = dict(record["fleet"])
        graph, cost = tuple(tuple(row) for row in parts.pop("candidates")), parts.pop("cost")
        numbers = {name: _fractions(entry) for name, entry in parts.items()}
        fleet = check_fleet(RationalFleet(candidates=graph, cost=cost, **numbers))
    values = {name: record[name] for name in WHOLE} | {name: _fractions(record[name]) for name in FRACTIONS}
    return Counterexample(form=replace(form, alpha=Fraction(record["alpha"])), fleet=fleet, **values)


def _fractions(value: Any) -> Any:
    """A number of the record as a fraction, a list as a tuple of them; None stays."""
    if isinstance(value, list):
        return tuple(_fractions(entry) for entry in value)
    return None if value is None else Fraction(value)
