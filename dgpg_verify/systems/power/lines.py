"""Lines of a power network in direct current: what of each generator's output flows over which line.

The angles theta of the buses solve B theta = p, p being what is fed in at each bus and B the Laplacian of 1 / x; a line
carries the difference of the angles at its ends over its reactance x. Every generator feeds all loads, in proportion to
them: flows are then linear in the outputs, nothing flows while nobody runs, and where the outputs meet the demand they
are those of the network. What is lacking, or too much, is shared out to the loads likewise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from dgpg_verify.core import InputError

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
BALANCE = 1e-8  # the most that a bus may gain or lose of a generator's unit


@dataclass(frozen=True, eq=False)
class Grid:
    """start, end: buses of each line, in 0 ... buses - 1 and connected [E]; reactance, not 0 [E]; limit of its flow,
    inf for none [E]; bus of each generator [G]; load of each bus, sum > 0 [buses]."""

    start: Ints
    end: Ints
    reactance: Array
    limit: Array
    bus: Ints
    load: Array

    def copied(self, count: int) -> Grid:
        """Every generator `count` times at its bus, `count` times the loads and the limits: the flows that are best
        grow alike."""
        return replace(self, bus=np.tile(self.bus, count), load=count * self.load, limit=count * self.limit)


@dataclass(frozen=True, eq=False)
class Wires:
    """The lines that have a limit. transfer [L, G]: flow from start to end for each unit of a generator's output;
    limit [L]."""

    transfer: Array
    limit: Array


def limited_lines(grid: Grid) -> Wires:
    """Power transfer distribution factors of the lines that have a limit.

    Raises InputError where negative reactances leave no solution. Cost: a sparse factorisation of B, and O(E G).
    """
    held = np.isfinite(grid.limit)
    return Wires(transfer_factors(grid)[held], grid.limit[held])


def transfer_factors(grid: Grid) -> Array:
    """Flow of every line for each unit of a generator's output, [E, G]; raises as `limited_lines`."""
    buses, lines = len(grid.load), len(grid.start)
    rows = np.arange(lines)
    ends = np.concatenate([grid.start, grid.end])
    signs = np.repeat([1.0, -1.0], lines)
    incidence = sparse.csr_array((signs, (np.tile(rows, 2), ends)), shape=(lines, buses))
    susceptance = sparse.dia_array((1.0 / grid.reactance[None], [0]), shape=(lines, lines))
    laplacian = (incidence.T @ susceptance @ incidence).tocsc()
    places, of_generator = np.unique(grid.bus, return_inverse=True)
    fed = np.repeat(-grid.load[:, None] / grid.load.sum(), len(places), axis=1)
    fed[places, np.arange(len(places))] += 1.0
    angle = np.zeros_like(fed)
    try:
        angle[1:] = splu(laplacian[1:, 1:]).solve(fed[1:])
    except RuntimeError:  # singular
        angle[:] = np.nan
    flow = susceptance @ (incidence @ angle)
    if not float(np.abs(incidence.T @ flow - fed).max()) <= BALANCE:
        raise InputError("branches are not allowed: their x leave no flow that is balanced at every bus")
    return np.asarray(flow[:, of_generator])


def drawn_lines(output: Array, demand: float, rng: np.random.Generator) -> Wires:
    """A plane network of N >= 2 generators, a bus and a load each. Our declared choice: a square grid, its last row
    perhaps short; reactances and loads (before they are scaled to the demand) uniform in [1/2, 3/2]; limits the flow
    when each generator gives its `output` [N], which meets the demand, and up to the mean of such flows more."""
    bus = np.arange(len(output))
    columns = int(np.ceil(np.sqrt(len(output))))
    beside, below = bus[(bus % columns < columns - 1) & (bus < len(bus) - 1)], bus[: len(bus) - columns]
    start, end = np.concatenate([beside, below]), np.concatenate([beside + 1, below + columns])
    load = rng.uniform(0.5, 1.5, len(bus))
    reactance = rng.uniform(0.5, 1.5, len(start))
    grid = Grid(start, end, reactance, np.full(len(start), np.inf), bus, demand * load / load.sum())
    transfer = transfer_factors(grid)
    usual = np.abs(transfer @ output)
    return Wires(transfer, usual + usual.mean() * rng.uniform(0.0, 1.0, len(start)))
