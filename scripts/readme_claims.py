"""Write the README's claims and speed tables from the committed reports, so that they cannot drift.

python scripts/readme_claims.py            rewrite README.md
python scripts/readme_claims.py --check    exit 1 if it would change
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

from dgpg_verify.core import LedgerRow, ledger_row_from_json
from dgpg_verify.reporting import claim_summary

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ("reference", "reference-equilibria", "reference-complexity", "reference-training")
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
    def read(cls, name: str) -> Report:
        folder = ROOT / "reports" / name
        ledger, environment, records = (
            json.loads((folder / file).read_text()) for file in ("ledger.json", "environment.json", "records.json")
        )
        return cls(name, [ledger_row_from_json(row) for row in ledger["rows"]], environment, records["tables"])

    @property
    def family(self) -> str:
        """The goal of time that the run falls under, by the first of its claims."""
        asked = {name[:2] for name in self.environment["claims"]}
        return next((family for family in GOALS if family[:2] in asked), "C1 + A1 + A3")


def claims_table(reports: list[Report]) -> str:
    """One line a claim: statement, label, nearest true sentence, interval."""
    lines = [
        f"`reports/{report.name}/`: scale {report.environment['scale']}, seed {report.environment['seed']}, "
        f"{len(report.rows)} rows."
        for report in reports
    ]
    lines += [
        "",
        "| claim | as stated | verdict | rows s / r / i | its deciding row, in words |",
        "|---|---|---|---|---|",
    ]
    for summary in (summary for report in reports for summary in claim_summary(report.rows)):
        rows = " / ".join(str(len(found)) for found in (summary.supported, summary.refuted, summary.inconclusive))
        lines.append(f"| {summary.id} | {summary.statement} | **{summary.label}** | {rows} | {summary.holds_when} |")
    checks = [row for report in reports for row in report.rows if row.kind in ("control", "oracle")]
    passed = sum(row.verdict == (row.expected_label or "supported") for row in checks)
    lines += ["", f"{passed} of {len(checks)} controls and oracle checks returned what they are built to return."]
    return "\n".join(lines)


def run_time(report: Report) -> list[dict]:
    """What measuring a committed run took: in one go its wall time, in sittings that of its cells."""
    environment = report.environment
    scale, workers = environment["scale"], environment["workers"]
    if environment.get("kept_cells") == 0:
        seconds, note = environment["measuring_seconds"], "wall time of the committed run"
    elif "cell_seconds" in environment and "unfinished" not in environment:
        seconds, note = environment["cell_seconds"] / workers, "time of all cells of the committed run by workers"
    else:
        return []
    goal = GOALS[report.family][scale]
    return [
        {
            "what": f"measuring the {scale} run ({' + '.join(environment['claims'])}), {workers} workers",
            "goal": f"<= {goal} s for {report.family}",
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


def rendered() -> str:
    reports = [Report.read(name) for name in REPORTS if (ROOT / "reports" / name).is_dir()]
    text = replace_block((ROOT / "README.md").read_text(), "claims", claims_table(reports))
    speed = [*reports[0].tables.get("speed", []), *(row for report in reports for row in run_time(report))]
    return replace_block(text, "speed", speed_table(speed))


def main() -> int:
    text, path = rendered(), ROOT / "README.md"
    if "--check" in sys.argv[1:]:
        return int(text != path.read_text())
    path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
