"""Tables of the training section: scores and times to settle of every row and N, and the search for settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dgpg_verify.reporting.records import Record
from dgpg_verify.reporting.wording import row_label

PARTS = {
    "main": "All methods, the same settings but for what the name says; baselines with more episodes",
    "equal": "What was trained longer, after as many episodes as the others",
    "alpha": "Constant \u03b1",
    "ablation": "One thing changed at a time",
    "patient": "With many more samples",
    "real": "Fleets and jobs after public records",
    "own": "Every method at the settings that a search chose for it, on other seeds",
    "tuned": "Candidates of the search for settings",
}


def score_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """`training_scores` by part, main first: {title, open, count, blocks}; a block is {label, row, rows by N}."""
    found = list(dict.fromkeys(str(row.get("part") or "") for row in rows))
    parts = [part for part in PARTS if part in found] + [part for part in found if part not in PARTS]
    made = []
    for part in parts:
        mine = [row for row in rows if str(row.get("part") or "") == part]
        blocks = [_block([row for row in mine if row["row"] == key]) for key in dict.fromkeys(r["row"] for r in mine)]
        made.append({"title": PARTS.get(part, part), "open": part == "main", "count": len(blocks), "blocks": blocks})
    return made


def _block(rows: Sequence[Record]) -> dict[str, Any]:
    label = row_label(rows[0].get("label"), str(rows[0].get("method") or rows[0]["row"]))
    return {"label": label, "row": rows[0]["row"], "rows": sorted(rows, key=lambda row: row["n"])}


def tuning_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """`tuning` by method and N: {method, n, seeds, rows}, the setting chosen most often first."""
    places = dict.fromkeys((str(row["method"]), row["n"]) for row in rows)
    made = []
    for method, n in places:
        mine = [row for row in rows if (str(row["method"]), row["n"]) == (method, n)]
        mine.sort(key=lambda row: (-(row.get("chosen") or 0), str(row.get("setting"))))
        made.append({"method": method, "n": n, "rows": mine})
    return made
