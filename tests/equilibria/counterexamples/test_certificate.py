"""Every stored example is proved again from the definition, and no longer proved once a single number is changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from fractions import Fraction as F
from typing import Any

import pytest

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.counterexamples.catalogue import FORMS, PROTECTED, REFUTABLE
from dgpg_verify.equilibria.counterexamples.certificate import verify
from dgpg_verify.equilibria.counterexamples.files import from_json, load, load_all, load_empty, to_json

EXAMPLES = load_all()
FREE = {"examined", "first_total", "schema", "form", "kind"}  # what is not a statement about the game


def test_every_form_has_its_outcome() -> None:
    assert set(EXAMPLES) == {form.name for form in REFUTABLE} | {"table-simplex-gained"}
    assert {search.form for search in load_empty()} == set(PROTECTED)
    assert all(form.theorem for form in PROTECTED)
    assert not any(form.theorem for form in REFUTABLE)


@pytest.mark.parametrize("name", EXAMPLES)
def test_stored_example_holds(name: str) -> None:
    assert verify(EXAMPLES[name]) == []
    assert to_json(from_json(to_json(EXAMPLES[name]))) == to_json(EXAMPLES[name])


def _mutations(record: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a number stands in the record."""
    if isinstance(record, (dict, list)):
        items = record.items() if isinstance(record, dict) else enumerate(record)
        for key, entry in items:
            if key not in FREE:
                yield from _mutations(entry, (*path, key))
    elif record is not None and _is_number(record):
        yield path


def _is_number(entry: Any) -> bool:
    try:
        F(entry)
    except ValueError:
        return False
    return True


def _survives(record: dict[str, Any], path: tuple[Any, ...]) -> bool:
    """Whether the record still verifies with the number at `path` raised by 1 (alpha: by a tenth of the rest)."""
    changed = deepcopy(record)
    place = changed
    for key in path[:-1]:
        place = place[key]
    old = F(place[path[-1]])
    if path == ("alpha",):
        place["alpha"] = str(old + (1 - old) / 10)
    elif isinstance(place[path[-1]], int):
        place[path[-1]] += 1
    else:
        place[path[-1]] = str(old + 1)
    try:
        return verify(from_json(changed)) == []
    except (InputError, IndexError):
        return False


# Numbers whose change leaves a true example: another alpha may do as well where nothing stored depends on it (the
# gain in J does not), another separating number c may separate, sizes are read off a fleet.
# In symmetric fleets the other agent gains the same; a table without a fleet is the game, not a statement about one.
SYMMETRIC = {"signs-full-lost", "signs-full-gained", "softmax-full-lost"}
HARMLESS = {("alpha",), ("level",), ("n_agents",), ("n_actions",)}


@pytest.mark.parametrize("name", EXAMPLES)
def test_changed_number_is_noticed(name: str) -> None:
    record = to_json(EXAMPLES[name])
    paths = [path for path in _mutations(record) if path not in HARMLESS]
    if name in SYMMETRIC:
        paths.remove(("agent",))
    if EXAMPLES[name].fleet is None:
        paths = [path for path in paths if path[0] not in ("reward", "guidance")]
    assert len(paths) >= 6
    assert [path for path in paths if _survives(record, path)] == []


def test_alpha_outside_the_open_interval_is_noticed() -> None:
    record = to_json(EXAMPLES["simplex-2-gained"])
    for alpha in ("0", "1"):
        assert verify(from_json(record | {"alpha": alpha}))


def test_level_that_separates_nothing_is_noticed() -> None:
    record = to_json(EXAMPLES["softmax-mixed-gained"])
    assert "the stored number separates the two agents' products" in verify(from_json(record | {"level": "10"}))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="form = 'nothing'"):
        load("nothing")
    with pytest.raises(InputError, match="schema = 2"):
        from_json(json.loads('{"schema": 2}'))
    assert "nothing" not in FORMS
