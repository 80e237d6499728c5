"""How a figure is declared: one FigureSpec in the list FIGURES of its family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.look import styled
from dgpg_verify.reporting.frame import Frames, NothingToDraw, Place, main_places


@dataclass(frozen=True)
class FigureSpec:
    """One figure of the report.

    Parameters
    ----------
    name : name of its files, and its id on the page.
    heading : what it shows, for links to it.
    draw : (frames) or, with `per_place`, (frames, place) -> Figure; raises NothingToDraw.
    table : the table it draws; a run that need not hold this table does not miss the figure.
    claim : the section it stands in, by claim id; "words" is the one in plain words.
    per_place : whether it is drawn once per system, graph and policy, and with `each_policy` for all policies.
    """

    name: str
    heading: str
    draw: Callable[..., Figure]
    table: str
    claim: str
    per_place: bool = False
    each_policy: bool = True

    def places(self, frames: Frames, *, brief: bool = False) -> list[Place | None]:
        """Where it is drawn: [None] where it comes once; `brief` draws one policy only."""
        if not self.per_place or self.table not in frames or frames[self.table].empty:
            return [None]
        return [*main_places(frames[self.table], each_policy=self.each_policy and not brief)]

    def make(self, frames: Frames, place: Place | None = None) -> Figure:
        """Draw it in the report's style. Raises NothingToDraw where the tables hold nothing for it."""
        if self.table not in frames:
            raise NothingToDraw(f"table {self.table!r} is not there")
        with styled():
            return self.draw(frames, place) if self.per_place else self.draw(frames)
