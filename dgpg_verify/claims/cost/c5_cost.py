"""C5: guidance adds little to the cost of its base method, and its model costs O(1) per agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dgpg_verify.claims.cost.measure import CONTROL, METHODS, MORE, cost_cells, measure_cost_cell
from dgpg_verify.claims.ledger import Records, distinct, ledger_row, provenance
from dgpg_verify.claims.records import RECORDS
from dgpg_verify.claims.training.questions import FEWEST_FOR_CONTROL
from dgpg_verify.core import Cell, Evidence, LedgerRow, Verdict
from dgpg_verify.statistics import fit_scaling, geometric_mean_interval, judge, judge_threshold

STATEMENT = "Guidance adds little to the time and memory of its base method; evaluating its model costs O(1) per agent."
ADDED = 1.05  # little: at most 5 %
MINIMUM_N = 16
FEWEST_COUNTS = 3  # fleets for the control of memory, whose counts vary little; timings need more
LEVEL = 0.95
SENTENCES = {
    "supported": "DG-PG takes {value:.3f} times the {what} of MAPPO [{low:.3f}, {high:.3f}] at N = {n}.",
    "refuted": "DG-PG takes {value:.3f} times the {what} of MAPPO [{low:.3f}, {high:.3f}] at N = {n}: more than 5 %.",
    "inconclusive": "DG-PG takes {value:.3f} times the {what} of MAPPO [{low:.3f}, {high:.3f}] at N = {n}.",
}
GROWTH = {
    "supported": "Evaluating the model costs N^{value:.2f} per agent [{low:.2f}, {high:.2f}], N = {n}.",
    "refuted": "Evaluating the model costs N^{value:.2f} per agent [{low:.2f}, {high:.2f}], N = {n}: it grows.",
    "inconclusive": "Evaluating the model costs N^{value} per agent, which does not decide, N = {n}.",
}
# N -> fleets, options of the system, rounds, fleets of each N on which memory is measured
SIZES: Mapping[str, tuple[Mapping[int, int], Mapping[str, Any], int, int]] = {
    "smoke": ({16: 2}, {"horizon": 3}, 2, 2),
    "standard": (dict.fromkeys((16, 32, 64, 128), 6), {"horizon": 20}, 6, 3),
    "full": ({25: 6} | dict.fromkeys((150, 300, 600, 1500), 6), {"horizon": 50}, 6, 6),
}
Fleets = Mapping[int, Sequence[Evidence]]


@dataclass(frozen=True)
class CostClaim:
    """Ratios of least times and of peak bytes of tensors, fleet by fleet; growth of the model's time with N."""

    id: str = "C5"
    title: str = "The cost of guidance"
    source: str = "remarks on complexity"
    statement: str = STATEMENT
    relation: str = "at_most"
    expected: float = ADDED
    margin: float = 0.0
    controls: Sequence[Any] = ()
    decided_at: str = "full"

    @property
    def recorded(self) -> Mapping[str, tuple[str, str]]:
        return RECORDS

    def cells(self, scale: str, seed: int) -> Sequence[Cell]:
        return cost_cells(*SIZES[scale], seed)

    def measure(self, cell: Cell) -> Evidence:
        return measure_cost_cell(cell)

    def cost(self, cell: Cell) -> float:
        return float(cell.n * 10**4)

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        fleets: dict[int, list[Evidence]] = {}
        for item in evidence:
            fleets.setdefault(item.cell.n, []).append(item)
        rows = [_ratio(n, items, what, self.recorded) for n, items in fleets.items() for what in ("time", "memory")]
        return [*rows, _growth(fleets, self.recorded), *_controls(fleets)]

    def tables(self, evidence: Sequence[Evidence]) -> dict[str, list[dict[str, Any]]]:
        return {"guidance_cost": [_record(item) for item in evidence]}


def _ratio(n: int, items: Sequence[Evidence], what: str, recorded: Records) -> LedgerRow:
    suffix = {"time": "seconds", "memory": "bytes"}[what]
    items = [item for item in items if f"mappo_{suffix}" in item.values]
    ratios = [float(item.values[f"dgpg_{suffix}"]) / float(item.values[f"mappo_{suffix}"]) for item in items]
    verdict = judge_threshold(geometric_mean_interval(ratios, LEVEL), ADDED)
    note = f"ratios {min(ratios):.3f} to {max(ratios):.3f}"
    return _row(f"{what}/N={n}", f"{what} ratio", verdict, items, ADDED, "at_most", SENTENCES, recorded, what, note)


def _controls(fleets: Fleets) -> list[LedgerRow]:
    """Passed off as DG-PG, what is known to take more must be refuted as little: the time of HAPPO, which updates
    agents one after the other, and the memory of MAPPO with two roll-outs an update."""
    made = []
    for what, suffix, key, name, fewest in (
        ("time", "seconds", f"{CONTROL}_seconds", "HAPPO", FEWEST_FOR_CONTROL),
        ("memory", "bytes", "more_bytes", f"MAPPO with {MORE} roll-outs", FEWEST_COUNTS),
    ):
        items = [item for n in sorted(fleets) for item in fleets[n] if key in item.values]
        ratios = [float(item.values[key]) / float(item.values[f"mappo_{suffix}"]) for item in items]
        if len(ratios) < fewest:
            continue
        verdict = judge_threshold(geometric_mean_interval(ratios, LEVEL), ADDED)
        note = f"{name}, a control"
        row = _row(f"{what}/control", f"{what} ratio", verdict, items, ADDED, "at_most", SENTENCES, {}, what, note)
        said = row.holds_when.replace("DG-PG", name)
        known = {"primary": False, "kind": "control", "expected_label": "refuted"}
        made.append(replace(row, **known, policy=f"{name} against MAPPO", holds_when=said))  # type: ignore[arg-type]
    return made


def _growth(fleets: Fleets, recorded: Records) -> LedgerRow:
    """Exponent of the model's time per agent: at most 0."""
    n_values = [n for n in sorted(fleets) if 10 * n >= max(fleets)]
    items = [item for n in n_values for item in fleets[n]]
    per_agent = np.array([[float(item.values["model_seconds"]) / n for item in fleets[n]] for n in n_values])
    fit = fit_scaling(n_values, per_agent, LEVEL, minimum_n=MINIMUM_N)
    # small N pay a fixed price for each call, so the curve falls first and is no straight line
    verdict = judge(fit, 0.0, 0.15, "big_o", proved_bound=True)
    note = "two non-zeros of z for every agent: 2 N products a joint step"
    return _row("model/growth", "exponent per agent", verdict, items, 0.0, "big_o", GROWTH, recorded, "model", note)


def _row(
    key: str,
    statistic: str,
    verdict: Verdict,
    items: Sequence[Evidence],
    expected: float,
    relation: str,
    sentences: Mapping[str, str],
    recorded: Records,
    what: str,
    note: str,
) -> LedgerRow:
    estimate = verdict.estimate
    n_values = distinct(item.cell.n for item in items)
    known = estimate.value is not None and estimate.low is not None and estimate.high is not None
    shown = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "what": what}
    shown["n"] = ", ".join(map(str, n_values))
    options = ", ".join(f"{name} {value}" for name, value in items[0].cell.options["options"].items())
    return ledger_row(
        "C5",
        key,
        verdict,
        provenance(items, replicates=min(sum(item.cell.n == n for item in items) for n in n_values)),
        recorded,
        statement=STATEMENT,
        holds_when=sentences[verdict.label].format(**shown) if known else "Not measurable.",
        system=f"cloud ({options})",
        policy="DG-PG against MAPPO",
        statistic=statistic,
        relation=relation,
        expected=expected,
        margin=0.15 if relation == "big_o" else None,
        notes=(note,),
        primary=True,
        setting="parts",
    )


def _record(item: Evidence) -> dict[str, Any]:
    base, guided = float(item.values["mappo_seconds"]), float(item.values["dgpg_seconds"])
    small, large = (item.values.get(f"{name}_bytes") for name in METHODS)
    return {
        "n": item.cell.n, "replicate": item.cell.replicate, "base_seconds": base, "guided_seconds": guided,
        "ratio": guided / base, "base_bytes": small, "guided_bytes": large,
        "bytes_ratio": None if small is None or large is None else float(large) / float(small),
        "model_seconds": float(item.values["model_seconds"]),
    }  # fmt: skip


CLAIM = CostClaim()
