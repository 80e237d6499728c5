"""What equilibrium figures and tables show, computed from the tables as frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dgpg_verify.reporting.equilibria import laws
from dgpg_verify.reporting.frame import Frame, exploded, known, where

LAW = ["cost", "reference"]
SIZE = ["n_agents", "n_actions"]
SAME = 1e-6  # equilibria closer than this are one
LEAST_SHIFT = 1e-18  # a predicted or found shift of 0 has no place on a log axis
BOUNDED = 0.15  # an exponent up to here counts as bounded


def pure_rates(rates: Frame) -> Frame:
    """Rates of pure equilibria; mixed ones are judged apart.

    Returns
    -------
    The rows with `alpha` as a number (NaN for every alpha at once), `place` on the axis in alpha, `bias` of the
    reference (NaN for one that is not made from the fluid one) and n_actions 0 where unknown.
    """
    rows = known(where(rates, points=["pure", ""]), "rate")
    alpha = pd.to_numeric(rows["alpha"], errors="coerce")
    return rows.assign(
        alpha=alpha,
        place=alpha.mask(rows["alpha"] == laws.EVERY, laws.EVERY_AT),
        bias=rows["reference"].map(laws.bias_of).astype(float),
        n_actions=rows["n_actions"].fillna(0),
    )


def main_size(rates: Frame) -> tuple[float, float]:
    """(n_agents, n_actions) at which most references were measured; the larger of equals."""
    counts = rates.groupby(SIZE)["reference"].nunique()
    return max(counts.index, key=lambda size: (counts[size], size))


def at_size(rates: Frame, size: tuple[float, float]) -> Frame:
    """Rows of one size."""
    return where(rates, n_agents=size[0], n_actions=size[1])


def biased_rates(rates: Frame) -> Frame:
    """Rows of `pure_rates` for fluid and biased references at a fixed alpha and the largest size with a bias."""
    biased = rates[rates["bias"].fillna(0.0) != 0.0]
    sizes = {cost: max(rows.groupby(SIZE).groups) for cost, rows in biased.groupby("cost", sort=False)}
    parts = [at_size(where(rates, cost=cost), size) for cost, size in sizes.items()]
    return known(pd.concat(parts), "bias", "alpha") if parts else biased


def schedule_end(rows: Frame) -> Frame:
    """Rows at the alpha nearest to 0.2, where the published schedule ends."""
    alphas = np.sort(rows["alpha"].dropna().unique())
    return rows if not len(alphas) else where(rows, alpha=alphas[np.abs(alphas - laws.PUBLISHED[0]).argmin()])


def lost_steps(limits: Frame) -> Frame:
    """Share of the equilibria of J with alpha_c below alpha, as steps.

    Parameters
    ----------
    limits : table `alpha_limits`: per law a list of alpha_c (1 stands for no limit) and the share without a limit.

    Returns
    -------
    Columns cost, reference, alpha, share: per law from (0, 0) over one row per equilibrium to alpha = 1, where the
    share is that of all equilibria with a limit. Laws whose limits are not recorded are left out.
    """
    steps = []
    for row in known(limits, "share_never").itertuples(index=False):
        alphas = np.sort([v for v in row.values if v < 1.0] if isinstance(row.values, list) else [])
        if len(alphas) or row.share_never >= 1.0:
            rank = np.arange(len(alphas) + 1) / max(len(alphas), 1)
            share = (1.0 - row.share_never) * np.append(rank, rank[-1])
            steps.append(pd.DataFrame({"cost": row.cost, "reference": row.reference, "alpha": [0.0, *alphas, 1.0],
                                      "share": share}))  # fmt: skip
    return pd.concat(steps, ignore_index=True) if steps else pd.DataFrame(columns=[*LAW, "alpha", "share"])


def lost_below(steps: Frame, alpha: float) -> Frame:
    """The share lost at `alpha` by `lost_steps`, one row per law."""
    return steps[steps["alpha"] < alpha].groupby(LAW, sort=False, as_index=False).last()


def shift_pairs(shifts: Frame) -> Frame:
    """The rows whose predicted and found shift are both positive."""
    return shifts[shifts[["predicted", "found"]].min(axis=1, skipna=False) > LEAST_SHIFT]


def largest_errors(shifts: Frame) -> pd.Series:
    """Largest error of one game, relative to the mean shift predicted, per kind."""
    return (shifts["largest_error"] / shifts["predicted"].replace(0.0, np.nan)).groupby(shifts["kind"]).max()


def rule_points(tradeoff: Frame) -> Frame:
    """Points of every system and rule over N: columns n, shift and lost, ascending in n, all known."""
    points = exploded(tradeoff, "n_values", "shift", "value_lost")
    points = known(points, "n_values", "shift", "value_lost").rename(columns={"n_values": "n", "value_lost": "lost"})
    return points.sort_values("n", kind="stable")


def rules(tradeoff: Frame) -> Frame:
    """One row per system and rule, in their order: exponent with low and high, first and last n, shift and lost.

    `bounded` says whether the upper end of the exponent's interval (else the exponent) is at most 0.15.
    """
    ends = rule_points(tradeoff).groupby(["system", "rule"])[["n", "shift", "lost"]]
    table = tradeoff[["system", "rule", "variance_exponent", "low", "high"]]
    table = table.rename(columns={"variance_exponent": "exponent"})
    for end, values in (("first", ends.first()), ("last", ends.last())):
        table = table.merge(values.add_prefix(f"{end}_"), "left", left_on=["system", "rule"], right_index=True)
    return table.assign(bounded=table["high"].fillna(table["exponent"]) <= BOUNDED)


def columns_of(record: pd.Series, names: Sequence[str]) -> Frame:
    """Lists of a record side by side; places where one is unknown are left out."""
    lists = [record[name] if isinstance(record[name], list) else [] for name in names]
    return pd.DataFrame(list(zip(*lists)), columns=list(names), dtype=float).dropna()


def near(points: np.ndarray, others: np.ndarray, within: float = SAME) -> np.ndarray:
    """For each of `points` [P, 2] whether one of `others` [Q, 2] is at most `within` away in either coordinate."""
    distance = np.abs(points[:, None, :] - others[None, :, :]).max(axis=2)
    return (distance <= within).any(axis=1)
