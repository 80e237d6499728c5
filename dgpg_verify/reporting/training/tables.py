"""Tables of the training section: scores and times of every row and N, and the search for settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dgpg_verify.reporting.records import Record, group_by
from dgpg_verify.reporting.wording import row_label

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
    """`tuning` by the episodes of a search: {title, blocks}; a block is one search, {method, n, rows}, the setting that
    was chosen most often first."""
    groups = []
    for episodes, tried in group_by(rows, lambda row: row.get("episodes")).items():
        searches = group_by(tried, lambda row: (str(row["method"]), row["n"]))
        blocks = [
            {"method": method, "n": n, "rows": sorted(same, key=_chosen)} for (method, n), same in searches.items()
        ]
        settings = sorted({len(block["rows"]) for block in blocks})
        title = f"{len(blocks)} search{'es' * (len(blocks) > 1)} of {' or '.join(map(str, settings))} settings"
        groups.append({"title": f"{title}, {episodes:g} episodes a run" if episodes else title, "blocks": blocks})
    return groups


def _chosen(row: Record) -> tuple[int, str]:
    return -(row.get("chosen") or 0), str(row.get("setting"))


def reach_groups(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """`first_reach` by row of the design, those at the usual settings first: {label, row, rows by N}."""
    parts = list(PARTS)
    ordered = sorted(rows, key=lambda row: parts.index(row["part"]) if row.get("part") in parts else len(parts))
    return [_block(same) for same in group_by(ordered, lambda row: row["row"]).values()]
