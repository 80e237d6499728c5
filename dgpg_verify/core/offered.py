"""What other installed packages offer: objects found through entry points."""

from __future__ import annotations

import importlib.metadata
from typing import TypeVar

from dgpg_verify.core.errors import InputError

Item = TypeVar("Item")


def offered(group: str, kind: type[Item]) -> list[Item]:
    """Every `kind` that the entry points of `group` name, each of them one object or a list.

    Raises
    ------
    InputError : an entry point that cannot be loaded or that names something else.
    """
    items: list[Item] = []
    for entry in importlib.metadata.entry_points(group=group):
        try:
            loaded = entry.load()
        except Exception as error:
            raise InputError(f"entry point {entry.name!r} of {group} cannot be loaded: {error!r}") from error
        several = loaded if isinstance(loaded, list | tuple) else [loaded]
        if not all(isinstance(item, kind) for item in several):
            raise InputError(f"entry point {entry.name!r} of {group} is not a {kind.__name__} or a list of them")
        items += several
    return items
