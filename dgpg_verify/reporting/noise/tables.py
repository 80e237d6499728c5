"""Numbers that the noise figures need and records.json does not hold as such."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dgpg_verify.reporting.frame import PLACE, Frame, at, places, where

WANTED = (5, 50, 200, 1500)  # the N at which roll-outs until a step points the right way are compared


def few_sizes(rows: Frame) -> Frame:
    """Per place the rows of at most four N: those measured nearest to 5, 50, 200 and 1500."""
    kept = [rows.iloc[:0]]
    for place in places(rows):
        mine = at(rows, place)
        sizes = sorted(set(mine["n"]))
        distance = np.abs(np.log(np.divide.outer(WANTED, sizes)))
        kept.append(where(mine, n={sizes[k] for k in distance.argmin(axis=1)}))
    return pd.concat(kept)


def rollouts_needed(rows: Frame) -> Frame:
    """`pointing` with one row per place, credit and n: the upper median of `rollouts` over replicates.

    A replicate that never points the right way counts as beyond every number; where the median is one, `rollouts` is
    NaN. `censored` says that the median is a lower bound.
    """

    def needed(group: Frame) -> dict[str, float | bool]:
        values = group["rollouts"].fillna(np.inf)
        middle = values.sort_values().iloc[len(values) // 2]
        censored = bool((group["censored"].eq(True) & (values >= middle)).any())
        return {"rollouts": middle if middle < np.inf else np.nan, "censored": censored or middle == np.inf}

    keys = [*PLACE, "credit", "n"]
    made = [dict(zip(keys, key)) | needed(group) for key, group in rows.groupby(keys, sort=False)]
    return pd.DataFrame(made, columns=[*keys, "rollouts", "censored"])
