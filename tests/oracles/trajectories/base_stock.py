"""One retailer without a warehouse: what a base-stock level costs, and the least cost of any policy; slow and plain.

An order of step t arrives in step t + L, so the stock at the end of step t + L is the inventory position after ordering
in step t minus the demand of L + 1 steps: the cost of that step depends on this position and on chance alone
(Karlin & Scarf 1958). So the position is the whole state, and a dynamic programme over it finds the best of all
policies, also of those that see more. It does not use that base-stock policies are optimal; that is what it tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from dgpg_verify.core import InputError
from dgpg_verify.systems.inventory import Inventory

Array = NDArray[np.float64]
BEYOND = 1e-15  # chance of a demand that is left out


@dataclass(frozen=True)
class Retailer:
    """mean: of a step's demand; demand: "poisson" or "negative_binomial"; holding, shortage: cost per unit and step;
    stock: on hand at the start; most: the largest order, in units."""

    mean: float
    demand: str
    holding: float
    shortage: float
    stock: int
    lead_time: int
    horizon: int
    most: int
    discount: float

    def chances(self, steps: int) -> Array:
        """P(demand of `steps` steps = k), k = 0, 1, ..., by the law of the sum."""
        total = self.mean * steps
        law = stats.poisson(total) if self.demand == "poisson" else stats.nbinom(total, 0.5)
        return np.asarray(law.pmf(np.arange(int(law.isf(BEYOND)) + 1)))

    def costs_of(self, positions: ArrayLike, steps: int) -> Array:
        """Expected cost of the step that ends `steps` demands after the position was one of these, [P]."""
        chances = self.chances(steps)
        left = np.asarray(positions)[:, None] - np.arange(len(chances))
        return np.asarray(np.where(left >= 0, self.holding * left, -self.shortage * left) @ chances)

    def best_level(self) -> int:
        """The position after ordering with the least expected cost, found by trying every one that demand can reach."""
        steps = self.lead_time + 1
        return int(np.argmin(self.costs_of(np.arange(len(self.chances(steps))), steps)))

    def expected_cost(self, level: int | None = None) -> float:
        """Expected discounted cost of the episode from the first state.

        level: order up to it, as near as `most` allows; None: the best of all policies. Cost: T passes over all
        positions that can be reached, times the orders, times the demands.
        """
        before = sum(self.discount**s * self.costs_of([self.stock], s + 1)[0] for s in range(self.lead_time))
        decisions = self.horizon - self.lead_time
        demands, orders = self.chances(1), np.arange(self.most + 1)
        lowest, highest = self.stock - decisions * (len(demands) - 1), self.stock + decisions * self.most
        positions = np.arange(lowest, highest + 1)
        now = self.costs_of(positions, self.lead_time + 1)
        later = np.zeros(len(positions))
        for _ in range(decisions):
            after = now + self.discount * _expected(later, demands)  # of a position after ordering
            reach = np.minimum(np.arange(len(positions))[:, None] + orders, len(positions) - 1)
            if level is None:
                later = after[reach].min(1)
            else:
                later = after[reach[np.arange(len(positions)), np.clip(level - positions, 0, self.most)]]
        return float(before + self.discount**self.lead_time * later[self.stock - lowest])


def _expected(values: Array, demands: Array) -> Array:
    """Mean of values[position - demand]; positions below the lowest are taken for it, and are never asked for."""
    padded = np.concatenate([np.full(len(demands) - 1, values[0]), values])
    return np.convolve(padded, demands, mode="valid")


def retailers_of(system: Inventory) -> list[Retailer]:
    """The retailers of a system one by one. Raises InputError where a warehouse ties them together."""
    if system.capacity is not None:
        raise InputError("system has a warehouse: retailers that share one have no exact cost")
    columns = zip(system.rates.tolist(), system.holding.tolist(), system.shortage.tolist(), system.stock.tolist())
    return [
        Retailer(rate, system.demand, holding, shortage, int(stock), system.lead_time, system.horizon,
                 system.n_actions - 1, system.discount)
        for rate, holding, shortage, stock in columns
    ]  # fmt: skip
