"""Every figure of a run, drawn from its tables and saved; many figures are drawn by several processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

from dgpg_verify.reporting.drawing.saving import DISPUTE, inline_svg, save_figure
from dgpg_verify.reporting.drawing.sheet import sign
from dgpg_verify.reporting.drawing.spec import FigureSpec
from dgpg_verify.reporting.figures import FIGURES, all_figures
from dgpg_verify.reporting.frame import Frames, NothingToDraw, Place, frames
from dgpg_verify.reporting.pages import Drawn, anchor
from dgpg_verify.reporting.provenance import SMALL, ran, repeat_command, run_claims, run_scale
from dgpg_verify.reporting.records import TABLES, Tables, expected_tables
from dgpg_verify.runs.evidence import is_compact
from dgpg_verify.runs.workers import default_workers

MANY = 25  # figures; fewer are drawn sooner than further processes have loaded the libraries
Job = tuple[int, FigureSpec, Place | None]  # its place among the figures, which makes its ids unique on a page
Outcome = Drawn | str | None  # or why it is left out, if this is worth a note


def draw_all(tables: Tables, environment: Mapping[str, Any], folder: Path) -> tuple[list[Drawn], list[str]]:
    """Draw and save every figure that has data; say which have none, and which of other packages failed.

    The number of processes changes nothing in what is drawn. Cost: about half a second a figure and process.
    """
    jobs, notes = _jobs(tables, environment)
    ours = [job for job in jobs if job[1] in FIGURES]
    others = [job for job in jobs if job[1] not in FIGURES]  # whose package another process may not find
    workers = default_workers() if sum(bool(tables.get(spec.table)) for _, spec, _ in ours) >= MANY else 1
    parts = [ours[k::workers] for k in range(workers)]
    drawn = Parallel(n_jobs=workers)(delayed(_draw_some)(part, tables, environment, folder) for part in parts)
    outcomes = {job[0]: outcome for part, made in zip(parts, drawn) for job, outcome in zip(part, made)}
    outcomes |= {job[0]: outcome for job, outcome in zip(others, _draw_some(others, tables, environment, folder))}
    inorder = [outcomes[k] for k in range(len(jobs))]
    notes += dict.fromkeys(outcome for outcome in inorder if isinstance(outcome, str))
    return [outcome for outcome in inorder if isinstance(outcome, Drawn)], notes


def _jobs(tables: Tables, environment: Mapping[str, Any]) -> tuple[list[Job], list[str]]:
    """What is to be drawn, and notes on figures of other packages that cannot even say where."""
    expected = _expected(tables, environment)
    brief = run_scale(environment) == "smoke"  # a smoke run has half a minute in all: one policy per figure
    data = frames(tables)
    places: list[tuple[FigureSpec, Place | None]] = []
    notes: list[str] = []
    for spec in all_figures():
        if spec.table not in data or (data[spec.table].empty and spec.table not in expected):
            continue  # figures of claims that were not selected are not missing
        try:
            places += [(spec, place) for place in spec.places(data, brief=brief)]
        except Exception as error:
            notes.append(_failure(spec, error))
    return [(k, *job) for k, job in enumerate(places)], notes


def _expected(tables: Tables, environment: Mapping[str, Any]) -> set[str]:
    """Tables whose figures a reader would miss."""
    return {*expected_tables(run_claims(environment)), *(set(tables) - set(TABLES))}


def _draw_some(jobs: Sequence[Job], tables: Tables, environment: Mapping[str, Any], folder: Path) -> list[Outcome]:
    """Draw some of the figures, in this process."""
    data, expected = frames(tables), _expected(tables, environment)
    return [_outcome(job, data, expected, environment, folder) for job in jobs]


def _outcome(job: Job, data: Frames, expected: set[str], environment: Mapping[str, Any], folder: Path) -> Outcome:
    spec, claims = job[1], run_claims(environment)
    try:
        return _draw(*job, data, environment, folder)
    except NothingToDraw as reason:
        missed = spec.table in expected and ran(spec.claim, claims)
        return f"Figure \u2018{spec.heading}\u2019 is left out: {reason}." if missed else None
    except Exception as error:
        return _failure(spec, error)


def _failure(spec: FigureSpec, error: Exception) -> str:
    """The note on a figure of another package; one of our own has to be mended."""
    if spec in FIGURES:
        raise error
    return f"Figure \u2018{spec.heading}\u2019 ({spec.name}) of another package failed: {error!r}."


def _draw(
    number: int, spec: FigureSpec, place: Place | None, data: Frames, environment: Mapping[str, Any], folder: Path
) -> Drawn:
    claim, (scale, minutes) = "C1" if spec.claim == "words" else spec.claim, SMALL
    small = repeat_command(environment, claim, other_seed=True, scale=scale)
    figure = spec.make(data, place)
    sign(figure, f"{DISPUTE}{small} ({minutes})")
    name = f"{spec.name}-{place.key}" if place else spec.name
    svg_path, png_path, svg = save_figure(figure, folder / "figures", name)
    title = " ".join(text.get_text() for text in figure.texts[:2]).replace("\n", " ")
    return Drawn(
        key=spec.name,
        name=anchor(name),
        heading=spec.heading,
        claim=spec.claim,
        group=place.title if place else "",
        svg=inline_svg(svg, f"f{number}", title),
        files=() if is_compact(folder) else (f"figures/{svg_path.name}", f"figures/{png_path.name}"),
        command=repeat_command(environment, claim, other_seed=True),
        small=small,
    )
