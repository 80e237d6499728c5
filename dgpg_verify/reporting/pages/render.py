"""A run as self-contained HTML pages: inline style, script and pictures, no request to anywhere."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup, escape

from dgpg_verify.core import LABELS, LedgerRow
from dgpg_verify.core.claim_ids import claim_order, natural
from dgpg_verify.reporting import equilibria, samples, wording
from dgpg_verify.reporting.comparison.table import method_table
from dgpg_verify.reporting.domains.foreign import ForeignTable
from dgpg_verify.reporting.ledger import NOT_COMPARED, status_text
from dgpg_verify.reporting.matrix import claim_matrix, counts_text, name_text, price_text
from dgpg_verify.reporting.pages.answers import answers, headline_text, page_title
from dgpg_verify.reporting.pages.checks import calibration_ok, calibration_summary, controls, coverage_ok
from dgpg_verify.reporting.pages.families import FAMILIES, INDEX, Family, anchor, family_of
from dgpg_verify.reporting.pages.objections import OBJECTIONS, answer
from dgpg_verify.reporting.pages.strip import domain, interval_strip
from dgpg_verify.reporting.pages.systems import system_table
from dgpg_verify.reporting.provenance import (
    SMALL,
    claim_titles,
    flatten,
    repeat_command,
    run_scale,
    run_seed,
    scrub,
    took_text,
)
from dgpg_verify.reporting.records import COLUMNS, SECTIONS, Record, Tables, group_by
from dgpg_verify.reporting.training.tables import reach_groups, score_groups, tuning_groups

PAPER = "https://arxiv.org/abs/2602.20078"
BLOCKS: Mapping[str, Callable[[Sequence[Record]], list[dict[str, Any]]]] = {  # how the rows of a table are grouped
    "training_scores": score_groups,
    "first_reach": reach_groups,
    "tuning": tuning_groups,
    **equilibria.BLOCKS,
    **samples.BLOCKS,
}
OVERVIEWS = {  # sections of figures and tables that several claims share; every claim brings its own title
    "words": "In plain words",
    "C2": "Equilibria: what mixing guidance in does to them",
    "C3": "Samples to a gap: how they grow with N and with 1/\u03b5",
    "C4": "Training: curves, ablations, scores",
}
PAGE_OF_TABLE = {"coverage": "A0", "calibration": "A0", "speed": "C5"}  # tables without a section of their own


@dataclass(frozen=True)
class Drawn:
    """A figure ready for a page. `svg` is inline; `files` are paths relative to the run folder; `command` and `small`
    dispute it, at the scale of the run and at the smallest."""

    key: str
    name: str
    heading: str
    claim: str
    group: str
    svg: str
    files: tuple[str, ...]
    command: str
    small: str


@dataclass(frozen=True)
class RunFiles:
    """What the pages are made from.

    Parameters
    ----------
    rows, tables, environment : what the run folder's JSON files hold.
    figures : in the order in which they are shown.
    files : names of the files beside the pages.
    warnings : what a reader must know before any number, in sentences; on every page.
    notes : what the run should hold and does not, in sentences; at the end of the first page.
    foreign : what other packages gave; on the first page.
    """

    rows: Sequence[LedgerRow]
    tables: Tables
    environment: Mapping[str, Any]
    figures: Sequence[Drawn] = ()
    files: Sequence[str] = ()
    warnings: Sequence[str] = ()
    notes: Sequence[str] = ()
    foreign: Sequence[ForeignTable] = ()


def render_pages(run: RunFiles) -> dict[str, str]:
    """HTML by name of the file: the index, then one page for each family of which the run holds something."""
    tables = {name: [dict.fromkeys(COLUMNS.get(name, ())) | row for row in run.tables[name]] for name in run.tables}
    sections = _sections(run.rows, tables, run.figures, claim_titles(run.environment))
    shared = _ledger_context(run.rows) | _run_context(run, tables)
    shared["headline"] = headline_text(shared["summaries"], shared["titles"], shared["preliminary"])
    shared["families"] = [family for family in FAMILIES if _holds(family, run.rows, tables, sections)]
    pages = {INDEX: _template("index.html.j2").render(shared, here=INDEX)}
    for family in shared["families"]:
        pages[family.file] = _template("family.html.j2").render(
            shared,
            here=family.file,
            family=family,
            sections=[section for section in sections if family_of(section["id"]) == family],
            controls=controls(_of(family, run.rows), "control"),
            oracles=controls(_of(family, run.rows), "oracle"),
            coverage=_checked(family, tables, "coverage", coverage_ok),
            calibration=_checked(family, tables, "calibration", calibration_ok),
            calibration_summary=calibration_summary(tables.get("calibration", [])),
            speed=_checked(family, tables, "speed", lambda record: None),
        )
    return pages


def _of(family: Family, rows: Sequence[LedgerRow]) -> list[LedgerRow]:
    return [row for row in rows if family_of(row.id) == family]


def _checked(
    family: Family, tables: Tables, name: str, check: Callable[[Record], bool | None]
) -> list[tuple[Record, bool | None]]:
    """The records of a table that stands on the page of `family`, each with whether it is as it should be."""
    if family_of(PAGE_OF_TABLE[name]) != family:
        return []
    return [(record, check(record)) for record in tables.get(name, [])]


def _holds(family: Family, rows: Sequence[LedgerRow], tables: Tables, sections: Sequence[Mapping[str, Any]]) -> bool:
    ids = [*(row.id for row in rows), *(section["id"] for section in sections)]
    ids += [claim for name, claim in PAGE_OF_TABLE.items() if tables.get(name)]
    return any(family_of(key) == family for key in ids)


def _sections(
    rows: Sequence[LedgerRow], tables: Tables, figures: Sequence[Drawn], titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """One section per claim or audit that has rows, figures or tables, primary rows first, figures by kind."""
    by_id = group_by((row for row in rows if row.kind in ("claim", "audit")), lambda row: row.id)
    shown = group_by((name for name in SECTIONS if tables.get(name)), SECTIONS.__getitem__)
    sections = []
    keys = {*by_id, *shown, *(figure.claim for figure in figures)}
    for key in sorted(keys, key=lambda key: (key != "words", claim_order(key))):
        judged = by_id.get(key, [])
        statement = judged[0].statement if judged else ""
        sections.append(
            {
                "id": key,
                "title": titles.get(key) or OVERVIEWS.get(key) or statement or key,
                "statement": statement,
                "rows": sorted(judged, key=lambda row: (not row.primary, natural(row.row))),
                "figures": _kinds(figures, key),
                "tables": shown.get(key, []),
            }
        )
    return sections


def _kinds(figures: Sequence[Drawn], section: str) -> list[list[Drawn]]:
    """A section's figures, those of one kind together: the first is shown, the others fold away."""
    return [*group_by((figure for figure in figures if figure.claim == section), lambda figure: figure.key).values()]


@functools.cache  # compiling the templates takes longer than filling them
def _environment() -> jinja2.Environment:
    """The templates. Whatever text they show has the machine's paths cut out."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("dgpg_verify.reporting", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: scrub(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        anchor=anchor,
        interval=wording.interval_text,
        relation=wording.relation_text,
        where=wording.setting_text,
        number=lambda v: wording.number_text(v) if isinstance(v, int | float) else ("-" if v is None else str(v)),
        compared=status_text,
        sentence=wording.sentence,
        in_words=wording.policy_in_words,
        explained=_explained,
        clause=lambda text: text.strip().rstrip("."),
        words=lambda text: text.replace("_", " "),
        method=wording.method_name,
        worded=lambda key, kind: wording.worded(kind, key or ""),
        count=lambda v: wording.count_text(v) if isinstance(v, int | float) and v >= 1 else wording.number_text(v),
        counts=counts_text,
        price=price_text,
        reading_name=name_text,
        page=lambda claim: family_of(claim).file,
        safe_svg=lambda text: Markup(text),  # our own SVG, its texts escaped where they were made
    )
    return made


def _explained(text: str) -> Markup:
    """A sentence of the ledger with its policy in words, and terms that a reader may not know explained in tooltips."""
    text = str(escape(wording.policy_in_words(text)))
    for term, meaning in wording.WORDS["terms"].items():
        text = text.replace(term, f'<abbr title="{escape(meaning)}">{term}</abbr>', 1)
    return Markup(text)


@functools.cache
def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)


def _run_context(run: RunFiles, tables: Tables) -> dict[str, Any]:
    """Where the run comes from, its tables, and the answers to objections."""
    first = {figure.key: figure for figure in reversed(run.figures)}
    filled = [name for name in tables if tables[name]]
    environment = run.environment
    return {
        "paper": PAPER,
        "tables": tables,
        "blocks": {name: blocks(tables.get(name, [])) for name, blocks in BLOCKS.items()},
        "first_figure": first,
        "table_page": {name: family_of(claim).file for name, claim in SECTIONS.items()},
        "section_page": _section_pages(run.rows, tables),
        "objections": [answer(objection, run.rows, set(first), filled) for objection in OBJECTIONS],
        "titles": claim_titles(environment),
        "scale": run_scale(environment),
        "preliminary": environment.get("preliminary", ()),
        "seed": run_seed(environment),
        "commit": str(environment.get("commit") or "unknown"),
        "dirty": bool(environment.get("dirty")),
        "provenance": flatten(environment),
        "repeat": repeat_command(environment),
        "minutes": SMALL[1],
        "took": functools.partial(took_text, run.rows, environment),
        "dispute_of": functools.partial(repeat_command, environment, other_seed=True),
        "files": run.files,
        "warnings": run.warnings,
        "notes": run.notes,
        "foreign": run.foreign,
    }


def _section_pages(rows: Sequence[LedgerRow], tables: Tables) -> dict[str, str]:
    """The page of every section that is no claim's, "" where the run has none."""
    found = {"oracles": "coverage", "errors": "calibration", "speed": "speed"}
    pages = {key: family_of(PAGE_OF_TABLE[name]).file if tables.get(name) else "" for key, name in found.items()}
    first = next((row for row in rows if row.kind == "control"), None)
    return {**pages, "controls": family_of(first.id).file if first else "", "declared": INDEX}


def _ledger_context(rows: Sequence[LedgerRow]) -> dict[str, Any]:
    """The claims of the ledger, every interval as a strip on the scale of its statistic."""
    scales = {name: domain(found) for name, found in group_by(rows, lambda row: row.statistic).items()}
    matrix = claim_matrix(rows)
    judged = [row.verdict for row in rows if row.kind in ("claim", "audit")]
    summaries = [summary for summary, _ in matrix.lines]
    return {
        "rows": rows,
        "summaries": summaries,
        "answers": answers(summaries),
        "page_title": page_title(summary.id for summary in summaries),
        "matrix": matrix,
        "systems": system_table(rows),
        "methods": method_table(rows),
        "strips": {row.row: Markup(interval_strip(row, scales[row.statistic])) for row in rows},
        "judged": len(judged),
        "counts": {label: judged.count(label) for label in LABELS},
        "not_compared": sum(status_text(row) == NOT_COMPARED for row in rows),
    }
