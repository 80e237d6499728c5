"""TensorBoard events, with a stand-in for the package: what is written, against what, and that it is closed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from dgpg_verify.core import InputError
from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training import train
from dgpg_verify.training.saved.folder import RunFolder


class Writer:
    """Keeps what a SummaryWriter would write."""

    made: ClassVar[list[Writer]] = []
    scalars: list[tuple[str, float, int]]

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder, self.purged, self.scalars, self.closed = folder, purge_step, [], False
        self.made.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        assert not self.closed
        self.scalars.append((name, value, step))

    def close(self) -> None:
        self.closed = True


def _run(out: Path, **more: Any) -> Any:
    system = CloudScheduling(3, seed=0, horizon=5)
    return train(system, "dgpg", 3, seed=0, workloads=2, evaluate_every=0, out=out, progress=False, **more)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Writer]:
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(Writer, "made", [])
    return Writer.made


def test_events_hold_every_number_of_the_log_against_samples(written: list[Writer], tmp_path: Path) -> None:
    run = _run(tmp_path / "a", tensorboard=True)
    (writer,) = written
    assert Path(writer.folder) == tmp_path / "a" and writer.closed
    rewards = [(value, step) for name, value, step in writer.scalars if name == "reward"]
    assert rewards == [(record.reward, record.samples) for record in run.history]
    assert [step for _, step in rewards] == [5, 10, 15]
    assert {name for name, *_ in writer.scalars} >= {"reward", "entropy", "alpha"}
    assert not {"episode", "samples"} & {name for name, *_ in writer.scalars}


def test_a_resumed_run_purges_what_was_written_beyond_its_checkpoint(written: list[Writer], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "save", _killed_at_second(RunFolder.save))
        _run(tmp_path / "a", tensorboard=True, checkpoint_every=1)
    _run(tmp_path / "a", tensorboard=True, checkpoint_every=1, resume=True)
    assert [writer.purged for writer in written] == [5, 10]
    assert [step for name, _, step in written[1].scalars if name == "reward"] == [10, 15]


def _killed_at_second(save: Any) -> Any:
    def saved(folder: Any, tensors: Any, progress: Any) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt
        save(folder, tensors, progress)

    return saved


def test_without_being_asked_nothing_is_written(written: list[Writer], tmp_path: Path) -> None:
    _run(tmp_path / "a")
    assert not written


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match="the package tensorboard is not installed"):
        _run(tmp_path / "a", tensorboard=True)
    assert not (tmp_path / "a").exists()
