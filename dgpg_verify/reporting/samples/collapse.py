"""Figure: do learning curves of all N fall onto one, once samples are divided by N^p?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import log_x, log_y, quiet
from dgpg_verify.reporting.drawing.look import INK, Look, shades
from dgpg_verify.reporting.drawing.marks import key
from dgpg_verify.reporting.drawing.sheet import panels
from dgpg_verify.reporting.frame import Frame, Frames, few, known, need, where
from dgpg_verify.reporting.samples import aggregate, names
from dgpg_verify.reporting.wording import exponent_text

HEADLINE = ("return", "guided:0.2", "guided:published", "guided:optimal")
MOST_SIZES = 7
MOST_SYSTEMS = 1
MOST_IN_TITLE = 4
LOWEST = 1e-4  # share of the first gap; what lies below is past every eps that is judged
EXPECTED: dict[str, Any] = {"color": INK, "lw": 0.9, "ls": (0, (3, 2))}


def draw_complexity_collapse(frames: Frames) -> Figure:
    """Gap against samples, below the same against samples / N^p: two rows per system, a column per method."""
    measured = need(
        aggregate.gap_curves(aggregate.drawn_steps(frames["complexity_curves"])), "complexity_curves", "curve"
    )
    systems = names.systems_in(measured)[:MOST_SYSTEMS]
    measured = where(measured, system=systems)
    methods = names.headline(measured, HEADLINE)
    rows = where(measured, method=methods, n_agents=few(measured["n_agents"], MOST_SIZES))
    fits, colors = aggregate.powers(frames["complexity_exponents"], rows), shades(rows["n_agents"])
    exact = bool(rows["expected"].notna().any())
    keys = [key(f"N = {n:g}", Look(color), lw=2.2, marker="") for n, color in colors.items()]
    keys += [key("exact expectation", Look(INK), marker="", **EXPECTED)] if exact else []
    scaled = [system in fits.index.get_level_values("system") for system in systems]
    fig, axes = panels(
        len(systems) + sum(scaled), len(methods), title=_title(fits, systems[0], methods), keys=keys, height=1.9,
        subtitle="Gap left, share of the gap at the start, against joint samples.", gap=(0.55, 0.8),
        caption="Line: median over fleets of the exact per-agent gap (J* \u2212 J) / N as a share of the gap at the "
        "start; band: 10\u00a0% to 90\u00a0% of fleets. "
        + ("Dashed: exact recursion of the mean over runs, averaged over fleets. " if exact else "")
        + "Upper row of a pair: joint samples (roll-outs of the whole team); lower row: divided by N to the fitted "
        "power p, so that curves lie on one another where n \u221d N^p holds. With "
        f"{names.step(rows['step_rule'].iloc[0] or 'theory')}." + names.methods_left_out(measured, methods),
        width=12.0 if len(methods) > 2 else 7.5,
    )  # fmt: skip
    first = 0
    for system, pair in zip(systems, scaled):
        block = axes[first : first + 1 + pair]
        _block(block, where(rows, system=system), methods, fits, colors)
        block[0, 0].set_ylabel(names.system_lines(system), fontsize=9.5)
        first += len(block)
    return fig


def _block(axes: np.ndarray, rows: Frame, methods: Sequence[str], fits: Frame, colors: dict[float, str]) -> None:
    """The panels of one system: a row against samples and, where some p was fitted, one against samples / N^p."""
    lowest = max(LOWEST, 0.6 * rows["median"].min())
    for column, method in zip(axes.T, methods):
        curves, fit = where(rows, method=method), (rows["system"].iloc[0], method)
        scales = ((0.0, "samples"), (fits.loc[fit, "value"] if fit in fits.index else None, "samples / N^p"))
        for ax, (power, label) in zip(column, scales):
            if curves.empty or power is None:
                reason = "not measured" if curves.empty else "no p could\nbe fitted"
                ax.text(0.5, 0.5, reason, ha="center", va="center", transform=ax.transAxes, fontsize=9)
                ax.axis("off")
                continue
            _panel(ax, curves.assign(samples=curves["samples"] / curves["n_agents"] ** power), colors, lowest)
            ax.set_xlabel(label, fontsize=9, labelpad=1.5)
        column[-1].set_title(aggregate.fitted_text(fits, *fit), fontsize=8.8, fontweight="normal")
        column[0].set_title(names.method(method))


def _panel(ax: Axes, curves: Frame, colors: dict[float, str], lowest: float) -> None:
    """One curve per N with its band over fleets, the exact expectation dashed over it."""
    for n, at_n in sorted(curves.groupby("n_agents"), reverse=True):
        low, high = (at_n[end].fillna(at_n["median"]) for end in ("low", "high"))
        ax.plot(at_n["samples"], at_n["median"], color=colors[n], lw=1.7, zorder=3, gid="replicates")
        ax.fill_between(at_n["samples"], low.clip(lower=LOWEST / 10), high, color=colors[n], alpha=0.13, lw=0, zorder=2)
        exact = known(at_n, "expected")
        if len(exact) > 1:
            ax.plot(exact["samples"], exact["expected"], **EXPECTED, zorder=4)
    log_x(ax, curves["samples"].min(), curves["samples"].max())
    log_y(ax, lowest, max(1.6, 1.3 * curves["median"].max()))
    quiet(ax)


def _title(fits: Frame, system: str, methods: Sequence[str]) -> str:
    """By which power of N the curves of the first system fall together, for the first methods with one."""
    fitted = [method for method in methods if (system, method) in fits.index][:MOST_IN_TITLE]
    if not fitted:
        return "Learning curves over N: no power of N could be fitted"
    words = [f"N^{exponent_text(fits.loc[(system, m), 'value'])} ({names.method(m)})" for m in fitted]
    return f"{names.system(system)}: samples to the same gap grow like {', '.join(words)}"
