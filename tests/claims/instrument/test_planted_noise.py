"""Teams with planted noise: they keep the contract, and their noise is what is said of it."""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
import torch

from dgpg_verify.claims.instrument.measure_pipeline import CREDITS, measure_pipeline
from dgpg_verify.claims.instrument.pipeline_truths import ALPHA, SIZES, SYSTEMS
from dgpg_verify.claims.instrument.subjects import TAILS, PlantedNoise
from dgpg_verify.claims.noise.measure import measured_values
from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.contracts import check_system
from dgpg_verify.core import Cell, Evidence, InputError
from dgpg_verify.core.moments import LEADING_MIXTURES
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.statistics import mean_interval
from tests.claims.instrument.planted_moments import NAMES, cell_values, moments, planted_moments

# uniforms at which xi is -1 and +1: equally likely, they have mean 0 and variance 1 as the law itself
UPPER = {"normal": NormalDist().cdf(1.0), "student": 0.75 + 0.5 / math.pi}
UNITS = {law: (1.0 - upper, upper) for law, upper in UPPER.items()}


@pytest.mark.parametrize("tail", TAILS)
def test_it_keeps_the_contract(tail: str) -> None:
    check_system(PlantedNoise(5, 1.0, 0.5, 0.5, 1.2, tail))


def enumerated(system: PlantedNoise) -> dict[str, np.ndarray]:
    """Covariance and product of means [C, C, N], mean [C] and covariance [C, C] of the weights, over every profile of
    actions and every sign of the environment's noise: weights and scores by their definitions."""
    n = system.n_agents
    units = torch.tensor([*itertools.product(UNITS[system.tail], repeat=1 + n)], dtype=torch.float64)
    actions = torch.tensor([*itertools.product((0, 1), repeat=n)])
    noise, played = units.repeat_interleave(len(actions), 0), actions.repeat(len(units), 1)
    step = system.step(system.start(noise[:, None]), played)
    at = step.influence.index[..., 0]
    guidance = -((step.x - step.reference).gather(1, at) * step.influence.value[..., 0])
    total = (step.reward - step.reward.mean())[:, None].expand(-1, n)
    weights = torch.stack([total, guidance, torch.ones_like(guidance)]).numpy()
    scores = np.eye(2)[played.numpy()] - 0.5
    gradients = weights[..., None] * scores
    mean = gradients.mean(1)
    centred = gradients - mean[:, None]
    flat = weights.reshape(len(weights), -1)
    return {
        "covariance": np.einsum("cbnp,dbnp->cdn", centred, centred) / len(played),
        "signal": np.einsum("cnp,dnp->cdn", mean, mean),
        "value_means": flat.mean(1),
        "value_covariances": np.cov(flat, bias=True),
    }


@pytest.mark.parametrize("tail", TAILS)
def test_the_environments_noise_has_mean_0_and_variance_1(tail: str) -> None:
    middles = (torch.arange(1_000_000, dtype=torch.float64) + 0.5) / 1_000_000
    drawn = PlantedNoise(1, 0.0, 1.0, 0.0, tail=tail).start(torch.stack([middles, middles], -1)[:, None]).common
    assert float(drawn.mean()) == pytest.approx(0.0, abs=1e-9)
    assert float((drawn**2).mean()) == pytest.approx(1.0, rel=0.02)  # the grid cuts the heavy tail


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_every_outcome_together_gives_the_closed_form(n: int, tail: str) -> None:
    own, common, pull, scale = 0.7, 1.3, 0.8, 1.7
    found = enumerated(PlantedNoise(n, own, common, pull, scale, tail))
    told = cell_values(moments(n, own, common, pull, scale))
    for name in ("covariance", "signal"):
        np.testing.assert_allclose(found[name].sum(-1), told[f"measured/{name}"], rtol=1e-6, atol=1e-6)
    for name in ("value_means", "value_covariances"):
        np.testing.assert_allclose(found[name], told[f"measured/{name}"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("reading", LEADING_MIXTURES)
def test_the_mixtures_of_a_cell_have_the_closed_form(reading: str) -> None:
    exact = moments(5, 0.7, 1.3, 0.8, 1.7)
    cell = CellStats.read(Evidence(Cell("A0.5", "", 5, 0, 0, {}), cell_values(exact), 0.0))
    assert cell.guided(ALPHA, reading).variance == pytest.approx(exact.mixture(reading, ALPHA))


def test_what_is_measured_is_the_closed_form(seed: int) -> None:
    # 30 fleets of one scale: four means, each within its own 99.99 % interval: a false alarm in 2500 seeds
    system, exact = PlantedNoise(6, 0.7, 1.3, 0.8), moments(6, 0.7, 1.3, 0.8)
    seeds = range(1000 * seed, 1000 * seed + 30)
    measured = [measure_gradients(system, "uniform", CREDITS, rollouts=256, seed=k, progress=False) for k in seeds]
    cells = [measured_values(found) for found in measured]
    truth = cell_values(exact)
    baseline = 1.0 / 64  # the return's baseline is the mean of 64 pilot roll-outs, whose error is noise too
    for credit in (0, 1):
        for name in ("covariance", "signal"):
            values = np.array([cell[name][credit, credit] for cell in cells])
            expected = truth[f"measured/{name}"][credit, credit]
            if name == "covariance" and credit == 0:
                expected += baseline * exact.return_deviation**2 / 2.0 * system.n_agents
            interval = mean_interval(values, 0.9999)
            assert interval.low <= expected <= interval.high


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=lambda system: system.key)
@pytest.mark.parametrize("n", SIZES)
def test_what_the_design_plants_is_what_the_team_has(system, n: int) -> None:  # type: ignore[no-untyped-def]
    planted = system.planted(n)
    team = PlantedNoise.fleet(n, 3, **planted)
    of_team = moments(n, team.own, team.common, team.pull, team.scale)
    np.testing.assert_allclose([*vars(of_team).values()], [*vars(planted_moments(n, planted, team.scale)).values()])
    assert of_team.return_variance == pytest.approx(team.scale * planted["variance"])
    assert of_team.guidance_variance / of_team.guidance_signal == pytest.approx(planted["ratio"])


def test_the_sum_of_n_has_the_noise_to_signal_n() -> None:
    for n in SIZES:
        exact = planted_moments(n, SYSTEMS["sum"].planted(n))
        assert exact.return_variance / exact.return_signal == pytest.approx(n)


@pytest.mark.parametrize("law", TAILS)
def test_fleets_differ_by_a_scale_whose_law_does_not_depend_on_n(law: str) -> None:
    few, many = (
        [PlantedNoise.fleet(n, seed, 40.0, 2.0, 1.0, "normal", law, 0.1).scale for seed in range(50)] for n in (8, 64)
    )
    assert few == many and len(set(few)) == 50


@pytest.mark.parametrize("planted", [{"variance": 0.3, "ratio": 2.0}, {"variance": 4.0, "ratio": 0.9}])
def test_noise_below_that_of_the_actions_is_refused(planted: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"at least 3\.5 and 1"):
        PlantedNoise.fleet(8, 0, own=1.0, tail="normal", fleets="normal", spread=0.05, **planted)


def test_an_unknown_law_is_refused() -> None:
    with pytest.raises(InputError, match="tail"):
        PlantedNoise(2, 1.0, 1.0, 1.0, tail="cauchy")


def test_a_cell_holds_each_of_its_fleets_as_measured_alone() -> None:
    options = {**SYSTEMS["sum"].row("smoke").options, "planted": SYSTEMS["sum"].planted(8), "rollouts": 32}
    both, alone = (measure_pipeline(Cell("A0.5", "sum", 8, 0, 0, options | {"seeds": s})) for s in ([5, 9], [9]))
    assert both["measured/names"] == list(NAMES)
    assert both["measured/covariance"].shape == (2, 3, 3)
    np.testing.assert_array_equal(both["measured/covariance"][1], alone["measured/covariance"][0])
    assert both["measured/rollouts"] == 32
