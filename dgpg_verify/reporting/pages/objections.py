"""Objections raised on the paper, and where in this run's rows, figures and tables each one is answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dgpg_verify.core import LedgerRow
from dgpg_verify.reporting.records import data


@dataclass(frozen=True)
class Objection:
    """One objection of data/objections.toml. Rows answer it by claim id, or (controls) by a word in key or statement.

    Figures and tables answer it by name; rows with a word of `first` are linked first. As `answer` returns it, it holds
    the rows, figures and tables of a run alone; without any it is not covered.
    """

    number: int
    question: str
    ids: Sequence[str] = ()
    control_words: Sequence[str] = ()
    figures: Sequence[str] = ()
    first: Sequence[str] = ()
    sections: Mapping[str, str] = field(default_factory=dict)  # id on the page -> words of the link
    tables: Mapping[str, str] = field(default_factory=dict)  # name -> words of the link
    rows: Sequence[LedgerRow] = ()

    @property
    def covered(self) -> bool:
        return bool(self.rows or self.figures or self.tables)


OBJECTIONS = tuple(Objection(**entry) for entry in data("objections")["objections"])


def answer(
    objection: Objection, rows: Sequence[LedgerRow], figures: Collection[str], tables: Collection[str] = ()
) -> Objection:
    """Collect the rows, figures and tables of this run that answer `objection`."""

    def speaks(row: LedgerRow) -> bool:
        if row.kind in ("claim", "audit"):
            return row.id in objection.ids
        text = f"{row.row} {row.statement} {row.setting}".lower()
        return row.kind == "control" and any(word in text for word in objection.control_words)

    def late(row: LedgerRow) -> bool:
        return not any(word in f"{row.row} {row.statement}".lower() for word in objection.first)

    return replace(
        objection,
        rows=sorted(filter(speaks, rows), key=late),
        figures=[name for name in objection.figures if name in figures],
        tables={name: text for name, text in objection.tables.items() if name in tables},
    )
