"""C2.1, theory on quadratics: when J and J_alpha have the same stationary points (T1, T2), in exact fractions.

J_alpha = (1 - alpha) J - alpha G, S are stationary sets, alignment is <grad J, -grad G> >= 0. The numbers of drawn
teams are dyadic, so their sets are solved by elimination over the fractions, singular Hessians included; the float64
sets of the package have to agree. Where a hypothesis fails, the point that breaks it or the conclusion is exhibited.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from dgpg_verify.equilibria.teams.affine_sets import set_relation, solution_set
from dgpg_verify.equilibria.teams.stationary import misaligned_point, team_stationary
from dgpg_verify.systems import LinearQuadraticTeam
from dgpg_verify.testing import EXACT, linear_quadratic_teams

CLAIMS = ("C2",)  # whose runs include these checks, see --claims

Row = list[Fraction]
ALPHAS = (0.125, 0.25, 0.5, 0.875)
RATIOS = tuple(Fraction(a) for a in ("1/9", "1/2", "1", "4", "9"))  # c = (1 - alpha) / alpha


# ---- exact linear sets -----------------------------------------------------------------------------------------


class ExactSet:
    """{theta : A theta = a} over the fractions: `point` None if empty, `kernel` a basis of its directions."""

    def __init__(self, rows: Sequence[Row], targets: Row) -> None:
        self.rows, self.targets = [list(row) for row in rows], list(targets)
        self.point, self.kernel = _eliminate(self.rows, self.targets)

    def holds(self, theta: Row) -> bool:
        return all(_dot(row, theta) == target for row, target in zip(self.rows, self.targets))

    def outside(self, other: ExactSet) -> Row | None:
        """A point of this set that is not in the other, or None."""
        if self.point is None:
            return None
        steps = [self.point] + [[p + k for p, k in zip(self.point, vector)] for vector in self.kernel]
        return next((theta for theta in steps if not other.holds(theta)), None)

    def within(self, other: ExactSet) -> bool:
        # an affine set lies in another iff a point of it and that point plus each direction do
        return self.outside(other) is None


def _eliminate(rows: Sequence[Row], targets: Row) -> tuple[Row | None, list[Row]]:
    size = len(rows[0])
    table, pivots = [[*row, target] for row, target in zip(rows, targets)], []
    for column in range(size):
        place = next((r for r in range(len(pivots), len(table)) if table[r][column]), None)
        if place is None:
            continue
        top = len(pivots)
        table[top], table[place] = table[place], table[top]
        table[top] = [value / table[top][column] for value in table[top]]
        for r, row in enumerate(table):
            if r != top and row[column]:
                table[r] = [value - row[column] * lead for value, lead in zip(row, table[top])]
        pivots.append(column)
    if any(row[size] for row in table[len(pivots) :]):
        return None, []
    point = [Fraction(0)] * size
    for r, column in enumerate(pivots):
        point[column] = table[r][size]
    kernel = []
    for free in (c for c in range(size) if c not in pivots):
        vector = [Fraction(int(c == free)) for c in range(size)]
        for r, column in enumerate(pivots):
            vector[column] = -table[r][free]
        kernel.append(vector)
    return point, kernel


def _dot(left: Sequence[Fraction], right: Sequence[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(left, right)), Fraction(0))


class ExactTeam:
    """grad J = a - A theta and grad G = B theta - b of a team, in fractions of its float64 numbers."""

    def __init__(self, team: LinearQuadraticTeam) -> None:
        z = [[Fraction(value) for value in row] for row in team.matrix().tolist()]
        columns = [list(column) for column in zip(*z)]
        h, x, y = ([Fraction(v) for v in t.tolist()] for t in (team.weights, team.optimum, team.reference_state))
        weighted = [[w * v for w, v in zip(h, column)] for column in columns]
        self.big_a, self.a = [[_dot(w, c) for c in columns] for w in weighted], [_dot(w, x) for w in weighted]
        self.big_b, self.b = [[_dot(d, c) for c in columns] for d in columns], [_dot(d, y) for d in columns]

    def gradients(self, theta: Row) -> tuple[Row, Row]:
        j = [a - _dot(row, theta) for row, a in zip(self.big_a, self.a)]
        return j, [_dot(row, theta) - b for row, b in zip(self.big_b, self.b)]

    def inner(self, theta: Row) -> Fraction:
        """<grad J, -grad G>."""
        return -_dot(*self.gradients(theta))

    def of_j(self) -> ExactSet:
        return ExactSet(self.big_a, self.a)

    def of_g(self) -> ExactSet:
        return ExactSet(self.big_b, self.b)

    def mixed(self, ratio: Fraction) -> ExactSet:
        """S of J_alpha, alpha = 1 / (1 + ratio): grad G = ratio grad J."""
        rows = [[b + ratio * a for a, b in zip(*pair)] for pair in zip(self.big_a, self.big_b)]
        return ExactSet(rows, [b + ratio * a for a, b in zip(self.a, self.b)])


def relation(first: ExactSet, second: ExactSet) -> str:
    inside, around = first.within(second), second.within(first)
    if inside or around:
        return "equal" if inside and around else "subset" if inside else "superset"
    both = ExactSet(first.rows + second.rows, first.targets + second.targets)
    return "disjoint" if both.point is None else "intersect"


# ---- T1 --------------------------------------------------------------------------------------------------------


@EXACT
@given(team=linear_quadratic_teams(max_agents=3, max_rows=4))
def test_t1_on_teams(team: LinearQuadraticTeam) -> None:
    """S_J = S_{J_alpha} for all alpha iff (a) grad J = 0 => grad G = 0 and (b) grad G = c grad J only where both are 0.

    In a team one c decides (b) for all: J concave and G convex have a common stationary point or none at any c.
    """
    exact = ExactTeam(team)
    s_j, s_g = exact.of_j(), exact.of_g()
    a_breaks = s_j.outside(s_g)
    b_breaks = [exact.mixed(c).outside(s_j) for c in RATIOS]
    assert len({point is None for point in b_breaks}) == 1
    equal = all(relation(exact.mixed(c), s_j) == "equal" for c in RATIOS)
    assert equal == (a_breaks is None and b_breaks[0] is None)
    if a_breaks is not None:  # a point of S_J in no S_{J_alpha}
        j, g = exact.gradients(a_breaks)
        assert not any(j) and any(g) and not any(exact.mixed(c).holds(a_breaks) for c in RATIOS)
    for c, point in zip(RATIOS, b_breaks):
        if point is not None:  # a point of S_{J_alpha} outside S_J: grad G = c grad J, not 0
            j, g = exact.gradients(point)
            assert any(j) and g == [c * slope for slope in j]


@EXACT
@given(team=linear_quadratic_teams(max_agents=3, max_rows=4))
def test_the_float_sets_are_the_exact_ones(team: LinearQuadraticTeam) -> None:
    """Relation of S_{J_alpha} to S_J and dimensions, singular Hessians included, at alpha = 1 / (1 + c)."""
    exact = ExactTeam(team)
    base = team_stationary(team, 0.0).points
    assert base.dimension == len(exact.of_j().kernel)
    for c in (Fraction(1), Fraction(3), Fraction(1, 3)):
        points = team_stationary(team, float(1 / (1 + c))).points
        assert points.dimension == len(exact.mixed(c).kernel)
        assert set_relation(points, base) == relation(exact.mixed(c), exact.of_j())


def test_singular_teams_and_both_failures_occur_among_the_drawn() -> None:
    """Control: what the two properties above quantify over holds every case (a) x (b) that a team can have."""
    seen, singular = set(), False

    @EXACT
    @given(team=linear_quadratic_teams(max_agents=3, max_rows=4))
    def look(team: LinearQuadraticTeam) -> None:
        nonlocal singular
        exact = ExactTeam(team)
        s_j = exact.of_j()
        seen.add((s_j.within(exact.of_g()), exact.mixed(Fraction(1)).within(s_j)))
        singular |= bool(s_j.kernel)

    look()
    assert singular and seen == {(True, True), (False, True), (False, False)}  # in a team (a) implies (b)


small = st.integers(-3, 3).map(Fraction)
pencils = st.lists(st.tuples(small, small, small, small), min_size=1, max_size=3)


@EXACT
@given(pencil=pencils)
def test_t1_on_indefinite_quadratics(pencil: list[tuple[Fraction, Fraction, Fraction, Fraction]]) -> None:
    """Coordinates with grad J = j - A t and grad G = B t - g of any sign, so that J_alpha is singular at some alpha.

    (b) is decided coordinate by coordinate in closed form; equality by elimination at every alpha where a rank can
    change and between them.
    """
    critical = {-b / a for a, _, b, _ in pencil if a} | {-g / j for _, j, _, g in pencil if j}
    positive = sorted(c for c in critical if c > 0)
    between = [(low + high) / 2 for low, high in zip([Fraction(0), *positive], positive)]
    ratios = [*positive, *between, (positive[-1] if positive else Fraction(0)) + 1]
    unit = [[Fraction(int(k == l)) for l in range(len(pencil))] for k in range(len(pencil))]

    def mixed(c: Fraction) -> ExactSet:
        rows = [[(b + c * a) * u for u in unit[k]] for k, (a, _, b, _) in enumerate(pencil)]
        return ExactSet(rows, [g + c * j for _, j, _, g in pencil])

    s_j = ExactSet([[a * u for u in unit[k]] for k, (a, _, _, _) in enumerate(pencil)], [j for _, j, _, _ in pencil])
    equal = all(relation(mixed(c), s_j) == "equal" for c in ratios)
    implied = s_j.point is None or all(_j_zero_implies_g_zero(*row) for row in pencil)
    nowhere = not any(_parallel(pencil, c) for c in ratios)
    assert equal == (implied and nowhere)


def _j_zero_implies_g_zero(a: Fraction, j: Fraction, b: Fraction, g: Fraction) -> bool:
    return b * j / a == g if a else b == 0 and g == 0


def _parallel(pencil: Sequence[tuple[Fraction, Fraction, Fraction, Fraction]], c: Fraction) -> bool:
    """Is there a point with grad G = c grad J != 0? With u = grad J each coordinate reads u (c + B/A) = B j / A - g."""
    solvable, moving = [], []
    for a, j, b, g in pencil:
        if a:
            factor, rest = c + b / a, b * j / a - g
            solvable.append(bool(factor) or not rest)
            moving.append(bool(rest) if factor else not rest)
        else:  # u = j whatever t
            solvable.append(bool(b) or g + c * j == 0)
            moving.append(bool(j) and solvable[-1])
    return all(solvable) and any(moving)


# ---- T2 --------------------------------------------------------------------------------------------------------


@EXACT
@given(team=linear_quadratic_teams(max_agents=3, max_rows=4), ratio=st.sampled_from(RATIOS))
def test_t2_a_foreign_stationary_point_is_itself_misaligned(team: LinearQuadraticTeam, ratio: Fraction) -> None:
    """theta in S_{J_alpha} but not in S_J has <grad J, -grad G> = -c |grad J|^2 < 0: so alignment on U forbids it."""
    exact = ExactTeam(team)
    point = exact.mixed(ratio).outside(exact.of_j())
    if point is not None:
        j, _ = exact.gradients(point)
        assert exact.inner(point) == -ratio * _dot(j, j) < 0


@EXACT
@given(team=linear_quadratic_teams(max_agents=3, max_rows=4, honest=True), level=st.integers(1, 8))
def test_t2_aligned_everywhere_by_equal_weights(team: LinearQuadraticTeam, level: int) -> None:
    """J = -c G + const: the inner product is a square and both sets are the same at every alpha."""
    team = replace(team, weights=torch.full_like(team.weights, level / 4))
    exact = ExactTeam(team)
    assert all(relation(exact.mixed(c), exact.of_j()) == "equal" for c in RATIOS)
    for shift in product((Fraction(-1), Fraction(2)), repeat=team.n_agents):
        assert exact.inner(list(shift)) >= 0
    assert misaligned_point(team) is None


@EXACT
@given(team=linear_quadratic_teams(max_agents=3, max_rows=4, honest=False))
def test_t2_other_inclusion_where_the_hessian_is_nonsingular(team: LinearQuadraticTeam) -> None:
    """If grad G != 0 at a nondegenerate maximum of J then points next to it are misaligned, along -A^-1 grad G."""
    exact = ExactTeam(team)
    s_j = exact.of_j()
    assume(not s_j.kernel)
    assert s_j.point is not None
    _, slope = exact.gradients(s_j.point)
    assume(any(slope))
    step = ExactSet(exact.big_a, [-g for g in slope]).point
    assert step is not None
    near = (Fraction(1, 2**k) for k in range(60))
    found = next((e for e in near if exact.inner([t + e * s for t, s in zip(s_j.point, step)]) < 0), None)
    assert found is not None and not exact.mixed(Fraction(1)).holds(s_j.point)


def test_t2_other_inclusion_fails_where_the_hessian_is_singular() -> None:
    """J = -1/2 t1^2, G = 1/2 t1^2 + 1/2 (t2 - 1)^2: <grad J, -grad G> = t1^2 >= 0, S_J a line, S_{J_alpha} a point."""
    team = diagonal_team(weights=[1.0, 0.0], reference=[0.0, 1.0])
    exact = ExactTeam(team)
    assert relation(exact.mixed(Fraction(1)), exact.of_j()) == "subset"
    grid = [[Fraction(k, 2), Fraction(l, 2)] for k, l in product(range(-6, 7), repeat=2)]
    assert [exact.inner(theta) for theta in grid] == [t1**2 for t1, _ in grid]
    base = team_stationary(team, 0.0).points
    for alpha in ALPHAS:
        points = team_stationary(team, alpha).points
        assert (base.dimension, points.dimension, set_relation(points, base)) == (1, 0, "subset")
        assert points.contains([0.0, 1.0])


def diagonal_team(weights: list[float], reference: list[float]) -> LinearQuadraticTeam:
    size = len(weights)
    return LinearQuadraticTeam(
        index=torch.arange(size)[:, None],
        value=torch.ones(size, 1, dtype=torch.float64),
        weights=torch.tensor(weights, dtype=torch.float64),
        optimum=torch.zeros(size, dtype=torch.float64),
        reference_state=torch.tensor(reference, dtype=torch.float64),
    )


# ---- alignment is not necessary --------------------------------------------------------------------------------


@st.composite
def square_teams(draw: st.DrawFn) -> LinearQuadraticTeam:
    """Square Z, the reference being the target, any positive weights."""
    size = draw(st.integers(2, 3))
    numbers = st.lists(st.integers(-4, 4), min_size=size * size, max_size=size * size)
    z = torch.tensor(draw(numbers), dtype=torch.float64).view(size, size) / 2
    assume(abs(float(torch.linalg.det(z))) > 0.1)  # multiples of 1/8: this is "not 0"
    weights = draw(st.lists(st.integers(1, 64), min_size=size, max_size=size))
    target = torch.tensor(draw(st.lists(st.integers(-4, 4), min_size=size, max_size=size)), dtype=torch.float64)
    return LinearQuadraticTeam(
        index=torch.arange(size).expand(size, size),
        value=z.T.contiguous(),
        weights=torch.tensor(weights, dtype=torch.float64) / 4,
        optimum=target,
        reference_state=target.clone(),
    )


@EXACT
@given(team=square_teams())
def test_alignment_is_not_necessary(team: LinearQuadraticTeam) -> None:
    """The sets are equal at every alpha; where a misaligned point is found it is one in exact fractions."""
    exact = ExactTeam(team)
    assert all(relation(exact.mixed(c), exact.of_j()) == "equal" for c in RATIOS)
    point = misaligned_point(team)
    if point is not None:
        assert exact.inner([Fraction(float(t)) for t in point]) < 0


def test_alignment_is_not_necessary_example() -> None:
    """Z = [[1, 1], [0, 1/4]], weights (1, 100), target 0: one common optimum, and a direction that is misaligned."""
    team = LinearQuadraticTeam(
        index=torch.tensor([[0, 1], [0, 1]]),
        value=torch.tensor([[1.0, 0.0], [1.0, 0.25]], dtype=torch.float64),
        weights=torch.tensor([1.0, 100.0], dtype=torch.float64),
        optimum=torch.zeros(2, dtype=torch.float64),
        reference_state=torch.zeros(2, dtype=torch.float64),
    )
    exact, point = ExactTeam(team), misaligned_point(team)
    assert point is not None and exact.inner([Fraction(float(t)) for t in point]) < 0
    assert all(relation(exact.mixed(c), exact.of_j()) == "equal" for c in RATIOS)
    assert solution_set(np.eye(2), np.zeros(2)).contains(team_stationary(team, 0.5).point)
