"""When a training run has converged, read off its curve of evaluation scores (Random = 0, Best-Fit = 1).

Claim C4.1. The level of a run is the mean score over the last 20 % of its episodes, never its best one. It has
converged at the first evaluation after which the 3-point median stays above 95 % of the way from the start score to
that level; a run that does not rise, does not learn, or falls back never has, and is counted as such (censored).

Declared choices: medians are centred and only full ones count, so the first and last evaluation are never a time of
convergence; a curve rises if its level lies more than 4 standard errors of one evaluation above its start (noise from
the last two fifths: median absolute second difference, of all runs together; measured for a run alone: 0.1 % of flat
curves of 61 evaluations pass, 0.5 % of 25, 2 % of 11). A steadily drifting curve converges late by this rule, inside
the window that defines its level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import InputError, Verdict
from dgpg_verify.statistics.checks import Array, check_sample
from dgpg_verify.statistics.intervals import mean_interval
from dgpg_verify.statistics.verdict import judge_at_least

REACH = 0.95  # of the way from the start to the level
LEARNED = 0.2  # score above which a run, or a method, has learned
COLLAPSE = 0.3  # score lost since the best 3-point median that makes a run a collapsed one
FEWEST_EVALUATIONS = 10  # so that the last 20 % are at least two
LAST = 0.2  # of the episodes, whose evaluations make the level
QUIET = 0.6  # of the episodes, after which evaluations tell their noise
CALM = 3.0  # noise deviations that 5 % of the rise must hold; with two, runs near the claimed time count as late
RISE = 4.0  # standard errors of one evaluation by which the level must lie above the start


@dataclass(frozen=True)
class Convergence:
    """One run, scores in score units, times in episodes.

    start: first evaluation. level: mean over the last 20 % of the episodes. last, best: last and highest single
    evaluation (best is optimistic and never a result). peak: highest 3-point median. converged_at: None = never
    (censored at `horizon`, the last evaluation). converged_after: the evaluation before it, so that the true time
    lies in (after, at]. level_from: first evaluation of the last 20 %. noise: standard deviation of one evaluation
    about the curve.
    """

    start: float
    level: float
    last: float
    best: float
    peak: float
    converged_at: float | None
    converged_after: float | None
    level_from: float
    horizon: float
    noise: float

    @property
    def settled_at(self) -> float | None:
        """converged_at of a run that also learned (level > 0.2) and has not lost 0.3 since its peak, else None."""
        return self.converged_at if self.level > LEARNED and self.peak - self.level < COLLAPSE else None

    @property
    def resolved(self) -> bool:
        """Whether evaluations are calm enough for the rule: 5 % of the rise is at least three noise deviations.

        Noisier runs dip below the line by chance long after they converged: their converged_at is an upper
        end only.
        """
        return CALM * self.noise <= (1.0 - REACH) * abs(self.level - self.start)

    @property
    def earliest(self) -> float:
        """Lower end of the time of settling: `horizon` if never, else converged_after; 0 if noise hides it."""
        clearly = self.resolved or self.level <= LEARNED or self.peak - self.level >= COLLAPSE
        if self.settled_at is None and clearly:
            return self.horizon
        return self.converged_after if self.resolved and self.converged_after is not None else 0.0


def convergence(episodes: ArrayLike, scores: ArrayLike) -> tuple[Convergence, ...]:
    """Start, level and time of convergence: one record per run. The noise of an evaluation is that of all runs
    together: a single run has too few evaluations to know it.

    Parameters
    ----------
    episodes
        [E], strictly increasing, >= 0, E >= 10.
    scores
        [R, E], or [E] for one run.
    """
    times = check_sample("episodes", episodes, FEWEST_EVALUATIONS)
    if times[0] < 0.0 or (np.diff(times) <= 0.0).any():
        raise InputError("episodes is not allowed: it must be strictly increasing and >= 0")
    curves = np.atleast_2d(check_sample("scores", scores, 1, (1, 2)))
    if curves.shape[1] != len(times):
        raise InputError(f"scores has {curves.shape[1]} evaluations, episodes has {len(times)}: they must agree")
    window = last_window(times)
    start, level, noise = curves[:, 0], curves[:, -window:].mean(1), _noise(times, curves)
    medians = np.median(np.stack([curves[:, :-2], curves[:, 1:-1], curves[:, 2:]]), axis=0)
    rises = level - start > RISE * noise * np.sqrt(1.0 + 1.0 / window)
    first = _stays_above(medians, start + REACH * (level - start)) + 1  # medians begin at the second evaluation
    never = ~rises | (first > medians.shape[1])
    return tuple(
        Convergence(
            start=float(start[k]),
            level=float(level[k]),
            last=float(curves[k, -1]),
            best=float(curves[k].max()),
            peak=float(medians[k].max()),
            converged_at=None if never[k] else float(times[first[k]]),
            converged_after=None if never[k] else float(times[first[k] - 1]),
            level_from=float(times[-window]),
            horizon=float(times[-1]),
            noise=noise,
        )
        for k in range(len(curves))
    )


def judge_learned(levels: ArrayLike) -> Verdict:
    """Whether a method has learned: mean over seeds of the runs' levels at least 0.2, by its t interval at 99 %.

    levels [R], R >= 2, one per seed, score units. Errs at most 0.5 % per side for normal levels.
    """
    return judge_at_least(mean_interval(check_sample("levels", levels, 2), 0.99), LEARNED)


def last_window(episodes: Array) -> int:
    """How many evaluations, made at these episodes [E] from 0 on, fall into the last 20 %: the level is their mean."""
    return int((episodes >= (1.0 - LAST) * episodes[-1] - 1e-9).sum())


def _noise(times: Array, curves: Array) -> float:
    """Standard deviation of one evaluation over all runs, from the last two fifths of the episodes. Second differences
    have 6 times its variance and no drift; their median absolute value is not moved by a few jumps."""
    bends = np.diff(curves[:, times >= QUIET * times[-1]], n=2, axis=1)
    return float(np.median(np.abs(bends))) / (0.6745 * math.sqrt(6.0))


def _stays_above(medians: Array, lines: Array) -> Array:
    """First index from which each row stays above its line, or the row's length: [R]."""
    below = medians <= lines[:, None]
    after_last = medians.shape[1] - np.argmax(below[:, ::-1], axis=1)
    return np.where(below.any(1), after_last, 0)
