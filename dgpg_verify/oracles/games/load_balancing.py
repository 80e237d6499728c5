"""Exact moments of the load-balancing game at any N: by `quadratic` where its cost is that, as `delay` is too, and by
the subsets of `separable` for `mm1`.
"""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from dgpg_verify.core import InputError
from dgpg_verify.oracles.games.conditional import CREDITS, check_probabilities
from dgpg_verify.oracles.games.quadratic import quadratic_moments
from dgpg_verify.oracles.games.separable import separable_moments
from dgpg_verify.oracles.moments import OracleMoments, check_credits
from dgpg_verify.systems import LoadBalancingGame


def load_balancing_moments(
    system: LoadBalancingGame, probabilities: ArrayLike, credits: Sequence[str] | None = None
) -> OracleMoments:
    """Exact moments of every credit for independent softmax choices (closed form F6; `mm1` by subsets).

    Parameters
    ----------
    system : LoadBalancingGame
        Cost quadratic, delay or mm1 (mm1 needs a modest in-degree); any N, K = M included.
    probabilities : array [N, K]
        Softmax of the tabular logits, which are the parameters.
    credits : sequence of str, optional
        Some of return (b = E R), return:raw, guidance (chain rule), guidance:exact, difference (no job as default; its
        mean is grad J), coma, score (w = 1). All by default; `guided:ALPHA` follows from the record.

    Returns
    -------
    OracleMoments with P = K, on the sum scale. Cost: O(N K^2) time and memory.

    Raises
    ------
    InputError on makespan (not a sum over servers), bad probabilities, or an unknown credit.
    """
    shape = (system.n_agents, system.n_actions)
    p = check_probabilities(probabilities, shape)
    names = check_credits(credits, CREDITS)
    if system.cost == "makespan":
        raise InputError("cost = 'makespan' has no closed form here: use enumerate_moments at small N")
    if system.cost == "mm1":
        return separable_moments(system, p, names)
    return quadratic_moments(system, p, names)
