"""Random retailers, with or without a warehouse.

Our declared choice, the same for every N: mean demand of a step log-uniform in [1, 4]; holding cost uniform in
[1/2, 3/2]; shortage cost 4 to 19 times as much, log-uniform, so that stock is to last with a chance of 80 to 95 %; a
start with the mean demand of L + 1 steps on hand, rounded down, below the base-stock level. Orders go up to the
quantile of a step's demand at 1 - 1/1000, for the largest mean: base-stock ordering is cut off at most that often.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from dgpg_verify.core import check_choice, check_int, check_real
from dgpg_verify.systems.inventory.demand import LAWS, quantiles
from dgpg_verify.systems.inventory.retailers import Inventory
from dgpg_verify.systems.inventory.separate import SeparateInventory

REFERENCES = ("newsvendor", "mean_demand")
LEAST_RATE, LARGEST_RATE = 1.0, 4.0
CUT_OFF = 1e-3  # largest share of steps whose demand is above the largest order


def random_inventory(
    n_agents: int, seed: int = 0, demand: str = "poisson", lead_time: int = 2, n_orders: int | None = None,
    horizon: int = 30, warehouse: float | None = None, reference: str = "newsvendor", discount: float = 1.0,
) -> Inventory:  # fmt: skip
    """Draw retailers.

    Parameters
    ----------
    demand
        "poisson", or "negative_binomial" with twice its variance.
    lead_time
        L in [0, T - 1]: an order of step t arrives in step t + L, before demand.
    n_orders
        K, orders of 0 to K - 1 units; None = as above, 12 for Poisson demand.
    horizon
        T.
    warehouse
        Load of a shared warehouse, mean demand over capacity, in (0, 10]; None = no warehouse.
    reference
        "newsvendor", the base-stock levels, or "mean_demand" over L + 1 steps: the model of a world without chance,
        which leaves no safety stock. The warehouse's load is to be `warehouse` in both: orders that follow mean demand.
    discount
        gamma.

    Returns
    -------
    `SeparateInventory` without a warehouse.

    Raises
    ------
    InputError
        On any value outside its range.
    """
    n, seed = check_int("n_agents", n_agents, 1), check_int("seed", seed, 0)
    check_choice("demand", demand, LAWS)
    check_choice("reference", reference, REFERENCES)
    lead_time = check_int("lead_time", lead_time, 0, check_int("horizon", horizon, 1) - 1)
    if warehouse is not None:
        warehouse = check_real("warehouse", warehouse, 0.0, 10.0, open_low=True)
    if n_orders is None:
        n_orders = 1 + int(quantiles(demand, [LARGEST_RATE], [1.0 - CUT_OFF])[0])
    check_int("n_orders", n_orders, 2)
    recipe = {"n_agents": n, "seed": seed, "demand": demand, "lead_time": lead_time, "n_orders": n_orders,
              "horizon": horizon, "warehouse": warehouse, "reference": reference, "discount": discount}  # fmt: skip
    parts = _parts(n, seed, lead_time)
    chances = parts["shortage"] / (parts["shortage"] + parts["holding"])
    means = (lead_time + 1) * parts["rates"]
    target = quantiles(demand, means, chances) if reference == "newsvendor" else means
    if warehouse is not None:
        target, parts["capacity"] = np.append(target, warehouse), np.asarray(parts["rates"].sum() / warehouse)
    tensors = {name: torch.as_tensor(part, dtype=torch.float64) for name, part in parts.items()}
    kind = SeparateInventory if warehouse is None else Inventory
    return kind(**tensors, reference_state=torch.as_tensor(target), demand=demand, lead_time=lead_time,
                n_actions=n_orders, horizon=horizon, discount=discount, recipe=recipe)  # fmt: skip


def _parts(n: int, seed: int, lead_time: int) -> dict[str, Any]:
    """What is drawn for each retailer, arrays [N]."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(9,)))
    rates = np.exp(rng.uniform(np.log(LEAST_RATE), np.log(LARGEST_RATE), n))
    holding = rng.uniform(0.5, 1.5, n)
    shortage = holding * np.exp(rng.uniform(np.log(4.0), np.log(19.0), n))
    return {"rates": rates, "holding": holding, "shortage": shortage, "stock": np.floor((lead_time + 1) * rates)}
