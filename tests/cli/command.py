"""The command line as a user runs it, in this process: exit code, output, errors."""

from __future__ import annotations

import sys

import pytest

from dgpg_verify.cli import main as cli


def run(*command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["dgpg-verify", *command])
        with pytest.raises(SystemExit) as left:
            cli.main()
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err
