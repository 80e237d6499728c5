"""Tables of the equilibrium sections: rates, values, counterexamples in words, trade-off, annealing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dgpg_verify.reporting.equilibria import laws
from dgpg_verify.reporting.equilibria.aggregate import rules
from dgpg_verify.reporting.equilibria.tradeoff import rule_name, tradeoff_system
from dgpg_verify.reporting.frame import frames, to_records
from dgpg_verify.reporting.records import Record, Tables, group_by
from dgpg_verify.reporting.wording import system_name

Block = dict[str, Any]
SECTION_TABLES = {  # table -> section
    "equilibrium_rates": "C2.2",
    "equilibrium_values": "C2.2",
    "counterexamples": "C2.1",
    "tradeoff": "C2",
    "annealing": "C2",
    "alignment": "A2",
}
KINDS = {"primary": 0, "control": 1}  # others after these
FLOOR = 0.2  # where the published schedule stops
ANNEALED = {"team": "Linear-quadratic team", "entropy": "Games with entropy"}
READINGS = {
    "none": "no condition of alignment",
    "end": "aligned in softmax coordinates at the point itself",
    "visited": "aligned wherever exact ascent goes, on J and on J_\u03b1",
    "simplex": "aligned in simplex coordinates at every profile",
    "simplex_each": "aligned in simplex coordinates at every profile, agent by agent",
    "signs": "sign agreement for every change of one agent",
    "softmax": "aligned at every finite softmax \u03b8",
}
INCLUSIONS = {
    "lost": "an equilibrium of J that is none of J_\u03b1",
    "gained": "an equilibrium of J_\u03b1 that is none of J",
    "equal": "equal sets without alignment",
    "unaligned": "a profile that is not aligned",
}


def equilibrium_context(tables: Tables) -> dict[str, Any]:
    """What the page's template needs of the equilibrium tables."""
    groups = {
        "rates": ("equilibrium_rates", law_blocks),
        "worth": ("equilibrium_values", law_blocks),
        "examples": ("counterexamples", example_groups),
        "rules": ("tradeoff", tradeoff_groups),
        "aligned": ("alignment", alignment_groups),
        "annealed": ("annealing", annealing_groups),
    }
    return {name: group(tables.get(table, ())) for name, (table, group) in groups.items()}


def law_blocks(rows: Sequence[Record]) -> list[Block]:
    """Rows of one law together, primary laws first, then controls: {label, kind, rows}.

    The rows of a block are sorted by equilibrium (`which`) and alpha, 'every alpha' last.
    """
    blocks = group_by(rows, lambda row: (KINDS.get(str(row.get("kind")), len(KINDS)), _law(row)))
    return [
        {"label": label, "kind": str(block[0].get("kind") or ""), "rows": sorted(block, key=_order)}
        for (_, label), block in sorted(blocks.items(), key=lambda item: item[0][0])
    ]


def _order(row: Record) -> tuple[bool, str, Any]:
    return isinstance(row["alpha"], str), str(row.get("which") or ""), row["alpha"]


def _law(row: Record) -> str:
    """Cost, reference and size of a row in words."""
    mixed = "mixed equilibria too" if row.get("points") == "mixed" else ""
    if row.get("bound") == "upper":
        mixed += " (differences only: the rate is an upper bound)"
    reference = laws.reference_name(str(row["reference"]))
    return _list(_cost(row), reference, _count(row, "n_agents", "agents"), _count(row, "n_actions", "actions"), mixed)


def _cost(row: Record) -> str:
    return laws.COSTS.get(str(row["cost"]), str(row["cost"] or ""))


def _count(row: Record, field: str, unit: str) -> str:
    return "" if row.get(field) is None else f"{row[field]} {unit}"


def _list(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def example_groups(rows: Sequence[Record]) -> list[Block]:
    """`counterexamples` by reading of alignment, in the order they come: {reading, rows}; inclusions in words."""
    readings = group_by(rows, lambda row: str(row.get("reading") or ""))
    return [
        {"reading": READINGS.get(reading, reading), "rows": [row | {"inclusion": _inclusion(row)} for row in found]}
        for reading, found in readings.items()
    ]


def _inclusion(row: Record) -> str:
    key = str(row.get("inclusion") or "")
    return INCLUSIONS.get(key, key)


def tradeoff_groups(rows: Sequence[Record]) -> list[Block]:
    """`tradeoff` by system: {system, rules}; of each rule the exponent and both ends in N."""
    found = group_by(to_records(rules(frames({"tradeoff": rows})["tradeoff"])), lambda row: row["system"])
    return [
        {"system": tradeoff_system(system) if system else "", "rules": [_rule(row) for row in own]}
        for system, own in found.items()
    ]


def _rule(row: Record) -> Block:
    ends = {end: {name: row[f"{end}_{name}"] for name in ("n", "shift", "lost")} for end in ("first", "last")}
    return {"name": rule_name(row["rule"]), **{name: row[name] for name in ("exponent", "low", "high")}, **ends}


def annealing_groups(rows: Sequence[Record]) -> list[Block]:
    """`annealing` by system: {system, rows}, the largest alpha at the end first; ends above 0.2 are left out."""
    low = [row for row in rows if _alpha_end(row) <= FLOOR]
    return [
        {"system": _annealed(found[0]), "rows": sorted(found, key=_alpha_end, reverse=True)}
        for found in group_by(low, lambda row: str(row["system"])).values()
    ]


def _alpha_end(row: Record) -> float:
    return float(row.get("alpha_end") or 0.0)


def _annealed(row: Record) -> str:
    if row.get("cost") and row.get("reference"):
        return _law(row)
    return ANNEALED.get(str(row["system"]), system_name(row["system"]))


def alignment_groups(rows: Sequence[Record]) -> list[Block]:
    """`alignment` by law of fleets: {label, rows}, one row per policy."""
    return [{"label": label, "rows": found} for label, found in group_by(rows, _alignment).items()]


def _alignment(row: Record) -> str:
    reference = laws.reference_name(str(row["reference"])) if row.get("reference") else ""
    agents = _count(row, "n_agents", "agents") if row.get("n_agents") else ""
    return _list(system_name(row["system"]), _cost(row).lower(), reference, agents)
