"""A stored counterexample in plain words: servers, jobs, reference, alpha, the change that pays."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from dgpg_verify.equilibria.counterexamples.certificate import Counterexample
from dgpg_verify.equilibria.counterexamples.files import EmptySearch
from dgpg_verify.equilibria.counterexamples.forms import INCLUSIONS, POINTS, READINGS
from dgpg_verify.equilibria.exact.rational import RationalFleet

COST_WORDS = {
    "quadratic": "half the weighted squared distance of utilisation from J's target",
    "delay": "the sum over servers of capacity x utilisation^2",
    "makespan": "the highest utilisation",
    "mm1": "the sum over servers of the queueing delay",
}


def in_words(example: Counterexample) -> str:
    """The example as a paragraph; servers and agents are counted from 1, numbers are fractions."""
    form = example.form
    parts = [_game(example), f"Condition, which holds: {READINGS[form.reading]}."]
    if form.inclusion in ("lost", "gained"):
        kept_in, lost_in = ("J", "J_alpha") if form.inclusion == "lost" else ("J_alpha", "J")
        parts.append(
            f"At alpha = {form.alpha}, {_point(example)} is an equilibrium of {kept_in} ({POINTS[form.points]}) "
            f"but not of {lost_in}: agent {example.agent + 1} gains {example.gain} in {lost_in} by moving to "
            f"{_place(example, example.agent, example.action)}."
        )
    else:
        parts.append(
            f"It shows {INCLUSIONS[form.inclusion]}: at {_point(example)} the product of grad J and -grad G is "
            f"{example.gain}."
        )
    return " ".join(parts)


def empty_in_words(search: EmptySearch) -> str:
    """One sentence: what was looked for, in which range, and why nothing can be there."""
    form, span = search.form, search.form.range
    return (
        f"No counterexample ({INCLUSIONS[form.inclusion]}; {POINTS[form.points]}; {READINGS[form.reading]}) among all "
        f"{search.examined} fleets with {_choice(span.agents)} agents, {_choice(span.actions)} actions, at most "
        f"{span.max_servers} servers, costs {_choice(span.costs)} and numbers of sum at most {span.total}, at alpha = "
        f"{form.alpha}. {form.theorem}."
    )


def _game(example: Counterexample) -> str:
    if example.fleet is None:
        rows = f"J = {_list(example.reward)} and G = {_list(example.guidance)}"
        return f"{_count(example.n_agents, 'agent')} with {example.n_actions} actions, {rows} (profiles in order)."
    fleet = example.fleet
    words = [
        f"{_count(len(fleet.capacity), 'server')} of capacity {_list(fleet.capacity)};",
        f"{_count(len(fleet.jobs), 'job')} of size {_list(fleet.jobs)}{_graph(fleet)};",
        f"cost: {COST_WORDS[fleet.cost]}",
    ]
    if fleet.cost == "quadratic":
        words.append(f"with weights {_list(fleet.weights)} and target {_list(fleet.target)}")
    return " ".join(words) + f"; reference utilisation {_list(fleet.reference)}."


def _graph(fleet: RationalFleet) -> str:
    if all(len(row) == len(fleet.capacity) for row in fleet.candidates):
        return ""
    rows = (f"job {i + 1} to server {' or '.join(str(m + 1) for m in row)}" for i, row in enumerate(fleet.candidates))
    return " (" + ", ".join(rows) + ")"


def _point(example: Counterexample) -> str:
    places = (_name(example, agent, row) for agent, row in enumerate(example.point))
    return f"the profile ({'; '.join(places)})"


def _name(example: Counterexample, agent: int, row: tuple[Fraction, ...]) -> str:
    if max(row) == 1:
        return f"agent {agent + 1} on {_place(example, agent, row.index(1))}"
    chances = (f"{_place(example, agent, k)} with chance {chance}" for k, chance in enumerate(row) if chance)
    return f"agent {agent + 1} on {', '.join(chances)}"


def _place(example: Counterexample, agent: int, action: int) -> str:
    if example.fleet is None:
        return f"action {action + 1}"
    return f"server {example.fleet.candidates[agent][action] + 1}"


def _list(values: Sequence[Any]) -> str:
    return ", ".join(str(value) for value in values)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number != 1 else "")


def _choice(values: Sequence[Any]) -> str:
    return " or ".join(str(value) for value in values)
