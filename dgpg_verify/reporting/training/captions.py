"""Sentences that the training figures share: how many runs, how long, what lies outside the frame."""

from __future__ import annotations

from collections.abc import Iterable

from dgpg_verify.reporting.drawing.axes import plain_text
from dgpg_verify.reporting.drawing.captions import count_range
from dgpg_verify.reporting.frame import Frame, known
from dgpg_verify.reporting.training.aggregate import RUN, samples_per_episode
from dgpg_verify.reporting.training.drawing import LONG, STRAIGHT


def curves_text(rows: Frame, beyond: int, note: str = "") -> str:
    """What a figure of learning curves shows; `beyond` evaluations lie outside its frame."""
    long = rows["episode"].max() > LONG
    axis = f" Episode axis linear up to {STRAIGHT:g}, logarithmic beyond." if long else ""
    samples = samples_per_episode(rows)
    scale = f" 1 episode = {plain_text(samples)} samples." if samples else ""
    return (
        f"{runs_text(rows)}, every thin line one, thick lines medians. Score: Random = 0, Best-Fit = 1 (dashed){note}. "
        f"Dotted: 10 and 20 episodes, the claimed times to converge.{axis}{scale}"
        f"{outside_text(beyond, 'evaluation')}"
    )


def runs_text(rows: Frame) -> str:
    """How many runs stand behind every row and N: '10 runs for every row and N' or '3 to 10 runs ...'."""
    counts = rows.groupby(RUN[:-1], dropna=False)["replicate"].nunique(dropna=False)
    if counts.empty:
        return "no run"
    return f"{count_range(counts)} run{'s' if counts.max() > 1 else ''} for every row and N"


def lengths_text(runs: Frame) -> str:
    """How long the identified runs were trained; methods that were trained longer are named with their N."""
    rows = known(runs, "horizon_episodes")[["horizon_episodes", "name", "n"]].drop_duplicates()
    if rows.empty:
        return ""
    usual = rows.groupby("horizon_episodes").size().idxmax()
    others = [
        f"{length:g}: " + ", ".join(f"{name} ({sizes_text(same['n'])})" for name, same in longer.groupby("name"))
        for length, longer in rows[rows["horizon_episodes"] != usual].groupby("horizon_episodes")
    ]
    return f"Trained for {'; '.join([f'{usual:g} episodes', *others])}."


def sizes_text(sizes: Iterable[float]) -> str:
    """'N = 2, 5, 10'."""
    return f"N = {', '.join(f'{n:g}' for n in sorted(set(sizes)))}"


def outside_text(count: int, quantity: str) -> str:
    """How many values lie outside the frame, so that they are not taken for missing."""
    return f" {count} {quantity}{'s lie' if count > 1 else ' lies'} outside the frame." if count else ""


def sizes_left_out(measured: Iterable[float], drawn: Iterable[float]) -> str:
    """Says which N were measured but have no panel."""
    left = set(measured) - set(drawn)
    return f" Measured but not drawn here (in records.json): {sizes_text(left)}." if left else ""
