"""Time and memory against N, the environment against plain loops, and what guidance adds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dgpg_verify.claims.cost.measure import peak_bytes as peak_tensor_bytes
from dgpg_verify.core import draw_noise
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.policies import uniform_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import CloudScheduling, LoadBalancingGame
from tests.speed.speed_tools import SLACK, TABLE, paired_ratio, peak_of, ratio_of_least, seconds
from tests.systems.cloud.plain_cloud import plain_rollouts

SIZES = (50, 500, 5000)
LARGE = (25_000, 50_000, 100_000, 200_000) if TABLE else (25_000, 100_000)
PEAK = """
import torch
torch.set_num_threads(1)
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.measurement import measure_gradients
game = LoadBalancingGame.random({n}, seed=0)
measure_gradients(game, "uniform", ["return", "guidance", "guided:0.5"], rollouts={rollouts}, progress=False)
"""


def peak_bytes(n: int, rollouts: int = 32) -> float:
    """Peak resident memory of a fresh process that measures a game of n agents."""
    return peak_of(PEAK.format(n=n, rollouts=rollouts))


def measure_game(n: int, rollouts: int = 64) -> Any:
    game = LoadBalancingGame.random(n, seed=1)
    credits = ["return", "guidance", "guided:0.5"]
    return measure_gradients(game, "uniform", credits, rollouts=rollouts, progress=False)


def slope(sizes: tuple[int, ...], values: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def test_time_against_n(benchmark: Any, speed_row: Callable[..., None]) -> None:
    measure_game(SIZES[0])
    spent = [float(np.median([seconds(lambda n=n: measure_game(n)) for _ in range(3)])) for n in SIZES]  # type: ignore[misc]
    exponent, late = slope(SIZES, spent), slope(SIZES[-2:], spent[-2:])
    benchmark.extra_info["exponent"] = exponent
    benchmark.pedantic(lambda: measure_game(500), rounds=2)
    speed_row("time against N, 50 to 5 000 (return, guidance, guided; game)", "exponent <= 1.05", f"{exponent:.2f}",
              exponent <= 1.05, f"fixed costs at small N pull it down; 500 to 5 000 alone: {late:.2f}",
              best=exponent <= 1.05)  # fmt: skip


def test_memory_against_n(benchmark: Any, speed_row: Callable[..., None]) -> None:
    peaks = [float(peak_tensor_bytes(lambda n=n: measure_game(n))) for n in SIZES]  # type: ignore[misc]
    assert peaks == sorted(peaks) and peaks[-1] > 10 * peaks[0]  # otherwise the exponent would mean nothing
    exponent, late = slope(SIZES, peaks), slope(SIZES[-2:], peaks[-2:])
    benchmark.extra_info["exponent"] = exponent
    benchmark.pedantic(lambda: measure_game(500), rounds=1)
    speed_row("memory against N, 50 to 5 000 (return, guidance, guided; game)", "exponent <= 1.05", f"{exponent:.2f}",
              exponent <= 1.05, f"largest sum of live tensors; 500 to 5 000 alone: {late:.2f}",
              best=exponent <= 1.05)  # fmt: skip


def test_memory_of_large_games(benchmark: Any, speed_row: Callable[..., None]) -> None:
    base = peak_bytes(2)
    first = benchmark.pedantic(peak_bytes, args=(LARGE[0],), rounds=1)
    peaks = [first, *(peak_bytes(n) for n in LARGE[1:])]
    above = [peak - base for peak in peaks]
    lives = [float(peak_tensor_bytes(lambda n=n: measure_game(n, 32))) for n in LARGE]  # type: ignore[misc]
    # Tensors are counted exactly. Resident pages have a fixed part and depend on when the allocator returns them
    # (200 000 agents: 490 to 650 MB above an empty process; 25 000: 123 to 135): of them only the ends are compared.
    # Without an increase the exponents below would mean nothing.
    assert lives == sorted(lives) and lives[-1] / lives[0] > 0.5 * LARGE[-1] / LARGE[0]
    assert min(above) > 0 and above[-1] > above[0]
    sizes = " to ".join(f"{n:,}".replace(",", " ") for n in (LARGE[0], LARGE[-1]))
    exponent, last = slope(LARGE, above), slope(LARGE[-2:], above[-2:])
    live = slope(LARGE, lives)
    at_100_000 = peaks[LARGE.index(100_000)]
    benchmark.extra_info["memory_exponent"], benchmark.extra_info["bytes_100000"] = exponent, at_100_000
    assert at_100_000 < 8 * 2**30
    speed_row(
        f"memory against N, {sizes} (resident, above an empty process)",
        "exponent <= 1.05",
        f"{exponent:.2f}",
        exponent <= 1.05,
        f"{len(LARGE)} sizes; the last two alone: {last:.2f}; largest sum of live tensors: {live:.2f}",
        best=min(exponent, live) <= 1.05,
    )
    speed_row("game of 100 000 agents", "within 8 GiB", f"{at_100_000 / 2**30:.2f} GiB", at_100_000 < 8 * 2**30)


def test_memory_does_not_grow_with_rollouts() -> None:
    few, many = peak_bytes(2_000, 1_024), peak_bytes(2_000, 8_192)  # both run in chunks of full size
    assert many < 1.25 * few  # 8 times the roll-outs; keeping them would add gigabytes


@pytest.mark.parametrize(("n", "horizon", "batch"), [(200, 50, 64), (1500, 25, 8)], ids=["measuring", "training"])
def test_environment_against_plain_loops(
    benchmark: Any, speed_row: Callable[..., None], n: int, horizon: int, batch: int
) -> None:
    few = 1
    system = CloudScheduling(n, seed=0, horizon=horizon)
    policy = uniform_policy(system)
    noise = draw_noise(3, 0, system, policy, batch)
    actions = collect(system, policy, noise).actions

    def batched() -> Any:
        state = system.start(noise.environment)
        for t in range(horizon):
            system.observe(state)
            state = system.step(state, actions[:, t]).next_state
        return state

    def plain() -> Any:
        clouds = plain_rollouts(system, noise.environment[:few])
        for cloud, row in zip(clouds, actions[:few].tolist(), strict=True):
            for step in row:
                cloud.observe()
                cloud.step(step)
        return clouds

    ratio, low, high = (value * batch / few for value in paired_ratio(plain, batched))
    benchmark.extra_info["ratio"] = ratio
    benchmark.pedantic(batched, rounds=2)
    where = "" if n == 200 else f", N = {n}"
    speed_row(f"environment, agent-steps/s against per-agent Python loops{where}", ">= 50 x", f"{ratio:.0f} x ("
              f"{low:.0f} to {high:.0f})", ratio >= 50,
              f"N = {n}, T = {horizon}, {batch} roll-outs, one thread, start included",
              best=high * SLACK >= 50)  # fmt: skip


def test_what_guidance_adds(benchmark: Any, speed_row: Callable[..., None]) -> None:
    system = CloudScheduling(200, seed=0, horizon=50 if TABLE else 5)  # minutes, so in full only where the row is kept

    def measure(credits: list[str]) -> Any:
        return measure_gradients(system, "mlp", credits, rollouts=32, progress=False)

    guided, base = (lambda: measure(["guided:0.5@gae:central"])), (lambda: measure(["gae:central"]))
    ratio, low, high = ratio_of_least(guided, base, 5 if TABLE else 1)
    benchmark.extra_info["ratio"] = ratio
    benchmark.pedantic(lambda: measure(["gae:central"]), rounds=1)
    speed_row("guidance credit added to the base method (MLP, measuring)", "<= 5 % time", f"{100 * (ratio - 1):+.0f} % "
              f"({100 * (low - 1):+.0f} to {100 * (high - 1):+.0f} %)", ratio <= 1.05,
              "least times; measured as a credit of its own, so that alpha can be chosen afterwards",
              best=low <= (1.05 if TABLE else 2.0))  # fmt: skip
