"""Cells of C1: what is stored is enough for every statistic, and agrees with the oracle it came from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.design import ONE_SHOT_CREDITS, noise_row
from dgpg_verify.claims.noise.measure import exact_moments, measure_noise, prefixed
from dgpg_verify.claims.noise.questions import read_noise
from dgpg_verify.claims.noise.read import CellStats, CreditStats, return_share, told_from_zero
from dgpg_verify.claims.subjects import build_policy, build_system
from dgpg_verify.core import Cell, Evidence, InputError
from dgpg_verify.core.moments import SETTINGS, EstimateMoments
from tests.claims.judging import measured_of

GAME_ROW = noise_row("load_balancing/uniform/sparse/test", {12: 1}, rollouts=512, pick_freeze=16)
TEAM_ROW = noise_row("linear_quadratic/toward:0.5/test", {12: 1}, options={"alignment": 0.5})
CLOUD_ROW = noise_row(
    "cloud/linear/sparse/test",
    {6: 1},
    32,
    4,
    {"horizon": 6},
    credits=("return", "return:to_go", "guidance", "difference"),
)


def evidence_of(cell: Cell) -> Evidence:
    return Evidence(cell, measure_noise(cell), 0.0)


def test_what_is_told_from_zero_is_above_zero_beyond_its_noise(seed: int) -> None:
    """Unbiased estimates of |m|^2 from 64 roll-outs in one dimension, where the bound on their noise is reached.

    At m = 0 fewer than 5 % may be told (1 in 20 of two tails; 2000 draws: 5 % is 2.5 standard errors above 4 %); five
    standard errors of the mean away nearly all are.
    """
    rng, rollouts = np.random.default_rng([5, seed]), 64

    def told(mean: float) -> float:
        drawn = rng.normal(mean, 1.0, (2000, rollouts))
        variances = drawn.var(1, ddof=1)
        squares = drawn.mean(1) ** 2 - variances / rollouts
        return float(np.mean([told_from_zero(s, v, rollouts) for s, v in zip(squares, variances)]))

    assert told(0.0) < 0.05
    assert told(5.0 / np.sqrt(rollouts)) > 0.5
    assert told(8.0 / np.sqrt(rollouts)) > 0.95
    assert told_from_zero(1e-12, 1.0, 0) and not told_from_zero(0.0, 1.0, 0) and not told_from_zero(-1.0, 1.0, 64)


def test_no_cosine_without_lengths(seed: int) -> None:
    """32 roll-outs tell no length of a cloud's gradient from 0: neither cosine nor efficiency, whatever the signs."""
    stats = [CellStats.read(evidence_of(cell)) for cell in replace(CLOUD_ROW, n_values={6: 8}).cells(seed)]
    for credit in ("return", "guidance", "difference"):
        assert all(np.isnan(cell[credit].efficiency) for cell in stats)
        assert all(np.isnan(cell[credit].alignment) for cell in stats)
    raw = [EstimateMoments(c.variance, c.signal, c.inner, c.objective) for c in (cell["guidance"] for cell in stats)]
    assert any(np.isfinite(moments.alignment) for moments in raw)  # control: the formula alone gives a number


@pytest.fixture(scope="module", params=[GAME_ROW, TEAM_ROW], ids=lambda row: row.key)
def exact_cell(request: pytest.FixtureRequest, seed: int) -> tuple[CellStats, object]:
    cell = request.param.cells(seed)[0]
    system = build_system(cell)
    oracle = exact_moments(system, build_policy(request.param.options["policy"], system, cell.seed))
    return CellStats.read(evidence_of(cell), "exact"), oracle


def test_statistics_equal_the_oracle(exact_cell) -> None:  # type: ignore[no-untyped-def]
    stats, oracle = exact_cell
    for credit in ONE_SHOT_CREDITS:
        moments = oracle[credit]
        assert stats[credit].variance == pytest.approx(moments.variance.mean(), rel=1e-12)
        assert stats[credit].cross_agent_share == pytest.approx(moments.cross_agent_share, rel=1e-9)
        for quantity in ("noise_to_signal", "alignment", "efficiency", "rollouts_to_point"):
            expected = pytest.approx(getattr(moments.pooled, quantity), rel=1e-9, nan_ok=True)  # NaN: the score
            assert getattr(stats[credit], quantity) == expected


@pytest.mark.parametrize("setting", grid.SETTINGS)
@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.55, 1.0])
def test_mixtures_equal_the_oracles_guided_credit(exact_cell, setting: str, alpha: float) -> None:  # type: ignore[no-untyped-def]
    stats, oracle = exact_cell
    mixed, expected = stats.guided(alpha, setting), oracle.guided(alpha, setting=setting)
    assert mixed.variance == pytest.approx(expected.variance.mean(), rel=1e-9)
    assert mixed.signal == pytest.approx(expected.signal_squared.mean(), rel=1e-9)
    assert mixed.efficiency == pytest.approx(expected.pooled.efficiency, rel=1e-9)
    scales = stats.scales(setting, alpha)
    ours = (1.0 - alpha) * scales[0] * np.linalg.norm(oracle.objective_gradient)
    theirs = alpha * scales[1] * np.linalg.norm(oracle.guidance_gradient)
    assert return_share([mixed]) == pytest.approx(ours / (ours + theirs), rel=1e-9)


def fleet(objective: float, guidance: float, alpha: float = 0.2, **exact: float) -> CreditStats:
    moments = {
        "names": ("return", "guidance"),
        "covariance": np.eye(2),
        "signal": np.diag([objective, guidance]),
        "value_means": np.zeros(2),
        "value_covariances": np.eye(2),
    }
    values = prefixed("measured", moments | exact)
    return CellStats.read(Evidence(Cell("C1", "test", 1, 0, 0), values, 0.0)).guided(alpha)


def test_the_share_is_of_the_root_mean_squares_over_fleets() -> None:
    shares = return_share([fleet(3.6, 4.0), fleet(4.0, 4.1), fleet(4.4, 4.2)])
    lengths = 0.8 * 2.0, 0.2 * np.sqrt(4.1)
    assert shares == pytest.approx(lengths[0] / sum(lengths))


@pytest.mark.parametrize(
    "objective, guidance",
    [
        ([-1.0, 4.0, 1.0], [4.0, 4.1, 4.2]),  # the return's interval reaches 0
        ([-1.0, -2.0, -1.5], [4.0, 4.1, 4.2]),
        ([3.6, 4.0, 4.4], [-5.0, 6.0, -0.5]),  # the guidance's does
        ([4.0], [4.0]),  # one fleet has no interval
        ([float("nan"), 4.0, 4.1], [4.0, 4.1, 4.2]),
    ],
)
def test_what_is_lost_in_noise_has_no_share_rather_than_none_of_it(
    objective: list[float], guidance: list[float]
) -> None:
    assert return_share([fleet(*pair) for pair in zip(objective, guidance)]) is None


def test_a_part_without_weight_has_no_share_however_noisy_the_other_is() -> None:
    assert return_share([fleet(-1.0, 4.0, alpha=0.0)]) == 1.0
    assert return_share([fleet(4.0, -1.0, alpha=1.0)]) == 0.0


def test_exact_lengths_need_no_interval_and_measured_ones_beside_them_do() -> None:
    known = {"objective_signal": 4.0, "guidance_signal": 4.0}
    assert return_share([fleet(0.0, 0.0, **known)]) == pytest.approx(0.8)
    assert return_share([fleet(0.0, g, objective_signal=4.0) for g in (-5.0, 6.0, -0.5)]) is None
    known_to_one = [fleet(0.0, 4.0, **known), fleet(-9.0, 4.1), fleet(9.0, 4.2)]
    assert return_share(known_to_one) is None


def test_alpha_star_minimises_the_variance(exact_cell) -> None:  # type: ignore[no-untyped-def]
    stats, _ = exact_cell
    for setting in SETTINGS:
        best = stats.guided(stats.alpha_star(setting), setting).variance
        curve = [stats.guided(alpha, setting).variance for alpha in np.linspace(0.0, 1.0, 101)]
        assert best <= min(curve) * (1 + 1e-12)
    with pytest.raises(InputError, match="joint"):  # its scales depend on alpha
        stats.alpha_star("joint")


def test_a_mixture_minus_its_mean(exact_cell) -> None:  # type: ignore[no-untyped-def]
    """`mixed` minus its mean is `joint` but for a factor that the statistics do not see; with its mean it is not."""
    stats, _ = exact_cell
    joint, centred, plain = (
        stats.guided(0.2, name, centred=minus) for name, minus in (("joint", False), ("mixed", True), ("mixed", False))
    )
    for name in ("noise_to_signal", "paired_ratio"):
        assert getattr(centred, name) == pytest.approx(getattr(joint, name), rel=1e-9)
        assert getattr(plain, name) != pytest.approx(getattr(joint, name), rel=1e-3)


def test_joint_needs_the_score(exact_cell) -> None:  # type: ignore[no-untyped-def]
    stats, _ = exact_cell
    with pytest.raises(InputError, match="score"):
        replace(stats, names=("return", "guidance", "guidance:exact", "difference", "other")).guided(0.2, "joint")


def test_measured_game_is_near_the_closed_form(seed: int) -> None:
    """Variances of 512 roll-outs within 35 % of the exact ones: more than 5 standard errors (kurtosis below 20)."""
    evidence = evidence_of(GAME_ROW.cells(seed)[0])
    exact, measured = CellStats.read(evidence, "exact"), CellStats.read(evidence, "measured")
    for credit in ONE_SHOT_CREDITS:
        assert measured[credit].variance == pytest.approx(exact[credit].variance, rel=0.35)
    assert measured.lengths["return"] == pytest.approx(exact.lengths["return"], rel=1e-9)


def test_a_cell_is_a_function_of_the_cell_alone(seed: int) -> None:
    cell = CLOUD_ROW.cells(seed)[0]
    first, second = evidence_of(cell), evidence_of(cell)
    assert _numbers(first) == _numbers(second)
    assert _numbers(first) != _numbers(evidence_of(CLOUD_ROW.cells(seed + 1)[0]))


def test_shared_rows_are_read_as_the_team(seed: int) -> None:
    row = noise_row("load_balancing/uniform/sparse/shared", {12: 1}, rollouts=256)
    evidence = evidence_of(row.cells(seed)[0])
    team, agent = CellStats.read(evidence, "measured", team=True), CellStats.read(evidence, "measured")
    assert team["return"].variance != pytest.approx(agent["return"].variance)
    assert team.lengths["return"] != pytest.approx(agent.lengths["return"])


def test_a_series_is_read_from_the_source_that_decides_its_row(seed: int) -> None:
    """Closed forms where there are some, whatever was measured beside them."""
    evidence = [evidence_of(cell) for cell in GAME_ROW.cells(seed)]
    (stats,) = read_noise(measured_of(evidence, {GAME_ROW.key: GAME_ROW}), [GAME_ROW.key])[GAME_ROW.key].flat
    assert stats["return"].variance == CellStats.read(evidence[0], "exact")["return"].variance


def _numbers(evidence: Evidence) -> dict[str, object]:
    return {key: np.asarray(value).tolist() for key, value in evidence.values.items()}
