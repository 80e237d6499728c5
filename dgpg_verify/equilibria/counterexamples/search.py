"""The smallest fleet that violates a form of the claim: Hypothesis finds one, enumeration proves or improves it.

Declared order of fleets: agents N, actions K, servers M, sum of all numbers, cost (in the order of the range), then
the numbers in lexicographic order (jobs, capacity, weights, target, reference), then the candidate graph. A
"smallest" example is the first of the whole declared range in this order; a search that ends empty has looked at
every fleet of the range. (The search needs the exact arithmetic of this room, so it lives here and not with the
strategies below.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product

from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from dgpg_verify.equilibria.counterexamples.forms import Form, Range, Violation, violation
from dgpg_verify.equilibria.exact.rational import Number, RationalFleet, fleet_game

ORDER = "N, K, M, sum of the numbers, cost, numbers (jobs, capacity, weights, target, reference), candidate graph"
MAX_EXAMPLES = 2000
Graph = tuple[tuple[int, ...], ...]  # the candidate servers of each agent


@dataclass(frozen=True)
class Found:
    """What enumeration found: the first fleet (None if none), its violation, fleets looked at before it."""

    fleet: RationalFleet | None
    violation: Violation | None
    examined: int


def first_counterexample(form: Form) -> Found:
    """Look at the fleets of the form's range in the declared order, up to the first violation; below 1 ms per fleet."""
    examined = 0
    for fleet in fleets(form.range, form.reference):
        refuted = violation(fleet_game(fleet), form)
        if refuted is not None:
            return Found(fleet, refuted, examined)
        examined += 1
    return Found(None, None, examined)


def found_by_hypothesis(form: Form, max_examples: int = MAX_EXAMPLES) -> RationalFleet | None:
    """A violating fleet of the range as Hypothesis finds and shrinks it, always the same one; None if it fails."""
    fixed = settings(
        max_examples=max_examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        return find(fleets_of(form), lambda fleet: violation(fleet_game(fleet), form) is not None, settings=fixed)
    except NoSuchExample:
        return None


@st.composite
def fleets_of(draw: st.DrawFn, form: Form) -> RationalFleet:
    """Fleets of the form's range as a Hypothesis strategy; shrinks to few agents and small numbers."""
    n, k, m = draw(st.sampled_from(list(sizes(form.range))))
    cost = draw(st.sampled_from(form.range.costs))
    least = least_numbers(n, m, cost, form.reference)
    spare = form.range.total - sum(least)
    numbers = []
    for low in least:
        extra = draw(st.integers(0, max(spare, 0)))
        spare -= extra
        numbers.append(low + extra)
    graph = draw(st.sampled_from(graphs(n, k, m)))
    return build(n, m, cost, form.reference, numbers, graph)


def fleets(range_: Range, reference: str) -> Iterator[RationalFleet]:
    """Every fleet of the range in the declared order."""
    for n, k, m in sizes(range_):
        all_graphs = graphs(n, k, m)
        for total in range(range_.total + 1):
            for cost in range_.costs:
                for numbers in numbers_with_sum(least_numbers(n, m, cost, reference), total):
                    for graph in all_graphs:
                        yield build(n, m, cost, reference, numbers, graph)


def sizes(range_: Range) -> Iterator[tuple[int, int, int]]:
    """(N, K, M) in order; a server that no agent can reach changes no difference, so M <= N K."""
    for n, k in product(range_.agents, range_.actions):
        for m in range(k, min(range_.max_servers, n * k) + 1):
            yield n, k, m


def graphs(n: int, k: int, m: int) -> list[Graph]:
    """Candidate graphs in which every server can be reached; the order of an agent's candidates is a name only."""
    choices = product(combinations(range(m), k), repeat=n)
    return [graph for graph in choices if len({server for row in graph for server in row}) == m]


def least_numbers(n: int, m: int, cost: str, reference: str) -> list[int]:
    """The smallest allowed value of each number a fleet is made of."""
    least = [1] * (n + m)
    if cost == "quadratic":
        least += [1] * m + [0] * (0 if reference == "fluid" else m)
    return least + [0] * (m if reference == "free" else 0)


def numbers_with_sum(least: list[int], total: int) -> Iterator[list[int]]:
    """Whole numbers >= least with the given sum, in lexicographic order."""
    spare = total - sum(least)
    if spare < 0:
        return
    if len(least) == 1:
        yield [total]
        return
    for extra in range(spare + 1):
        for rest in numbers_with_sum(least[1:], total - least[0] - extra):
            yield [least[0] + extra, *rest]


def build(n: int, m: int, cost: str, reference: str, numbers: list[int], graph: Graph) -> RationalFleet:
    """The fleet made of these numbers: jobs, capacity, then weights, target, reference where they are open."""
    parts = [tuple(numbers[:n])] + [tuple(numbers[start : start + m]) for start in range(n, len(numbers), m)]
    jobs, capacity, *rest = parts
    weights: tuple[Number, ...] = rest.pop(0) if cost == "quadratic" else ()
    level: tuple[Number, ...] = (Fraction(sum(jobs), sum(capacity)),) * m
    target: tuple[Number, ...] = () if cost != "quadratic" else level if reference == "fluid" else rest.pop(0)
    goal = {"fluid": level, "target": target}.get(reference) or rest.pop(0)
    return RationalFleet(jobs, capacity, graph, goal, cost, weights, target)


def size_of(fleet: RationalFleet, reference: str) -> int:
    """The sum of the numbers the fleet is made of."""
    parts = [*fleet.jobs, *fleet.capacity, *fleet.weights]
    parts += [] if reference == "fluid" else [*fleet.target]
    parts += [*fleet.reference] if reference == "free" else []
    return int(sum(parts))
