"""What the figures and tables of sample complexity show, computed from the tables as frames."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dgpg_verify.reporting.frame import Frame, exploded, known, unique, where
from dgpg_verify.reporting.wording import exponent_text

SERIES = ["system", "method", "step_rule"]
MOST_POINTS = 60  # of a curve; checkpoints lie as close as 5 %


def drawn_steps(rows: Frame) -> Frame:
    """Rows of the step rule that is drawn, system by system: the theory's where measured, else the first."""
    rules = {system: unique(group, "step_rule", ["theory"])[0] for system, group in rows.groupby("system")}
    return rows[rows["step_rule"] == rows["system"].map(rules)]


def powers(exponents: Frame, rows: Frame) -> Frame:
    """The fitted powers p of N, of the system, method and step rule of `rows`: one row each, index (system, method)."""
    fits = known(where(exponents, what="p"), "value").drop_duplicates(SERIES)
    return rows[SERIES].drop_duplicates().merge(fits, on=SERIES).set_index(["system", "method"])


def fitted_text(fits: Frame, system: str, method: str) -> str:
    """'p = 0.98 [0.93, 1.03]' of `powers`, or '' where none was fitted."""
    if (system, method) not in fits.index:
        return ""
    value, low, high = fits.loc[(system, method), ["value", "low", "high"]]
    interval = "" if pd.isna([low, high]).any() else f" [{exponent_text(low)}, {exponent_text(high)}]"
    return f"p = {exponent_text(value)}{interval}"


def level_text(exponents: Frame) -> str:
    """The level of the intervals drawn, in words."""
    levels = np.sort(100.0 * exponents["level"].dropna().unique())
    return f"{' to '.join(f'{level:.4g}' for level in levels)}\u00a0% intervals" if len(levels) else "intervals"


def fleet_runs(arrivals: Frame) -> Frame:
    """One row per fleet: `each` is its n_eps, infinite for a run that never arrived."""
    runs = exploded(known(arrivals, "n_agents"), "each")
    return runs.assign(each=runs["each"].where(runs["each"] > 0, np.inf))


def drawn_factors(runs: Frame) -> list[float]:
    """Least, middle and greatest factor measured: the largest eps first."""
    factors = np.sort(runs["factor"].dropna().unique())
    places = {0, len(factors) // 2, len(factors) - 1} if len(factors) else set()
    return [float(factors[k]) for k in sorted(places)]


def medians(arrivals: Frame) -> Frame:
    """Rows with a median over fleets, ascending in N."""
    return known(arrivals, "median").sort_values("n_agents", kind="stable")


def gap_curves(curves: Frame) -> Frame:
    """One row per point of a curve, at most MOST_POINTS evenly spread ones with both ends kept.

    Samples and median are positive; curves with fewer than two such points are left out. `expected` is NaN where no
    exact expectation is known, and where it is not positive.
    """
    points = exploded(known(curves, "n_agents"), "samples", "median", "low", "high", "expected")
    points = points[(points["samples"] > 0) & (points["median"] > 0)]
    points = points.assign(expected=points["expected"].where(points["expected"] > 0))
    by_curve = points.groupby(level=0)
    place, count = by_curve.cumcount().to_numpy(), by_curve["samples"].transform("size").to_numpy()
    kept = [np.isin(k, _spread(n)) for k, n in zip(place, count)]
    return points[np.array(kept, dtype=bool) & (count > 1)]


def _spread(count: int) -> np.ndarray:
    """Places of at most MOST_POINTS of `count` points."""
    return np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(int)


def prediction_pairs(predicted: Frame) -> Frame:
    """The rows whose fleets arrived: `ratio` says how many times the samples observed the predicted ones are."""
    return predicted[predicted["ratio"] > 0]


def growth(constants: Frame, constant: str) -> pd.Series:
    """How many times larger a constant is at the largest N than at the least: per system, of its first source."""
    rows = where(constants, what=constant).sort_values("n_agents", kind="stable")
    first = where(constants, what=constant).groupby("system", sort=False)["source"].first()
    ends = rows[rows["source"] == rows["system"].map(first)].groupby("system")[["n_agents", "median"]]
    low, high = ends.first(), ends.last()
    return (high["median"] / low["median"])[high["n_agents"] > low["n_agents"]]


def at_rest(settled: bool | float | None) -> bool | None:
    """Whether noise-free runs came to rest: in every fleet, where a share is recorded; None if unknown."""
    return None if settled is None or np.isnan(settled) else settled >= 1.0


def largest_floors(floors: Frame) -> Frame:
    """The floor at the largest N of the published schedule, else of the method with the largest one: by system."""
    method = "guided:published"
    if method not in set(floors["method"]):
        method = floors.loc[floors["floor"].idxmax(), "method"]
    rows = where(floors, method=method)
    return rows.loc[rows.groupby("system", sort=False)["n_agents"].idxmax()]
