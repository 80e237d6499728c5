"""Figure: how many joint samples until the gap stays below eps, against N, fleet by fleet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.lines import limits
from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import (
    EndLabel,
    detail,
    dodge,
    label_ends,
    log_y,
    n_axis,
    panels,
    quiet,
    styled,
)
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.samples.parts import (
    complexity_method,
    complexity_system,
    exponent_of,
    first_step_rule,
    indent,
    left_out,
    level_text,
    method_look,
    methods_in,
    slope_text,
    step_name,
    systems_in,
)
from dgpg_verify.reporting.wording import count_text, exponent_text, number_text

HEADLINE = ("return", "difference", "guided:0.2", "guided:published", "guided:optimal", "guided:sqrt")
MOST_EPS = 3
MOST_SYSTEMS = 4


def _fleets(row: Record) -> tuple[list[float], int]:
    """n_eps of the fleets that arrived, and how many did not."""
    each = row.get("each") or []
    known = [v for value in each if (v := number(value)) is not None and v > 0]
    return known, len(each) - len(known)


def _factors(rows: Sequence[Record]) -> list[float]:
    """Least, middle and greatest factor measured: the largest eps first."""
    every = sorted({f for row in rows if (f := number(row.get("factor"))) is not None})
    places = sorted({0, len(every) // 2, len(every) - 1})
    return [every[k] for k in places][:MOST_EPS] if every else []


def _panel(
    ax: Axes, rows: Sequence[Record], methods: Sequence[str], top: float, fits: Sequence[Record]
) -> list[EndLabel]:
    """Every fleet a faint point, medians joined; fleets that never arrived are arrows at the upper edge."""
    ends = []
    for k, method in enumerate(methods):
        mine = sorted((row for row in rows if row["method"] == method), key=lambda row: row["n_agents"])
        look, shift = method_look(method), dodge(ax, 2 * k, 2 * len(methods))
        found = [(float(row["n_agents"]) * shift, *_fleets(row)) for row in mine]
        known = [(x, value) for x, values, _ in found for value in values]
        if known:
            dots = ax.scatter(
                [x for x, _ in known], [v for _, v in known], s=11, color=look.color, alpha=0.3, linewidths=0, zorder=2
            )
            dots.set_gid("replicates")
        lost = [x for x, _, never in found for _ in range(never)]
        if lost:
            marks = ax.scatter(lost, [top * 0.93] * len(lost), s=22, marker="^", facecolors="none", linewidths=0.8,
                               edgecolors=look.color, alpha=0.8, zorder=2)  # fmt: skip
            marks.set_gid("replicates")
        points = [(float(r["n_agents"]), m) for r in mine if (m := number(r.get("median"))) is not None]
        if points:
            n, middle = np.array(points).T
            ax.plot(n * shift, middle, color=look.color, marker=look.marker, ms=6, mec="white", mew=0.5, lw=1.4,
                    zorder=4)  # fmt: skip
        if mine:
            last = points[-1] if points else (float(mine[-1]["n_agents"]), top)
            ends.append(EndLabel(*last, slope_text(exponent_of(fits, mine[0], "p")), "", look.color))
    return ends


def draw_samples_to_gap(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """n_eps against N, a row a system, a panel an eps, a colour a method, every fleet a point.

    tables["complexity_arrivals"], p of tables["complexity_exponents"]. Raises NothingToDraw.
    """
    table = first_step_rule(tables.get("complexity_arrivals", ()))
    rows = [row for row in table if number(row.get("n_agents")) and row.get("each")]
    need(rows, "complexity_arrivals", "n_eps of single fleets")
    systems = systems_in(rows)[:MOST_SYSTEMS]
    rows = [row for row in rows if row["system"] in systems]
    fits, every = tables.get("complexity_exponents", ()), methods_in(rows)
    methods = [m for m in HEADLINE if m in every] or every[: len(HEADLINE)]
    rows = [row for row in rows if row["method"] in methods]
    systems = systems_in(rows)
    factors = {system: _factors([row for row in rows if row["system"] == system]) for system in systems}
    keys = [_key(method) for method in methods]
    keys.append((Line2D([], [], ls="none", marker="^", ms=6, mfc="none", mec="#5b6473"), "fleets that never arrived"))
    caption = (
        "n\u2009(\u03b5): joint samples after which the exact per-agent gap stays at or below \u03b5 (kept until "
        "twice as many). Every faint point is one fleet's run, arrows are those that did not arrive within the budget; "
        f"marks: median over fleets. p: power of N fitted over all \u03b5 with its interval ({level_text(fits)}, top "
        f"decade of N). With {step_name(str(rows[0].get('step_rule') or 'theory'))}. Small shifts to the side only "
        f"keep marks apart.{left_out(every, methods)} {dispute}"
    )
    with styled():
        fig, axes = panels(
            len(systems), max(map(len, factors.values())), caption=caption, keys=keys,
            title=_title(rows, fits, systems[0], methods),
            subtitle="Joint samples until the gap per agent stays below \u03b5, for several \u03b5.",
            height=2.2, gap=(0.6, 0.95), detailed=True, width=13.0,
        )  # fmt: skip
        indent(fig, axes, 1.1, 1.85)
        for line, system in zip(axes, systems):
            _row(line, [row for row in rows if row["system"] == system], factors[system], methods, fits)
            line[0].set_ylabel(complexity_system(system).replace(", ", ",\n"), fontsize=9.5)
    return fig


def _key(method: str) -> tuple[Line2D, str]:
    look = method_look(method)
    return Line2D([], [], color=look.color, marker=look.marker, ms=6.5, lw=1.4, mec="white"), complexity_method(method)


def _row(
    line: Sequence[Axes], rows: Sequence[Record], factors: Sequence[float], methods: Sequence[str],
    fits: Sequence[Record],
) -> None:  # fmt: skip
    """The panels of one system on one scale, the methods named at the right end."""
    values = [v for row in rows for v in _fleets(row)[0]]
    low, high = limits(values, least_decades=1.0)
    high *= 1.35 if any(_fleets(row)[1] for row in rows) else 1.0
    last: tuple[Axes, list[EndLabel]] = (line[-1], [])  # the smallest eps that was measured carries the labels
    for ax in line[len(factors) :]:  # labels of the panel before may stand here
        ax.axis("off")
    for ax, factor in zip(line, factors):
        mine = [row for row in rows if row.get("factor") == factor]
        n_axis(ax, {float(row["n_agents"]) for row in rows})
        log_y(ax, low, high)
        quiet(ax)
        ends = _panel(ax, mine, methods, high, fits)
        last = (ax, ends) if ends else last
        detail(ax, f"\u03b5 = first gap / {factor:g}", _censored(mine))
    label_ends(*last, size=8.8)


def _censored(rows: Sequence[Record]) -> str:
    counts = [_fleets(row) for row in rows]
    never, every = sum(n for _, n in counts), sum(len(k) + n for k, n in counts)
    return f"{never} of {every} runs never arrived" if never else f"all {every} runs arrived"


def _title(rows: Sequence[Record], fits: Sequence[Record], system: str, methods: Sequence[str]) -> str:
    """p of the shared return and of the guided methods of the first system, or medians where none is fitted."""
    said = []
    for method in methods:
        mine = [row for row in rows if (row["system"], row["method"]) == (system, method)]
        fit = exponent_of(fits, mine[0], "p") if mine else None
        if fit is not None:
            said.append(f"{exponent_text(fit['value'])} ({complexity_method(method)})")
    if said:
        return f"{complexity_system(system)}: samples needed grow like N to the power {', '.join(said)}"
    last = max(row["n_agents"] for row in rows if row["system"] == system)
    at = [
        f"{complexity_method(row['method'])} {count_text(row['median'])}"
        for row in rows
        if row["system"] == system and row["n_agents"] == last and (number(row.get("median")) or 0) >= 1
        and row.get("factor") == _factors([r for r in rows if r["system"] == system])[0]
    ]  # fmt: skip
    return f"{complexity_system(system)}: no power of N is fitted; at N = {number_text(last)} " + (
        f"the median fleet needs {'; '.join(at)} samples" if at else "the median fleet never arrives"
    )
