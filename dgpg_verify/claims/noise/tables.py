"""Plot records of C1 from the cells alone: what figures and the CSV are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from dgpg_verify.claims.declared import declared
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.noise import design as grid
from dgpg_verify.claims.noise.questions import of_credit, read_moments, read_noise
from dgpg_verify.claims.noise.read import CellStats, CreditStats, return_share
from dgpg_verify.claims.question import EXPLORATORY_LEVEL
from dgpg_verify.claims.series import Measured
from dgpg_verify.claims.series import Series as AnySeries
from dgpg_verify.core.moments import SETTINGS, bounded, mixed_variance
from dgpg_verify.statistics.intervals import geometric_mean_interval, mean_of, within

Record = dict[str, Any]
Series = AnySeries[CellStats]
CURVES = (grid.GAME, grid.CLOUD)
OPTIMAL = (grid.GAME, grid.DENSE_GAME, grid.TEAMS[1], grid.CLOUD, grid.DENSE_CLOUD)
POINTED = (grid.GAME, grid.GAMES[1])  # exact gradients only: a faint signal would make "never" of "not measured"
POINTED_N = (5, 50, 200, 1500)
QUANTITIES = ("variance", "noise_to_signal", "efficiency", "alignment", "paired_ratio")


def noise_tables(measured: Measured) -> dict[str, list[Record]]:
    """moments, fits, alpha, optimal, cross_agent and pointing records of every series that was measured."""
    tables: dict[str, list[Record]] = {name: [] for name in TABLES}
    for key, series in read_noise(measured, measured).items():
        exact = read_moments(measured[key], "exact") if "measured" in key else None
        records = {"moments": _moments(series, exact), "fits": _fits(series)}
        if series.row.options["sharing"] != "shared":
            records |= {name: make(series) for name, (make, shows) in CHOSEN.items() if shows(series)}
        for name, rows in records.items():
            tables[name] += [_where(series.row) | row for row in rows]
    return tables | {"declared": declared("noise")}


def _where(row: Row) -> Record:
    extra = row.key.split("/")[3:]
    system = row.options["system"] + (f" ({', '.join(extra)})" if extra else "")
    return {"system": system, "graph": row.notes["graph"]} | {name: row.options[name] for name in ("policy", "sharing")}


def _scope(row: Row) -> str:
    return "team" if row.options["sharing"] == "shared" else "agent"


def _credits(cell: CellStats) -> list[str]:
    return [name for name in cell.names if name != "score"]


def _moments(series: Series, exact: Series | None) -> Iterator[Record]:
    row = series.row
    truth = {(cell.n, cell.fleet): cell for cell in exact.flat} if exact else {}
    for cell in series.flat:
        known = truth.get((cell.n, cell.fleet))
        for name in _credits(cell):
            credit = cell[name]
            yield {
                "setting": "sum",
                "credit": name,
                "n": cell.n,
                "fleet": cell.fleet,
                "seed": cell.seed,
                "rollouts": cell.rollouts,
                "samples": cell.rollouts * int(row.options["options"].get("horizon", 1)),
                "signal_squared": credit.signal,
                "exact_variance": known[name].variance if known else None,
                "scope": _scope(row),
            } | {quantity: getattr(credit, quantity) for quantity in QUANTITIES}


def _fits(series: Series) -> Iterator[Record]:
    first, row = series.flat[0], series.row
    paired = "difference" in first.names and row.options["system"] != "cloud"
    for credit in _credits(first):
        for name in ("variance", "noise_to_signal", "paired_ratio")[: 3 if paired else 2]:
            fit = series.fit(of_credit(name, credit), EXPLORATORY_LEVEL)
            if fit.top_decade is None:
                continue
            yield {
                "setting": "sum",
                "credit": credit,
                "statistic": name,
                "scope": _scope(row),
                "intercept": fit.top_decade.intercept,
                "n_used": list(fit.top_decade.n_values),
                "full_exponent": fit.full.exponent if fit.full else None,
                "affine_a": fit.affine.a if fit.affine else None,
                "affine_b": fit.affine.b if fit.affine else None,
                "expected": None,
                "verdict": None,
            } | {number: getattr(fit, number) for number in ("exponent", "low", "high", "level")}


def _alpha_curves(series: Series) -> Iterator[Record]:
    """V(alpha) at every N: points over fleets, and the curve predicted from the two fitted parts."""
    base = series.fit(lambda c: c["return"].variance, EXPLORATORY_LEVEL).affine
    guidance = series.mean(lambda c: c["guidance"].variance)
    for setting, alpha, n in product(grid.SETTINGS, grid.CURVE_ALPHAS, series.items):
        cells = series.items[n]
        mixtures = [cell.guided(alpha, setting) for cell in cells]
        values = np.array([mixture.variance for mixture in mixtures])
        interval = within(mean_of(values, EXPLORATORY_LEVEL), 0.0, np.inf)
        crossover = _crossover(alpha, base.b if base else None, guidance) if setting in ("sum", "mean") else None
        predicted = [_predicted(cell, alpha, setting) for cell in cells]
        yield {
            "setting": setting,
            "n": n,
            "alpha": alpha,
            "variance": float(values.mean()),
            "predicted": float(np.mean(predicted)),
            "variance_low": interval.low,
            "variance_high": interval.high,
            "return_share": return_share(mixtures),
            "crossover_n": crossover,
        } | _judged(mixtures, "paired_ratio" if series.row.options["system"] == "cloud" else "noise_to_signal")


def _judged(mixtures: Sequence[CreditStats], name: str) -> Record:
    """The ratio that C1.4 judges: geometric mean over fleets and its interval."""
    ratios = np.array([getattr(mixture, name) for mixture in mixtures], dtype=float)
    ratios = ratios[ratios > 0]
    if len(ratios) < 2:
        value = float(ratios[0]) if len(ratios) else None
        return {"ratio_name": name, "ratio": value, "ratio_low": None, "ratio_high": None}
    interval = geometric_mean_interval(ratios, EXPLORATORY_LEVEL)
    return {"ratio_name": name, "ratio": interval.value, "ratio_low": interval.low, "ratio_high": interval.high}


def _predicted(cell: CellStats, alpha: float, setting: str) -> float:
    """V(alpha) by closed form F7; in joint, which adds the score, by the moments of all three."""
    if setting == "joint":
        return cell.guided(alpha, setting).variance
    s_base, s_guidance, _ = cell.scales(setting, alpha)
    return float(mixed_variance(alpha, *cell.mixed_parts(), (s_base, s_guidance)))


def _crossover(alpha: float, slope: float | None, guidance: float | None) -> float | None:
    """N_c with alpha^2 V_G = (1 - alpha)^2 V_PG(N_c), V_PG = b N from the affine fit."""
    if slope is None or guidance is None or slope <= 0 or alpha >= 1:
        return None
    return (alpha / (1 - alpha)) ** 2 * guidance / slope


def _optimal(series: Series) -> Iterator[Record]:
    for setting, n in product(SETTINGS if series.key in CURVES else ("sum",), series.items):
        cells = series.items[n]
        mixtures = [cell.guided(None, setting) for cell in cells]
        share = return_share(mixtures)
        for cell, best in zip(cells, mixtures):
            alpha = cell.alpha_star(setting)
            yield {
                "setting": setting,
                "n": n,
                "fleet": cell.fleet,
                "alpha_star": alpha,
                "n_one_minus_alpha": n * (1.0 - alpha),
                "min_variance": best.variance,
                "guidance_variance": cell.guided(1.0, setting).variance,
                "efficiency": best.efficiency,
                "return_share": share,
            }


def _cross(series: Series) -> Iterator[Record]:
    interval = {"share_low": None, "share_high": None}
    for cell in series.flat:
        shares = {name: float(bounded(cell[name].cross_agent_share, 0.0, 1.0)) for name in _credits(cell)}
        for credit in (name for name, share in shares.items() if np.isfinite(share)):
            yield {"credit": credit, "n": cell.n, "fleet": cell.fleet, "share": shares[credit]} | interval


def _pointing(series: Series) -> Iterator[Record]:
    for n in (n for n in POINTED_N if n in series.items):
        cells = series.items[n]
        ended = grid.SCHEDULE["end"]  # where the published schedule ends, in the readings that lie furthest apart
        mixtures = {
            f"guided:{ended}/{name}": [cell.guided(ended, name) for cell in cells] for name in ("parts", "mixed")
        }
        for credit, found in ({name: [cell[name] for cell in cells] for name in _credits(cells[0])} | mixtures).items():
            needed = [moments.rollouts_to_point for moments in found]
            known = [value for value in needed if value is not None]
            enough = 2 * len(known) > len(needed)
            rollouts = float(np.median(known)) if enough else None
            yield {"credit": credit, "n": n, "rollouts": rollouts, "censored": not enough}


# of rows without shared parameters: which table is made of which
CHOSEN: dict[str, tuple[Callable[[Series], Iterator[Record]], Callable[[Series], bool]]] = {
    "optimal": (_optimal, lambda series: series.key in OPTIMAL),
    "cross_agent": (_cross, lambda series: series.key not in grid.FAULTY),
    "alpha": (_alpha_curves, lambda series: series.key in CURVES),
    "pointing": (_pointing, lambda series: series.row.options["exact"] and series.key in POINTED),
}
TABLES = ("moments", "fits", *CHOSEN)
