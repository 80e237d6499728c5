"""Figure: how many joint samples until the gap stays below eps, against N, fleet by fleet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import dodge, limits, log_y, n_axis, quiet
from dgpg_verify.reporting.drawing.look import MUTED, Look
from dgpg_verify.reporting.drawing.marks import EndLabel, dots, joined, key, label_ends
from dgpg_verify.reporting.drawing.sheet import detail, indent, panels
from dgpg_verify.reporting.frame import Frame, Frames, known, need, positive, where
from dgpg_verify.reporting.samples import aggregate, names
from dgpg_verify.reporting.wording import count_text, exponent_text

HEADLINE = ("return", "difference", "guided:0.2", "guided:published", "guided:optimal", "guided:sqrt")
MOST_SYSTEMS = 2
CAPTION = (
    "n\u2009(\u03b5): joint samples after which the exact per-agent gap stays at or below \u03b5 (kept until "
    "twice as many). Every faint point is one fleet's run, arrows are those that did not arrive within the budget; "
    "marks: median over fleets. p: power of N fitted over all \u03b5 with its interval"
)


def draw_samples_to_gap(frames: Frames) -> Figure:
    """n_eps against N: a row per system, a panel per eps, a colour per method, a point per fleet."""
    measured = aggregate.drawn_steps(known(frames["complexity_arrivals"], "n_agents"))
    measured = need(measured[measured["each"].notna()], "complexity_arrivals", "n_eps of single fleets")
    measured = where(measured, system=names.systems_in(measured)[:MOST_SYSTEMS])
    methods = names.headline(measured, HEADLINE)
    rows = where(measured, method=methods)
    systems, fits = names.systems_in(rows), aggregate.powers(frames["complexity_exponents"], rows)
    factors = {system: aggregate.drawn_factors(where(rows, system=system)) for system in systems}
    fig, axes = panels(
        len(systems), max(map(len, factors.values())), title=_title(rows, fits, methods), gap=(0.5, 0.95), height=2.2,
        subtitle="Joint samples until the gap per agent stays below \u03b5, for several \u03b5.", detailed=True,
        caption=f"{CAPTION} ({aggregate.level_text(frames['complexity_exponents'])}, top decade of N). With "
        f"{names.step(rows['step_rule'].iloc[0] or 'theory')}. Small shifts to the side only keep marks apart."
        + names.methods_left_out(measured, methods), width=13.0,
        keys=[*(key(names.method(method), names.look(method)) for method in methods),
              key("fleets that never arrived", Look(MUTED, "^"), ls="none", mfc="none", mec=MUTED)],
    )  # fmt: skip
    indent(fig, axes, 1.1, 1.85)
    for line, system in zip(axes, systems):
        _row(line, where(rows, system=system, factor=factors[system]), factors[system], methods, fits)
        line[0].set_ylabel(names.system_lines(system), fontsize=9.5)
    return fig


def _row(line: Sequence[Axes], rows: Frame, factors: Sequence[float], methods: Sequence[str], fits: Frame) -> None:
    """The panels of one system on one scale; the smallest eps that was measured carries the powers of N."""
    runs = aggregate.fleet_runs(rows)
    low, high = limits(positive(runs[np.isfinite(runs["each"])], "each"), least_decades=1.0)
    high *= 1.35 if np.isinf(runs["each"]).any() else 1.0  # room for the arrows
    for k, ax in enumerate(line):
        if k >= len(factors):  # the powers of the panel before may stand here
            ax.axis("off")
            continue
        n_axis(ax, rows["n_agents"])
        log_y(ax, low, high)
        quiet(ax)
        if k:
            ax.set_yticklabels([])
        fleets = where(runs, factor=factors[k])
        _panel(ax, fleets, where(rows, factor=factors[k]), methods)
        never = np.isinf(fleets["each"]).sum()
        share = f"{never} of {len(fleets)} runs never arrived" if never else f"all {len(fleets)} runs arrived"
        detail(ax, f"\u03b5 = first gap / {factors[k]:g}", share)
    _powers(line[len(factors) - 1], where(rows, factor=factors[-1]), methods, fits)


def _panel(ax: Axes, runs: Frame, rows: Frame, methods: Sequence[str]) -> None:
    """Every fleet a faint point, aggregate.medians joined; fleets that never arrived are arrows at the upper edge."""
    edge = ax.get_ylim()[1] * 0.93
    for k, method in enumerate(methods):
        fleets, middle, look = (
            where(runs, method=method),
            aggregate.medians(where(rows, method=method)),
            names.look(method),
        )
        shift = dodge(ax, 2 * k, 2 * len(methods))
        dots(ax, fleets["n_agents"] * shift, fleets["each"], look, limits=(0.0, edge), s=11, alpha=0.3, marker="o")
        if not middle.empty:
            joined(ax, middle["n_agents"] * shift, middle["median"], look, lw=1.4, ms=6, zorder=4)


def _powers(ax: Axes, rows: Frame, methods: Sequence[str], fits: Frame) -> None:
    """The power of N of each method at the end of its line; in a corner the methods without one."""
    system, edge, ends = rows["system"].iloc[0], ax.get_ylim()[1], []
    unfitted = []
    for method in [method for method in methods if method in set(rows["method"])]:
        if (system, method) not in fits.index:
            unfitted.append(names.method(method))
            continue
        middle = aggregate.medians(where(rows, method=method))
        n, end = middle[["n_agents", "median"]].iloc[-1] if len(middle) else (rows["n_agents"].max(), edge)
        ends.append(EndLabel(n, end, aggregate.fitted_text(fits, system, method), "", names.look(method).color))
    label_ends(ax, ends, size=8.8)
    if unfitted:
        middle = np.sqrt(np.prod(ax.get_ylim()))
        y, side = (1.0, "top") if all(end.y < middle for end in ends) else (0.0, "bottom")
        text = "no p:\n" + "\n".join(unfitted)
        ax.text(1.04, y, text, transform=ax.transAxes, fontsize=8.6, color=MUTED, va=side)


def _title(rows: Frame, fits: Frame, methods: Sequence[str]) -> str:
    """p of the shared return and of the guided methods of the first system, or medians where none is fitted."""
    system = names.systems_in(rows)[0]
    known_p = [method for method in methods if (system, method) in fits.index]
    if known_p:
        words = [f"{exponent_text(fits.loc[(system, m), 'value'])} ({names.method(m)})" for m in known_p]
        return f"{names.system(system)}: samples needed grow like N to the power {', '.join(words)}"
    system_rows = where(rows, system=system)
    n = int(system_rows["n_agents"].max())
    last = where(system_rows, n_agents=n, factor=aggregate.drawn_factors(system_rows)[0])
    words = [f"{names.method(r.method)} {count_text(r.median)}" for r in last.itertuples() if r.median >= 1]
    needed = f"the median fleet needs {'; '.join(words)} samples" if words else "the median fleet never arrives"
    return f"{names.system(system)}: no power of N is fitted; at N = {n} {needed}"
