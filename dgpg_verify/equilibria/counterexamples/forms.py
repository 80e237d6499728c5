"""Forms of the claim "equilibria are preserved": a reading of alignment, an inclusion, the kind of point.

Every reading is a hypothesis decided exactly on one game; every inclusion names what would refute it: a point that
is an equilibrium on one side, and a change of one agent that pays on the other. Alignment means
<grad J, -grad G> >= 0; J_alpha = (1 - alpha) J - alpha G.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product

from dgpg_verify.core import InputError, check_choice
from dgpg_verify.equilibria.exact import rational
from dgpg_verify.equilibria.exact.alignment import simplex_minimum, slope, softmax_alignment
from dgpg_verify.equilibria.exact.ascent import exact_ascent, settled
from dgpg_verify.equilibria.exact.rational import Mixed, RationalGame, Table

READINGS = {
    "none": "no condition of alignment",
    "end": "aligned in softmax coordinates at the point itself",
    "visited": "aligned in simplex coordinates at every point that exact ascent visits, on J and on J_alpha",
    "simplex": "aligned in simplex coordinates at every profile",
    "simplex_each": "aligned in simplex coordinates at every profile, agent by agent",
    "signs": "sign agreement for every change of one agent",
    "softmax": "aligned at every finite softmax theta",
}
INCLUSIONS = {
    "lost": "an equilibrium of J that is none of J_alpha",
    "gained": "an equilibrium of J_alpha that is none of J",
    "equal": "a unique equilibrium, the same for J and every J_alpha, and a profile that is not aligned",
    "unaligned": "a profile that is not aligned in softmax coordinates",
}
POINTS = {
    "strict": "pure, every change loses",
    "pure": "pure, ties allowed",
    "mixed": "at least one agent mixes",
    "full": "every agent mixes over all actions",
    "regular": "every agent mixes over all actions, the Hessian of J is nonsingular",
}
REFERENCES = {
    "free": "the reference is chosen freely",
    "target": "the reference is J's own target, J weighs the servers unequally",
    "fluid": "the reference is the fluid limit (and so is J's target, where it has one)",
}
IMPLY_SIGNS = ("signs", "softmax")
COSTS = ("quadratic", "delay", "makespan")


@dataclass(frozen=True)
class Range:
    """The fleets searched: N and K as listed, M servers that all can be reached, no background load, whole numbers.

    total bounds the sum of all numbers a fleet is made of (jobs, capacity and, where the cost and the reference
    leave them open, weights, target, reference). Jobs, capacity and weights are >= 1, target and reference >= 0.
    """

    agents: tuple[int, ...] = (1, 2)
    actions: tuple[int, ...] = (2, 3)
    max_servers: int = 3
    total: int = 12
    costs: tuple[str, ...] = COSTS


@dataclass(frozen=True)
class Form:
    """One form of the claim, and where a counterexample is looked for. theorem: why none can exist, or empty."""

    name: str
    claim: str
    reading: str
    inclusion: str
    points: str = "strict"
    reference: str = "free"
    range: Range = Range()
    alpha: Fraction = rational.HALF
    theorem: str = ""

    def __post_init__(self) -> None:
        check_choice("reading", self.reading, READINGS)
        check_choice("inclusion", self.inclusion, INCLUSIONS)
        check_choice("points", self.points, POINTS)
        check_choice("reference", self.reference, REFERENCES)


@dataclass(frozen=True)
class Violation:
    """The point, and what agent `agent` gains there by playing `action` (for inclusion "lost": in J_alpha, else J).

    For "equal" and "unaligned" gain is the negative product at the point; agent and action are -1.
    """

    point: Mixed
    agent: int
    action: int
    gain: Fraction


def violation(game: RationalGame, form: Form) -> Violation | None:
    """The first violation of the form by this game, or None; the hypothesis is decided exactly.

    Where the reading implies sign agreement, this is tested first, as it is cheap; the rest is decided last.
    """
    if form.reading in IMPLY_SIGNS and not rational.sign_agreement(game):
        return None
    return next((v for v in _candidates(game, form) if hypothesis_holds(game, form, v.point)), None)


def hypothesis_holds(game: RationalGame, form: Form, point: Mixed) -> bool:
    """Whether the form's reading of alignment holds for the game (at the point, where the reading names one)."""
    return HYPOTHESES[form.reading](game, form, point)


def _candidates(game: RationalGame, form: Form) -> Iterator[Violation]:
    if form.inclusion in ("lost", "gained"):
        source, other = sides(game, form)
        for point in equilibria(game, form, source):
            best = best_change(other, point)
            if best.gain > 0:
                yield best
        return
    if game.n_agents != 1:
        raise InputError(f"n_agents = {game.n_agents} is not allowed: this form is stated for one agent")
    if form.inclusion == "unaligned":
        yield from _misaligned(game, rational.softmax_products)
    elif same_unique_best(game):
        yield from _misaligned(game, rational.simplex_products)


def sides(game: RationalGame, form: Form) -> tuple[Table, Table]:
    """The table whose equilibria are tested, and the one in which a change pays that refutes the inclusion."""
    tables = (game.reward, game.of(form.alpha))
    return tables if form.inclusion == "lost" else (tables[1], tables[0])


def best_change(table: Table, point: Mixed) -> Violation:
    """The change of one agent that pays most (first agent, first action among equals)."""
    changes = [
        Violation(point, agent, action, gain)
        for agent in range(len(point))
        for action, gain in enumerate(rational.gains(table, point, agent))
    ]
    return max(changes, key=lambda change: change.gain)


def equilibria(game: RationalGame, form: Form, table: Table) -> list[Mixed]:
    """Equilibria of the table of the form's kind: all pure ones, or the corners of all mixed ones ([2 x 2] games)."""
    if form.points in ("strict", "pure"):
        pure = rational.pure_nash(game, table, strict=form.points == "strict")
        return [rational.vertex(profile, game.n_actions) for profile in pure]
    return [point for point in _mixed_equilibria(game, form, table) if mixes(game, form, point)]


def mixes(game: RationalGame, form: Form, point: Mixed) -> bool:
    """Whether as many agents mix as the form requires of its mixed points; "regular" asks for a Hessian of J, too."""
    if form.points == "mixed":
        return max(min(row) for row in point) > 0
    regular = form.points == "full" or slope(game.reward, 0)[1] != 0
    return regular and min(min(row) for row in point) > 0


def _mixed_equilibria(game: RationalGame, form: Form, table: Table) -> list[Mixed]:
    """Equilibria among the products of: 0, 1, where either table makes the other agent indifferent, and middles.

    The equilibria of a [2 x 2] game are a union of boxes whose corners are such points, so an equilibrium of one
    table that is not one of the other exists exactly if one of these points is one.
    """
    if (game.n_agents, game.n_actions) != (2, 2):
        raise InputError(f"{game.n_agents} agents with {game.n_actions} actions: mixed points are known for 2 and 2")
    tables = (game.reward, game.of(form.alpha))
    second, first = (
        [(chance, start + rise * chance) for chance in _turning_points([slope(t, agent) for t in tables])]
        for agent, (start, rise) in enumerate(slope(table, agent) for agent in (0, 1))
    )
    return [
        ((1 - p, p), (1 - q, q))
        for (p, gain_2), (q, gain_1) in product(first, second)
        if _content(p, gain_1) and _content(q, gain_2)
    ]


def _content(chance: Fraction, gain: Fraction) -> bool:
    """Whether an agent playing action 1 with this chance has nothing to gain when action 1 is worth `gain` more."""
    return gain == 0 or chance == (1 if gain > 0 else 0)


def _turning_points(lines: list[list[Fraction]]) -> list[Fraction]:
    """Zeros of the lines in [0, 1], 0, 1, and the middles between neighbours."""
    zeros = {-start / rise for start, rise in lines if rise != 0}
    ends = sorted({Fraction(0), Fraction(1), *(z for z in zeros if 0 < z < 1)})
    return sorted([*ends, *((a + b) / 2 for a, b in pairwise(ends))])


def same_unique_best(game: RationalGame) -> bool:
    """Whether J and -G have the same, unique best action, so that every J_alpha of one agent has it too."""
    best = [rational.pure_nash(game, table) for table in (game.reward, game.pull)]
    return best[0] == best[1] and len(best[0]) == 1


def _misaligned(game: RationalGame, products: Callable[[RationalGame, Mixed], list[Fraction]]) -> Iterator[Violation]:
    """Profiles with negative joint product on the declared grid: chances in tenths, one agent."""
    for parts in product(range(1, 10), repeat=game.n_actions):
        if sum(parts) == 10:
            point: Mixed = (tuple(Fraction(k, 10) for k in parts),)
            total = sum(products(game, point), Fraction(0))
            if total < 0:
                yield Violation(point, -1, -1, total)


def _visited(game: RationalGame, form: Form, point: Mixed) -> bool:
    """Both runs settle, the run on the side of the point ends in it, and no visited point is misaligned."""
    runs = [exact_ascent(table, game.n_agents, game.n_actions) for table in sides(game, form)]
    if not all(settled(run) for run in runs) or runs[0][-1] != point:
        return False
    return all(sum(rational.simplex_products(game, p)) >= 0 for run in runs for p in run)


HYPOTHESES: dict[str, Callable[[RationalGame, Form, Mixed], bool]] = {
    "none": lambda game, form, point: True,
    "end": lambda game, form, point: sum(rational.softmax_products(game, point)) >= 0,
    "visited": _visited,
    "simplex": lambda game, form, point: sum(simplex_minimum(game)) >= 0,
    "simplex_each": lambda game, form, point: min(simplex_minimum(game)) >= 0,
    "signs": lambda game, form, point: rational.sign_agreement(game),
    "softmax": lambda game, form, point: softmax_alignment(game).aligned,
}
