"""For figures that still take records: the same figure from frames. Goes away with the last of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.select import Group
from dgpg_verify.reporting.frame import Frames, Place

COUNTS = ("never", "seeds")  # a missing one makes the whole column floats


class _Records(Mapping[str, list[dict[str, Any]]]):
    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def __getitem__(self, name: str) -> list[dict[str, Any]]:
        rows = self._frames[name].to_dict("records")
        return [{k: _plain(k, v) for k, v in row.items()} for row in rows]

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return value
    if value == "" or pd.isna(value):
        return None
    return int(value) if name in COUNTS else value


def legacy(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """`draw(tables, group, dispute)` as `draw(frames)`."""

    def from_frames(frames: Frames, place: Place | None = None) -> Figure:
        group = Group(place.system, place.graph, place.policy) if place else None
        return draw(_Records(frames), group)

    return from_frames
