"""Prices at which every agent of a resource game wants what it has: the conditions of an optimum, agent by agent."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dgpg_verify.systems.power.lines import Grid
from dgpg_verify.systems.power.power_dispatch import Array, PowerDispatch
from dgpg_verify.systems.rate_control import RateControl


def kelly_residual(game: RateControl, rates: Array) -> float:
    """Largest relative error of rate * price = weight, the price of a flow being the sum over its links of what one
    more unit of rate costs there: the derivative 2 penalty (x - 1) / capacity where x > 1, and 0 elsewhere."""
    load, routes = [0.0] * len(game.capacity), [[l for l in route if l >= 0] for route in game.routes.tolist()]
    for route, rate in zip(routes, rates):
        for link in route:
            load[link] += float(rate) / float(game.capacity[link])
    price = [2.0 * float(game.penalty[l]) * max(x - 1.0, 0.0) / float(game.capacity[l]) for l, x in enumerate(load)]
    flows = zip(routes, rates, game.weights.tolist())
    return max(abs(float(rate) * sum(price[link] for link in route) / weight - 1.0) for route, rate, weight in flows)


def bottleneck_load(weights: Array, penalty: float) -> float:
    """Load x of one shared link at Kelly's rates: rates w / price and price = 2 penalty (x - 1) / capacity give
    x (x - 1) = sum w / (2 penalty)."""
    return (1.0 + math.sqrt(1.0 + 2.0 * float(sum(weights)) / penalty)) / 2.0


def dispatch_residual(game: PowerDispatch, outputs: Array, price: float | Sequence[float]) -> float:
    """Largest violation of equal incremental cost: q p + b = price between the limits, not below it at the least
    output, not above it at the largest, and no output outside. With lines there is a price at each generator [N]."""
    worst = 0.0
    prices = [price] * len(outputs) if isinstance(price, float) else price
    generators = zip(outputs, game.quadratic.tolist(), game.linear.tolist(), game.levels.tolist(), prices)
    for output, quadratic, linear, levels, here in generators:
        least, most, excess = min(levels), max(levels), quadratic * float(output) + linear - here
        worst = max(worst, least - float(output), float(output) - most)
        if output < most - 1e-9:
            worst = max(worst, -excess)
        if output > least + 1e-9:
            worst = max(worst, excess)
    return worst


def penalty_prices(game: PowerDispatch, outputs: Array) -> list[float]:
    """What J pays for one more unit at each generator [N], fuel aside: beta times the lack, less what lines that carry
    more than their limits would carry more of it, beta times the excess each."""
    beta, lack = float(game.beta), float(game.demand) - float(sum(outputs))
    prices = [beta * lack] * len(outputs)
    if game.transfer is not None and game.limits is not None:
        for factors, limit in zip(game.transfer.tolist(), game.limits.tolist()):
            flow = sum(factor * float(output) for factor, output in zip(factors, outputs))
            excess = math.copysign(max(abs(flow) - limit, 0.0), flow)
            prices = [price - beta * excess * factor for price, factor in zip(prices, factors)]
    return prices


def market_residual(limit: Array, flow: Array, line_price: Array) -> float:
    """Largest violation by lines whose limits are kept exactly: no flow above its limit; a price >= 0 of the direction
    that is full, 0 of every other: max of the excess and of price (limit - flow in its direction)."""
    worst = 0.0
    for most, carried, price in zip(limit.tolist(), flow.tolist(), line_price.tolist()):
        worst = max(worst, abs(carried) - most, abs(price) * (most - math.copysign(1.0, price) * carried))
    return worst


def unit_flows(grid: Grid, generator: int) -> tuple[Array, Array]:
    """Flow of every line [E] when one generator gives a unit, and what each bus then gains [buses], 0 where flows are
    balanced. Plainly: B theta = p, B bus by bus, its least squares in place of a bus at angle 0."""
    buses = len(grid.load)
    laplacian, fed = np.zeros((buses, buses)), -grid.load / sum(grid.load)
    fed[grid.bus[generator]] += 1.0
    lines = list(zip(grid.start.tolist(), grid.end.tolist(), grid.reactance.tolist()))
    for start, end, reactance in lines:
        for bus, sign in ((start, 1.0), (end, -1.0)):
            laplacian[bus, start] += sign / reactance
            laplacian[bus, end] -= sign / reactance
    angle = np.linalg.lstsq(laplacian, fed)[0]
    flow, gain = np.array([(angle[start] - angle[end]) / reactance for start, end, reactance in lines]), fed.copy()
    for (start, end, _), carried in zip(lines, flow):
        gain[start] -= carried
        gain[end] += carried
    return flow, gain
