"""The files that a user can hand in: a valid one of each kind, how it is damaged, and what reads it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.run_index import RunIndex
from dgpg_verify.cli.games import read_game
from dgpg_verify.core import Evidence, LedgerRow, parse_pairs, to_json
from dgpg_verify.reporting import read_ledger, read_records
from dgpg_verify.runs import CellStore, cell_file
from dgpg_verify.runs.cells import read_cell, write_cell
from dgpg_verify.runs.evidence import CompactEvidence, write_evidence
from dgpg_verify.systems import CloudScheduling, LoadBalancingGame, PowerDispatch
from dgpg_verify.systems.cloud.workload.traces import read_record
from dgpg_verify.systems.roads import RoadNetwork
from dgpg_verify.systems.roads.tntp import read_links, read_places, read_trips
from dgpg_verify.training import train
from dgpg_verify.training.saved.checkpoints import load_checkpoint
from dgpg_verify.training.saved.folder import read_run
from scripts.campaigns.mutations import checkpoint, json_tree, mutate, npz_text, packed
from tests.systems.cloud.test_published import MAKERS

Damage = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Format:
    """make: write a valid file (and what it needs beside it) into a folder and return its path. read: the way in which
    the package reads it. payload: the file's content with code inside, which makes `marker` if it is run."""

    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    damage: Damage = mutate
    payload: Callable[[Path], bytes] | None = None


class _Code:
    """What a pickle holds that runs a command when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def _text(name: str, text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return make


FLEET = "name,cores,memory_gib,speed\na,4,16,1\nb,8,32,1.5\nc,2,8,0.5\n"
TRACE = "arrival_s,cores,memory_gib,duration_s\n" + "".join(f"{60 * k},1,{2 + k % 3},{300 + k}\n" for k in range(60))
NET = ("<NUMBER OF ZONES> 2\n<NUMBER OF NODES> 4\n<FIRST THRU NODE> 3\n<NUMBER OF LINKS> 5\n<END OF METADATA>\n"
       "~ names ;\n1 3 10 1 2 0.15 4 0 0 1;\n3 2 20 1 4 0.5 1 0 0 1;\n1 4 5 1 1 0.1 2 0 0 1;\n4 2 9 1 1 0.15 4 0 0 1;\n"
       "2 1 9 1 1 0.15 4 0 0 1 ;\n")  # fmt: skip
TRIPS = (
    "<NUMBER OF ZONES> 2\n<TOTAL OD FLOW> 7.5\n<END OF METADATA>\nOrigin 1\n 1 : 0.5; 2 : 3.0;\nOrigin 2\n1 : 4.0;\n"
)
CASE = json.dumps({"demand": 95.0, "source": "a textbook", "generators": [
    {"name": "coal", "p_min": 10.0, "p_max": 100.0, "c2": 0.05, "c1": 10.0},
    {"name": "gas", "p_min": 0, "p_max": 60.0, "c2": 0.1, "c1": 13.0}]})  # fmt: skip
WIRED = json.dumps({"demand": 95.0, "generators": [
    {"p_min": 10.0, "p_max": 100.0, "c2": 0.05, "c1": 10.0, "bus": 1},
    {"p_min": 0, "p_max": 60.0, "c2": 0.1, "c1": 13.0, "bus": 20}],
    "loads": [{"bus": 20, "p": 65.0}, {"bus": 3, "p": 30.0}],
    "branches": [{"name": "wide", "from": 1, "to": 3, "x": 0.1}, {"from": 3, "to": 20, "x": 0.2, "limit": 35.0},
                 {"from": 20, "to": 3, "x": 0.2, "limit": 70.0}]})  # fmt: skip
GAME = '{"reward": [[1, 0], [0, 2]], "guidance": [[0.5, 1], [1, 0]]}'
FIELDS = {"jobs": [1, 2], "capacity": [2, 3], "background": [0, 0.5], "candidates": [[0, 1], [1, 0]], "weights": [1, 1],
          "target": [0, 0], "reference_state": [0.5, 0.5], "cost": "quadratic"}  # fmt: skip
NFG = 'NFG 1 R "a game" { "one" "two" } { 2 2 }\n\n1 1 0 0 0 0 1/2 .5e0\n'
RECORDS = json.dumps({"schema": 1, "tables": {"moments": [{"n": 2, "credit": "return", "alignment": 0.5}]}})
ROW = Row("A1", "toy", {2: 2}, {"load": 0.5})
CELLS = ROW.cells(0)
LEDGER_ROW = LedgerRow(
    "A1/toy",
    "A1",
    True,
    "a statement",
    "it holds",
    "toy",
    "uniform",
    "shared",
    "sum",
    "slope",
    "theta",
    0.1,
    0.0,
    0.2,
    0.95,
    0.0,
    0.15,
    "supported",
    {"0.1": "supported"},
    {"label": "supported", "reason": "a reason"},
    "because",
    0.5,
    (2, 4),
    2,
    (0, 1),
    ("records.json",),
    0.1,
)

LEDGER = json.dumps(to_json({"schema": 1, "rows": [LEDGER_ROW]}))


def _beside(first: str, text: str, second: str, other: str) -> Callable[[Path], Path]:
    """The first file is damaged, the second stays."""

    def make(folder: Path) -> Path:
        (folder / second).write_text(other)
        return _text(first, text)(folder)

    return make


def _chosen(path: Path) -> bool:
    """One file in ten, by what it holds."""
    return zlib.crc32(path.read_bytes()) % 10 == 0


def _fleet(path: Path) -> Any:
    return CloudScheduling(3, fleet=f"csv:{path}", n_servers=3, horizon=5)


def _record(kind: str, path: Path, beside: Path) -> Any:
    record = read_record(f"{kind}:{path}")
    return (
        CloudScheduling(6, n_servers=3, horizon=5, load=0.05, workload=f"{kind}:{path}") if _chosen(beside) else record
    )


def _published(name: str) -> tuple[Callable[[Path], Path], Callable[[Path], Any]]:
    """One file of a published record, and what reads it; in one of ten cases also the system that replays it."""

    def make(folder: Path) -> Path:
        place = Path(MAKERS[name](folder)[0].partition(":")[2])
        return place if place.is_file() else sorted(place.iterdir())[0]

    return make, lambda path: _record(name.split("_")[0], path.parent if name == "azure_csv" else path, path)


def _wired(path: Path) -> Any:
    """By the reference that has an answer wherever the file has, or in one of ten cases by the other one."""
    reference = "balanced" if _chosen(path) else "optimum"
    return PowerDispatch.random(2, case=str(path), lines=True, reference=reference)


def _roads(path: Path) -> Any:
    network, trips = (path.with_name(f"x_{name}.tntp") for name in ("net", "trips"))
    read = read_links(network), read_trips(trips)
    return RoadNetwork.random(4, network=str(network), trips=str(trips)) if _chosen(path) else read


def _cell(folder: Path) -> Path:
    path = folder / "cell.npz"
    values = {"x": 1.0, "list": [1, None], "array": np.arange(6.0).reshape(2, 3), "counts": np.arange(3)}
    write_cell(path, "ab" * 32, Evidence(CELLS[0], values, 0.1))
    return path


def _npz_code(marker: Path) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, record=np.array([_Code(marker)], dtype=object), keys=np.zeros((1, 1), np.uint8),
             records=np.array([_Code(marker)], dtype=object))  # fmt: skip
    return buffer.getvalue()


def _evidence(folder: Path) -> Path:
    evidence = [(Evidence(cell, {"x": 1.0, "array": np.arange(4.0)}, 0.1), "ab" * 32) for cell in CELLS]
    return write_evidence(folder, {"schema": 2}, evidence)[0]


def _read_evidence(path: Path) -> Any:
    """With the digest that the index would name: a damaged file is otherwise refused for that alone."""
    compact = CompactEvidence(path.parents[1])
    compact.__dict__["_hashes"] = {"A1": hashlib.sha256(path.read_bytes()).hexdigest()}
    return compact.keys()


def _index(folder: Path) -> Path:
    store = CellStore(folder, "source")
    for cell in CELLS:
        write_cell(store.path(cell), store.key(cell), Evidence(cell, {"x": 1.0}, 0.1))
    keys = {cell_file(cell): store.key(cell) for cell in CELLS}
    index = RunIndex("smoke", 0, {"A1": [("A1", "toy")]}, {("A1", "toy"): ROW}, keys=keys)
    index.write(folder)
    return folder / "cells" / "index.json"


def _trained(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        system = LoadBalancingGame.random(2, n_candidates=2)
        train(system, "mappo", 1, workloads=2, out=folder / "run", progress=False, epochs=1, hidden=4)
        return folder / "run" / name

    return make


def _checkpoint(path: Path) -> Any:
    """What it holds; in one of ten cases also the learner that it is loaded into, which takes longer."""
    return read_run(path.parent) if _chosen(path) else load_checkpoint(path.parent)


def _torch_code(marker: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save({"schema": 2, "config": _Code(marker)}, buffer)
    return buffer.getvalue()


def _pairs(path: Path) -> Any:
    return parse_pairs(path.read_bytes().decode("utf-8", "surrogateescape").split("\n"))


FORMATS: dict[str, Format] = {
    "fleet CSV": Format(_text("fleet.csv", FLEET), _fleet),
    "fleet CSV, packed": Format(_text("fleet.csv.gz", FLEET), _fleet, packed),
    "trace CSV": Format(_text("trace.csv", TRACE), lambda path: _record("trace", path, path)),
    **{f"published {name}": Format(*_published(name), packed if name == "swf" else mutate) for name in MAKERS},
    "TNTP network": Format(_beside("x_net.tntp", NET, "x_trips.tntp", TRIPS), _roads),
    "TNTP trips": Format(_beside("x_trips.tntp", TRIPS, "x_net.tntp", NET), _roads),
    "TNTP places": Format(_text("x_node.tntp", "node x y ;\n1 0 0;\n2 1 0;\n3 1 1.5;\n"), lambda p: read_places(p, 3)),
    "power case": Format(_text("case.json", CASE), lambda path: PowerDispatch.random(2, case=str(path)), json_tree),
    "power case with lines": Format(_text("case.json", WIRED), _wired, json_tree),
    "game tables": Format(_text("game.json", GAME), read_game, json_tree),
    "game fields": Format(_text("game.json", json.dumps(FIELDS)), read_game, json_tree),
    "game .nfg": Format(_text("game.nfg", NFG), read_game),
    "cell": Format(_cell, read_cell, npz_text("record"), _npz_code),
    "compact evidence": Format(_evidence, _read_evidence, npz_text("records"), _npz_code),
    "run index": Format(_index, lambda path: RunIndex.read(path.parents[1]).evidence(False), json_tree),
    "ledger": Format(_text("ledger.json", LEDGER), read_ledger, json_tree),
    "records": Format(_text("records.json", RECORDS), read_records, json_tree),
    "checkpoint": Format(_trained("checkpoint.pt"), _checkpoint, checkpoint, _torch_code),
    "run config": Format(_trained("config.json"), lambda path: read_run(path.parent), json_tree),
    "settings NAME=VALUE": Format(_text("pairs", 'a=1\nfleet=aws\nc=[1, 2]\nd={"x": true}\nload=0.5'), _pairs),
}
