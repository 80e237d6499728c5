"""NAME=VALUE pairs of a command line."""

from __future__ import annotations

import json
from typing import Any

from dgpg_verify.core.errors import InputError, check_unique


def parse_pairs(pairs: list[str]) -> dict[str, Any]:
    """["horizon=50", "fleet=aws"] -> {"horizon": 50, "fleet": "aws"}; values are JSON where they can be.

    Raises InputError on anything that is not NAME=VALUE, and on a name given twice.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise InputError(f"option = {pair!r} is not allowed: it must be NAME=VALUE")
        try:
            options[name] = json.loads(text)
        except json.JSONDecodeError:
            options[name] = text
    if pairs:
        check_unique("option", [pair.partition("=")[0] for pair in pairs])
    return options
