"""Exact conditions on whole tables: sign agreement of J and -G, ties that guidance breaks, perfect alignment."""

from __future__ import annotations

import numpy as np

from dgpg_verify.equilibria.arrays import EPS, Mask
from dgpg_verify.equilibria.games.deviations import agent_pairs
from dgpg_verify.equilibria.games.tables import Tables
from dgpg_verify.equilibria.nash.pure import pure_nash


def sign_agreement(tables: Tables) -> Mask:
    """Whether D_iJ D_iG <= 0 for every unilateral deviation, bool [F]: exact for the entries (signs of differences).

    Source: T3. Cost: O(F N K^(N+1)).
    """
    wrong = np.zeros(tables.fleets, dtype=bool)
    for _, reward, guidance in agent_pairs(tables):
        for s in range(1, tables.n_actions):
            change_j, change_g = (np.sign(np.roll(table, -s, axis=-1) - table) for table in (reward, guidance))
            wrong |= (change_j * change_g > 0).any((1, 2))
    return np.asarray(~wrong)


def tied_descents(tables: Tables) -> Mask:
    """Whether a pure equilibrium of J has a tied deviation (D_iJ = 0) with D_iG < 0, bool [F], exact.

    Source: T3: these equilibria are lost at every alpha > 0. Cost: O(F N K^(N+1)).
    """
    members, lost = pure_nash(tables.reward), np.zeros(tables.fleets, dtype=bool)
    for agent, reward, guidance in agent_pairs(tables):
        stable = np.moveaxis(members, 1 + agent, -1).reshape(reward.shape)
        for k in range(tables.n_actions):
            tied = (reward == reward[..., k : k + 1]) & (guidance < guidance[..., k : k + 1])
            lost |= (stable[..., k] & tied.any(-1)).any(-1)
    return lost


def perfectly_aligned(tables: Tables) -> Mask:
    """Whether J = -c G + const with c > 0 up to the rounding of the tables (16 eps of their largest entries), bool [F].

    Both constant counts as aligned, one alone does not. Cost: O(F K^N).
    """
    reward, guidance = tables.reward.reshape(tables.fleets, -1), tables.guidance.reshape(tables.fleets, -1)
    high, low = guidance.argmin(1), guidance.argmax(1)
    rows = np.arange(tables.fleets)
    rise, fall = reward[rows, high] - reward[rows, low], guidance[rows, low] - guidance[rows, high]
    bound_j, bound_g = 16.0 * EPS * np.abs(reward).max(1), 16.0 * EPS * np.abs(guidance).max(1)
    slope = np.where(fall > 0, rise / np.where(fall > 0, fall, 1.0), 0.0)
    rest = reward + slope[:, None] * guidance
    spread = rest.max(1) - rest.min(1)
    flat = (fall == 0) & (tables.range == 0)
    return np.asarray(flat | ((slope > 0) & (spread <= 4.0 * (bound_j + np.abs(slope) * bound_g))))
