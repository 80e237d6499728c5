"""Tables of the sections on sample complexity: exponents with verdicts, samples, floors, constants, predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dgpg_verify.reporting.frame import frame
from dgpg_verify.reporting.records import Record, Tables, group_by
from dgpg_verify.reporting.samples.aggregate import at_rest, prediction_pairs
from dgpg_verify.reporting.samples.names import (
    complexity_method,
    complexity_system,
    method_order,
    step_name,
    system_order,
)

Block = dict[str, Any]
SECTION_TABLES = {  # table -> section
    "complexity_exponents": "C3",
    "complexity_arrivals": "C3",
    "complexity_floors": "C3",
    "complexity_tuning": "C3",
    "complexity_constants": "A4",
    "complexity_predicted": "A4",
}
EXPONENTS = ("p", "q", "q_log", "p_total")
RIVAL = {"q_rival": "q_log"}  # q under the rival model goes by either name
CONSTANTS = {
    "smoothness": "L, largest curvature",
    "1/mu": "1/\u03bc, gradient domination",
    "noise_trace": "growth of the noise with the gradient",
    "k0": "k\u2080 of the step sizes",
}
ROUNDING = 1e-9  # share of the first gap
UNKNOWN: Block = dict.fromkeys(("value", "low", "high", "verdict", "expected", "relation"))


def complexity_context(tables: Tables) -> dict[str, Any]:
    """What the page's template needs of the tables of sample complexity."""
    groups = {
        "exponents": exponent_groups,
        "arrivals": arrival_groups,
        "floors": floor_groups,
        "constants": constant_groups,
        "predicted": predicted_groups,
        "tuning": tuning_lines,
    }
    return {name: group(tables.get(f"complexity_{name}", ())) for name, group in groups.items()}


def _blocks(rows: Sequence[Record]) -> list[tuple[Block, list[tuple[str, list[Record]]]]]:
    """Per system and step rule its names in words and (method, rows): in page order, the theory's steps first."""
    found = group_by(rows, lambda row: (str(row["system"]), str(row.get("step_rule") or "")))
    blocks = []
    for system, rule in sorted(found, key=lambda key: (system_order(key[0]), key[1] != "theory", "*" in key[1])):
        methods = group_by(found[system, rule], lambda row: str(row["method"]))
        named = [(complexity_method(method), methods[method]) for method in sorted(methods, key=method_order)]
        blocks.append(({"system": complexity_system(system), "step": step_name(rule) if rule else ""}, named))
    return blocks


def _ends(rows: Sequence[Record]) -> list[Record]:
    """The rows at the smallest and at the largest N."""
    ascending = sorted(rows, key=lambda row: row["n_agents"])
    return [ascending[0], ascending[-1]]


def exponent_groups(rows: Sequence[Record]) -> list[Block]:
    """Blocks of system and step rule: a row per method with p, q, q under the rival model, p at a fixed total gap."""
    return [names | {"rows": [_exponents(method, own) for method, own in block]} for names, block in _blocks(rows)]


def _exponents(method: str, rows: Sequence[Record]) -> Block:
    counts = {key: rows[0].get(key) for key in ("fleets", "censored")}
    fits = {RIVAL.get(str(row["what"]), str(row["what"])): UNKNOWN | row for row in rows}
    return {"method": method, **counts, **dict.fromkeys(EXPONENTS, UNKNOWN), **fits}


def arrival_groups(rows: Sequence[Record]) -> list[Block]:
    """Blocks of system and step rule: a row per method and N, a cell per factor (None where it was not measured)."""
    groups = []
    for names, block in _blocks(rows):
        factors = sorted({row["factor"] for _, own in block for row in own if row.get("factor") is not None})
        lines = [{"method": method, "lines": _arrivals(own, factors)} for method, own in block]
        groups.append(names | {"factors": factors, "rows": lines})
    return groups


def _arrivals(rows: Sequence[Record], factors: Sequence[float]) -> list[Block]:
    cells = {(row["n_agents"], row.get("factor")): row for row in rows}
    return [{"n": n, "cells": [cells.get((n, f)) for f in factors]} for n in sorted({n for n, _ in cells})]


def floor_groups(rows: Sequence[Record]) -> list[Block]:
    """{system, rows}: the floor of each method at its smallest and at its largest N."""
    return [
        {"system": names["system"], "rows": [_floors(method, _ends(own)) for method, own in block]}
        for names, block in _blocks(rows)
    ]


def _floors(method: str, ends: Sequence[Record]) -> Block:
    shown = [row | {key: _share(row.get(key)) for key in ("floor", "low", "high")} for row in ends]
    return {"method": method, "ends": shown, "at_rest": at_rest(ends[-1].get("settled"))}


def _share(value: float | None) -> float | None:
    """A share of the first gap; a rounding error, of either sign, is 0."""
    return 0.0 if value is not None and abs(value) < ROUNDING else value


def constant_groups(rows: Sequence[Record]) -> list[Block]:
    """{system, rows}: median and spread of each constant and source at the smallest and at the largest N."""
    systems = group_by(rows, lambda row: str(row["system"]))
    return [
        {"system": complexity_system(system), "rows": _constants(systems[system])}
        for system in sorted(systems, key=system_order)
    ]


def _constants(rows: Sequence[Record]) -> list[Block]:
    found = group_by(rows, lambda row: (str(row.get("what")), str(row.get("source") or "")))
    return [
        {"what": CONSTANTS.get(what, what), "source": source, "ends": _ends(own)}
        for (what, source), own in found.items()
    ]


def predicted_groups(rows: Sequence[Record]) -> list[Block]:
    """{system, rows}: per method how many times the samples needed the bound is, and how often it fell short."""
    return [
        {"system": names["system"], "rows": [_predicted(method, own) for method, own in block]}
        for names, block in _blocks(rows)
    ]


def _predicted(method: str, rows: Sequence[Record]) -> Block:
    ratios = prediction_pairs(frame(rows, ("predicted", "observed")))["ratio"]
    known = not ratios.empty
    return {
        "method": method,
        "sizes": sorted({row["n_agents"] for row in rows}),
        "count": len(ratios),
        "least": ratios.min() if known else None,
        "middle": ratios.median() if known else None,
        "most": ratios.max() if known else None,
        "short": int((ratios < 1.0).sum()),
    }


def tuning_lines(rows: Sequence[Record]) -> list[Block]:
    """One line per system, method and N: the chosen scale, and every try as 'scale: median samples' if recorded."""
    return [
        {
            "system": complexity_system(str(row["system"])),
            "method": complexity_method(str(row["method"])),
            "n": row.get("n_agents"),
            "scale": row.get("scale"),
            "tries": [
                {"scale": scale, "samples": samples}
                for scale, samples in zip(row.get("tried") or row.get("scales") or [], row.get("median_samples") or [])
            ],
        }
        for row in rows
    ]
