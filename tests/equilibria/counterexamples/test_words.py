"""Stored counterexamples and empty searches in plain words."""

from __future__ import annotations

import pytest

from dgpg_verify.equilibria.counterexamples.files import load_all, load_empty
from dgpg_verify.equilibria.counterexamples.words import empty_in_words, in_words

EXAMPLES = load_all()


def test_words_of_the_two_job_fleet() -> None:
    text = in_words(EXAMPLES["simplex-2-gained"])
    assert text == (
        "2 servers of capacity 1, 4; 2 jobs of size 1, 2; cost: the sum over servers of capacity x utilisation^2; "
        "reference utilisation 0, 0. Condition, which holds: aligned in simplex coordinates at every profile. At "
        "alpha = 1/2, the profile (agent 1 on server 2; agent 2 on server 2) is an equilibrium of J_alpha (pure, "
        "every change loses) but not of J: agent 1 gains 1/4 in J by moving to server 1."
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_words_name_what_matters(name: str) -> None:
    text = in_words(EXAMPLES[name])
    assert str(EXAMPLES[name].gain) in text
    assert "Fraction" not in text


def test_words_of_an_empty_search() -> None:
    for search in load_empty():
        assert f"all {search.examined} fleets" in empty_in_words(search)
        assert search.form.theorem in empty_in_words(search)
