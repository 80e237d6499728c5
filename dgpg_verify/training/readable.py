"""A training run as text, table and picture."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from dgpg_verify.statistics import mean_interval
from dgpg_verify.training.logs import COLUMNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dgpg_verify.training.evaluation import Evaluation
    from dgpg_verify.training.run import TrainingRun

ENDS = ("evaluation_low", "evaluation_high")
FIRST, LAST = 2, 6  # evaluations shown of a long run


def run_frame(run: TrainingRun) -> pd.DataFrame:
    """See `TrainingRun.to_frame`."""
    rows = {line.episode: asdict(line) for line in run.history}
    for episode, evaluation in run.evaluations:
        if not episode:
            start = {"episode": 0, "samples": 0, "evaluation": evaluation.mean, "seconds": 0.0}
            rows = {0: start | {"score": evaluation.score, "gap": evaluation.gap}} | rows
        rows.get(episode, {}).update(_ends(evaluation))
    columns = [*COLUMNS[: COLUMNS.index("evaluation") + 1], *ENDS, *COLUMNS[COLUMNS.index("evaluation") + 1 :]]
    frame = pd.DataFrame(list(rows.values()), columns=columns)
    return frame.astype({name: float for name in columns if name not in ("episode", "samples")})


def _ends(evaluation: Evaluation) -> dict[str, float]:
    """The t interval of a mean over workloads; nothing for one workload."""
    if len(evaluation.returns) < 2:
        return {}
    mean = mean_interval(evaluation.returns)
    return dict(zip(ENDS, (float(mean.low or 0.0), float(mean.high or 0.0))))


def run_title(run: TrainingRun) -> str:
    """What was trained, in a few words."""
    system = run.heldout.system
    name = run.config["system"].get("system", type(system).__name__)
    return f"{run.config['method']['name']} on {name}, {system.n_agents} agents"


def run_text(run: TrainingRun) -> str:
    """What was trained, a line per evaluation (the middle of a long run is left out), and what a score is worth."""
    config = run.config
    head = f"{run_title(run)}, alpha {config['alpha']}, {config['sharing']} parameters, seed {config['seed']}"
    frame = run_frame(run).dropna(subset="evaluation")
    shown = frame[["episode", "samples", "evaluation", "score", "gap"]].map("{:.4g}".format)
    shown.columns = pd.Index(["episode", "samples", "return", "score", "gap, %"])
    table = shown.replace("nan", "-")
    if len(table) > FIRST + LAST + 1:
        dots = pd.DataFrame([["..."] * table.shape[1]], columns=table.columns)
        table = pd.concat([table[:FIRST], dots, table[-LAST:]])
    return "\n".join([head, table.to_string(index=False), run.heldout.width_in_words()])


def plot_run(run: TrainingRun, ax: Axes | None) -> Axes:
    """See `TrainingRun.plot`."""
    from dgpg_verify.reporting.drawing.look import styled
    from dgpg_verify.reporting.drawing.sheet import given_or_new
    from dgpg_verify.reporting.training.one_run import draw_run

    references = {} if run.heldout.scored else {name: float(v.mean()) for name, v in run.heldout.returns.items()}
    with styled():
        return draw_run(given_or_new(ax), run.to_frame(), references, run_title(run))
