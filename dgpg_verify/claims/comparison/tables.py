"""The records of C6 that figures and the table on the page are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dgpg_verify.claims.comparison.design import FACTORS, LEARNED, NOISE, is_learned
from dgpg_verify.claims.comparison.methods import ALPHA, METHODS, MIXTURE, Compared
from dgpg_verify.claims.comparison.probes import PROBES
from dgpg_verify.claims.declared import declared
from dgpg_verify.claims.noise.read import CellStats, CreditStats
from dgpg_verify.claims.samples.read import arrivals_in
from dgpg_verify.claims.series import Measured
from dgpg_verify.core import Evidence

Records = Sequence[Mapping[str, Any]]


def comparison_tables(measured: Measured) -> dict[str, Records]:
    """`frontier`: noise, bias and time of every credit on every fleet; `compared_arrivals`: samples of
    all methods."""
    noise = [item for key in (NOISE, LEARNED) if key in measured for item in measured[key].flat]
    users: dict[str, list[Compared]] = {}
    for method in METHODS:
        if method.credit:
            users.setdefault(method.id if method.credit == MIXTURE else method.credit, []).append(method)
    return {
        "frontier": [_gradient(item, read_cell(item), credit, methods)
                     for item in noise for credit, methods in users.items() if _holds(item, credit, methods)],
        "compared_arrivals": [record for method in METHODS for record in _arrivals(method, measured)],
        "declared": declared("comparison"),
    }  # fmt: skip


def _holds(item: Evidence, credit: str, methods: Sequence[Compared]) -> bool:
    """Whether the cell measures the credit, in the row that is there for it."""
    mixed = methods[0].credit == MIXTURE
    return item.cell.row == NOISE if mixed else is_learned(credit) == (item.cell.row == LEARNED)


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
        "seconds": float(item.values["seconds"][places].sum()), "fitting": float(item.values["fitting"][places].sum()),
        "reads": ", ".join(name for name, read in zip(PROBES, found, strict=True) if read),
    }  # fmt: skip


def _arrivals(method: Compared, measured: Measured) -> Records:
    """Joint samples to each share of the first gap; None where a run did not come to stay within it."""
    key = f"learning/{method.id}"
    items = measured[key].flat if key in measured else ()
    return [
        {"method": method.name, "n": item.cell.n, "fleet": item.cell.replicate, "factor": factor,
         "samples": float(high) if np.isfinite(high) else None}
        for item in items
        for factor, high in zip(FACTORS, arrivals_in(item)[0], strict=True)
    ]  # fmt: skip
