"""A row of the ledger from its three parts: numbers of the verdict, provenance of the cells, words of the claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dgpg_verify.core import Evidence, Label, LedgerRow, Verdict
from dgpg_verify.runs import cell_files

Kind = Literal["claim", "audit", "control", "oracle"]
Records = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Provenance:
    """What a row was read from. replicates: independent ones behind the verdict. files: patterns of cells."""

    n_values: tuple[int, ...]
    replicates: int
    seeds: tuple[int, ...]
    files: tuple[str, ...]
    seconds: float


def provenance(*groups: Sequence[Evidence], replicates: int | None = None) -> Provenance:
    """Of groups of cells; a group shares its files. replicates: as many as there are cells, if not given."""
    items = [item for group in groups for item in group]
    return Provenance(
        n_values=distinct(item.cell.n for item in items),
        replicates=len(items) if replicates is None else replicates,
        seeds=distinct(item.cell.replicate for item in items),
        files=tuple(dict.fromkeys(cell_files(group[0].cell) for group in groups)),
        seconds=sum(item.seconds for item in items),
    )


def distinct(numbers: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(numbers)))


def ledger_row(
    claim: str,
    key: str,
    verdict: Verdict,
    read: Provenance,
    recorded: Records,
    *,
    statement: str,
    holds_when: str,
    system: str,
    policy: str,
    statistic: str,
    relation: str,
    expected: float | None,
    margin: float | None = None,
    margins: Mapping[str, Label] | None = None,
    notes: Iterable[str] = (),
    primary: bool = False,
    sharing: str = "independent",
    setting: str = "sum",
    return_share: float | None = None,
    kind: Kind = "claim",
    expected_label: Label | None = None,
) -> LedgerRow:
    """The row `claim/key`. margins: verdicts at other margins. notes: printed behind the verdict's reason."""
    name, estimate = f"{claim}/{key}", verdict.estimate
    record = recorded.get(name)
    return LedgerRow(
        row=name,
        id=claim,
        primary=primary,
        statement=statement,
        holds_when=holds_when,
        system=system,
        policy=policy,
        sharing=sharing,
        setting=setting,
        statistic=statistic,
        relation=relation,
        estimate=estimate.value,
        low=estimate.low,
        high=estimate.high,
        level=estimate.level,
        expected=expected,
        margin=margin,
        verdict=verdict.label,
        verdict_margins=dict(margins or {}),
        recorded=None if record is None else {"label": record[0], "reason": record[1]},
        because="; ".join(part for part in (verdict.why, *notes) if part),
        return_share=return_share,
        n_values=read.n_values,
        replicates=read.replicates,
        seeds=read.seeds,
        files=read.files,
        seconds=read.seconds,
        kind=kind,
        expected_label=expected_label,
    )
