"""Policies with drawn parameters, for a given system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from dgpg_verify.core import System, check_choice, heuristic_names
from dgpg_verify.policies import (
    GaussianPolicy,
    HeuristicPrior,
    LinearPolicy,
    MLPPolicy,
    SoftmaxPolicy,
    TabularPolicy,
    n_features,
)
from dgpg_verify.testing.numbers import grid, vectors

POLICY_KINDS = ("tabular", "linear", "mlp")


@st.composite
def softmax_policies(
    draw: st.DrawFn,
    system: System,
    kinds: Sequence[str] = ("tabular", "linear"),
    sharings: Sequence[str] = ("independent", "shared"),
    priors: bool = True,
) -> SoftmaxPolicy:
    """A policy for `system`: tabular or linear with drawn parameters, or an MLP from a drawn seed (its weights are
    too many to draw one by one). Logits stay within about +-3, so that every action keeps some probability.

    priors: sometimes a temperature around one of the system's heuristics is put underneath.
    """
    kind = draw(st.sampled_from(tuple(kinds)))
    check_choice("kind", kind, POLICY_KINDS)
    sharing: Any = draw(st.sampled_from(tuple(sharings)))
    prior = None
    names = heuristic_names(system)
    if priors and names and draw(st.booleans()):
        prior = HeuristicPrior(system, draw(st.sampled_from(names)), draw(grid(0.5, 4.0, step=0.5)))
    copies = 1 if sharing == "shared" else system.n_agents
    width = system.n_actions if kind == "tabular" else n_features(system)
    if kind == "mlp":
        seed = draw(st.integers(0, 2**16))
        return MLPPolicy.random(system.n_agents, width, seed, hidden=5, sharing=sharing, prior=prior)
    values = draw(vectors(copies * width, -1.5, 1.5, step=0.25)).view(copies, width)
    parameters = values[0] if sharing == "shared" else values
    return (TabularPolicy if kind == "tabular" else LinearPolicy)(parameters, sharing, prior)


@st.composite
def gaussian_policies(draw: st.DrawFn, n_agents: int) -> GaussianPolicy:
    """Means in [-2, 2], one standard deviation in [1/4, 2] for all."""
    return GaussianPolicy(draw(vectors(n_agents, -2.0, 2.0)), draw(grid(0.25, 2.0, step=0.25)))
