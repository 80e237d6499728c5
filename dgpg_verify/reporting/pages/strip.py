"""A row's interval as a tiny inline SVG: the allowed band, the interval, the estimate."""

from __future__ import annotations

import math
from collections.abc import Iterable

from dgpg_verify.core import LedgerRow
from dgpg_verify.statistics import allowed_set

WIDTH, HEIGHT = 150, 22
EVERYTHING = (-math.inf, math.inf)


def _allowed(row: LedgerRow) -> tuple[float, float]:
    """The band in which the claim holds: everything if the row expects no number."""
    return EVERYTHING if row.expected is None else allowed_set(row.relation, row.expected, row.margin)


def domain(rows: Iterable[LedgerRow]) -> tuple[float, float]:
    """Common limits for rows of one statistic, so that their strips can be compared at a glance."""
    chosen = list(rows)
    marks = [v for row in chosen for v in (row.estimate, *_allowed(row)) if v is not None and math.isfinite(v)]
    marks.append(0.0)
    low, high = min(marks), max(marks)
    span = (high - low) or 1.0  # an interval longer than this runs off the strip, so that the others stay readable
    ends = [min(max(v, low - 0.5 * span), high + 0.5 * span) for r in chosen for v in (r.low, r.high) if v is not None]
    low, high = min([low, *ends]), max([high, *ends])
    if low == high:
        low, high = low - 0.5, high + 0.5
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def interval_strip(row: LedgerRow, limits: tuple[float, float]) -> str:
    """Inline SVG: green band = where the claim holds, line = interval, dot = estimate; empty if not measurable."""
    low, high = limits

    def x(value: float) -> float:
        return round(4 + (WIDTH - 8) * (min(max(value, low), high) - low) / (high - low), 1)

    parts = [f'<svg class="strip {row.verdict}" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">']
    allowed = _allowed(row)
    if allowed != EVERYTHING:
        x0 = x(allowed[0]) if math.isfinite(allowed[0]) else 0.0
        x1 = x(allowed[1]) if math.isfinite(allowed[1]) else WIDTH
        parts.append(f'<rect class="allowed" x="{x0}" y="3" width="{max(x1 - x0, 1.5):.1f}" height="16" rx="2"/>')
    if low < 0.0 < high:
        parts.append(f'<line class="zero" x1="{x(0)}" x2="{x(0)}" y1="3" y2="19"/>')
    if row.low is not None and row.high is not None:
        parts.append(f'<line class="interval" x1="{x(row.low)}" x2="{x(row.high)}" y1="11" y2="11"/>')
        parts += [f'<line class="interval" x1="{x(v)}" x2="{x(v)}" y1="7" y2="15"/>' for v in (row.low, row.high)]
    if row.estimate is not None:
        parts.append(f'<circle class="dot" cx="{x(row.estimate)}" cy="11" r="4"/>')
    return "".join(parts) + "</svg>"
