"""What was measured before, row by row: (label, reason), read from recorded.toml, which is changed by hand only."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files

from dgpg_verify.core import LABELS, InputError, Label, check_unique


def read_recorded(text: str) -> dict[str, tuple[Label, str]]:
    """Row -> (label, reason). Raises InputError for an unknown label, a missing reason or a row that stands twice."""
    groups = tomllib.loads(text)["group"]
    for group in groups:
        if group["label"] not in LABELS or not group["reason"]:
            raise InputError(f"recorded.toml: {group} needs a label of {', '.join(LABELS)} and a reason")
    check_unique("rows of recorded.toml", [row for group in groups for row in group["rows"]])
    return {row: (group["label"], group["reason"]) for group in groups for row in group["rows"]}


RECORDED: Mapping[str, tuple[Label, str]] = read_recorded(files(__package__).joinpath("recorded.toml").read_text())
