"""Power dispatch: N generators choose output levels that together must meet a demand.

x holds each generator's own output and, last, the balance (sum of outputs - demand) / unit; phi is the fuel cost
q/2 p^2 + b p of each, and beta/2 (sum of outputs - demand)^2. The unit is 1, or the demand ("normalised"); the balance
weighs N^-gamma in the distance G. Generators come from a file (`case.py`) or are drawn. Our declared choice:
largest outputs log-uniform in [1, 4], smallest a quarter of them, levels equally spaced; q uniform in [1/2, 2] over the
largest output, b uniform in [1, 3]; a demand that is met on average when every level is equally likely.

With lines x goes on with the flow of each line that has a limit (`lines.py`), and phi with beta/2 of the square
of what it carries above it, either way. A generator then moves every line at once: z is dense. For A3 (z touches O(1)
of the state, and others add O(1) there) that is the opposite of local, whatever the balance weighs: in a plane network
whose lines grow with N a generator moves N of them, |z|^2 is only like log N since most move little, but the sum over
the others of <z_i, z_j>^2, which the guidance's noise is made of, is like N.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from dgpg_verify.core import Influence, InputError, check_choice, check_int, check_real
from dgpg_verify.systems.inputs import digests, within_range
from dgpg_verify.systems.one_shot import check_entries, check_vectors
from dgpg_verify.systems.power.case import Array, Generators, read_case
from dgpg_verify.systems.power.lines import Wires, drawn_lines, limited_lines
from dgpg_verify.systems.power.optimal_flow import optimal_flow
from dgpg_verify.systems.resource_game import JOINT_RULES, ResourceGame, check_additions

REFERENCES = ("optimum", "balanced")
ALLOWED = dict.fromkeys(("quadratic", "levels"), "finite and >= 0") | dict.fromkeys(("linear", "demand"), "finite")
OF_LINES = {"transfer": "finite", "limits": "finite and > 0"}
MEAN_SHARE = 0.625  # of its largest output that a drawn generator gives on average


@dataclass(frozen=True, eq=False)
class PowerDispatch(ResourceGame):
    """levels [N, K]; quadratic q, linear b [N]; demand, beta, unit []; balance_weight []: W of the last coordinate,
    those of the others are 1; reference_state [N + 1 + L]. inputs: the options that name files, with the digest of what
    was read. transfer [L, N]: flow of each line for a unit of output, and limits [L]; None without lines."""

    levels: Tensor
    quadratic: Tensor
    linear: Tensor
    demand: Tensor
    beta: Tensor
    unit: Tensor
    balance_weight: Tensor
    reference_state: Tensor
    recipe: dict[str, Any] | None = None
    inputs: dict[str, dict[str, str]] | None = None
    transfer: Tensor | None = None
    limits: Tensor | None = None

    kind = "power_dispatch"
    joint_rules = ("merit_order", *JOINT_RULES)

    def __post_init__(self) -> None:
        check_vectors(self, ("quadratic", "linear"), len(self.levels))
        self._check_lines()
        check_vectors(self, ("reference_state",), len(self.levels) + 1 + self.n_lines)
        check_entries(self, ALLOWED if self.transfer is None else ALLOWED | OF_LINES)
        check_additions(self)

    @classmethod
    def random(
        cls, n_agents: int, seed: int = 0, n_levels: int = 5, beta: float = 1.0, normalised: bool = False,
        gamma: float = 0.0, reference: str = "optimum", case: str | None = None, lines: bool = False,
    ) -> PowerDispatch:  # fmt: skip
        """Generators, drawn or from a file.

        reference: "optimum", where J is greatest when any output between the levels may be had, or "balanced", the
        economic dispatch that meets the demand exactly, with lines within their limits; beta > 0, in a case the cost of
        one more MW for each that is lacking, or above a limit; gamma >= 0. lines: those of the case, or a drawn network
        (`drawn_lines`), whose draw leaves that of the generators as it is. case: the file of a case of G generators;
        the seed then draws nothing, and N is G, or a multiple of it for as many copies of the case with as many times
        the demand. Any other N is refused: what was published is a mix of generators, and part of a mix is another one.
        Raises InputError on any value outside its range. Cost with lines: that of `optimal_flow`.
        """
        n, levels = check_int("n_agents", n_agents, 1), check_int("n_levels", n_levels, 2)
        beta, gamma = check_real("beta", beta, 0.0, open_low=True), check_real("gamma", gamma, 0.0)
        check_choice("reference", reference, REFERENCES)
        for name, flag in (("normalised", normalised), ("lines", lines)):
            check_choice(name, str(flag), ("True", "False"))
        recipe = {"n_agents": n, "seed": check_int("seed", seed, 0), "n_levels": levels, "beta": beta,
                  "normalised": normalised, "gamma": gamma, "reference": reference}  # fmt: skip
        if case is None:
            inputs, fleet = None, _drawn(n, seed)
            chosen = fleet.most[:, None] * np.linspace(0.25, 1.0, levels)
        else:
            fleet = _of_case(Path(case), n)
            recipe, inputs = {**recipe, "case": str(case)}, digests({"case": Path(case)})
            chosen = np.linspace(fleet.least, fleet.most, levels, axis=1)
        wires = _wires(fleet, seed, case) if lines else None
        recipe |= {"lines": True} if lines else {}
        unit = fleet.demand if normalised else 1.0
        parts = {
            "levels": chosen, "quadratic": fleet.quadratic, "linear": fleet.linear, "demand": fleet.demand,
            "beta": beta, "unit": unit, "balance_weight": float(n) ** -gamma,
            "reference_state": _reference(fleet, beta if reference == "optimum" else np.inf, unit, wires),
            **({} if wires is None else {"transfer": wires.transfer, "limits": wires.limit}),
        }  # fmt: skip
        tensors = {name: torch.as_tensor(part, dtype=torch.float64) for name, part in parts.items()}
        return cls(**tensors, recipe=recipe, inputs=inputs)

    def _check_lines(self) -> None:
        shapes = [None if part is None else tuple(part.shape) for part in (self.transfer, self.limits)]
        if shapes != [None, None] and shapes != [(self.n_lines, len(self.levels)), (self.n_lines,)]:
            raise InputError(f"transfer {shapes[0]} and limits {shapes[1]} do not fit: they must be [L, N] and [L]")

    @property
    def n_lines(self) -> int:
        return 0 if self.transfer is None else len(self.transfer)

    def _with_lines(self, own: Tensor, balance: Tensor, line: float) -> Tensor:
        """A number for each coordinate, that of every line the same: [N + 1 + L]."""
        return torch.cat([own, balance[None], own.new_full((self.n_lines,), line)])

    @property
    def idle_state(self) -> Tensor:
        return self._with_lines(torch.zeros_like(self.linear), -self.demand / self.unit, 0.0)

    @property
    def distance_weights(self) -> Tensor:
        return self._with_lines(torch.ones_like(self.linear), self.balance_weight, 1.0)

    @cached_property
    def additions(self) -> Influence:
        n, device = len(self.levels), self.levels.device
        own = torch.arange(n, device=device)[:, None].expand(self.levels.shape)
        index = torch.stack([own, torch.full_like(own, n)], dim=-1)
        value = torch.stack([self.levels, self.levels / self.unit], dim=-1)
        if self.transfer is None:
            return Influence(index, value)
        lines = torch.arange(n + 1, n + 1 + self.n_lines, device=device).expand(*self.levels.shape, -1)
        flows = self.levels[..., None] * self.transfer.T[:, None, :]
        return Influence(torch.cat([index, lines], dim=-1), torch.cat([value, flows], dim=-1))

    def coordinate_costs(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        quadratic = self._with_lines(self.quadratic, self.beta * self.unit**2, 0.0)
        linear = self._with_lines(self.linear, torch.zeros_like(self.demand), 0.0)
        costs = [quadratic, linear] if at is None else [quadratic[at], linear[at]]
        cost = (0.5 * costs[0] * x + costs[1]) * x
        if self.limits is None:
            return cost
        limits = torch.cat([self.limits.new_full((len(self.levels) + 1,), torch.inf), self.limits])
        return cost + 0.5 * self.beta * (x.abs() - (limits if at is None else limits[at])).clamp(min=0.0) ** 2

    def planned(self, name: str) -> Tensor:
        """merit_order: from everybody's least output on, the next step up of the generator whose step costs least a
        unit, until the demand is met. Cost O(N K log(N K))."""
        if name != "merit_order":
            return super().planned(name)
        level, place = self.levels.sort(dim=1)
        step = level.diff(dim=1)
        fuel = (0.5 * self.quadratic[:, None] * level + self.linear[:, None]) * level
        each = torch.where(step > 0.0, fuel.diff(dim=1) / step, -torch.inf)  # convex: a generator's steps come in order
        order = each.flatten().argsort(stable=True)
        before = level[:, 0].sum() + step.flatten()[order].cumsum(0) - step.flatten()[order]
        taken = torch.zeros_like(order).scatter(0, order, (before < self.demand).long())
        return place.gather(1, taken.view(step.shape).sum(1, keepdim=True))[:, 0]


def _drawn(n: int, seed: int) -> Generators:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(8,)))
    most = np.exp(rng.uniform(0.0, np.log(4.0), n))
    quadratic, linear = rng.uniform(0.5, 2.0, n) / most, rng.uniform(1.0, 3.0, n)
    return Generators(0.25 * most, most, quadratic, linear, MEAN_SHARE * float(most.sum()))


def _of_case(path: Path, n: int) -> Generators:
    fleet = read_case(path)
    if n % len(fleet):
        raise InputError(
            f"n_agents = {n} is not allowed with case = {str(path)!r}, which has {len(fleet)} generators: "
            f"it must be {len(fleet)}, or a multiple of it for copies of the case"
        )
    return fleet.copied(n // len(fleet))


def _wires(fleet: Generators, seed: int, case: str | None) -> Wires:
    """Lines of a case, or drawn ones."""
    if case is None:
        check_int("n_agents with lines", len(fleet), 2)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(8, 1)))
        return drawn_lines(MEAN_SHARE * fleet.most, fleet.demand, rng)
    if fleet.grid is None or not np.isfinite(fleet.grid.limit).any():
        raise InputError(f"lines = True is not allowed with case = {case!r}, which has no branch with a limit")
    return limited_lines(fleet.grid)


def _reference(fleet: Generators, beta: float, unit: float, wires: Wires | None = None) -> Array:
    """Outputs and balance [N + 1] of `dispatch`; with lines those of `optimal_flow`, and its flows."""
    parts = fleet.quadratic, fleet.linear, fleet.least, fleet.most, fleet.demand
    if wires is None:
        output = dispatch(*parts, beta)
        return np.append(output, (output.sum() - fleet.demand) / unit)
    with within_range("power_dispatch with lines"):
        output = optimal_flow(*parts, wires, beta).output
        return np.concatenate([output, [(output.sum() - fleet.demand) / unit], wires.transfer @ output])


def dispatch(quadratic: Array, linear: Array, least: Array, most: Array, demand: float, beta: float) -> Array:
    """Outputs [N] of least cost, by one incremental cost q p + b = price wherever no limit binds (bisection).

    The price is what a lack of one unit costs, beta (demand - sum of outputs); beta = inf: the demand is met exactly.
    demand must lie between the sums of the limits.
    """

    def outputs(price: float) -> Array:
        with np.errstate(over="ignore"):  # of costs that are almost straight: clipped to a limit
            return np.asarray(np.clip((price - linear) / quadratic, least, most))

    ends = (quadratic * least + linear).min(), (quadratic * most + linear).max()
    if np.isfinite(beta):
        ends = beta * (demand - most.sum()), beta * (demand - least.sum())
    return outputs(brentq(lambda price: outputs(price).sum() - demand + price / beta, *ends, xtol=1e-14, rtol=1e-15))
