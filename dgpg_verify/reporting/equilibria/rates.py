"""Figures: in how many fleets the equilibrium sets of J and J_alpha are equal, against alpha and against a bias."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import quiet, rule, share_y
from dgpg_verify.reporting.drawing.captions import count_range
from dgpg_verify.reporting.drawing.look import GOOD, Look, alpha_color, shades
from dgpg_verify.reporting.drawing.marks import bars, joined, key
from dgpg_verify.reporting.drawing.sheet import Keys, detail, grid, panels
from dgpg_verify.reporting.equilibria import laws
from dgpg_verify.reporting.equilibria.aggregate import SIZE, at_size, biased_rates, main_size, pure_rates, schedule_end
from dgpg_verify.reporting.frame import Frame, Frames, few, known, need, where

WANTED = 0.99  # C2.2: supported when the interval's lower end is at least this
MOST_KEYS = 8
MOST_ALPHAS = 4
CAPTION = (
    "bars are Clopper\u2013Pearson intervals of the rate, most shorter than the marks. \u2018every\u2019: fleets whose "
    "sets stay equal at all \u03b1 at once. Green: where the claim with the practical reference would hold "
    "(99\u00a0%). Dotted: ends of the published schedule, 0.9 and 0.2. Small shifts to the side only keep marks apart."
)
Curves = Sequence[tuple[Look, Frame]]


def draw_equilibrium_rates(frames: Frames) -> Figure:
    """Share of fleets with equal pure equilibrium sets against alpha: a column per cost.

    Above: all references at the size measured with most of them; below: the fluid reference at every size.
    """
    rates = pure_rates(frames["equilibrium_rates"])
    unbiased = rates[rates["bias"].fillna(0.0) == 0.0]  # biased references have a figure of their own
    rows = need(unbiased, "equilibrium_rates", "rate")
    references, costs, size = laws.main_references(rows), laws.costs_in(rows), main_size(rows)
    above = at_size(rows, size)
    by_size = dict(list(where(rows, reference="fluid").groupby(SIZE)))
    kept = [*by_size][: MOST_KEYS - len(references) - 1] + [*by_size][-1:]  # smallest ones and the largest
    by_size = {size: by_size[size] for size in dict.fromkeys(kept)}
    sizes = {size: Look(color, "s") for size, color in shades(by_size).items()}
    lines = [[(laws.look(r), where(above, reference=r)) for r in references]]
    lines += [[(sizes[size], curve) for size, curve in by_size.items()]] if len(sizes) > 1 else []
    fig, axes = panels(
        len(lines), len(costs), title=_title(above), keys=laws.reference_keys(references),
        subtitle="Share of fleets in which J and J_\u03b1 = (1 \u2212 \u03b1) J \u2212 \u03b1 G have the same pure "
        "equilibria; colours are references x\u0303 of the guidance G = \u00bd |x \u2212 x\u0303|\u00b2.",
        caption=f"{count_range(rows['fleets'])} random fleets per point; {CAPTION}",
        height=2.3, gap=(0.62, 1.2), detailed=True,
    )  # fmt: skip
    beyond_one = bool((rows["place"] > 1.0).any())
    for r, curves in enumerate(lines):
        for ax, cost in zip(axes[r], costs):
            laws.alpha_axis(ax, every=beyond_one)
            _panel(ax, [(style, where(curve, cost=cost)) for style, curve in curves], "place")
            detail(ax, "" if r else laws.cost_name(cost), "fluid reference, by size" if r else _size_text(size))
    if len(lines) > 1:
        _size_keys(axes[1, 0], [key(_size_text(size), style, ms=5.5) for size, style in sizes.items()])
    return fig


def draw_equilibrium_bias(frames: Frames) -> Figure:
    """Share of fleets with equal sets against the bias of the reference (0 = fluid): a panel per cost."""
    rows = need(biased_rates(pure_rates(frames["equilibrium_rates"])), "equilibrium_rates", "biased reference")
    rows = where(rows, alpha=few(rows["alpha"], MOST_ALPHAS))
    looks = {alpha: Look(alpha_color(alpha)) for alpha in sorted(rows["alpha"].unique())}
    ticks = sorted(rows["bias"].unique())
    fig, axes = grid(
        laws.costs_in(rows), most=4, title=_bias_title(rows), gap=(0.55, 0.8),
        subtitle="Share of fleets with the same pure equilibria of J and J_\u03b1 when the reference is made wrong "
        "on purpose.",
        caption=f"{count_range(rows['fleets'])} random fleets per point, bars are Clopper\u2013Pearson intervals. Bias "
        "D: the reference of every server times 1 + D or 1 \u2212 D, alternating by rank of capacity; 0 is the fluid "
        "reference. Green: 99\u00a0% and more.",
        keys=[key(f"\u03b1 = {alpha:g}", style) for alpha, style in looks.items()],
    )  # fmt: skip
    for cost, ax in axes.items():
        of_cost = where(rows, cost=cost)
        curves = [(style, where(of_cost, alpha=alpha)) for alpha, style in looks.items()]
        _panel(ax, curves, "bias", ticks[-1] - ticks[0])
        ax.set_xticks(ticks, [f"{bias:g}" for bias in ticks])
        ax.set_xlabel("bias D of the reference")
        detail(ax, laws.cost_name(cost), _size_text(tuple(of_cost[SIZE].iloc[0])))
    return fig


def _size_text(size: tuple[float, float]) -> str:
    """'4 agents, 3 actions'."""
    agents, actions = map(int, size)
    return f"{agents} agents" + (f", {actions} actions" if actions else "")


def _percent(rate: float) -> str:
    """A rate in percent, with one decimal near 0 and 1."""
    return f"{100 * rate:.{0 if 0.02 <= rate <= 0.98 else 1}f}\u00a0%"


def _panel(ax: Axes, curves: Curves, x: str, reach: float = 1.0) -> None:
    """One curve of rates per look, with intervals, against `x`; points for every alpha are not joined.

    Green: where the claim would hold. `reach` scales the shifts that keep marks apart.
    """
    share_y(ax)
    ax.axhspan(WANTED, 1.03, color=GOOD, alpha=0.14, lw=0, zorder=0)
    rule(ax, WANTED, color=GOOD, ls=(0, (5, 2)))
    quiet(ax)
    for k, (style, rows) in enumerate(curves):
        for apart, points in rows.sort_values(x).groupby(rows["alpha"].isna()):
            places = points[x] + reach * laws.aside(k, len(curves))
            bars(ax, places, points["low"], points["high"], style, lw=1.5, alpha=0.65, zorder=3)
            joined(ax, places, points["rate"], style, ls="none" if apart else "-", ms=5.8, zorder=4, clip_on=False,
                   gid="replicates")  # fmt: skip


def _size_keys(ax: Axes, keys: Keys) -> None:
    """Which shade is which size: a row of its own above the panels it belongs to."""
    ax.legend(*zip(*keys), loc="lower left", bbox_to_anchor=(-0.03, 1.11), ncols=len(keys), frameon=False, fontsize=8.8,
              borderaxespad=0.0, borderpad=0.0, columnspacing=1.5, handletextpad=0.5)  # fmt: skip


def _title(rows: Frame) -> str:
    """The fluid reference at the alpha where training ends, for each cost."""
    end = known(schedule_end(where(rows, reference="fluid")), "alpha").drop_duplicates("cost")
    if end.empty:
        return "In how many fleets the pure equilibria of J and J_\u03b1 are the same"
    alpha = f"\u03b1\u00a0=\u00a0{end['alpha'].iloc[0]:g}"
    shares = ", ".join(f"{_percent(row.rate)} ({laws.cost_word(row.cost)})" for row in end.itertuples())
    return f"With the fluid reference and {alpha} the equilibria are the same in {shares} of fleets"


def _bias_title(rows: Frame) -> str:
    """Rates without and with the largest bias where training ends, over all costs drawn."""
    end = schedule_end(rows)
    rates = end.groupby("bias")["rate"].agg(["min", "max"])
    parts = [
        f"in {' to '.join(dict.fromkeys(map(_percent, rates.loc[bias])))} of fleets with bias {bias:g}"
        for bias in (rows["bias"].min(), rows["bias"].max())
        if bias in rates.index
    ]
    return f"At \u03b1\u00a0=\u00a0{end['alpha'].iloc[0]:g} the equilibria are the same {' and '.join(parts)}"
