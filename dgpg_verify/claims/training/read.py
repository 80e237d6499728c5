"""Training cells read back: curves in score units, and what the verdicts are taken from.

Every method is read at its own settings too: what the search tried, and each seed's run at what did best on the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.noise.read import CellStats, CreditStats
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.claims.training.measure import BASE, replicates_of
from dgpg_verify.claims.training.sizes import LONG_RUN
from dgpg_verify.core import Estimate, Evidence
from dgpg_verify.statistics import Convergence, convergence, last_window
from dgpg_verify.statistics.intervals import t_quantile
from dgpg_verify.training import make_method

Array = NDArray[np.float64]
WIDTH_LEVEL = 0.99
CHOSEN = "chosen"  # sharing of parameters: one of the settings that a search chose


@dataclass(frozen=True)
class TrainedRun:
    """One run. episodes, returns [E]: evaluations, mean held-out return (sum scale); heuristics: name -> mean return
    on the same workloads; horizon: joint steps of an episode; values: everything the cell holds."""

    n: int
    replicate: int
    seed: int
    episodes: Array
    returns: Array
    heuristics: Mapping[str, float]
    horizon: int
    values: Mapping[str, Any]
    evidence: Evidence

    @classmethod
    def read(cls, evidence: Evidence) -> TrainedRun:
        values, cell = evidence.values, evidence.cell
        return cls(
            cell.n, cell.replicate, cell.seed, np.asarray(values["episodes"], dtype=np.float64),
            np.asarray(values["returns"], dtype=np.float64), dict(values["heuristics"]), int(values["horizon"]),
            values, evidence,
        )  # fmt: skip

    @property
    def scored(self) -> bool:
        """Whether Best-Fit gains on Random beyond the noise of the workloads, at 99 %: else a score means nothing."""
        half = t_quantile(int(self.values["workloads"]) - 1, WIDTH_LEVEL) * float(self.values["gain_error"])
        return float(self.values["gain"]) > half

    @cached_property
    def scores(self) -> Array:
        """[E], Random = 0 and Best-Fit = 1 on the same workloads."""
        return (self.returns - self.heuristics["random"]) / float(self.values["gain"])

    @property
    def seconds(self) -> Array:
        """[E], processor time spent on learning until each evaluation, NaN where it was not kept."""
        kept = np.asarray(self.values.get("seconds", np.full(len(self.episodes), np.nan)), dtype=np.float64)
        return kept[: len(self.episodes)]

    def first_at(self, score: float) -> int | None:
        """Place of the first evaluation whose median with its two neighbours is at or above a score; None = never.

        One lucky evaluation between two below is none. The start and the last evaluation have no median.
        """
        medians = np.median(np.stack([self.scores[:-2], self.scores[1:-1], self.scores[2:]]), axis=0)
        reached = np.flatnonzero(medians >= score)
        return int(reached[0]) + 1 if len(reached) else None

    @property
    def level(self) -> float:
        """Mean score over the last 20 % of the episodes."""
        return self._ended(self.scores)

    @property
    def level_return(self) -> float:
        return self._ended(self.returns)

    def _ended(self, curve: Array) -> float:
        return float(curve[-last_window(self.episodes) :].mean())

    @property
    def gap_percent(self) -> float:
        """Cost above that of the best heuristic, in % of it; negative = better."""
        return self._excess(max(self.heuristics.values()))

    @property
    def best_fit_percent(self) -> float:
        """Cost above Best-Fit's, in % of it; negative = better."""
        return self._excess(self.heuristics["best_fit"])

    def _excess(self, other: float) -> float:
        return 100.0 * (other - self.level_return) / abs(other)

    def alpha_at(self, point: str) -> float:
        """The guidance's weight that the schedule used at "start", "middle" or "end"."""
        used = np.asarray(self.values["alpha"])
        return float(used[{"start": 0, "middle": len(used) // 2, "end": len(used) - 1}[point]])

    def moments_at(self, point: str) -> CellStats:
        """Moments of the gradient at "start", "middle" or "end"."""
        return CellStats.read(self.evidence, point)

    def guided_at(self, point: str, setting: str, centred: bool) -> CreditStats:
        """The mixture that the schedule used at a point of the run; centred where its update subtracts the mean."""
        return self.moments_at(point).guided(self.alpha_at(point), setting, BASE, centred)

    def until(self, episode: float) -> TrainedRun:
        """The same run as it stood after so many episodes (a schedule that depends on the run's length is not)."""
        kept = self.episodes <= episode
        return replace(self, episodes=self.episodes[kept], returns=self.returns[kept])


@dataclass(frozen=True)
class Trained:
    """All runs of one method at one N, in order of replicate.

    key, label, part, episodes and sharing are those of the design, unless runs were cut or chosen; setting: relative
    scale of the two parts, where there are two; schedule: the guidance's weight, where it is mixed with a return;
    series: the cells behind it.
    """

    key: str
    label: str
    part: str
    episodes: int
    sharing: str
    setting: str | None
    schedule: str | None
    n: int
    runs: tuple[TrainedRun, ...]
    series: Series[Evidence]

    @property
    def asked(self) -> Mapping[str, Any]:
        """What the design asked of the cells: method, alpha, options of the system ..."""
        return self.series.row.options

    @classmethod
    def of(cls, series: Series[Evidence], runs: Sequence[TrainedRun]) -> Trained:
        """The runs of a series at its one N."""
        row, asked = series.row, series.row.options
        method = make_method(asked["method"])
        return cls(
            key=row.key,
            label=row.notes["label"],
            part=row.notes["part"],
            episodes=asked["episodes"],
            sharing=asked["sharing"],
            setting=str(asked["settings"].get("setting", "sum")) if method.mixes else None,
            schedule=(asked["alpha"] or method.alpha) if method.mixes else None,
            n=series.n_values[0],
            runs=tuple(sorted(runs, key=lambda run: run.replicate)),
            series=series,
        )

    @property
    def reading(self) -> str:
        """The reading of the mixture or of a baseline's settings, see `readings.READINGS`; "" where there is none.

        Where the mixture is normalised over the batch before the update, as every method's advantage is unless said,
        `mixed` is the reading `joint`.
        """
        if "reading" in self.series.row.notes:
            return str(self.series.row.notes["reading"])
        joint = self.setting == "mixed" and self.asked["settings"].get("advantage_norm") != "none"
        return "joint" if joint else self.setting or ""

    @property
    def long(self) -> bool:
        """Whether it learned for as many episodes as the paper's budget leaves for DG-PG."""
        return self.part == "claimed" and self.asked["episodes"] == LONG_RUN

    @property
    def mixture(self) -> str:
        """The setting in which the update's noise is measured: that of its reading where there is one."""
        return "joint" if self.reading == "joint" else self.setting or "sum"

    def convergence_of(self, run: TrainedRun) -> Convergence:
        """When a run has converged; the noise of an evaluation is read off all that were evaluated alike."""
        alike = [other for other in self.runs if np.array_equal(other.episodes, run.episodes)]
        place = [other.replicate for other in alike].index(run.replicate)
        return convergence(run.episodes, np.stack([other.scores for other in alike]))[place]

    @property
    def convergences(self) -> list[Convergence]:
        return [self.convergence_of(run) for run in self.runs]

    @property
    def centred(self) -> bool:
        """Whether the update subtracts the mixture's mean over the batch."""
        return self.asked["settings"].get("advantage_norm") != "none"

    @property
    def levels(self) -> Array:
        return np.array([run.level for run in self.runs])

    @property
    def width(self) -> Estimate:
        """Gain of Best-Fit on Random per agent, mean over these fleets, 99 % over their held-out workloads."""
        gains = np.array([float(run.values["gain"]) / run.n for run in self.runs])
        errors = np.array([float(run.values["gain_error"]) / run.n for run in self.runs])
        df = sum(int(run.values["workloads"]) - 1 for run in self.runs)
        value = float(gains.mean())
        half = t_quantile(df, WIDTH_LEVEL) * float(np.sqrt((errors**2).sum())) / len(gains)
        return Estimate(value, value - half, value + half, WIDTH_LEVEL, len(gains))

    def until(self, episode: float) -> Trained:
        return replace(self, runs=tuple(run.until(episode) for run in self.runs))


Runs = Mapping[tuple[str, int], Trained]  # (row, N) -> runs


def read_training(measured: Measured) -> dict[tuple[str, int], Trained]:
    """The runs of every row at every N. Runs of a fleet on which Best-Fit does not beat Random have no score and are
    left out of every row alike."""
    trained = {}
    for key in sorted(measured):
        for n in sorted(measured[key].n_values):
            series = measured[key].only(n)
            runs = [TrainedRun.read(fleet) for cell in series.evidence for fleet in replicates_of(cell)]
            scored = [run for run in runs if run.scored]
            if scored:
                trained[key, n] = Trained.of(series, scored)
    return trained


@dataclass(frozen=True)
class Search:
    """All candidates of a method at one N: its default first, the same seeds for all, cut to as many episodes."""

    n: int
    candidates: tuple[Trained, ...]

    @property
    def key(self) -> str:
        """That of the default; with its episodes where the default is one reading of a baseline's settings."""
        return self._names[0]

    @property
    def _names(self) -> tuple[str, str]:
        """Key and label."""
        default = self.candidates[0]
        reading, episodes = default.series.row.notes.get("reading"), f"{default.episodes} episodes"
        if reading is None:
            return default.key, default.label
        return default.key.replace(f"/{reading}", f"/{episodes}"), default.label.replace(reading, episodes)

    @cached_property
    def chosen(self) -> tuple[int, ...]:
        """For each seed the candidate that did best on all the others, so that no run is judged on what chose it."""
        table = np.stack([group.levels for group in self.candidates])  # [C, R]
        return tuple((table.sum(1, keepdims=True) - table).argmax(0).tolist())

    @property
    def tuned(self) -> Trained:
        """Each seed's run at the candidate chosen for it; part `own`, `claimed own` with the paper's budget."""
        default, (key, label) = self.candidates[0], self._names
        runs = tuple(self.candidates[c].runs[k] for k, c in enumerate(self.chosen))
        part = "claimed own" if default.part == "claimed" else "own"
        return replace(default, key=f"{key}/tuned", label=f"{label}, tuned", part=part, sharing=CHOSEN,
                       episodes=min(group.episodes for group in self.candidates), runs=runs)  # fmt: skip


def searches(trained: Runs) -> list[Search]:
    """The searches that are whole: every candidate that the scale declares, all on the same two seeds or more."""
    searched = (_search(trained, key, n) for key, n in trained)
    return [search for search in searched if search is not None]


def _search(trained: Runs, key: str, n: int) -> Search | None:
    names = trained[key, n].series.row.notes.get("candidates", ())
    if len(names) < 2 or any((name, n) not in trained for name in names):
        return None
    candidates = [trained[name, n] for name in names]
    seeds = {tuple(run.replicate for run in group.runs) for group in candidates}
    if len(seeds) > 1 or len(candidates[0].runs) < 2:
        return None
    episodes = min(group.episodes for group in candidates)
    return Search(n, tuple(group.until(episodes) for group in candidates))
