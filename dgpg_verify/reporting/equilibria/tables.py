"""Tables of the equilibrium sections: rates, values, counterexamples in words, trade-off, annealing."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from dgpg_verify.reporting.equilibria import laws
from dgpg_verify.reporting.equilibria.aggregate import rules
from dgpg_verify.reporting.equilibria.tradeoff import rule_name
from dgpg_verify.reporting.frame import frame, to_records
from dgpg_verify.reporting.records import COLUMNS, Record, group_by
from dgpg_verify.reporting.wording import system_name, worded

Block = dict[str, Any]
KINDS = {"primary": 0, "control": 1}  # others after these
FLOOR = 0.2  # where the published schedule stops


def law_blocks(rows: Sequence[Record]) -> list[Block]:
    """Rows of one law together, primary laws first, then controls; by equilibrium (`which`) and alpha, 'every' last."""

    def rank(row: Record) -> int:
        return KINDS.get(row.get("kind", ""), len(KINDS))

    def order(row: Record) -> tuple[bool, str, Any]:
        return isinstance(row["alpha"], str), row.get("which") or "", row["alpha"]

    return _blocks(sorted(rows, key=rank), lambda row: (rank(row), _law(row)), _law, order)


def example_groups(rows: Sequence[Record]) -> list[Block]:
    """`counterexamples` by reading of alignment, in the order they come."""
    return _blocks(rows, lambda row: row["reading"], lambda row: worded("readings", row["reading"] or ""))


def tradeoff_groups(rows: Sequence[Record]) -> list[Block]:
    """`tradeoff` by system; of each rule the exponent and both ends in N."""
    named = [row | {"name": rule_name(row["rule"])} for row in to_records(rules(frame(rows, COLUMNS["tradeoff"])))]
    return _blocks(named, lambda row: row["system"], lambda row: row["system"] and laws.kind_name(row["system"]))


def annealing_groups(rows: Sequence[Record]) -> list[Block]:
    """`annealing` by system, the largest alpha at the end first; ends above 0.2 are left out."""

    def order(row: Record) -> float:
        return -float(row["alpha_end"] or 0.0)

    def label(row: Record) -> str:
        return _law(row) if row["cost"] and row["reference"] else laws.kind_name(row["system"])

    return _blocks([row for row in rows if -order(row) <= FLOOR], lambda row: row["system"], label, order)


def alignment_groups(rows: Sequence[Record]) -> list[Block]:
    """`alignment` by law of fleets, one row per policy."""

    def label(row: Record) -> str:
        return f"{system_name(row['system'])}, {_law(row, str.lower)}"

    return _blocks(rows, label, label)


def _blocks(
    rows: Sequence[Record],
    key: Callable[[Record], Hashable],
    label: Callable[[Record], str],
    order: Callable[[Record], Any] = lambda row: 0,
) -> list[Block]:
    """{label, rows} for rows of the same `key`, as they come, each block's in their `order`."""
    return [{"label": label(block[0]), "rows": sorted(block, key=order)} for block in group_by(rows, key).values()]


def _law(row: Record, case: Callable[[str], str] = str) -> str:
    """Cost (in that `case`), reference and size of a row in words."""
    sizes = [
        f"{row[size]} {unit}" for size, unit in (("n_agents", "agents"), ("n_actions", "actions")) if row.get(size)
    ]
    mixed = "mixed equilibria too" if row.get("points") == "mixed" else ""
    if row.get("bound") == "upper":
        mixed += " (differences only: the rate is an upper bound)"
    cost = case(laws.cost_name(row["cost"] or ""))
    parts = cost, laws.reference_name(row["reference"] or ""), *sizes, mixed
    return ", ".join(part for part in parts if part)


BLOCKS = {  # table -> how its rows are grouped
    "equilibrium_rates": law_blocks,
    "equilibrium_values": law_blocks,
    "counterexamples": example_groups,
    "tradeoff": tradeoff_groups,
    "annealing": annealing_groups,
    "alignment": alignment_groups,
}
