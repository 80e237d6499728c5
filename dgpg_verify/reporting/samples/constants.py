"""Figure: smoothness and gradient-domination constants against N, and what they predict against what was needed."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import limits, log_x, log_y, n_axis, quiet
from dgpg_verify.reporting.drawing.look import GOOD, MUTED, Look
from dgpg_verify.reporting.drawing.marks import EndLabel, bars, dots, joined, key, label_ends
from dgpg_verify.reporting.drawing.sheet import detail, panels
from dgpg_verify.reporting.frame import Frame, Frames, NothingToDraw, known, positive, unique, where
from dgpg_verify.reporting.samples import names
from dgpg_verify.reporting.samples.aggregate import growth, prediction_pairs
from dgpg_verify.reporting.wording import number_text

DRAWN = {"smoothness": "largest curvature L", "1/mu": "1 / \u03bc of gradient domination"}
COLORS = {"team/aligned": "#0072b2", "team/biased": "#56b4e9", "game/fluid": "#d55e00", "game/biased": "#e69f00",
          "game/plain": "#8a5fb5"}  # fmt: skip
OTHER = "#6b7a2b"
MOST_IN_TITLE = 3
CAPTION = (
    "Constants: median over fleets, bars: spread over fleets; filled: closed form, hollow and dashed: measured "
    "(in the game along its noise-free run). Predicted: the theory's bound on the samples to \u03b5 from these "
    "constants, with its own step sizes; green: fewer were needed, as a bound demands."
)


def draw_complexity_constants(frames: Frames) -> Figure:
    """L and 1/mu against N by system; predicted against observed n_eps by method. A panel without data is left out."""
    constants = known(frames["complexity_constants"], "n_agents")
    constants = where(constants[constants["median"] > 0], what=list(DRAWN))
    shown, pairs = unique(constants, "what", DRAWN), prediction_pairs(frames["complexity_predicted"])
    count = len(shown) + (not pairs.empty)
    if not count:
        raise NothingToDraw("table 'complexity_constants' holds no constant or prediction")
    fig, axes = panels(
        1, count, title=_title(constants, pairs), caption=CAPTION, height=3.0, gap=(0.95, 0.8), detailed=True,
        subtitle="The rate behind C3 asks that neither L nor 1/\u03bc grows with N.",
        keys=[key(names.method(method), names.look(method), ls="none") for method in names.methods_in(pairs)],
        width={1: 7.5, 2: 11.0}.get(count, 13.5),
    )  # fmt: skip
    for ax, constant in zip(axes.flat, shown):
        box = ax.get_position()
        ax.set_position((box.x0, box.y0, box.width - 1.5 / fig.get_figwidth(), box.height))
        _constant(ax, where(constants, what=constant))
        detail(ax, DRAWN[constant], "against N")
    if not pairs.empty:
        _predicted(axes[0, -1], pairs)
        detail(axes[0, -1], "Samples to \u03b5", "needed against predicted")
    return fig


def _constant(ax: Axes, rows: Frame) -> None:
    """One line per system and source, its spread over fleets; measured ones are hollow and dashed."""
    n_axis(ax, rows["n_agents"])
    log_y(ax, *limits(positive(rows, "median", "low", "high"), least_decades=1.0))
    ends = []
    for system in names.systems_in(rows):
        color = COLORS.get(system, OTHER)
        for source, curve in where(rows, system=system).groupby("source", sort=False):
            curve = curve.sort_values("n_agents", kind="stable")
            look = Look(color) if source.startswith("closed") else Look(color, "s", dash=(0, (4, 2)))
            spread = curve[curve["low"] > 0]
            bars(ax, spread["n_agents"], spread["low"], spread["high"], look, lw=1.2, alpha=0.5, zorder=2)
            joined(ax, curve["n_agents"], curve["median"], look, lw=1.5, ms=5.5, zorder=3, gid="replicates",
                   mfc=color if look.marker == "o" else "white", mec=color)  # fmt: skip
        last, name = curve.iloc[-1], names.system(system).replace(" with entropy", "")
        ends.append(EndLabel(last["n_agents"], last["median"], name, "", color))
    quiet(ax)
    label_ends(ax, ends, size=8.4)


def _predicted(ax: Axes, pairs: Frame) -> None:
    """Observed against predicted samples, one mark per record or fleet; on the dashed line they are equal."""
    span = limits(positive(pairs, "predicted", "observed"), least_decades=1.0)
    log_x(ax, *span)
    log_y(ax, *span)
    ax.plot(span, span, color=MUTED, lw=1.0, ls=(0, (6, 2)), zorder=1)
    ax.fill_between(span, span, [span[0]] * 2, color=GOOD, alpha=0.08, lw=0, zorder=0)
    for method in names.methods_in(pairs):
        points = where(pairs, method=method)
        dots(ax, points["predicted"], points["observed"], names.look(method), s=20, alpha=0.6, zorder=3)
    quiet(ax)
    ax.set_xlabel("predicted from the constants")


def _title(constants: Frame, pairs: Frame) -> str:
    """Growth of 1/mu from the least to the largest N by system, and by how much the prediction exceeds need."""
    factors = growth(constants, "1/mu")
    systems = [system for system in names.systems_in(constants) if system in factors][:MOST_IN_TITLE]
    words = ", ".join(f"times {number_text(factors[system], 2)} ({names.system(system)})" for system in systems)
    parts = [f"1/\u03bc from the least to the largest N: {words}"] if words else []
    if not pairs.empty:
        least, most = (number_text(value, 2) for value in pairs["ratio"].agg(["min", "max"]))
        parts.append(f"the bound is {least} to {most} times what was needed")
    title = "; ".join(parts) or "Constants against N"
    return title[0].upper() + title[1:]
