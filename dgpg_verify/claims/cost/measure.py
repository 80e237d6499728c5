"""Cells of C5: what guidance adds to the time and memory of its base method, and what the model itself costs.

A cell is one fleet: iterations of MAPPO and of DG-PG (the same but for the guidance) take turns in one process, so
that a busy machine slows both alike. Memory is counted, not observed: every tensor made and let go.
"""

from __future__ import annotations

import gc
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.profiler import ProfilerActivity, profile

from dgpg_verify.claims.subjects import build_system, seconds_of
from dgpg_verify.core import Cell, System, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import make_system
from dgpg_verify.training import make_method
from dgpg_verify.training.learner import Learner, make_learner
from dgpg_verify.training.methods import make_recipe

METHODS = ("mappo", "dgpg")
RIVAL = "difference_replay"  # needs no reference, but plays every job's server again
CONTROL = "happo"  # updates agents one by one: its time must be seen to be more than a little
CONTROL_N = 25  # at most
MORE = 2  # roll-outs an update: the base method with them holds more, which must be seen
# In a process of its own: the profiler talks on stderr and slows down what runs beside it. One for all fleets of a
# size: it takes five seconds to load the libraries.
CHILD = """
import json, sys
from dgpg_verify.claims.cost.measure import peaks
print(json.dumps(peaks(**json.loads(sys.argv[1]))))
"""


def measure_cost(cell: Cell) -> dict[str, Any]:
    """Processor time of an iteration of both methods (the least of some), time of the model and, with the first fleet,
    the most bytes of tensors that both ever held on each of `weighed` fleets, [weighed]."""
    system, seed = build_system(cell), cell.seed % 2**31
    steps = {name: _iteration(learner_of(system, name, seed)) for name in METHODS}
    for step in steps.values():
        step()  # warm: buffers exist, code is loaded
    spent = dict.fromkeys(METHODS, np.inf)
    for turn in range(cell.options["rounds"]):
        for name in METHODS if turn % 2 else reversed(METHODS):
            spent[name] = min(spent[name], seconds_of(steps[name]))
    values: dict[str, Any] = {f"{name}_seconds": spent[name] for name in METHODS}
    rival = _iteration(learner_of(system, RIVAL, seed))
    values[f"{RIVAL}_seconds"] = min(seconds_of(rival) for _ in range(3))
    if cell.replicate == 0 and cell.options["weighed"]:
        values |= _peaks(cell)
    if cell.n <= CONTROL_N:
        values[f"{CONTROL}_seconds"] = seconds_of(_iteration(learner_of(system, CONTROL, seed)))
    values["model_seconds"] = _model_seconds(system, seed, cell.options["rounds"])
    return values


def learner_of(system: System, method: str, seed: int, rollouts: int = 1) -> Learner:
    """A fresh learner of either method, in the setting that needs most work."""
    chosen = make_method(method)
    settings = chosen.settings({"rollouts": rollouts} | ({"setting": "parts"} if chosen.mixes else {}))
    return make_learner(make_recipe(chosen, settings, system.n_agents), [system], [seed])


def _iteration(learner: Learner) -> Callable[[], Any]:
    """One episode with its update; every call is the next iteration."""
    number = itertools.count()
    return lambda: learner.iterate(next(number), 0.5)


def peaks(n: int, options: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[int]]:
    """Peak bytes by name, fleet by fleet: of both methods and, at small N, of a control that learns from two roll-outs
    at once."""
    systems = [(make_system("cloud", n, seed=seed, **options), seed) for seed in seeds]
    asked: dict[str, tuple[str, int]] = {f"{name}_bytes": (name, 1) for name in METHODS}
    if n <= CONTROL_N:
        asked["more_bytes"] = (METHODS[0], MORE)
    return {
        name: [peak_bytes(partial(_two_iterations, system, *kind, seed)) for system, seed in systems]
        for name, kind in asked.items()
    }


def peak_bytes(work: Callable[[], Any]) -> int:
    """The most bytes of tensors that `work` ever held at once, above those there before; from every allocation and
    release, so that no allocator's habits are in it, but blind to what is no tensor. Cost: a few times that of the
    work."""
    gc.collect()  # what an earlier call left in cycles must not be let go, and so subtracted, in this one
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    events = seen.profiler.kineto_results.events()
    steps = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
    return int(np.cumsum([0, *(size for _, size in steps)]).max())


def _two_iterations(system: System, method: str, rollouts: int, seed: int) -> None:
    """The second one holds what the first one made for good, such as the optimiser's moments."""
    step = _iteration(learner_of(system, method, seed, rollouts))
    for _ in range(2):
        step()


def _peaks(cell: Cell) -> dict[str, NDArray[np.int64]]:
    seeds = np.random.SeedSequence(cell.seed).generate_state(cell.options["weighed"]).tolist()
    asked = {"n": cell.n, "options": dict(cell.options["options"]), "seeds": [seed % 2**31 for seed in seeds]}
    command = [sys.executable, "-c", CHILD, json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name: np.array(sizes) for name, sizes in json.loads(done.stdout).items()}


def _model_seconds(system: System, seed: int, rounds: int) -> float:
    """Seconds a joint step of evaluating the model on a finished roll-out: x - x~ times z for every decision."""
    policy = learner_of(system, "dgpg", seed).policy
    rollout = collect(system, policy, draw_noise(seed, 0, system, policy, 1))
    credit = make_credit("guidance").fit([rollout])
    return min(seconds_of(lambda: credit(rollout)) for _ in range(3 * rounds)) / system.horizon
