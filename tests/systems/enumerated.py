"""Credits of a small resource game as they are played, against the enumeration of their definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from dgpg_verify.credits import make_credit
from dgpg_verify.oracles import enumerate_moments
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import ResourceGame
from dgpg_verify.testing.exhaustive import all_profiles

CREDITS = ("return:raw", "guidance", "guidance:exact", "guidance:observed", "difference")


def check_credits(game: ResourceGame, wrong: ResourceGame, credits: Sequence[str] = CREDITS, seed: int = 0) -> None:
    """Mean and variance of every credit over all profiles, under random logits; `wrong`, a game with another z, must be
    seen to have another mean."""
    policy = make_policy("uniform", game)
    logits = torch.as_tensor(np.random.default_rng(seed).normal(size=tuple(policy.parameters.shape)))
    policy = replace(policy, parameters=logits)  # type: ignore[type-var]
    every = all_profiles(game, policy)  # type: ignore[arg-type]
    rollout = collect(game, policy, every.noise, keep_states=True)
    exact, other = (enumerate_moments(g, torch.softmax(logits, -1), credits) for g in (game, wrong))
    for name in credits:
        gradient = policy.score_products(rollout, make_credit(name).fit([rollout])(rollout)[None])[0]
        mean = every.mean(gradient)
        variance = every.mean((gradient - mean) ** 2).sum(-1)
        np.testing.assert_allclose(mean.numpy(), exact[name].mean, rtol=1e-9, atol=1e-10, err_msg=name)
        np.testing.assert_allclose(variance.numpy(), exact[name].variance, rtol=1e-9, atol=1e-10, err_msg=name)
        assert float(np.abs(mean.numpy() - other[name].mean).max()) > 1e-5, f"{name} does not see a wrong z"
    np.testing.assert_allclose(exact["guidance:exact"].mean, -exact.guidance_gradient, rtol=1e-9, atol=1e-10)
