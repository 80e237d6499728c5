"""Cells of C5: what guidance adds to the time and memory of its base method, and what the model itself costs.

A cell is one fleet: iterations of MAPPO and of DG-PG (the same but for the guidance) take turns in one process, so
that a busy machine slows both alike.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dgpg_verify.claims.gradient_cells import build_system
from dgpg_verify.claims.registry import cell_seed
from dgpg_verify.core import Cell, Evidence, System, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.rollouts import collect
from dgpg_verify.training import make_method, make_schedule
from dgpg_verify.training.learner import Learner, make_learner

FAMILY = "cost"
ROOMS = ("training",)
ROW = "cost/dgpg against mappo"
METHODS = ("mappo", "dgpg")
CONTROL = "happo"  # updates agents one by one: its time must be seen to be more than a little
CONTROL_N = 25  # at most
# One fresh process: the most memory two iterations of a method ever held above what the process held before them.
# Writing 5 to clear_refs sets the high-water mark back, so that importing the libraries does not hide it (Linux). Both
# methods learn on a small team first, which makes what is made once, and what the first one freed goes back to the
# system before the second one is measured.
PEAK = """
import ctypes, gc
from pathlib import Path
from dgpg_verify.claims.cost_cells import learner_of
from dgpg_verify.systems import make_system
def held(what):
    status = Path("/proc/self/status").read_text().split()
    return 1024 * int(status[status.index(what + ":") + 1])
def peak(n, method):
    learner = learner_of(make_system("cloud", n, seed={seed}, **{options!r}), method, {seed})
    gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = held("VmRSS")
    for k in range(2):
        learner.iterate(k, 0.5)
    return held("VmHWM") - before
for method in {methods!r}:
    peak(2, method)
print(*(peak({n}, method) for method in {methods!r}))
"""


def cost_cells(
    n_values: Mapping[int, int], options: Mapping[str, Any], rounds: int, weighed: int, seed: int
) -> list[Cell]:
    """One cell a fleet. rounds: iterations of each method that are timed; weighed: fleets of each N on which memory is
    measured too, which takes two processes that load the libraries anew."""
    asked = {"system": "cloud", "options": dict(options), "rounds": rounds}
    return [
        Cell(FAMILY, ROW, n, replicate, cell_seed(seed, ROW, n, replicate), asked | {"weighed": replicate < weighed})
        for n, fleets in n_values.items()
        for replicate in range(fleets)
    ]


def measure_cost_cell(cell: Cell) -> Evidence:
    """Processor time of an iteration of both methods (the least of some), time of the model and, where asked for, peak
    memory of both."""
    began = time.perf_counter()
    system, seed = build_system(cell), cell.seed % 2**31
    steps = {name: _iteration(learner_of(system, name, seed)) for name in METHODS}
    for step in steps.values():
        step()  # warm: buffers exist, code is loaded
    spent = dict.fromkeys(METHODS, np.inf)
    for turn in range(cell.options["rounds"]):
        for name in METHODS if turn % 2 else reversed(METHODS):
            spent[name] = min(spent[name], _seconds(steps[name]))
    values: dict[str, Any] = {f"{name}_seconds": spent[name] for name in METHODS}
    if cell.options["weighed"]:
        values |= _peaks(cell)
    if cell.n <= CONTROL_N:
        values[f"{CONTROL}_seconds"] = _seconds(_iteration(learner_of(system, CONTROL, seed)))
    values["model_seconds"] = _model_seconds(system, seed, cell.options["rounds"])
    return Evidence(cell, values, time.perf_counter() - began)


def learner_of(system: System, method: str, seed: int) -> Learner:
    """A fresh learner of either method, in the setting that needs most work."""
    chosen = make_method(method)
    settings = chosen.settings({"setting": "parts"} if chosen.mixes else {})
    return make_learner(system, chosen, settings, make_schedule(chosen.alpha, system.n_agents), "independent", seed)


def _iteration(learner: Learner) -> Callable[[], Any]:
    """One episode with its update; every call is the next iteration."""
    count = iter(range(10**6))
    return lambda: learner.iterate(next(count), 0.5)


def _seconds(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _peaks(cell: Cell) -> dict[str, int]:
    """Peak memory of both methods, bytes; which of them is first alternates from fleet to fleet."""
    methods = METHODS if cell.replicate % 2 else METHODS[::-1]
    code = PEAK.format(n=cell.n, seed=cell.seed % 2**31, options=dict(cell.options["options"]), methods=methods)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {f"{name}_bytes": int(found) for name, found in zip(methods, done.stdout.split(), strict=True)}


def _model_seconds(system: System, seed: int, rounds: int) -> float:
    """Seconds a joint step of evaluating the model on a finished roll-out: x - x~ times z for every decision."""
    policy = learner_of(system, "dgpg", seed).policy
    rollout = collect(system, policy, draw_noise(seed, 0, system, policy, 1))
    credit = make_credit("guidance").fit([rollout])
    return min(_seconds(lambda: credit(rollout)) for _ in range(3 * rounds)) / system.horizon
