"""The self-contained page of a run: inline style and pictures, no request to anywhere, readable by a reviewer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

from dgpg_verify.core import LABELS, LedgerRow
from dgpg_verify.reporting import equilibria, samples, wording
from dgpg_verify.reporting.ledger import status_text
from dgpg_verify.reporting.matrix import claim_matrix, counts_text, name_text, price_text
from dgpg_verify.reporting.objections import OBJECTIONS, answer
from dgpg_verify.reporting.provenance import claim_titles, flatten, repeat_command, run_scale, run_seed, scrub
from dgpg_verify.reporting.records import COLUMNS, SECTIONS, Record, Tables, group_by
from dgpg_verify.reporting.strip import domain, interval_strip
from dgpg_verify.reporting.training.tables import score_groups, tuning_groups

BLOCKS: Mapping[str, Callable[[Sequence[Record]], list[dict[str, Any]]]] = {  # how the rows of a table are grouped
    "training_scores": score_groups,
    "tuning": tuning_groups,
    **equilibria.BLOCKS,
    **samples.BLOCKS,
}
OVERVIEWS = {  # sections of figures and tables that several claims share; every claim brings its own title
    "C2": "Equilibria: what mixing guidance in does to them",
    "C3": "Samples to a gap: how they grow with N and with 1/\u03b5",
    "C4": "Training: curves, ablations, scores",
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


def anchor(text: str) -> str:
    """A name that can stand in id= and href=#: letters, digits, dots and dashes."""
    return "".join(c if c.isalnum() or c in ".-" else "-" for c in text)


def _sections(
    rows: Sequence[LedgerRow], tables: Tables, figures: Sequence[Drawn], titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """One section per claim or audit that has rows, figures or tables, primary rows first, figures by kind."""
    by_id = group_by((row for row in rows if row.kind in ("claim", "audit")), lambda row: row.id)
    shown = group_by((name for name in SECTIONS if tables.get(name)), SECTIONS.__getitem__)
    sections = []
    for key in sorted({*by_id, *shown, *(figure.claim for figure in figures)} - {"words"}, key=wording.claim_order):
        judged = by_id.get(key, [])
        statement = judged[0].statement if judged else ""
        sections.append(
            {
                "id": key,
                "title": titles.get(key) or OVERVIEWS.get(key) or statement or key,
                "statement": statement,
                "rows": sorted(judged, key=lambda row: (not row.primary, wording.natural(row.row))),
                "figures": _families(figures, key),
                "tables": shown.get(key, []),
                "overview": key.startswith("C") and "." not in key and not judged,  # what several claims share
            }
        )
    return sections


def _families(figures: Sequence[Drawn], section: str) -> list[list[Drawn]]:
    """A section's figures, those of one kind together: the first is shown, the others fold away."""
    return [*group_by((figure for figure in figures if figure.claim == section), lambda figure: figure.key).values()]


def calibration_summary(records: Sequence[Record]) -> list[dict[str, Any]]:
    """One line per procedure: the worst false support and false refutation over all its truths."""
    lines = []
    for name, truths in group_by(records, lambda record: str(record["procedure"])).items():
        line: dict[str, Any] = {"procedure": name, "truths": len(truths)}
        for key, choose in (("repetitions", min), ("false_support", max), ("false_refutation", max), ("allowed", min)):
            line[key] = choose((record[key] for record in truths if record[key] is not None), default=None)
        each = [_calibration_ok(record) for record in truths]
        line["ok"] = False if False in each else None if None in each else True
        if name.startswith("control") and line["ok"] is not None:  # a control must be wrong more often than allowed
            line["ok"] = not line["ok"]
        lines.append(line)
    return lines


def _calibration_ok(record: Record) -> bool | None:
    """Both error counts within what is allowed; None where a number is missing."""
    support, refutation, allowed = (record[key] for key in ("false_support", "false_refutation", "allowed"))
    return None if None in (support, refutation, allowed) else max(support, refutation) <= allowed


def _coverage_ok(record: Record) -> bool | None:
    """Misses inside the allowed range; None where a number is missing."""
    low, misses, high = (record[key] for key in ("allowed_low", "misses", "allowed_high"))
    return None if None in (low, misses, high) else low <= misses <= high


@functools.cache  # compiling the templates takes longer than filling them
def _template() -> jinja2.Template:
    """The page's template. Whatever text it shows has the machine's paths cut out."""
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
        status=status_text,
        sentence=wording.sentence,
        clause=lambda text: text.strip().rstrip("."),
        words=lambda text: text.replace("_", " "),
        method=wording.method_name,
        worded=lambda key, kind: wording.worded(kind, key or ""),
        count=lambda v: wording.count_text(v) if isinstance(v, int | float) and v >= 1 else wording.number_text(v),
        counts=counts_text,
        price=price_text,
        reading_name=name_text,
        safe_svg=lambda text: Markup(text),  # our own SVG, its texts escaped where they were made
    )
    return made.get_template("report.html.j2")


def render_page(
    rows: Sequence[LedgerRow],
    tables: Tables,
    environment: Mapping[str, Any],
    figures: Sequence[Drawn],
    files: Sequence[str],
    notes: Sequence[str],
) -> str:
    """The report as one HTML text: first screen, checks of the instrument, claims, objections, provenance.

    Parameters
    ----------
    rows, tables, environment : what the run folder's JSON files hold.
    figures : in the order in which they are shown.
    files : names of the files beside the page.
    notes : what is missing, in sentences.
    """
    tables = {name: [dict.fromkeys(COLUMNS.get(name, ())) | row for row in tables[name]] for name in tables}
    first = {figure.key: figure for figure in reversed(figures)}
    filled = [name for name in tables if tables[name]]
    return _template().render(
        _ledger_context(rows),
        tables=tables,
        blocks={name: blocks(tables[name]) for name, blocks in BLOCKS.items()},
        coverage=[(record, _coverage_ok(record)) for record in tables["coverage"]],
        calibration=[(record, _calibration_ok(record)) for record in tables["calibration"]],
        calibration_summary=calibration_summary(tables["calibration"]),
        words=_families(figures, "words"),
        first_figure=first,
        answers=[answer(objection, rows, set(first), filled) for objection in OBJECTIONS],
        sections=_sections(rows, tables, figures, claim_titles(environment)),
        scale=run_scale(environment),
        seed=run_seed(environment),
        commit=str(environment.get("commit") or "unknown"),
        dirty=bool(environment.get("dirty")),
        provenance=flatten(environment),
        repeat=repeat_command(environment),
        dispute_of=functools.partial(repeat_command, environment, other_seed=True),
        files=files,
        notes=notes,
    )


def _ledger_context(rows: Sequence[LedgerRow]) -> dict[str, Any]:
    """Claims, controls and oracles of the ledger, every interval as a strip on the scale of its statistic."""
    scales = {name: domain(found) for name, found in group_by(rows, lambda row: row.statistic).items()}
    matrix = claim_matrix(rows)
    judged = [row.verdict for row in rows if row.kind in ("claim", "audit")]
    return {
        "rows": rows,
        "summaries": [summary for summary, _ in matrix.lines],
        "matrix": matrix,
        "strips": {row.row: Markup(interval_strip(row, scales[row.statistic])) for row in rows},
        "counts": {label: judged.count(label) for label in LABELS},
        "unrecorded": sum(status_text(row) == "UNRECORDED" for row in rows),
        "controls": sorted(  # a control that failed to fail is read first
            (row for row in rows if row.kind == "control"), key=lambda row: row.verdict == row.expected_label
        ),
        "oracles": [row for row in rows if row.kind == "oracle"],
    }
