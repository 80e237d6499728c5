"""A run as text, table and picture: what was logged and evaluated, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from dgpg_verify.statistics import mean_interval
from dgpg_verify.systems import CloudScheduling, LoadBalancingGame
from dgpg_verify.training import TrainingRun
from tests.training.tools import quick

GAME = LoadBalancingGame.random(3, seed=0)


@pytest.fixture(scope="module")
def run() -> TrainingRun:
    return quick("dgpg", episodes=12, evaluate_every=1, workloads=6)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_the_text_is_short_and_holds_no_object(run: TrainingRun) -> None:
    lines = repr(run).splitlines()
    assert lines[0] == "dgpg on cloud, 3 agents, alpha 0.9->0.2, independent parameters, seed 0"
    assert lines[1].split() == ["episode", "samples", "return", "minus", "random"] and not run.heldout.scored
    last = run.evaluations[-1][1].returns
    assert lines[-2].endswith(f"{mean_interval(last)} {run.heldout.gains(last)['random']}")
    assert [line.split()[0] for line in lines[2:-1]] == ["0", "1", "...", "7", "8", "9", "10", "11", "12"]
    assert lines[-1] == run.heldout.width_in_words()
    for text in (repr(run), repr(run.heldout), repr(run.evaluations)):
        assert " at 0x" not in text and "array(" not in text and "tensor(" not in text


def test_the_frame_is_the_log_with_the_start_and_intervals(run: TrainingRun) -> None:
    frame = run.to_frame()
    assert list(frame["episode"]) == list(range(13)) and list(frame["samples"]) == [10 * k for k in range(13)]
    assert frame["reward"].isna()[0] and list(frame["reward"][1:]) == [line.reward for line in run.history]
    for (_, evaluation), row in zip(run.evaluations, frame.to_dict("records"), strict=True):
        interval = mean_interval(evaluation.returns)
        assert (row["evaluation"], row["evaluation_low"], row["evaluation_high"]) == (
            evaluation.mean, interval.low, interval.high
        )  # fmt: skip
        gain = run.heldout.gains(evaluation.returns)["random"]
        found = [row[f"above_random{end}"] for end in ("", "_low", "_high")]
        assert found == [gain.value, gain.low, gain.high]
    assert set(map(str, frame.dtypes)) == {"int64", "float64"}


def test_iterations_without_an_evaluation_have_none() -> None:
    frame = quick(episodes=4, evaluate_every=0, workloads=1).to_frame()
    assert list(frame["evaluation"].notna()) == [True, False, False, False, True]
    assert frame["evaluation_low"].isna().all(), "one workload has no interval"


def test_a_run_that_has_not_begun_prints_too(run: TrainingRun) -> None:
    empty = replace(run, history=[], evaluations=[])
    assert repr(empty).startswith("dgpg on cloud") and empty.to_frame().empty


def test_the_picture_shows_returns_and_heuristics_where_there_is_no_score() -> None:
    run = quick(system=GAME, episodes=4, evaluate_every=1, workloads=6)
    ax = run.plot()
    (curve,) = (line for line in ax.lines if line.get_marker() == "o")
    np.testing.assert_array_equal(curve.get_ydata(), run.to_frame()["evaluation"])
    assert ax.get_ylabel() == "return of an episode"
    assert [text.get_text() for text in ax.texts] == list(run.heldout.references)


def test_the_picture_shows_scores_where_there_are_some() -> None:
    run = quick("mappo", CloudScheduling(6, seed=0, horizon=40), episodes=2, evaluate_every=1, workloads=40)
    assert run.heldout.scored
    assert repr(run).splitlines()[1].split() == ["episode", "samples", "return", "score", "gap,", "%"]
    given = plt.figure().add_subplot()
    assert run.plot(given) is given and given.get_ylabel() == "score"
    (curve,) = (line for line in given.lines if line.get_marker() == "o")
    assert list(curve.get_ydata()) == [score for _, score in run.scores]  # type: ignore[arg-type]
