"""Figure: gradient noise at the start, in the middle and at the end of training, against N."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgpg_verify.reporting.drawing.lines import draw_means, draw_replicates, limits
from dgpg_verify.reporting.drawing.select import Group, by_n, need, number
from dgpg_verify.reporting.drawing.style import CreditStyle, detail, dodge, log_y, n_axis, panels, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.wording import number_text
from dgpg_verify.statistics import fit_scaling

LEVEL = 0.95
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
    last = max(float(r["n"]) for r in mine)
    if last in shares:
        said.append(f"return share {number_text(shares[last][0], 2)} at N = {last:g}")
    else:
        said.append(f"return share not measurable at N = {last:g}")
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


def _title(rows: Sequence[Record], labels: Mapping[str, str], field: str) -> str:
    """How the noise of the mixture grows with N at the end of training, by the fit the verdict rests on."""
    said = []
    for row in labels:
        end = by_n([r for r in rows if r["row"] == row and r["point"] == "end" and r["credit"] == "guided"], field)
        found = {n: values for n, values in end.items() if len(values) > 1}
        fit = fit_scaling(list(found), list(found.values()), LEVEL) if found else None
        if fit and fit.exponent is not None:
            said.append(f"N^{fit.exponent:.2f} ({labels[row]})")
    if not said:
        return "Gradient noise along training"
    beside = ", relative to the difference reward's," if field == DECIDING[0] else ""
    return f"Noise at the end of training{beside} goes like {', '.join(said)}"


def draw_training_noise(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Noise of base, guidance and guided credit at three points of training, against N.

    tables["training_noise"]: the paired ratio; where the table has none, the variance and the noise-to-signal. A row of
    panels for each trained row (at most two) and number. Raises NothingToDraw.
    """
    table = list(tables.get("training_noise", ()))
    need(table, "training_noise", "record")
    need([r for r in table if number(r.get("variance")) is not None], "training_noise", "variance")
    labels = {str(r["row"]): str(r.get("label") or r["row"]) for r in table}
    chosen = sorted(labels, key=_rank)[:2]
    rows = [r for r in table if r["row"] in chosen]
    fields = (DECIDING,) if any(number(r.get(DECIDING[0])) is not None for r in rows) else FIELDS
    points = [p for p in POINTS if any(r["point"] == p for r in rows)]
    lost = sum(number(r.get(fields[-1][0])) is None for r in rows)
    title = _title(rows, {row: labels[row] for row in chosen}, fields[0][0])
    left = ", ".join(labels[row] for row in labels if row not in chosen)
    caption = (
        "Small marks are runs, large ones geometric means with 95 % intervals over runs. Measured at the policies met "
        "along training, at the \u03b1 in use there."
        f"{f' Not measurable in {lost} of {len(rows)} records.' if lost else ''}"
        f"{' Not drawn here: ' + left + '.' if left else ''} {dispute}"
    )
    keys = [(Line2D([], [], color=s.color, marker=s.marker, ms=7, lw=1.4, mec="white", mew=0.7), name)
            for s, name in STYLES.values()]  # fmt: skip
    with styled():
        fig, axes = panels(
            len(fields) * len(chosen), len(points), title=title,
            subtitle="Per agent. A straight line is a power of N: slope 1 is proportional to N, slope 0 no trend.",
            caption=caption, height=1.95, gap=(0.6, 0.98), keys=keys, detailed=True,
        )  # fmt: skip
        for k, row in enumerate(chosen):
            mine = [r for r in rows if r["row"] == row]
            for f, (field, name) in enumerate(fields):
                span = limits([v for found in by_n(rows, field).values() for v in found], pad=0.2, least_decades=1.0)
                for c, point in enumerate(points):
                    ax = axes[len(fields) * k + f][c]
                    n_axis(ax, [r["n"] for r in mine], "agents N" if f == len(fields) - 1 else None)
                    _panel(ax, [r for r in mine if r["point"] == point], field, span)
                    detail(ax, f"{labels[row]}: {point}", _where(mine, point) if f == 0 else "")
                    if c == 0:
                        ax.set_ylabel(name)
    return fig
