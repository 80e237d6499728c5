"""Every method at its own settings: what the search tried, and each seed's run at what did best on the other seeds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from dgpg_verify.claims.training.design import TUNED
from dgpg_verify.claims.training.read import CHOSEN, Runs, Trained


@dataclass(frozen=True)
class Search:
    """All candidates of a method at one N: its default first, the same seeds for all, cut to as many episodes."""

    key: str
    n: int
    candidates: tuple[Trained, ...]

    @cached_property
    def chosen(self) -> tuple[int, ...]:
        """For each seed the candidate that did best on all the others, so that no run is judged on what chose it."""
        table = np.stack([one.levels for one in self.candidates])  # [C, R]
        return tuple((table.sum(1, keepdims=True) - table).argmax(0).tolist())

    @property
    def tuned(self) -> Trained:
        """Each seed's run at the candidate chosen for it."""
        default = self.candidates[0]
        runs = tuple(self.candidates[c].runs[k] for k, c in enumerate(self.chosen))
        return replace(default, key=f"{self.key}/tuned", label=f"{default.label}, tuned", part="own", sharing=CHOSEN,
                       episodes=min(one.episodes for one in self.candidates), runs=runs)  # fmt: skip


def searches(trained: Runs) -> list[Search]:
    """The searches that are whole: every candidate that the scale declares, all on the same two seeds or more."""
    made = (_search(trained, key, n) for key in TUNED for n in sorted({n for row, n in trained if row == key}))
    return [search for search in made if search is not None]


def _search(trained: Runs, key: str, n: int) -> Search | None:
    names = trained[key, n].series.row.notes.get("candidates", ())
    if len(names) < 2 or any((name, n) not in trained for name in names):
        return None
    found = [trained[name, n] for name in names]
    seeds = {tuple(run.replicate for run in one.runs) for one in found}
    if len(seeds) > 1 or len(found[0].runs) < 2:
        return None
    episodes = min(one.episodes for one in found)
    return Search(key, n, tuple(one.until(episodes) for one in found))
