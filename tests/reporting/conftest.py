"""One synthetic run folder and its report for the whole room: drawing it is the slow part."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgpg_verify.reporting import write_report
from tests.reporting import synthetic_run


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic run folder, redrawn once."""
    folder = synthetic_run.make_run(tmp_path_factory.mktemp("run") / "synthetic", places=2, fleets=4)
    write_report(folder)
    return folder
