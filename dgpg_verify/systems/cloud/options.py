"""Checks the options of CloudScheduling and builds its fixed parts: fleet, graph, workload, reference."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.core import InputError, check_choice, check_int, check_real
from dgpg_verify.systems.cloud.fleet import Fleet, largest_server, load_fleet
from dgpg_verify.systems.cloud.layout import Layout
from dgpg_verify.systems.cloud.reference import Reference, check_reference, make_reference
from dgpg_verify.systems.cloud.workload.fit import Candidates
from dgpg_verify.systems.cloud.workload.generator import Generator, bimodal, preset
from dgpg_verify.systems.cloud.workload.published import SOURCES
from dgpg_verify.systems.cloud.workload.traces import OWN, Replay, read_record
from dgpg_verify.systems.graphs import MOST_SERVERS, count_candidates, random_candidates
from dgpg_verify.systems.inputs import within_range

PRESETS = ("philly", "openb", "lcg")
RECORDS = (OWN, *SOURCES)  # kinds of recorded jobs, each followed by a path
WORKLOADS = ("bimodal", *PRESETS, *(f"{kind}:PATH" for kind in RECORDS))
INFLUENCES = ("immediate", "multi_step")
DEFAULT_CANDIDATES = 8
LONGEST_HORIZON = 1_000_000  # steps that can still be played
Workload = Generator | Replay  # sources of jobs: pure functions of environment uniforms [B, T, noise_size]
STREAM = 20  # first spawn key of this system's own random streams


@dataclass(frozen=True)
class Parts:
    """What does not change between roll-outs. day [T]: arrival rate over its mean."""

    fleet: Fleet
    candidates: Candidates
    workload: Workload
    day: Tensor
    reference: Reference
    origin: dict[str, Any]

    @property
    def layout(self) -> Layout:
        """A new layout, the constants that every step reads."""
        return Layout.of(self.fleet, self.candidates, self.day)


def check_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options as plain JSON values with defaults filled in. Raises InputError at the first bad one."""
    checked = dict(options)
    if options["n_servers"] is None:
        checked["n_servers"] = options["n_agents"]
    counts = {"n_agents": (1, None), "seed": (0, None), "n_servers": (1, MOST_SERVERS), "horizon": (1, LONGEST_HORIZON)}
    for name, (least, highest) in counts.items():
        checked[name] = check_int(name, checked[name], least, highest)
    for name, most in (("load", 10.0), ("discount", 1.0)):
        checked[name] = check_real(name, checked[name], 0.0, most, open_low=True)
    checked["influence"] = check_choice("influence", options["influence"], INFLUENCES)
    checked["n_candidates"] = count_candidates(options["n_candidates"], checked["n_servers"], DEFAULT_CANDIDATES)
    checked["fleet"], checked["workload"] = str(options["fleet"]), str(options["workload"])
    checked["reference"] = check_reference(options["reference"], checked["n_servers"], checked["horizon"])
    if not isinstance(options["common_shock"], bool):
        raise InputError(f"common_shock = {options['common_shock']!r} is not allowed: it must be True or False")
    kind, _, place = checked["workload"].partition(":")
    if checked["workload"] not in ("bimodal", *PRESETS) and not (kind in RECORDS and place):
        raise InputError(f"workload = {options['workload']!r} is not allowed: it must be one of {', '.join(WORKLOADS)}")
    if checked["common_shock"] and place:
        raise InputError("common_shock = True is not allowed with a replayed trace: it must be a generator's option")
    return checked


def build_parts(options: dict[str, Any]) -> Parts:
    """Fleet, graph, workload and reference of checked options; one random stream for each of fleet and graph."""
    servers, seed, n_agents = options["n_servers"], options["seed"], options["n_agents"]
    rng = [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM, k))) for k in range(2)]
    fleet, fleet_origin = load_fleet(options["fleet"], servers, rng[0])
    index = torch.as_tensor(random_candidates(n_agents, servers, options["n_candidates"], rng[1]))
    candidates = Candidates(index, fleet.cores[index], fleet.memory[index])
    workload, workload_origin = _make_workload(options, fleet)
    day = workload.day / workload.rate if isinstance(workload, Generator) else torch.ones(options["horizon"])
    return Parts(
        fleet=fleet,
        candidates=candidates,
        workload=workload,
        day=day,
        reference=make_reference(options["reference"], fleet, seed),
        origin={"fleet": fleet_origin, "workload": workload_origin},
    )


def _make_workload(options: dict[str, Any], fleet: Fleet) -> tuple[Workload, dict[str, Any]]:
    name, n_agents, horizon, load = (options[key] for key in ("workload", "n_agents", "horizon", "load"))
    if ":" in name:
        record, origin = read_record(name, largest_server(options["fleet"]))
        with within_range(f"workload = {name!r}"):
            replay = Replay(record, n_agents, horizon, load, fleet)
        return replay, origin | {"load_reached": round(replay.load_reached, 4)}
    shape, origin = bimodal(), {"generator": name}
    if name != "bimodal":
        facts = json.loads((files("dgpg_verify.systems") / "data" / "workload_presets.json").read_text())[name]
        shape = preset(facts)
        origin |= {key: facts[key] for key in ("source", "licence")}
    return Generator(shape, n_agents, horizon, load, fleet, options["common_shock"]), origin
