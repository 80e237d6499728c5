"""NAME=VALUE of the command line: JSON where it can be, the words of Python, and plain text."""

from __future__ import annotations

from typing import Any

import pytest

from dgpg_verify.core import InputError, parse_pairs


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3), ("0.5", 0.5), ("1e-3", 1e-3), ("true", True), ("false", False), ("null", None), ("True", True),
        ("False", False), ("None", None), ("aws", "aws"), ("openb:/data", "openb:/data"), ("a=b", "a=b"),
        ('"3"', "3"), ("[1, 2]", [1, 2]), ("", ""), ("TRUE", "TRUE"),
    ],
)  # fmt: skip
def test_values(text: str, value: Any) -> None:
    found = parse_pairs([f"name={text}"])["name"]
    assert found == value and type(found) is type(value)


def test_names_are_given_once_and_not_beside_their_option() -> None:
    assert parse_pairs(["a=1", "b=2"], ("c",)) == {"a": 1, "b": 2}
    for pairs in (["a=1", "a=2"], ["c=1"], ["a"], ["=1"]):
        with pytest.raises(InputError):
            parse_pairs(pairs, ("c",))
