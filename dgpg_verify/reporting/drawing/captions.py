"""Sentences of captions: how many replicates stand behind a point, what is measured but not drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pandas as pd

from dgpg_verify.reporting.drawing.axes import plain_text


def count_range(counts: Iterable[float]) -> str:
    """'300' or '300 to 3 000'; 'an unknown number of' without a count."""
    known = sorted({int(count) for count in counts if pd.notna(count)})
    if not known:
        return "an unknown number of"
    ends = dict.fromkeys(plain_text(count) for count in (known[0], known[-1]))
    return " to ".join(ends)


def fleets_text(rows: pd.DataFrame) -> str:
    """How many fleets stand behind every N: '20 fleets per N' or '12 to 20 fleets per N'."""
    series = [c for c in ("system", "graph", "policy", "sharing", "credit", "n") if c in rows]
    counts = rows.dropna(subset="fleet").groupby(series)["fleet"].nunique()
    if counts.empty:
        return "number of fleets not recorded"
    return f"{count_range(counts)} fleet{'s' if counts.max() > 1 else ''} per N"


def left_out(
    measured: Iterable[str],
    drawn: Iterable[str],
    name: Callable[[str], str] = str,
    *,
    place: str = "records.json",
    most: int = 6,
) -> str:
    """Names what is measured but not drawn, so that it is not taken for missing."""
    shown = set(drawn)
    left = [name(item) for item in dict.fromkeys(measured) if item not in shown]
    if not left:
        return ""
    more = f" and {len(left) - most} more" if len(left) > most else ""
    return f" Measured but not drawn here (in {place}): {', '.join(left[:most])}{more}."
