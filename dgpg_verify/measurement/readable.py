"""A measurement as text, table and picture. Numbers are those that the credits hold; nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from dgpg_verify.core import check_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dgpg_verify.measurement.moments import CreditMoments, GradientMoments

POOLED = {"variance": "mean_variance", "noise_to_signal": "noise_to_signal", "efficiency": "efficiency",
          "alignment": "alignment"}  # fmt: skip
ENDS = {"": "value", "_low": "low", "_high": "high"}  # of an interval, by the ending of their column


def credit_texts(credits: Iterable[CreditMoments]) -> pd.DataFrame:
    """One line of texts per credit: each pooled number with its interval, "-" where it is not known."""
    rows = []
    for credit in credits:
        numbers = {name.replace("_", "-"): getattr(credit, field) for name, field in POOLED.items()}
        texts = {name: "-" if estimate is None else str(estimate) for name, estimate in numbers.items()}
        share = credit.cross_agent_share
        rows.append({"credit": credit.name, **texts, "cross-agent": "-" if share is None else f"{share:.3g}"})
    return pd.DataFrame(rows)


def measurement_text(moments: GradientMoments) -> str:
    """What was measured in one line, then a line per credit."""
    agents = moments.agent.covariance.shape[-1]
    head = f"{len(moments)} credits, {agents} agents, {moments.rollouts} roll-outs, intervals at {moments.level:.0%}"
    return f"{head}\n{credit_texts(moments.values()).to_string(index=False)}"


def credit_text(credit: CreditMoments) -> str:
    """The pooled numbers of one credit."""
    table = credit_texts([credit]).to_string(index=False)
    return f"{len(credit.variance)} agents, intervals at {credit.mean_variance.level:.0%}\n{table}"


def credits_frame(moments: GradientMoments) -> pd.DataFrame:
    """See `GradientMoments.to_frame`."""
    return pd.DataFrame([{"credit": name} | _pooled(credit) for name, credit in moments.items()])


def _pooled(credit: CreditMoments) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, field in POOLED.items():
        estimate = getattr(credit, field)
        values |= {name + ending: getattr(estimate, end, None) for ending, end in ENDS.items()}
    values |= {"signal_squared": float(credit.signal_squared.mean()), "cross_agent_share": credit.cross_agent_share}
    return {name: float("nan") if value is None else value for name, value in values.items()}


def agents_frame(credit: CreditMoments) -> pd.DataFrame:
    """See `CreditMoments.to_frame`."""
    cross = float("nan") if credit.cross_agent is None else credit.cross_agent
    columns = {"variance": credit.variance, "signal_squared": credit.signal_squared, "cross_agent": cross}
    return pd.DataFrame({"agent": range(len(credit.variance)), **columns})


def plot_credits(moments: GradientMoments, quantity: str, ax: Axes | None) -> Axes:
    """See `GradientMoments.plot`."""
    from dgpg_verify.reporting.drawing.look import styled
    from dgpg_verify.reporting.drawing.sheet import given_or_new
    from dgpg_verify.reporting.noise.measured import draw_measured

    check_choice("quantity", quantity, POOLED)
    agents = {name: credit.variance for name, credit in moments.items()} if quantity == "variance" else {}
    with styled():
        return draw_measured(given_or_new(ax), moments.to_frame(), quantity, agents)


def plot_agents(credit: CreditMoments, ax: Axes | None) -> Axes:
    """See `CreditMoments.plot`."""
    from dgpg_verify.reporting.drawing.look import styled
    from dgpg_verify.reporting.drawing.sheet import given_or_new
    from dgpg_verify.reporting.noise.measured import draw_agents

    with styled():
        return draw_agents(given_or_new(ax), credit.to_frame(), credit.name)
