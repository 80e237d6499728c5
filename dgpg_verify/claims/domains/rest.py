"""Where ascent without noise comes to rest: floors against a formula, or at most so large."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from dgpg_verify.claims.domains import design as grid
from dgpg_verify.claims.domains.questions import FLOOR_OF, READ
from dgpg_verify.claims.noise.questions import threshold_question
from dgpg_verify.claims.question import Question, as_control, checked, exactly
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.core import Evidence

MARGIN = 1e-3
Formula = Callable[[int], float]


def optimal_floor(n: int) -> float:
    """Braess's network toward the system optimum: nobody crosses, and chance alone is left."""
    return crossed_floor(0.0, n)


def selfish_floor(alpha: float) -> Formula:
    """Braess's network toward the user equilibrium, which draws a part of the drivers over the bridge: floor of N."""
    return lambda n: crossed_floor(min(1.0, alpha * (2 * n - 1) / ((1.0 + alpha) * (n - 1))), n)


def crossed_floor(share: float, n: int) -> float:
    """The floor where each of n drivers crosses the bridge with this chance; a third do at the start."""
    return _lost(share, n) / _lost(1.0 / 3.0, n)


def _lost(share: float, n: int) -> float:
    return 0.5 / n + 0.5 * share**2 * (1.0 - 1.0 / n)


FORMULAS: Mapping[tuple[str, str], Formula] = {
    **{(grid.REST_NETWORK, run): optimal_floor for run in ("guided:0.2", "guidance", "annealed")},
    (grid.REST_NETWORK_SELFISH, "guided:0.2"): selfish_floor(0.2),
    (grid.REST_NETWORK_SELFISH, "guidance"): selfish_floor(1.0),
    (grid.REST_NETWORK_SELFISH, "annealed"): optimal_floor,
}
AT_MOST: Mapping[tuple[str, str], float] = {
    **{(key, "annealed"): 0.02
       for key in (grid.REST_TOWN, grid.REST_POWER[0.0], grid.REST_SPARSE, grid.REST_BOTTLENECK)},
    (grid.REST_BOTTLENECK, "guided:0.2"): 0.01,
}  # fmt: skip


def ask_rest(measured: Measured, system: str) -> Iterator[Question]:
    """Floors of a system that were predicted as numbers; their exponents are predictions like others."""
    for (key, run), formula in FORMULAS.items():
        if key in measured and key.startswith(system):
            yield _formula(measured[key], run, formula)
    if grid.REST_NETWORK in measured and system == grid.TRAFFIC:
        other = _formula(measured[grid.REST_NETWORK], "guided:0.2", selfish_floor(0.2))
        yield as_control(other, "refuted", "control: the formula of the other reference")
    for (key, run), most in AT_MOST.items():
        if key in measured and key.startswith(system):
            yield _at_most(measured[key], run, most)


def _read(run: str) -> Callable[[Evidence], float]:
    return lambda item: READ["floor"](item.values, run)


def _formula(series: Series[Evidence], run: str, formula: Formula) -> Question:
    off = max(abs(_read(run)(item) - formula(item.cell.n)) for item in series.flat)
    n = max(series.n_values)
    found, where = float(np.mean(series.only(n).values(_read(run))[n])), series.row.notes["where"]
    return Question(
        key=f"{series.key}/floor/{run}",
        statistic="floor",
        read=[series],
        verdict=checked(off <= MARGIN, f"at most {off:.2g} off the formula", exactly(off, len(series.flat))),
        sentence=f"Without noise {found:.4g} of the first gap is left {FLOOR_OF[run]}, {formula(n):.4g} by the formula "
        f"(N = {n}; at most {off:.2g} off at any N): {where}.",
        relation="equal",
        expected=0.0,
        margin=MARGIN,
        system=where,
        policy="softmax, where ascent without noise rests",
        primary=True,
    )


def _at_most(series: Series[Evidence], run: str, most: float) -> Question:
    subject = f"the floor {FLOOR_OF[run]} is {{estimate}} of the first gap (predicted: at most {most:g}): {{where}}."
    sentences = {
        "supported": f"As predicted, {subject}",
        "refuted": f"Not as predicted, {subject}",
        "inconclusive": f"Undecided: {subject}",
    }
    moving = sum(not item.values[f"settled/{run}"] for item in series.flat)
    return threshold_question(
        series, "floor", _read(run), sentences, most, most, primary=True, suffix=f"{run} at most",
        notes=(f"{moving} of {len(series.flat)} runs not quite at rest" if moving else "",),
    )  # fmt: skip
