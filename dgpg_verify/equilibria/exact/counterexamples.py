"""Stored counterexamples: what each says, and its proof from the definition in exact arithmetic.

One JSON file a form of the claim in equilibria/data, numbers as fractions. `verify` recomputes every statement from
the fleet (or the two tables) alone; nothing stored is believed. Searches that ended empty are records of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from dgpg_verify.core import InputError, check_choice
from dgpg_verify.equilibria.exact.alignment import agent_products, is_level, slope
from dgpg_verify.equilibria.exact.claim_forms import FORMS
from dgpg_verify.equilibria.exact.forms import Form, hypothesis_holds
from dgpg_verify.equilibria.exact.rational import (
    Fleet,
    Mixed,
    RationalGame,
    check_fleet,
    check_mixed,
    fleet_game,
    gains,
    nash_conv,
    pure_nash,
    simplex_products,
    softmax_products,
    table_game,
    vertex,
)

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Counterexample:
    """A game that refutes one form: reward and guidance in profile order; the point; the change that pays.

    gain: what agent `agent` gains at the point by playing `action`, in J (inclusion gained) or in J_alpha (lost);
    for inclusions equal and unaligned the negative product at the point, agent = action = -1. level: the number c of
    rational_alignment (softmax reading of two agents). examined: fleets of the range before this one in the declared
    order; first_total: sum of the numbers of the fleet Hypothesis found first (None: no search).
    """

    form: Form
    fleet: Fleet | None
    n_agents: int
    n_actions: int
    reward: tuple[Fraction, ...]
    guidance: tuple[Fraction, ...]
    point: Mixed
    agent: int
    action: int
    gain: Fraction
    level: Fraction | None = None
    examined: int | None = None
    first_total: int | None = None


@dataclass(frozen=True)
class EmptySearch:
    """No counterexample among the first `examined` fleets: the whole declared range of the form."""

    form: Form
    examined: int


def game_of(example: Counterexample) -> RationalGame:
    """The game, from the fleet where there is one, else from the stored tables."""
    if example.fleet is not None:
        return fleet_game(example.fleet)
    return table_game(example.n_agents, example.n_actions, example.reward, example.guidance)


def verify(example: Counterexample) -> list[str]:
    """The statements of the example that are false; empty if all hold. Everything exact, from the definition."""
    if example.fleet is not None:
        check_fleet(example.fleet)
    game = game_of(example)
    if len(example.point) != game.n_agents or any(len(row) != game.n_actions for row in check_mixed(example.point)):
        return ["the point is a profile of the game"]
    statements = _statements(example, game)
    return [text for text, holds in statements.items() if not holds]


def _statements(example: Counterexample, game: RationalGame) -> dict[str, bool]:
    form, point = example.form, example.point
    said = {
        "the stored rewards are those of the fleet": tuple(game.reward.values()) == example.reward,
        "the stored guidance is that of the fleet": tuple(game.guidance.values()) == example.guidance,
        "the hypothesis of the form holds": _shown(game, form, point),
    }
    if example.level is not None:
        said["the stored number separates the two agents' products"] = is_level(*agent_products(game), example.level)
    if form.inclusion in ("lost", "gained"):
        return said | _inclusion(example, game)
    products = softmax_products if form.inclusion == "unaligned" else simplex_products
    total = sum(products(game, point), Fraction(0))
    said |= {"the product at the point is as stored": total == example.gain, "the product is negative": total < 0}
    said["no agent is named"] = example.agent == example.action == -1
    if form.inclusion == "equal":
        best = [pure_nash(game, table) for table in (game.reward, game.pull)]
        said["J and -G have one and the same best action"] = best[0] == best[1] and len(best[0]) == 1
    return said


def _shown(game: RationalGame, form: Form, point: Mixed) -> bool:
    """Whether the hypothesis is shown to hold; what stays undecided is not shown."""
    try:
        return hypothesis_holds(game, form, point)
    except ArithmeticError:
        return False


def _inclusion(example: Counterexample, game: RationalGame) -> dict[str, bool]:
    form, point = example.form, example.point
    shaped = game.of(form.alpha)
    here, there = (game.reward, shaped) if form.inclusion == "lost" else (shaped, game.reward)
    agent, action = example.agent, example.action
    named = 0 <= agent < game.n_agents and 0 <= action < game.n_actions
    paid = gains(there, point, agent)[action] if named else Fraction(0)
    return {
        "alpha lies strictly between 0 and 1": 0 < form.alpha < 1,
        "no agent gains at the point by changing alone": nash_conv(here, point) == 0,
        "the point is of the stated kind": _is_kind(game, form, point),
        "the change is worth what is stored": paid == example.gain,
        "the change pays": paid > 0,
    }


def _is_kind(game: RationalGame, form: Form, point: Mixed) -> bool:
    """Pure (strict: no tie), fully mixed, or mixed."""
    if form.points in ("full", "regular"):
        regular = form.points == "full" or slope(game.reward, 0)[1] != 0
        return regular and min(min(row) for row in point) > 0
    if form.points == "mixed":
        return max(min(row) for row in point) > 0
    table = game.reward if form.inclusion == "lost" else game.of(form.alpha)
    pure = pure_nash(game, table, strict=form.points == "strict")
    return point in [vertex(profile, game.n_actions) for profile in pure]


def load_all() -> dict[str, Counterexample]:
    """Every stored counterexample by the name of its form. Raises InputError on a file it cannot read."""
    return {name: load(name) for name in sorted(p.stem for p in DATA.glob("*.json")) if name != "empty_searches"}


def load(name: str) -> Counterexample:
    """The stored counterexample of one form."""
    check_choice("form", name, sorted(p.stem for p in DATA.glob("*.json") if p.stem != "empty_searches"))
    return from_json(json.loads((DATA / f"{name}.json").read_text()))


def load_empty() -> list[EmptySearch]:
    """The searches that ended empty, as a theorem says they must."""
    rows = json.loads((DATA / "empty_searches.json").read_text())
    return [EmptySearch(FORMS[row["form"]], row["examined"]) for row in rows]


def to_json(example: Counterexample) -> dict[str, Any]:
    """Plain JSON, fractions as text."""
    form = example.form
    record: dict[str, Any] = {
        "schema": 1, "kind": "table" if example.fleet is None else "fleet", "form": form.name, "alpha": form.alpha,
        "n_agents": example.n_agents, "n_actions": example.n_actions,
    }  # fmt: skip
    if form.name not in FORMS:
        record |= {"claim": form.claim, "reading": form.reading, "inclusion": form.inclusion, "points": form.points}
    if example.fleet is not None:
        record["fleet"] = {name: entry for name, entry in vars(example.fleet).items() if entry != ()}
    names = ("reward", "guidance", "point", "agent", "action", "gain", "level", "examined", "first_total")
    plain: dict[str, Any] = json.loads(
        json.dumps(record | {name: getattr(example, name) for name in names}, default=str)
    )
    return plain


def from_json(record: Mapping[str, Any]) -> Counterexample:
    """The example of a JSON record; InputError for an unknown form or schema."""
    if record.get("schema") != 1:
        raise InputError(f"schema = {record.get('schema')!r} is not allowed: it must be 1")
    if record["form"] in FORMS:
        form = replace(FORMS[record["form"]], alpha=Fraction(record["alpha"]))
    else:
        form = Form(record["form"], record["claim"], record["reading"], record["inclusion"], record["points"],
                    alpha=Fraction(record["alpha"]))  # fmt: skip
    fleet = None
    if record["kind"] == "fleet":
        parts = dict(record["fleet"])
        graph = tuple(tuple(row) for row in parts.pop("candidates"))
        cost = parts.pop("cost")
        fleet = check_fleet(Fleet(candidates=graph, cost=cost, **{name: _row(entry) for name, entry in parts.items()}))
    return Counterexample(
        form=form, fleet=fleet, n_agents=record["n_agents"], n_actions=record["n_actions"],
        reward=_row(record["reward"]), guidance=_row(record["guidance"]),
        point=tuple(_row(row) for row in record["point"]), agent=record["agent"], action=record["action"],
        gain=Fraction(record["gain"]), level=None if record["level"] is None else Fraction(record["level"]),
        examined=record["examined"], first_total=record["first_total"],
    )  # fmt: skip


def _row(values: list[Any]) -> tuple[Fraction, ...]:
    return tuple(Fraction(v) for v in values)
