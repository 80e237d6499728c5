"""A3: each action touches O(1) of the state, and few others touch the same part."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dgpg_verify.claims.noise.measure import SIGMA, Row, build_policy, build_system, one_shot_probabilities
from dgpg_verify.claims.noise.questions import Measured, Statement, exponent_row
from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.claims.noise.series import Series
from dgpg_verify.claims.records import RECORDS
from dgpg_verify.claims.registry import cell_seed
from dgpg_verify.core import Cell, Evidence, LedgerRow, Rollout, draw_noise
from dgpg_verify.rollouts import collect
from dgpg_verify.runs import cell_files
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame

Array = NDArray[np.float64]
QUANTITIES = ("largest_influence", "coordinates", "overlap", "others_variance")
WORDS = {
    "largest_influence": "the largest |z_i|",
    "coordinates": "the number of coordinates z_i touches",
    "overlap": "sum over others of E <z_i, z_j>^2",
    "others_variance": "the variance of the others' load where z_i acts",
}
STATEMENT = Statement(
    id="A3",
    statement="Influence is local: z_i is bounded, touches O(1) coordinates, and what others add there is O(1).",
    expected=0.0,
    relation="big_o",
    margin=0.15,
    sentences={
        "supported": "{suffix} stays bounded (exponent {exponent} [{low}, {high}]): {where}.",
        "refuted": "{suffix} grows like N^{exponent} [{low}, {high}]: {where}.",
        "inconclusive": "{suffix} grows like N^{exponent} [{low}, {high}], which does not decide: {where}.",
    },
)
CONTROL = "one_total"
PRIMARY = (("load_balancing", "overlap"), ("cloud", "overlap"))
CLOUD_ROLLOUTS = 8


@dataclass(frozen=True)
class LocalInfluenceAudit:
    """Exponents of four measures of locality; one shared total is the control."""

    id: str = "A3"
    title: str = "Local influence"
    source: str = "assumption of the variance theorem"
    statement: str = STATEMENT.statement
    relation: str = "big_o"
    expected: float = 0.0
    margin: float = 0.15
    controls: Sequence[Any] = (CONTROL,)
    decided_at: Mapping[str, str] = field(default_factory=lambda: {f"A3/cloud/overlap/{WORDS['overlap']}": "full"})

    @property
    def recorded(self) -> Mapping[str, tuple[str, str]]:
        return RECORDS

    def cells(self, scale: str, seed: int) -> Sequence[Cell]:
        return [cell for row in audit_rows(scale).values() for cell in _cells(row, seed)]

    def measure(self, cell: Cell) -> Evidence:
        began = time.perf_counter()
        system = build_system(cell)
        if isinstance(system, LoadBalancingGame):
            policy = build_policy(cell.options["policy"], system, cell.seed)
            values = game_locality(system, one_shot_probabilities(system, policy), cell.row.endswith(CONTROL))
        elif isinstance(system, LinearQuadraticTeam):
            values = team_locality(system)
        else:
            policy = build_policy(cell.options["policy"], system, cell.seed)
            noise = draw_noise(cell.seed % 2**31, 0, system, policy, CLOUD_ROLLOUTS)
            values = rollout_locality(collect(system, policy, noise))
        return Evidence(cell, values, time.perf_counter() - began)

    def judge(self, evidence: Sequence[Evidence]) -> Sequence[LedgerRow]:
        known = audit_rows("full") | audit_rows("standard")
        out = []
        for key in dict.fromkeys(item.cell.row for item in evidence):
            series = _series(key, evidence)
            for quantity in QUANTITIES:
                control = key.endswith(CONTROL)
                if control and quantity not in ("overlap", "others_variance"):
                    continue
                item = Measured(
                    series,
                    known[key],
                    quantity,
                    lambda cell, quantity=quantity: float(cell.extra[quantity]),  # type: ignore[misc]
                    suffix=WORDS[quantity],
                    primary=(key, quantity) in PRIMARY,
                    kind="control" if control else "audit",
                    expected_label="refuted" if control else None,
                    note="control: one total that every agent touches must be caught" if control else "",
                )
                out.append(exponent_row(STATEMENT, item, self.recorded))
        return out

    def tables(self, evidence: Sequence[Evidence]) -> dict[str, list[dict[str, Any]]]:
        known = audit_rows("full") | audit_rows("standard")
        records = [
            {"audit": "A3", "quantity": WORDS[q], "system": item.cell.row, "graph": known[item.cell.row].graph,
             "n": item.cell.n, "fleet": item.cell.replicate, "value": float(item.values[q])}
            for item in evidence
            for q in QUANTITIES
        ]  # fmt: skip
        return {"assumptions": records}


def audit_rows(scale: str) -> dict[str, Row]:
    """Systems audited at a scale."""
    many, few = {"smoke": (4, 2), "standard": (20, 30), "full": (40, 40)}[scale]
    games = dict.fromkeys((32, 64, 128, 256) if scale == "smoke" else (256, 512, 1024, 2048), many)
    clouds = dict.fromkeys((16, 32, 64, 128) if scale == "smoke" else (32, 64, 128, 256), few)
    rows = (
        Row("load_balancing", "load_balancing", "uniform", games),
        Row(
            "load_balancing/dense", "load_balancing", "uniform", clouds, options={"n_candidates": "all"}, graph="dense"
        ),
        Row(f"load_balancing/{CONTROL}", "load_balancing", "uniform", games),
        Row("linear_quadratic", "linear_quadratic", "toward:0", games),
        Row("cloud", "cloud", "linear", clouds, options={"horizon": 25}, minimum_n=16),
    )
    return {row.key: row for row in rows}


def game_locality(game: LoadBalancingGame, p: Array, one_total: bool = False) -> dict[str, float]:
    """Exact locality of a game; `one_total` maps every server to one shared coordinate (control)."""
    slots = game.candidates.numpy()
    servers = np.zeros_like(slots) if one_total else slots
    z = game.shares.numpy()
    second = np.bincount(servers.ravel(), (p * z**2).ravel(), minlength=game.n_servers)
    own_second = _per_slot_total(servers, p * z**2) if one_total else p * z**2
    first = _per_slot_total(servers, p * z) if one_total else p * z
    variance = own_second - first**2  # of agent i's own load on the coordinate of slot k
    total = np.bincount(servers.ravel(), (p * z**2).ravel(), minlength=game.n_servers)
    squares = np.bincount(servers.ravel(), _once(servers, first**2, one_total).ravel(), minlength=game.n_servers)
    others = (total - squares)[servers] - variance
    weight = p * z**2
    return {
        "largest_influence": float(z.max()),
        "coordinates": 1.0,
        "overlap": float((weight * (second[servers] - own_second)).sum(1).mean()),
        "others_variance": float((p * others).sum(1).mean()),
    }


def _per_slot_total(servers: NDArray[np.int64], values: Array) -> Array:
    """Each agent's total over its slots, on every slot (all slots are one coordinate)."""
    return np.broadcast_to(values.sum(1, keepdims=True), values.shape)


def _once(servers: NDArray[np.int64], values: Array, one_total: bool) -> Array:
    """Count an agent once where all its slots are one coordinate."""
    return values / values.shape[1] if one_total else values


def team_locality(team: LinearQuadraticTeam) -> dict[str, float]:
    """Exact locality of a team: z_i = Z_i sigma xi_i, so E <z_i, z_j>^2 = sigma^4 (Z'Z)_ij^2 for i != j."""
    index, value = team.index.numpy(), team.value.numpy()
    rows = team.state_size
    from scipy import sparse

    columns = np.repeat(np.arange(team.n_agents), index.shape[1])
    z = sparse.csr_matrix((value.ravel(), (index.ravel(), columns)), shape=(rows, team.n_agents))
    gram = (z.T @ z).tocsr()
    squared = np.asarray(gram.multiply(gram).sum(1)).ravel() - gram.diagonal() ** 2
    row_square = np.asarray(z.multiply(z).sum(1)).ravel()
    others = (value**2 * (row_square[index] - value**2)).sum(1) / (value**2).sum(1)
    return {
        "largest_influence": float(SIGMA * np.sqrt((value**2).sum(1)).max()),
        "coordinates": float((value != 0).sum(1).mean()),
        "overlap": float(SIGMA**4 * squared.mean()),
        "others_variance": float(SIGMA**2 * others.mean()),
    }


def rollout_locality(rollout: Rollout) -> dict[str, float]:
    """Locality of the jobs placed in the same step, averaged over roll-outs, steps and acting agents."""
    index, value = rollout.influence.index, rollout.influence.value
    acting = rollout.actions >= 0
    server = index[..., 0]
    half = rollout.x.shape[-1] // 2
    products = [value[..., 0] ** 2, value[..., 0] * value[..., 1], value[..., 1] ** 2]
    overlap = torch.zeros_like(value[..., 0])
    for factor, product in zip((1.0, 2.0, 1.0), products, strict=True):
        on_server = torch.zeros(*server.shape[:2], half, dtype=value.dtype).scatter_add(-1, server, product)
        overlap += factor * product * (on_server.gather(-1, server) - product)
    added = torch.zeros(*server.shape[:2], half, dtype=value.dtype).scatter_add(-1, server, value[..., 0])
    others = added.gather(-1, server) - value[..., 0]
    return {
        "largest_influence": float(value.pow(2).sum(-1).sqrt().max()),
        "coordinates": float((value != 0).sum(-1)[acting].double().mean()),
        "overlap": float(overlap[acting].mean()),
        "others_variance": float(others[acting].var()),
    }


def _cells(row: Row, seed: int) -> list[Cell]:
    options = {"system": row.system, "options": dict(row.options), "policy": row.policy}
    return [
        Cell("A3", row.key, n, k, cell_seed(seed, f"A3/{row.key}", n, k), options)
        for n, fleets in row.n_values.items()
        for k in range(fleets)
    ]


def _series(key: str, evidence: Sequence[Evidence]) -> Series:
    """A series whose cells carry the measured quantities in `extra`."""
    mine = [item for item in evidence if item.cell.row == key]
    groups: dict[int, list[CellStats]] = {}
    empty = np.zeros((0, 0))
    for item in mine:
        cell = item.cell
        stats = CellStats(cell.n, cell.replicate, cell.seed, (), empty, empty, None, np.zeros(0), item.values)
        groups.setdefault(cell.n, []).append(stats)
    return Series(
        key,
        {n: tuple(groups[n]) for n in sorted(groups)},
        sum(item.seconds for item in mine),
        8,
        cell_files(mine[0].cell),
    )


CLAIM = LocalInfluenceAudit()
