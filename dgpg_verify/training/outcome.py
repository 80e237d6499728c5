"""What a run did to its system, as a picture: roads, generators, rates or stock before and after training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgpg_verify.core import Noise
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import PowerDispatch, RateControl, RoadNetwork
from dgpg_verify.systems.inventory import Inventory, SeparateInventory
from dgpg_verify.systems.resource_game import ResourceGame
from dgpg_verify.systems.roads.places import road_map
from dgpg_verify.training.evaluation import heldout
from dgpg_verify.training.readable import title_of
from dgpg_verify.training.saved.folder import learner_of_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
BEFORE, AFTER, NEAREST = "Before training", "After training", "Nearest levels"
NAMES: Mapping[type, str] = {  # of the files
    RoadNetwork: "road_map",
    PowerDispatch: "merit_order",
    RateControl: "rates",
    Inventory: "stock_levels",
    SeparateInventory: "stock_levels",
}
OWN_NAMES = {"system_optimum": "system optimum", "user_equilibrium": "user equilibrium"}


@dataclass(frozen=True, eq=False)
class RunOutcome:
    """before, after: chances of every action, [N, K], or of inventory the positions after ordering, [samples, N];
    costs: mean costs of an episode before and after training, on `workloads` evaluations; rules: those of the system's
    heuristics and joint rules; about: what was trained."""

    system: ResourceGame | Inventory
    before: Tensor
    after: Tensor
    costs: tuple[float, float]
    rules: Mapping[str, float]
    workloads: int
    about: str

    def others(self, best: float | None = None) -> str:
        """What the rules cost, in multiples of the cost `best`, or as it is."""
        scale, unit = (1.0, "by cost") if best is None else (best, "in the same multiples")
        listed = (f"{name.replace('_', ' ')} {cost / scale:.4g}" for name, cost in self.rules.items())
        return f"For comparison, {unit}: {', '.join(listed)}."


def outcome_of(
    system: ResourceGame | Inventory, config: Mapping[str, Any], policy: Any, first: Array, last: Array
) -> RunOutcome:
    """The outcome of a run. first, last: returns [workloads] of its first and last evaluation. Cost: of inventory, two
    evaluations."""
    on = heldout(system, config["heldout_seed"], len(last))
    rules = {name: -float(returns.mean()) for name, returns in on.returns.items()}
    costs, about = (-float(first.mean()), -float(last.mean())), title_of(config, system)
    policies = learner_of_run(config, system).policy, policy
    if isinstance(system, Inventory):
        before, after = (_positions(system, chosen, on.noise) for chosen in policies)
        return RunOutcome(system, before, after, costs, rules, len(last), about)
    seen = system.observe(system.start(torch.empty(1, 1, 0)))
    with torch.no_grad():
        before, after = (chosen.probabilities(seen)[0] for chosen in policies)
    return RunOutcome(system, before, after, costs, rules, len(last), about)


def _positions(system: Inventory, policy: Any, noise: Noise) -> Tensor:
    """Inventory positions after ordering of all steps, [B T, N]."""
    with torch.no_grad():
        return collect(system, policy, noise).x[..., : system.n_agents].flatten(0, 1)


def has_picture(system: object) -> TypeGuard[ResourceGame | Inventory]:
    return type(system) in NAMES


def draw_outcome(outcome: RunOutcome) -> Figure:
    """Roads as a map, generators in merit order, rates against Kelly's, stock against its levels.

    Raises NothingToDraw for too large a network, InputError for one that has no map. Cost: the look of a map without
    places, O(nodes^3).
    """
    match outcome.system:
        case RoadNetwork():
            return _roads(outcome, outcome.system)
        case PowerDispatch():
            return _generators(outcome, outcome.system)
        case RateControl():
            return _flows(outcome, outcome.system)
        case Inventory():
            return _stock(outcome, outcome.system)
    raise TypeError(f"{type(outcome.system).__name__} has no picture")


def save_outcome(outcome: RunOutcome, folder: Path) -> Path:
    """Draw into `folder` as SVG and PNG; the path of the latter."""
    from dgpg_verify.reporting.drawing.saving import save_figure

    return save_figure(draw_outcome(outcome), folder, NAMES[type(outcome.system)])[1]


def _roads(outcome: RunOutcome, game: RoadNetwork) -> Figure:
    from dgpg_verify.reporting.outcomes import draw_road_map

    asked = (game.recipe or {}).get("reference", "reference")
    name = OWN_NAMES.get(asked, "reference")
    reference = game.reference_state.cpu().numpy()
    best = float(game.cost_of(game.reference_state))
    loads = {
        BEFORE: game.mean_state(outcome.before).cpu().numpy(),
        AFTER: game.mean_state(outcome.after).cpu().numpy(),
        name.capitalize(): reference,
    }
    costs = dict(zip(loads, (*outcome.costs, best)))
    details = {
        part: f"travel time {costs[part] / best:.4g} ×; {int((load > 1).sum())} of {len(load)} links over capacity"
        for part, load in loads.items()
    }
    start, after = (cost / best for cost in outcome.costs)
    places = road_map(game)
    words = {
        "title": f"Travel time after training is {after:.4g} times the {name}'s, before {start:.4g} times",
        "subtitle": f"{outcome.about}; the {name}'s total travel time is {_amount(best)} in the network's own units",
        "source": places.source, "workloads": outcome.workloads, "reference": name, "others": outcome.others(best),
    }  # fmt: skip
    return draw_road_map(places.start, places.end, places.places, loads, details, **words)


def _generators(outcome: RunOutcome, game: PowerDispatch) -> Figure:
    from dgpg_verify.reporting.outcomes import draw_merit_order

    states = *(game.mean_state(chances) for chances in (outcome.before, outcome.after)), game.reference_state
    outputs = [state[: game.n_agents].cpu().numpy() for state in states]
    quadratic, linear = game.quadratic.cpu().numpy(), game.linear.cpu().numpy()
    curves = {name: (p, quadratic * p + linear) for name, p in zip(("before training", "after", "reference"), outputs)}
    best = float(game.cost_of(game.reference_state))
    apart = [float(np.average(np.abs(cost - np.average(cost, weights=p)), weights=p)) for p, cost in curves.values()]
    start, after = (cost / best for cost in outcome.costs)
    return draw_merit_order(
        curves, float(game.demand),
        f"Dispatch costs {after:.4g} times the reference's after training, {start:.4g} before",
        f"{outcome.about}; mean difference of incremental costs from their mean: {apart[0]:.2g} before, {apart[1]:.2g} "
        f"after, {apart[2]:.2g} in the reference",
        workloads=outcome.workloads, others=outcome.others(best),
    )  # fmt: skip


def _flows(outcome: RunOutcome, game: RateControl) -> Figure:
    from dgpg_verify.reporting.outcomes import draw_rates

    kelly = game.best_rates.cpu().numpy()
    least = float(game.cost_of(game.reference_state) - (game.weights * game.best_rates.log()).sum())
    nearest = game.rates.gather(1, game.planned("proportional_fairness")[:, None])[:, 0]
    chances = {BEFORE: outcome.before, AFTER: outcome.after}
    rates = {name: (chance * game.rates).sum(1).numpy() for name, chance in chances.items()}
    costs = dict(zip((*rates, NEAREST), (*outcome.costs, outcome.rules["proportional_fairness"])))
    rates[NEAREST] = nearest.numpy()
    spans = {name: _span(game.rates, chance) for name, chance in chances.items()}
    off = {name: float(np.exp(np.median(np.abs(np.log(own / kelly))))) for name, own in rates.items()}
    details = {name: f"cost {costs[name]:.4g}; half within a factor of {off[name]:.3g}" for name in rates}
    return draw_rates(
        kelly, rates, spans, details,
        f"The cost is {costs[AFTER]:.4g} after training, {costs[BEFORE]:.4g} before; of Kelly's rates {least:.4g}",
        outcome.about, workloads=outcome.workloads, others=outcome.others(),
    )  # fmt: skip


def _stock(outcome: RunOutcome, game: Inventory) -> Figure:
    from dgpg_verify.reporting.outcomes import draw_stock_levels

    levels, best = game.levels.cpu().numpy(), outcome.rules["base_stock"]
    positions = {BEFORE: outcome.before.cpu().numpy(), AFTER: outcome.after.cpu().numpy()}
    costs = dict(zip(positions, outcome.costs))
    details = {
        name: f"cost {costs[name] / best:.4g} \u00d7; {np.abs(own - levels).mean():.3g} units off on average"
        for name, own in positions.items()
    }
    start, after = (cost / best for cost in outcome.costs)
    return draw_stock_levels(
        levels, positions, details,
        f"Stock costs {after:.4g} times that of base-stock ordering after training, {start:.4g} before",
        outcome.about, workloads=outcome.workloads, others=outcome.others(best),
    )  # fmt: skip


def _span(rates: Tensor, chance: Tensor) -> tuple[Array, Array]:
    """The least and the greatest rate of each flow that it chooses in every tenth case at least."""
    often = chance >= 0.1
    low, high = rates.masked_fill(~often, torch.inf).amin(1), rates.masked_fill(~often, -torch.inf).amax(1)
    return low.numpy(), high.numpy()


def _amount(value: float) -> str:
    from dgpg_verify.reporting.drawing.axes import plain_text

    return plain_text(value) if 1e4 <= value < 1e6 else f"{value / 1e6:.4g} million" if value >= 1e6 else f"{value:.4g}"
