"""Tables of the sections on sample complexity: exponents with verdicts, samples, floors, constants, predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dgpg_verify.reporting.frame import frame
from dgpg_verify.reporting.records import Record, Tables, group_by
from dgpg_verify.reporting.samples import names
from dgpg_verify.reporting.samples.aggregate import at_rest, prediction_pairs

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


def _blocks(rows: Sequence[Record], line: Callable[[list[Record]], Block]) -> list[Block]:
    """{system, step, rows} per system and step rule, in page order, the theory's steps first.

    `line` makes from the records of one method what stands in its row.
    """
    found = group_by(rows, lambda row: (str(row["system"]), str(row.get("step_rule") or "")))
    order = sorted(found, key=lambda key: (names.system_order(key[0]), key[1] != "theory", "*" in key[1]))
    blocks = []
    for system, rule in order:
        methods = group_by(found[system, rule], lambda row: str(row["method"]))
        lines = [{"method": names.method(m)} | line(methods[m]) for m in sorted(methods, key=names.method_order)]
        blocks.append({"system": names.system(system), "step": names.step(rule) if rule else "", "rows": lines})
    return blocks


def _ends(rows: Sequence[Record]) -> list[Record]:
    """The rows at the smallest and at the largest N."""
    ascending = sorted(rows, key=lambda row: row["n_agents"])
    return [ascending[0], ascending[-1]]


def exponent_groups(rows: Sequence[Record]) -> list[Block]:
    """Blocks of system and step rule: a row per method with p, q, q under the rival model, p at a fixed total gap."""
    return _blocks(rows, _exponents)


def _exponents(rows: list[Record]) -> Block:
    counts = {key: rows[0].get(key) for key in ("fleets", "censored")}
    fits = {RIVAL.get(str(row["what"]), str(row["what"])): UNKNOWN | row for row in rows}
    return counts | dict.fromkeys(EXPONENTS, UNKNOWN) | fits


def arrival_groups(rows: Sequence[Record]) -> list[Block]:
    """Blocks of system and step rule: a row per method and N, a cell per factor (None where it was not measured)."""
    blocks = _blocks(rows, _arrivals)
    for block in blocks:
        lines = [line for row in block["rows"] for line in row["lines"]]
        block["factors"] = sorted({factor for line in lines for factor in line["at"] if factor is not None})
        for line in lines:
            line["cells"] = [line["at"].get(factor) for factor in block["factors"]]
    return blocks


def _arrivals(rows: list[Record]) -> Block:
    """Per N its rows by factor."""
    sizes = group_by(rows, lambda row: row["n_agents"])
    return {"lines": [{"n": n, "at": {row.get("factor"): row for row in sizes[n]}} for n in sorted(sizes)]}


def floor_groups(rows: Sequence[Record]) -> list[Block]:
    """Blocks of systems: the floor of each method at its smallest and at its largest N."""
    return _blocks(rows, _floors)


def _floors(rows: list[Record]) -> Block:
    ends = [row | {key: _share(row.get(key)) for key in ("floor", "low", "high")} for row in _ends(rows)]
    return {"ends": ends, "at_rest": at_rest(ends[-1].get("settled"))}


def _share(value: float | None) -> float | None:
    """A share of the first gap; a rounding error, of either sign, is 0."""
    return 0.0 if value is not None and abs(value) < ROUNDING else value


def constant_groups(rows: Sequence[Record]) -> list[Block]:
    """{system, rows}: median and spread of each constant and source at the smallest and at the largest N."""
    systems = group_by(rows, lambda row: str(row["system"]))
    return [
        {"system": names.system(system), "rows": _constants(systems[system])}
        for system in sorted(systems, key=names.system_order)
    ]


def _constants(rows: Sequence[Record]) -> list[Block]:
    found = group_by(rows, lambda row: (str(row.get("what")), str(row.get("source") or "")))
    return [
        {"what": CONSTANTS.get(what, what), "source": source, "ends": _ends(own)}
        for (what, source), own in found.items()
    ]


def predicted_groups(rows: Sequence[Record]) -> list[Block]:
    """Blocks of systems: per method how many times the samples needed the bound is, and how often it fell short."""
    return _blocks(rows, _predicted)


def _predicted(rows: list[Record]) -> Block:
    ratios = prediction_pairs(frame(rows, ("predicted", "observed")))["ratio"]
    least, middle, most = (ratios.min(), ratios.median(), ratios.max()) if len(ratios) else (None, None, None)
    return {
        "sizes": sorted({row["n_agents"] for row in rows}),
        "count": len(ratios),
        "least": least,
        "middle": middle,
        "most": most,
        "short": int((ratios < 1.0).sum()),
    }


def tuning_lines(rows: Sequence[Record]) -> list[Block]:
    """One line per system, method and N: the chosen scale, and every try as 'scale: median samples' if recorded."""
    return [
        {
            "system": names.system(str(row["system"])),
            "method": names.method(str(row["method"])),
            "n": row.get("n_agents"),
            "scale": row.get("scale"),
            "tries": _tries(row.get("tried") or row.get("scales") or [], row.get("median_samples") or []),
        }
        for row in rows
    ]


def _tries(scales: Sequence[float], samples: Sequence[float | None]) -> list[Block]:
    return [{"scale": scale, "samples": found} for scale, found in zip(scales, samples)]
