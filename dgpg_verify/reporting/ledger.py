"""The ledger of a run: ledger.json read and written with its schema checked, and shown as Markdown or a table."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dgpg_verify.core import LABELS, InputError, LedgerRow, ledger_row_from_json
from dgpg_verify.reporting.wording import claim_order, interval_text, number_text, relation_text, setting_text
from dgpg_verify.runs.files import check_schema, read_json, write_atomic, write_json

LEDGER = "ledger.json"
KINDS = ("claim", "audit", "control", "oracle")
WIDTH = 120  # columns of a terminal that the table must fit

_TEXT = ("row", "id", "statement", "holds_when", "system", "policy", "sharing", "setting", "statistic", "relation",
         "verdict", "because", "kind")  # fmt: skip
_NUMBER = ["level", "seconds"]
_NUMBER_OR_NULL = ["estimate", "low", "high", "expected", "margin", "return_share"]
_OPTIONAL = {"kind", "expected_label"}  # have defaults, so that a plain schema-1 file without them is read too


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _recorded_is_valid(value: Any) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, dict)
        and set(value) == {"label", "reason"}
        and value["label"] in LABELS
        and isinstance(value["reason"], str)
    )


def _list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(v, kind) and not isinstance(v, bool) for v in value)


def _problems(data: dict[str, Any]) -> list[str]:
    """Everything wrong with one row, each with the allowed values."""
    names = {field.name for field in dataclasses.fields(LedgerRow)}
    missing = sorted(names - _OPTIONAL - set(data))
    if missing:
        return [f"{', '.join(missing)} missing"]
    wrong = [f"unknown field {name!r}" for name in sorted(set(data) - names)]
    wrong += [f"{k} = {data[k]!r} must be text" for k in _TEXT if k in data and not isinstance(data[k], str)]
    wrong += [f"{k} = {data[k]!r} must be a number" for k in _NUMBER if not _is_number(data[k])]
    for k in _NUMBER_OR_NULL:
        if data[k] is not None and not _is_number(data[k]):
            wrong.append(f"{k} = {data[k]!r} must be a number or null")
    if data["verdict"] not in LABELS:
        wrong.append(f"verdict = {data['verdict']!r} must be one of {', '.join(LABELS)}")
    if data.get("expected_label") not in (None, *LABELS):
        wrong.append(f"expected_label = {data['expected_label']!r} must be null or one of {', '.join(LABELS)}")
    if data.get("kind", "claim") not in KINDS:
        wrong.append(f"kind = {data['kind']!r} must be one of {', '.join(KINDS)}")
    if not isinstance(data["primary"], bool):
        wrong.append(f"primary = {data['primary']!r} must be true or false")
    if not _recorded_is_valid(data["recorded"]):
        wrong.append(f"recorded = {data['recorded']!r} must be null or a label with its reason")
    margins = data["verdict_margins"]
    if not isinstance(margins, dict) or any(label not in LABELS for label in margins.values()):
        wrong.append(f"verdict_margins = {margins!r} must map margins to labels")
    for k, kind in (("n_values", int), ("seeds", int), ("files", str)):
        if not _list_of(data[k], kind):
            wrong.append(f"{k} = {data[k]!r} must be a list of {kind.__name__}")
    if not isinstance(data["replicates"], int) or isinstance(data["replicates"], bool):
        wrong.append(f"replicates = {data['replicates']!r} must be an integer")
    return wrong


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
    keys = [data["row"] for data in rows]
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise InputError(f"{path.name} holds row {repeated[0]!r} more than once: each key is allowed once")
    return [ledger_row_from_json(data) for data in rows]


def write_ledger(folder: Path, rows: Sequence[LedgerRow]) -> Path:
    """Write ledger.json and ledger.md into `folder`, each whole or not at all; returns the JSON's path."""
    path = write_json(folder / LEDGER, {"schema": 1, "rows": list(rows)})
    write_atomic(folder / "ledger.md", ledger_markdown(rows))
    return path


def status_text(row: LedgerRow) -> str:
    """How the verdict compares with what stands on record; a control or oracle has its expected label instead."""
    if row.expected_label is not None:
        return "as it must" if row.verdict == row.expected_label else f"MUST BE {row.expected_label}"
    if row.recorded is None:
        return "UNRECORDED"
    return "as recorded" if row.recorded["label"] == row.verdict else f"WAS {row.recorded['label']}"


def _sorted(rows: Iterable[LedgerRow]) -> list[LedgerRow]:
    return sorted(rows, key=lambda r: (KINDS.index(r.kind), claim_order(r.id), not r.primary, r.row))


def ledger_markdown(rows: Sequence[LedgerRow]) -> str:
    """The ledger as Markdown: one table per kind of row, then what holds and why, row by row."""
    titles = {"claim": "Claims", "audit": "Assumption audits", "control": "Controls", "oracle": "Oracles"}
    out = ["# Ledger", "", "Rows marked * are primary: they alone decide a claim.", ""]
    for kind in KINDS:
        chosen = [row for row in _sorted(rows) if row.kind == kind]
        if not chosen:
            continue
        out += [f"## {titles[kind]}", ""]
        out += ["| id | row | where | statistic | estimate | rule | verdict | record |", "|" + "---|" * 8]
        for row in chosen:
            cells = [
                f"{row.id}{'*' if row.primary else ''}",
                f"`{row.row}`",
                setting_text(row),
                row.statistic,
                f"{interval_text(row)} at {100 * row.level:.4g} %" if row.low is not None else interval_text(row),
                relation_text(row),
                f"**{row.verdict}**",
                status_text(row),
            ]
            out.append("| " + " | ".join(re.sub(r"\s+", " ", c).replace("|", "\\|") for c in cells) + " |")
        out.append("")
        for row in chosen:
            share = "" if row.return_share is None else f" Return share {number_text(row.return_share)}."
            out.append(f"- `{row.row}`: {row.holds_when} Because: {row.because}{share}")
        out.append("")
    return "\n".join(out)


def _fit(text: str, width: int) -> str:
    """`text` in exactly `width` columns; a longer one loses its middle, since keys differ at both ends."""
    flat = re.sub(r"\s+", " ", text).strip()
    if len(flat) <= width:
        return flat.ljust(width)
    head = 3 * (width - 2) // 5
    return f"{flat[:head]}..{flat[head + 2 - width :]}"


def terminal_table(rows: Sequence[LedgerRow]) -> str:
    """The ledger for a terminal: plain ASCII, at most 120 columns, one line a row, counts below.

    A row without a record is marked UNRECORDED; primary rows carry a *.
    """
    widths = (5, 58, 23, 12, 16)
    head = ("claim", "row", "estimate [interval]", "verdict", "record")
    lines = [" ".join(_fit(h, w) for h, w in zip(head, widths)).rstrip()]
    lines.append(" ".join("-" * w for w in widths))
    for row in _sorted(rows):
        cells = (
            f"{row.id}{'*' if row.primary else ''}",
            row.row.removeprefix(f"{row.id}/"),
            interval_text(row),
            row.verdict,
            status_text(row),
        )
        lines.append(" ".join(_fit(c, w) for c, w in zip(cells, widths)).rstrip())
    counts = ", ".join(f"{sum(r.verdict == label for r in rows)} {label}" for label in LABELS)
    unrecorded = sum(status_text(r) == "UNRECORDED" for r in rows)
    primary = sum(r.primary for r in rows)
    lines.append(f"{len(rows)} rows ({primary} primary *): {counts}; {unrecorded} UNRECORDED")
    return "\n".join(line.encode("ascii", "replace").decode()[:WIDTH] for line in lines)
