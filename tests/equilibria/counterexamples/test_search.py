"""The stored examples are the first of their range, and the protected forms find nothing.

Short enumerations are repeated whole; of long ones the first fleets, and that the stored fleet stands where the
record says. `python scripts/find_counterexamples.py --check` repeats all of them.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from math import comb

import pytest

from dgpg_verify.equilibria.counterexamples.catalogue import FORMS, PROTECTED, REFUTABLE
from dgpg_verify.equilibria.counterexamples.certificate import verify
from dgpg_verify.equilibria.counterexamples.files import load, load_empty
from dgpg_verify.equilibria.counterexamples.forms import Form, Range, violation
from dgpg_verify.equilibria.counterexamples.search import (
    first_counterexample,
    fleets,
    found_by_hypothesis,
    graphs,
    least_numbers,
    numbers_with_sum,
    size_of,
)
from dgpg_verify.equilibria.exact.rational import fleet_game

WHOLE = 400  # enumerations up to this length are repeated in full
PART = 300


@pytest.mark.parametrize("name", [form.name for form in REFUTABLE])
def test_nothing_smaller_violates_the_form(name: str) -> None:
    example = load(name)
    assert example.examined is not None
    if example.examined <= WHOLE:
        found = first_counterexample(example.form)
        assert (found.fleet, found.examined) == (example.fleet, example.examined)
        return
    for fleet in islice(fleets(example.form.range, example.form.reference), PART):
        assert violation(fleet_game(fleet), example.form) is None
    following = islice(fleets(example.form.range, example.form.reference), example.examined, None)
    assert next(following) == example.fleet


@pytest.mark.parametrize("form", PROTECTED, ids=lambda form: form.name)
def test_protected_form_finds_nothing(form: Form) -> None:
    examined = {search.form: search.examined for search in load_empty()}[form]
    assert examined == sum(1 for _ in fleets(form.range, form.reference))
    small = replace(form, range=replace(form.range, total=6))
    assert first_counterexample(small).fleet is None


@pytest.mark.parametrize("name", ["signs-gained", "signs-strict-lost", "softmax-full-gained", "softmax-full-lost"])
def test_without_its_condition_a_protected_form_is_violated(name: str) -> None:
    """Control: the same search sees violations as soon as the theorem's hypothesis is dropped."""
    small = replace(FORMS[name], reading="none", theorem="")
    assert first_counterexample(small).fleet is not None


@pytest.mark.parametrize("name", ["simplex-2-gained", "signs-tied-lost", "fluid-quadratic-simplex-lost"])
def test_hypothesis_finds_an_example_no_smaller_than_the_stored(name: str) -> None:
    form = FORMS[name]
    first = found_by_hypothesis(form)
    assert first is not None
    assert violation(fleet_game(first), form) is not None
    assert size_of(first, form.reference) == load(name).first_total
    assert found_by_hypothesis(form) == first
    stored = load(name)
    assert verify(stored) == []
    assert stored.fleet is not None
    assert _key(first, form) >= _key(stored.fleet, form)


def _key(fleet, form: Form) -> tuple[int, ...]:  # type: ignore[no-untyped-def]
    """The first entries of the declared order."""
    return len(fleet.jobs), len(fleet.candidates[0]), len(fleet.capacity), size_of(fleet, form.reference)


def test_hypothesis_finds_nothing_where_nothing_is() -> None:
    assert found_by_hypothesis(FORMS["signs-gained"], max_examples=200) is None


def test_enumeration_is_complete_and_in_order() -> None:
    """Counted: whole numbers >= least with sum s are C(s - sum(least) + length - 1, length - 1)."""
    least = least_numbers(2, 2, "quadratic", "free")
    assert len(least) == 2 + 4 * 2
    numbers = list(numbers_with_sum(least, 9))
    assert len(numbers) == comb(9 - 6 + 9, 9)
    assert numbers == sorted(numbers)
    range_ = Range(total=7)
    found = list(fleets(range_, "free"))
    keys = [(len(f.jobs), len(f.candidates[0]), len(f.capacity), size_of(f, "free")) for f in found]
    assert keys == sorted(keys)
    assert max(key[3] for key in keys) == 7
    assert len(set(found)) == len(found)


def test_graphs_reach_every_server() -> None:
    assert graphs(1, 2, 2) == [((0, 1),)]
    assert len(graphs(2, 2, 3)) == 6  # 9 pairs of pairs, less the 3 that agree
    assert graphs(2, 2, 4)[0] == ((0, 1), (2, 3))
