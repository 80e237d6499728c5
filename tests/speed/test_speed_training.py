"""Training: agent-steps through roll-out and update, their growth with N, and what guidance adds to the base method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training import make_method, train, train_together
from dgpg_verify.training.learner import Learner, make_learner
from dgpg_verify.training.methods import make_recipe
from tests.speed.speed_tools import SLACK, TABLE, peak_of, ratio_of_least, seconds

# Small sizes where no table is written: then the tests show that the rows can be made.
SIZES = (5, 50, 200, 1500) if TABLE else (5, 20, 50)
HORIZON = 50 if TABLE else 10


def learner(n: int, method: str = "dgpg") -> Learner:
    chosen = make_method(method)
    settings = chosen.settings({"setting": "parts"} if chosen.mixes else {})
    system = CloudScheduling(n, seed=0, horizon=HORIZON)
    return make_learner(make_recipe(chosen, settings, n), [system], [0])


def iteration(trained: Learner) -> Callable[[], Any]:
    """One episode with its update; every call is the next iteration, so nothing is played twice."""
    count = iter(range(10**6))
    return lambda: trained.iterate(next(count), 0.5)


def test_throughput_of_an_iteration(benchmark: Any, speed_row: Callable[..., None]) -> None:
    spent = {}
    for n in SIZES:
        step = iteration(learner(n))
        step()
        spent[n] = min(seconds(step) for _ in range(2))
    benchmark.pedantic(iteration(learner(SIZES[0])), rounds=1)
    rate = ", ".join(f"N = {n}: {n * HORIZON / spent[n]:.3g}" for n in SIZES)
    exponent = float(np.polyfit(np.log(SIZES[1:]), np.log([spent[n] for n in SIZES[1:]]), 1)[0])
    benchmark.extra_info["exponent"] = exponent
    speed_row("training, agent-steps/s through roll-out and update (10 epochs, MLP 2 x 64 per agent)", "", rate, None)
    what = f"training, time of an episode against N, {SIZES[1]} to {SIZES[-1]}"
    speed_row(what, "exponent <= 1.1", f"{exponent:.2f}", exponent <= 1.1, "processor time, one thread",
              best=exponent <= 1.1)  # fmt: skip


def test_what_guidance_adds_to_training(benchmark: Any, speed_row: Callable[..., None]) -> None:
    n = 200 if TABLE else 20
    guided, base = iteration(learner(n, "dgpg")), iteration(learner(n, "mappo"))
    middle, low, high = ratio_of_least(guided, base, rounds=3)
    benchmark.pedantic(base, rounds=1)
    shown = f"{100 * (middle - 1):+.1f} % ({100 * (low - 1):+.0f} to {100 * (high - 1):+.0f} %)"
    # a small team pays fixed prices: there it is only asked that guidance does not double the time
    speed_row(f"guidance added to MAPPO, N = {n}, one iteration", "<= 5 % time", shown, middle <= 1.05,
              best=low <= (1.05 if TABLE else 2.0))  # fmt: skip


@pytest.mark.parametrize(("n", "fleets"), [(5, 10), (10, 6)] if TABLE else [(3, 2)])
def test_what_training_together_saves(n: int, fleets: int, benchmark: Any, speed_row: Callable[..., None]) -> None:
    """The same runs as one batch of agents and one after the other, with their evaluations."""
    systems, episodes = [CloudScheduling(n, seed=k, horizon=HORIZON) for k in range(fleets)], 12 if TABLE else 2
    asked: dict[str, Any] = {"setting": "parts", "evaluate_every": episodes // 2, "progress": False}

    def apart() -> Any:
        return [train(system, "dgpg", episodes, k, **asked) for k, system in enumerate(systems)]

    def together() -> Any:
        return train_together(systems, "dgpg", episodes, range(fleets), **asked)

    together()  # plays the heuristics, which are remembered
    middle, low, high = ratio_of_least(apart, together, rounds=2)
    benchmark.pedantic(together, rounds=1)
    what = f"training {fleets} fleets of {n} agents one after the other, over training them together"
    speed_row(what, "", f"{middle:.1f} ({low:.1f} to {high:.1f})", None, "processor time, one thread, with evaluations",
              best=high * SLACK >= 1.0)  # fmt: skip


@pytest.mark.skipif(not TABLE, reason="timed only when a speed table is written")
@pytest.mark.parametrize(("n", "goal"), [(200, 60), (1500, 600)])
def test_time_of_a_whole_training(n: int, goal: int, benchmark: Any, speed_row: Callable[..., None]) -> None:
    """Twenty episodes of the paper's horizon, what it says are enough; the score says whether they were."""
    system = CloudScheduling(n, seed=0)

    def run() -> Any:
        return train(system, "dgpg", 20, setting="parts", evaluate_every=0, workloads=8, progress=False)

    done = benchmark.pedantic(run, rounds=1)
    spent, score = done.history[-1].seconds, done.scores[-1][1]
    note = f"wall time of 20 episodes without evaluations, one thread; score {score:.2f} (Random 0, Best-Fit 1)"
    speed_row(f"training DG-PG (setting parts), N = {n}", f"<= {goal} s", f"{spent:.0f} s", spent <= goal, note)


PROGRAM = """
import torch
torch.set_num_threads(1)
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training import train
train(CloudScheduling({n}, seed=0), "dgpg", 2, setting="parts", progress=False)
"""


def test_memory_of_training(benchmark: Any, speed_row: Callable[..., None]) -> None:
    """Two episodes of the paper's horizon, evaluated on the usual 40 workloads."""
    n = 1500 if TABLE else 5
    peak = benchmark.pedantic(lambda: peak_of(PROGRAM.format(n=n)), rounds=1)
    note = "resident, two episodes of 100 steps with their evaluations on 40 workloads"
    speed_row(f"memory of training, N = {n}", "<= 8 GiB", f"{peak / 2**30:.1f} GiB", peak <= 8 * 2**30, note)
    assert peak < 8 * 2**30
