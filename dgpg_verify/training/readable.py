"""A training run as text, table and picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from dgpg_verify.core import System
from dgpg_verify.statistics import mean_of
from dgpg_verify.training.saved.logs import COLUMNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dgpg_verify.training.evaluation import Evaluation, Heldout
    from dgpg_verify.training.run import TrainingRun

NEW = ("evaluation_low", "evaluation_high", "above_random", "above_random_low", "above_random_high")
FIRST, LAST = 2, 6  # evaluations shown of a long run


def run_frame(run: TrainingRun) -> pd.DataFrame:
    """See `TrainingRun.to_frame`."""
    rows: dict[int, dict[str, Any]] = {line.episode: asdict(line) for line in run.history}
    for episode, evaluation in run.evaluations:
        known = {"evaluation": evaluation.mean, "score": evaluation.score, "gap": evaluation.gap}
        start = {"episode": episode, "samples": episode * run.heldout.system.horizon}
        rows[episode] = start | rows.get(episode, {}) | known | _intervals(run.heldout, evaluation)
    place = COLUMNS.index("evaluation") + 1
    columns = [*COLUMNS[:place], *NEW, *COLUMNS[place:]]
    frame = pd.DataFrame([rows[episode] for episode in sorted(rows)], columns=columns)
    return frame.astype({name: float for name in columns if name not in ("episode", "samples")})


def _intervals(on: Heldout, evaluation: Evaluation) -> dict[str, float | None]:
    mean, gain = mean_of(evaluation.returns), on.gains(evaluation.returns)["random"]
    return dict(zip(NEW, (mean.low, mean.high, gain.value, gain.low, gain.high)))


def run_title(run: TrainingRun) -> str:
    """What was trained, in a few words."""
    return title_of(run.config, run.heldout.system)


def title_of(config: Mapping[str, Any], system: System) -> str:
    """What a run of this configuration and system trains, in a few words."""
    name = config["system"].get("system", type(system).__name__)
    return f"{config['method']['name']} on {name}, {system.n_agents} agents"


def run_text(run: TrainingRun) -> str:
    """What was trained, a line per evaluation (the middle of a long run is left out), and what a score is worth."""
    config = run.config
    head = f"{run_title(run)}, alpha {config['alpha']}, {config['sharing']} parameters, seed {config['seed']}"
    table = _scores(run) if run.heldout.scored else _returns(run)
    if len(table) > FIRST + LAST + 1:
        dots = pd.DataFrame([["..."] * table.shape[1]], columns=table.columns)
        table = pd.concat([table[:FIRST], dots, table[-LAST:]])
    return "\n".join([head, table.to_string(index=False), run.heldout.width_in_words()])


def _scores(run: TrainingRun) -> pd.DataFrame:
    frame = run_frame(run).dropna(subset="evaluation")
    shown = frame[["episode", "samples", "evaluation", "score", "gap"]].map("{:.4g}".format)
    return shown.set_axis(["episode", "samples", "return", "score", "gap, %"], axis=1)


def _returns(run: TrainingRun) -> pd.DataFrame:
    """On the system's own scale, with intervals over the workloads."""
    on, horizon = run.heldout, run.heldout.system.horizon
    rows = [
        (episode, episode * horizon, mean_of(found.returns), on.gains(found.returns)["random"])
        for episode, found in run.evaluations
    ]
    return pd.DataFrame(rows, columns=["episode", "samples", "return", "minus random"]).map(str)


def plot_run(run: TrainingRun, ax: Axes | None) -> Axes:
    """See `TrainingRun.plot`."""
    from dgpg_verify.reporting.drawing.look import styled
    from dgpg_verify.reporting.drawing.sheet import given_or_new
    from dgpg_verify.reporting.training.one_run import draw_run

    references = {} if run.heldout.scored else {name: float(v.mean()) for name, v in run.heldout.references.items()}
    with styled():
        return draw_run(given_or_new(ax), run.to_frame(), references, run_title(run))
