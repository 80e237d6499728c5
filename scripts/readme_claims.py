"""Write the README's claims and speed tables from the committed reference report, so that they cannot drift.

python scripts/readme_claims.py            rewrite README.md
python scripts/readme_claims.py --check    exit 1 if it would change
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dgpg_verify.core import LedgerRow, ledger_row_from_json
from dgpg_verify.reporting import claim_summary

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "reports" / "reference"


def claims_table(rows: list[LedgerRow], environment: dict) -> str:
    """One line a claim: statement, label, nearest true sentence, interval."""
    lines = [
        f"From `reports/reference/`: scale {environment['scale']}, seed {environment['seed']}, {len(rows)} rows.",
        "",
        "| claim | as stated | verdict | nearest sentence that holds |",
        "|---|---|---|---|",
    ]
    for summary in claim_summary(rows):
        lines.append(f"| {summary.id} | {summary.statement} | **{summary.label}** | {summary.holds_when} |")
    checks = [row for row in rows if row.kind in ("control", "oracle")]
    passed = sum(row.verdict == (row.expected_label or "supported") for row in checks)
    lines += ["", f"{passed} of {len(checks)} controls and oracle checks returned what they are built to return."]
    return "\n".join(lines)


GOALS = {"smoke": 30, "standard": 480, "full": 3600}  # seconds; C1 + A1 + A3 alone


def run_time(environment: dict) -> list[dict]:
    """What measuring the reference run took, if it was measured in one go."""
    if environment.get("kept_cells") != 0:
        return []
    seconds, scale = environment["measuring_seconds"], environment["scale"]
    claims = " + ".join(environment["claims"])
    return [
        {
            "what": f"measuring the {scale} run ({claims}), {environment['workers']} workers",
            "goal": f"<= {GOALS[scale]} s for C1 + A1 + A3",
            "measured": f"{seconds:.0f} s",
            "reached": seconds <= GOALS[scale],
            "note": "wall time of the reference run",
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
    rows = [ledger_row_from_json(row) for row in json.loads((REFERENCE / "ledger.json").read_text())["rows"]]
    environment = json.loads((REFERENCE / "environment.json").read_text())
    tables = json.loads((REFERENCE / "records.json").read_text())["tables"]
    text = replace_block((ROOT / "README.md").read_text(), "claims", claims_table(rows, environment))
    return replace_block(text, "speed", speed_table([*tables.get("speed", []), *run_time(environment)]))


def main() -> int:
    text, path = rendered(), ROOT / "README.md"
    if "--check" in sys.argv[1:]:
        return int(text != path.read_text())
    path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
