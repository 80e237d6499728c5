"""`dgpg-verify plan`: tables of 80 columns, and one line for what it does not take."""

from __future__ import annotations

import pytest

from dgpg_verify.claims.claim import all_claims
from tests.cli.command import run


def test_every_claim_and_the_total_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("plan", "--scale", "smoke", "--workers", "3", capsys=capsys)
    lines = out.splitlines()
    assert code == 0 and max(map(len, lines)) <= 80
    named = [line.split()[0] for line in lines[1 : lines.index("")]]
    assert named[:-2] == [claim.id for claim in all_claims()] and named[-2] == "all"
    assert "on 3 workers" in out and "learnt from reference, reference-" in out


def test_on_paper(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("plan", "--n", "1000000", "--fleets", "1000", "--claims", "A3", capsys=capsys)
    assert code == 0 and max(map(len, out.splitlines())) <= 80
    assert out.startswith("extrapolated, not measured: 1000 fleets of 1000000 agents")
    assert "load_balancing/dense         32-256  N^(2." in out  # a dense graph


def test_a_run_that_was_never_measured(tmp_path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr("dgpg_verify.cli.plan.command.REPORTS", tmp_path)
    code, out, _ = run("plan", "--scale", "smoke", "--claims", "A3", capsys=capsys)
    assert code == 0 and "learnt from nothing: name a run with --like DIR" in out
    assert out.splitlines()[1].split() == ["A3", "144", *["not", "known"] * 4]


@pytest.mark.parametrize(
    "words, said",
    [
        (["--n", "0"], "n = 0 is not allowed: it must be an integer in [1, 1000000000]"),
        (["--n", "8", "--fleets", "0"], "fleets = 0 is not allowed"),
        (["--fleets", "3"], "fleets = '3' has no effect without --n"),
        (["--n", "8", "--rows", "a"], "rows = 'a' has no effect together with --n"),
        (["--workers", "0"], "workers = 0 is not allowed: it must be an integer in [1, 1024]"),
        (["--scale", "huge"], "scale = 'huge' is not allowed"),
        (["--like", "/dev/null"], "is not a run folder"),
        (["--scale", "smoke", "--claims", "A3", "--n-max", "1"], "n_max = 1 leaves no cell"),
    ],
)
def test_bad_options(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run("plan", *words, capsys=capsys)
    assert code == 2 and said in err and err.count("\n") == 1
