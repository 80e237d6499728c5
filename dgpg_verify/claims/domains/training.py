"""Training on the other domains against the rules of the field; nothing was predicted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.domains.design import FAMILY, POWER, RATES, TRAFFIC
from dgpg_verify.claims.question import Question, level_of
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.claims.subjects import build_system
from dgpg_verify.claims.words import number, with_interval
from dgpg_verify.core import Cell, Evidence
from dgpg_verify.statistics import judge_at_least
from dgpg_verify.training import train
from dgpg_verify.training.settings import usual_episodes

RULES = {TRAFFIC: "user_equilibrium", POWER: "merit_order", RATES: "proportional_fairness"}  # of the field: score 1
BEST = "iterated_best_response"
METHODS = ("dgpg", "guidance_only", "difference", "mappo")
SIZES: dict[str, tuple[dict[str, int], int, int]] = {  # agents by system, draws, episodes (0 = as usual there)
    "smoke": (dict.fromkeys(RULES, 6), 2, 64),
    "standard": ({}, 0, 0),
    "full": ({TRAFFIC: 40, POWER: 30, RATES: 50}, 8, 0),
}
WORKLOADS = 64  # held-out roll-outs of each evaluation


def training_rows(scale: str) -> list[Row]:
    """Every method on every domain of `RULES`, on the same draws."""
    agents, draws, episodes = SIZES[scale]
    return [
        Row(FAMILY, f"{system}/training/{method}", {n: draws}, stream=f"{FAMILY}/{system}/training",
            options={"part": "training", "system": system, "options": {}, "method": method, "episodes": episodes},
            notes={"where": f"{system.replace('_', ' ')}, N = {n}"})
        for system, n in agents.items()
        for method in METHODS
    ]  # fmt: skip


def measure_training(cell: Cell) -> dict[str, Any]:
    """Mean held-out return after training, and those of all rules on the same roll-outs."""
    system = build_system(cell)
    episodes = cell.options["episodes"] or usual_episodes(system)
    run = train(
        system, cell.options["method"], episodes, cell.seed % 2**31, evaluate_every=episodes, workloads=WORKLOADS,
        progress=False,
    )  # fmt: skip
    rules = {f"rule/{name}": float(returns.mean()) for name, returns in run.heldout.returns.items()}
    return {"learned": run.evaluations[-1][1].mean, "seconds": run.history[-1].seconds, **rules}


def ask_training(measured: Measured, system: str) -> Iterator[Question]:
    """Does each method end at least where the rule of the field stands?"""
    for method in METHODS:
        if f"{system}/training/{method}" in measured:
            yield _reached(measured[f"{system}/training/{method}"], RULES[system])


def _reached(series: Series[Evidence], rule: str) -> Question:
    estimate = series.at_largest(lambda item: score(item, "learned", rule), level_of(False))
    best = series.mean(lambda item: score(item, f"rule/{BEST}", rule))
    method, where = series.row.options["method"], series.row.notes["where"]
    words = rule.replace("_", " ")
    return Question(
        key=f"{series.key}/score",
        statistic="score after training",
        read=[series],
        verdict=judge_at_least(estimate, 1.0),
        sentence=f"Trained by {method.replace('_', ' ')}, the team ends at {with_interval(estimate)} of what {words} "
        f"gains on random actions; iterated best response stands at {number(best)}: {where}.",
        statement=f"After training the team is as good as {words}.",
        relation="at_least",
        expected=1.0,
        system=where,
        policy=method,
    )


def score(item: Evidence, name: str, rule: str) -> float:
    """A mean return on the scale on which random actions are 0 and the rule is 1."""
    values = item.values
    random, reached = float(values["rule/random"]), float(values[f"rule/{rule}"])
    return (float(values[name]) - random) / (reached - random)
