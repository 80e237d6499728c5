"""Tables of the equilibrium sections: rates, values, counterexamples in words, trade-off, annealing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dgpg_verify.reporting.drawing.select import number
from dgpg_verify.reporting.equilibria.references import COSTS, reference_name
from dgpg_verify.reporting.equilibria.tradeoff import SYSTEMS, tradeoff_rules, tradeoff_system
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import system_name

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
    return {
        "rates": rate_groups(tables.get("equilibrium_rates", ())),
        "worth": value_groups(tables.get("equilibrium_values", ())),
        "examples": example_groups(tables.get("counterexamples", ())),
        "rules": tradeoff_groups(tables.get("tradeoff", ())),
        "aligned": alignment_groups(tables.get("alignment", ())),
        "annealed": annealing_groups(tables.get("annealing", ())),
    }


def _law(row: Record) -> str:
    """Cost, reference and size of a row in words."""
    size = f"{row['n_agents']} agents" if row.get("n_agents") is not None else ""
    actions = f"{row['n_actions']} actions" if row.get("n_actions") is not None else ""
    mixed = "mixed equilibria too" if row.get("points") == "mixed" else ""
    if row.get("bound") == "upper":
        mixed += " (differences only: the rate is an upper bound)"
    cost = COSTS.get(str(row["cost"]), str(row["cost"]))
    parts = (cost, reference_name(str(row["reference"])), size, actions, mixed)
    return ", ".join(part for part in parts if part)


def _blocks(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """Rows of one law together: {label, kind, rows by alpha}, primary laws first, then controls."""
    found: dict[tuple[int, str], list[Record]] = {}
    for row in rows:
        found.setdefault((KINDS.get(str(row.get("kind")), len(KINDS)), _law(row)), []).append(row)
    made = []
    for (_, label), mine in sorted(found.items(), key=lambda item: item[0][0]):
        mine.sort(key=lambda row: (isinstance(row["alpha"], str), str(row.get("which") or ""), row["alpha"]))
        made.append({"label": label, "kind": str(mine[0].get("kind") or ""), "rows": mine})
    return made


def rate_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """`equilibrium_rates` by law, primary laws first: {label, kind, rows}; `every alpha` last in a block."""
    return _blocks(rows)


def value_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """`equilibrium_values` by law: {label, kind, rows}, for each law best, reached and worst over alpha."""
    return _blocks(rows)


def example_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """`counterexamples` by reading of alignment, in the order they come: {reading, rows}; inclusions in words."""
    made: dict[str, list[Record]] = {}
    for row in rows:
        said = INCLUSIONS.get(str(row.get("inclusion")), str(row.get("inclusion") or ""))
        made.setdefault(str(row.get("reading") or ""), []).append({**row, "inclusion": said})
    return [{"reading": READINGS.get(reading, reading), "rows": found} for reading, found in made.items()]


def tradeoff_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """`tradeoff` by system: {system, n, rules}; of each rule the exponent and both ends in N."""
    made = []
    for system in dict.fromkeys(tradeoff_system(row) for row in rows):
        rules = [_ends(rule) for rule in tradeoff_rules([row for row in rows if tradeoff_system(row) == system])]
        made.append({"system": SYSTEMS.get(system) or (system_name(system) if system else ""), "rules": rules})
    return made


def _ends(rule: Any) -> Mapping[str, Any]:
    at = {"n": rule.n, "shift": rule.shift, "lost": rule.lost}
    first, last = ({name: values[k] if values else None for name, values in at.items()} for k in (0, -1))
    return {
        "name": rule.name,
        "exponent": rule.exponent,
        "low": rule.low,
        "high": rule.high,
        "first": first,
        "last": last,
    }


def annealing_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """`annealing` by system: {system, rows}, the largest alpha at the end first; ends above 0.2 are left out."""
    made = []
    low = [row for row in rows if (number(row.get("alpha_end")) or 0.0) <= FLOOR]
    for system in dict.fromkeys(str(row["system"]) for row in low):
        mine = [row for row in low if str(row["system"]) == system]
        mine.sort(key=lambda row: -(number(row.get("alpha_end")) or 0.0))
        made.append({"system": _system(mine[0]), "rows": mine})
    return made


def _system(row: Record) -> str:
    if row.get("cost") and row.get("reference"):
        return _law(row)
    return ANNEALED.get(str(row["system"]), system_name(row["system"]))


def alignment_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """`alignment` by law of fleets: {label, rows}, a row a policy."""
    made: dict[str, list[Record]] = {}
    for row in rows:
        parts = (system_name(row["system"]), _costs(row), f"{row['n_agents']} agents" if row.get("n_agents") else "")
        made.setdefault(", ".join(part for part in parts if part), []).append(row)
    return [{"label": label, "rows": mine} for label, mine in made.items()]


def _costs(row: Record) -> str:
    cost = str(row.get("cost") or "")
    reference = reference_name(str(row["reference"])) if row.get("reference") else ""
    return ", ".join(part for part in (COSTS.get(cost, cost).lower(), reference) if part)
