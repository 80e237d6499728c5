"""NAME=VALUE pairs of a command line."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from dgpg_verify.core.errors import InputError, check_unique

GIVEN_APART = ("name", "n_agents", "seed")  # what every command that builds a system asks for by itself


WORDS = {"True": True, "False": False, "None": None}


def parse_pairs(pairs: list[str], taken: Collection[str] = ()) -> dict[str, Any]:
    """["horizon=50", "fleet=aws"] -> {"horizon": 50, "fleet": "aws"}; values are JSON where they can be, or True, False
    and None as Python writes them.

    Raises InputError on anything that is not NAME=VALUE, on a name given twice, and on one of `taken`: names that
    have an option of their own on the command line.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise InputError(f"option = {pair!r} is not allowed: it must be NAME=VALUE")
        if name in taken:
            raise InputError(f"option = {pair!r} is not allowed: {name} has an option of its own on the command line")
        try:
            options[name] = json.loads(text)
        except (ValueError, RecursionError):  # no JSON, a number of thousands of digits, nested too deep
            options[name] = WORDS.get(text, text)
    if pairs:
        check_unique("option", [pair.partition("=")[0] for pair in pairs])
    return options
