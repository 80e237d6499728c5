"""Small games in exact fractions, written from the definitions in plain loops.

The second derivation of everything the float64 modules of this room compute, and the only arithmetic in which a
counterexample is accepted. A game is two tables, reward J (maximised) and guidance G = 1/2 |x - reference|^2
(minimised), over the profiles of N agents with K actions each; J_alpha = (1 - alpha) J - alpha G. A mixed profile
is a tuple of N tuples of K fractions. Cost of every function: O(N K K^N) fractions or less, unless stated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from dgpg_verify.core import InputError, check_choice
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.systems.load_balancing import COSTS

Number = int | Fraction
Profile = tuple[int, ...]
Table = Mapping[Profile, Fraction]
Mixed = tuple[tuple[Fraction, ...], ...]
MM1_CAP = Fraction(19, 20)
HALF = Fraction(1, 2)


@dataclass(frozen=True)
class RationalFleet:
    """A load-balancing game in whole numbers or fractions. jobs [N]; candidates [N][K]; the others [M].

    weights and target matter to the quadratic cost alone; background () means none.
    """

    jobs: tuple[Number, ...]
    capacity: tuple[Number, ...]
    candidates: tuple[tuple[int, ...], ...]
    reference: tuple[Number, ...]
    cost: str = "delay"
    weights: tuple[Number, ...] = ()
    target: tuple[Number, ...] = ()
    background: tuple[Number, ...] = ()

    def utilisation(self, profile: Profile) -> list[Fraction]:
        """x [M]: background plus each job over the capacity of the server it is sent to."""
        x = [Fraction(b) for b in self.background] or [Fraction(0)] * len(self.capacity)
        for job, servers, action in zip(self.jobs, self.candidates, profile):
            x[servers[action]] += Fraction(job, self.capacity[servers[action]])
        return x

    def cost_of(self, x: Sequence[Fraction]) -> Fraction:
        """The cost whose negative is the reward; see systems.load_balancing for the four names."""
        if self.cost == "quadratic":
            return sum((h * (v - t) ** 2 for h, v, t in zip(self.weights, x, self.target)), Fraction(0)) / 2
        if self.cost == "delay":
            return sum((c * v * v for c, v in zip(self.capacity, x)), Fraction(0))
        if self.cost == "makespan":
            return max(x)
        return sum((_queueing_delay(v) for v in x), Fraction(0))

    def tracking_cost(self, x: Sequence[Fraction]) -> Fraction:
        """G = 1/2 |x - reference|^2 over all servers, unweighted."""
        return sum(((v - r) ** 2 for v, r in zip(x, self.reference)), Fraction(0)) / 2


def check_fleet(fleet: RationalFleet) -> RationalFleet:
    """The fleet, or InputError naming the first value that is not allowed."""
    check_choice("cost", fleet.cost, COSTS)
    servers = len(fleet.capacity)
    lengths = {"reference": fleet.reference, "background": fleet.background or fleet.reference}
    if fleet.cost == "quadratic":
        lengths |= {"weights": fleet.weights, "target": fleet.target}
    for name, values in lengths.items():
        if len(values) != servers:
            raise InputError(f"{name} has {len(values)} entries: it must have one for each of {servers} servers")
    if any(value <= 0 for value in (*fleet.jobs, *fleet.capacity)) or any(h < 0 for h in fleet.weights):
        raise InputError(f"jobs {fleet.jobs}, capacity {fleet.capacity} must be > 0, weights {fleet.weights} >= 0")
    degrees = {len(servers_i) for servers_i in fleet.candidates}
    if len(fleet.candidates) != len(fleet.jobs) or len(degrees) != 1 or degrees == {0}:
        raise InputError(f"candidates {fleet.candidates} must be one row of equal length >= 1 for each agent")
    if any(not 0 <= m < servers for row in fleet.candidates for m in row):
        raise InputError(f"candidates {fleet.candidates} must name servers in [0, {servers - 1}]")
    return fleet


def fleet_of(game: LoadBalancingGame) -> RationalFleet:
    """The same game in fractions: each float64 parameter is the fraction it stands for, nothing is rounded."""
    names = ("jobs", "capacity", "reference_state", "weights", "target", "background")
    jobs, capacity, reference, *others = (tuple(map(Fraction, getattr(game, name).tolist())) for name in names)
    candidates = tuple(tuple(row) for row in game.candidates.tolist())
    return check_fleet(RationalFleet(jobs, capacity, candidates, reference, game.cost, *others))


@dataclass(frozen=True)
class RationalGame:
    """Reward J and guidance G of every profile of N agents with K actions, as fractions."""

    n_agents: int
    n_actions: int
    reward: Table
    guidance: Table

    def profiles(self) -> Iterator[Profile]:
        return product(range(self.n_actions), repeat=self.n_agents)

    def of(self, alpha: Number) -> Table:
        """J_alpha = (1 - alpha) J - alpha G for alpha in [0, 1]; anything else raises InputError."""
        if not 0 <= alpha <= 1:
            raise InputError(f"alpha = {alpha} is not allowed: it must be in [0, 1]")
        return {a: (1 - alpha) * self.reward[a] - alpha * self.guidance[a] for a in self.profiles()}

    @property
    def pull(self) -> Table:
        """-G, the table that guidance alone maximises."""
        return {a: -value for a, value in self.guidance.items()}


def fleet_game(fleet: RationalFleet) -> RationalGame:
    """Both tables of a fleet. Cost: O(K^N (N + M))."""
    n_agents, n_actions = len(fleet.jobs), len(fleet.candidates[0])
    states = {a: fleet.utilisation(a) for a in product(range(n_actions), repeat=n_agents)}
    reward = {a: -fleet.cost_of(x) for a, x in states.items()}
    return RationalGame(n_agents, n_actions, reward, {a: fleet.tracking_cost(x) for a, x in states.items()})


def table_game(n_agents: int, n_actions: int, reward: Sequence[Number], guidance: Sequence[Number]) -> RationalGame:
    """A game given by its two tables, profiles in lexicographic order."""
    size = n_actions**n_agents
    if len(reward) != size or len(guidance) != size:
        raise InputError(f"tables have {len(reward)} and {len(guidance)} entries: both must have K^N = {size}")
    order = list(product(range(n_actions), repeat=n_agents))
    tables = [{a: Fraction(v) for a, v in zip(order, values)} for values in (reward, guidance)]
    return RationalGame(n_agents, n_actions, *tables)


def vertex(profile: Profile, n_actions: int) -> Mixed:
    """The pure profile as a mixed one."""
    return tuple(tuple(Fraction(int(k == action)) for k in range(n_actions)) for action in profile)


def uniform(n_agents: int, n_actions: int) -> Mixed:
    return ((Fraction(1, n_actions),) * n_actions,) * n_agents


def check_mixed(p: Mixed) -> Mixed:
    """The profile, or InputError unless each agent's entries are >= 0 and sum to one exactly."""
    for agent, row in enumerate(p):
        if sum(row) != 1 or min(row) < 0:
            raise InputError(f"profile of agent {agent} = {row} is not allowed: entries >= 0 with sum 1")
    return p


def changed(profile: Profile, agent: int, action: int) -> Profile:
    """The profile with one agent's action replaced."""
    return (*profile[:agent], action, *profile[agent + 1 :])


def difference(table: Table, profile: Profile, agent: int, action: int) -> Fraction:
    """Delta_i: what the table gains when this agent alone changes to `action`."""
    return table[changed(profile, agent, action)] - table[profile]


def deviations(game: RationalGame) -> Iterator[tuple[Profile, int, int]]:
    """(profile, agent, another action of this agent), all of them."""
    for profile in game.profiles():
        for agent in range(game.n_agents):
            for action in range(game.n_actions):
                if action != profile[agent]:
                    yield profile, agent, action


def pure_nash(game: RationalGame, table: Table, strict: bool = False) -> list[Profile]:
    """Profiles from which no agent gains by changing alone (strict: from which every change loses)."""
    bad = set()
    for profile, agent, action in deviations(game):
        gain = difference(table, profile, agent, action)
        if gain > 0 or (strict and gain == 0):
            bad.add(profile)
    return [profile for profile in game.profiles() if profile not in bad]


def sign_agreement(game: RationalGame) -> bool:
    """Delta_i J * Delta_i G <= 0 for every unilateral deviation (the hypothesis of T3)."""
    return all(difference(game.reward, *move) * difference(game.guidance, *move) <= 0 for move in deviations(game))


def action_values(table: Table, p: Mixed, agent: int) -> list[Fraction]:
    """Q_ik [K]: expected value of each own action against the others' mixture."""
    values = [Fraction(0)] * len(p[agent])
    for profile, value in table.items():
        chance = Fraction(1)
        for other, action in enumerate(profile):
            if other != agent:
                chance *= p[other][action]
        values[profile[agent]] += chance * value
    return values


def gains(table: Table, p: Mixed, agent: int) -> list[Fraction]:
    """Q_ik - p_i . Q_i [K]: what the agent gains by playing k for sure (its advantages)."""
    values = action_values(table, p, agent)
    mean = dot(p[agent], values)
    return [value - mean for value in values]


def nash_conv(table: Table, p: Mixed) -> Fraction:
    """Sum over agents of the best unilateral gain; zero exactly at equilibria."""
    return sum((max(gains(table, p, agent)) for agent in range(len(p))), Fraction(0))


def simplex_gradient(table: Table, p: Mixed, agent: int) -> list[Fraction]:
    """Gradient in the agent's probabilities, projected on the tangent (sum zero) of its simplex."""
    values = action_values(table, p, agent)
    mean = sum(values, Fraction(0)) / len(values)
    return [value - mean for value in values]


def softmax_gradient(table: Table, p: Mixed, agent: int) -> list[Fraction]:
    """Gradient in the agent's softmax logits at probabilities p: p_ik (Q_ik - p_i . Q_i)."""
    return [chance * gain for chance, gain in zip(p[agent], gains(table, p, agent))]


def simplex_products(game: RationalGame, p: Mixed) -> list[Fraction]:
    """<grad_i J, -grad_i G> in simplex coordinates, one for each agent; their sum is the joint product."""
    return _products(game, p, simplex_gradient)


def softmax_products(game: RationalGame, p: Mixed) -> list[Fraction]:
    """<grad_i J, -grad_i G> in softmax coordinates, one for each agent; their sum is the joint product."""
    return _products(game, p, softmax_gradient)


def _products(game: RationalGame, p: Mixed, gradient: Callable[[Table, Mixed, int], list[Fraction]]) -> list[Fraction]:
    pull = game.pull
    return [dot(gradient(game.reward, p, i), gradient(pull, p, i)) for i in range(game.n_agents)]


def dot(left: Iterable[Number], right: Iterable[Number]) -> Fraction:
    """Sum of the products of two sequences of equal length."""
    return Fraction(sum(a * b for a, b in zip(left, right)))


def _queueing_delay(x: Fraction) -> Fraction:
    """x / (1 - x) up to 19/20, then its tangent slope 400."""
    inside = min(x, MM1_CAP)
    return inside / (1 - inside) + (x - inside) / (1 - MM1_CAP) ** 2
