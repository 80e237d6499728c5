"""Retailers without a warehouse: nobody's order changes another's stock, so what one order costs has a closed form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dgpg_verify.core import InputError
from dgpg_verify.systems.inventory.retailers import Inventory, StockState


@dataclass(frozen=True, eq=False)
class SeparateInventory(Inventory):
    """An `Inventory` with capacity None. Without an order, the retailer owns that much less from its arrival on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.capacity is not None:
            raise InputError(f"capacity = {float(self.capacity)} is not allowed: it must be None")

    def removal_rewards(self, state: StockState, actions: Tensor) -> Tensor:
        """Reward of this step had agent i ordered nothing, [B, N]: another one only if orders arrive at once."""
        step = self.step(state, actions)
        rewards = step.reward[:, None].repeat(1, self.n_agents)
        if self.lead_time:
            return rewards
        net = step.next_state.net
        return rewards + self.costs(net) - self.costs(net - actions.clamp(min=0))

    def removal_gains(self, start: StockState, actions: Tensor) -> Tensor:
        """Discounted return of the episode minus that had agent i ordered nothing at step t, all other orders as they
        were: [B, T, N]. start: the first state, actions [B, T, N]. Cost O(B T^2 N)."""
        orders = actions.clamp(min=0).double()
        arriving = torch.cat([start.on_way, orders], dim=1)[:, : self.horizon]
        net = start.net[:, None] + (arriving - start.demand).cumsum(1)
        paid, gains = self.costs(net), torch.zeros_like(orders)
        steps = torch.arange(self.horizon, dtype=torch.float64, device=net.device)[:, None]
        gamma = torch.as_tensor(self.discount, dtype=torch.float64, device=net.device) ** steps
        for t in range(self.horizon - self.lead_time):
            late = slice(t + self.lead_time, None)
            without = self.costs(net[:, late] - orders[:, t, None])
            gains[:, t] = (gamma[late] * (without - paid[:, late])).sum(1)
        return gains
