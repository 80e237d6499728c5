"""Exact conditions on whole tables: sign agreement of J and -G, ties that guidance breaks, perfect alignment."""

from __future__ import annotations

import numpy as np

from dgpg_verify.equilibria.arrays import EPS, Mask, flat
from dgpg_verify.equilibria.games.deviations import deviations
from dgpg_verify.equilibria.games.tables import Tables
from dgpg_verify.equilibria.nash.pure import pure_nash


def sign_agreement(tables: Tables) -> Mask:
    """Whether D_iJ D_iG <= 0 for every unilateral deviation, bool [F]: exact for the entries (signs of differences).

    Source: T3. Cost: O(F N K^(N+1)).
    """
    wrong = np.zeros(tables.fleets, dtype=bool)
    for _, _, change_j, change_g in deviations(tables):
        wrong |= flat(np.sign(change_j) * np.sign(change_g) > 0).any(1)
    return np.asarray(~wrong)


def tied_descents(tables: Tables) -> Mask:
    """Whether a pure equilibrium of J has a tied deviation (D_iJ = 0) with D_iG < 0, bool [F], exact.

    Source: T3: these equilibria are lost at every alpha > 0. Cost: O(F N K^(N+1)).
    """
    members, lost = pure_nash(tables.reward), np.zeros(tables.fleets, dtype=bool)
    for _, _, change_j, change_g in deviations(tables):
        lost |= flat(members & (change_j == 0) & (change_g < 0)).any(1)
    return lost


def perfectly_aligned(tables: Tables) -> Mask:
    """Whether J = -c G + const with c > 0 up to the rounding of the tables (16 eps of their largest entries), bool [F].

    Both constant counts as aligned, one alone does not. Cost: O(F K^N).
    """
    reward, guidance = flat(tables.reward), flat(tables.guidance)
    high, low = guidance.argmin(1), guidance.argmax(1)
    rows = np.arange(tables.fleets)
    rise, fall = reward[rows, high] - reward[rows, low], guidance[rows, low] - guidance[rows, high]
    bound_j, bound_g = 16.0 * EPS * np.abs(reward).max(1), 16.0 * EPS * np.abs(guidance).max(1)
    slope = np.where(fall > 0, rise / np.where(fall > 0, fall, 1.0), 0.0)
    rest = reward + slope[:, None] * guidance
    spread = rest.max(1) - rest.min(1)
    constant = (fall == 0) & (tables.range == 0)
    return np.asarray(constant | ((slope > 0) & (spread <= 4.0 * (bound_j + np.abs(slope) * bound_g))))
