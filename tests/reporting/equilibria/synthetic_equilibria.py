"""Made-up equilibrium tables with plausible shapes: input for tests of reporting, never a result."""

from __future__ import annotations

from typing import Any

import numpy as np

Record = dict[str, Any]
COSTS = ("quadratic", "delay", "mm1", "makespan")
REFERENCES = ("perfect", "fluid", "speed_aware", "biased:0.1", "biased:0.3", "shuffled")
HARM = {"perfect": 0.0, "fluid": 0.25, "speed_aware": 0.15, "biased:0.1": 0.4, "biased:0.3": 0.6, "shuffled": 0.9}
ALPHAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SIZES = ((2, 2), (2, 3), (4, 3), (6, 3))
MAIN = (4, 3)
RULES = {"0.2": (1.0, 0.2), "0.55": (0.98, 0.5), "0.9": (0.9, 0.9), "n^-0.5": (0.05, 0.9), "alpha*": (-0.01, 0.97)}


def laws() -> list[tuple[str, str]]:
    return [(c, r) for c in COSTS for r in REFERENCES if (c, r) != ("makespan", "speed_aware")]


def rates(fleets: int = 400) -> list[Record]:
    rows = []
    for k, (cost, reference) in enumerate(laws()):
        for size in SIZES if reference == "fluid" else (MAIN,):
            for alpha in (*ALPHAS, "every"):
                share = 1.0 if alpha == "every" else float(alpha)
                equal = round(fleets * (1.0 - HARM[reference] * share * (0.4 + 0.1 * size[0]) * (0.7 + 0.02 * k)))
                equal = max(equal, 0)
                rest = fleets - equal
                rows.append(
                    {"cost": cost, "reference": reference, "n_agents": size[0], "n_actions": size[1], "alpha": alpha,
                     "points": "pure", "fleets": fleets, "equal": equal, "subset": rest // 2, "superset": 0,
                     "intersect": rest - rest // 2, "disjoint": 0, "rate": equal / fleets,
                     "low": max(equal / fleets - 0.04, 0.0), "high": min(equal / fleets + 0.04, 1.0),
                     "kind": "primary" if (reference, size) == ("fluid", MAIN) else "exploratory"}
                )  # fmt: skip
    return rows


def values() -> list[Record]:
    rows = []
    for cost, reference in laws():
        for alpha in ALPHAS:
            for which, size in (("best", 0.01), ("worst", 0.06), ("reached", 0.03)):
                loss = size * HARM[reference] * alpha - 0.002 * (which == "worst")
                rows.append(
                    {"cost": cost, "reference": reference, "alpha": alpha, "which": which, "mean_loss": loss,
                     "low": loss - 0.002, "high": loss + 0.002, "median_ratio": 1.0 + loss, "q90_ratio": 1.1 + loss,
                     "moved": HARM[reference] * alpha, "nash_conv": 0.5 * loss + 0.001}
                )  # fmt: skip
    return rows


def limits(count: int = 120) -> list[Record]:
    rng = np.random.default_rng(0)
    rows = []
    for cost, reference in laws():
        never = 1.0 - 0.9 * HARM[reference]
        found = np.sort(np.where(rng.random(count) < never, 1.0, rng.beta(2.0, 1.5, count) * 0.999))
        rows.append({"cost": cost, "reference": reference, "values": found.tolist(), "share_never": never})
    return rows


def shifts(count: int = 60) -> list[Record]:
    rng = np.random.default_rng(1)
    rows = []
    for kind, error in (("team", 1e-12), ("saddle", 1e-10), ("entropy", 0.3)):
        for alpha in (0.005, 0.05, 0.2, 0.5):
            for base in np.exp(rng.normal(0.0, 1.0, count)):
                found = float(alpha * base)
                predicted = found * (1.0 + error * found)
                rows.append({"kind": kind, "alpha": alpha, "predicted": predicted, "found": found,
                             "n_agents": 4, "fleets": 40, "error": abs(predicted - found),
                             "largest_error": 1.5 * abs(predicted - found)})  # fmt: skip
    return rows


def field() -> list[Record]:
    """E J = -x y - (1 - x)(1 - y) and a guidance that likes (1, 0) only."""
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(0, 1, 13), np.linspace(0, 1, 13)))
    j1, j2 = 1.0 - 2.0 * y, 1.0 - 2.0 * x
    return [
        {"form": "toy", "words": "two jobs of size 1 and 2, two servers", "alpha": 0.4, "p1": x.tolist(),
         "p2": y.tolist(), "j_slope_1": j1.tolist(), "j_slope_2": j2.tolist(),
         "mixed_slope_1": (0.6 * j1 + 0.5).tolist(), "mixed_slope_2": (0.6 * j2 - 0.5).tolist(),
         "j_equilibria_1": [0.0, 1.0, 0.5], "j_equilibria_2": [1.0, 0.0, 0.5],
         "mixed_equilibria_1": [1.0, 0.92], "mixed_equilibria_2": [0.0, 0.08]}
    ]  # fmt: skip


def tradeoff() -> list[Record]:
    rows = []
    ns = (16, 32, 64, 128, 256)
    for system in ("team", "game"):
        for rule, (exponent, shift) in RULES.items():
            there = [min(shift + 0.01 * float(np.log2(n)) * (rule in ("n^-0.5", "alpha*")), 1.0) for n in ns]
            rows.append(
                {"system": system, "rule": rule, "n_values": list(ns), "alpha": [0.5] * len(ns),
                 "variance_exponent": exponent, "low": exponent - 0.05, "high": exponent + 0.05, "shift": there,
                 "value_lost": [0.02 * s**2 for s in there], "fleets": 8}
            )  # fmt: skip
    return rows


def counterexamples() -> list[Record]:
    return [
        {"form": "fluid-quadratic-lost", "reading": "fluid", "inclusion": "lost",
         "words": "2 servers of capacity 1, 2; agent 1 gains 1/10 in J_alpha by moving to server 2.",
         "file": "fluid-quadratic-lost.json", "status": "counterexample"},
        {"form": "signs-full-gained", "reading": "signs", "inclusion": "gained", "words": "No counterexample among all "
         "12 000 fleets.", "file": "empty_searches.json", "status": "none up to sum 12"},
    ]  # fmt: skip


def annealing() -> list[Record]:
    pure = [
        {"kind": "pure", "system": f"{cost}, fluid", "cost": cost, "reference": "fluid", "alpha_end": end,
         "equilibria_lost": 0.3 * end, "equilibria_foreign": 0.1 * end, "unequal_share": 0.4 * end, "distance": None,
         "value_lost": None}
        for cost in COSTS for end in (0.9, 0.2, 0.1, 0.0)
    ]  # fmt: skip
    blank = dict.fromkeys(("cost", "reference", "equilibria_lost", "equilibria_foreign", "unequal_share"))
    smooth = [
        blank | {"kind": kind, "system": kind, "alpha_end": end, "distance": 0.7 * end, "value_lost": 0.02 * end}
        for kind in ("entropy", "team") for end in (0.01, 0.2, 0.5)
    ]  # fmt: skip
    return pure + smooth


def alignment() -> list[Record]:
    shares = {"fleets": 40, "violated": 0.25, "low": 0.127, "high": 0.412, "cosine_q05": -0.31, "cosine_median": 0.62,
              "agents_violated": 0.18}  # fmt: skip
    rows: list[Record] = [
        {"system": "load_balancing", "cost": cost, "reference": "fluid", "n_agents": 4, "policy": policy} | shares
        for cost in COSTS for policy in ("uniform", "near_equilibrium")
    ]  # fmt: skip
    team = {"system": "linear_quadratic", "cost": "alignment 0.5, bias 0.3", "reference": "", "n_agents": 20}
    return [*rows, team | {"policy": "start"} | shares]


def equilibrium_tables() -> dict[str, list[Record]]:
    return {
        "equilibrium_rates": rates(),
        "equilibrium_values": values(),
        "alpha_limits": limits(),
        "equilibrium_shift": shifts(),
        "equilibrium_field": field(),
        "tradeoff": tradeoff(),
        "counterexamples": counterexamples(),
        "annealing": annealing(),
        "alignment": alignment(),
    }
