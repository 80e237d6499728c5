"""The ledger of a run: ledger.json read and written with its schema checked, and shown as Markdown or a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dgpg_verify.core import LABELS, InputError, LedgerRow, ledger_row_from_json
from dgpg_verify.core.claim_ids import claim_order
from dgpg_verify.reporting.terminal import table_lines
from dgpg_verify.reporting.wording import interval_text, number_text, relation_text, setting_text
from dgpg_verify.runs.files import check_schema, read_json, write_atomic, write_json

LEDGER = "ledger.json"
NOT_COMPARED = "-"
KINDS = {"claim": "Claims", "audit": "Assumption audits", "control": "Controls", "oracle": "Oracles"}
WIDTH = 120  # columns of a terminal that the table must fit
COLUMNS = {"claim": 6, "row": 53, "estimate [interval]": 23, "verdict": 12, "record": 18}  # their widest


_ROW = TypeAdapter(LedgerRow)
_WRONG = {"missing": "{0} missing", "unexpected_keyword_argument": "unknown field {0!r}"}


def _problems(data: dict[str, Any]) -> list[str]:
    """Everything wrong with one row, each field with what it should be."""
    wrong = {}
    recorded = data.get("recorded")
    if isinstance(recorded, dict) and not (set(recorded) == {"label", "reason"} and recorded["label"] in LABELS):
        wrong["recorded"] = f"recorded = {recorded!r}: it should be null or a label with its reason"
    try:
        _ROW.validate_json(json.dumps(data), strict=True, extra="forbid")
    except ValidationError as error:
        for problem in error.errors():
            name, words = str((*problem["loc"], "row")[0]), problem["msg"].replace("Input", "it")
            wrong[name] = _WRONG.get(problem["type"], "{0} = {1!r}: {2}").format(name, data.get(name), words)
    return list(wrong.values())


def read_ledger(folder: Path) -> list[LedgerRow]:
    """Read ledger.json (schema 1) of a run folder, or the file itself.

    Raises InputError naming the file, the row and every wrong field at once. Cost: one pass over the rows.
    """
    path = folder if folder.suffix == ".json" else folder / LEDGER
    rows = check_schema(path, read_json(path), "rows", list)
    for k, data in enumerate(rows):
        if not isinstance(data, dict):
            raise InputError(f"{path.name} row {k} is a {type(data).__name__}: it must be an object")
        wrong = _problems(data)
        if wrong:
            raise InputError(f"{path.name} row {k} ({data.get('row', 'without a key')}): {'; '.join(wrong)}")
    for key, count in Counter(data["row"] for data in rows).items():
        if count > 1:
            raise InputError(f"{path.name} holds row {key!r} more than once: each key is allowed once")
    return [ledger_row_from_json(data) for data in rows]


def write_ledger(folder: Path, rows: Sequence[LedgerRow]) -> Path:
    """Write ledger.json and ledger.md into `folder`, each whole or not at all; returns the JSON's path."""
    path = write_json(folder / LEDGER, {"schema": 1, "rows": list(rows)})
    write_atomic(folder / "ledger.md", ledger_markdown(rows))
    return path


def status_text(row: LedgerRow) -> str:
    """How the verdict compares with the recorded one, NOT_COMPARED where none is; a control or oracle has its expected
    label instead."""
    if row.expected_label is not None:
        return "as expected" if row.verdict == row.expected_label else f"EXPECTED {row.expected_label}"
    if row.recorded is None:
        return NOT_COMPARED
    return "as recorded" if row.recorded["label"] == row.verdict else f"WAS {row.recorded['label']}"


def _sorted(rows: Iterable[LedgerRow]) -> list[LedgerRow]:
    return sorted(rows, key=lambda r: (list(KINDS).index(r.kind), claim_order(r.id), not r.primary, r.row))


def ledger_markdown(rows: Sequence[LedgerRow]) -> str:
    """The ledger as Markdown: one table per kind of row, then what holds and why, row by row."""
    out = [
        "# Ledger",
        "",
        "Rows marked * are primary: they alone decide a claim. A row with - under record has no recorded",
    ]
    out += ["verdict to be compared with.", ""]
    for kind, title in KINDS.items():
        chosen = [row for row in _sorted(rows) if row.kind == kind]
        if chosen:
            out += [f"## {title}", ""]
            out += ["| id | row | where | statistic | estimate | rule | verdict | record |", "|" + "---|" * 8]
            out += [*map(_markdown_row, chosen), "", *map(_markdown_reason, chosen), ""]
    return "\n".join(out)


def _markdown_row(row: LedgerRow) -> str:
    cells = (
        _claim_text(row),
        f"`{row.row}`",
        setting_text(row),
        row.statistic,
        f"{interval_text(row)} at {100 * row.level:.4g} %" if row.low is not None else interval_text(row),
        relation_text(row),
        f"**{row.verdict}**",
        status_text(row),
    )
    return "| " + " | ".join(_one_line(cell).replace("|", "\\|") for cell in cells) + " |"


def _markdown_reason(row: LedgerRow) -> str:
    share = "" if row.return_share is None else f" Return share {number_text(row.return_share)}."
    return f"- `{row.row}`: {row.holds_when} Because: {row.because}{share}"


def _claim_text(row: LedgerRow) -> str:
    return f"{row.id}{'*' if row.primary else ''}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _fit(text: str, width: int) -> str:
    """`text` in at most `width` columns; a longer one loses its middle, since keys differ at both ends."""
    if len(text) <= width:
        return text
    head = 3 * (width - 2) // 5
    return f"{text[:head]}..{text[head + 2 - width :]}"


def terminal_table(rows: Sequence[LedgerRow], width: int = WIDTH, whole: bool = True) -> str:
    """The ledger for a terminal: plain ASCII, one line per row, counts below.

    Primary rows carry a *. width: at most so many columns; a key is cut only where it does not fit. whole: all rows,
    else those that are refuted or not as recorded.
    """
    shown = [row for row in _sorted(rows) if whole or _stands_out(row)]
    cells = (
        (_claim_text(row), row.row.removeprefix(f"{row.id}/"), interval_text(row), row.verdict, status_text(row))
        for row in shown
    )
    widths = {**COLUMNS, "row": COLUMNS["row"] + max(0, width - WIDTH)}
    fitted = [[_fit(_one_line(text), room) for text, room in zip(line, widths.values())] for line in cells]
    head, *lines = table_lines(list(COLUMNS), fitted)
    left = [f"{len(rows) - len(shown)} more rows are neither refuted nor against a record; -v lists all"]
    rule = "-" * max(map(len, [head, *lines]))
    text = [head, rule, *lines, *(left if len(shown) < len(rows) else []), _counts(rows)]
    return "\n".join(text).encode("ascii", "replace").decode()


def _stands_out(row: LedgerRow) -> bool:
    """Refuted, or not as recorded or built for."""
    if row.expected_label is not None:
        return row.verdict != row.expected_label
    return row.verdict == "refuted" or status_text(row) not in ("as recorded", NOT_COMPARED)


def _counts(rows: Sequence[LedgerRow]) -> str:
    verdicts, records = [row.verdict for row in rows], [status_text(row) for row in rows]
    labels = ", ".join(f"{verdicts.count(label)} {label}" for label in LABELS)
    primary = sum(row.primary for row in rows)
    open_ = records.count(NOT_COMPARED)
    return f"{len(rows)} rows ({primary} primary *): {labels}; {open_} have no recorded verdict to be compared with (-)"
