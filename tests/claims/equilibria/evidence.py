"""Cells on equilibria made up with known answers, and the definition of a pure equilibrium in plain loops."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import numpy as np

from dgpg_verify.claims.equilibria.design import equilibrium_row
from dgpg_verify.claims.equilibria.measure.alignment import POLICIES, RANDOM_POLICIES
from dgpg_verify.claims.equilibria.measure.intervals import ALPHAS
from dgpg_verify.claims.equilibria.measure.shift import SHIFT_ALPHAS
from dgpg_verify.core import Cell, Evidence

READINGS = ("simplex", "simplex_negative", "each", "signs", "perfect", "misaligned", "tied", "lost", "gained",
            "strict_lost")  # fmt: skip
Changes = list[tuple[Fraction, Fraction]]
Actions = tuple[int, ...]


def cell_of(part: str, n: int, replicate: int = 0, **options: Any) -> Cell:
    return equilibrium_row(part, {n: replicate + 1}, options).cells(0)[replicate]


def game_cell(part: str, n: int, k: int, fleets: int, cost: str = "quadratic", reference: str = "fluid") -> Cell:
    return cell_of(part, n, cost=cost, reference=reference, k=k, fleets=fleets, values=part == "pure")


def pure(fleets: int, unequal: int, reference: str = "fluid", cost: str = "quadratic") -> Evidence:
    """N = 4, K = 3: the sets differ ("intersect") at every alpha in the first `unequal` fleets."""
    codes = np.zeros((len(ALPHAS) + 1, fleets), dtype=np.uint8)
    codes[:, :unequal] = 3
    counts = {name: np.full(len(ALPHAS), fleets) for name in ("lost", "foreign")}
    values = {name: np.zeros((3, len(ALPHAS), fleets)) for name in ("loss", "ratio", "moved", "nash_conv")}
    more = {"relations": codes, "limits": np.linspace(0.1, 1.0, 20), "never_share": 0.5}
    more |= {"present": fleets, "for_good": 0, "fleets_for_good": 0}
    return Evidence(game_cell("pure", 4, 3, fleets, cost, reference), {**counts, **values, **more}, 1.0)


def mixed(n: int, codes: list[int], reference: str = "fluid") -> Evidence:
    stored = np.tile(np.array(codes, dtype=np.int8), (len(ALPHAS), 1))
    return Evidence(game_cell("mixed", n, 2, len(codes), reference=reference), {"relations": stored}, 1.0)


def readings(fleets: int, **where: Any) -> Evidence:
    """Two agents, K = 2: each reading and each failure is False but where named (bool or bool [F])."""
    values = {name: np.broadcast_to(np.asarray(where.get(name, False)), fleets).copy() for name in READINGS}
    assert where.keys() <= set(READINGS)
    return Evidence(game_cell("readings", 2, 2, fleets), values, 1.0)


def counterexample(form: str, failed: list[str]) -> Evidence:
    values = {"failed": failed, "words": "two jobs", "gain": 0.5, "gain_exact": "1/2", "alpha": "1/2", "examined": 3}
    return Evidence(cell_of("counterexample", 2, form=form), values, 1.0)


def aligned(fleets: int, misaligned: dict[int, str], reference: str = "fluid", cost: str = "quadratic") -> Evidence:
    """Cosine 0.5 everywhere but for the named fleets, each misaligned at one policy."""
    policy = [place for place, name in enumerate(POLICIES) for _ in range(RANDOM_POLICIES if name == "random" else 1)]
    bad = np.zeros((fleets, len(policy)), dtype=bool)
    for fleet, name in misaligned.items():
        bad[fleet, policy.index(POLICIES.index(name))] = True
    values = {"joint": np.where(bad, -0.25, 0.5), "negative": bad, "agents_negative": bad.astype(np.uint8),
              "agents_defined": np.full(bad.shape, 4, dtype=np.uint8), "policy": np.array(policy)}  # fmt: skip
    return Evidence(game_cell("aligned", 4, 3, fleets, cost, reference), values, 1.0)


def team(fleets: int, law: tuple[float, float], misaligned: int = 0, unequal: int = 0) -> Evidence:
    """Quadratic teams: the first `misaligned` at one declared point, the first `unequal` with another solution."""
    bad = np.zeros((fleets, 11), dtype=bool)
    bad[:misaligned, 4] = True
    codes = np.zeros((len(ALPHAS), fleets), dtype=np.uint8)
    codes[-1, :unequal] = 4
    values = {"cosine": np.where(bad, -0.1, 0.9), "negative": bad, "agents_negative": bad.astype(np.int64),
              "witness": bad.any(1), "relations": codes, "distance": codes.astype(float), "lost": codes.astype(float),
              "point": np.array([0, 1, 2, *[3] * 8])}  # fmt: skip
    return Evidence(cell_of("team", 5, alignment=law[0], bias=law[1], fleets=fleets), values, 1.0)


def shift(kind: str, error: Any) -> Evidence:
    """error(alpha) of 30 fleets, each with its own small factor, moves of size alpha."""
    rng = np.random.default_rng(0)
    alphas = np.array(SHIFT_ALPHAS)[:, None]
    factor = 1.0 + 0.01 * rng.random((len(SHIFT_ALPHAS), 30))
    found = alphas * np.ones(30)
    values = {"predicted": found, "found": found, "error": error(alphas) * factor}
    values |= {"certified": np.ones(found.shape, dtype=bool), "lost": found}
    return Evidence(cell_of("shift", 3, kind=kind, fleets=30), values, 1.0)


def tradeoff(exponent: float) -> list[Evidence]:
    """Variance ~ N^exponent in all, whatever the rule; 8 fleets at each N."""
    rng = np.random.default_rng(1)
    found = []
    for n, k in product((16, 32, 64, 128, 256), range(8)):
        whole = {"base": n**exponent * (1.0 + 0.02 * rng.random()), "guidance": 0.0, "covariance": 0.0}
        rules = {name: np.full(5, 0.2) for name in ("alpha", "shift", "lost")}
        found.append(Evidence(cell_of("tradeoff", n, k, kind="team"), whole | rules, 1.0))
    return found


def changes_of(reward: Any, guidance: Any) -> dict[Actions, Changes]:
    """(dJ, dG) of every change of one agent from every joint action, exact; tables [K, ..., K] of one fleet."""
    k, n = reward.shape[0], reward.ndim
    exact = [{a: Fraction(float(t[a])) for a in product(range(k), repeat=n)} for t in (reward, guidance)]
    found: dict[Actions, Changes] = {}
    for a in exact[0]:
        others = [(*a[:i], other, *a[i + 1 :]) for i in range(n) for other in range(k) if other != a[i]]
        found[a] = [(exact[0][b] - exact[0][a], exact[1][b] - exact[1][a]) for b in others]
    return found


def plain_set(changes: dict[Actions, Changes], alpha: Fraction) -> set[Actions]:
    """Pure equilibria of J_alpha: no change of one agent gains."""
    return {a for a, found in changes.items() if all((1 - alpha) * j - alpha * g <= 0 for j, g in found)}


def deciding_alphas(changes: dict[Actions, Changes], grid: int = 20) -> Iterator[Fraction]:
    """Every alpha in (0, 1) at which some change is worth 0, one between each two of them, and a fine grid."""
    ends = {Fraction(0), Fraction(1), *(Fraction(step, grid) for step in range(1, grid))}
    ends |= {j / (j + g) for found in changes.values() for j, g in found if j * g > 0}
    ordered = sorted(ends)
    yield from (alpha for alpha in ordered if 0 < alpha < 1)
    yield from ((low + high) / 2 for low, high in pairwise(ordered))


def plain_every(changes: dict[Actions, Changes]) -> tuple[bool, bool]:
    """Whether an equilibrium of J is lost, and one gained, at some alpha in (0, 1)."""
    base = plain_set(changes, Fraction(0))
    sets = [plain_set(changes, alpha) for alpha in deciding_alphas(changes)]
    return any(base - one for one in sets), any(one - base for one in sets)
