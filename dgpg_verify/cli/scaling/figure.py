"""The figure of `scaling`: variance and noise-to-signal against N, a dot per fleet, with the fitted powers."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.cli.scaling.answer import QUANTITIES, Answer, Fit
from dgpg_verify.reporting.drawing.axes import equal_spans, log_y, n_axis, quiet
from dgpg_verify.reporting.drawing.look import credit_look, styled
from dgpg_verify.reporting.drawing.marks import EndLabel, bars, dots, fitted, joined, key, label_ends
from dgpg_verify.reporting.drawing.sheet import panels

TITLES = {"variance": "Variance", "noise_to_signal": "Noise-to-signal"}
CAPTION = (
    "Dot: one fleet. Mark and bar: geometric mean over fleets with its 95 % interval. Line and band: fitted power of N "
    "with the slopes inside its 95 % interval; right of it the exponent. A quantity that is not measurable on every "
    "fleet has no mark. Both panels span the same number of decades."
)


def draw_scaling(answer: Answer) -> Figure:
    """Both quantities of every credit against N. Cost: milliseconds."""
    credits = list(dict.fromkeys(fit.credit for fit in answer.fits))
    about = ", ".join(f"{name} {value}" for name, value in answer.about.items())
    with styled():
        figure, axes = panels(
            1, len(QUANTITIES), title="Noise of each credit against the number of agents", subtitle=about,
            caption=CAPTION, label_room=1.5, height=3.4, keys=[key(name, credit_look(name)) for name in credits],
        )  # fmt: skip
        spans = equal_spans([[row[name] for row in answer.rows if row[name] > 0] for name in QUANTITIES])
        for ax, quantity, span in zip(axes[0], QUANTITIES, spans):
            ax.set_title(TITLES[quantity])
            n_axis(ax, answer.table(credits[0], quantity))
            log_y(ax, *span)
            quiet(ax)
            fits = [fit for fit in answer.fits if fit.quantity == quantity]
            label_ends(ax, [label for fit in fits for label in _draw(ax, answer, fit)])
    return figure


def _draw(ax: Axes, answer: Answer, fit: Fit) -> list[EndLabel]:
    """One credit's fleets, means and power; its label, where it has a power."""
    look, table = credit_look(fit.credit), answer.table(fit.credit, fit.quantity)
    for n, values in table.items():
        dots(ax, n, [value for value in values if value > 0], look)
    means = [(n, answer.means[fit.credit, n][fit.quantity]) for n in table]
    known = np.array([(n, m.value, m.low, m.high) for n, m in means if m.value is not None], dtype=float)
    if len(known):
        bars(ax, known[:, 0], known[:, 2], known[:, 3], look)
        joined(ax, known[:, 0], known[:, 1], look, ls="")
    line = fit.fit.top_decade
    if line is None:
        return []
    power: dict[str, Any] = {"n_used": list(line.n_values), "intercept": line.intercept, "exponent": line.exponent,
                             "low": line.low, "high": line.high}  # fmt: skip
    last = max(fitted(ax, power, look))
    text = f"N^{line.exponent:.2f} [{line.low:.2f}, {line.high:.2f}]"
    return [EndLabel(last, 10.0**line.intercept * last**line.exponent, fit.credit, text, look.color)]
