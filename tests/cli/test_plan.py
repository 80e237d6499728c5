"""`dgpg-verify plan`: tables of 80 columns, and one line for what it does not take."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from dgpg_verify.claims.claim import all_claims, select_claims
from dgpg_verify.claims.noise.design import SHARED_GAME
from dgpg_verify.cli.memory import cell_memory, estimate
from dgpg_verify.cli.plan.command import REPORTS
from dgpg_verify.policies import make_policy
from dgpg_verify.runs.progress import size_text
from dgpg_verify.systems import make_system
from tests.cli.command import run

REFERENCE = str(REPORTS / "reference")


def test_every_claim_and_the_total_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("plan", "--scale", "smoke", "--workers", "3", capsys=capsys)
    lines = out.splitlines()
    assert code == 0 and max(map(len, lines)) <= 80
    named = [line.split()[0] for line in lines[1 : lines.index("")]]
    assert named[:-2] == [claim.id for claim in all_claims()] and named[-2] == "all"
    assert "on 3 workers" in out and "learnt from reference, reference-" in out


def test_on_paper_what_was_measured_over_too_few_n_has_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("plan", "--n", "1000000", "--fleets", "1000", "--claims", "A3", capsys=capsys)
    lines = out.splitlines()
    assert code == 0 and max(map(len, lines)) <= 80
    assert lines[0] == "on paper, not measured: 1000 fleets of 1000000 agents"
    said = {line.split()[0]: line.split()[1:] for line in lines if line.endswith("not known")}
    assert said["load_balancing/dense"] == ["32-256", "-", *["not", "known"] * 3] == said["cloud"]
    assert "not known, time and disk: the N known reach less than a decade, or\nN = 1000000 lies more than" in out


def test_on_paper_memory_and_time_of_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Shared parameters: measured to N = 1024 in less time than at fewer agents, and declared to grow like N."""
    [row] = [row for claim in select_claims("C1.1") for row in claim.design("standard") if row.key == SHARED_GAME]
    told = {}
    for n in (100_000, 1_000_000):
        code, out, _ = run("plan", "--n", str(n), "--claims", "C1.1", "--like", REFERENCE, capsys=capsys)
        [line] = [line for line in out.splitlines() if line.startswith(f"{SHARED_GAME} ")]
        memory = cell_memory(replace(row, n_values={n: 1}).cells_at(n, 0)[0])
        assert code == 0 and memory and line.endswith(f"> {size_text(memory)}")
        told[n] = line.split("1024", 1)[1].split()
    assert told[100_000][:2] == ["cost", "1.00"]
    assert told[1_000_000][:5] == ["-", "not", "known", "not", "known"]


def test_a_run_that_was_never_measured(tmp_path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr("dgpg_verify.cli.plan.command.REPORTS", tmp_path)
    code, out, _ = run("plan", "--scale", "smoke", "--claims", "A3", capsys=capsys)
    assert code == 0 and "learnt from nothing: name a run with --like DIR" in out
    [asked] = select_claims("A3")
    cells = sum(len(row.cells(0)) for row in asked.design("smoke"))
    assert out.splitlines()[1].split() == ["A3", str(cells), *["not", "known"] * 4]


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


def test_the_memory_of_roll_outs_that_are_played_side_by_side_is_counted() -> None:
    """Of 64 roll-outs all eight chunks of eight are: as many gradients as of 64, not of 8."""
    n, credits, groups = 100, 3, 8
    build, policy = partial(make_system, "load_balancing", seed=0), partial(make_policy, "mlp")
    gradient = 8.0 * n * policy(build(n)).parameters.shape[-1] * credits
    few, many = (estimate(build, policy, n, rollouts, credits) for rollouts in (8, 64))
    assert few > (8 + groups) * gradient and many - few > (64 - 8) * gradient
