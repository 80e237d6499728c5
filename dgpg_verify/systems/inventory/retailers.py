"""Inventory: N retailers that meet random demand from stock, ordering anew in every step.

A step: all order k = 0 ... K - 1 units (batches of one unit, so that order-up-to levels are exact); the warehouse, if
there is one, ships; what was shipped L steps ago arrives; demand is met or back-ordered; each retailer pays `holding`
per unit it then holds, `shortage` per unit it owes. x holds the inventory positions after ordering (on hand - owed + on
the way + waiting at the warehouse), x~ is base-stock levels, z the retailer's own order. An order placed in the last L
steps arrives too late to change J, and one in any step changes no reward before L steps have passed.

At g units below its level, an order of k has the credit (g - k) k by the chain rule, greatest at half the gap, and
g k - k^2 / 2 in the exact form, greatest at the gap: only exact guidance is base-stock ordering.

A warehouse ships at most `capacity` units in a step, to everyone in proportion to what is outstanding; the rest waits.
Its load, (waiting + ordered) / capacity, is then the last coordinate of x, and z adds an order's share of it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import Influence, InputError, Observation, Transition, check_choice, check_int, check_real
from dgpg_verify.systems.inventory.demand import LARGEST_MEAN, LAWS, VARIANCE, cumulative, drawn, quantiles
from dgpg_verify.systems.one_shot import check_entries, check_vectors

FEATURES = (
    "order",  # units of this order over the mean demand of a step
    "gap_after",  # inventory position after this order minus the base-stock level, over the spread of demand
    "distance_after",  # its absolute value
    "gap",  # the same before ordering
    "safety",  # base-stock level minus mean demand over L + 1 steps, over its spread
    "net",  # on hand minus owed, over the mean demand of L + 1 steps
    "due",  # what arrives in this step over the mean demand of a step (0 without lead time)
    "time",  # t / T
    "load",  # of the warehouse before ordering (0 without one)
)
FEATURE = {name: k for k, name in enumerate(FEATURES)}
HEURISTICS: tuple[str, ...] = ("random", "base_stock", "s_S")
EDGE = 1e-4  # features are float32: positions are compared up to this, whole units lie further apart
PER_RETAILER = ("rates", "holding", "shortage", "stock")
POSITIVE = dict.fromkeys(("rates", "holding", "shortage"), "finite and > 0")
FINITE = dict.fromkeys(("stock", "reference_state"), "finite")


@dataclass(frozen=True)
class StockState:
    """B roll-outs before step `step`. demand [B, T, N]: of the whole roll-out; net [B, N]: on hand minus owed;
    on_way [B, L, N], the first row arrives in this step; waiting [B, N] at the warehouse."""

    step: int
    demand: Tensor
    net: Tensor
    on_way: Tensor
    waiting: Tensor

    @property
    def position(self) -> Tensor:
        """On hand - owed + on the way + waiting, [B, N]."""
        return self.net + self.on_way.sum(1) + self.waiting


@dataclass(frozen=True, eq=False)
class Inventory:
    """rates (mean demand of a step), holding, shortage (costs per unit and step), stock (on hand at the start): [N];
    reference_state [N], or [N + 1] with a warehouse; capacity [] of the warehouse, units per step, None = no warehouse.

    demand: one of LAWS. n_actions: K. Raises InputError on any value outside its range. A step costs O(B N K).
    """

    rates: Tensor
    holding: Tensor
    shortage: Tensor
    stock: Tensor
    reference_state: Tensor
    capacity: Tensor | None = None
    demand: str = "poisson"
    lead_time: int = 2
    n_actions: int = 12
    horizon: int = 30
    discount: float = 1.0
    recipe: dict[str, Any] | None = None

    feature_names = FEATURES
    heuristic_names = HEURISTICS

    def __post_init__(self) -> None:
        check_choice("demand", self.demand, LAWS)
        check_int("n_actions", self.n_actions, 2)
        check_int("horizon", self.horizon, 1)
        check_int("lead_time", self.lead_time, 0, self.horizon - 1)
        check_real("discount", self.discount, 0.0, 1.0, open_low=True)
        check_vectors(self, PER_RETAILER, len(self.rates))
        check_vectors(self, ("reference_state",), len(self.rates) + (self.capacity is not None))
        check_entries(self, POSITIVE | FINITE)
        check_real("largest of rates", float(self.rates.max()), 0.0, LARGEST_MEAN)
        if self.capacity is not None:
            check_real("capacity", float(self.capacity), 0.0, open_low=True)

    @property
    def n_agents(self) -> int:
        return len(self.rates)

    @property
    def noise_size(self) -> int:
        """One uniform for each retailer's demand."""
        return len(self.rates)

    @property
    def state_size(self) -> int:
        return len(self.reference_state)

    @cached_property
    def levels(self) -> Tensor:
        """Base-stock levels [N]: the newsvendor's quantile of demand over L + 1 steps, at shortage / (shortage +
        holding)."""
        chance = self.shortage / (self.shortage + self.holding)
        means = (self.lead_time + 1) * self.rates
        return torch.as_tensor(quantiles(self.demand, means.cpu(), chance.cpu()), device=self.rates.device)

    @cached_property
    def _table(self) -> Tensor:
        """Distribution function of a step's demand, [N, M]."""
        return torch.as_tensor(cumulative(self.demand, self.rates.cpu()), device=self.rates.device)

    @cached_property
    def _spread(self) -> Tensor:
        """Standard deviation of demand over L + 1 steps, [N]."""
        return (VARIANCE[self.demand] * (self.lead_time + 1) * self.rates).sqrt()

    def start(self, noise: Tensor) -> StockState:
        """[B, T, N] uniforms -> first state: `stock` on hand, nothing ordered. Demand is drawn here, once for all."""
        expected = (self.horizon, self.noise_size)
        if noise.ndim != 3 or tuple(noise.shape[1:]) != expected:
            raise InputError(
                f"environment noise has shape {list(noise.shape)}: it must be [B, {expected[0]}, {expected[1]}]"
            )
        net = self.stock.repeat(len(noise), 1)
        on_way = net.new_zeros(len(noise), self.lead_time, self.n_agents)
        return StockState(0, drawn(self._table, noise), net, on_way, torch.zeros_like(net))

    def observe(self, state: StockState) -> Observation:
        """features [B, N, K, F] float32 (names in FEATURES); everyone decides in every step, every order is allowed."""
        units = torch.arange(self.n_actions, dtype=torch.float64, device=self.rates.device)
        mean = (self.lead_time + 1) * self.rates
        gap = (state.position - self.levels) / self._spread
        after = gap[..., None] + units / self._spread[:, None]
        due = state.on_way[:, 0] / self.rates if self.lead_time else torch.zeros_like(gap)
        load = torch.zeros_like(gap) if self.capacity is None else state.waiting.sum(1, keepdim=True) / self.capacity
        features = after.new_zeros((*after.shape, len(FEATURES)), dtype=torch.float32)
        features[..., FEATURE["order"]] = units / self.rates[:, None]
        features[..., FEATURE["gap_after"]] = after
        features[..., FEATURE["distance_after"]] = after.abs()
        own = {"gap": gap, "safety": (self.levels - mean) / self._spread, "net": state.net / mean, "due": due,
               "load": load}  # fmt: skip
        for name, column in own.items():
            features[..., FEATURE[name]] = column[..., None]
        features[..., FEATURE["time"]] = state.step / self.horizon
        yes = torch.ones((), dtype=torch.bool, device=features.device)
        return Observation(features, mask=yes.expand(after.shape), active=yes.expand(gap.shape))

    def step(self, state: StockState, actions: Tensor) -> Transition:
        """Order actions int64 [B, N] in [-1, K - 1] units, -1 = nothing. Raises InputError on any other."""
        orders, position = self._orders(state, actions), state.position
        shipped, waiting = self._shipped(state.waiting + orders)
        line = torch.cat([state.on_way, shipped[:, None]], dim=1)
        net = state.net + line[:, 0] - state.demand[:, state.step]
        return Transition(
            next_state=StockState(state.step + 1, state.demand, net, line[:, 1:], waiting),
            reward=-self.costs(net).sum(1),
            x_observed=self._state(position, state.waiting),
            x=self._state(position + orders, state.waiting + orders),
            reference=self.reference_state.expand(len(orders), -1),
            influence=self._influence(orders),
            done=torch.full((len(orders),), state.step + 1 >= self.horizon, device=orders.device),
        )

    def costs(self, net: Tensor) -> Tensor:
        """What each retailer pays for a step that ends with net [..., N] on hand minus owed."""
        return self.holding * net.clamp(min=0.0) - self.shortage * net.clamp(max=0.0)

    def _orders(self, state: StockState, actions: Tensor) -> Tensor:
        if state.step >= self.horizon:
            raise InputError(f"step = {state.step} is not allowed: the roll-out ended after {self.horizon} steps")
        if actions.shape != state.net.shape or actions.dtype != torch.int64:
            raise InputError(f"actions have shape {list(actions.shape)} and type {actions.dtype}: they must be int64 "
                             f"{list(state.net.shape)}")  # fmt: skip
        wrong = actions[(actions < -1) | (actions >= self.n_actions)]
        if len(wrong):
            raise InputError(f"action = {int(wrong[0])} is not allowed: it must be in [-1, {self.n_actions - 1}]")
        return actions.clamp(min=0).double()

    def _shipped(self, outstanding: Tensor) -> tuple[Tensor, Tensor]:
        """What leaves for each retailer, and what goes on waiting, [B, N] both."""
        if self.capacity is None:
            return outstanding, torch.zeros_like(outstanding)
        total = outstanding.sum(1, keepdim=True)
        waiting = outstanding * (1.0 - self.capacity / total.clamp(min=self.capacity))
        return outstanding - waiting, waiting

    def _state(self, position: Tensor, outstanding: Tensor) -> Tensor:
        if self.capacity is None:
            return position
        return torch.cat([position, outstanding.sum(1, keepdim=True) / self.capacity], dim=1)

    def _influence(self, orders: Tensor) -> Influence:
        """What each order adds to x, [B, N, 1 or 2]: exactly, as x is linear in the orders."""
        own = torch.arange(self.n_agents, device=orders.device)
        if self.capacity is None:
            return Influence(own.expand(orders.shape)[..., None], orders[..., None])
        index = torch.stack([own, torch.full_like(own, self.n_agents)], dim=-1)
        return Influence(index.expand(*orders.shape, 2), torch.stack([orders, orders / self.capacity], dim=-1))

    def residence_steps(self, state: StockState) -> Tensor:
        """Steps until half of an order is sold, first in first out, if demand flowed at its mean rate: [B, N, K].

        At least one step, at most those that are left; 0 without an order.
        """
        units = torch.arange(self.n_actions, dtype=torch.float64, device=self.rates.device)
        steps = ((state.position[..., None] + 0.5 * units) / self.rates[:, None]).ceil()
        return torch.where(units > 0, steps.clamp(min=1.0, max=float(self.horizon - state.step)), 0.0)

    def heuristic_scores(self, name: str, seen: Observation) -> Tensor:
        """Preference for each order, [..., N, K], higher is better.

        base_stock: up to the level, as near as an order can come. s_S: the same, but only once the position is not
        above mean demand over L + 1 steps. random: no preference.
        """
        check_choice("heuristic", name, HEURISTICS)
        features = seen.features.double()
        if name == "random":
            return torch.zeros_like(features[..., 0])
        up_to = -features[..., FEATURE["gap_after"]].abs()
        if name == "base_stock":
            return up_to
        low = features[..., FEATURE["gap"]] + features[..., FEATURE["safety"]] <= EDGE
        return torch.where(low, up_to, -features[..., FEATURE["order"]])

    def config(self) -> dict[str, Any]:
        if self.recipe is not None:
            return {"system": "inventory", **self.recipe}
        parts = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "recipe"}
        listed = {name: part.tolist() if isinstance(part, Tensor) else part for name, part in parts.items()}
        return {"system": "inventory", **listed}
