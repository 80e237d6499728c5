"""Constants of descent against dense eigenvalues and sampled points; the bound against the exact recursion."""

import numpy as np
import pytest
import torch

from dgpg_verify.core import InputError
from dgpg_verify.oracles.teams.constants import descent_constants, sampled_curvature, schedule_bound
from dgpg_verify.oracles.teams.descent import DESCENT_CREDITS, expected_gaps
from dgpg_verify.oracles.teams.linear_quadratic import stationary_point, team_arrays
from dgpg_verify.systems import LinearQuadraticTeam
from tests.oracles.teams.covariance_matrices import covariance_matrix
from tests.oracles.teams.optima import optimal_objective
from tests.oracles.teams.recursion import recursion, schedule

SIGMA = 0.6
ALONE = {"return": 0.0, "difference": 0.0, "guidance": 1.0, "guidance:exact": 1.0}


def draw(n, seed, alignment=0.2, bias=0.5):
    system = LinearQuadraticTeam.random(n, seed, alignment=alignment, reference_bias=bias)
    return system, np.random.default_rng(seed + 1).normal(size=n)


def curvature(system, alpha):
    arrays = team_arrays(system, np.zeros(system.n_agents))
    return ((1 - alpha) * arrays.a + alpha * arrays.b).toarray(), arrays.a.trace()


def ring(n, coupling=0.1):
    """A circulant team Z = I + coupling * shift, equal weights, x* = x~ = 1: the same spectrum at every N."""
    agents, ones = torch.arange(n), torch.ones(n, dtype=torch.float64)
    index, value = torch.stack([agents, (agents + 1) % n], 1), torch.stack([ones, coupling * ones], 1)
    return LinearQuadraticTeam(index, value, ones, ones, ones)


@pytest.mark.parametrize("n", (1, 20, 128, 129, 300))  # dense up to 128, Lanczos beyond
def test_constants_against_dense_eigenvalues(n, seed):
    system, _ = draw(n, seed)
    for credit, alpha in (("return", 0.0), ("guided", 0.4), ("guided@difference", 0.4), ("guidance", 1.0)):
        matrix, trace = curvature(system, alpha)
        values = np.linalg.eigvalsh(matrix)
        mine = descent_constants(system, credit, alpha)
        assert (mine.gradient_domination, mine.smoothness) == pytest.approx((values[0], values[-1]), rel=1e-9)
        shared = (1 - alpha) ** 2 * trace if credit in ("return", "guided") else 0.0
        assert mine.noisy_smoothness == pytest.approx(shared + 3 * values[-1], rel=1e-9)
        assert mine.offset == pytest.approx(2 * (shared + 3 * values[-1]) / values[0], rel=1e-9)


def test_constants_leave_null_directions_out():
    one = torch.ones(1, dtype=torch.float64)
    system = LinearQuadraticTeam(torch.tensor([[0], [0]]), torch.ones(2, 1, dtype=torch.float64), one, one, one)
    mine = descent_constants(system)  # A = [[1, 1], [1, 1]]: eigenvalues 0 and 2
    assert (mine.gradient_domination, mine.smoothness) == pytest.approx((2.0, 2.0))
    still = LinearQuadraticTeam(torch.tensor([[0], [0]]), torch.zeros(2, 1, dtype=torch.float64), one, one, one)
    with pytest.raises(InputError, match="constant"):
        descent_constants(still)


@pytest.mark.parametrize("alpha", (0.0, 0.5, 1.0))
def test_sampled_curvature_closes_in_from_inside(alpha, seed):
    for n in (6, 60):
        system, _ = draw(n, seed)
        mine = descent_constants(system, "guided", alpha)
        low, high = sampled_curvature(system, alpha, np.random.default_rng([seed, n]))
        assert mine.gradient_domination * (1 - 1e-6) <= low <= 1.05 * mine.gradient_domination
        assert 0.95 * mine.smoothness <= high <= mine.smoothness * (1 + 1e-6)
        # control: constants of another alpha do not fit these points
        other = descent_constants(system, "guided", 1.0 - alpha if alpha != 0.5 else 0.0)
        assert not (0.95 * other.smoothness <= high <= other.smoothness and other.gradient_domination <= low)


def allowed_gaps(bound, records):
    """Bound of the total gap after each number of steps."""
    return bound.level / (np.asarray(records) + bound.constants.offset)


@pytest.mark.parametrize("credit", DESCENT_CREDITS)
def test_the_schedule_keeps_its_bound(credit, seed):
    """E gap of J_alpha under the schedule, from the exact recursion of J with the reference as its optimum (A = B)."""
    records = [0, 1, 5, 20, 100, 400]
    for n in (4, 15):
        system, start = draw(n, seed, alignment=1.0, bias=0.0)
        alpha = ALONE.get(credit, 0.5)
        bound = schedule_bound(system, SIGMA, credit, alpha, start)
        steps = schedule(bound.constants, 400)
        exact = expected_gaps(system, SIGMA, credit, steps, alpha, 1, start, records)
        assert (exact <= allowed_gaps(bound, records) * (1 + 1e-12)).all()
        assert bound.samples(allowed_gaps(bound, [50])[0]) == pytest.approx(50, abs=1)


@pytest.mark.parametrize("credit", DESCENT_CREDITS)
def test_the_bound_is_three_times_the_truth_at_equal_curvature(credit):
    """Control: the bound is not empty. Z = I, begun at the optimum: gap+ = (1 - 4/k) gap + 2 S / (mu k)^2 up to higher
    orders, so k gap tends to 2/3 S / mu^2 while the bound's level is 2 S / mu^2."""
    system, steps = ring(3, 0.0), 600
    alpha = ALONE.get(credit, 0.4)
    bound = schedule_bound(system, SIGMA, credit, alpha, np.ones(3))
    etas = schedule(bound.constants, steps)
    exact = expected_gaps(system, SIGMA, credit, etas, alpha, 1, np.ones(3), [steps])
    assert exact[0] / allowed_gaps(bound, [steps])[0] == pytest.approx(1 / 3, rel=0.02)


@pytest.mark.parametrize("credit", ("return", "difference"))
def test_the_bound_at_unequal_weights(credit, seed):
    system, start = draw(20, seed, alignment=0.0)
    bound, records = schedule_bound(system, SIGMA, credit, 0.0, start), np.arange(301)
    exact = expected_gaps(system, SIGMA, credit, schedule(bound.constants, 300), 0.0, 1, start, records)
    assert (exact <= allowed_gaps(bound, records) * (1 + 1e-12)).all()
    assert exact[0] == pytest.approx(optimal_objective(system, SIGMA) - team_arrays(system, start).objective(SIGMA))


@pytest.mark.parametrize("credit", ("guided", "guided+guidance:exact", "guidance"))
def test_the_bound_of_a_mixture_with_bias(credit, seed):
    """One step: E gap of J_alpha by its definition, from the covariance of the estimate at theta, stays below
    (1 - eta mu) gap + eta^2 S / 2, also where u and v do not vanish at theta_alpha."""
    alpha = ALONE.get(credit, 0.3)
    system, _ = draw(8, seed, alignment=0.9, bias=2.0)
    bound = schedule_bound(system, SIGMA, credit, alpha, np.zeros(8))
    f, _ = curvature(system, alpha)
    best, eta = stationary_point(system, alpha), schedule(bound.constants, 1)[0]
    rng = np.random.default_rng(seed)
    name = "guidance:exact" if credit.endswith("exact") else "guidance"
    ratios = []
    for scale in np.geomspace(1e-2, 1e2, 40):
        theta = best + scale * rng.normal(size=8)
        part = covariance_matrix(system, theta, SIGMA, name)
        noise = alpha**2 * part
        if alpha < 1.0:
            cross = covariance_matrix(system, theta, SIGMA, "return", name)
            noise = noise + (1 - alpha) ** 2 * covariance_matrix(system, theta, SIGMA, "return")
            noise = noise + alpha * (1 - alpha) * (cross + cross.T)
        g = f @ (theta - best)
        gap = 0.5 * (theta - best) @ g
        after = gap - eta * g @ g + 0.5 * eta**2 * (g @ f @ g + (f * noise).sum())
        allowed = (1 - eta * bound.constants.gradient_domination) * gap + 0.5 * eta**2 * bound.noise
        ratios.append(after / allowed)
    assert max(ratios) <= 1 + 1e-12
    assert max(ratios) > 0.5  # control: half of it would not do


def test_no_bound_where_the_noise_outgrows_the_schedule(seed):
    system, start = draw(200, seed, alignment=0.0)
    with pytest.raises(InputError, match="no bound at alpha"):
        schedule_bound(system, SIGMA, "guided", 0.5, start)


def first_record_below(records, gaps, level):
    """Joint roll-outs at the first record from which the expected gap stays at or below the level."""
    above = np.flatnonzero(gaps > level)
    return records[above[-1] + 1] if len(above) else records[0]


def test_samples_of_return_grow_with_agents_and_of_difference_do_not():
    """Exponent of n_eps in N under the schedule, by exact recursion: n_eps of the return is about N + c with c = 4
    (tr A^2 tr A + 4 tr A^3), so its slope lies in (0.9, 1.1) from N = 64; that of the difference within 0.05 of 0."""
    counts, needed = [64, 128, 256], {"return": [], "difference": []}
    for n in counts:
        system, start = ring(n), np.zeros(n)
        epsilon = optimal_objective(system, 0.0) - team_arrays(system, start).objective(0.0)
        for credit, horizon in (("return", 100 * n), ("difference", 400)):
            records = np.unique(np.geomspace(1, horizon, 1000).astype(int))
            if credit == "return":
                gaps = n * recursion(system, SIGMA, horizon)[records - 1]
            else:
                steps = schedule(descent_constants(system, credit), horizon)
                gaps = expected_gaps(system, SIGMA, credit, steps, 0.0, 1, start, records)
            needed[credit].append(first_record_below(records, gaps, epsilon / 20))
    slopes = {credit: np.polyfit(np.log(counts), np.log(values), 1)[0] for credit, values in needed.items()}
    assert 0.9 < slopes["return"] < 1.1
    assert -0.05 < slopes["difference"] < 0.05


@pytest.mark.parametrize(
    "credit, alpha, message",
    [("gae", 0.0, "credit = 'gae'"), ("guided", 1.5, "alpha = 1.5"),
     ("return", 0.5, "alpha = 0.5"), ("guidance", 0.5, "alpha = 0.5")],
)  # fmt: skip
def test_bad_input_is_refused(credit, alpha, message):
    with pytest.raises(InputError, match=message):
        descent_constants(LinearQuadraticTeam.random(3, 1), credit, alpha)


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    system, _ = draw(200, 3)
    first, second = descent_constants(system), descent_constants(system)
    assert first == second
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002
