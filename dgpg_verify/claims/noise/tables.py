"""Plot records of C1 from the cells alone: what figures and the CSV are drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np

from dgpg_verify.claims.declared import declared
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.questions import read_moments, read_noise
from dgpg_verify.claims.noise.read import CellStats, return_share
from dgpg_verify.claims.question import EXPLORATORY_LEVEL
from dgpg_verify.claims.series import Measured
from dgpg_verify.claims.series import Series as AnySeries
from dgpg_verify.statistics import mean_interval

Record = dict[str, Any]
Series = AnySeries[CellStats]
CURVES = (grid.GAME, grid.CLOUD)
OPTIMAL = (grid.GAME, grid.DENSE_GAME, grid.TEAMS[1], grid.CLOUD, grid.DENSE_CLOUD)
FAULTY = tuple(f"{grid.GAME}/{reference}" for reference in grid.REFERENCES)
POINTED = (grid.GAME, grid.GAMES[1])  # exact gradients only: a faint signal would make "never" of "not measured"
POINTED_N = (5, 50, 200, 1500)


def noise_tables(measured: Measured) -> dict[str, list[Record]]:
    """moments, fits, alpha, optimal, cross_agent and pointing records of every series that was measured."""
    tables: dict[str, list[Record]] = {
        name: [] for name in ("moments", "fits", "alpha", "optimal", "cross_agent", "pointing")
    }
    for key, series in read_noise(measured, measured).items():
        options = series.row.options
        exact = read_moments(measured[key], "exact") if "measured" in key else None
        tables["moments"] += _moments(series, exact)
        tables["fits"] += _fits(series)
        if options["sharing"] == "shared":
            continue
        if key in OPTIMAL:
            tables["optimal"] += _optimal(series)
        if key not in FAULTY:
            tables["cross_agent"] += _cross(series)
        if key in CURVES:
            tables["alpha"] += _alpha_curves(series)
        if options["exact"] and key in POINTED:
            tables["pointing"] += _pointing(series)
    return tables | {"declared": declared("noise")}


def _where(row: Row) -> Record:
    extra = row.key.split("/")[3:]
    system = row.options["system"] + (f" ({', '.join(extra)})" if extra else "")
    return {
        "system": system,
        "policy": row.options["policy"],
        "sharing": row.options["sharing"],
        "graph": row.notes["graph"],
    }


def _scope(row: Row) -> str:
    return "team" if row.options["sharing"] == "shared" else "agent"


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _moments(series: Series, exact: Series | None) -> list[Record]:
    row, truth = series.row, {(cell.n, cell.fleet): cell for cell in exact.flat} if exact else {}
    return [
        _where(row)
        | {
            "setting": "sum",
            "credit": credit,
            "n": cell.n,
            "fleet": cell.fleet,
            "seed": cell.seed,
            "rollouts": int(cell.extra.get("rollouts", 0)),
            "variance": cell.variance(credit),
            "signal_squared": cell.signal_of(credit) / cell.n,
            "samples": int(cell.extra.get("rollouts", 0)) * int(row.options["options"].get("horizon", 1)),
            "noise_to_signal": _number(cell.noise_to_signal(credit)),
            "efficiency": _number(cell.efficiency(credit)),
            "alignment": _number(cell.alignment(credit)),
            "paired_ratio": _number(cell.paired_ratio(credit)) if cell.has("difference") else None,
            "exact_variance": truth[cell.n, cell.fleet].variance(credit) if (cell.n, cell.fleet) in truth else None,
            "scope": _scope(row),
        }
        for cell in series.flat
        for credit in cell.names
        if credit != "score"
    ]


def _fits(series: Series) -> list[Record]:
    row, first = series.row, series.flat[0]
    records = []
    for credit in (name for name in first.names if name != "score"):
        statistics = {
            "variance": lambda c, k=credit: c.variance(k),
            "noise_to_signal": lambda c, k=credit: c.noise_to_signal(k),
        }
        if first.has("difference") and row.options["system"] != "cloud":
            statistics["paired_ratio"] = lambda c, k=credit: c.paired_ratio(k)
        for name, statistic in statistics.items():
            fit = series.fit(statistic, EXPLORATORY_LEVEL)
            if fit.top_decade is None:
                continue
            records.append(
                _where(row)
                | {
                    "setting": "sum",
                    "credit": credit,
                    "statistic": name,
                    "scope": _scope(row),
                    "exponent": fit.exponent,
                    "low": fit.low,
                    "high": fit.high,
                    "level": fit.level,
                    "intercept": fit.top_decade.intercept,
                    "n_used": list(fit.top_decade.n_values),
                    "full_exponent": fit.full.exponent if fit.full else None,
                    "affine_a": fit.affine.a if fit.affine else None,
                    "affine_b": fit.affine.b if fit.affine else None,
                    "expected": None,
                    "verdict": None,
                }
            )
    return records


def _alpha_curves(series: Series) -> list[Record]:
    """V(alpha) at every N: points over fleets, and the curve predicted from the two fitted parts."""
    base = series.fit(lambda c: c.variance("return"), EXPLORATORY_LEVEL).affine
    guidance = series.mean(lambda c: c.variance("guidance"))
    records = []
    for setting in grid.SETTING_NAMES:
        for alpha in grid.CURVE_ALPHAS:
            crossing = _crossover(alpha, base.b if base else None, guidance) if setting in ("sum", "mean") else None
            for n, cells in series.items.items():
                values = np.array([cell.guided(alpha, setting).variance for cell in cells])
                interval = mean_interval(values, EXPLORATORY_LEVEL) if len(values) > 1 else None
                predicted = np.mean([_identity(cell, alpha, setting) for cell in cells])
                share = return_share([cell.guided(alpha, setting) for cell in cells])
                records.append(
                    _where(series.row)
                    | {
                        "setting": setting,
                        "n": n,
                        "alpha": alpha,
                        "variance": float(values.mean()),
                        "predicted": float(predicted),
                        "variance_low": interval.low if interval else None,
                        "variance_high": interval.high if interval else None,
                        "return_share": share,
                        "crossover_n": crossing,
                    }
                )
    return records


def _identity(cell: CellStats, alpha: float, setting: str) -> float:
    """(1 - alpha)^2 V_PG + alpha^2 V_G + 2 alpha (1 - alpha) C, from the parts on the setting's scale."""
    scale_base, scale_guidance = cell.scales(setting)
    b, g = cell.index("return"), cell.index("guidance")
    v = cell.covariance / cell.n
    return float(
        (1 - alpha) ** 2 * scale_base**2 * v[b, b]
        + alpha**2 * scale_guidance**2 * v[g, g]
        + 2 * alpha * (1 - alpha) * scale_base * scale_guidance * v[b, g]
    )


def _crossover(alpha: float, slope: float | None, guidance: float | None) -> float | None:
    """N_c with alpha^2 V_G = (1 - alpha)^2 V_PG(N_c), V_PG = b N from the affine fit."""
    if slope is None or guidance is None or slope <= 0 or alpha >= 1:
        return None
    return (alpha / (1 - alpha)) ** 2 * guidance / slope


def _optimal(series: Series) -> list[Record]:
    records = []
    for setting in grid.SETTING_NAMES if series.key in CURVES else ("sum",):
        for n, cells in series.items.items():
            share = return_share([cell.guided(cell.alpha_star(setting), setting) for cell in cells])
            for cell in cells:
                alpha = cell.alpha_star(setting)
                best = cell.guided(alpha, setting)
                records.append(
                    _where(series.row)
                    | {
                        "setting": setting,
                        "n": n,
                        "fleet": cell.fleet,
                        "alpha_star": alpha,
                        "n_one_minus_alpha": n * (1.0 - alpha),
                        "min_variance": best.variance,
                        "guidance_variance": cell.guided(1.0, setting).variance,
                        "efficiency": _number(best.efficiency),
                        "return_share": share,
                    }
                )
    return records


def _cross(series: Series) -> list[Record]:
    records = []
    for n, cells in series.items.items():
        for cell in cells:
            if cell.cross is None:
                continue
            for credit in cell.names:
                share = cell.cross_share(credit)
                if credit == "score" or not np.isfinite(share):
                    continue
                records.append(
                    _where(series.row)
                    | {
                        "credit": credit,
                        "n": n,
                        "fleet": cell.fleet,
                        "share": share,
                        "share_low": None,
                        "share_high": None,
                    }
                )
    return records


def _pointing(series: Series) -> list[Record]:
    records = []
    shown = [n for n in POINTED_N if n in series.items]
    for n, cells in ((n, series.items[n]) for n in shown):
        for credit in cells[0].names:
            needed = [cell.rollouts_to_point(credit) for cell in cells]
            known = [value for value in needed if value is not None]
            enough = 2 * len(known) > len(needed)
            records.append(
                _where(series.row)
                | {
                    "credit": credit,
                    "n": n,
                    "rollouts": float(np.median(known)) if enough else None,
                    "censored": not enough,
                }
            )
    return records
