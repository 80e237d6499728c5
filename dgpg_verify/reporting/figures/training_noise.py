"""Figure: gradient noise at the start, in the middle and at the end of training, against N."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgpg_verify.reporting.figures.lines import draw_means, draw_replicates, limits
from dgpg_verify.reporting.figures.select import Group, by_n, need, number
from dgpg_verify.reporting.figures.style import CreditStyle, detail, dodge, log_y, n_axis, panels, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import exponent_text, number_text

POINTS = ("start", "middle", "end")
DECIDING = ("paired_ratio", "V / V of the difference reward")
FIELDS = (("variance", "variance V"), ("noise_to_signal", "noise-to-signal"))
STYLES = {
    "base": (CreditStyle("#d55e00", "o", 0), "base credit alone"),
    "guidance": (CreditStyle("#0072b2", "s", 1), "guidance alone"),
    "guided": (CreditStyle("#8a5fb5", "d", 2), "guided, as trained"),
}


def _where(rows: Sequence[Record], point: str) -> str:
    """The alpha of a point and what share the return has there."""
    mine = [r for r in rows if r["point"] == point]
    alphas = sorted({v for r in mine if (v := number(r.get("alpha"))) is not None})
    shares = by_n([r for r in mine if r["credit"] == "guided"], "return_share")
    said = []
    if alphas:
        ends = [f"{alphas[0]:.2g}", f"{alphas[-1]:.2g}"]
        said.append("\u03b1 = " + (ends[0] if ends[0] == ends[1] else " to ".join(ends)))
    if shares:
        n, values = list(shares.items())[-1]
        said.append(f"return share {number_text(sorted(values)[len(values) // 2], 2)} at N = {n:g}")
    return ", ".join(said)


def _rank(row: str) -> int:
    """The primary setting first, then the one whose advantages are normalised."""
    return next((k for k, word in enumerate(("/sum", "/parts")) if row.endswith(word)), 2)


def _panel(ax: Axes, rows: Sequence[Record], field: str, span: tuple[float, float]) -> None:
    log_y(ax, *span)
    for k, (credit, (style, _)) in enumerate(STYLES.items()):
        mine = [r for r in rows if r["credit"] == credit]
        shift = dodge(ax, k, len(STYLES))
        draw_replicates(ax, mine, field, style, shift, span[0])
        draw_means(ax, mine, field, style, shift)
    quiet(ax)


def _title(rows: Sequence[Record], label: str) -> str:
    """How much noisier the base is than the guided credit at the end, at the largest N measured."""
    end = [r for r in rows if r["point"] == "end"]
    found = {c: by_n([r for r in end if r["credit"] == c], "variance") for c in ("base", "guided")}
    both = sorted(set(found["base"]) & set(found["guided"]))
    if not both:
        return "Gradient noise along training"
    median = {c: sorted(found[c][both[-1]])[len(found[c][both[-1]]) // 2] for c in found}
    if median["base"] <= 0:
        return "Gradient noise along training"
    ratio = median["guided"] / median["base"]
    return (
        f"{label} at the end of training, N\u00a0=\u00a0{both[-1]:g}: variance of the guided credit "
        f"{number_text(ratio, 2) if ratio < 100 else exponent_text(ratio)} of the base credit's"
    )


def draw_training_noise(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Noise of base, guidance and guided credit at three points of training, against N.

    tables["training_noise"]; the paired ratio where the table holds it, else the variance, above, and the
    noise-to-signal below; two rows of panels for each trained row (at most two). Raises NothingToDraw.
    """
    table = list(tables.get("training_noise", ()))
    need(table, "training_noise", "record")
    need([r for r in table if number(r.get("variance")) is not None], "training_noise", "variance")
    labels = {str(r["row"]): str(r.get("label") or r["row"]) for r in table}
    chosen = sorted(labels, key=_rank)[:2]
    rows = [r for r in table if r["row"] in chosen]
    fields = (DECIDING, FIELDS[1]) if any(number(r.get(DECIDING[0])) is not None for r in rows) else FIELDS
    points = [p for p in POINTS if any(r["point"] == p for r in rows)]
    lost = sum(number(r.get("noise_to_signal")) is None for r in rows)
    left = ", ".join(labels[row] for row in labels if row not in chosen)
    caption = (
        "Small marks are runs, large ones geometric means with 95 % intervals over runs. Measured at the policies met "
        "along training, at the \u03b1 in use there. Noise-to-signal not measurable (its signal's interval reaches 0) "
        f"for {lost} of {len(rows)} records.{' Not drawn here: ' + left + '.' if left else ''} {dispute}"
    )
    keys = [(Line2D([], [], color=s.color, marker=s.marker, ms=7, lw=1.4, mec="white", mew=0.7), name)
            for s, name in STYLES.values()]  # fmt: skip
    with styled():
        fig, axes = panels(
            2 * len(chosen), len(points), title=_title([r for r in rows if r["row"] == chosen[0]], labels[chosen[0]]),
            subtitle="Per agent. A straight line is a power of N: slope 1 is proportional to N, slope 0 no trend.",
            caption=caption, height=1.95, gap=(0.6, 0.98), keys=keys, detailed=True,
        )  # fmt: skip
        for k, row in enumerate(chosen):
            mine = [r for r in rows if r["row"] == row]
            for f, (field, name) in enumerate(fields):
                span = limits([v for found in by_n(mine, field).values() for v in found], pad=0.2, least_decades=1.0)
                for c, point in enumerate(points):
                    ax = axes[2 * k + f][c]
                    n_axis(ax, [r["n"] for r in mine], "agents N" if f else None)
                    _panel(ax, [r for r in mine if r["point"] == point], field, span)
                    detail(ax, f"{labels[row]}: {point}", _where(mine, point) if f == 0 else "")
                    if c == 0:
                        ax.set_ylabel(name)
    return fig
