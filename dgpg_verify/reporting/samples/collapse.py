"""Figure: do learning curves of all N fall onto one, once samples are divided by N^p?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import INK, log_y, panels, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.samples.parts import (
    complexity_method,
    complexity_system,
    exponent_of,
    first_step_rule,
    left_out,
    log_x,
    methods_in,
    shades,
    slope_text,
    step_name,
    systems_in,
)
from dgpg_verify.reporting.wording import exponent_text

HEADLINE = ("return", "guided:0.2", "guided:published", "guided:optimal", "difference")
MOST_SYSTEMS = 2
MOST_POINTS = 60  # of a curve; checkpoints lie as close as 5 %
LOWEST = 1e-4  # share of the first gap; what lies below is past every eps that is judged


def _columns(row: Record) -> tuple[np.ndarray, ...] | None:
    """samples, median, low, high where samples and median are known and positive; None with fewer than two."""
    names = ("samples", "median", "low", "high")
    lists = [row.get(name) or [] for name in names]
    count = len(lists[0])
    filled = [[number(v) for v in values] if len(values) == count else [None] * count for values in lists]
    table = np.array([[np.nan if v is None else v for v in values] for values in filled], dtype=np.float64)
    kept = np.flatnonzero((table[0] > 0) & (table[1] > 0))
    return tuple(table[:, _thin(kept)]) if len(kept) > 1 else None


def _thin(places: np.ndarray) -> np.ndarray:
    """At most MOST_POINTS of the places, evenly, with both ends."""
    if len(places) <= MOST_POINTS:
        return places
    return places[np.linspace(0, len(places) - 1, MOST_POINTS).round().astype(int)]


def _expected(row: Record, power: float) -> tuple[np.ndarray, np.ndarray] | None:
    samples, values = row.get("samples") or [], row.get("expected") or []
    pairs = [(s, v) for s, v in zip(samples, values) if number(s) and number(v) and v > 0]
    if len(pairs) < 2:
        return None
    x, y = np.array(pairs, dtype=np.float64)[_thin(np.arange(len(pairs)))].T
    return x / row["n_agents"] ** power, y


def _panel(ax: Axes, rows: Sequence[Record], power: float, lowest: float, colors: dict[float, str]) -> None:
    """One curve an N with its band over fleets, the exact expectation dashed over it; samples over N^power."""
    span = [np.inf, -np.inf]
    for row in sorted(rows, key=lambda r: -r["n_agents"]):
        found = _columns(row)
        if found is None:
            continue
        samples, median, low, high = found
        x, color = samples / row["n_agents"] ** power, colors[float(row["n_agents"])]
        (line,) = ax.plot(x, median, color=color, lw=1.7, zorder=3)
        line.set_gid("replicates")
        ax.fill_between(x, np.fmax(low, LOWEST / 10), high, color=color, alpha=0.13, lw=0, zorder=2)
        exact = _expected(row, power)
        if exact is not None:
            ax.plot(*exact, color=INK, lw=0.9, ls=(0, (3, 2)), zorder=4)
        span = [min(span[0], x[0]), max(span[1], x[-1])]
    log_x(ax, *span)
    log_y(ax, max(LOWEST, 0.6 * lowest), max(1.6, 1.3 * _highest(rows)))
    quiet(ax)


def _lowest(rows: Sequence[Record]) -> float:
    return min((float(found[1].min()) for row in rows if (found := _columns(row)) is not None), default=LOWEST)


def _highest(rows: Sequence[Record]) -> float:
    return max((float(found[1].max()) for row in rows if (found := _columns(row)) is not None), default=1.0)


def _usable(tables: Tables) -> list[Record]:
    rows = first_step_rule(tables.get("complexity_curves", ()))
    return [row for row in rows if number(row.get("n_agents")) and _columns(row) is not None]


def draw_complexity_collapse(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Gap against samples over N, above; below the same against samples / N^p: two rows a system, a column a method.

    tables["complexity_curves"], p of tables["complexity_exponents"]. Raises NothingToDraw.
    """
    rows = _usable(tables)
    need(rows, "complexity_curves", "curve")
    fits = tables.get("complexity_exponents", ())
    systems = systems_in(rows)[:MOST_SYSTEMS]
    rows = [row for row in rows if row["system"] in systems]
    every = methods_in(rows)
    methods = [m for m in HEADLINE if m in every] or every[: len(HEADLINE)]
    colors = shades(sorted({float(row["n_agents"]) for row in rows if row["method"] in methods}))
    keys = [(Line2D([], [], color=color, lw=2.2), f"N = {n:g}") for n, color in colors.items()]
    exact = any(_expected(row, 0.0) for row in rows)
    keys += [(Line2D([], [], color=INK, lw=0.9, ls=(0, (3, 2))), "exact expectation")] if exact else []
    lines = {system: _lines(rows, fits, system, methods) for system in systems}
    caption = (
        "Line: median over fleets of the exact per-agent gap (J* \u2212 J) / N as a share of the gap at the start; "
        "band: 10\u00a0% to 90\u00a0% of fleets. "
        + ("Dashed: exact recursion of the mean over runs, averaged over fleets. " if exact else "")
        + "Upper row of a pair: joint samples (roll-outs of the whole team); lower row: divided by N to the fitted "
        f"power p, so that curves lie on one another where n \u221d N^p holds. With {step_name(_rule(rows))}."
        f"{left_out(every, methods)} {dispute}"
    )
    with styled():
        fig, axes = panels(
            sum(lines.values()), len(methods), title=_title(rows, fits, systems, methods), caption=caption, keys=keys,
            subtitle="Gap left, share of the gap at the start, against joint samples.", height=1.9,
            gap=(0.5, 0.8), width=12.0 if len(methods) > 2 else 7.5,
        )  # fmt: skip
        first = 0
        for system in systems:
            lowest = _lowest([row for row in rows if row["system"] == system and row["method"] in methods])
            for c, method in enumerate(methods):
                mine = [row for row in rows if (row["system"], row["method"]) == (system, method)]
                column = [line[c] for line in axes[first : first + lines[system]]]
                _column(column, mine, exponent_of(fits, mine[0], "p") if mine else None, lowest, colors)
                column[0].set_title(complexity_method(method))
            axes[first][0].set_ylabel(complexity_system(system).replace(", ", ",\n"), fontsize=9.5)
            first += lines[system]
    return fig


def _lines(rows: Sequence[Record], fits: Sequence[Record], system: str, methods: Sequence[str]) -> int:
    """Rows of panels a system gets: the scaled ones only where some method has a p."""
    mine = [row for row in rows if row["system"] == system and row["method"] in methods]
    return 2 if any(exponent_of(fits, row, "p") for row in mine) else 1


def _rule(rows: Sequence[Record]) -> str:
    return str(rows[0].get("step_rule") or "theory")


def _column(
    column: Sequence[Axes], rows: Sequence[Record], fit: Record | None, lowest: float, colors: dict[float, str]
) -> None:
    """The panels of one system and method; one without curves, or without a p, stays empty and says so."""
    powers = (0.0, None if fit is None else float(fit["value"]))
    for ax, power, label in zip(column, powers, ("samples", "samples / N^p")):
        if power is None or not rows:
            ax.text(0.5, 0.5, "no p could\nbe fitted" if rows else "not measured", ha="center", va="center",
                    transform=ax.transAxes, fontsize=9)  # fmt: skip
            ax.axis("off")
            continue
        _panel(ax, rows, power, lowest, colors)
        ax.set_xlabel(label, fontsize=9, labelpad=1.5)
    if fit is not None:
        column[-1].set_title(slope_text(fit), fontsize=8.8, fontweight="normal")


def _title(rows: Sequence[Record], fits: Sequence[Record], systems: Sequence[str], methods: Sequence[str]) -> str:
    """By which power of N the curves of the first system fall together, for the return and the first others."""
    said = []
    for method in methods:
        mine = [row for row in rows if (row["system"], row["method"]) == (systems[0], method)]
        fit = exponent_of(fits, mine[0], "p") if mine else None
        if fit is not None:
            said.append(f"N^{exponent_text(fit['value'])} ({complexity_method(method)})")
    if not said:
        return "Learning curves over N: no power of N could be fitted"
    return f"{complexity_system(systems[0])}: samples to the same gap grow like {', '.join(said[:4])}"
