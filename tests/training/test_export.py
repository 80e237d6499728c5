"""Exports hold the numbers of the runs, under names that agree, and load in the packages they are written for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.statistics import last_window
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training import Heldout
from dgpg_verify.training.saved.export import FinishedRun, marl_eval, rliable
from dgpg_verify.training.saved.folder import read_run
from tests.cli.command import run as command
from tests.training.tools import quick

METHODS, SIZES, SEEDS = ("dgpg", "mappo"), (3, 4), (0, 1)
NAMES = {"dgpg": "dgpg 0.9->0.2 independent guidance sum", "mappo": "mappo 0 independent"}
INSTALL = "pip install dgpg-verify[export-check] && pip install --no-deps id-marl-eval"
CHANGED = " actor_lr=0.1 epochs=2 hidden=8"  # a step so large that runs get worse again


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int, int], Path]:
    """Eight short runs: two methods, two sizes, two seeds."""
    place = tmp_path_factory.mktemp("runs")
    made = {}
    for method in METHODS:
        for n in SIZES:
            for seed in SEEDS:
                out = place / f"{method}-{n}-{seed}"
                given: dict[str, Any] = {"episodes": 4, "evaluate_every": 1, "actor_lr": 0.1, "out": out}
                quick(method, CloudScheduling(n, seed=seed, horizon=10), seed=seed, **given)
                made[method, n, seed] = out
    return made


@pytest.fixture
def runs(folders: dict[Any, Path]) -> list[FinishedRun]:
    return [FinishedRun(path.name, read_run(path)) for path in folders.values()]


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs as short as these are on workloads that separate no rules: scores as if Random and Best-Fit were apart."""
    monkeypatch.setattr(Heldout, "scored", property(lambda self: True))
    yield


def level(run: FinishedRun) -> float:
    last = last_window(np.array(run.episodes))
    return float(np.mean([run.on.score(returns) for _, returns in run.stored.progress.evaluations[-last:]]))  # type: ignore[arg-type]


def test_last_and_best_evaluation_differ_here(runs: list[FinishedRun], scored: None) -> None:
    """Where the tests below compare with the last evaluations, some run was better before."""
    best = [max(run.on.score(returns) for _, returns in run.stored.progress.evaluations) for run in runs]  # type: ignore[type-var]
    assert any(level(run) < top for run, top in zip(runs, best, strict=True))  # type: ignore[operator]


def test_names_say_what_differs_from_the_usual(runs: list[FinishedRun]) -> None:
    assert {run.task for run in runs} == {("cloud", "N=3 horizon=10"), ("cloud", "N=4 horizon=10")}
    assert {run.algorithm.removesuffix(CHANGED) for run in runs} == set(NAMES.values())
    assert {run.seed for run in runs} == {"seed_0", "seed_1"}
    other = runs[0].stored.config | {"system": runs[0].stored.config["system"] | {"seed": 7}}
    assert replace(runs[0], stored=replace(runs[0].stored, config=other)).seed == "seed_0_system_7"


def test_marl_eval_holds_every_evaluation(runs: list[FinishedRun], scored: None) -> None:
    found = marl_eval(runs)
    assert list(found) == ["cloud"] and len(found["cloud"]) == 2
    for run in runs:
        steps = found["cloud"][run.task[1]][run.algorithm][run.seed]
        assert list(steps) == [*(f"step_{k}" for k in range(5)), "absolute_metrics"]
        for k, (episode, returns) in enumerate(run.stored.progress.evaluations):
            step = steps[f"step_{k}"]
            assert step["step_count"] == 10 * episode and step["return"] == returns.tolist()
            assert np.mean(step["score"]) == pytest.approx(run.on.score(returns))
        assert np.mean(steps["absolute_metrics"]["score"]) == pytest.approx(level(run))
        assert len(steps["absolute_metrics"]["return"]) == 3 * last_window(np.array(run.episodes))


def test_rliable_holds_levels_by_seed_and_task(runs: list[FinishedRun], scored: None) -> None:
    found, tasks = rliable(runs)
    assert tasks == [("cloud", "N=3 horizon=10"), ("cloud", "N=4 horizon=10")]
    for run in runs:
        value = found[run.algorithm][SEEDS.index(run.stored.config["seed"]), tasks.index(run.task)]
        assert value == pytest.approx(level(run))
    assert [values.shape for values in found.values()] == [(2, 2), (2, 2)]


def test_without_a_score_both_hold_returns(runs: list[FinishedRun]) -> None:
    assert not any(run.on.scored for run in runs)
    step = next(iter(marl_eval(runs)["cloud"]["N=3 horizon=10"].values()))["seed_0"]["step_0"]
    assert set(step) == {"step_count", "return"}
    found, tasks = rliable(runs)
    run = runs[0]
    last = run.stored.progress.evaluations[-last_window(np.array(run.episodes)) :]
    assert found[run.algorithm][0, tasks.index(run.task)] == pytest.approx(np.mean([returns for _, returns in last]))


def test_what_the_packages_cannot_take_is_refused(runs: list[FinishedRun], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(export: Any, chosen: list[FinishedRun], match: str) -> None:
        with pytest.raises(InputError, match=match) as caught:
            export(chosen)
        assert "\n" not in str(caught.value)

    dgpg = [run for run in runs if run.algorithm.startswith("dgpg")]
    for export in (marl_eval, rliable):
        refused(export, [*runs, replace(runs[0], folder="copy")], "copy and dgpg-3-0 are both seed_0 of dgpg")
        refused(export, runs[1:], "on cloud N=3 horizon=10 has no run seed_0")
        stopped = replace(runs[0].stored, progress=replace(runs[0].stored.progress, done=3))
        refused(export, [replace(runs[0], stored=stopped)], "was stopped after 3 of 4 episodes")
    fewer = [run for run in runs if run not in dgpg or run.seed == "seed_0"]
    refused(marl_eval, fewer, "has no run seed_1")
    assert [values.shape for values in rliable(fewer)[0].values()] == [(1, 2), (2, 2)], "rliable takes that"
    later = replace(runs[0].stored.progress, evaluations=runs[0].stored.progress.evaluations[1:])
    refused(marl_eval, [runs[1], replace(runs[0], stored=replace(runs[0].stored, progress=later))], "same evaluations")
    monkeypatch.setattr(Heldout, "scored", property(lambda self: self.system.n_agents == 3))
    refused(rliable, runs, "dgpg-4-0 has no score and other runs have one")


def export(package: str, out: Path, folders: dict[Any, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, said, err = command("compare", *map(str, folders.values()), "--export", package, "--out", str(out),
                              capsys=capsys)  # fmt: skip
    assert code == 0, err
    assert said.splitlines()[-1].startswith(f"{out}: ")


def test_the_command_writes_both_files_as_plain_data(
    folders: dict[Any, Path], runs: list[FinishedRun], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export("marl-eval", tmp_path / "a.json", folders, capsys)
    assert json.loads((tmp_path / "a.json").read_text()) == marl_eval(runs)
    export("rliable", tmp_path / "a.npz", folders, capsys)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert set(stored) == {run.algorithm for run in runs}
        for name, values in rliable(runs)[0].items():
            np.testing.assert_array_equal(stored[name], values)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--export", "csv", "--out", "a.csv"], "export = 'csv' is not allowed: it must be one of marl-eval, rliable"),
        (["--export", "rliable"], "--export and --out go together"),
        (["--out", "a.npz"], "--export and --out go together"),
        (
            ["--export", "rliable", "--out", "a.json"],
            "--out = 'a.json' is not allowed for rliable: it must end in .npz",
        ),
    ],
)
def test_a_bad_export_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = command("compare", "nowhere", *words, capsys=capsys)
    assert (code, out, err) == (2, "", err) and said in err and err.count("\n") == 1


def test_rliable_itself_reads_its_file(
    folders: dict[Any, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = pytest.importorskip("rliable.library", reason=INSTALL)
    metrics = pytest.importorskip("rliable.metrics", reason=INSTALL)
    export("rliable", tmp_path / "a.npz", folders, capsys)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        scores = dict(stored)

    def middle(values: Any) -> Any:
        return np.array([metrics.aggregate_iqm(values), metrics.aggregate_mean(values)])

    points, intervals = library.get_interval_estimates(scores, middle, reps=50)
    for name, values in scores.items():
        assert points[name][1] == pytest.approx(values.mean()) and intervals[name].shape == (2, 2)


def test_marl_eval_itself_reads_its_file(
    folders: dict[Any, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reading = pytest.importorskip("marl_eval.utils.data_processing_utils", reason=INSTALL)
    checks = pytest.importorskip("marl_eval.utils.diagnose_data_errors", reason=INSTALL)
    export("marl-eval", tmp_path / "a.json", folders, capsys)
    raw = json.loads((tmp_path / "a.json").read_text())
    assert all(checks.DiagnoseData(raw).check_data()["cloud"].values())
    processed = reading.data_process_pipeline(raw, ["return"])
    curve = reading.get_and_aggregate_data_single_task(processed, "return", [], "N=3 horizon=10", "cloud")
    for method, name in NAMES.items():
        told = [read_run(folders[method, 3, seed]).progress.evaluations for seed in SEEDS]
        expected = [np.mean([run[k][1].mean() for run in told]) for k in range(5)]
        assert curve[f"{name}{CHANGED}".lower()]["mean"] == pytest.approx(expected)
    matrix, _ = reading.create_matrices_for_rliable(processed, "cloud", ["return"])
    assert {values.shape for values in matrix["mean_norm_return"].values()} == {(2, 2)}
