"""Figure: what was predicted of another domain, as dashed slopes, and what was found, against N."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import limits, log_y, n_axis, quiet
from dgpg_verify.reporting.drawing.look import Look, credit_look
from dgpg_verify.reporting.drawing.marks import EndLabel, dots, joined, key, label_ends
from dgpg_verify.reporting.drawing.sheet import detail, grid
from dgpg_verify.reporting.frame import (
    Frame,
    Frames,
    geometric_mean,
    known,
    need,
    over_n,
    positive,
    top_decade_slope,
    where,
)
from dgpg_verify.reporting.wording import exponent_text

UNITS = {
    "variance": "variance V of one agent's gradient",
    "noise_to_signal": "noise-to-signal: samples until they are equal",
    "imbalance_penalty": "penalty for imbalance, per generator",
    "floor": "floor: share of the first gap that is left",
}
FOUND = credit_look("guidance")
VARIANTS = (
    Look("#8a5fb5", "D"),
    Look("#e69f00", "v"),
    Look("#6b7a2b", "h"),
    Look("#cc79a7", "X"),
    Look("#5b6473", "p"),
)


def draw_predictions(frames: Frames, claim: str) -> Figure:
    """Every draw, their geometric means, and the predicted powers of N through the mean at the smallest N.

    Table `domains`. One panel for each group and statistic of UNITS. Raises NothingToDraw.
    """
    rows = known(where(frames["domains"], claim=claim), "value", "n")
    rows = need(where(rows, statistic=list(UNITS)), "domains", f"{claim} row")
    shown = list(rows[["group", "statistic"]].drop_duplicates().itertuples(index=False, name=None))
    fig, axes = grid(
        shown, most=2, title=_title(rows), height=2.6, width=12.0, gap=(0.8, 1.1), label_room=1.9,
        subtitle="Dashed: the power of N that was written down before measuring, drawn through the first mean.",
        caption=f"Up to {rows['fleet'].nunique()} draws for each N, every mark one of them, lines are geometric means. "
        "In games of one step the guidance's moments are exact; all else comes from roll-outs. Exponents at the lines' "
        "ends are plain slopes over the N drawn; verdicts come from the ledger.",
        keys=[key("found", FOUND), key("predicted", FOUND, ls=(0, (4, 2)), marker="", lw=1.0)],
    )  # fmt: skip
    for (group, statistic), ax in axes.items():
        _panel(ax, where(rows, group=group, statistic=statistic))
        detail(ax, group, UNITS[statistic])
    return fig


def _panel(ax: Axes, rows: Frame) -> None:
    n_axis(ax, rows["n"])
    log_y(ax, *limits(positive(rows, "value"), pad=0.12, least_decades=1.0))
    ends = []
    for credit, of_credit in rows.groupby("credit", sort=False):
        looks = (credit_look(str(credit)), *VARIANTS)
        for look, (series, part) in zip(looks, of_credit.groupby("series", sort=False)):
            alone = not series or of_credit["series"].nunique() == 1
            ends.append(_series(ax, part, str(credit) if alone else f"{credit}, {series}", look))
    label_ends(ax, ends, size=8.6)
    quiet(ax)


def _series(ax: Axes, part: Frame, name: str, look: Look) -> EndLabel:
    """Draws, means and the predicted power of one credit in one variant."""
    points = over_n(part, "value", geometric_mean)
    n, mean, predicted = points["n"].to_numpy(), points["value"].to_numpy(), float(part["predicted"].iloc[0])
    dots(ax, part["n"], part["value"], look)
    joined(ax, n, mean, look)
    ax.plot(n, mean[0] * (n / n[0]) ** predicted, color=look.color, ls=(0, (4, 2)), lw=1.0, zorder=3)
    return EndLabel(n[-1], mean[-1], name, _powers(part, predicted), look.color)


def _powers(part: Frame, predicted: float) -> str:
    slope = _slope(part)
    found = "" if slope is None else f"N^{exponent_text(slope)}, "
    return f"{found}predicted N^{predicted:g}"


def _slope(part: Frame) -> float | None:
    return top_decade_slope(over_n(part, "value", geometric_mean), "value")


def _title(rows: Frame) -> str:
    """The exponents of the guidance's noise, in the first variant of each group."""
    noise = where(rows, statistic="variance", credit="guidance")
    first = {group: part["series"].iloc[0] for group, part in noise.groupby("group", sort=False)}
    slopes = {
        ", ".join(filter(None, place)): _slope(where(noise, group=place[0], series=place[1])) for place in first.items()
    }
    told = [f"N^{exponent_text(slope)} ({place})" for place, slope in slopes.items() if slope is not None]
    return f"The guidance's noise goes like {' and '.join(told)}" if told else "Predicted and found"
