"""Made-up training tables with plausible shapes: input for tests of reporting, never a result."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Record = dict[str, Any]
HORIZON = 100
EVERY = 2
SMALL, GRID = (2, 5, 10), (2, 5, 10, 20, 50, 100, 200, 500)
THRESHOLDS = tuple(np.round(np.arange(-0.5, 1.2501, 0.05), 2).tolist())


@dataclass(frozen=True)
class Row:
    """What a made-up row learns: level at N = 1 and its change a decade of N, episodes to get there."""

    key: str
    label: str
    method: str
    level: float
    drop: float = 0.0
    pace: float = 4.0
    part: str = "main"
    ns: tuple[int, ...] = GRID
    sharing: str = "independent"
    setting: str | None = None
    alpha: str | None = None
    episodes: int = 30
    system: str = "cloud"


def design() -> list[Row]:
    """Rows as a training run has them: all methods at small N, DG-PG at every N, and one change at a time."""
    published = {"method": "dgpg", "alpha": "0.9->0.2"}
    long = {"episodes": 75, "ns": SMALL}
    rows = [
        Row("dgpg/sum", "DG-PG, sum", level=1.05, drop=-0.03, setting="sum", **published),
        Row("dgpg/mixed", "DG-PG, mixed", level=1.02, drop=-0.02, setting="mixed", pace=5.0, **published),
        Row("dgpg/parts", "DG-PG, parts", level=1.08, drop=-0.02, setting="parts", pace=3.0, **published),
        Row("dgpg/sum/shared", "DG-PG, sum, shared", level=1.04, setting="sum", sharing="shared", ns=SMALL,
            **published),
        Row("guidance_only", "guidance only", "guidance_only", 0.97, pace=3.0),
        Row("mappo", "MAPPO", "mappo", 0.9, -0.5, 20.0, **long),
        Row("ippo", "IPPO", "ippo", 0.8, -1.3, 25.0, **long),
        Row("mappo/shared", "MAPPO, shared", "mappo", 0.95, -0.2, 14.0, sharing="shared", **long),
        Row("ippo/shared", "IPPO, shared", "ippo", 0.92, -0.3, 16.0, sharing="shared", **long),
        Row("mappo/large", "MAPPO", "mappo", 0.9, -0.5, 20.0, ns=(50, 200)),
        *(Row(name, name.replace("_", " "), name, level, drop, pace, ns=SMALL)
          for name, level, drop, pace in (("happo", 0.9, -0.4, 18.0), ("difference", 1.02, 0.0, 6.0),
                                          ("imitation", 0.99, 0.0, 1.0), ("residual", 1.03, 0.0, 1.0))),
        *(Row(f"dgpg/{setting}/alpha {a}", f"\u03b1 = {a}, {setting}", "dgpg", 1.03 + 0.02 * a * (setting == "sum"),
              part="alpha", ns=(50,), setting=setting, alpha=str(a))
          for setting in ("sum", "parts") for a in (0.2, 0.4, 0.6, 0.8)),
        *(Row(f"ablation/{key}", key.replace("alpha", "\u03b1"), "dgpg", level, part="ablation", ns=(10, 50),
              setting="parts", alpha="0.9->0.2")
          for key, level in (("exact influence", 1.09), ("multi_step influence", 1.02), ("alpha 0.9->0", 1.01),
                             ("alpha n^-0.5", 1.04), ("alpha adaptive", 1.05), ("reference biased:0.5", 0.8),
                             ("reference lagged:10", 0.95), ("reference shuffled", -0.4),
                             ("reference rounded", 1.0), ("reference noise:1", 0.6))),
        *(Row(f"search/mappo/{key}", key, "mappo", level, part="tuned", ns=(10,)) for key, level in
          (("actor_lr 0.002", 0.6), ("sharing shared, actor_lr 0.002", 0.8))),
        *(Row(f"{key}/tuned", f"{label}, tuned", method, level, -0.1, part="own", ns=(2, 10), sharing="own")
          for key, label, method, level in (("mappo", "MAPPO", "mappo", 0.9), ("happo", "happo", "happo", 0.7),
                                            ("dgpg/parts", "DG-PG, parts", "dgpg", 1.1))),
        Row("mappo/patient", "MAPPO, patient", "mappo", 1.05, part="patient", ns=(10,), sharing="shared", pace=20.0),
        Row("mappo/practitioner", "MAPPO, practitioner", "mappo", 1.1, part="claimed", ns=(10,), sharing="shared",
            pace=20.0),
        Row("recorded/dgpg/parts", "DG-PG, parts", level=1.04, setting="parts", part="real", ns=(10, 50),
            system="cloud_openb", **published),
        Row("recorded/mappo", "MAPPO", "mappo", 0.5, part="real", ns=(10, 50), system="cloud_openb", pace=20.0),
    ]  # fmt: skip
    return rows


def budget_design() -> list[Row]:
    """Rows that are compared at a matched budget, in the order in which they are drawn."""
    ns, practice = (5, 10, 20, 50), {"part": "claimed", "sharing": "shared", "episodes": 500}
    given: dict[str, Any] = {"method": "dgpg", "alpha": "0.9->0.2", "ns": ns}
    long = given | {"part": "claimed", "episodes": 200}
    return [
        Row("dgpg/parts", "DG-PG, parts", level=1.04, setting="parts", pace=3.0, **given),
        Row("dgpg/parts/200 episodes", "DG-PG, parts, 200 episodes", level=1.1, setting="parts", pace=9.0, **long),
        Row("dgpg/both", "DG-PG, both", level=1.02, setting="both", pace=4.0, **given),
        Row("dgpg/both/200 episodes", "DG-PG, both, 200 episodes", level=1.08, setting="both", pace=12.0, **long),
        Row("guidance_only/exact", "guidance only, exact, step 2e-3", "guidance_only", 1.06, pace=1.5, ns=ns),
        Row("difference_replay", "difference reward, replayed", "difference_replay", 1.2, -0.02, 8.0, ns=ns),
        Row("mappo/practitioner", "MAPPO, practitioner", "mappo", 1.35, -0.25, 60.0, ns=ns, **practice),
        Row("mappo/preset", "MAPPO, preset", "mappo", 0.2, -0.3, 60.0, "claimed", ns, episodes=500),
        Row("ippo/practitioner", "IPPO, practitioner", "ippo", 1.1, -0.3, 90.0, ns=ns, **practice),
        Row("happo/practitioner", "HAPPO, practitioner", "happo", 1.2, -0.3, 120.0, "claimed", ns, episodes=500),
    ]


def _where(row: Row, n: int) -> Record:
    return {
        "row": row.key, "method": row.method, "label": row.label, "system": row.system, "sharing": row.sharing,
        "setting": row.setting, "alpha": row.alpha, "part": row.part, "n": n,
    }  # fmt: skip


def _runs(row: Row, n: int, seeds: int, rng: np.random.Generator) -> Iterator[tuple[list[Record], Record]]:
    """Curve and summary of every run of a row at one N."""
    level = row.level + row.drop * math.log10(n)
    for replicate in range(seeds):
        end, pace = level + 0.04 * rng.standard_normal(), row.pace * math.exp(0.3 * rng.standard_normal())
        episodes = np.arange(0, row.episodes + 1, EVERY)
        scores = end * (1 - np.exp(-episodes / pace)) + 0.03 * rng.standard_normal(episodes.size)
        settled = None if 3 * pace > row.episodes else float(EVERY * math.ceil(3 * pace / EVERY))
        curve = [_where(row, n) | {"replicate": replicate, "episode": int(e), "samples": int(e) * HORIZON,
                                   "seconds": 0.01 * n * int(e), "score": float(s),
                                   "return_per_agent": -50 + 9 * float(s)}
                 for e, s in zip(episodes, scores)]  # fmt: skip
        last = scores[-max(1, len(scores) // 5) :]
        yield curve, _where(row, n) | {
            "replicate": replicate, "seed": replicate + 7, "start": float(scores[0]), "level": float(last.mean()),
            "last": float(scores[-1]), "best": float(scores.max()), "horizon_episodes": row.episodes,
            "best_checkpoint_gap": float(scores.max() - scores[-1]), "settled_at": settled, "steps": HORIZON,
            "gap_percent": 100 * (1 - end), "learning_seconds": 0.02 * n,
        }  # fmt: skip


def _score(runs: list[Record]) -> Record:
    levels = np.array([run["level"] for run in runs])
    settled = [run["settled_at"] for run in runs]
    never = settled.count(None)
    times = np.array([t for t in settled if t is not None] or [0.0])
    where = {k: runs[0][k] for k in ("row", "method", "label", "system", "sharing", "setting", "alpha", "part", "n")}
    p90 = None if never > 0.1 * len(runs) else float(np.quantile(times, 0.9))
    mean = None if never else float(times.mean())
    return where | {
        "seeds": len(runs), "iqm": float(np.median(levels)), "iqm_low": float(levels.min()),
        "iqm_high": float(levels.max()), "mean": float(levels.mean()), "low": float(levels.mean() - 0.03),
        "high": float(levels.mean() + 0.03), "settle_p90": p90, "settle_p90_low": None if p90 is None else 0.8 * p90,
        "settle_p90_high": None if p90 is None else 2 * p90, "settle_mean": mean,
        "settle_mean_low": None if mean is None else 0.9 * mean,
        "settle_mean_high": None if mean is None else 1.2 * mean,
        "never": never, "samples_to_settle": None if mean is None else mean * HORIZON,
        "gap_percent": float(100 * (1 - levels.mean())), "best_heuristic": "best_fit",
    }  # fmt: skip


def _reach(curves: list[list[Record]]) -> Record:
    """When half of the runs of a row are first at Best-Fit."""
    ends = [[r["episode"] for r in curve if r["score"] >= 1.0] for curve in curves]
    firsts = np.array([min(episodes, default=np.inf) for episodes in ends])
    at, last = float(np.median(firsts)), curves[0][-1]
    reached = bool(np.isfinite(at))
    return {name: last[name] for name in ("row", "method", "label", "system", "sharing", "setting", "part", "n")} | {
        "trained": last["episode"], "seeds": len(curves), "never": int(np.isinf(firsts).sum()),
        "episodes": at if reached else None, "samples": at * HORIZON if reached else None,
        "seconds": 0.01 * last["n"] * at if reached else None,
    }  # fmt: skip


def budget_tables(seeds: int = 5, seed: int = 11) -> dict[str, list[Record]]:
    """The tables of a made-up comparison at a matched budget."""
    rng = np.random.default_rng(seed)
    runs = [[curve for curve, _ in _runs(row, n, seeds, rng)] for row in budget_design() for n in row.ns]
    return {
        "curves": [record for curves in runs for curve in curves for record in curve],
        "first_reach": [_reach(curves) for curves in runs],
    }


def _noise(seeds: int, rng: np.random.Generator) -> list[Record]:
    rows: list[Record] = []
    for row in design()[:3]:
        for n in (5, 10, 50):
            for point, alpha in (("start", 0.9), ("middle", 0.55), ("end", 0.2)):
                for replicate in range(seeds):
                    base, guidance = 0.9 * n, 0.5
                    for credit, value in (("base", base), ("guidance", guidance),
                                          ("guided", (1 - alpha) ** 2 * base + alpha**2 * guidance)):  # fmt: skip
                        noise = math.exp(0.2 * rng.standard_normal())
                        rows.append(
                            {"row": row.key, "method": row.method, "label": row.label, "n": n, "replicate": replicate,
                             "point": point, "alpha": alpha, "credit": credit, "variance": value * noise,
                             "noise_to_signal": 4 * value * noise,
                             "paired_ratio": None if credit == "base" and n == 50 else 3 * value * noise,
                             "return_share": 1 - alpha if credit == "guided" else None}
                        )  # fmt: skip
    return rows


def _cost(seeds: int, rng: np.random.Generator) -> list[Record]:
    made = []
    for n in (5, 20, 100, 500):
        for replicate in range(seeds):
            base, ratio = 0.02 * n**1.02, 1.12 + 0.02 * rng.standard_normal()
            made.append({"n": n, "replicate": replicate, "base_seconds": base, "guided_seconds": base * ratio,
                         "ratio": ratio, "base_bytes": 1e6 * n, "guided_bytes": 1.05e6 * n, "bytes_ratio": 1.05,
                         "model_seconds": (2e-4 + 3e-6 * n) * math.exp(0.1 * rng.standard_normal())})  # fmt: skip
    return made


def training_tables(seeds: int = 5, seed: int = 9) -> dict[str, list[Record]]:
    """All tables of a made-up training run."""
    rng = np.random.default_rng(seed)
    names = ("curves", "runs", "training_scores", "first_reach", "profiles")
    tables: dict[str, list[Record]] = {name: [] for name in names}
    for row in design():
        for n in row.ns:
            made = list(_runs(row, n, seeds, rng))
            runs = [run for _, run in made]
            tables["curves"] += [record for curve, _ in made for record in curve]
            tables["runs"] += runs
            tables["training_scores"].append(_score(runs))
            tables["first_reach"].append(_reach([curve for curve, _ in made]))
            if row.part == "main":
                levels = np.array([run["level"] for run in runs])
                for threshold in THRESHOLDS:
                    share = float((levels > threshold).mean())
                    tables["profiles"].append(
                        {"row": row.key, "label": row.label, "part": "main", "n": n, "threshold": threshold,
                         "share": share, "low": max(share - 0.2, 0.0), "high": min(share + 0.2, 1.0), "band": 0.43}
                    )  # fmt: skip
    tables["improvements"] = [
        {"row": row, "label": label, "against": "dgpg/sum", "against_label": "DG-PG, sum", "n": n, "probability": p,
         "low": max(p - 0.2, 0.0), "high": min(p + 0.2, 1.0)}
        for row, label, p in (("mappo", "MAPPO", 0.1), ("guidance_only", "guidance only", 0.3)) for n in SMALL
    ]  # fmt: skip
    tables["training_noise"] = _noise(min(seeds, 3), rng)
    tables["guidance_cost"] = _cost(min(seeds, 4), rng)
    tables["tuning"] = [
        {"method": method, "n": 10, "episodes": 30, "setting": setting, "seeds": seeds, "mean": mean, "low": mean - 0.1,
         "high": mean + 0.1, "chosen": chosen, "default": setting == "default"}
        for method in ("dgpg/sum", "mappo")
        for setting, mean, chosen in (("default", 0.8, 1), ("actor_lr 0.002", 0.6, 0), ("sharing shared", 0.9, 4))
    ]  # fmt: skip
    return tables
