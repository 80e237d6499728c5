"""What a road network consists of: links whose travel time grows with their flow, and trips between nodes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Links:
    """Directed links [L]. At load x = flow / capacity a link takes free_time + congestion x^power, the form of the
    Bureau of Public Roads with congestion = free_time b. start, end: nodes from 0. Nodes below `first_through` are
    zones, where trips begin and end and none passes through."""

    start: Ints
    end: Ints
    capacity: Array
    free_time: Array
    congestion: Array
    power: Array
    first_through: int = 0

    def __len__(self) -> int:
        return len(self.capacity)

    def times(self, flow: Array) -> Array:
        """Travel time of each link at a flow [L]."""
        return np.asarray(self.free_time + self.congestion * (flow / self.capacity) ** self.power)

    def slopes(self, flow: Array) -> Array:
        """Derivative of the travel times in the flow, [L]."""
        steepness = self.congestion * self.power / self.capacity
        return np.asarray(steepness * (flow / self.capacity) ** np.where(steepness > 0.0, self.power - 1.0, 0.0))

    def with_marginal_times(self) -> Links:
        """Links whose travel time is what one more traveller adds to the total time of all, t + flow t': equilibria of
        these are optima of the total time."""
        return replace(self, congestion=self.congestion * (1.0 + self.power))


@dataclass(frozen=True, eq=False)
class Trips:
    """Demand [G] between pairs of different nodes, each pair once: amount > 0 from origin to destination."""

    origin: Ints
    destination: Ints
    amount: Array
