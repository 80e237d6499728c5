"""The certificate of a counterexample: every statement it makes, proved from the definition in exact arithmetic.

`verify` recomputes every statement from the fleet (or the two tables) alone; stored results are not trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from dgpg_verify.equilibria.counterexamples.forms import (
    Form,
    equilibria,
    hypothesis_holds,
    mixes,
    same_unique_best,
    sides,
)
from dgpg_verify.equilibria.exact import rational
from dgpg_verify.equilibria.exact.alignment import agent_products, is_level
from dgpg_verify.equilibria.exact.rational import Mixed, RationalFleet, RationalGame


@dataclass(frozen=True)
class Counterexample:
    """A game that refutes one form: reward and guidance in profile order; the point; the change that pays.

    gain: what agent `agent` gains at the point by playing `action`, in J (inclusion gained) or in J_alpha (lost);
    for inclusions equal and unaligned the negative product at the point, agent = action = -1. level: the number c of
    exact/alignment.py (softmax reading of two agents). examined: fleets of the range before this one in the declared
    order; first_total: sum of the numbers of the fleet Hypothesis found first (None: no search).
    """

    form: Form
    fleet: RationalFleet | None
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


def game_of(example: Counterexample) -> RationalGame:
    """The game, from the fleet where there is one, else from the stored tables."""
    if example.fleet is not None:
        return rational.fleet_game(example.fleet)
    return rational.table_game(example.n_agents, example.n_actions, example.reward, example.guidance)


def verify(example: Counterexample) -> list[str]:
    """The statements of the example that are false; empty if all hold. Everything exact, from the definition."""
    if example.fleet is not None:
        rational.check_fleet(example.fleet)
    game, point = game_of(example), rational.check_mixed(example.point)
    if len(point) != game.n_agents or any(len(row) != game.n_actions for row in point):
        return ["the point is a profile of the game"]
    return [text for text, holds in _statements(example, game).items() if not holds]


def _statements(example: Counterexample, game: RationalGame) -> dict[str, bool]:
    form, point = example.form, example.point
    statements = {
        "the stored rewards are those of the fleet": tuple(game.reward.values()) == example.reward,
        "the stored guidance is that of the fleet": tuple(game.guidance.values()) == example.guidance,
        "the hypothesis of the form holds": _shown(game, form, point),
    }
    if example.level is not None:
        separates = is_level(*agent_products(game), example.level)
        statements["the stored number separates the two agents' products"] = separates
    if form.inclusion in ("lost", "gained"):
        return statements | _inclusion(example, game)
    products = rational.softmax_products if form.inclusion == "unaligned" else rational.simplex_products
    total = sum(products(game, point), Fraction(0))
    statements |= {
        "the product at the point is as stored": total == example.gain,
        "the product is negative": total < 0,
        "no agent is named": example.agent == example.action == -1,
    }
    if form.inclusion == "equal":
        statements["J and -G have one and the same best action"] = same_unique_best(game)
    return statements


def _shown(game: RationalGame, form: Form, point: Mixed) -> bool:
    """Whether the hypothesis is shown to hold; what stays undecided is not shown."""
    try:
        return hypothesis_holds(game, form, point)
    except ArithmeticError:
        return False


def _inclusion(example: Counterexample, game: RationalGame) -> dict[str, bool]:
    form, point = example.form, example.point
    kept_in, lost_in = sides(game, form)
    is_pure = form.points in ("strict", "pure")
    of_kind = point in equilibria(game, form, kept_in) if is_pure else mixes(game, form, point)
    agent, action = example.agent, example.action
    named = 0 <= agent < game.n_agents and 0 <= action < game.n_actions
    gain = rational.gains(lost_in, point, agent)[action] if named else Fraction(0)
    return {
        "alpha lies strictly between 0 and 1": 0 < form.alpha < 1,
        "no agent gains at the point by changing alone": rational.nash_conv(kept_in, point) == 0,
        "the point is of the stated kind": of_kind,
        "the change is worth what is stored": gain == example.gain,
        "the change pays": gain > 0,
    }
