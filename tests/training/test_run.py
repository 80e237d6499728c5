"""Whole runs: determinism, seeds, resuming, the x-axis, and what is reported."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.core import InputError, Rollout
from dgpg_verify.systems import CloudScheduling, LoadBalancingGame
from dgpg_verify.training import Method, TrainingRun, evaluate, heldout, method_names, train
from dgpg_verify.training import learner as learner_module
from dgpg_verify.training import run as run_module
from dgpg_verify.training.learner import Learner
from dgpg_verify.training.saved.folder import read_run
from dgpg_verify.training.saved.logs import COLUMNS
from dgpg_verify.training.updates import rules as updates
from tests.training.tools import CLOUD, QUEUES, QUICK, quick

METHODS = [("dgpg", "adaptive"), ("ippo", None), ("happo", None), ("imitation", None), ("coma", None)]
FOOLISH = Method("foolish", base="", guidance="guidance", alpha="1")


def told(run: TrainingRun) -> list[Any]:
    """Everything a run found, but its seconds."""
    records = [{**asdict(record), "seconds": 0.0} for record in run.history]
    curves = [
        (episode, found.mean, found.score, found.gap, found.returns.tolist()) for episode, found in run.evaluations
    ]
    return [records, curves, run.policy.parameters.tolist(), dict(run.config)]


# seeds


@pytest.mark.parametrize("method", [name for name in method_names() if name != "local"])
def test_the_same_seed_is_the_same_run_bit_for_bit(method: str) -> None:
    one, again = (quick(method, seed=3) for _ in range(2))
    assert told(one) == told(again)


def test_three_seeds_are_three_runs() -> None:
    """Initial policies, training workloads, held-out workloads and results all differ."""
    runs = [quick(seed=seed) for seed in (0, 1, 2)]
    for k, one in enumerate(runs):
        for other in runs[:k]:
            assert not torch.equal(one.policy.parameters, other.policy.parameters)
            assert not torch.equal(one.heldout.noise.environment, other.heldout.noise.environment)
            assert one.history[0].reward != other.history[0].reward
            assert one.evaluations[0][1].returns.tolist() != other.evaluations[0][1].returns.tolist()


def test_held_out_workloads_can_be_the_same_for_all_seeds() -> None:
    one, other = (quick(seed=seed, heldout_seed=9) for seed in (0, 1))
    assert torch.equal(one.heldout.noise.environment, other.heldout.noise.environment)
    assert not torch.equal(one.policy.parameters, other.policy.parameters)


def test_evaluating_more_often_does_not_change_what_is_learned() -> None:
    often, seldom = quick(evaluate_every=1), quick(evaluate_every=0, workloads=2)
    chosen = quick(evaluate_every=(1, 3), workloads=2)
    assert torch.equal(often.policy.parameters, seldom.policy.parameters)
    assert [episode for episode, _ in often.evaluations] == list(range(11))
    assert [episode for episode, _ in seldom.evaluations] == [0, 10]
    assert [episode for episode, _ in chosen.evaluations] == [0, 1, 3, 10]


# resuming


class Killed(BaseException):
    """What a kill looks like from inside."""


def kill_at(monkeypatch: pytest.MonkeyPatch, iteration: int) -> None:
    real = Learner.iterate

    def iterate(self: Learner, index: int, *rest: Any, **named: Any) -> Any:
        if index == iteration:
            raise Killed
        return real(self, index, *rest, **named)

    monkeypatch.setattr(Learner, "iterate", iterate)


def log_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as stream:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(stream)]


@pytest.mark.parametrize(("method", "alpha"), METHODS)
def test_a_killed_and_resumed_run_equals_the_uninterrupted_one(
    method: str, alpha: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {"alpha": alpha, "checkpoint_every": 3, "evaluate_every": 2, "minibatches": 2}
    given["rollouts"] = 1
    whole = quick(method, out=tmp_path / "whole", **given)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, 7)
        quick(method, out=tmp_path / "killed", **given)
    assert len(log_of(tmp_path / "killed")) == 6, "the last checkpoint before the kill is that of episode 6"
    resumed = quick(method, out=tmp_path / "killed", resume=True, **given)
    assert told(resumed) == told(whole)
    assert log_of(tmp_path / "killed") == log_of(tmp_path / "whole")
    assert len(log_of(tmp_path / "whole")) == 10 and not list((tmp_path / "killed").glob(".*"))
    assert told(quick(method, out=tmp_path / "killed", resume=True, **given)) == told(whole), "nothing left to do"


def test_a_run_in_blocks_resumes_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One agent a block, as in teams too large for one, and the optimiser's moments out of the checkpoint."""
    monkeypatch.setattr(updates, "BLOCK_ROWS", 1)
    whole = quick("dgpg")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, 7)
        quick("dgpg", out=tmp_path / "run", checkpoint_every=3)
    assert told(quick("dgpg", out=tmp_path / "run", checkpoint_every=3, resume=True)) == told(whole)


def test_restored_scores_follow_the_same_rule_as_played_ones(tmp_path: Path) -> None:
    """With a score on enough workloads and without one on a single workload, before and after a stop."""
    system = CloudScheduling(6, seed=0, horizon=40)
    for workloads, scored in ((40, True), (1, False)):
        given: dict[str, Any] = {
            "system": system,
            "episodes": 2,
            "workloads": workloads,
            "out": tmp_path / str(workloads),
        }
        whole = quick("guidance_only", **given)
        resumed = quick("guidance_only", **given, resume=True)
        assert resumed.scores == whole.scores and len(whole.scores) == 2
        assert all((score is not None) == scored for _, score in resumed.scores)


def test_a_run_killed_before_its_first_checkpoint_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, 1)
        quick(out=tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["config.json"]
    assert told(quick(out=tmp_path / "run", resume=True)) == told(quick())


def test_a_run_can_be_resumed_for_more_episodes(tmp_path: Path) -> None:
    """It goes on where the shorter run ended and says so; with a constant alpha it equals the longer one."""
    fixed: dict[str, Any] = {"method": "dgpg", "alpha": 0.5, "evaluate_every": 2}
    whole = quick(**fixed, episodes=6)
    quick(**fixed, episodes=4, out=tmp_path / "run")
    longer = quick(**fixed, episodes=6, out=tmp_path / "run", resume=True)
    assert told(longer) == told(whole)
    written = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (written["episodes"], written["earlier_episodes"]) == (6, [4])
    assert read_run(tmp_path / "run").progress.done == 6
    with pytest.raises(InputError, match="episodes = 4 is not allowed here"):
        quick(**fixed, episodes=4, out=tmp_path / "run", resume=True)


def test_shared_parameters_play_with_another_number_of_agents(tmp_path: Path) -> None:
    quick(out=tmp_path / "shared", sharing="shared")
    quick(out=tmp_path / "own")
    run = read_run(tmp_path / "shared", n_agents=7)
    assert run.system.n_agents == run.system.n_servers == 7  # type: ignore[attr-defined]
    found = evaluate(run.policy, heldout(run.system, 0, 3))
    assert found.returns.shape == (3,) and np.isfinite(found.mean)
    with pytest.raises(InputError, match="n = 7 is not allowed: each of the"):
        read_run(tmp_path / "own", n_agents=7)
    assert read_run(tmp_path / "own", n_agents=CLOUD.n_agents).system.n_agents == CLOUD.n_agents


def test_training_takes_one_thread() -> None:
    """On two threads sums have another order, and parameters differed by 1e-7."""
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        quick(observe=lambda *_: seen.append(torch.get_num_threads()))
        assert set(seen) == {1} and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_folder_has_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run is refused while the first one writes, and when it has looked before the first one wrote."""

    def other_run(*_: Any) -> None:
        with pytest.raises(InputError, match="is being written by process"):
            quick(out=tmp_path / "run", resume=True)

    quick(out=tmp_path / "run", observe=other_run)
    assert not (tmp_path / "run" / ".lock").exists()

    def written_since(*arguments: Any) -> Any:
        (tmp_path / "late").mkdir()
        (tmp_path / "late" / "config.json").write_text("{}")
        return heldout(*arguments)

    monkeypatch.setattr(run_module, "heldout", written_since)
    with pytest.raises(InputError, match="is not empty"):
        quick(out=tmp_path / "late")
    assert (tmp_path / "late" / "config.json").read_text() == "{}"


def test_a_folder_does_not_change_the_run(tmp_path: Path) -> None:
    assert told(quick(out=tmp_path / "run")) == told(quick())


def test_a_log_older_than_its_checkpoint_is_written_again(tmp_path: Path) -> None:
    quick(out=tmp_path / "run")
    log = (tmp_path / "run" / "log.csv").read_text()
    (tmp_path / "run" / "log.csv").write_text("old")
    quick(out=tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "log.csv").read_text() == log


# what is reported


@pytest.mark.parametrize(("rollouts", "epochs", "minibatches"), [(1, 1, 1), (2, 5, 1), (5, 2, 2)])
def test_the_x_axis_counts_joint_steps_not_updates(rollouts: int, epochs: int, minibatches: int) -> None:
    run = quick(rollouts=rollouts, epochs=epochs, minibatches=minibatches)
    assert [record.episode for record in run.history] == list(range(rollouts, 11, rollouts))
    assert [record.samples for record in run.history] == [10 * k for k in range(rollouts, 11, rollouts)]


def test_alpha_runs_from_its_first_to_its_last_value() -> None:
    alphas = [record.alpha for record in quick("dgpg").history]
    assert alphas[0] == 0.9 and alphas[-1] == 0.2
    assert alphas == pytest.approx([0.9 - 0.7 * k / 9 for k in range(10)])
    assert [record.alpha for record in quick("dgpg", episodes=1).history] == [0.9]
    assert [record.alpha for record in quick("dgpg", alpha=0).history] == [0.0] * 10


def test_the_last_policy_is_reported_not_the_best() -> None:
    """A run that gets worse: its last evaluation is that of the policy handed out, and far below its best."""
    run = quick(FOOLISH, evaluate_every=1, episodes=20, actor_lr=0.05, epochs=10)
    means = [evaluation.mean for _, evaluation in run.evaluations]
    assert means[-1] < max(means)
    assert evaluate(run.policy, run.heldout).mean == means[-1] == run.history[-1].evaluation
    assert run.scores[-1] == (20, run.evaluations[-1][1].score)
    assert run.scores[-1][1] == run.history[-1].score


def test_the_first_evaluation_is_before_any_learning() -> None:
    one, other = quick(actor_lr=0.5), quick(actor_lr=1e-9)
    assert one.evaluations[0][0] == 0
    assert one.evaluations[0][1].returns.tolist() == other.evaluations[0][1].returns.tolist()
    assert one.evaluations[-1][1].returns.tolist() != other.evaluations[-1][1].returns.tolist()


def test_imitation_stops_after_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = Learner.iterate
    monkeypatch.setattr(
        Learner, "iterate", lambda self, i, p, imitating: seen.append(imitating) or real(self, i, p, imitating)
    )
    quick("imitation", imitation_share=0.3)
    assert seen == [True] * 3 + [False] * 7
    seen.clear()
    quick("mappo")
    assert seen == [False] * 10


def test_files_are_data(tmp_path: Path) -> None:
    run = quick("dgpg", out=tmp_path / "run")
    folder = tmp_path / "run"
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.pt", "config.json", "log.csv"]
    written = json.loads((folder / "config.json").read_text())
    assert written.pop("place") == os.path.relpath(Path.cwd(), folder)
    assert written == json.loads(json.dumps(run.config))
    stored = torch.load(folder / "checkpoint.pt", weights_only=True)
    assert float(stored["value_norm"]["weight"]) > 0.0, "value-normaliser statistics belong to a checkpoint"
    with (folder / "log.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 10
    assert [float(row["reward"]) for row in rows] == [record.reward for record in run.history]
    assert rows[0]["evaluation"] == "" and float(rows[-1]["evaluation"]) == run.evaluations[-1][1].mean


def test_progress_false_is_silent_and_true_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    quick(episodes=2)
    assert capsys.readouterr() == ("", "")
    quick(episodes=2, progress=True)
    said = capsys.readouterr()
    assert said.out == "" and "ep" in said.err


def test_a_named_system_is_built_from_its_seed() -> None:
    named = train("load_balancing", "reinforce", agents=3, seed=4, **QUICK)
    built = quick("reinforce", LoadBalancingGame.random(3, seed=4), seed=4)
    assert torch.equal(named.policy.parameters, built.policy.parameters)


def test_a_system_without_heuristics_has_no_score() -> None:
    run = quick("dgpg", QUEUES)
    assert all(evaluation.score is None and evaluation.gap is None for _, evaluation in run.evaluations)


def test_held_out_workloads_are_not_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """No training roll-out shares its uniforms, workload or actions, with a held-out one."""
    played: list[Rollout] = []
    real = learner_module.collect

    def collect(*given: Any, **named: Any) -> Rollout:
        played.append(real(*given, **named))
        return played[-1]

    monkeypatch.setattr(learner_module, "collect", collect)
    on = quick("guidance_only").heldout.noise
    assert torch.equal(on.environment, heldout(CLOUD, 0, 3).noise.environment) and len(played) == 10
    for rollout in played:
        assert not bool((rollout.noise.environment == on.environment).flatten(1).any())
        assert not bool((rollout.noise.agents == on.agents).flatten(1).any())
