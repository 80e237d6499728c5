"""Figures: learning curves of every run, one column per N, methods that belong together in one row of panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.select import Group, need, number, pick
from dgpg_verify.reporting.drawing.style import detail, panels, quiet, styled
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.training.methods import Look, families, family_of, look_keys, looks, method_of
from dgpg_verify.reporting.training.runs import (
    axis_text,
    draw_runs,
    episode_axis,
    few,
    median_curve,
    outside_text,
    runs_text,
    score_axis,
    score_limits,
    split_runs,
)
from dgpg_verify.reporting.wording import system_name

Place = tuple[str, float]  # system, N


def _samples(rows: Sequence[Record]) -> str:
    """'1 episode = 200 samples', where that is one number."""
    ratios = {round(s / e, 3) for r in rows if (e := number(r.get("episode"))) and (s := number(r.get("samples")))}
    if len(ratios) != 1:
        return ""
    return f"1 episode = {ratios.pop():,.4g} samples".replace(",", "\u2009")


def _columns(rows: Sequence[Record], most: int) -> list[Place]:
    """Systems and N worth a column: N at which most methods were trained, thinned to `most`."""
    systems = list(dict.fromkeys(str(r.get("system") or "") for r in rows))
    made: list[Place] = []
    for system in systems:
        mine = [r for r in rows if str(r.get("system") or "") == system]
        methods = {n: {method_of(r) for r in mine if r["n"] == n} for n in {float(r["n"]) for r in mine}}
        full = [n for n, found in methods.items() if 2 * len(found) >= max(map(len, methods.values()))]
        made += [(system, n) for n in few(full, max(most // len(systems), 1))]
    return made


def _title(rows: Sequence[Record], place: Place, found: Mapping[str, Look]) -> str:
    """The last evaluation of the most telling rows, in numbers."""
    rows = pick(rows, system=place[0], n=place[1])
    said = []
    for method, most in (("dgpg", 2), ("mappo", 1), ("ippo", 1), ("guidance_only", 1)):
        keys = [key for key in found if any(r["row"] == key and method_of(r) == method for r in rows)]
        keys = [key for key in keys if not key.endswith("/shared")] or keys
        for row in keys[:most]:
            middle = median_curve(split_runs([r for r in rows if r["row"] == row]))
            said.append(f"{found[row].label} {middle[-1, 1]:.2f}")
    if not said:
        return "Learning curves"
    return f"Median score at the last evaluation, N\u00a0=\u00a0{place[1]:g}: {'; '.join(said)}"


def _draw(tables: Tables, part: str, what: str, dispute: str) -> Figure:
    table = [r for r in tables.get("curves", ()) if r.get("part") == part]
    need(table, "curves", f"record of part {part}")
    rows = [r for r in table if number(r.get("score")) is not None]
    need(rows, "curves", "score")
    columns = _columns(rows, 4)
    rows = [r for r in rows if (str(r.get("system") or ""), float(r["n"])) in columns]
    found, present = looks(tables, rows), families(rows)
    limits = {f: score_limits(float(r["score"]) for r in rows if family_of(r) == f) for f in present}
    other = sorted({float(r["n"]) for r in table} - {n for _, n in columns})
    beyond = [not limits[family_of(r)][0] <= r["score"] <= limits[family_of(r)][1] for r in rows]
    caption = (
        f"{runs_text(rows)}, every thin line one, thick lines medians. Score: Random = 0, Best-Fit = 1 (dashed), on "
        "evaluation streams no run was trained on. Dotted: 10 and 20 episodes, the claimed times to converge."
        f"{axis_text(max(float(r['episode']) for r in rows))}{outside_text(sum(beyond), 'evaluations lie')}"
        f"{' Not drawn: N = ' + ', '.join(f'{n:g}' for n in other) + '.' if other else ''} {dispute}"
    )
    with styled():
        fig, axes = panels(
            len(present), len(columns), title=_title(rows, columns[-1], found), subtitle=what, caption=caption,
            height=2.05, gap=(0.42, 0.98), keys=look_keys(found), detailed=True,
            width=12.0 if len(columns) > 1 else 8.5,
        )  # fmt: skip
        for c, (system, n) in enumerate(columns):
            here = pick(rows, system=system, n=n)
            last = max(float(r["episode"]) for r in here)
            for f, family in enumerate(present):
                ax = axes[f][c]
                mine = [r for r in here if family_of(r) == family]
                score_axis(ax, limits[family], named=c == 0)
                episode_axis(ax, last, label=f == len(present) - 1)
                for row, one in found.items():
                    draw_runs(ax, split_runs([r for r in mine if r["row"] == row]), one)
                quiet(ax)
                name = f"{n:g} agents" if len({s for s, _ in columns}) == 1 else f"{system_name(system)}, N = {n:g}"
                detail(ax, name if len(columns) < 4 or len(name) < 24 else f"{system}, {n:g}",
                       f"{family}. {_samples(here)}" if f == 0 else family)  # fmt: skip
    return fig


def draw_learning_curves(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Learning curves of all methods at identical settings. tables["curves"], part main. Raises NothingToDraw."""
    what = (
        "All methods share architecture, roll-outs an update, evaluation, fleets and seeds; baselines get more "
        "episodes. Dashed: shared parameters."
    )
    return _draw(tables, "main", what, dispute)


def draw_learning_curves_real(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Learning curves on fleets and jobs taken from records. tables["curves"], part real. Raises NothingToDraw."""
    return _draw(tables, "real", "Fleets and jobs after public records instead of drawn ones.", dispute)


def draw_learning_curves_patient(tables: Tables, group: Group | None = None, dispute: str = "") -> Figure:
    """Learning curves with many more samples. tables["curves"], part patient. Raises NothingToDraw."""
    what = (
        "Baselines with shared parameters and ten roll-outs an update: wrong, or slow? Guidance alone with more "
        "updates: biased, or not finished?"
    )
    return _draw(tables, "patient", what, dispute)
