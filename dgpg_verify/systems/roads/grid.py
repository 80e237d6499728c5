"""A synthetic town that grows with its travellers: a street grid four blocks high, and local trips.

Our declared choice: one traveller for each crossing, on a trip of one or two blocks along and across (not 1 + 1), whose
weight has the gamma law of load-balancing jobs; link times at free flow uniform in [1, 1.25], capacities log-uniform in
[1, 2] times what gives a mean load of 1/2 at an even split over the shortest paths; congestion as in the standard form
of the Bureau of Public Roads (b = 0.15, power 4). So links, trips and loads per traveller do not depend on N.
"""

from __future__ import annotations

import itertools

import numpy as np

from dgpg_verify.systems.roads.links import Array, Ints, Links

ROWS = 4
LEAST_COLUMNS = 4
MEAN_LOAD = 0.5
MOST_PATHS = 3  # a trip of 1 + 2 blocks has three paths without a detour, and any detour takes longer: 5 > 3 * 1.25
SHAPES = ((1, 2), (2, 1), (2, 2))  # blocks across the rows and along them
STEPS = np.array([(0, 1), (0, -1), (1, 0), (-1, 0)])  # row and column of a step in each direction
NO_LINK = -1


def street_grid(n_travellers: int, n_paths: int, rng: np.random.Generator) -> tuple[Links, Ints, Array]:
    """Draw a town and the trips of its travellers.

    Returns
    -------
    links [L], about 3.5 for each traveller; the n_paths <= 3 shortest paths of each traveller, int64 [N, K, S], padded
    with -1; weights [N]. Cost O(N).
    """
    columns = max(LEAST_COLUMNS, -(-n_travellers // ROWS))
    number, start, end = _streets(columns)
    free_time = rng.uniform(1.0, 1.25, len(start))
    weights = rng.gamma(4.0, 0.25, n_travellers).clip(0.1, 5.0)
    paths = _local_paths(number, free_time, n_travellers, n_paths, rng)
    relative = np.exp(rng.uniform(0.0, np.log(2.0), len(start)))
    even = np.bincount(paths[paths >= 0], (weights[:, None, None] / n_paths * (paths >= 0))[paths >= 0], len(start))
    capacity = relative * (even / relative).mean() / MEAN_LOAD
    power = np.full(len(start), 4.0)
    return Links(start, end, capacity, free_time, 0.15 * free_time, power), paths, weights


def streets(n_travellers: int) -> tuple[Ints, Ints, Array]:
    """Of the town of so many travellers: start and end of every link [L], and where the crossings lie, [nodes, 2]."""
    columns = max(LEAST_COLUMNS, -(-n_travellers // ROWS))
    _, start, end = _streets(columns)
    return start, end, np.stack(np.divmod(np.arange(columns * ROWS), ROWS), axis=1).astype(np.float64)


def _streets(columns: int) -> tuple[Ints, Ints, Ints]:
    """number [rows, columns, 4]: the link that leaves a crossing in each direction, -1 at the edge; its two ends [L].

    Links are numbered column by column, so that links that trips share have close numbers.
    """
    row, column = np.meshgrid(np.arange(ROWS), np.arange(columns), indexing="ij")
    to_row, to_column = (place[..., None] + STEPS[:, k] for k, place in enumerate((row, column)))
    inside = (to_row >= 0) & (to_row < ROWS) & (to_column >= 0) & (to_column < columns)
    number = np.full((columns, ROWS, 4), NO_LINK, dtype=np.int64)
    by_column = inside.transpose(1, 0, 2)
    number[by_column] = np.arange(int(inside.sum()))
    start = np.broadcast_to((column * ROWS + row)[..., None], inside.shape).transpose(1, 0, 2)[by_column]
    end = (to_column * ROWS + to_row).transpose(1, 0, 2)[by_column]
    return number.transpose(1, 0, 2), start.astype(np.int64), end.astype(np.int64)


def _local_paths(number: Ints, free_time: Array, n: int, count: int, rng: np.random.Generator) -> Ints:
    """The shortest paths of n random trips, among those that never turn back."""
    rows, columns = number.shape[:2]
    shape = rng.integers(len(SHAPES), size=n)
    at_row, at_column = rng.integers(rows, size=n), np.sort(rng.integers(columns, size=n))  # neighbours stay together
    sign = rng.choice([-1, 1], (n, 2))
    table = np.full((n, count, max(map(sum, SHAPES))), NO_LINK, dtype=np.int64)
    for k, (across, along) in enumerate(SHAPES):
        own = np.flatnonzero(shape == k)
        down, right = (_inward(at[own], s, far, size) for at, s, far, size in (
            (at_row, sign[own, 0], across, rows), (at_column, sign[own, 1], along, columns)))  # fmt: skip
        links = _turns(number, at_row[own], at_column[own], down, right, across, along)
        shortest = np.argsort(free_time[links].sum(-1), axis=1, kind="stable")[:, :count]
        table[own, :, : across + along] = np.take_along_axis(links, shortest[..., None], axis=1)
    return table


def _inward(at: Ints, sign: Ints, far: int, size: int) -> Ints:
    """The sign of a move by `far` blocks, turned round where it would leave the town."""
    end = at + sign * far
    return np.where((end < 0) | (end >= size), -sign, sign)


def _turns(number: Ints, row: Ints, column: Ints, down: Ints, right: Ints, across: int, along: int) -> Ints:
    """Links of every order of the moves, [n, orders, across + along]."""
    length = across + along
    orders = np.array(
        [[k in chosen for k in range(length)] for chosen in itertools.combinations(range(length), across)]
    )
    here_row, here_column = (np.repeat(at[:, None], len(orders), axis=1) for at in (row, column))
    links = np.empty((len(row), len(orders), length), dtype=np.int64)
    for k in range(length):
        crossing = orders[None, :, k]
        direction = np.where(crossing, np.where(down > 0, 2, 3)[:, None], np.where(right > 0, 0, 1)[:, None])
        links[:, :, k] = number[here_row, here_column, direction]
        here_row = here_row + np.where(crossing, down[:, None], 0)
        here_column = here_column + np.where(crossing, 0, right[:, None])
    return links
