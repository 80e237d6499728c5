"""The methods that are compared, as data."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from dgpg_verify.core import check_unique

MIXTURE = "guided"
ALPHA = 0.2  # of the mixtures: the end of the published schedule, where the return counts most


@dataclass(frozen=True)
class Compared:
    """A method.

    id, name : as in the ledger, where the reading stands behind a slash, and in words.
    credit : what weighs its scores, "guided" for the mixture; "" = it follows no policy gradient.
    recursion : the method of the claims on samples that follows the same gradient; "" = there is none.
    learner, changes, sharing : method of training and its arguments; learner "" = it was not trained.
    teacher : heuristic of the game that it starts from; on the cloud that is Best-Fit.
    cloud : whether it is trained on the cloud too.
    named : whether the paper compares itself with it or names it, so that it decides.
    """

    id: str
    name: str
    source: str
    credit: str = ""
    recursion: str = ""
    learner: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    sharing: str = "independent"
    teacher: str = ""
    cloud: bool = True
    named: bool = False

    @property
    def reading(self) -> str:
        return self.id.partition("/")[2]


def read_methods(text: str) -> tuple[Compared, ...]:
    """Methods in the order of the file. Raises TypeError for an unknown field, InputError for an id given twice."""
    methods = tuple(Compared(**entry) for entry in tomllib.loads(text)["method"])
    check_unique("methods", [method.id for method in methods])
    return methods


METHODS = read_methods(files(__package__).joinpath("methods.toml").read_text(encoding="utf-8"))
