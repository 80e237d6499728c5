"""Prices at which every agent of a resource game wants what it has: the conditions of an optimum, agent by agent."""

from __future__ import annotations

import math

from dgpg_verify.systems.power_dispatch import Array, PowerDispatch
from dgpg_verify.systems.rate_control import RateControl


def kelly_residual(game: RateControl, rates: Array) -> float:
    """Largest relative error of rate * price = weight, the price of a flow being the sum over its links of what one
    more unit of rate costs there: the derivative 2 penalty (x - 1) / capacity where x > 1, and 0 elsewhere."""
    load = [0.0] * len(game.capacity)
    for route, rate in zip(game.routes.tolist(), rates):
        for link in route:
            load[link] += float(rate) / float(game.capacity[link])
    price = [2.0 * float(game.penalty[l]) * max(x - 1.0, 0.0) / float(game.capacity[l]) for l, x in enumerate(load)]
    flows = zip(game.routes.tolist(), rates, game.weights.tolist())
    return max(abs(float(rate) * sum(price[link] for link in route) / weight - 1.0) for route, rate, weight in flows)


def bottleneck_load(weights: Array, penalty: float) -> float:
    """Load x of one shared link at Kelly's rates: rates w / price and price = 2 penalty (x - 1) / capacity give
    x (x - 1) = sum w / (2 penalty)."""
    return (1.0 + math.sqrt(1.0 + 2.0 * float(sum(weights)) / penalty)) / 2.0


def dispatch_residual(game: PowerDispatch, outputs: Array, price: float) -> float:
    """Largest violation of equal incremental cost: q p + b = price between the limits, not below it at the least
    output, not above it at the largest, and no output outside."""
    worst = 0.0
    generators = zip(outputs, game.quadratic.tolist(), game.linear.tolist(), game.levels.tolist())
    for output, quadratic, linear, levels in generators:
        least, most, excess = min(levels), max(levels), quadratic * float(output) + linear - price
        worst = max(worst, least - float(output), float(output) - most)
        if output < most - 1e-9:
            worst = max(worst, -excess)
        if output > least + 1e-9:
            worst = max(worst, excess)
    return worst
