"""The self-contained page of a run: inline style and pictures, no request to anywhere, readable by a reviewer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
from markupsafe import Markup

from dgpg_verify.core import LABELS, LedgerRow
from dgpg_verify.reporting import wording
from dgpg_verify.reporting.equilibria.tables import SECTION_TABLES as EQUILIBRIUM_TABLES
from dgpg_verify.reporting.equilibria.tables import equilibrium_context
from dgpg_verify.reporting.ledger import status_text
from dgpg_verify.reporting.objections import OBJECTIONS, answer
from dgpg_verify.reporting.provenance import flatten, repeat_command, run_scale, run_seed, scrub
from dgpg_verify.reporting.records import Record, Tables
from dgpg_verify.reporting.samples.tables import SECTION_TABLES as COMPLEXITY_TABLES
from dgpg_verify.reporting.samples.tables import complexity_context
from dgpg_verify.reporting.strip import domain, interval_strip
from dgpg_verify.reporting.summary import claim_summary
from dgpg_verify.reporting.training.tables import SECTION_TABLES as TRAINING_TABLES
from dgpg_verify.reporting.training.tables import score_groups, tuning_groups

SECTION_TABLES = TRAINING_TABLES | EQUILIBRIUM_TABLES | COMPLEXITY_TABLES  # table -> section
SECTION_TITLES = {
    "C1.1": "Noise of the shared-return gradient",
    "C1.2": "Is the guidance gradient noise-free?",
    "C1.3": "The minimum over \u03b1",
    "C1.4": "Guided policy gradient as it is run",
    "C2": "Equilibria: what mixing guidance in does to them",
    "C2.1": "Equilibria when the reference is aligned",
    "C2.2": "Equilibria with the practical reference",
    "C3": "Samples to a gap: how they grow with N and with 1/\u03b5",
    "C3.1": "Samples that the shared return needs",
    "C3.2": "Samples that guided policy gradient needs",
    "C4": "Training: curves, ablations, scores",
    "C4.1": "Episodes to converge",
    "C4.2": "MAPPO and IPPO at the same and at their own settings",
    "C4.3": "Against Best-Fit",
    "C4.4": "Sensitivity to \u03b1",
    "C4.5": "Gradient noise along training",
    "C5": "What guidance costs",
    "A1": "Exogeneity of the reference",
    "A2": "Descent alignment",
    "A3": "Locality of influence",
    "A4": "Smoothness and gradient domination",
}


@dataclass(frozen=True)
class Drawn:
    """A figure ready for the page. `svg` is inline; `files` are paths relative to the run folder."""

    key: str
    name: str
    heading: str
    claim: str
    group: str
    svg: str
    files: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class Run:
    """All that a page is made of, as read from a run folder.

    `notes` say what is missing; `titles` are the claims' titles by id, SECTION_TITLES where it holds none.
    """

    rows: Sequence[LedgerRow]
    tables: Tables
    environment: Mapping[str, Any]
    figures: Sequence[Drawn]
    files: Sequence[str]
    notes: Sequence[str]
    titles: Mapping[str, str] = field(default_factory=dict)


def anchor(text: str) -> str:
    """A name that can stand in id= and href=#: letters, digits, dots and dashes."""
    return "".join(c if c.isalnum() or c in ".-" else "-" for c in text)


def _clean_row(row: LedgerRow) -> LedgerRow:
    """The row with paths of the machine cut out of its texts."""
    texts: dict[str, Any] = {
        f.name: scrub(v) for f in dataclasses.fields(row) if isinstance(v := getattr(row, f.name), str)
    }
    return dataclasses.replace(row, **texts, files=tuple(scrub(name) for name in row.files))


def _clean_table(rows: Sequence[Record]) -> list[Record]:
    return [{key: scrub(v) if isinstance(v, str) else v for key, v in row.items()} for row in rows]


def _sections(run: Run, rows: Sequence[LedgerRow], tables: Tables) -> list[dict[str, Any]]:
    """One section per claim or audit that has rows, figures or tables, primary rows first, figures by kind."""
    judged = [row for row in rows if row.kind in ("claim", "audit")]
    shown = {name: claim for name, claim in SECTION_TABLES.items() if tables.get(name)}
    ids = {row.id for row in judged} | {figure.claim for figure in run.figures} | set(shown.values())
    sections = []
    for key in sorted(ids - {"words"}, key=wording.claim_order):
        mine = [row for row in judged if row.id == key]
        statement = mine[0].statement if mine else ""
        sections.append(
            {
                "id": key,
                "title": run.titles.get(key) or SECTION_TITLES.get(key) or statement or key,
                "statement": statement,
                "rows": sorted(mine, key=lambda row: (not row.primary, wording.natural(row.row))),
                "figures": figure_families([f for f in run.figures if f.claim == key]),
                "tables": [name for name, claim in shown.items() if claim == key],
                "overview": key.startswith("C") and "." not in key and not mine,  # what several claims share
            }
        )
    return sections


def figure_families(figures: Sequence[Drawn]) -> list[list[Drawn]]:
    """Figures of one kind together: the first is shown, the others fold away."""
    families: dict[str, list[Drawn]] = {}
    for figure in figures:
        families.setdefault(figure.key, []).append(figure)
    return list(families.values())


def calibration_summary(records: Sequence[Record]) -> list[dict[str, Any]]:
    """One line per procedure: the worst false support and false refutation over all its truths."""
    lines = []
    for name in dict.fromkeys(str(record.get("procedure")) for record in records):
        mine = [record for record in records if str(record.get("procedure")) == name]
        line: dict[str, Any] = {"procedure": name, "truths": len(mine)}
        for key, choose in (("repetitions", min), ("false_support", max), ("false_refutation", max), ("allowed", min)):
            values = [record[key] for record in mine if isinstance(record.get(key), int | float)]
            line[key] = choose(values) if values else None
        each = [_calibration_ok(record) for record in mine]
        line["ok"] = False if False in each else None if None in each else True
        if name.startswith("control") and line["ok"] is not None:  # a control must be wrong more often than allowed
            line["ok"] = not line["ok"]
        lines.append(line)
    return lines


def _calibration_ok(record: Record) -> bool | None:
    """Both error counts within what is allowed; None where a number is missing."""
    found = _numbers(record, "false_support", "false_refutation", "allowed")
    return None if found is None else max(found[0], found[1]) <= found[2]


def _coverage_ok(record: Record) -> bool | None:
    """Misses inside the allowed range; None where a number is missing."""
    found = _numbers(record, "allowed_low", "misses", "allowed_high")
    return None if found is None else found[0] <= found[1] <= found[2]


def _numbers(record: Record, *keys: str) -> list[float] | None:
    """The numbers under `keys`, None unless all are there."""
    values = [record.get(key) for key in keys]
    return [float(v) for v in values if v is not None] if all(isinstance(v, int | float) for v in values) else None


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("dgpg_verify.reporting", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        anchor=anchor,
        interval=wording.interval_text,
        relation=wording.relation_text,
        where=wording.setting_text,
        number=lambda v: wording.number_text(v) if isinstance(v, int | float) else ("-" if v is None else str(v)),
        status=status_text,
        sentence=wording.sentence,
        clause=lambda text: text.strip().rstrip("."),
        words=lambda text: text.replace("_", " "),
        method=wording.method_name,
        count=lambda v: wording.count_text(v) if isinstance(v, int | float) and v >= 1 else wording.number_text(v),
        safe_svg=lambda text: Markup(text),  # our own SVG, its texts escaped where they were made
    )
    return made


def render_page(run: Run) -> str:
    """The report as one HTML text: first screen, checks of the instrument, claims, objections, provenance."""
    rows = [_clean_row(row) for row in run.rows]
    tables = {name: _clean_table(found) for name, found in run.tables.items()}
    environment = _environment()
    context = (
        _ledger_context(rows)
        | _check_context(tables)
        | _figure_context(run, rows, tables)
        | _family_context(tables)
        | _run_context(run)
    )
    style = environment.loader.get_source(environment, "report.css")[0]  # type: ignore[union-attr]
    return environment.get_template("report.html.j2").render(
        context, sections=_sections(run, rows, tables), style=Markup(style)
    )


def _ledger_context(rows: Sequence[LedgerRow]) -> dict[str, Any]:
    """Claims, controls and oracles of the ledger, every interval as a strip on the scale of its statistic."""
    scales = {s: domain(r for r in rows if r.statistic == s) for s in {row.statistic for row in rows}}
    judged = [row.verdict for row in rows if row.kind in ("claim", "audit")]
    return {
        "rows": rows,
        "summaries": claim_summary(rows),
        "strips": {row.row: Markup(interval_strip(row, scales[row.statistic])) for row in rows},
        "counts": {label: judged.count(label) for label in LABELS},
        "unrecorded": sum(status_text(row) == "UNRECORDED" for row in rows),
        "controls": sorted(  # a control that failed to fail is read first
            (row for row in rows if row.kind == "control"), key=lambda row: row.verdict == row.expected_label
        ),
        "oracles": [row for row in rows if row.kind == "oracle"],
    }


def _check_context(tables: Tables) -> dict[str, Any]:
    """How far the instrument can be trusted: coverage, error rates, speed, declared choices."""
    calibration = tables.get("calibration", [])
    return {
        "coverage": [(record, _coverage_ok(record)) for record in tables.get("coverage", [])],
        "calibration": [(record, _calibration_ok(record)) for record in calibration],
        "calibration_summary": calibration_summary(calibration),
        "speed": tables.get("speed", []),
        "declared": tables.get("declared", []),
    }


def _figure_context(run: Run, rows: Sequence[LedgerRow], tables: Tables) -> dict[str, Any]:
    """Figures in plain words, and what of this run answers each objection."""
    first = {figure.key: figure for figure in reversed(run.figures)}
    filled = [name for name in tables if tables[name]]
    return {
        "words": figure_families([figure for figure in run.figures if figure.claim == "words"]),
        "first_figure": first,
        "answers": [answer(objection, rows, set(first), filled) for objection in OBJECTIONS],
    }


def _family_context(tables: Tables) -> dict[str, Any]:
    """What the templates of the families' tables need."""
    return {
        "scores": score_groups(tables.get("training_scores", [])),
        "tuning": tuning_groups(tables.get("tuning", [])),
        "improvements": tables.get("improvements", []),
        "equilibria": equilibrium_context(tables),
        "complexity": complexity_context(tables),
    }


def _run_context(run: Run) -> dict[str, Any]:
    """Where the run comes from and how to repeat it; what is missing."""
    environment = run.environment
    return {
        "scale": run_scale(environment),
        "seed": run_seed(environment),
        "commit": str(environment.get("commit") or "unknown"),
        "dirty": bool(environment.get("dirty")),
        "provenance": flatten(environment),
        "repeat": repeat_command(environment),
        "dispute": repeat_command(environment, other_seed=True),
        "dispute_of": lambda family: repeat_command(environment, family, other_seed=True),
        "files": run.files,
        "notes": [scrub(note) for note in run.notes],
    }
