"""C2.1, theory on games: what each reading of alignment proves about equilibria of J_alpha, and what not (T2 to T4).

J_alpha = (1 - alpha) J - alpha G, NE are pure equilibria, alignment is <grad J, -grad G> >= 0. Games have integer
entries and dyadic alphas, where float64 is compared as it is, or exact decisions for the entries as given. Wherever a
hypothesis fails, the point that breaks the conclusion is exhibited. T1 and quadratics: test_25_stationary_sets.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from dgpg_verify.equilibria.alignment.points import alignment_at
from dgpg_verify.equilibria.alignment.signs import sign_agreement, tied_descents
from dgpg_verify.equilibria.alignment.simplex import simplex_alignment
from dgpg_verify.equilibria.alignment.softmax import softmax_alignment
from dgpg_verify.equilibria.exact import rational
from dgpg_verify.equilibria.games.random_games import random_games, random_tables
from dgpg_verify.equilibria.games.tables import Tables, joint_tables
from dgpg_verify.equilibria.nash.pure import pure_nash
from dgpg_verify.equilibria.shift.alpha_c import alpha_intervals
from dgpg_verify.equilibria.shift.saddles import guidance_gradient_at, saddles
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.testing import EXACT, load_balancing_games

CLAIMS = ("C2",)  # whose runs include these checks, see --claims

Row = list[Fraction]
ALPHAS = (0.125, 0.25, 0.5, 0.875)  # dyadic: mixtures of integers are exact in float64
RATIOS = tuple(Fraction(a) for a in ("1/9", "1/2", "1", "4", "9"))  # c = (1 - alpha) / alpha
FLEETS = 3_000  # certified fleets behind T3, as claim C2.1 asks
small = st.integers(-3, 3).map(Fraction)


# ---- T2 on saddles --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", ALPHAS)
def test_t2_on_saddles_of_random_games(alpha: float, seed: int) -> None:
    """Interior saddles of J_alpha where grad J != 0 beyond rounding: each is certainly misaligned (simplex), so no
    game that is aligned at every profile has one. Control: such saddles are common without alignment."""
    rng = np.random.default_rng(seed)
    reward, noise = rng.integers(-9, 10, (2, FLEETS, 2, 2)).astype(np.float64)
    tables = Tables(reward, noise)
    mixed = saddles(tables.of(alpha))
    base = saddles(tables.reward)
    slope = base.gradient + base.cross[:, None] * np.nan_to_num(mixed.point)[:, ::-1]
    foreign = mixed.interior & (np.abs(slope).max(1) > 1e-9 * 18)
    p = np.where(mixed.interior[:, None, None], np.nan_to_num(mixed.profile()), 0.5)
    assert foreign.sum() > 100
    assert alignment_at(tables, p, "simplex").negative[foreign].all()
    assert simplex_alignment(tables).negative[foreign].all()
    # the other side: a saddle of J (its Hessian is nonsingular) that J_alpha moves away from has grad G != 0 there
    moved = base.interior & (np.abs(guidance_gradient_at(tables, base)) > 1e-9 * 18).any(1)
    assert moved.sum() > 100 and simplex_alignment(tables).negative[moved].all()


# ---- T3 --------------------------------------------------------------------------------------------------------


def perfect(count: int, seed: int) -> Tables:
    return random_tables(count, 2, 3, "quadratic", "perfect", seed)


def monotone(count: int, seed: int) -> Tables:
    """G any strictly falling function of J: same order of all joint actions, other distances."""
    reward = _integers(count, 2, 3, seed, 12)
    return Tables(reward, -(reward**3) + 500.0)


def coarse(count: int, seed: int) -> Tables:
    """G sees J rounded: ties in G where J differs."""
    reward = _integers(count, 3, 2, seed, 12)
    return Tables(reward, -np.floor(reward / 3.0))


def fine(count: int, seed: int) -> Tables:
    """J sees -G rounded: tied deviations in J that move G."""
    guidance = _integers(count, 2, 3, seed, 12)
    return Tables(-np.floor(guidance / 3.0), guidance)


def near_target(count: int, seed: int) -> Tables:
    """Quadratic fleets whose weights are equal within a tenth, the reference being the target."""
    rng = np.random.default_rng(seed)
    games = random_games(count, 2, 3, "quadratic", "fluid", seed)
    tilt = torch.as_tensor(np.exp(rng.uniform(-0.05, 0.05, (count, games[0].n_servers))))
    return joint_tables([replace(game, weights=row, recipe=None) for game, row in zip(games, tilt)])


def fluid(count: int, seed: int) -> Tables:
    return random_tables(count, 2, 2, "quadratic", "fluid", seed, n_servers=3)


def arbitrary(count: int, seed: int) -> Tables:
    """No relation between J and G: the control."""
    return Tables(_integers(count, 2, 3, seed, 12), _integers(count, 2, 3, seed + 1, 12))


def _integers(count: int, agents: int, actions: int, seed: int, high: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, (count, *(actions,) * agents)).astype(np.float64)


LAWS: dict[str, Callable[[int, int], Tables]] = {
    law.__name__: law for law in (perfect, monotone, coarse, fine, near_target, fluid)
}
COUNT = 1_200


def certified(law: Callable[[int, int], Tables], seed: int) -> tuple[Tables, float]:
    """The fleets of a law whose signs agree, and their rate."""
    tables = law(COUNT, seed)
    agree = sign_agreement(tables)
    return tables.take(agree), float(agree.mean())


@pytest.mark.parametrize("name", LAWS)
def test_t3_sign_agreement(name: str, seed: int, record_property: Callable[[str, object], None]) -> None:
    """NE(J_alpha) within NE(J) at every alpha of (0, 1); equal iff no Nash point of J has a tie that lowers G.

    All alphas at once: a joint action is an equilibrium on one interval of alpha, with exact ends (float64 entries).
    """
    tables, rate = certified(LAWS[name], seed)
    record_property(f"sign agreement, {name}", rate)
    intervals = alpha_intervals(tables)
    of_j, tied = pure_nash(tables.reward), tied_descents(tables)
    exists = intervals.low <= intervals.high
    # foreign at some alpha in (0, 1): an interval that starts above 0 and below 1
    assert not (exists & (intervals.low > 0.0) & (intervals.low < 1.0)).any()
    assert (of_j == (exists & (intervals.low == 0.0))).all()
    lost = of_j & (intervals.high < 1.0)
    assert (lost.any((*range(1, of_j.ndim),)) == tied).all()
    assert (intervals.high[lost] == 0.0).all()  # at once, or never
    for alpha in ALPHAS:
        members = intervals.holds(alpha)
        assert not (members & ~of_j).any()
        assert ((members != of_j).any((*range(1, of_j.ndim),)) == tied).all()


@pytest.mark.parametrize("name", ["monotone", "coarse", "fine"])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_t3_by_plain_enumeration(name: str, alpha: float, seed: int) -> None:
    """The same on the table of J_alpha itself, exact for integers and dyadic alphas."""
    tables, rate = certified(LAWS[name], seed)
    assert rate == 1.0
    of_j, members = pure_nash(tables.reward), pure_nash(tables.of(alpha))
    assert not (members & ~of_j).any()
    assert ((members != of_j).any((*range(1, of_j.ndim),)) == tied_descents(tables)).all()


def test_t3_covers_enough_fleets_and_both_cases(seed: int) -> None:
    """>= 3 000 certified fleets; ties that lower G occur among them, and fleets without any."""
    parts = [certified(law, seed)[0] for law in LAWS.values()]
    assert sum(part.fleets for part in parts) >= FLEETS
    ties = [float(tied_descents(part).mean()) for part in parts]
    assert max(ties) > 0.5 and min(ties) == 0.0


def test_t3_control_without_sign_agreement(seed: int) -> None:
    """Both inclusions fail often among fleets whose signs do not agree: the checks above can fail."""
    tables = arbitrary(COUNT, seed)
    tables = tables.take(~sign_agreement(tables))
    of_j, members = pure_nash(tables.reward), pure_nash(tables.of(0.5))
    assert tables.fleets > 0.9 * COUNT
    assert (members & ~of_j).any((1, 2)).mean() > 0.2 and (of_j & ~members).any((1, 2)).mean() > 0.2


@EXACT
@given(game=load_balancing_games(min_agents=1, max_agents=3, max_candidates=3))
def test_t3_on_drawn_fleets_in_fractions(game: LoadBalancingGame) -> None:
    """Drawn fleets of every cost in exact fractions: where signs agree, so do the inclusions."""
    exact = rational.fleet_game(rational.fleet_of(game))
    assume(rational.sign_agreement(exact))
    of_j = set(rational.pure_nash(exact, exact.of(Fraction(0))))
    tied = any(
        rational.difference(exact.reward, profile, i, k) == 0 > rational.difference(exact.guidance, profile, i, k)
        for profile, i, k in rational.deviations(exact)
        if profile in of_j
    )
    for ratio in RATIOS:
        members = set(rational.pure_nash(exact, exact.of(1 / (1 + ratio))))
        assert members <= of_j and (members == of_j) == (not tied)


# ---- T4 --------------------------------------------------------------------------------------------------------


def dot(left: Row, right: Row) -> Fraction:
    return sum((a * b for a, b in zip(left, right)), Fraction(0))


def softmax_inner(u: Row, v: Row, p: Row) -> Fraction:
    """One agent's <grad J, -grad G> in its logits; u values of J, v of -G."""
    mean_u, mean_v = dot(p, u), dot(p, v)
    return sum((q * q * (a - mean_u) * (b - mean_v) for q, a, b in zip(p, u, v)), Fraction(0))


@EXACT
@given(
    u=st.lists(small, min_size=2, max_size=4),
    v=st.lists(small, min_size=4, max_size=4),
    rest=st.integers(8, 40).map(lambda k: Fraction(1, 2**k)),
)
def test_t4_a_disagreeing_pair_is_a_misaligned_theta(u: Row, v: Row, rest: Fraction) -> None:
    """Half and half on two actions, almost nothing on the others: the inner product tends to D J D(-G) / 8."""
    v = v[: len(u)]
    p = [Fraction(1, 2) - rest * (len(u) - 2) / 2] * 2 + [rest] * (len(u) - 2)
    limit = (u[1] - u[0]) * (v[1] - v[0]) / 8
    # entries are at most 3 in size: every product of centred values at most 36, every weight moved by at most 4 rest
    assert abs(softmax_inner(u, v, p) - limit) <= 36 * 4 * len(u) * rest
    if limit < 0:
        small_rest = Fraction(1, 2**14)
        q = [Fraction(1, 2) - small_rest * (len(u) - 2) / 2] * 2 + [small_rest] * (len(u) - 2)
        assert softmax_inner(u, v, q) < 0 and min(q) > 0


@pytest.mark.parametrize(("agents", "actions"), [(1, 4), (2, 2), (2, 3), (3, 2)])
def test_t4_alignment_at_every_theta_implies_sign_agreement(agents: int, actions: int, seed: int) -> None:
    """Contrapositive, constructive: every fleet whose signs disagree gets an interior profile that is misaligned."""
    tables = Tables(_integers(400, agents, actions, seed, 6), _integers(400, agents, actions, seed + 1, 6))
    disagree = sign_agreement(tables)
    tables = tables.take(~disagree)
    assert tables.fleets > 100
    found = softmax_alignment(tables, random_points=0)
    assert found.negative.all() and (found.point > 0).all()


def test_t4_the_converse_is_false() -> None:
    """J = (0, 1, 10) and -G = (0, 9, 10) rank the actions alike, yet at p = (1, 18, 1)/20 they are misaligned."""
    u, v = [Fraction(k) for k in (0, 1, 10)], [Fraction(k) for k in (0, 9, 10)]
    assert softmax_inner(u, v, [Fraction(k, 20) for k in (1, 18, 1)]) < 0
    tables = Tables([[0.0, 1.0, 10.0]], [[0.0, -9.0, -10.0]])
    assert sign_agreement(tables)[0]
    assert softmax_alignment(tables, random_points=0).negative[0]


def test_t4_simplex_alignment_does_not_imply_sign_agreement() -> None:
    """One agent, J = (10, 9, -50), -G = (9, 10, -50), alpha = 9/10: aligned in simplex coordinates, another optimum."""
    tables = Tables([[10.0, 9.0, -50.0]], [[-9.0, -10.0, 50.0]])
    u, v = ([Fraction(k) for k in row] for row in ((10, 9, -50), (9, 10, -50)))
    middle = [sum(row, Fraction(0)) / 3 for row in (u, v)]
    assert sum((a - middle[0]) * (b - middle[1]) for a, b in zip(u, v)) > 0
    assert simplex_alignment(tables).aligned[0] and not sign_agreement(tables)[0]
    assert softmax_alignment(tables).negative[0]
    assert pure_nash(tables.reward).tolist() == [[True, False, False]]
    assert alpha_intervals(tables).holds(Fraction(9, 10)).tolist() == [[False, True, False]]


@pytest.mark.parametrize(("agents", "actions"), [(1, 2), (1, 3), (2, 2), (2, 3), (3, 2)])
def test_t4_how_readings_relate_in_random_games(agents: int, actions: int, seed: int) -> None:
    """Joint simplex alignment at every profile allows a sign disagreement, but for one agent with two actions; agent by
    agent it does not with K = 2, where a deviation is the only tangent direction. Softmax alignment never does.

    Certain but for "allows": if a share q of fleets shows it, none of 1 200 does with probability (1 - q)^1200, below
    1e-9 for q >= 1.8 %; every shape here has a larger share (the smallest, three agents, about 2.6 %).
    """
    rng = np.random.default_rng(seed + 1)  # apart from the reward's
    reward = _integers(1_200, agents, actions, seed, 30)
    tables = Tables(reward, -reward + rng.integers(-9, 10, reward.shape))
    signs, simplex, softmax = sign_agreement(tables), simplex_alignment(tables), softmax_alignment(tables)
    assert not (softmax.aligned & ~signs).any() and not (softmax.aligned & softmax.negative).any()
    assert not (~signs & ~softmax.negative).any() and (~signs).any()
    if actions == 2:
        assert simplex.agent_negative.any(1)[~signs].all()
    if (agents, actions) == (1, 2):
        assert not (simplex.aligned & ~signs).any()
    else:
        assert (simplex.aligned & ~signs).any()
