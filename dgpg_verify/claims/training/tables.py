"""Plot records of the training experiments, from the cells alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dgpg_verify.claims.declared import declared
from dgpg_verify.claims.noise.read import CreditStats, return_share
from dgpg_verify.claims.series import Measured
from dgpg_verify.claims.training.measure import BASE, POINTS
from dgpg_verify.claims.training.read import Runs, Trained, TrainedRun, read_training, searches
from dgpg_verify.core import Estimate
from dgpg_verify.statistics import (
    interquartile_mean,
    mean_interval,
    mean_of,
    performance_profile,
    probability_of_improvement,
    settling_mean,
    settling_percentile,
)

Record = dict[str, Any]
LEVEL = 0.95
THRESHOLDS = tuple(np.round(np.arange(-0.5, 1.5001, 0.05), 2).tolist())
AGAINST = ("dgpg/sum", "dgpg/parts")
BEST_FIT = 1.0  # its score
NOT_REACHING = ("tuned", "claimed search", "control")  # parts whose rows are not asked when they are first at Best-Fit


def training_tables(measured: Measured) -> dict[str, list[Record]]:
    """curves, runs, training_scores, first_reach, profiles, improvements, training_noise and tuning of all rows.

    Profiles and probabilities of improvement compare runs of the main rows after equally many episodes; levels and
    scores hold what was trained longer twice, as it ended and (part `equal`) as it stood then, and every method once
    more at the settings that a search chose for it (part `own`, with the paper's budget `claimed own`).
    """
    trained = read_training(measured)
    every, equal = list(trained.values()), _at_equal_episodes(trained)
    own = {(search.tuned.key, search.n): search.tuned for search in searches(trained)}
    cut = [_named(group, trained[key]) for key, group in equal.items() if group is not trained[key]]
    return {
        "curves": [record for group in every for run in group.runs for record in _curve(group, run)],
        "runs": [_run(group, run) for group in (*every, *cut, *own.values()) for run in group.runs],
        "training_scores": [_scores(group) for group in (*every, *cut, *own.values())],
        "first_reach": [_first_reach(group) for group in (*every, *own.values()) if _reach_is_asked(group)],
        "profiles": [record for group in equal.values() for record in _profile(group)],
        "improvements": _improvements(equal, AGAINST) + _improvements_at_own(own),
        "training_noise": [record for group in every for point in POINTS for record in _noise(group, point)],
        "tuning": _tuning(trained),
        "declared": declared("training"),
    }


def _at_equal_episodes(trained: Runs) -> dict[tuple[str, int], Trained]:
    """The main rows, all of one N cut to as many episodes as the shortest of them."""
    main = {key: group for key, group in trained.items() if group.part == "main"}
    shortest = {n: min(group.episodes for group in main.values() if group.n == n) for _, n in main}
    return {
        key: group if group.episodes == shortest[group.n] else group.until(shortest[group.n])
        for key, group in main.items()
    }


def _named(cut: Trained, whole: Trained) -> Trained:
    """A cut row under a name of its own."""
    episodes = int(cut.runs[0].episodes[-1])
    return replace(cut, key=f"{whole.key}/equal", label=f"{whole.label}, {episodes} episodes", part="equal",
                   episodes=episodes)  # fmt: skip


def _where(group: Trained) -> Record:
    return {
        "row": group.key,
        "method": group.asked["method"],
        "label": group.label,
        "system": "cloud_openb" if "fleet" in group.asked["options"] else "cloud",
        "sharing": group.sharing,
        "setting": group.setting,
        "alpha": group.schedule,
        "part": group.part,
        "episodes": group.episodes,
        "n": group.n,
    }


def _curve(group: Trained, run: TrainedRun) -> list[Record]:
    return [
        _where(group)
        | {
            "replicate": run.replicate,
            "episode": int(episode),
            "samples": int(episode) * run.horizon,
            "seconds": float(seconds),
            "score": float(score),
            "return_per_agent": float(value) / run.n,
        }
        for episode, seconds, score, value in zip(run.episodes, run.seconds, run.scores, run.returns)
    ]


def _run(group: Trained, run: TrainedRun) -> Record:
    scores = run.scores
    settled = group.convergence_of(run).settled_at if _judgeable(run) else None
    return _where(group) | {
        "replicate": run.replicate,
        "seed": run.seed,
        "start": float(scores[0]),
        "level": run.level,
        "last": float(scores[-1]),
        "best": float(scores.max()),
        "best_checkpoint_gap": float(scores.max() - scores[-1]),
        "settled_at": settled,
        "horizon_episodes": int(run.episodes[-1]),
        "steps": run.horizon,
        "gap_percent": run.gap_percent,
        "learning_seconds": float(run.values["learning_seconds"]),
    }


def _judgeable(run: TrainedRun) -> bool:
    return len(run.episodes) >= 10


def _scores(group: Trained) -> Record:
    """Level and time to settle over seeds; intervals only where there are seeds enough for one, times to settle only
    where every run was evaluated often enough for one."""
    levels = group.levels
    runs = group.convergences if all(map(_judgeable, group.runs)) else []
    few = len(levels) < 3
    unknown = Estimate(None, None, None, LEVEL, len(levels))
    mean = mean_of(levels, LEVEL)
    settle_mean = settling_mean(runs, LEVEL) if len(runs) > 1 else unknown
    intervals = {
        "iqm": unknown if few else interquartile_mean(levels, LEVEL),
        "settle_p90": settling_percentile(runs, level=LEVEL, law="lognormal") if len(runs) > 1 else unknown,
        "settle_mean": settle_mean,
    }
    ends = {"": "value", "_low": "low", "_high": "high"}
    heuristics = {name: np.mean([run.heuristics[name] for run in group.runs]) for name in group.runs[0].heuristics}
    return _where(group) | {
        "seeds": len(levels),
        "mean": mean.value,
        "low": mean.low,
        "high": mean.high,
        **{name + end: getattr(known, field) for name, known in intervals.items() for end, field in ends.items()},
        "never": sum(run.settled_at is None for run in runs) if runs else None,
        "samples_to_settle": None if settle_mean.value is None else settle_mean.value * group.runs[0].horizon,
        "gap_percent": float(np.mean([run.gap_percent for run in group.runs])),
        "best_heuristic": max(heuristics, key=lambda name: heuristics[name]),
    }


def _reach_is_asked(group: Trained) -> bool:
    return group.part not in NOT_REACHING and all(len(run.episodes) >= 3 for run in group.runs)


def _first_reach(group: Trained) -> Record:
    """Episodes, joint samples and processor seconds when a run is first at Best-Fit, medians over runs.

    A run is there at the first evaluation whose 3-point median is at or above 1: run by run, so that those that never
    are can be counted, and on medians, so that one lucky evaluation is none. A run that never is counts as later than
    all others: no median where half of them are such. Times are those of evaluations, so they are late by up to the
    episodes between two.
    """
    found = [(run, run.first_at(BEST_FIT)) for run in group.runs]
    reached = [(run.episodes[k], run.episodes[k] * run.horizon, run.seconds[k]) for run, k in found if k is not None]
    never = len(found) - len(reached)
    medians = np.median([*reached, *[(np.inf,) * 3] * never], axis=0).tolist()
    return _where(group) | {
        "trained": group.episodes, "seeds": len(found), "never": never,
        **dict(zip(("episodes", "samples", "seconds"), medians)),
    }  # fmt: skip


def _profile(group: Trained) -> list[Record]:
    profile = performance_profile(group.levels, THRESHOLDS, LEVEL)
    about = {name: value for name, value in _where(group).items() if name not in ("alpha", "episodes")}
    return [
        about | {"threshold": at, "share": share.value, "low": share.low, "high": share.high, "band": profile.band}
        for at, share in zip(profile.thresholds, profile.shares)
    ]


def _improvements(trained: Runs, rivals: Sequence[str]) -> list[Record]:
    """Probability that a run of one method ends above a run of a rival, at equal N and episodes."""
    pairs = [
        (group, trained[rival, n], probability_of_improvement(group.levels, trained[rival, n].levels, LEVEL))
        for (key, n), group in trained.items()
        for rival in rivals
        if key != rival and (rival, n) in trained
    ]
    return [
        {
            "row": group.key, "label": group.label, "against": other.key, "against_label": other.label, "n": group.n,
            "probability": better.value, "low": better.low, "high": better.high,
        }
        for group, other, better in pairs
    ]  # fmt: skip


def _improvements_at_own(own: Runs) -> list[Record]:
    """Probability that a run of one method ends above a run of a rival, each at its own settings: at equal episodes,
    and with the paper's budget, in which the baselines have 2.5 times the episodes of DG-PG."""
    by_part = {
        part: {key: group for key, group in own.items() if group.part == part} for part in ("own", "claimed own")
    }
    claimed = dict.fromkeys(key for key, _ in by_part["claimed own"] if key.startswith("dgpg/"))
    return _improvements(by_part["own"], [f"{key}/tuned" for key in AGAINST]) + _improvements(
        by_part["claimed own"], list(claimed)
    )


def _noise(group: Trained, point: str) -> list[Record]:
    """The gradient's moments at one point of all runs: base, guidance, and the mixture the schedule used there.

    paired_ratio: variance over that of the difference reward on the same fleet, which C4.5 is judged by. return_share:
    of the mixture, over all runs together.
    """
    runs = [run for run in group.runs if f"{point}/names" in run.values]
    guided = [run.guided_at(point, group.mixture, group.centred) for run in runs]
    share = return_share(guided) if guided else None
    records = []
    for run, mixture in zip(runs, guided):
        stats = run.moments_at(point)
        for name, credit in (("base", stats[BASE]), ("guidance", stats["guidance"]), ("guided", mixture)):
            records.append(_moments(group, run, point, name, credit, share if name == "guided" else None))
    return records


def _moments(
    group: Trained, run: TrainedRun, point: str, name: str, credit: CreditStats, share: float | None
) -> Record:
    return {
        "row": group.key, "method": group.asked["method"], "label": group.label, "n": group.n,
        "replicate": run.replicate, "point": point, "alpha": run.alpha_at(point), "credit": name,
        "variance": credit.variance, "noise_to_signal": credit.noise_to_signal, "paired_ratio": credit.paired_ratio,
        "return_share": share,
    }  # fmt: skip


def _tuning(trained: Runs) -> list[Record]:
    """Every candidate of every method, and how many held-out seeds would choose it."""
    tried = [
        (search, k, group, mean_interval(group.levels, LEVEL))
        for search in searches(trained)
        for k, group in enumerate(search.candidates)
    ]
    return [
        {
            "method": search.key, "n": search.n, "episodes": search.tuned.episodes,
            "setting": "default" if k == 0 else group.series.row.notes.get("reading", group.label),
            "seeds": len(group.runs), "mean": mean.value, "low": mean.low, "high": mean.high,
            "chosen": search.chosen.count(k), "default": k == 0,
        }
        for search, k, group, mean in tried
    ]  # fmt: skip
