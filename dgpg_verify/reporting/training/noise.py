"""Figure: gradient noise at the start, in the middle and at the end of training, against N."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import Limits, dodge, limits, log_y, n_axis, quiet
from dgpg_verify.reporting.drawing.captions import left_out
from dgpg_verify.reporting.drawing.look import Look
from dgpg_verify.reporting.drawing.marks import dots, key, summary
from dgpg_verify.reporting.drawing.sheet import detail, panels
from dgpg_verify.reporting.frame import (
    Frame,
    Frames,
    NothingToDraw,
    geometric_mean,
    known,
    need,
    over_n,
    positive,
    where,
)
from dgpg_verify.reporting.training import aggregate
from dgpg_verify.reporting.wording import number_text

POINTS = ("start", "middle", "end")
ROWS = 2
RATIO = "paired_ratio"  # which C4.5 is judged by
LOOKS = {
    "base": (Look("#d55e00", "o", 0), "base credit alone"),
    "guidance": (Look("#0072b2", "s", 1), "guidance alone"),
    "guided": (Look("#8a5fb5", "d", 2), "guided, as trained"),
}


def draw_training_noise(frames: Frames) -> Figure:
    """Noise of base, guidance and guided credit at three points of training, against N.

    Table `training_noise`: the variance over the difference reward's. One row of panels per trained row, at most two.
    """
    table = need(frames["training_noise"], "training_noise", "record")
    need(known(table, RATIO), "training_noise", "paired ratio")
    if table["n"].nunique() < 2:
        raise NothingToDraw(f"along training the noise was measured at N = {table['n'].iloc[0]} alone")
    labels = {row: label or row for row, label in zip(table["row"], table["label"])}
    chosen = sorted(labels, key=_rank)[:ROWS]
    rows = where(table, row=chosen)
    points = [point for point in POINTS if point in set(rows["point"])]
    lost = rows[RATIO].isna().sum()
    caption = (
        "Small marks are runs, large ones geometric means with 95 % intervals over runs. Measured at the policies met "
        "along training, at the \u03b1 in use there."
        f"{f' Not measurable in {lost} of {len(rows)} records.' if lost else ''}"
        f"{left_out(labels, chosen, labels.__getitem__)}"
    )
    fig, axes = panels(
        len(chosen), len(points), title=_title(rows, {row: labels[row] for row in chosen}),
        subtitle="Per agent. A straight line is a power of N: slope 1 is proportional to N, slope 0 no trend.",
        caption=caption, height=1.95, gap=(0.6, 0.98), detailed=True,
        keys=[key(name, look, ms=7) for look, name in LOOKS.values()],
    )  # fmt: skip
    span = limits(positive(rows, RATIO), pad=0.2, least_decades=1.0)
    for line, row in zip(axes, chosen):
        trained = where(rows, row=row)
        for ax, point in zip(line, points):
            same = where(trained, point=point)
            n_axis(ax, trained["n"])
            _panel(ax, same, span)
            detail(ax, f"{labels[row]}: {point}", _state(same))
        line[0].set_ylabel("V / V of the difference reward")
    return fig


def _rank(row: str) -> int:
    """A leading reading first, then the setting that keeps the return."""
    return next((k for k, ending in enumerate(("/parts", "/sum")) if row.endswith(ending)), 2)


def _panel(ax: Axes, rows: Frame, span: Limits) -> None:
    log_y(ax, *span)
    for k, (credit, (look, _)) in enumerate(LOOKS.items()):
        noise, shift = known(where(rows, credit=credit), RATIO), dodge(ax, k, len(LOOKS))
        dots(ax, noise["n"] * shift, noise[RATIO], look, limits=(span[0], np.inf))
        summary(ax, over_n(noise, RATIO, geometric_mean), look, shift)
    quiet(ax)


def _state(rows: Frame) -> str:
    """The alpha at a point of training, and what share the return has there at the largest N."""
    alphas = [f"{alpha:.2g}" for alpha in (rows["alpha"].min(), rows["alpha"].max())]
    alpha = f"\u03b1 = {' to '.join(dict.fromkeys(alphas))}, " if rows["alpha"].notna().any() else ""
    last = rows["n"].max()
    shares = known(where(rows, credit="guided", n=last), "return_share")["return_share"]
    share = "not measurable" if shares.empty else number_text(shares.iloc[0], 2)
    return f"{alpha}return share {share} at N = {last:g}"


def _title(rows: Frame, labels: Mapping[str, str]) -> str:
    """How the noise of the mixture grows with N at the end of training."""
    power = aggregate.noise_exponents(rows, RATIO)
    powers = [
        f"N^{round(power[row], 2) + 0.0:.2f} ({label})" for row, label in labels.items() if row in power
    ]  # no -0.00
    if not powers:
        return "Gradient noise along training"
    return f"Noise at the end of training, relative to the difference reward's, goes like {', '.join(powers)}"
