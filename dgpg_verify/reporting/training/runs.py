"""Runs of training on paper: scores between Random = 0 and Best-Fit = 1, episodes, every run thin, medians thick."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from dgpg_verify.reporting.drawing.select import number
from dgpg_verify.reporting.drawing.style import MUTED, log_y
from dgpg_verify.reporting.records import Record
from dgpg_verify.reporting.training.methods import Look, label_of

CLAIMED = (10, 20)  # episodes to converge as claimed: v1, and v3 on average
LINEAR = 10.0  # a long episode axis is linear up to here, logarithmic beyond
LONG = 100.0  # from here on an episode axis is long
FLOOR = 0.8  # lower end of a logarithmic axis of episodes
Limits = tuple[float, float]


def few(values: Iterable[float], most: int) -> list[float]:
    """At most `most` of `values`, both ends kept, the others spread evenly on a log scale."""
    found = sorted(set(values))
    if len(found) <= most:
        return found
    wanted = np.geomspace(found[0], found[-1], most)
    return sorted({min(found, key=lambda v: abs(np.log(v / w))) for w in wanted})


def score_limits(values: Iterable[float], least: float = -1.0, most: float = 2.5) -> Limits:
    """Limits of a score axis: Random and Best-Fit inside, collapses far below `least` cut off."""
    found = np.array([v for v in values if np.isfinite(v)] or [0.0, 1.0])
    low, high = float(np.quantile(found, 0.002)), float(np.quantile(found, 0.998))
    low, high = max(min(low, -0.08), least), min(max(high, 1.08), most)
    return low - 0.04 * (high - low), high + 0.04 * (high - low)


def outside(values: Iterable[float], limits: Limits) -> int:
    """How many values lie beyond an axis."""
    return sum(not limits[0] <= v <= limits[1] for v in values)


def outside_text(count: int, what: str) -> str:
    """Says how many values lie outside the frame, so that nobody takes them for missing."""
    return f" {count} {what} outside the frame." if count else ""


def lengths_text(runs: Iterable[Record]) -> str:
    """How long the runs were trained, methods that were trained longer named with their N."""
    lengths: dict[float, dict[str, set[float]]] = {}
    for r in runs:
        if (length := number(r.get("horizon_episodes"))) is not None:
            lengths.setdefault(length, {}).setdefault(label_of(r), set()).add(float(r["n"]))
    if not lengths:
        return ""
    usual = max(lengths, key=lambda length: sum(map(len, lengths[length].values())))
    others = [
        f"{length:g}: {', '.join(f'{name} (N = {_listed(sizes)})' for name, sizes in names.items())}"
        for length, names in sorted(lengths.items())
        if length != usual
    ]
    return f"Trained for {'; '.join([f'{usual:g} episodes', *others])}."


def _listed(sizes: Iterable[float]) -> str:
    return ", ".join(f"{n:g}" for n in sorted(sizes))


def score_axis(ax: Axes, limits: Limits, *, named: bool = True) -> None:
    """Score upwards, with Random = 0 and Best-Fit = 1 as reference lines, named beside the axis (`named`)."""
    ax.set_ylim(limits)
    span = limits[1] - limits[0]
    step = next((s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if span / s < 7), 2.0)
    ticks = np.round(np.arange(np.ceil(limits[0] / step), np.floor(limits[1] / step) + 1) * step, 6) + 0.0
    texts = [f"{t:.{2 if step < 0.1 else 1}f}" for t in ticks]
    names = {0.0: "Random 0", 1.0: "Best-Fit 1"} if named else {}
    ax.set_yticks(ticks, [names.get(float(t), text) for t, text in zip(ticks, texts)])
    for value in (0.0, 1.0):
        if limits[0] <= value <= limits[1]:
            ax.axhline(value, color=MUTED, lw=1.0, ls=(0, (6, 2)), zorder=1.5)


def settle_axis(ax: Axes, top: float) -> None:
    """Episodes upwards from 1 to `top`, logarithmic; the claimed 10 and 20 dotted."""
    log_y(ax, FLOOR, top * 1.25)
    ticks = [m * 10**k for k in range(6) for m in (1, 2, 5) if m * 10**k <= top * 1.25]
    ax.set_yticks(ticks, [f"{t:,}".replace(",", "\u2009") for t in ticks])
    for episodes in CLAIMED:
        ax.axhline(episodes, color=MUTED, lw=1.2, ls=":", zorder=1)


def settle_dots(ax: Axes, x: Sequence[float], found: Sequence[float | None], look: tuple[str, str], top: float) -> None:
    """Episodes to settle of every run; never (None) as an open triangle at `top`, 0 on the lower edge."""
    at = [2 * top if v is None else max(v, FLOOR) for v in found]
    dots(ax, x, at, *look, limits=(FLOOR, top))


def episode_axis(ax: Axes, last: float, *, label: bool = True) -> None:
    """Episodes to the right, the claimed 10 and 20 dotted; beyond 100 episodes linear to 10, then logarithmic."""
    if last > LONG:
        ax.set_xscale("symlog", linthresh=LINEAR, linscale=0.8)
        marks = [0, 5, 10] + [m * 10**k for k in range(1, 6) for m in (2, 5, 10) if m * 10**k <= last * 1.02]
        marks = sorted({m for m in marks if last <= 300 or m < 20 or str(m)[0] == "1"})
    else:
        marks = list(range(0, int(last) + 1, 5 if last <= 20 else 10 if last <= 50 else 20))
    ax.set_xlim(-0.02 * max(last, 1.0), max(last, 1.0) * 1.03)
    ax.set_xticks(marks, [f"{m:,}".replace(",", "\u2009") for m in marks])
    ax.set_xticks([], minor=True)
    for episode in (e for e in CLAIMED if e <= last):
        ax.axvline(episode, color=MUTED, lw=0.9, ls=":", alpha=0.7, zorder=0.5)
    if label:
        ax.set_xlabel("episodes")


def axis_text(last: float) -> str:
    """Says how a long episode axis is scaled."""
    return " Episode axis linear up to 10, logarithmic beyond." if last > LONG else ""


def split_runs(records: Iterable[Record]) -> list[np.ndarray]:
    """One (points, 2) array of episode and score for every run, points without a score left out."""

    def key(record: Record) -> tuple[str, ...]:
        return tuple(str(record.get(name)) for name in ("system", "row", "part", "n", "replicate"))

    made = []
    for _, group in itertools.groupby(sorted(records, key=key), key=key):
        points = [(e, s) for r in group if (s := number(r.get("score"))) is not None
                  and (e := number(r.get("episode"))) is not None]  # fmt: skip
        if points:
            made.append(np.array(sorted(points)))
    return made


def median_curve(runs: Sequence[np.ndarray]) -> np.ndarray:
    """Median over runs at every episode at which at least half of them were evaluated; (points, 2)."""
    found: dict[float, list[float]] = {}
    for run in runs:
        for episode, score in run:
            found.setdefault(float(episode), []).append(float(score))
    points = [(e, float(np.median(s))) for e, s in sorted(found.items()) if 2 * len(s) >= len(runs)]
    return np.array(points).reshape(-1, 2)


def draw_runs(ax: Axes, runs: Sequence[np.ndarray], look: Look, *, marked: bool = True) -> None:
    """Every run as a thin line, their median thick, with a few markers so that colour is not needed."""
    if not runs:
        return
    points = sum(len(run) for run in runs)
    thin = LineCollection(list(runs), colors=look.color, linewidths=0.6, alpha=0.35, zorder=2,
                          rasterized=points > 4000, gid="replicates")  # fmt: skip
    ax.add_collection(thin, autolim=False)
    middle = median_curve(runs)
    if not len(middle):
        return
    ax.plot(middle[:, 0], middle[:, 1], color="white", lw=3.0, alpha=0.7, zorder=3)
    ax.plot(middle[:, 0], middle[:, 1], color=look.color, lw=1.8, ls=look.dash, zorder=4)
    if marked:
        places = ax.transScale.transform(middle)[:, 0]
        wanted = np.linspace(places[0], places[-1], 5)
        at = sorted({int(np.argmin(np.abs(places - w))) for w in wanted})
        ax.plot(middle[at, 0], middle[at, 1], ls="none", marker=look.marker, ms=5.2, color=look.color, mfc=look.face,
                mec=look.edge, mew=0.8, zorder=5)  # fmt: skip


def dots(
    ax: Axes, x: Sequence[float], y: Sequence[float], color: str, marker: str = "o", *, limits: Limits | None = None,
    across: bool = False,
) -> None:  # fmt: skip
    """One dot a run; runs beyond `limits` (of x when `across`, else of y) sit on the edge as hollow triangles."""
    places = np.array([x, y], dtype=float).T.reshape(-1, 2)
    value = places[:, 0 if across else 1]
    low, high = limits or (-np.inf, np.inf)
    inside = (value >= low) & (value <= high)
    ax.scatter(places[inside, 0], places[inside, 1], s=15, color=color, marker=marker, alpha=0.45, linewidths=0,
               zorder=3, clip_on=False, gid="replicates")  # fmt: skip
    for beyond, edge, arrows in ((value < low, low, "v<"), (value > high, high, "^>")):
        if beyond.any():
            moved = places[beyond].copy()
            moved[:, 0 if across else 1] = edge
            ax.scatter(moved[:, 0], moved[:, 1], s=24, marker=arrows[across], facecolors="none", edgecolors=color,
                       linewidths=0.9, zorder=3, clip_on=False, gid="replicates")  # fmt: skip


def equally_long(records: Sequence[Record]) -> list[Record]:
    """Main rows; what was trained longer as it stood after as many episodes as the others (part `equal`)."""
    equal = [r for r in records if r.get("part") == "equal"]
    longer = {(str(r["row"]).removesuffix("/equal"), r["n"]) for r in equal}
    return [*(r for r in records if r.get("part") == "main" and (r["row"], r["n"]) not in longer), *equal]


def runs_text(records: Sequence[Record]) -> str:
    """How many runs stand behind every row and N: '10 runs' or '3 to 10 runs'."""
    sets: dict[tuple[str, ...], set[str]] = {}
    for r in records:
        sets.setdefault(tuple(str(r.get(k)) for k in ("system", "row", "part", "n")), set()).add(
            str(r.get("replicate"))
        )
    counts = sorted(len(found) for found in sets.values())
    if not counts:
        return "no run"
    if counts[0] == counts[-1]:
        return f"{counts[0]} run{'s' if counts[0] > 1 else ''} for every row and N"
    return f"{counts[0]} to {counts[-1]} runs for every row and N"
