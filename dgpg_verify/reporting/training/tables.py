"""Tables of the training section: scores and times to settle of every row and N, and the search for settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dgpg_verify.reporting.records import Record, group_by
from dgpg_verify.reporting.wording import count_text, number_text, row_label

PARTS = {
    "main": "All methods, the same settings but for what the name says; baselines with more episodes",
    "equal": "What was trained longer, after as many episodes as the others",
    "alpha": "Constant \u03b1",
    "ablation": "One thing changed at a time",
    "claimed": "Baselines with the paper's 500 episodes",
    "patient": "With many more samples",
    "real": "Fleets and jobs after public records",
    "own": "Every method at the settings that a search chose for it, on other seeds",
    "claimed own": "The same with the paper's budget: 500 episodes, 200 of DG-PG",
    "tuned": "Candidates of the search for settings",
    "claimed search": "Candidates of the search with the paper's budget",
}


def score_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """`training_scores` by part, main first: {title, open, count, blocks}; a block is {label, row, rows by N}."""
    by_part = group_by(rows, lambda row: str(row.get("part") or ""))
    groups = []
    for part in [*(part for part in PARTS if part in by_part), *(part for part in by_part if part not in PARTS)]:
        blocks = [_block(same) for same in group_by(by_part[part], lambda row: row["row"]).values()]
        groups.append({"title": PARTS.get(part, part), "open": part == "main", "count": len(blocks), "blocks": blocks})
    return groups


def _block(rows: Sequence[Record]) -> dict[str, Any]:
    label = row_label(rows[0].get("label"), str(rows[0].get("method") or rows[0]["row"]))
    return {"label": label, "row": rows[0]["row"], "rows": sorted(rows, key=lambda row: row["n"])}


def tuning_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """`tuning` by method and N: {method, n, seeds, rows}, the setting chosen most often first."""
    groups = []
    for (method, n), settings in group_by(rows, lambda row: (str(row["method"]), row["n"])).items():
        settings.sort(key=lambda row: (-(row.get("chosen") or 0), str(row.get("setting"))))
        groups.append({"method": method, "n": n, "rows": settings})
    return groups


def reach_text(record: Record) -> str:
    """A record of `first_reach` in words: episodes, joint samples and processor seconds until a run is first at
    Best-Fit, medians over runs, and how many never are."""
    never = f"{record['never']}/{record['seeds']} never" if record["never"] else ""
    if record["episodes"] is None:
        return never
    seconds = "" if record["seconds"] is None else f"{number_text(record['seconds'], 2)} s"
    parts = (f"{record['episodes']:g} episodes", f"{count_text(record['samples'])} samples", seconds, never)
    return "; ".join(part for part in parts if part)


def reach_lines(records: Sequence[Record], rows: Mapping[str, Sequence[str]]) -> list[str]:
    """Lines of a Markdown table, methods against N, of when each is first at Best-Fit.

    Parameters
    ----------
    records : of the table `first_reach`.
    rows : words -> rows of the design; at every N the first that is there. Words without any have no line.
    """
    found = {(record["row"], record["n"]): record for record in records}
    leading = {row for keys in rows.values() for row in keys}
    sizes = sorted({n for row, n in found if row in leading})
    lines = [f"| first at Best-Fit after | {' | '.join(map(str, sizes))} |", "|---" * (len(sizes) + 1) + "|"]
    for words, keys in rows.items():
        cells = [next((reach_text(found[row, n]) for row in keys if (row, n) in found), "") for n in sizes]
        if any(cells):
            lines.append(f"| {words} | {' | '.join(cells)} |")
    return lines
