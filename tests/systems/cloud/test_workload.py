"""Jobs: laws with exact means, offered load, bursts, fit to candidates, presets. Stochastic lines state their rates."""

from __future__ import annotations

import json
import math
from importlib.resources import files

import pytest
import torch
from scipy import stats
from torch import Tensor

from dgpg_verify.core import generator, open_uniforms
from dgpg_verify.systems.cloud import CloudScheduling
from dgpg_verify.systems.cloud.workload.fit import Candidates, fit_jobs
from dgpg_verify.systems.cloud.workload.generator import LONGEST, Jobs, Shape, bimodal, preset
from dgpg_verify.systems.cloud.workload.laws import Law, LogNormal, MixedLaw, Pareto

FALSE_ALARM = 1e-4  # of each stochastic assertion in this file (two-sided, normal approximation)
Z = float(stats.norm.isf(FALSE_ALARM / 2))
SHAPES = ["bimodal", "philly", "openb", "lcg"]


def shape_of(name: str) -> Shape:
    if name == "bimodal":
        return bimodal()
    table = json.loads((files("dgpg_verify.systems") / "data" / "workload_presets.json").read_text())
    return preset(table[name])


LAWS: dict[str, Law] = {
    "log_normal": LogNormal(0.3, 0.8),
    "truncated_log_normal": LogNormal(-1.0, 0.7, -2.0, 1.0),
    "pareto": Pareto(1.2, 10.0, 100.0),
    "pareto_index_1": Pareto(1.0, 2.0, 50.0),
    "mixture": MixedLaw((0.3, 0.7), (LogNormal(0.0, 0.5), Pareto(0.9, 3.0, 40.0))),
    **{f"durations_{name}": shape_of(name).duration for name in SHAPES},
    **{f"cores_{name}": shape_of(name).cores for name in SHAPES},
}


@pytest.mark.parametrize("name", LAWS)
def test_means_agree_with_quadrature_over_the_quantile(name: str) -> None:
    law = LAWS[name]
    middle = (torch.arange(2**18, dtype=torch.float64) + 0.5) / 2**18
    assert float(law.quantile(middle).mean()) == pytest.approx(law.mean, rel=1e-4)
    assert float(law.scaled(3.0).quantile(middle).mean()) == pytest.approx(3.0 * law.mean, rel=1e-4)
    assert float((law.quantile(middle) ** 1.2).mean()) == pytest.approx(law.power(1.2).mean, rel=3e-4)


def test_truncation_bounds_are_kept() -> None:
    ends = torch.tensor([1e-12, 1 - 1e-12], dtype=torch.float64)
    low, high = Pareto(1.2, 10.0, 100.0).quantile(ends).tolist()
    assert low == pytest.approx(10.0) and high == pytest.approx(100.0, rel=1e-6)
    low, high = LogNormal(0.0, 0.7, -2.0, 2.0).quantile(ends).log().tolist()
    assert low == pytest.approx(-1.4) and high == pytest.approx(1.4)


@pytest.mark.parametrize("name", SHAPES)
def test_durations_have_mean_10_steps_and_end_at_100(name: str) -> None:
    law = shape_of(name).duration
    assert law.mean == pytest.approx(10.0, rel=1e-9)
    draws = law.quantile(open_uniforms((200_000,), generator(2, 0)))
    assert float(draws.max()) <= LONGEST * (1 + 1e-9) and float(draws.min()) > 0


def test_presets_reproduce_the_figures_they_were_fitted_to() -> None:
    """Burst variance + daily variance + counting noise = the trace's hourly Fano factor; 5 % of jobs in the tail."""
    table = json.loads((files("dgpg_verify.systems") / "data" / "workload_presets.json").read_text())
    for name in ("openb", "lcg"):
        facts, shape = table[name], shape_of(name)
        profile = torch.tensor(shape.profile, dtype=torch.float64)
        daily = float(profile.var(correction=0) / profile.mean() ** 2)
        fano = 1.0 + facts["jobs_per_hour"] * (shape.burst_cv**2 + daily)
        assert fano == pytest.approx(facts["hourly_fano"], rel=1e-9)
        assert isinstance(shape.duration, MixedLaw) and shape.duration.weights[-1] == 0.05
        tail = shape.duration.parts[-1]
        assert isinstance(tail, Pareto) and tail.alpha == facts["duration"]["tail_index"]
    sizes = shape_of("openb")
    assert sizes.memory_slope == 1.1787
    assert sizes.memory_sd == pytest.approx(0.1926 * math.log(10))


def offered(system: CloudScheduling, batch: int, seed: int) -> tuple[Tensor, Tensor]:
    """Offered core and memory load of each dispatcher's episode relative to the fleet, [B N] (independent draws)."""
    noise = open_uniforms((batch, system.horizon, system.noise_size), generator(seed, 0))
    jobs, fleet = system.parts.workload.jobs(noise), system.fleet
    scale = system.n_agents / system.horizon
    cores, memory = ((size * jobs.duration).sum(1).flatten() * scale for size in (jobs.cores, jobs.memory))
    return cores / fleet.core_throughput, memory / fleet.memory_throughput


@pytest.mark.parametrize("name", SHAPES)
def test_offered_load_is_load_times_capacity(name: str) -> None:
    """Sees a discrepancy of 5 % with probability above 99 %; the rival value load * 1.05 must be rejected."""
    system = CloudScheduling(100, seed=3, workload=name, load=0.75)
    cores, memory = offered(system, 60, 5)
    for values, truth in ((cores, 0.75), (memory, 0.8 * 0.75)):
        error = float(values.std()) / math.sqrt(len(values))
        assert (Z + 2.33) * error < 0.05 * truth  # deterministic: enough dispatchers
        assert abs(float(values.mean()) - truth) < Z * error
        assert abs(float(values.mean()) - 1.05 * truth) > Z * error


def test_load_holds_for_any_horizon_and_scales() -> None:
    for horizon, load in ((37, 0.5), (100, 0.9)):
        system = CloudScheduling(100, horizon=horizon, load=load)
        assert float(system.parts.day.mean()) == pytest.approx(1.0, rel=1e-12)
        values, _ = offered(system, 20, 6)
        assert abs(float(values.mean()) - load) < Z * float(values.std()) / math.sqrt(len(values))


@pytest.mark.parametrize("name", SHAPES)
def test_probabilities_stay_below_one_and_rate_is_the_declared_one(name: str) -> None:
    system = CloudScheduling(50, workload=name)
    workload = system.parts.workload
    assert float(workload.day.max()) * max(workload.burst) <= 1.0 + 1e-12 and min(workload.burst) >= 0.0
    assert 0.25 * workload.burst[1] + 0.75 * workload.burst[0] == pytest.approx(1.0)


def test_jobs_of_dispatchers_are_independent_and_common_shock_is_not() -> None:
    """Var(total jobs) / sum of the dispatchers' variances is 1 when independent and grows with N under a common shock.

    256 roll-outs: the ratio's chi-square interval at 1e-4 is about [0.7, 1.4]; the shock gives a ratio near 20.
    """
    ratios = {}
    for shock in (False, True):
        system = CloudScheduling(40, common_shock=shock)
        noise = open_uniforms((256, system.horizon, system.noise_size), generator(9, 0))
        counts = system.parts.workload.jobs(noise).active.sum(1).double()  # [B, N]
        ratios[shock] = float(counts.sum(1).var() / counts.var(0).sum())
    low, high = (float(stats.chi2.ppf(p, 255)) / 255 for p in (FALSE_ALARM / 2, 1 - FALSE_ALARM / 2))
    assert low < ratios[False] < high
    assert ratios[True] > 5.0


def test_arrival_times_within_a_step_are_uniform_and_independent_of_the_agent() -> None:
    """Kolmogorov-Smirnov at the stated false alarm rate; the raw uniform (below the rate) is the control."""
    system = CloudScheduling(50, horizon=40)
    noise = open_uniforms((10, 40, system.noise_size), generator(10, 0))
    jobs = system.jobs(noise)
    assert stats.kstest(jobs.arrival[jobs.active].numpy(), "uniform").pvalue > FALSE_ALARM
    raw = noise[..., :50][jobs.active]
    assert stats.kstest(raw.numpy(), "uniform").pvalue < FALSE_ALARM


def test_a_job_is_scaled_to_the_second_roomiest_candidate() -> None:
    """Candidates (4, 8), (2, 100), (1, 1): of 8 cores, 8 GiB half fits on the first, a quarter on the second."""
    index = torch.tensor([[0, 1, 2]])
    candidates = Candidates(index, torch.tensor([[4.0, 2.0, 1.0]]).double(), torch.tensor([[8.0, 100.0, 1.0]]).double())
    one = torch.ones(1, 2, 1, dtype=torch.float64)
    jobs = Jobs(one > 0, one * torch.tensor([8.0, 1.0])[:, None], one * torch.tensor([8.0, 0.5])[:, None], one, one / 2)
    fitted = fit_jobs(jobs, candidates)
    assert fitted.cores.flatten().tolist() == [2.0, 1.0] and fitted.memory.flatten().tolist() == [2.0, 0.5]
    fits = (fitted.cores[..., None] <= candidates.cores) & (fitted.memory[..., None] <= candidates.memory)
    assert fits.flatten(0, 2).tolist() == [[True, True, False], [True, True, True]]
    alone = fit_jobs(jobs, Candidates(index[:, 2:], candidates.cores[:, 2:], candidates.memory[:, 2:]))
    assert alone.cores.flatten().tolist() == [1.0, 1.0]


def test_fitting_looks_at_every_candidate_of_every_job() -> None:
    """Against the rule written out for all jobs, K from 1 to M; jobs that need no scaling keep every bit."""
    for n_candidates in (1, 2, 3, 8):
        system = CloudScheduling(12, seed=7, horizon=40, load=4.0, n_candidates=n_candidates)
        noise = open_uniforms((3, 40, system.noise_size), generator(13, n_candidates))
        drawn, fitted, chosen = system.parts.workload.jobs(noise), system.jobs(noise), system.parts.candidates
        room = torch.minimum(chosen.cores / drawn.cores[..., None], chosen.memory / drawn.memory[..., None])
        factor = room.sort(-1, descending=True).values[..., min(2, n_candidates) - 1].clamp(max=1.0)
        scaled = drawn.active & (factor < 1.0)
        assert 0 < int(scaled.sum()) < int(drawn.active.sum())
        for name in ("cores", "memory"):
            before, after = getattr(drawn, name), getattr(fitted, name)
            assert torch.equal(after[~scaled], before[~scaled])
            assert torch.equal(after[scaled], (before * factor)[scaled])


def test_same_noise_same_jobs_other_noise_other_jobs() -> None:
    system = CloudScheduling(5, horizon=10)
    one, two, three = (system.jobs(open_uniforms((2, 10, system.noise_size), generator(s, 0))) for s in (1, 1, 2))
    assert torch.equal(one.cores, two.cores) and not torch.equal(one.cores, three.cores)
    assert bool((one.cores[~one.active] == 0).all()) and bool((one.cores[one.active] > 0).all())
