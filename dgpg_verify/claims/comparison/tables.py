"""The records of C6 that figures and the table on the page are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dgpg_verify.claims.comparison.design import NOISE
from dgpg_verify.claims.comparison.measure import PROBES
from dgpg_verify.claims.comparison.methods import ALPHA, METHODS, MIXTURE, Compared
from dgpg_verify.claims.declared import declared
from dgpg_verify.claims.noise.read import CellStats, CreditStats
from dgpg_verify.claims.series import Measured
from dgpg_verify.core import Evidence

Records = Sequence[Mapping[str, Any]]


def comparison_tables(measured: Measured) -> dict[str, Records]:
    """`frontier`: noise, bias and time of every credit on every fleet; `compared_curves`: exact gaps of all methods."""
    noise = measured[NOISE].flat if NOISE in measured else ()
    users: dict[str, list[Compared]] = {}
    for method in METHODS:
        if method.credit:
            users.setdefault(method.id if method.credit == MIXTURE else method.credit, []).append(method)
    return {
        "frontier": [_gradient(item, read_cell(item), credit, methods)
                     for item in noise for credit, methods in users.items()],
        "compared_curves": [record for method in METHODS for item in _learning(measured, method)
                            for record in _curve(item, method)],
        "declared": declared("comparison"),
    }  # fmt: skip


def read_cell(item: Evidence) -> CellStats:
    """A cell of the row `noise`; where the mean of a credit is known to be grad J, it is taken to be."""
    cell = CellStats.read(item)
    known = [cell.names.index(name) for name in item.values["unbiased"]]
    cell.signal[np.ix_(known, known)] = cell.to_objective[known] = cell.lengths["return"]
    return cell


def credit_of(cell: CellStats, method: Compared) -> CreditStats:
    """What the method's gradient is made of."""
    return cell.guided(ALPHA, method.reading) if method.credit == MIXTURE else cell[method.credit]


def _gradient(item: Evidence, cell: CellStats, credit: str, methods: Sequence[Compared]) -> dict[str, Any]:
    """Sums of squares, not ratios: these are taken of their means over fleets."""
    stats = credit_of(cell, methods[0])
    parts = ("return", "guidance") if methods[0].credit == MIXTURE else (credit,)
    places = [cell.names.index(name) for name in parts]
    found = item.values["reads"][places].any(0)
    return {
        "credit": credit, "methods": ", ".join(method.name for method in methods), "n": cell.n, "fleet": cell.fleet,
        "variance": stats.variance, "signal": stats.signal, "inner": stats.inner, "objective": stats.objective,
        "seconds": float(item.values["seconds"][places].sum()),
        "reads": ", ".join(name for name, read in zip(PROBES, found, strict=True) if read),
    }  # fmt: skip


def _learning(measured: Measured, method: Compared) -> Sequence[Evidence]:
    key = f"learning/{method.id}"
    return measured[key].flat if key in measured else ()


def _curve(item: Evidence, method: Compared) -> Records:
    start = float(item.values["gap"][0])
    pairs = zip(item.values["samples"], item.values["gap"], strict=True)
    return [
        {"method": method.id, "n": item.cell.n, "fleet": item.cell.replicate, "samples": int(samples),
         "share": float(gap) / start}
        for samples, gap in pairs
    ]  # fmt: skip
