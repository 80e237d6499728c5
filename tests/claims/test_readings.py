"""The declared readings of the paper: complete, sourced, and the mixtures are those that the code can mix."""

from __future__ import annotations

import pytest

from dgpg_verify.claims.readings import READINGS, is_leading, read_readings
from dgpg_verify.core import InputError
from dgpg_verify.core.moments import LEADING_MIXTURES, MEASURED_SETTINGS

ENTRY = '[[reading]]\nid = "a"\nchoice = "c"\nstatus = "leading"\nformula = "f"\nsource = "s"\n'


def test_every_setting_of_the_mixture_is_a_reading() -> None:
    mixtures = {reading.id for reading in READINGS.values() if reading.choice == "mixture"}
    assert mixtures == set(MEASURED_SETTINGS)
    assert {name for name in mixtures if READINGS[name].leading} == set(LEADING_MIXTURES)


def test_every_choice_has_a_leading_reading() -> None:
    assert {r.choice for r in READINGS.values()} == {r.choice for r in READINGS.values() if r.leading}
    assert is_leading("") and is_leading("parts") and not is_leading("sum")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ENTRY.replace("leading", "main"), "status of reading 'a'"),
        (ENTRY.replace('"s"', '""'), "needs a choice, a formula and a source"),
        (ENTRY + ENTRY, "readings"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_readings(text)
