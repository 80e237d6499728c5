"""Made-up tables of sample complexity with plausible shapes: input for tests of reporting, never a result."""

from __future__ import annotations

from typing import Any

import numpy as np

Record = dict[str, Any]
NS = (16, 32, 64, 128, 256)
FACTORS = (10.0, 30.0, 100.0, 300.0)
FLEETS = 16
SYSTEMS = ("team/aligned", "game/fluid", "team/biased", "game/biased")
POWERS = {  # p of each method; the rest of the run is made from it
    "return": 1.0,
    "difference": 0.02,
    "guidance": -0.01,
    "guided:0.2": 0.9,
    "guided:0.8": 0.5,
    "guided:published": 0.8,
    "guided:optimal": 0.05,
    "guided:sqrt": 0.03,
    "guided:zero": 0.7,
    "mixed:0.2": 0.01,
    "parts:published": 0.04,
}
FLOORS = {"guidance": 0.06, "guided:0.2": 0.002, "guided:0.8": 0.03, "guided:published": 0.002, "guided:optimal": 0.04,
          "guided:sqrt": 0.05, "difference": 0.0, "return": 0.0, "guided:zero": 1e-9, "mixed:0.2": 0.05,
          "parts:published": 0.05}  # fmt: skip
RULES = ("theory", "greedy")


def floor_of(system: str, method: str) -> float:
    return FLOORS[method] * {"team/aligned": 0.0, "game/fluid": 0.1}.get(system, 1.0)


def level(method: str, n: int) -> float:
    """Samples to half the gap."""
    return 12.0 * (n / 16) ** POWERS[method]


def curves() -> list[Record]:
    rows = []
    for system in SYSTEMS[:3]:
        for method in POWERS:
            for rule in RULES:
                for n in NS:
                    samples = np.unique(np.geomspace(1, 4000 * level(method, n) / 12, 60).astype(int))
                    share = 1.0 / (1.0 + samples / level(method, n)) + floor_of(system, method)
                    exact = (
                        (0.97 * share).tolist() if (system, n) in (("team/aligned", 16), ("team/aligned", 64)) else None
                    )
                    rows.append(
                        {"system": system, "method": method, "step_rule": rule, "n_agents": n,
                         "samples": [0, *samples.tolist()], "median": [1.0, *share.tolist()],
                         "low": [1.0, *(0.6 * share).tolist()], "high": [1.0, *(1.7 * share).tolist()],
                         "expected": None if exact is None else [1.0, *exact], "roll_outs": 1}
                    )  # fmt: skip
    return rows


def arrivals() -> list[Record]:
    rng = np.random.default_rng(3)
    rows = []
    for system in SYSTEMS:
        for method in POWERS:
            for rule in RULES:
                for n in NS:
                    for factor in FACTORS:
                        floor = floor_of(system, method)
                        each: list[float | None] = (
                            level(method, n) * factor * np.exp(0.3 * rng.standard_normal(FLEETS))
                        ).tolist()
                        if floor > 1.0 / factor:
                            each = [None] * FLEETS
                        elif method == "return" and (n, factor) == (256, 300.0):
                            each[:5] = [None] * 5
                        known = [v for v in each if v is not None]
                        low, median, high = np.quantile(known, (0.1, 0.5, 0.9)).tolist() if known else (None,) * 3
                        rows.append(
                            {"system": system, "method": method, "step_rule": rule, "n_agents": n, "factor": factor,
                             "eps": 2.0 / factor, "median": median, "low": low, "high": high,
                             "censored": 1.0 - len(known) / FLEETS, "fleets": FLEETS, "each": each}
                        )  # fmt: skip
    return rows


def exponents() -> list[Record]:
    rows = []
    for system in SYSTEMS:
        for method, p in POWERS.items():
            for rule in RULES:
                stuck = floor_of(system, method) > 0.01
                for what, value in (("p", p), ("q", 1.04), ("q_log", 0.83), ("p_total", p + 1.04)):
                    expected = 1.0 if method == "return" or what != "p" else 0.0
                    verdict = "supported" if abs(value - expected) < 0.1 else "refuted"
                    rows.append(
                        {"system": system, "method": method, "step_rule": rule, "what": what,
                         "value": None if stuck else value, "low": None if stuck else value - 0.06,
                         "high": None if stuck else value + 0.06, "level": 0.99,
                         "verdict": "inconclusive" if stuck else verdict, "expected": expected,
                         "relation": "big_o" if what == "p" and expected == 0.0 else "theta", "fleets": FLEETS,
                         "censored": 0.05}
                    )  # fmt: skip
    return rows


def floors() -> list[Record]:
    rows = []
    for system in SYSTEMS:
        for method in POWERS:
            for n in NS:
                floor = floor_of(system, method) * (1 + 0.1 * np.log2(n / 16))
                settled = (system, method) != ("game/fluid", "guided:zero")
                rows.append({"system": system, "method": method, "n_agents": n, "floor": floor, "low": 0.7 * floor,
                             "high": 1.4 * floor, "settled": 1.0 if settled else 0.75})  # fmt: skip
    return rows


def constants() -> list[Record]:
    rows = []
    for k, system in enumerate(SYSTEMS):
        for what, start, power in (("smoothness", 2.0, 0.05), ("1/mu", 3.0, 0.4 if "game" in system else 0.0),
                                   ("noise_trace", 9.0, 1.0), ("k0", 30.0, 1.0)):  # fmt: skip
            for n in NS:
                for source in ("closed form", "measured") if "team" in system else ("measured",):
                    middle = start * (1 + 0.5 * k) * (n / 16) ** power * (1.0 if source == "measured" else 1.1)
                    rows.append({"system": system, "n_agents": n, "what": what, "source": source, "median": middle,
                                 "low": 0.8 * middle, "high": 1.3 * middle})  # fmt: skip
    return rows


def predicted() -> list[Record]:
    rows = []
    for system in SYSTEMS[:2]:
        for method in ("return", "difference", "guided:0.2"):
            for n in NS:
                for factor in FACTORS:
                    observed = level(method, n) * factor
                    rows.append({"system": system, "method": method, "n_agents": n, "factor": factor,
                                 "predicted": 8.0 * observed * (n / 16) ** 0.1, "observed": observed,
                                 "ratio": 8.0 * (n / 16) ** 0.1})  # fmt: skip
    return rows


def tuning() -> list[Record]:
    return [
        {"system": system, "method": method, "n_agents": n, "scale": 2.0, "tried": [0.25, 0.5, 1.0, 2.0, 4.0],
         "median_samples": [None, 900.0, 500.0, 300.0, 310.0]}
        for system in SYSTEMS[:2] for method in ("return", "guided:0.2") for n in (32, 128)
    ]  # fmt: skip


def complexity_tables() -> dict[str, list[Record]]:
    return {
        "complexity_curves": curves(),
        "complexity_arrivals": arrivals(),
        "complexity_exponents": exponents(),
        "complexity_floors": floors(),
        "complexity_constants": constants(),
        "complexity_predicted": predicted(),
        "complexity_tuning": tuning(),
    }
