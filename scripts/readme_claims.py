"""Write the tables of README.md and docs/results.md from the committed reports, so that they cannot drift.

python scripts/readme_claims.py            rewrite both
python scripts/readme_claims.py --check    exit 1 if one would change
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from dgpg_verify.core import LABELS, LedgerRow, ledger_row_from_json
from dgpg_verify.core.claim_ids import claim_order
from dgpg_verify.reporting.comparison.table import method_table
from dgpg_verify.reporting.matrix import claim_matrix, counts_text, name_text, price_text
from dgpg_verify.reporting.pages.systems import system_table
from dgpg_verify.reporting.records import RECORDS, SUMMARY
from dgpg_verify.reporting.summary import ReadingSummary
from dgpg_verify.reporting.wording import interval_text
from dgpg_verify.runs.files import read_json

ROOT = Path(__file__).resolve().parent.parent
# claim, method and step, words
SAMPLES = (
    ("C3.1", "return/theory", "the shared return"),
    ("C3.2", "guided:0.2/theory", "DG-PG at alpha = 0.2, where the published schedule ends"),
    ("C3.2", "guided:published/theory", "DG-PG, published schedule, at every eps"),
    ("C3.2", "guided:published/theory/later", "the same, at eps reached after its end"),
    ("C3.2", "guided:sqrt/theory", "1 - alpha = N^-1/2"),
    ("C3.2", "guided:optimal/theory", "alpha* of least variance"),
    ("C3.2", "guidance/theory", "guidance alone"),
    ("C3.2", "difference/theory", "the difference reward, which needs no reference"),
)
# words, rows: the first that has a given N
TRAINING = {
    "DG-PG, `sum`": ("dgpg/sum",),
    "DG-PG, `parts`": ("dgpg/parts",),
    "DG-PG, `joint`": ("dgpg/mixed",),
    "DG-PG, `mixed`": ("dgpg/mixed/raw",),
    "DG-PG, `both`": ("dgpg/both",),
    "guidance alone": ("guidance_only",),
    "guidance alone, exact, step 2e-3": ("guidance_only/exact",),
    "residual on Best-Fit (starts there)": ("residual",),
    "difference reward, replayed to the end": ("difference_replay",),
    "difference reward, one step": ("difference",),
    "HAPPO": ("happo",),
    "MAPPO": ("mappo/equal", "mappo/large"),
    "IPPO": ("ippo/equal",),
    "MAPPO, 78 episodes": ("mappo",),
    "IPPO, 78 episodes": ("ippo",),
    "MAPPO, 400 episodes, ten an update": ("mappo/patient",),
    "IPPO, 400 episodes, ten an update": ("ippo/patient",),
    "DG-PG, `both`, 200 episodes": ("dgpg/both/200 episodes",),
    "DG-PG, `parts`, 200 episodes": ("dgpg/parts/200 episodes",),
    "DG-PG, `joint`, 200 episodes": ("dgpg/mixed/200 episodes",),
    "DG-PG, `mixed`, 200 episodes": ("dgpg/mixed/raw/200 episodes",),
    "guidance alone, exact, step 2e-3, 200 episodes": ("guidance_only/exact/200 episodes",),
    "difference reward, replayed to the end, 200 episodes": ("difference_replay/200 episodes",),
    "MAPPO, 500 episodes, DG-PG's settings": ("mappo/preset",),
    "IPPO, 500 episodes, DG-PG's settings": ("ippo/preset",),
    "HAPPO, 500 episodes, DG-PG's settings": ("happo/preset",),
    "MAPPO, 500 episodes, practitioner's settings": ("mappo/practitioner",),
    "IPPO, 500 episodes, practitioner's settings": ("ippo/practitioner",),
    "HAPPO, 500 episodes, practitioner's settings": ("happo/practitioner",),
}
# of these, what the README shows, and the N
SHORT_TRAINING = (
    "DG-PG, `both`", "DG-PG, `parts`", "DG-PG, `mixed`", "guidance alone", "difference reward, replayed to the end",
    "DG-PG, `both`, 200 episodes", "MAPPO, 500 episodes, DG-PG's settings", "IPPO, 500 episodes, DG-PG's settings",
    "MAPPO, 500 episodes, practitioner's settings", "IPPO, 500 episodes, practitioner's settings",
)  # fmt: skip
SHORT_SIZES = (5, 10, 20, 50, 200)
DOMAINS = ("C7", "C8", "C9", "C10")
SCALES = ("smoke", "standard", "full")
NOT_YET = "not measured yet"
INSTRUMENT = "A0"  # claims of checks alone, which the tables leave out
GOALS = {  # seconds, by family and scale
    "C1 + A1 + A3": {"smoke": 30, "standard": 480, "full": 3600},
    "C2 + A2": {"smoke": 30, "standard": 180, "full": 1800},
    "C3 + A4": {"smoke": 30, "standard": 180, "full": 1800},
    "C4 + C5": {"smoke": 30, "standard": 720, "full": 36000},
}


class Report(NamedTuple):
    """What a committed report holds."""

    name: str
    rows: list[LedgerRow]
    environment: dict
    tables: dict

    @classmethod
    def read(cls, folder: Path) -> Report:
        tables = RECORDS if (folder / RECORDS).is_file() else SUMMARY
        ledger, environment, records = (
            read_json(folder / name) for name in ("ledger.json", "environment.json", tables)
        )
        return cls(folder.name, [ledger_row_from_json(row) for row in ledger["rows"]], environment, records["tables"])

    @property
    def order(self) -> tuple[Any, ...]:
        """Where it stands among the reports: the largest scale first, then by its first claim, then by its rows."""
        return (
            -SCALES.index(self.environment["scale"]),
            claim_order(min(self.environment["claims"], key=claim_order)),
            -len(self.rows),
        )

    @property
    def families(self) -> list[str]:
        """The goals of time that the run falls under, by its claims."""
        asked = {name[:2] for name in self.environment["claims"]}
        return [family for family in GOALS if family[:2] in asked] or ["C1 + A1 + A3"]


def committed() -> list[Report]:
    """The reports below reports/reference*, in order."""
    folders = (ROOT / "reports").glob("reference*")
    return sorted(
        (Report.read(folder) for folder in folders if (folder / "ledger.json").is_file()), key=lambda r: r.order
    )


def leading_of(reports: list[Report]) -> list[Report]:
    """Those that the claims are read from: of the largest scale."""
    return [report for report in reports if report.environment["scale"] == reports[0].environment["scale"]]


def rows_of(reports: list[Report]) -> list[LedgerRow]:
    """Their rows; of one that several reports hold, that of the first."""
    found: dict[str, LedgerRow] = {}
    for report in reports:
        for row in report.rows:
            found.setdefault(row.row, row)
    return list(found.values())


def claims_table(reports: list[Report]) -> str:
    """Claims against readings: statement, headline, every reading's verdict with its price, nearest true sentence."""
    lines = [
        f"`reports/{report.name}/`: scale {report.environment['scale']}, seed {report.environment['seed']}, "
        f"{len(report.rows)} rows{_unfinished(report)}."
        for report in reports
    ]
    matrix = claim_matrix(rows_of(reports))
    heads = ["claim, as stated", "headline", *matrix.titles, "the nearest sentence that holds"]
    lines += ["", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for summary, cells in matrix.lines:
        verdicts = " | ".join(map(_verdict, cells))
        beside = f" (outside the hypotheses: {counts_text(summary.outside)})" if summary.outside else ""
        label = f"**{summary.label}**{beside}"
        lines.append(f"| {summary.id} {summary.statement} | {label} | {verdicts} | {summary.holds_when or '-'} |")
    checks = [row for row in rows_of(reports) if row.kind in ("control", "oracle")]
    passed = sum(row.verdict == (row.expected_label or "supported") for row in checks)
    lines += ["", f"{passed} of {len(checks)} controls and oracle checks returned what they are built to return."]
    return "\n".join(lines)


def matrix_table(reports: list[Report]) -> str:
    """Claims against readings in one word each: title, headline, and the verdict of every reading. Claims that a run
    was asked and has no row of yet have a line too."""
    titles = {name: title for report in reports for name, title in report.environment.get("titles", {}).items()}
    matrix = claim_matrix(rows_of(reports))
    columns = len(matrix.titles)
    silent = {name for name in titles if not name.startswith(INSTRUMENT)}
    lines = {name: f"| {name} {titles[name]} | {NOT_YET} |{'  |' * columns}" for name in silent}
    for summary, cells in matrix.lines:
        verdicts = ("; ".join(map(_word, cell)) for cell in cells)
        name = f"{summary.id} {titles.get(summary.id, '')}".strip()
        lines[summary.id] = f"| {name} | **{summary.label}** | {' | '.join(verdicts)} |"
    head = [f"| {' | '.join(['claim', 'headline', *matrix.titles])} |", "|---" * (2 + columns) + "|"]
    return "\n".join([*head, *(lines[name] for name in sorted(lines, key=claim_order))])


def systems_table(reports: list[Report]) -> str:
    """The paper's claims system by system."""
    table = system_table(rows_of(reports))
    if table is None:
        return "Not measured in the committed runs."
    lines = [f"| {' | '.join(['system', *table.heads])} |", "|---" * (1 + len(table.heads)) + "|"]
    for system, answers in table.lines:
        said = (f"{answer.label} {interval_text(answer.row)}" if answer else "-" for answer in answers)
        lines.append(f"| {system} | {' | '.join(said)} |")
    return "\n".join(lines)


def _predictions(reports: list[Report]) -> list[LedgerRow]:
    """What was predicted of the other domains, but for training on them."""
    return [row for row in rows_of(reports) if row.row.split("/")[0] in DOMAINS and row.primary and row.kind == "claim"]


def predictions_line(reports: list[Report]) -> str:
    """How many predictions of the other domains hold, and how many of each claim do not."""
    rows = _predictions(reports)
    held, wrong, open_ = (sum(row.verdict == label for row in rows) for label in LABELS)
    claims = Counter(row.row.split("/")[0] for row in rows if row.verdict == "refuted")
    where = ", ".join(f"{claims[name]} of {name}" for name in sorted(claims, key=claim_order))
    return f"Of {len(rows)} predictions {held} are supported, {open_} not decided, and {wrong} refuted ({where})."


def wrong_predictions(reports: list[Report]) -> str:
    """The refuted ones, a line each."""
    wrong = [row for row in _predictions(reports) if row.verdict == "refuted"]
    return "\n".join(f"- {row.row.split('/')[0]}: {row.holds_when}" for row in wrong)


def methods_table(reports: list[Report], short: bool = False) -> str:
    """Every method and which of the five properties it has, with intervals and scores; short: without, of those alone
    of which the paper says something, and in one line where all is the same."""
    table = method_table(rows_of(reports))
    if table is None:
        return "Not measured in the committed runs."
    heads = ["method", *table.heads, *table.beside[: 2 if short else None]]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    alike: dict[tuple[str, ...], list[str]] = {}
    for line in table.lines:
        if short and not line.joined.primary:
            continue
        said = [
            "-" if answer is None else answer.text if short else f"{answer.text} {interval_text(answer.deciding)}"
            for answer in line.answers
        ]
        cells = [*said, line.arrivals or "-", f"{line.claim}: **{line.joined.verdict}**"]
        alike.setdefault(tuple(cells) if short else (*cells, line.scores or "-"), []).append(line.method)
    for found, names in alike.items():
        methods = ["; ".join(names)] if short else names
        lines += [f"| {' | '.join([method, *found])} |" for method in methods]
    return "\n".join(lines)


def _word(reading: ReadingSummary) -> str:
    """A reading's verdict, with its price where there is one."""
    price = price_text(reading)
    return f"{name_text(reading)}{reading.label}" + (f" ({price})" if price else "")


def _verdict(readings: tuple[ReadingSummary, ...]) -> str:
    said = ((f"{name_text(r)}{r.label} {counts_text(r.rows)}", price_text(r)) for r in readings)
    return "; ".join(", ".join(filter(None, parts)) for parts in said)


def _unfinished(report: Report) -> str:
    found = report.environment.get("unfinished")
    return f", {found['missing']} of {found['cells']} cells not measured yet" if found else ""


def samples_table(reports: list[Report]) -> str:
    """Powers of N and of 1/eps of the rules for alpha, on the team whose reference is perfect."""
    rows = {row.row: row for row in rows_of(reports)}
    lines = ["| what the agents learn from | n ~ N^p | n ~ eps^-q | N to |", "|---|---|---|---|"]
    for claim, method, words in SAMPLES:
        p, q = (rows[f"{claim}/team/aligned/{method}/{what}"] for what in ("p", "q"))
        lines.append(f"| {words} | {_interval(p)} | {_interval(q)} | {max(p.n_values)} |")
    return "\n".join(lines)


def _interval(row: LedgerRow) -> str:
    return "-" if row.estimate is None else f"{row.estimate:.2f} [{row.low:.2f}, {row.high:.2f}]"


def training_table(reports: list[Report], short: bool = False) -> str:
    """Score at the end of training and mean of the episodes to settle, of the leading rows at every N; short: of some
    of them at some."""
    scores = _scores(reports)
    leading = {row for rows in TRAINING.values() for row in rows}
    sizes = SHORT_SIZES if short else sorted({n for row, n in scores if row in leading})
    head = "score; episodes to settle, by N" if short else "score; episodes to settle"
    lines = [f"| {head} | {' | '.join(map(str, sizes))} |", "|---" * (len(sizes) + 1) + "|"]
    for words, rows in TRAINING.items():
        if short and words not in SHORT_TRAINING:
            continue
        found = [next((scores[row, n] for row in rows if (row, n) in scores), None) for n in sizes]
        lines.append(f"| {words} | {' | '.join(_score(record) for record in found)} |")
    return "\n".join(lines)


def _scores(reports: list[Report]) -> dict:
    """The scores at the end of training by (row, N)."""
    records = [record for report in reports for record in report.tables.get("training_scores", [])]
    return {(record["row"], record["n"]): record for record in records}


def tuned_table(reports: list[Report]) -> str:
    """Score of every method at the preset and at its own settings, at equal episodes; the best first."""
    scores = _scores(reports)
    own = {key: record for key, record in scores.items() if record["part"] == "own"}
    if not own:
        return f"{NOT_YET.capitalize()}."
    sizes = sorted({n for _, n in own})
    names = {row: record["label"].removesuffix(", tuned") for (row, _), record in own.items()}
    lines = [
        f"| the preset \u2192 its own settings | {' | '.join(map(str, sizes))} |",
        "|---" * (len(sizes) + 1) + "|",
    ]
    for row in sorted(names, key=lambda row: -sum(own[row, n]["mean"] for n in sizes)):
        before = [_shared(scores, row.removesuffix("/tuned"), n) for n in sizes]
        cells = [f"{was['mean']:.2f} \u2192 {_mean(own[row, n])}" for was, n in zip(before, sizes)]
        lines.append(f"| {names[row]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _shared(scores: dict, row: str, n: int) -> dict:
    return scores.get((f"{row}/equal", n)) or scores[row, n]


def _mean(record: dict) -> str:
    half = "" if record["low"] is None else f" \u00b1 {(record['high'] - record['low']) / 2:.2f}"
    return f"{record['mean']:.2f}{half}"


def _score(record: dict | None) -> str:
    if record is None:
        return ""
    score = _mean(record)
    if record["settle_mean"] is not None:
        return f"{score}; {record['settle_mean']:.3g}"
    return f"{score}; {record['never']}/{record['seeds']} never" if record["never"] else score


def run_time(report: Report) -> list[dict]:
    """What measuring a committed run took: in one go its wall time, in sittings that of its cells."""
    environment = report.environment
    scale, workers = environment["scale"], environment["workers"]
    if {name[:2] for name in environment["claims"]} - {"A0", *" ".join(GOALS).replace("+", " ").split()}:
        return []  # no goal was set for claims of other domains and methods
    if environment.get("kept_cells") == 0 and not environment["resume"]:
        seconds, note = environment["measuring_seconds"], "wall time of the committed run"
    elif "cell_seconds" in environment and "unfinished" not in environment:
        seconds, note = environment["cell_seconds"] / workers, "time of all cells of the committed run by workers"
    else:
        return []
    goal = sum(GOALS[family][scale] for family in report.families)
    asked = "every claim" if len(report.families) == len(GOALS) else " + ".join(environment["claims"])
    return [
        {
            "what": f"measuring the {scale} run ({asked}), {workers} workers",
            "goal": f"<= {goal} s for {', '.join(report.families)}",
            "measured": f"{seconds:.0f} s",
            "reached": seconds <= goal,
            "note": note,
        }
    ]


def speed_table(records: list[dict]) -> str:
    lines = ["| what | goal | measured | reached | note |", "|---|---|---|---|---|"]
    for record in records:
        reached = {True: "yes", False: "no"}.get(record.get("reached"), "")
        lines.append(
            f"| {record['what']} | {record['goal']} | {record['measured']} | {reached} | {record.get('note', '')} |"
        )
    return "\n".join(lines) if records else "Not measured in the reference run."


def replace_block(text: str, name: str, body: str) -> str:
    """`text` with the block between the markers of `name` replaced."""
    begin, end = text.index(f"<!-- {name}: begin"), text.index(f"<!-- {name}: end")
    head = text[begin : text.index("-->", begin) + 3]
    return f"{text[:begin]}{head}\n\n{body}\n\n{text[end:]}"


def rendered() -> dict[str, str]:
    """README and results with their blocks written anew, by path below the root."""
    reports = committed()
    leading = leading_of(reports)
    speed = [record for report in leading for record in report.tables.get("speed", [])]
    blocks = {
        "README.md": {
            "matrix": matrix_table(leading),
            "methods": methods_table(leading, short=True),
            "training": training_table(leading, short=True),
            "predictions": predictions_line(leading),
        },
        "docs/results.md": {
            "claims": claims_table(leading),
            "systems": systems_table(leading),
            "predictions": f"{predictions_line(leading)}\n\n{wrong_predictions(leading)}",
            "methods": methods_table(leading),
            "samples": samples_table(leading),
            "training": training_table(leading),
            "tuned": tuned_table(leading),
            "speed": speed_table([*speed, *(row for report in reports for row in run_time(report))]),
        },
    }
    texts = {}
    for path, tables in blocks.items():
        texts[path] = (ROOT / path).read_text()
        for name, body in tables.items():
            texts[path] = replace_block(texts[path], name, body)
    return texts


def main() -> int:
    changed = {path: text for path, text in rendered().items() if text != (ROOT / path).read_text()}
    if "--check" in sys.argv[1:]:
        return int(bool(changed))
    for path, text in changed.items():
        (ROOT / path).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
