"""What the training figures show of the runs, computed in one place as frames and numbers.

Rows come from the tables `curves`, `runs`, `training_scores` and `training_noise`; where a function needs `family` or
`name`, rows are those of `methods.identified`. Scores: Random = 0, Best-Fit = 1. `level`: mean score of a run over the
last 20 % of its evaluations.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress

import numpy as np
import pandas as pd

from dgpg_verify.reporting.drawing.axes import Limits
from dgpg_verify.reporting.frame import Frame, by_n, few, known, where
from dgpg_verify.statistics import fit_scaling
from dgpg_verify.statistics.scaling import highest_decade

RUN = ["system", "row", "part", "n", "replicate"]  # what names one run
NOISE_LEVEL = 0.95  # of the interval of a fitted power of N
LEAST_TOP = 30.0  # least upper end of an axis of episodes to settle


def score_limits(values: Iterable[float]) -> Limits:
    """Limits of a score axis: Random and Best-Fit inside, the outermost 0.2 % and all beyond the ends cut off."""
    scores = np.asarray([v for v in values if np.isfinite(v)] or [0.0, 1.0], dtype=float)
    low, high = np.quantile(scores, [0.002, 0.998])
    return _with_air(max(min(low, -0.08), -1.0), min(max(high, 1.08), 2.5), 0.04)


def limits_by_family(rows: Frame, column: str) -> tuple[dict[str, Limits], int]:
    """Limits of the score axis of every family, and how many scores lie beyond them."""
    scores = {str(family): values for family, values in rows.groupby("family")[column]}
    limits = {family: score_limits(values) for family, values in scores.items()}
    return limits, sum(outside(values, limits[family]) for family, values in scores.items())


def level_limits(values: Iterable[float]) -> Limits:
    """Limits around levels and Best-Fit; Random only where levels come near it, so that 1 % can be seen."""
    levels = [v for v in values if np.isfinite(v)]
    return _with_air(max(min([*levels, 0.95]), -1.0), min(max([*levels, 1.05]), 2.0), 0.06)


def _with_air(low: float, high: float, share: float) -> Limits:
    return float(low - share * (high - low)), float(high + share * (high - low))


def outside(values: Iterable[float], limits: Limits) -> int:
    """How many known values lie beyond an axis."""
    scores = np.asarray(list(values), dtype=float)
    return int(((scores < limits[0]) | (scores > limits[1])).sum())


def settle_top(runs: Frame) -> float:
    """Upper end of an axis of episodes to settle: the longest run."""
    longest = runs[["horizon_episodes", "settled_at"]].max().max()
    return max(float(longest), LEAST_TOP) if np.isfinite(longest) else LEAST_TOP


def telling_sizes(rows: Frame, most: int) -> list[float]:
    """At most `most` N: the smallest, the largest at which most methods were trained, and from there to the largest."""
    methods = rows.groupby("n")["method"].nunique()
    fullest = methods.index[2 * methods >= methods.max()].max()
    sizes = [float(n) for n in methods.index]
    if len(sizes) <= most:
        return sizes
    return sorted({sizes[0], *few([n for n in sizes if n >= fullest], most - 1)})


def run_curves(rows: Frame) -> list[np.ndarray]:
    """One (points, 2) array of episode and score per run, in the order of episodes; unknown scores are left out."""
    points = known(rows, "episode", "score").sort_values("episode", kind="stable")
    return [run[["episode", "score"]].to_numpy(dtype=float) for _, run in points.groupby(RUN, dropna=False)]


def median_curve(rows: Frame) -> Frame:
    """Columns episode, score: the median over runs at every episode at which at least half of them were evaluated."""
    points = known(rows[[*RUN, "episode", "score"]], "episode", "score")
    runs = points.groupby(RUN, dropna=False).ngroups
    by_episode = points.groupby("episode")["score"].agg(["median", "size"])
    common = by_episode[2 * by_episode["size"] >= runs]
    return common["median"].rename("score").reset_index()


def equally_long(rows: Frame) -> Frame:
    """Main rows; of what was trained longer, the runs cut after as many episodes as the others (part `equal`)."""
    equal = rows["part"] == "equal"
    longer = set(zip(rows["row"][equal].str.removesuffix("/equal"), rows["n"][equal]))
    whole = np.array([place not in longer for place in zip(rows["row"], rows["n"])], dtype=bool)
    return rows[equal | ((rows["part"] == "main") & whole)]


def with_ablations(rows: Frame) -> Frame:
    """Ablations, and what they are compared with at their N: DG-PG, guidance alone and MAPPO, equally long."""
    changed = where(rows, part="ablation")
    beside = where(equally_long(rows), method=("dgpg", "mappo", "guidance_only"), n=set(changed["n"]))
    return rows[rows.index.isin(changed.index.union(beside.index))]


def estimates(scores: Frame, runs: Frame, by: str, field: str = "") -> Frame:
    """Mean with interval per `by`, columns value, low, high: as `scores` state it, else the plain mean of `runs`.

    `field` is "" for the level or "settle" for the episodes to settle.
    """
    columns = ["settle_mean", "settle_mean_low", "settle_mean_high"] if field else ["mean", "low", "high"]
    stated = scores.groupby(by)[columns].first().set_axis(["value", "low", "high"], axis=1)
    plain = runs.groupby(by)["settled_at" if field else "level"].mean()
    table = stated.reindex(stated.index.union(plain.index))
    return table.fillna({"value": plain}).astype(float)


def ablation_lines(scores: Frame, runs: Frame, first: str) -> Frame:
    """Lines of the ablation figure from top to bottom: name, group, mean, and height y (0 on top).

    Groups come as they stand in the tables, `first` before all; within a group the best line is first. The name of a
    group stands in the gap above its first line.
    """
    rows = pd.concat([runs, scores]).drop_duplicates("name")[["name", "group"]]
    groups = sorted(dict.fromkeys(rows["group"]), key=lambda group: group != first)
    stated, plain = scores.groupby("name")["mean"].mean(), runs.groupby("name")["level"].mean()
    mean = rows["name"].map(stated).fillna(rows["name"].map(plain)).fillna(-np.inf)
    lines = rows.assign(mean=-mean, place=rows["group"].map(groups.index))
    lines = lines.sort_values(["place", "mean", "name"]).reset_index(drop=True)
    gaps = (lines["group"] != lines["group"].shift()).cumsum()
    return lines.assign(mean=-lines["mean"], y=lines.index + 1.25 * gaps).drop(columns="place")


def tuning_gains(tuned: Frame, preset: Frame) -> Frame:
    """Per method at one N: mean at its own settings, at the preset (`before`), and their difference `gain`."""
    joined = tuned.set_index("row")[["mean"]].join(preset.set_index("row")["mean"].rename("before"), how="inner")
    return known(joined.assign(gain=joined["mean"] - joined["before"]), "gain")


def alpha_spread(runs: Frame) -> tuple[float, float]:
    """Mean of the mean levels of the fixed alphas, and the largest minus the smallest; NaN without any."""
    fixed = runs[~runs["alpha"].str.contains("->")]
    means = fixed.groupby("alpha")["level"].mean()
    return float(means.mean()), float(means.max() - means.min())


def points_over_n(scores: Frame, field: str) -> Frame:
    """A statistic of `training_scores` with its interval: columns n, value, low, high, never; n ascending."""
    names = {field: "value", f"{field}_low": "low", f"{field}_high": "high"}
    return scores.sort_values("n", kind="stable")[["n", *names, "never"]].rename(columns=names)


def settle_points(scores: Frame, top: float) -> Frame:
    """90th percentile of the episodes to settle over n; `top` stands for never.

    An unknown percentile is late only where some run never settled; an interval without an upper end goes to `top`.
    """
    points = points_over_n(scores, "settle_p90")
    value = points["value"].mask(points["value"].isna() & (points["never"] > 0), top).clip(upper=top)
    high = points["high"].fillna(top).clip(upper=top)
    return points.assign(value=value, low=points["low"].fillna(value), high=high).dropna(subset="value")


def last_medians(rows: Frame) -> dict[str, float]:
    """Row -> median score at the last evaluation that at least half of its runs reached."""
    medians = {str(row): median_curve(curves) for row, curves in rows.groupby("row")}
    return {row: float(curve["score"].iloc[-1]) for row, curve in medians.items() if len(curve)}


def noise_exponents(rows: Frame, field: str) -> dict[str, float]:
    """Row -> power of N of the guided credit's noise at the end of training, by the fit the verdict rests on."""
    end = where(rows, point="end", credit="guided")
    exponents = {}
    for row, noise in end.groupby("row", sort=False):
        values = {n: list(replicates) for n, replicates in by_n(noise, field).items() if len(replicates) > 1}
        sizes = list(compress(values, highest_decade(np.array(list(values))))) if values else []
        fit = fit_scaling(sizes, [values[n] for n in sizes], NOISE_LEVEL) if sizes else None
        if fit and fit.exponent is not None:
            exponents[str(row)] = fit.exponent
    return exponents


def samples_per_episode(rows: Frame) -> float | None:
    """Samples per episode, where that is one number for all rows."""
    points = known(rows, "episode", "samples")
    points = points[(points["episode"] != 0) & (points["samples"] != 0)]
    ratios = (points["samples"] / points["episode"]).round(3).unique()
    return float(ratios[0]) if len(ratios) == 1 else None
