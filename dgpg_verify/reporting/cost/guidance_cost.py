"""Figure: what guidance adds in time and memory, and what the model costs an agent, against N."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.lines import draw_means, draw_replicates, limits
from dgpg_verify.reporting.drawing.select import Group, by_n, need, number
from dgpg_verify.reporting.drawing.style import MUTED, CreditStyle, detail, log_y, n_axis, panels, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import number_text
from dgpg_verify.statistics import geometric_mean_interval

LEVEL = 0.95
PANELS = (
    ("ratio", "learning time", "with guidance / without", CreditStyle("#0072b2", "s", 0)),
    ("bytes_ratio", "memory", "with guidance / without", CreditStyle("#d55e00", "o", 1)),
    ("model_per_agent", "evaluating the model", "\u03bcs per agent and joint step", CreditStyle("#009e73", "D", 2)),
)


def _panel(ax: Axes, rows: Sequence[Record], field: str, style: CreditStyle) -> None:
    values = [v for found in by_n(rows, field).values() for v in found if v > 0]
    is_ratio = field != "model_per_agent"
    span = limits(values, pad=0.2, least_decades=1.0)
    n_axis(ax, [r["n"] for r in rows])
    if is_ratio:
        span = (min([0.9, *values]) - 0.02, max([1.3, *values]) * 1.03)
        ax.set_ylim(span)
    else:
        log_y(ax, *span)
    draw_replicates(ax, rows, field, style, 1.0, span[0])
    draw_means(ax, rows, field, style, 1.0)
    if is_ratio:
        ax.axhline(1.0, color=MUTED, lw=1.0, ls=(0, (6, 2)), zorder=1)
        ax.annotate("no cost", (0.5, 1), (0, -4), va="top", ha="center", size=8, color=MUTED,
                    textcoords="offset points", xycoords=("axes fraction", "data"))  # fmt: skip
    quiet(ax)


def _mean(values: Sequence[float]) -> str:
    """Geometric mean, as the verdict takes it, with its interval where there are several."""
    if len(values) < 2:
        return number_text(values[0])
    found = geometric_mean_interval(values, LEVEL)
    return f"{found.value:.3g} [{found.low:.3g}, {found.high:.3g}]"


def draw_guidance_cost(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Time ratio, memory ratio and the model's time per agent and joint step, against N, every replicate.

    tables["guidance_cost"]; the model's time is model_seconds / n. Raises NothingToDraw.
    """
    table = tables.get("guidance_cost", ())
    need(table, "guidance_cost", "record")
    rows = [
        {**r, "model_per_agent": None if (s := number(r.get("model_seconds"))) is None else 1e6 * s / r["n"]}
        for r in table
    ]
    shown = [panel for panel in PANELS if by_n(rows, panel[0])]
    need(rows if shown else [], "guidance_cost", "ratio or model_seconds")
    found = by_n(rows, "ratio")
    title = "What guidance adds in time and memory"
    if found:
        n, values = list(found.items())[-1]
        title = f"At N\u00a0=\u00a0{n:g} learning with guidance takes {_mean(values)} times as long"
    sizes = {len(v) for v in by_n(rows, shown[0][0]).values()}
    count = f"{min(sizes)} to {max(sizes)}" if len(sizes) > 1 else f"{min(sizes)}"
    caption = (
        f"{count} replicates for every N, timed in turn with and without guidance; small marks are replicates, large "
        "ones geometric means with 95 % intervals. Memory: the most bytes of tensors at once, counted. Model: "
        "reference, influence z and guidance credit of one joint "
        f"step, divided by N; level means O(1) for each agent. {dispute}"
    )
    with styled():
        fig, axes = panels(
            1, len(shown), title=title, subtitle="One iteration of the same learner, with and without guidance.",
            caption=caption, height=2.5, gap=(0.7, 0.8), detailed=True, width=12.0 if len(shown) > 1 else 7.5,
        )  # fmt: skip
        for ax, (field, name, unit, style) in zip(axes[0], shown):
            _panel(ax, rows, field, style)
            detail(ax, name, unit)
    return fig
