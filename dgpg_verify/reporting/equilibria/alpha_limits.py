"""Figure: up to which alpha do the pure equilibria of J survive? Distribution of alpha_c."""

from __future__ import annotations

from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import plain_text, quiet, share_y
from dgpg_verify.reporting.drawing.marks import joined
from dgpg_verify.reporting.drawing.sheet import detail, grid
from dgpg_verify.reporting.equilibria import laws
from dgpg_verify.reporting.equilibria.aggregate import LAW, lost_below, lost_steps
from dgpg_verify.reporting.frame import Frame, Frames, known, need, where


def draw_alpha_limits(frames: Frames) -> Figure:
    """Share of the pure equilibria of J with alpha_c below alpha (exact, one step each): a panel per cost."""
    table = need(known(frames["alpha_limits"], "share_never"), "alpha_limits", "share_never")
    references, costs = laws.main_references(table), laws.costs_in(table)
    steps = lost_steps(where(table, reference=references))
    fig, axes = grid(
        costs, most=4, title=_title(steps), caption=_caption(steps) + laws.left_out_of(table, references), height=2.7,
        subtitle="Share of the pure equilibria of J that J_\u03b1 has lost. A pure equilibrium does not move: it "
        "stays one up to \u03b1_c and is none beyond.", keys=laws.reference_keys(references), gap=(0.55, 0.8),
    )  # fmt: skip
    for cost, ax in axes.items():
        laws.alpha_axis(ax)
        share_y(ax, -0.02)
        for reference, curve in where(steps, cost=cost).groupby("reference", sort=False):
            joined(ax, curve["alpha"], curve["share"], laws.look(reference), drawstyle="steps-post", lw=1.6, ms=6.5,
                   mew=0.6, markevery=[-1], zorder=4, clip_on=False, gid="replicates")  # fmt: skip
        quiet(ax)
        detail(ax, laws.cost_name(cost), "share lost below \u03b1")
    return fig


def _caption(steps: Frame) -> str:
    count = len(steps) - 2 * len(steps[LAW].drop_duplicates())  # each curve has a start and an end
    return (
        f"Every step is one equilibrium of a random fleet, {plain_text(count)} in all (at most 2\u2009000 per curve), "
        "its \u03b1_c exact: the least of |\u0394J| / (|\u0394J| + |\u0394G|) over the moves of one agent that lower "
        "G. The mark at \u03b1 = 1 is the share that is ever lost; the rest survives any mixing. Dotted: \u03b1 = 0.2 "
        "and 0.9, the ends of the published schedule."
    )


def _title(steps: Frame) -> str:
    """What the fluid reference has lost where the published schedule starts and where it ends."""
    end, start = (lost_below(where(steps, reference="fluid"), alpha) for alpha in laws.PUBLISHED)
    if start.empty:
        return "Up to which \u03b1 the pure equilibria of J survive"
    shares = start.merge(end, on=LAW, suffixes=("_start", "_end"))
    text = "; ".join(
        f"{laws.cost_word(row.cost)} {100 * row.share_start:.0f}\u00a0%, {100 * row.share_end:.0f}\u00a0%"
        for row in shares.itertuples()
    )
    return f"Equilibria lost with the fluid reference at \u03b1\u00a0=\u00a00.9 and at 0.2: {text}"
