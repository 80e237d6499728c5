"""Figures: learning curves of every run, one column per N, methods that belong together in one row of panels."""

from __future__ import annotations

from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import quiet
from dgpg_verify.reporting.drawing.sheet import detail
from dgpg_verify.reporting.frame import Frame, Frames, known, need, where
from dgpg_verify.reporting.training import aggregate, captions
from dgpg_verify.reporting.training.axes import episode_axis, score_axis
from dgpg_verify.reporting.training.marks import draw_by_row
from dgpg_verify.reporting.training.methods import Looks, families, family_panels, identified, looks
from dgpg_verify.reporting.wording import system_name

COLUMNS = 4
TITLED = {"dgpg": 2, "mappo": 1, "ippo": 1, "guidance_only": 1}  # how many rows of a method the title names
Column = tuple[str, float]  # system, N


def draw_learning_curves(frames: Frames) -> Figure:
    """Learning curves of all methods in the same settings: table `curves`, part main."""
    what = (
        "All methods share architecture, roll-outs per update, evaluation, fleets and seeds; baselines get more "
        "episodes. Dashed: shared parameters. Many methods were trained at few agents only."
    )
    return _draw(frames, "main", what)


def draw_learning_curves_real(frames: Frames) -> Figure:
    """Learning curves on fleets and jobs taken from records: table `curves`, part real."""
    return _draw(frames, "real", "Fleets and jobs after public records instead of drawn ones.")


def draw_learning_curves_patient(frames: Frames) -> Figure:
    """Learning curves with many more samples: table `curves`, part patient."""
    what = (
        "Baselines with shared parameters and ten roll-outs per update: wrong, or slow? Guidance alone with more "
        "updates: biased, or not finished?"
    )
    return _draw(frames, "patient", what)


def _draw(frames: Frames, part: str, subtitle: str) -> Figure:
    table = need(where(frames["curves"], part=part), "curves", f"record of part {part}")
    scored = identified(frames, need(known(table, "score"), "curves", "score"))
    columns = _columns(scored)
    rows = scored[[column in columns for column in zip(scored["system"], scored["n"])]]
    look = looks(rows)
    limits, beyond = aggregate.limits_by_family(rows, "score")
    caption = captions.curves_text(rows, beyond, ", on evaluation streams no run was trained on")
    caption += captions.sizes_left_out(table["n"], [n for _, n in columns])
    fig, axes = family_panels(
        look, len(columns), title=_title(rows, columns[-1], look), subtitle=subtitle, caption=caption, height=2.05,
        gap=(0.5, 0.98),
    )  # fmt: skip
    for line, family in zip(axes, families(look)):
        for ax, column in zip(line, columns):
            here = _of(rows, column)
            score_axis(ax, limits[family], named=ax is line[0])
            episode_axis(ax, here["episode"].max(), label=family == families(look)[-1])
            draw_by_row(ax, where(here, family=family), look)
            quiet(ax)
            detail(ax, _heading(column, columns), family)
    return fig


def _columns(rows: Frame) -> list[Column]:
    """Systems and N worth a column, at most COLUMNS in all."""
    systems = rows.groupby("system", sort=False)
    most = max(COLUMNS // systems.ngroups, 1)
    return [(str(system), n) for system, same in systems for n in aggregate.telling_sizes(same, most)]


def _of(rows: Frame, column: Column) -> Frame:
    return where(rows, system=column[0], n=column[1])


def _heading(column: Column, columns: list[Column]) -> str:
    system, n = column
    alone = len({name for name, _ in columns}) == 1
    return f"{n:g} agents" if alone else f"{system_name(system)}, N = {n:g}"


def _title(rows: Frame, column: Column, look: Looks) -> str:
    """The last evaluation of the most telling rows, in numbers."""
    here = _of(rows, column)
    median, method = aggregate.last_medians(here), here.drop_duplicates("row").set_index("row")["method"]
    parts = []
    for name, most in TITLED.items():
        same = [row for row in look if method.get(row) == name and row in median]
        own = [row for row in same if not row.endswith("/shared")]
        parts += [f"{look[row].label} {median[row]:.2f}" for row in (own or same)[:most]]
    if not parts:
        return "Learning curves"
    return f"Median score at the last evaluation, N\u00a0=\u00a0{column[1]:g}: {'; '.join(parts)}"
