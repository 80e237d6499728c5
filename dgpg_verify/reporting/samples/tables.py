"""Tables of the sections on sample complexity: exponents with verdicts, samples, floors, constants, predictions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from dgpg_verify.reporting.drawing.select import number
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.samples.constants import pairs_of
from dgpg_verify.reporting.samples.parts import (
    at_rest,
    complexity_method,
    complexity_system,
    methods_in,
    step_name,
    systems_in,
)

SECTION_TABLES = {  # table -> section
    "complexity_exponents": "C3",
    "complexity_arrivals": "C3",
    "complexity_floors": "C3",
    "complexity_tuning": "C3",
    "complexity_constants": "A4",
    "complexity_predicted": "A4",
}
EXPONENTS = ("p", "q", "q_log", "p_total")
CONSTANTS = {
    "smoothness": "L, largest curvature",
    "1/mu": "1/\u03bc, gradient domination",
    "noise_trace": "growth of the noise with the gradient",
    "k0": "k\u2080 of the step sizes",
}
ROUNDING = 1e-9  # share of the first gap
UNKNOWN: dict[str, Any] = dict.fromkeys(("value", "low", "high", "verdict", "expected", "relation"))


def complexity_context(tables: Tables) -> dict[str, Any]:
    """What the page's template needs of the tables of sample complexity."""
    return {
        "exponents": exponent_groups(tables.get("complexity_exponents", ())),
        "arrivals": arrival_groups(tables.get("complexity_arrivals", ())),
        "floors": floor_groups(tables.get("complexity_floors", ())),
        "constants": constant_groups(tables.get("complexity_constants", ())),
        "predicted": predicted_groups(tables.get("complexity_predicted", ())),
        "tuning": tuning_lines(tables.get("complexity_tuning", ())),
    }


def _rules_in(rows: Iterable[Record]) -> list[str]:
    """Step rules, the theory's first, scaled ones last."""
    seen = dict.fromkeys(str(row.get("step_rule") or "") for row in rows)
    return sorted(seen, key=lambda rule: (rule != "theory", "*" in rule))


def _blocks(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """{system, step, methods: [(name, its rows)]}, systems in page order, the theory's steps first."""
    made = []
    for system in systems_in(rows):
        ours = [row for row in rows if row["system"] == system]
        for rule in _rules_in(ours):
            mine = [row for row in ours if str(row.get("step_rule") or "") == rule]
            named = [(complexity_method(m), [row for row in mine if row["method"] == m]) for m in methods_in(mine)]
            made.append({"system": complexity_system(system), "step": step_name(rule) if rule else "", "rows": named})
    return made


def exponent_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """Blocks of system and step rule: a row a method with p, q, q under the rival model, p at a fixed total gap."""
    made = []
    for block in _blocks(rows):
        lines = []
        for name, mine in block["rows"]:
            line: dict[str, Any] = dict.fromkeys(EXPONENTS, UNKNOWN)
            line |= {_what(row): UNKNOWN | dict(row) for row in mine}
            counts = {key: mine[0].get(key) for key in ("fleets", "censored")}
            lines.append({"method": name, **counts, **line})
        made.append({**block, "rows": lines})
    return made


def _what(row: Record) -> str:
    """Which exponent a record holds; q under the rival model goes by either name."""
    return {"q_rival": "q_log"}.get(str(row.get("what")), str(row.get("what")))


def arrival_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """Blocks of system and step rule: a row a method and N, a cell a factor (None where it was not measured)."""
    made = []
    for block in _blocks(rows):
        every = [row for _, mine in block["rows"] for row in mine]
        factors = sorted({f for row in every if (f := number(row.get("factor"))) is not None})
        methods = []
        for name, mine in block["rows"]:
            lines = []
            for n in sorted({row["n_agents"] for row in mine}):
                at = {number(row.get("factor")): row for row in mine if row["n_agents"] == n}
                lines.append({"n": n, "cells": [at.get(factor) for factor in factors]})
            methods.append({"method": name, "lines": lines})
        made.append({**block, "factors": factors, "rows": methods})
    return made


def floor_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """{system, rows}: of each method the floor at its smallest and at its largest N."""
    made = []
    for block in _blocks(rows):
        lines = []
        for name, mine in block["rows"]:
            ends = sorted(mine, key=lambda row: row["n_agents"])
            shown = [_without_rounding(row) for row in (ends[0], ends[-1])]
            lines.append({"method": name, "ends": shown, "at_rest": at_rest(ends[-1])})
        made.append({"system": block["system"], "rows": lines})
    return made


def _without_rounding(row: Record) -> Record:
    """The record with shares of the first gap that are rounding errors, of either sign, set to 0."""
    shares = {key: number(row.get(key)) for key in ("floor", "low", "high")}
    return row | {key: 0.0 if v is not None and abs(v) < ROUNDING else v for key, v in shares.items()}


def constant_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """{system, rows}: of each constant and source its median and spread at the smallest and at the largest N."""
    made = []
    for system in systems_in(rows):
        mine = [row for row in rows if row["system"] == system]
        lines = []
        for what, source in dict.fromkeys((str(row.get("what")), str(row.get("source") or "")) for row in mine):
            same = [row for row in mine if (str(row.get("what")), str(row.get("source") or "")) == (what, source)]
            ends = sorted(same, key=lambda row: row["n_agents"])
            lines.append({"what": CONSTANTS.get(what, what), "source": source, "ends": [ends[0], ends[-1]]})
        made.append({"system": complexity_system(system), "rows": lines})
    return made


def predicted_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """{system, rows}: of each method how many times the samples needed the bound is, and how often it fell short."""
    made = []
    for block in _blocks(rows):
        lines = []
        for name, mine in block["rows"]:
            ratios = [predicted / observed for predicted, observed in pairs_of(mine)]
            lines.append(
                {
                    "method": name,
                    "sizes": sorted({row["n_agents"] for row in mine}),
                    "count": len(ratios),
                    "least": min(ratios, default=None),
                    "middle": median(ratios) if ratios else None,
                    "most": max(ratios, default=None),
                    "short": sum(ratio < 1.0 for ratio in ratios),
                }
            )
        made.append({"system": block["system"], "rows": lines})
    return made


def tuning_lines(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """One line a (system, method, N): the chosen scale, and every try as 'scale: median samples' where recorded."""
    made = []
    for row in rows:
        tried, found = row.get("tried") or row.get("scales") or [], row.get("median_samples") or []
        tries = [{"scale": scale, "samples": samples} for scale, samples in zip(tried, found)]
        names = {"system": complexity_system(str(row["system"])), "method": complexity_method(str(row["method"]))}
        made.append({**names, "n": row.get("n_agents"), "scale": row.get("scale"), "tries": tries})
    return made
