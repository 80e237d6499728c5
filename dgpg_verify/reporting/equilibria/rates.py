"""Figures: in how many fleets the equilibrium sets of J and J_alpha are equal, against alpha and against bias."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.select import Group, need, number
from dgpg_verify.reporting.drawing.style import GOOD, CreditStyle, alpha_color, detail, panels, quiet, styled
from dgpg_verify.reporting.equilibria.references import (
    EVERY,
    alpha_axis,
    alphas_of,
    bias_of,
    cost_name,
    costs_in,
    count_range,
    look,
    main_references,
    reference_keys,
    rim,
)
from dgpg_verify.reporting.frame import few
from dgpg_verify.reporting.records import Record, Tables

WANTED = 0.99  # C2.2: supported when the interval's lower end is at least this
MOST_ALPHAS = 4
SIZES = LinearSegmentedColormap.from_list("sizes", ["#9fd0ee", "#0072b2", "#10263f"])  # small to large games


def _percent(rate: float) -> str:
    return f"{100 * rate:.{0 if 0.02 <= rate <= 0.98 else 1}f}\u00a0%"


def _rate_axis(ax: Axes) -> None:
    ax.set_ylim(-0.03, 1.03)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25\u00a0%", "50\u00a0%", "75\u00a0%", "100\u00a0%"])
    ax.axhspan(WANTED, 1.03, color=GOOD, alpha=0.14, lw=0, zorder=0)
    ax.axhline(WANTED, color=GOOD, lw=1.0, ls=(0, (5, 2)), zorder=1)
    quiet(ax)


def _line(ax: Axes, points: Sequence[tuple[float, Record]], style: CreditStyle, joined: bool = True) -> None:
    """Rates with their intervals at the given places."""
    found = [(x, row) for x, row in points if number(row.get("rate")) is not None]
    if not found:
        return
    x, rate = np.array([(x, float(row["rate"])) for x, row in found]).T
    for place, row in found:
        low, high = number(row.get("low")), number(row.get("high"))
        if low is not None and high is not None:
            ax.plot([place, place], [low, high], color=style.color, lw=1.5, alpha=0.65, zorder=3)
    if joined:
        ax.plot(x, rate, color=style.color, lw=1.3, alpha=0.8, zorder=3)
    drawn = ax.scatter(x, rate, s=34, color=style.color, marker=style.marker, edgecolors=rim(style), linewidths=0.5,
                       zorder=4, clip_on=False)  # fmt: skip
    drawn.set_gid("replicates")


Size = tuple[int, int]  # agents, actions (0 where the table does not say)


def _size(row: Record) -> Size:
    return int(row["n_agents"]), int(row.get("n_actions") or 0)


def _size_text(size: Size) -> str:
    return f"{size[0]} agents" + (f", {size[1]} actions" if size[1] else "")


def _main_size(rows: Sequence[Record]) -> Size:
    """The size at which most references were measured; the larger of equals."""
    return max({_size(row) for row in rows}, key=lambda s: (len({r["reference"] for r in rows if _size(r) == s}), s))


def _counted(table: Sequence[Record]) -> list[Record]:
    """Rows about pure equilibria with a rate; mixed ones are judged apart."""
    return [r for r in table if number(r.get("rate")) is not None and (r.get("points") or "pure") == "pure"]


def draw_equilibrium_rates(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Share of fleets with equal pure equilibrium sets against alpha: a column a cost.

    Above: all references at the size measured with most of them; below: the fluid reference at every size.
    tables["equilibrium_rates"], Clopper-Pearson intervals. Raises NothingToDraw.
    """
    table = _counted(tables.get("equilibrium_rates", ()))
    references = [r for r in main_references(table) if not bias_of(r)]  # biased ones have a figure of their own
    rows = [row for row in table if row["reference"] in references]
    need(rows, "equilibrium_rates", "rate")
    main = _main_size(rows)
    above = [row for row in rows if _size(row) == main]
    below = [row for row in rows if row["reference"] == "fluid"]
    sizes = sorted({_size(row) for row in below})
    costs, lines = costs_in(rows), 2 if len(sizes) > 1 else 1
    caption = (
        f"{count_range(row.get('fleets') for row in rows)} random fleets a point; bars are Clopper\u2013Pearson "
        "intervals of the rate, most shorter than the marks. \u2018every\u2019: fleets whose sets stay equal at "
        "all \u03b1 at once. Green: where the claim with the practical reference would hold (99\u00a0%). Dotted: ends "
        f"of the published schedule, 0.9 and 0.2. Small shifts to the side only keep marks apart. {dispute}"
    )
    with styled():
        fig, axes = panels(
            lines, len(costs), title=_rates_title(above), caption=caption, keys=reference_keys(references),
            subtitle="Share of fleets in which J and J_\u03b1 = (1 \u2212 \u03b1) J \u2212 \u03b1 G have the same pure "
            "equilibria; colours are references x\u0303 of the guidance G = \u00bd |x \u2212 x\u0303|\u00b2.",
            height=2.3, gap=(0.62, 0.95), detailed=True, width=12.0 if len(costs) > 1 else 7.5,
        )  # fmt: skip
        every = any(row["alpha"] == EVERY for row in rows)
        for c, cost in enumerate(costs):
            looks = [(look(r), [row for row in above if row["reference"] == r]) for r in references]
            _panel(axes[0][c], cost, looks, every)
            detail(axes[0][c], cost_name(cost), _size_text(main))
            if lines == 2:
                looks = [(_size_look(s, sizes), [row for row in below if _size(row) == s]) for s in sizes]
                _panel(axes[1][c], cost, looks, every)
                detail(axes[1][c], "", "fluid reference, by size")
        if lines == 2:
            _size_keys(axes[1][-1], sizes)
    return fig


def _size_look(size: Size, sizes: Sequence[Size]) -> CreditStyle:
    return CreditStyle(to_hex(SIZES(sizes.index(size) / max(len(sizes) - 1, 1))), "s", 0)


def _size_keys(ax: Axes, sizes: Sequence[Size]) -> None:
    """Which shade is which size, inside the last panel where curves leave room."""
    keys = [Line2D([], [], color=_size_look(s, sizes).color, marker="s", ms=5, lw=1.2, mec="white") for s in sizes]
    names = [f"N = {n}" + (f", K = {k}" if k else "") for n, k in sizes]
    ax.legend(keys, names, loc="best", fontsize=8, frameon=False, handlelength=1.4, labelspacing=0.25)


def _panel(ax: Axes, cost: str, looks: Sequence[tuple[CreditStyle, Sequence[Record]]], every: bool) -> None:
    """One curve a look, its point for every alpha apart on the right."""
    alpha_axis(ax, every=every)
    _rate_axis(ax)
    for k, (style, rows) in enumerate(looks):
        shift = 0.008 * (k - (len(looks) - 1) / 2)
        own = [row for row in rows if row["cost"] == cost]
        fixed = [(a + shift, row) for row in own if (a := number(row["alpha"])) is not None]
        _line(ax, sorted(fixed, key=lambda point: point[0]), style)
        _line(ax, [(1.11 + shift, row) for row in own if row["alpha"] == EVERY], style, False)


def _rates_title(rows: Sequence[Record]) -> str:
    """The fluid reference at the alpha where training ends, for each cost."""
    fluid = [row for row in rows if row["reference"] == "fluid" and number(row["alpha"]) is not None]
    if not fluid:
        return "In how many fleets the pure equilibria of J and J_\u03b1 are the same"
    alpha = min(alphas_of(fluid), key=lambda a: abs(a - 0.2))
    said = []
    for cost in costs_in(fluid):
        mine = [row for row in fluid if row["cost"] == cost and row["alpha"] == alpha]
        if mine:
            said.append(f"{_percent(mine[0]['rate'])} ({cost_name(cost).split()[0].lower()})")
    shares = ", ".join(said)
    return (
        f"With the fluid reference and \u03b1\u00a0=\u00a0{alpha:g} the equilibria are the same in {shares} of fleets"
    )


def draw_equilibrium_bias(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """The same share against the bias of the reference (0 = fluid), one colour an alpha, a panel a cost.

    tables["equilibrium_rates"], rows with reference fluid or biased:D at the largest size measured with a bias.
    Raises NothingToDraw.
    """
    table = [row for row in _counted(tables.get("equilibrium_rates", ())) if bias_of(str(row["reference"])) is not None]
    need([row for row in table if bias_of(str(row["reference"]))], "equilibrium_rates", "biased reference")
    costs = costs_in([row for row in table if bias_of(str(row["reference"]))])
    biased = [row for row in table if bias_of(str(row["reference"]))]
    sizes = {cost: max(_size(row) for row in biased if row["cost"] == cost) for cost in costs}
    table = [r for r in table if sizes.get(str(r["cost"])) == _size(r) and number(r["alpha"]) is not None]
    alphas = few(alphas_of(table), MOST_ALPHAS)
    biases = sorted({b for row in table if (b := bias_of(str(row["reference"]))) is not None})
    keys = [
        (Line2D([], [], color=alpha_color(a), marker="o", ms=6.5, lw=1.3, mec="white", mew=0.5), f"\u03b1 = {a:g}")
        for a in alphas
    ]
    caption = (
        f"{count_range(row.get('fleets') for row in table)} random fleets a point, bars are Clopper\u2013Pearson "
        "intervals. Bias D: the reference of every server times 1 + D or 1 \u2212 D, alternating by rank of capacity; "
        f"0 is the fluid reference. Green: 99\u00a0% and more. {dispute}"
    )
    with styled():
        fig, axes = panels(
            1, len(costs), title=_bias_title(table, biases), caption=caption, keys=keys, height=2.5, gap=(0.55, 0.8),
            subtitle="Share of fleets with the same pure equilibria of J and J_\u03b1 when the reference is made wrong "
            "on purpose.", detailed=True, width=12.0 if len(costs) > 1 else 7.5,
        )  # fmt: skip
        for ax, cost in zip(axes[0], costs):
            mine = [row for row in table if row["cost"] == cost]
            _rate_axis(ax)
            for k, alpha in enumerate(alphas):
                shift = 0.008 * (biases[-1] - biases[0]) * (k - (len(alphas) - 1) / 2)
                own = [row for row in mine if row["alpha"] == alpha]
                points = sorted(((bias_of(str(row["reference"])) or 0.0) + shift, row["rate"], i)
                                for i, row in enumerate(own))  # fmt: skip
                _line(ax, [(x, own[i]) for x, _, i in points], CreditStyle(alpha_color(alpha), "o", 0))
            ax.set_xticks(biases, [f"{b:g}" for b in biases])
            ax.set_xlabel("bias D of the reference")
            detail(ax, cost_name(cost), _size_text(sizes[cost]))
    return fig


def _bias_title(rows: Sequence[Record], biases: Sequence[float]) -> str:
    """Rates without and with the largest bias where training ends, over all costs drawn."""
    alpha = min(alphas_of(rows), key=lambda a: abs(a - 0.2))
    said = []
    for bias in (biases[0], biases[-1]):
        mine = [row for row in rows if bias_of(str(row["reference"])) == bias and row["alpha"] == alpha]
        rates = sorted(row["rate"] for row in mine)
        if rates:
            ends = dict.fromkeys(_percent(rate) for rate in (rates[0], rates[-1]))
            both = " to ".join(ends)
            said.append(f"in {both} of fleets with bias {bias:g}")
    return f"At \u03b1\u00a0=\u00a0{alpha:g} the equilibria are the same {' and '.join(said)}"
