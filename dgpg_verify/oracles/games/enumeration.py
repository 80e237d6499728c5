"""Exact moments of every credit of a small one-shot game by visiting all action profiles; slow and plain.

Nothing is derived here: each credit is its definition applied to each profile (`profiles`, `zoo`), and each moment is a
weighted sum over profiles.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.oracles.games.conditional import Array
from dgpg_verify.oracles.games.profiles import EnumeratedGame, Profiles
from dgpg_verify.oracles.games.zoo import ZOO_CREDITS, Zoo
from dgpg_verify.oracles.moments import OracleMoments, check_credits, check_moments
from dgpg_verify.systems.resource_game import ResourceGame

ENUMERATED_CREDITS = (
    "return",
    "return:raw",
    "guidance",
    "guidance:exact",
    "guidance:observed",
    "difference",
    "coma",
    "score",
)


def enumerate_moments(
    system: ResourceGame, probabilities: ArrayLike, credits: Sequence[str] | None = None, slope: float = 1.0
) -> OracleMoments:
    """Exact moments of every credit over all K^N profiles, per agent and for shared parameters.

    Cost: O(K^N N (M + C^2 + K M for coma)), in chunks of 2^12 profiles.

    Parameters
    ----------
    probabilities : array [N, K]
        Independent tabular softmax policies; the logits are the parameters.
    credits : sequence of str, optional
        Some of return (b = E R), return:raw, guidance (chain rule), guidance:exact, guidance:observed (x before
        acting), difference (no job as default), coma, score (w = 1), all of these by default; or of `ZOO_CREDITS`.
    slope : float
        c of the model const - c d of `residual_return`.

    Returns
    -------
    OracleMoments with P = K, on the sum scale; `shared` holds the moments of sum_i g_i (shared logits). InputError on
    more than 10^6 profiles, bad probabilities, or an unknown credit.
    """
    game = EnumeratedGame(system, probabilities)
    names = check_credits(ENUMERATED_CREDITS if credits is None else credits, (*ENUMERATED_CREDITS, *ZOO_CREDITS))
    objective, gradient_of_j, distance, gradient_of_g = _objectives(game)
    zoo = Zoo(game, slope)

    def values_and_gradients(c: Profiles) -> tuple[Array, Array]:
        """w [B, C, N] and g [B, C, N, K]."""
        values = [zoo.values(n, c) if n in ZOO_CREDITS else game.credit(n, c, objective) for n in names]
        scores = game.scores(c)
        rows = [zoo.gradient(n, c) if n in ZOO_CREDITS else w[..., None] * scores for n, w in zip(names, values)]
        return np.stack(values, 1), np.stack(rows, 1)

    def of_credits(c: Profiles) -> list[Array]:
        """w, g, and g and <g, g'> on the own action."""
        (w, g), chosen = values_and_gradients(c), np.eye(game.k)[c.actions]
        return [w, g, np.einsum("bcnp,bnk->bcnkp", g, chosen), np.einsum("bcnp,bdnp,bnk->bcdnk", g, g, chosen)]

    plain, gradient, *own_action_moments = game.expected(of_credits)

    def about_means(c: Profiles) -> list[Array]:
        w, g = values_and_gradients(c)
        g = g - gradient
        w, pooled = w - value_means[:, None], g.sum(2)
        squares = [np.einsum("bcnk,bdnk->bcdn", g, g), np.einsum("bck,bdk->bcd", pooled, pooled)]
        return [*squares, np.einsum("bcn,bdn->bcd", w, w) / game.n]

    value_means = plain.mean(1)
    total, shared, values = game.expected(about_means)
    cross = _cross_agent(game.p, *own_action_moments)
    check_moments(gradient, total, cross)
    return OracleMoments(
        names, gradient, total, cross, value_means, values, objective, gradient_of_j, distance, gradient_of_g,
        shared=shared,
    )  # fmt: skip


def _objectives(game: EnumeratedGame) -> tuple[float, Array, float, Array]:
    """J, grad J [N, K], G, grad G: likelihood-ratio sums over all profiles need no centring, they are exact."""

    def values(c: Profiles) -> list[Array]:
        scores, distance = game.scores(c), game.distance(c.x)
        return [-c.cost, -c.cost[:, None, None] * scores, distance, distance[:, None, None] * scores]

    reward, reward_slope, distance, distance_slope = game.expected(values)
    return float(reward), reward_slope, float(distance), distance_slope


def _cross_agent(p: Array, first: Array, second: Array) -> Array:
    """E tr Cov(g_i, g_i' given a_i) [C, C, N]: only the others' choices vary.

    first [C, N, K, P] and second [C, C, N, K]: moments of g and <g, g'> on the own action, not yet divided by its
    probability p.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = second - np.einsum("cnkp,dnkp->cdnk", first, first) / p
    return np.asarray(np.where(p > 0.0, inside, 0.0).sum(-1))
