"""Tables of the sections on sample complexity: exponents with verdicts, samples, floors, constants, predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dgpg_verify.reporting.frame import frame
from dgpg_verify.reporting.records import Record, group_by
from dgpg_verify.reporting.samples import names
from dgpg_verify.reporting.samples.aggregate import at_rest, prediction_pairs
from dgpg_verify.reporting.wording import worded

Block = dict[str, Any]
EXPONENTS = ("p", "q", "q_log", "p_total")
ROUNDING = 1e-9  # share of the first gap
UNKNOWN: Block = dict.fromkeys(("value", "low", "high", "verdict", "expected", "relation"))


def exponent_groups(rows: Sequence[Record]) -> list[Block]:
    """A row per method with p, q, q under the rival model, p at a fixed total gap."""

    def line(rows: Sequence[Record]) -> Block:
        fits = {str(row["what"]): UNKNOWN | row for row in rows}
        return dict.fromkeys(EXPONENTS, UNKNOWN) | fits | {key: rows[0].get(key) for key in ("fleets", "censored")}

    return _blocks(rows, line)


def arrival_groups(rows: Sequence[Record]) -> list[Block]:
    """A row per method and N, a cell per factor (None where it was not measured); `factors` of the block."""

    def line(rows: Sequence[Record]) -> Block:
        sizes = group_by(rows, lambda row: row["n_agents"])
        return {"lines": [{"n": n, "at": {row["factor"]: row for row in sizes[n]}} for n in sorted(sizes)]}

    blocks = _blocks(rows, line)
    for block in blocks:
        lines = [line for row in block["rows"] for line in row["lines"]]
        block["factors"] = sorted({factor for line in lines for factor in line["at"] if factor is not None})
    return blocks


def floor_groups(rows: Sequence[Record]) -> list[Block]:
    """The floor of each method at its smallest and at its largest N; a rounding error, of either sign, is 0."""

    def share(value: float | None) -> float | None:
        return 0.0 if value is not None and abs(value) < ROUNDING else value

    def line(rows: Sequence[Record]) -> Block:
        ends = [row | {key: share(row[key]) for key in ("floor", "low", "high")} for row in _ends(rows)]
        return {"ends": ends, "at_rest": at_rest(ends[-1]["settled"])}

    return _blocks(rows, line)


def constant_groups(rows: Sequence[Record]) -> list[Block]:
    """Median and spread of each constant and source at the smallest and at the largest N."""
    by_system = group_by(rows, lambda row: row["system"])
    blocks = []
    for system in sorted(by_system, key=names.system_order):
        kinds = group_by(by_system[system], lambda row: (row["what"], row["source"]))
        lines = [
            {"what": worded("constants", what), "source": by, "ends": _ends(kind)} for (what, by), kind in kinds.items()
        ]
        blocks.append({"system": names.system(system), "rows": lines})
    return blocks


def predicted_groups(rows: Sequence[Record]) -> list[Block]:
    """Per method how many times the samples needed the bound is, and how often it fell short."""

    def line(rows: Sequence[Record]) -> Block:
        ratios = prediction_pairs(frame(rows, ("ratio",)))["ratio"]
        least, middle, most = ratios.agg(["min", "median", "max"]) if len(ratios) else (None, None, None)
        sizes = sorted({row["n_agents"] for row in rows})
        short = int((ratios < 1.0).sum())
        return {"sizes": sizes, "count": len(ratios), "least": least, "middle": middle, "most": most, "short": short}

    return _blocks(rows, line)


def tuning_lines(rows: Sequence[Record]) -> list[Block]:
    """One line per system, method and N: the chosen scale, and every try as (scale, median samples) if recorded."""
    return [
        row
        | {
            "system": names.system(row["system"]),
            "method": names.method(row["method"]),
            "tries": list(zip(row["tried"] or (), row["median_samples"] or ())),
        }
        for row in rows
    ]


def _blocks(rows: Sequence[Record], line: Callable[[Sequence[Record]], Block]) -> list[Block]:
    """{system, step, rows} per system and step rule, in page order, the theory's steps first.

    `line` makes from the records of one method what stands in its row.
    """
    groups = group_by(rows, lambda row: (row["system"], row.get("step_rule") or ""))
    order = sorted(groups, key=lambda key: (names.system_order(key[0]), key[1] != "theory"))
    blocks = []
    for system, rule in order:
        methods = group_by(groups[system, rule], lambda row: row["method"])
        lines = [{"method": names.method(m)} | line(methods[m]) for m in sorted(methods, key=names.method_order)]
        blocks.append({"system": names.system(system), "step": names.step(rule) if rule else "", "rows": lines})
    return blocks


def _ends(rows: Sequence[Record]) -> list[Record]:
    """The rows at the smallest and at the largest N."""
    ascending = sorted(rows, key=lambda row: row["n_agents"])
    return [ascending[0], ascending[-1]]


BLOCKS = {  # table -> how its rows are grouped
    "complexity_exponents": exponent_groups,
    "complexity_arrivals": arrival_groups,
    "complexity_floors": floor_groups,
    "complexity_constants": constant_groups,
    "complexity_predicted": predicted_groups,
    "complexity_tuning": tuning_lines,
}
