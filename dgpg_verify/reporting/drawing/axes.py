"""Axes: logarithmic in N and in other quantities with few, plainly written ticks; percent; thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes

from dgpg_verify.reporting.drawing.look import GRID, MUTED
from dgpg_verify.reporting.drawing.sheet import WIDTH

Limits = tuple[float, float]


def power_text(exponent: int) -> str:
    """10^exponent as a short label: 0.01, 1, 1000, then 10 with a raised exponent."""
    if -3 <= exponent <= 4:
        return f"{10.0**exponent:g}" if exponent < 4 else "10\u2009000"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def plain_text(count: float) -> str:
    """A count with thin spaces, 3 000; a power of ten from a million on."""
    return f"{count:,.0f}".replace(",", "\u2009") if count < 1e6 else power_text(round(np.log10(count)))


def limits(values: Iterable[float], *, pad: float = 0.07, least_decades: float = 0.0) -> Limits:
    """Log-axis limits around the positive values, at least `least_decades` wide."""
    logs = np.log10([v for v in values if v > 0] or [1.0])
    low, high = float(logs.min()), float(logs.max())
    extra = max(0.0, least_decades - (high - low), 0.3 - (high - low)) / 2
    low, high = low - extra, high + extra
    room = pad * (high - low)
    return 10.0 ** (low - room), 10.0 ** (high + room)


def equal_spans(columns: Sequence[Iterable[float]]) -> list[Limits]:
    """Log-axis limits of the same number of decades for every column, so that equal slopes look equal."""
    spans = [limits(values) for values in columns]
    most = max(np.log10(high / low) for low, high in spans)
    return [limits(span, pad=0.0, least_decades=most) for span in spans]


def n_axis(ax: Axes, ns: Iterable[float], label: str | None = "agents N") -> None:
    """Log axis in N whose ticks are measured values of N, thinned so that labels do not touch."""
    values = sorted({float(n) for n in ns})
    ax.set_xscale("log")
    span = max(values[-1] / values[0], 2.0)
    ax.set_xlim(values[0] / span**0.06, values[-1] * span**0.06)
    decade = max(ax.get_position().width * WIDTH, 0.5) / np.log10(span**1.12)  # inches
    last = values[-1]
    texts = {last: plain_text(last)}
    for value in reversed(values[:-1]):
        letters = 0.5 * (len(texts[last]) + len(plain_text(value)))
        if decade * np.log10(last / value) >= 0.12 + 0.072 * letters:  # their width at this size, and air
            last, texts[value] = value, plain_text(value)
    ax.set_xticks(values, [texts.get(value, "") for value in values])
    if label:
        ax.set_xlabel(label)


def log_y(ax: Axes, low: float, high: float) -> None:
    """Log axis in y from `low` to `high` with a handful of plainly written ticks."""
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    decades = np.log10(high / low)
    marks = (1, 2, 5) if decades < 1.6 else (1, 3) if decades < 2.4 else (1,)
    step = max(1, int(np.ceil(decades / 7))) if len(marks) == 1 else 1
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    places = [(mark, e) for e in range(first, last + 1) if e % step == 0 for mark in marks]
    ticks = {mark * 10.0**e: power_text(e) if mark == 1 else f"{mark * 10.0**e:g}" for mark, e in places}
    ticks = {value: text for value, text in ticks.items() if low <= value <= high}
    ax.set_yticks(list(ticks), list(ticks.values()))


def log_x(ax: Axes, low: float, high: float) -> None:
    """Log axis in x with as many powers of ten as fit a narrow panel."""
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    first, last = int(np.ceil(np.log10(low))), int(np.floor(np.log10(high)))
    powers = range(first, last + 1, max(1, int(np.ceil((last - first + 1) / 4))))
    ax.set_xticks([10.0**k for k in powers], [power_text(k) for k in powers])


def share_y(ax: Axes, low: float = -0.03, high: float = 1.03, step: float = 0.25) -> None:
    """Linear axis in y for a share: 0, 25 %, ..., 100 %."""
    ax.set_ylim(low, high)
    ticks = np.arange(0.0, 1.0 + step / 2, step)
    ax.set_yticks(ticks, [f"{100 * t:g}\u00a0%" if t else "0" for t in ticks])


def rule(ax: Axes, y: float | None = None, *, x: float = 0.0, **line: Any) -> None:
    """A thin dashed line across the panel at `y`, or upwards at `x`: a threshold, a level to compare with."""
    look: dict[str, Any] = {"color": MUTED, "lw": 1.0, "ls": (0, (6, 2)), "zorder": 1} | line
    ax.axvline(x, **look) if y is None else ax.axhline(y, **look)


def dodge(ax: Axes, k: int, count: int) -> float:
    """Factor on N that sets series k of `count` apart from its neighbours, the same on paper in every panel."""
    low, high = ax.get_xlim()
    return float((high / low) ** (0.0065 * (k - (count - 1) / 2)))


def nothing_in(ax: Axes, why: str = "not measured") -> None:
    """Say why a panel is empty."""
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", color=MUTED)


def quiet(ax: Axes, *, lines: bool = True) -> None:
    """No box, no minor ticks; horizontal grid lines only, or with `lines=False` none and no tick marks beside names."""
    sns.despine(ax=ax)
    ax.minorticks_off()
    ax.grid(False)
    if lines:
        ax.grid(axis="y", color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(length=3, width=0.8)
    if not lines:
        ax.tick_params(axis="y", length=0)
