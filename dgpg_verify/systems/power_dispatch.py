"""Power dispatch: N generators choose output levels that together must meet a demand.

x holds each generator's own output and, last, the balance (sum of outputs - demand) / unit; phi is the fuel cost
q/2 p^2 + b p of each, and beta/2 (sum of outputs - demand)^2. The unit is 1, or the demand ("normalised"); the balance
weighs N^-gamma in the distance G. Generators come from a file (`power_case.py`) or are drawn. Our declared choice:
largest outputs log-uniform in [1, 4], smallest a quarter of them, levels equally spaced; q uniform in [1/2, 2] over the
largest output, b uniform in [1, 3]; a demand that is met on average when every level is equally likely.
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
from dgpg_verify.systems.inputs import digests
from dgpg_verify.systems.one_shot import check_entries, check_vectors
from dgpg_verify.systems.power_case import Array, Generators, read_case
from dgpg_verify.systems.resource_game import JOINT_RULES, ResourceGame, check_additions

REFERENCES = ("optimum", "balanced")
ALLOWED = dict.fromkeys(("quadratic", "levels"), "finite and >= 0") | dict.fromkeys(("linear", "demand"), "finite")


@dataclass(frozen=True, eq=False)
class PowerDispatch(ResourceGame):
    """levels [N, K]; quadratic q, linear b [N]; demand, beta, unit []; balance_weight []: W of the last coordinate,
    those of the others are 1; reference_state [N + 1]. inputs: the options that name files, with the digest of what was
    read."""

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

    kind = "power_dispatch"
    joint_rules = ("merit_order", *JOINT_RULES)

    def __post_init__(self) -> None:
        check_vectors(self, ("quadratic", "linear"), len(self.levels))
        check_vectors(self, ("reference_state",), len(self.levels) + 1)
        check_entries(self, ALLOWED)
        check_additions(self)

    @classmethod
    def random(
        cls, n_agents: int, seed: int = 0, n_levels: int = 5, beta: float = 1.0, normalised: bool = False,
        gamma: float = 0.0, reference: str = "optimum", case: str | None = None,
    ) -> PowerDispatch:  # fmt: skip
        """Generators, drawn or from a file.

        reference: "optimum", where J is greatest when any output between the levels may be had, or "balanced", the
        economic dispatch that meets the demand exactly; beta > 0, in a case the cost of one more MW for each that is
        lacking; gamma >= 0. case: the file of a case of G generators; the seed then draws nothing, and N is G, or a
        multiple of it for as many copies of the case with as many times the demand. Any other N is refused: what was
        published is a mix of generators, and part of a mix is another one. Raises InputError on any value outside its
        range.
        """
        n, levels = check_int("n_agents", n_agents, 1), check_int("n_levels", n_levels, 2)
        beta, gamma = check_real("beta", beta, 0.0, open_low=True), check_real("gamma", gamma, 0.0)
        check_choice("reference", reference, REFERENCES)
        check_choice("normalised", str(normalised), ("True", "False"))
        recipe = {"n_agents": n, "seed": check_int("seed", seed, 0), "n_levels": levels, "beta": beta,
                  "normalised": normalised, "gamma": gamma, "reference": reference}  # fmt: skip
        if case is None:
            inputs, fleet = None, _drawn(n, seed)
            chosen = fleet.most[:, None] * np.linspace(0.25, 1.0, levels)
        else:
            fleet = _of_case(Path(case), n)
            recipe, inputs = {**recipe, "case": str(case)}, digests({"case": Path(case)})
            chosen = np.linspace(fleet.least, fleet.most, levels, axis=1)
        unit = fleet.demand if normalised else 1.0
        parts = {
            "levels": chosen, "quadratic": fleet.quadratic, "linear": fleet.linear, "demand": fleet.demand,
            "beta": beta, "unit": unit, "balance_weight": float(n) ** -gamma,
            "reference_state": _reference(fleet, beta if reference == "optimum" else np.inf, unit),
        }  # fmt: skip
        tensors = {name: torch.as_tensor(part, dtype=torch.float64) for name, part in parts.items()}
        return cls(**tensors, recipe=recipe, inputs=inputs)

    @property
    def idle_state(self) -> Tensor:
        return torch.cat([torch.zeros_like(self.linear), (-self.demand / self.unit)[None]])

    @property
    def distance_weights(self) -> Tensor:
        return torch.cat([torch.ones_like(self.linear), self.balance_weight[None]])

    @cached_property
    def additions(self) -> Influence:
        own = torch.arange(len(self.levels), device=self.levels.device)[:, None].expand(self.levels.shape)
        index = torch.stack([own, torch.full_like(own, len(self.levels))], dim=-1)
        return Influence(index, torch.stack([self.levels, self.levels / self.unit], dim=-1))

    def coordinate_costs(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        quadratic = torch.cat([self.quadratic, (self.beta * self.unit**2)[None]])
        linear = torch.cat([self.linear, torch.zeros_like(self.demand)[None]])
        if at is not None:
            quadratic, linear = quadratic[at], linear[at]
        return (0.5 * quadratic * x + linear) * x

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
    return Generators(0.25 * most, most, quadratic, linear, 0.625 * float(most.sum()))


def _of_case(path: Path, n: int) -> Generators:
    fleet = read_case(path)
    if n % len(fleet):
        raise InputError(
            f"n_agents = {n} is not allowed with case = {str(path)!r}, which has {len(fleet)} generators: "
            f"it must be {len(fleet)}, or a multiple of it for copies of the case"
        )
    return fleet.copied(n // len(fleet))


def _reference(fleet: Generators, beta: float, unit: float) -> Array:
    """Outputs and balance [N + 1] of `dispatch`."""
    output = dispatch(fleet.quadratic, fleet.linear, fleet.least, fleet.most, fleet.demand, beta)
    return np.append(output, (output.sum() - fleet.demand) / unit)


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
