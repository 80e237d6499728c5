"""A made-up run folder with plausible shapes: input for tests of reporting, never a result."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from dgpg_verify.core import LedgerRow
from dgpg_verify.reporting import write_ledger, write_records, write_variance_csv
from dgpg_verify.runs.files import write_json

NS = (2, 4, 8, 16, 32, 64, 128, 256)
ALPHAS = (0.2, 0.4, 0.55, 0.6, 0.8, 0.9)
CREDITS = {  # credit -> (level at N = 1, exponent of V per agent, noise-to-signal at N = 1)
    "return": (0.9, 1.0, 3.0),
    "gae:central": (0.7, 0.97, 2.6),
    "guidance": (0.5, 0.0, 8.0),
    "guidance:exact": (0.4, 0.0, 6.5),
    "difference": (0.3, 0.0, 4.0),
    "gae:local": (0.3, 0.9, 3.0),
}
PLACES = (
    ("load_balancing", "sparse", "uniform"),
    ("linear_quadratic", "", "gaussian"),
    ("cloud_aws", "sparse", "uniform"),
    ("cloud_aws", "dense", "best_fit"),
)


def moments(fleets: int = 12, seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for system, graph, policy in PLACES:
        for sharing in ("independent", "shared"):
            extra = 1.0 if sharing == "shared" else 0.0
            for credit, (level, slope, ratio) in CREDITS.items():
                for n in NS:
                    for fleet in range(fleets):
                        noise = math.exp(0.25 * rng.standard_normal())
                        variance = level * n ** (slope + extra) * noise
                        nsr = ratio * n ** (slope - extra) * math.exp(0.3 * rng.standard_normal())
                        rows.append(
                            {
                                "system": system, "policy": policy, "sharing": sharing, "graph": graph,
                                "setting": "sum", "credit": credit, "n": n, "fleet": fleet, "seed": fleet + 1,
                                "rollouts": 4096, "variance": variance, "signal_squared": variance / nsr,
                                "noise_to_signal": nsr, "efficiency": 0.95 / (1 + nsr), "alignment": 0.9,
                                "paired_ratio": variance / (0.3 * n**extra), "exact_variance": variance * 1.01,
                                "scope": "team" if sharing == "shared" else "agent", "samples": 4096 * n,
                            }
                        )  # fmt: skip
    return rows


def fits() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for system, graph, policy in PLACES:
        for sharing in ("independent", "shared"):
            extra = 1.0 if sharing == "shared" else 0.0
            for credit, (level, slope, ratio) in CREDITS.items():
                for name, value, start in (
                    ("variance", slope + extra, level),
                    ("noise_to_signal", slope - extra, ratio),
                    ("paired_ratio", slope, level / 0.3),
                ):
                    rows.append(
                        {
                            "system": system, "policy": policy, "sharing": sharing, "graph": graph,
                            "setting": "sum", "credit": credit, "statistic": name,
                            "scope": "team" if sharing == "shared" else "agent",
                            "exponent": value + 0.013, "low": value - 0.04, "high": value + 0.06, "level": 0.99,
                            "intercept": math.log10(start), "n_used": [32, 64, 128, 256],
                            "full_exponent": value + 0.02, "affine_a": 0.1, "affine_b": 0.9,
                        }
                    )  # fmt: skip
    return rows


def _mix(alpha: float, n: int, setting: str) -> tuple[float, float, float, float]:
    """V_PG, V_G in the setting, V(alpha) and the return share."""
    v_pg, v_g, j, g = 0.9 * n, 0.5, 0.5, 0.25
    scale = {"sum": (1.0, 1.0), "mean": (1 / n, 1 / n), "mixed": (1 / n, 1.0), "parts": (n**-0.5, 1.0)}[setting]
    v_pg, v_g, j, g = v_pg * scale[0] ** 2, v_g * scale[1] ** 2, j * scale[0], g * scale[1]
    value = (1 - alpha) ** 2 * v_pg + alpha**2 * v_g
    share = (1 - alpha) * j / max((1 - alpha) * j + alpha * g, 1e-300)
    return v_pg, v_g, value, share


def alpha_rows(seed: int = 1) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows = []
    for system, graph, policy in PLACES[:3]:
        for setting in ("sum", "mean", "mixed", "parts"):
            for alpha in ALPHAS:
                for n in NS:
                    _, _, value, share = _mix(alpha, n, setting)
                    ratio = 3.0 * n * math.exp(0.05 * rng.standard_normal())
                    rows.append(
                        {
                            "system": system, "policy": policy, "sharing": "independent", "graph": graph,
                            "setting": setting, "n": n, "alpha": alpha, "variance": value, "return_share": share,
                            "ratio_name": "paired_ratio" if system.startswith("cloud") else "noise_to_signal",
                            "ratio": ratio, "ratio_low": ratio * 0.85, "ratio_high": ratio * 1.17,
                        }
                    )  # fmt: skip
    return rows


def optimal(fleets: int = 12, seed: int = 2) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows = []
    for system, graph, policy in PLACES:
        for setting in ("sum", "mean", "mixed", "parts"):
            for n in NS:
                for fleet in range(fleets):
                    v_pg, v_g, _, _ = _mix(0.5, n, setting)
                    v_pg *= math.exp(0.2 * rng.standard_normal())
                    best = v_pg / (v_pg + v_g)
                    _, _, _, share = _mix(best, n, setting)
                    rows.append(
                        {
                            "system": system, "policy": policy, "sharing": "independent", "graph": graph,
                            "setting": setting, "n": n, "fleet": fleet, "alpha_star": best,
                            "n_one_minus_alpha": n * (1 - best), "min_variance": v_pg * v_g / (v_pg + v_g),
                            "guidance_variance": v_g, "efficiency": 0.3 / (1 + 0.01 * n), "return_share": share,
                        }
                    )  # fmt: skip
    return rows


def cross_agent(fleets: int = 6, seed: int = 3) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows = []
    for system, graph, policy in PLACES:
        for credit in ("return", "guidance", "difference"):
            for n in NS:
                for fleet in range(fleets):
                    share = 1 - 0.12 / n if credit == "return" else 0.36 + 0.05 * rng.standard_normal()
                    share = 0.02 if credit == "difference" and n == 2 else share
                    rows.append(
                        {
                            "system": system, "policy": policy, "sharing": "independent", "graph": graph,
                            "credit": credit, "n": n, "fleet": fleet, "share": share,
                        }
                    )  # fmt: skip
    return rows


def pointing() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    needed = {"return": lambda n: 3.0 * n, "guidance": lambda n: 7.6, "difference": lambda n: 5.0,
              "guided:0.2/parts": lambda n: 2.0 * n**0.5, "guided:0.2/mixed": lambda n: 8.1}  # fmt: skip
    for system, graph, policy in PLACES:
        for credit, rollouts in needed.items():
            for n in (5, 50, 200, 1500):
                rows.append(
                    {
                        "system": system, "policy": policy, "sharing": "independent", "graph": graph,
                        "credit": credit, "n": n, "rollouts": rollouts(n), "censored": False,
                    }
                )  # fmt: skip
    rows[3].update(rollouts=None, censored=True)  # the return of the first place, at the largest N
    return rows


def assumptions(fleets: int = 6, seed: int = 4) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows = []
    for system, graph, _ in PLACES:
        for quantity, level, slope in (
            ("max |z|", 1.2, 0.0), ("coordinates touched", 2.0, 0.0),
            ("sum of squared overlaps", 0.4, 0.0), ("variance of the others' load", 0.3, 0.02),
        ):  # fmt: skip
            for n in NS:
                for fleet in range(fleets):
                    value = level * n**slope * (math.exp(0.2 * rng.standard_normal()) if quantity[0] != "c" else 1)
                    rows.append(
                        {"audit": "A3", "quantity": quantity, "system": system, "graph": graph, "n": n,
                         "fleet": fleet, "value": value}
                    )  # fmt: skip
        rows.append({"audit": "A1", "quantity": "largest change of the reference", "system": system,
                     "graph": graph, "n": 8, "fleet": 0, "value": 0.0})  # fmt: skip
    return rows


def tables() -> dict[str, list[dict[str, Any]]]:
    return {
        "moments": moments(),
        "fits": fits(),
        "alpha": alpha_rows(),
        "optimal": optimal(),
        "cross_agent": cross_agent(),
        "pointing": pointing(),
        "assumptions": assumptions(),
        "calibration": [
            {"procedure": "fit + judge, theta", "truth": t, "repetitions": 1000, "false_support": fs / 1000,
             "false_refutation": fr / 1000, "inconclusive": inc / 1000, "allowed": 0.004}
            for t, fs, fr, inc in (("exponent 0", 0, 1, 12), ("exponent 1/2", 2, 0, 5), ("heavy tails", 1, 6, 140))
        ],
        "coverage": [
            {"oracle": "linear-quadratic closed form", "quantity": "variance of the return", "level": 0.95,
             "configurations": 200, "misses": 9, "allowed_low": 2, "allowed_high": 21},
            {"oracle": "enumeration", "quantity": "covariance", "level": 0.95,
             "configurations": 200, "misses": 23, "allowed_low": 2, "allowed_high": 21},
        ],
        "speed": [
            {"what": "moments of 12 credits", "goal": ">= 8 x", "measured": "9.1 x", "reached": True, "note": ""},
            {"what": "cost against N", "goal": "exponent <= 1.05", "measured": "1.11", "reached": False,
             "note": "memory traffic"},
            {"what": "training", "goal": "<= 60 s", "measured": None, "reached": None, "note": "no trainer yet"},
        ],
        "declared": [
            {"text": "Job sizes are gamma distributed, bounded at ten times the median."},
            {"text": "The reference is the fluid limit: offered load over total capacity, equal on all servers."},
        ],
    }  # fmt: skip


def domains(draws: int = 4) -> list[dict[str, Any]]:
    """Return like N, guidance like N^0, on every domain."""
    return [
        {"claim": claim, "group": group, "series": "", "statistic": "variance", "credit": credit, "n": n, "fleet": k,
         "value": n**power * (1.0 + 0.1 * k), "predicted": power}
        for claim in ("C7", "C8", "C9", "C10")
        for group in ("where few meet", "where all meet")
        for credit, power in (("return", 1.0), ("guidance", 0.0))
        for n in NS
        for k in range(draws)
    ]  # fmt: skip


def balance_weights() -> list[dict[str, Any]]:
    """Noise that stops growing at gamma = 1/2, and imbalance that falls up to there."""
    powers = {"variance": lambda g: max(0.0, 1.0 - 2.0 * g), "imbalance_penalty": lambda g: min(0.0, 2.0 * g - 2.0)}
    return [
        {"gamma": gamma, "statistic": statistic, "exponent": power(gamma), "low": power(gamma) - 0.1,
         "high": power(gamma) + 0.1, "predicted": power(gamma) if statistic == "variance" else None}
        for statistic, power in powers.items()
        for gamma in (0.0, 0.5, 1.0)
    ]  # fmt: skip


def compared(fleets: int = 3) -> list[dict[str, Any]]:
    """Credits among few and many agents: an unbiased one whose noise grows, quiet ones, biased ones."""
    kinds = {  # variance at N, cosine of the mean step
        "gae:central": (lambda n: float(n), 1.0), "guidance": (lambda n: 2.0, 0.5), "difference": (lambda n: 3.0, 1.0),
        "pathwise": (lambda n: 0.0, 0.5), "dgpg/parts": (lambda n: 5.0, 0.5),
    }  # fmt: skip
    return [
        {"credit": credit, "methods": credit, "n": n, "fleet": k, "variance": variance(n), "signal": 1.0,
         "inner": cosine, "objective": 1.0, "seconds": 0.5, "reads": "own reward",
         "fitting": 4.0 * (credit == "difference")}
        for credit, (variance, cosine) in kinds.items()
        for n in (10, 100)
        for k in range(fleets)
    ]  # fmt: skip


def arrived() -> list[dict[str, Any]]:
    """A quick method, and a slow one of which one fleet in three comes near."""
    return [
        {"method": method, "n": n, "fleet": k, "factor": factor,
         "samples": None if method == "slow" and factor == 8.0 and k else 32.0 * factor * times}
        for method, times in (("quick", 1), ("slow", 10))
        for n in (8, 64)
        for factor in (2.0, 4.0, 8.0)
        for k in range(3)
    ]  # fmt: skip


def ledger_row(row: str, claim: str, verdict: str = "supported", **changes: Any) -> LedgerRow:
    base = LedgerRow(
        row=row,
        id=claim,
        primary=True,
        statement="The shared-return gradient has per-agent noise of order N.",
        holds_when="noise-to-signal grows like N^0.99 in the one-shot game with independent jobs.",
        system="load_balancing",
        policy="uniform",
        sharing="independent",
        setting="sum",
        statistic="noise_to_signal",
        relation="theta",
        estimate=0.99,
        low=0.94,
        high=1.04,
        level=1 - 0.01 / 60,
        expected=1.0,
        margin=0.15,
        verdict=verdict,  # type: ignore[arg-type]
        verdict_margins={"0.10": "supported", "0.25": "supported"},
        recorded=None,
        because="the interval lies inside 1 \u00b1 0.15",
        return_share=None,
        n_values=NS,
        replicates=20,
        seeds=(0,),
        files=("cells/abc.json",),
        seconds=1.5,
    )
    return dataclasses.replace(base, **changes)


def ledger() -> list[LedgerRow]:
    kept = {"label": "supported", "reason": "as measured on the reference run"}
    c14 = "Guided credits as run reduce per-agent noise from order N to order 1."
    c12 = "The guidance gradient is noise-free."
    return [
        ledger_row("C1.1/load_balancing/nsr", "C1.1", recorded=kept),
        ledger_row("C1.1/cloud_aws/dense/paired", "C1.1", system="cloud_aws", statistic="paired_ratio",
                   estimate=1.02, low=0.9, high=1.13),
        ledger_row("C1.1/common_shock", "C1.1", primary=False, estimate=1.97, low=1.9, high=2.05, expected=2.0,
                   level=0.95),
        ledger_row("C1.2/episode/load_balancing", "C1.2", "refuted", statement=c12, statistic="cross_agent_share",
                   relation="at_most", estimate=0.38, low=0.33, high=0.44, expected=0.01, margin=None,
                   holds_when="about 38 % of guidance's variance comes from the other agents, at every N.",
                   because="the lower end 0.33 lies above 0.05", verdict_margins={},
                   recorded={"label": "refuted", "reason": "simultaneous actions move x"}),
        ledger_row("C1.3/load_balancing/v_g", "C1.3", statistic="variance", relation="big_o", expected=0.0,
                   statement="The minimum over alpha of the variance is of order 1 (Theorem 5.2).",
                   estimate=0.01, low=-0.05, high=0.08, return_share=0.03,
                   holds_when="min over alpha stays bounded, 1 - alpha* falls like 1/N: the return is switched off.",
                   because="min V is at most V_G, whose exponent's upper end 0.08 is below 0.15"),
        ledger_row("C1.4/load_balancing/sum/0.5", "C1.4", "refuted", statement=c14, relation="big_o", expected=0.0,
                   estimate=0.97, low=0.9, high=1.05, return_share=0.64,
                   holds_when="at a fixed alpha the noise grows like N beyond N_c = 14, only the constant falls.",
                   because="the lower end 0.9 exceeds 0.15", verdict_margins={"0.10": "refuted", "0.25": "refuted"}),
        ledger_row("C1.4/load_balancing/mixed/0.5", "C1.4", statement=c14, setting="mixed", relation="big_o",
                   expected=0.0, estimate=0.0, low=-0.06, high=0.07, return_share=0.004,
                   holds_when="bounded, but because the return share falls like 1/N."),
        ledger_row("C1.4/cloud/parts", "C1.4", "inconclusive", statement=c14, system="cloud_aws", setting="parts",
                   estimate=None, low=None, high=None, relation="big_o", expected=0.0,
                   because="the signal's interval reaches 0: not measurable", holds_when="nothing can be said yet."),
        ledger_row("A1/cloud", "A1", kind="audit", statistic="max |difference|", relation="equal", estimate=0.0,
                   low=0.0, high=0.0, expected=0.0, margin=0.0, system="cloud_aws", setting="",
                   statement="The reference does not depend on the policy (exogeneity).",
                   holds_when="bit-identical references under six policies.", because="the largest difference is 0"),
        ledger_row("A3/load_balancing", "A3", kind="audit", relation="big_o", expected=0.0, estimate=0.02, low=-0.03,
                   high=0.07, statement="Influence is local: bounded, on O(1) coordinates.", statistic="overlap",
                   holds_when="the squared overlaps with all others stay bounded in N.", because="upper end 0.07"),
        ledger_row("control/endogenous", "A1", "refuted", kind="control", expected_label="refuted", primary=False,
                   statement="An endogenous reference must be caught.", because="references differ by 0.3"),
        ledger_row("control/biased:0.2", "A2", "refuted", kind="control", expected_label="refuted", primary=False,
                   statement="A biased reference must show.", because="alignment 0.71 < 1"),
        ledger_row("control/shared_total", "A3", "supported", kind="control", expected_label="refuted",
                   primary=False, statement="One shared total must fail.", because="overlap grows like N"),
        ledger_row("oracle/linear_quadratic", "C1.1", kind="oracle", expected_label="supported", primary=False,
                   statement="The instrument agrees with the closed form."),
    ]  # fmt: skip


ENVIRONMENT = {
    "command": "pytest theorems/ --benchmark --scale standard --seed 0",
    "commit": "0123456789abcdef",
    "dirty": False,
    "scale": "standard",
    "seed": 0,
    "workers": 2,
    "python": "3.11.2",
    "versions": {"torch": "2.13.0", "numpy": "2.4.6"},
    "processor": "x86_64, 2 cores",
    "hostname": "must-not-show",
    "interpreter": "/opt/secret/place/bin/python",
}


def write_run(
    folder: Path,
    rows: Sequence[LedgerRow] = (),
    tables: Mapping[str, list[dict[str, Any]]] = MappingProxyType({}),
    **environment: Any,
) -> Path:
    """Write the files of a run, whatever little they hold, and return its folder."""
    folder.mkdir(exist_ok=True)
    write_ledger(folder, rows)
    write_records(folder, tables)
    write_variance_csv(folder, tables.get("moments", []))
    write_json(folder / "environment.json", environment)
    return folder


def make_run(folder: Path, places: int = len(PLACES), fleets: int = 12) -> Path:
    """Write a whole synthetic run folder, or one with fewer systems and fleets, and return it."""
    kept = {name for name, _, _ in PLACES[:places]}
    made = {
        name: [row for row in rows if row.get("system", PLACES[0][0]) in kept and (row.get("fleet") or 0) < fleets]
        for name, rows in tables().items()
    }
    return write_run(folder, ledger(), made, **ENVIRONMENT)
