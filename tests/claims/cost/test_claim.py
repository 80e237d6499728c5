"""C5: ratios and growth on made-up times, and one real cell."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dgpg_verify.claims.cost.c5_cost import CLAIM, ROW
from dgpg_verify.claims.cost.measure import CONTROL_N, measure_cost, peak_bytes
from dgpg_verify.claims.design import Row
from dgpg_verify.core import Cell, Evidence, LedgerRow
from tests.claims.judging import judge, measured_of


def cost_cells(n_values: dict[int, int], horizon: int, rounds: int, weighed: int) -> list[Cell]:
    options = {"system": "cloud", "options": {"horizon": horizon}, "rounds": rounds, "weighed": weighed}
    return Row("cost", ROW, n_values, options).cells(0)


def judged(added: float, growth: float, bytes_added: float = 0.0, fleets: int = 6) -> dict[str, LedgerRow]:
    return {row.row: row for row in judge(CLAIM, evidence(added, growth, bytes_added, fleets))}


def evidence(added: float, growth: float, bytes_added: float = 0.0, fleets: int = 6) -> list[Evidence]:
    """Six fleets a size whose guidance adds a share `added` (within 1 %) and whose model costs N^(1 + growth); memory
    is measured on half of them."""
    cells = cost_cells(dict.fromkeys((25, 50, 100, 200), fleets), 20, 3, fleets // 2)
    return [made_up(cell, added, growth, bytes_added) for cell in cells]


def made_up(cell: Cell, added: float, growth: float, bytes_added: float = 0.0) -> Evidence:
    values = {
        "mappo_seconds": 1.0,
        "dgpg_seconds": 1.0 + added + 0.002 * (cell.replicate - 2.5),
        "model_seconds": 1e-6 * cell.n ** (1.0 + growth) * (1.0 + 0.01 * cell.replicate),
    }
    if cell.n <= CONTROL_N:
        values["happo_seconds"] = 5.0 + cell.replicate
    weighed = np.arange(cell.options["weighed"])
    if cell.replicate == 0 and len(weighed):
        base = np.full(len(weighed), 1e9)
        values |= {"mappo_bytes": base, "dgpg_bytes": base * (1.0 + bytes_added)}
        if cell.n <= CONTROL_N:
            values["more_bytes"] = 1.5e9 + 1e7 * weighed
    return Evidence(cell, values, 1.0)


def test_little_and_much_are_told_apart() -> None:
    small, large = judged(0.01, 0.0), judged(0.2, 0.0, bytes_added=0.3)
    assert small["C5/time/N=100"].verdict == "supported" and large["C5/time/N=100"].verdict == "refuted"
    assert small["C5/memory/N=25"].verdict == "supported" and large["C5/memory/N=25"].verdict == "refuted"


def test_a_model_that_costs_more_per_agent_at_larger_n_is_seen() -> None:
    assert judged(0.0, 0.0)["C5/model/growth"].verdict == "supported"
    assert judged(0.0, 1.0)["C5/model/growth"].verdict == "refuted"


def test_a_real_cell_measures_both_methods_and_the_model() -> None:
    cell = cost_cells({3: 1}, 3, 1, 0)[0]
    values = measure_cost(cell)
    assert all(values[name] > 0 for name in ("mappo_seconds", "dgpg_seconds", "model_seconds"))
    assert values["happo_seconds"] > 0
    assert not any("bytes" in name for name in values), "memory was not asked for"


def test_memory_is_judged_from_the_fleets_it_was_measured_on() -> None:
    rows = judged(0.01, 0.0)
    assert rows["C5/memory/N=50"].replicates == 3 and rows["C5/time/N=50"].replicates == 6
    shown = [
        record["bytes_ratio"]
        for record in CLAIM.tables(measured_of(evidence(0.01, 0.0)))["guidance_cost"]
        if record["n"] == 50
    ]
    assert shown == [1.0, *[None] * 5], "in the first cell of a size"


def test_memory_is_counted_to_the_byte(capfd: pytest.CaptureFixture[str]) -> None:
    """Two arrays of 4 MB and their sum; then 8 MB that come after they are gone; what was there before counts not."""
    before = torch.ones(1000, 1000)

    def work() -> None:
        total = torch.zeros(1000, 1000) + torch.ones(1000, 1000)
        del total
        torch.zeros(1000, 2000)

    assert peak_bytes(work) == 12_000_000
    assert peak_bytes(lambda: before.mul_(2.0)) < 100
    capfd.readouterr()  # the profiler talks


def test_memory_is_that_of_training_and_the_same_every_time() -> None:
    cells = [cost_cells({n: 1}, 10, 1, weighed)[0] for n, weighed in ((5, 2), (80, 1), (80, 1))]
    small, large, again = (measure_cost(cell) for cell in cells)
    assert small["mappo_bytes"].shape == (2,) and small["mappo_bytes"][0] != small["mappo_bytes"][1], "two fleets"
    agents, parameters, moments = 80, 8_000, 2  # at least: networks of 2 x 64 units, their gradients, Adam's moments
    assert 4 * agents * 64 * 64 * (1 + moments) < large["mappo_bytes"] < 100 * 4 * agents * parameters
    assert (1.1 * small["mappo_bytes"] < small["more_bytes"]).all()
    assert (small["mappo_bytes"] < large["mappo_bytes"]).all()
    assert all(large[name] == again[name] for name in ("mappo_bytes", "dgpg_bytes"))
    assert "more_bytes" not in large, "above CONTROL_N"


@pytest.mark.parametrize("what", ["time", "memory"])
def test_the_control_must_be_seen_to_cost_more(what: str) -> None:
    row = judged(0.0, 0.0)[f"C5/{what}/control"]
    assert (row.kind, row.verdict, row.expected_label) == ("control", "refuted", "refuted")
    assert "DG-PG" not in row.holds_when


def test_the_control_is_silent_where_few_timings_could_not_decide() -> None:
    assert not any("control" in key for key in judged(0.0, 0.0, fleets=4))


@pytest.mark.parametrize("scale", ["standard", "full"])
def test_every_row_of_a_scale_can_be_decided(scale: str) -> None:
    """Growth needs enough N, the control enough fleets, memory at least an interval."""
    (row,) = CLAIM.design(scale)
    made = [made_up(cell, 0.01, 0.0) for cell in row.cells(0)]
    rows = {row.row: row for row in judge(CLAIM, made, {row.key: row})}
    assert {row.verdict for row in rows.values() if row.kind == "claim"} == {"supported"}
    assert {row.verdict for row in rows.values() if row.kind == "control"} == {"refuted"}
    assert {"C5/time/control", "C5/memory/control"} <= set(rows)
