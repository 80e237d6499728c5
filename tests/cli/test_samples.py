"""The command `samples`: what it says against the definitions; one's own system in Python; bad input in one line."""

from __future__ import annotations

import inspect
import json
import textwrap
from typing import Any

import numpy as np
import pytest

from dgpg_verify.cli import samples, samples_runs
from dgpg_verify.samples import TeamProblem, TheoryStep, cell_generator, learn, make_method
from dgpg_verify.samples.cloud import estimated_curve, scored_fleets
from tests.cli.command import run

SMALL = ("--n", "3,6", "--fleets", "4", "--eps-factors", "3,6", "--budget", "600")


def answer(*command: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    code, out, _ = run("samples", *command, "--json", capsys=capsys)
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    return found


def first_stay(samples: list[int], gaps: list[float], eps: float) -> float | None:
    """First n with every gap in [n, 2 n] at or below eps, in plain loops; None if the curve ends before 2 n."""
    for start in samples[1:]:
        inside = [gap for n, gap in zip(samples, gaps) if start <= n <= 2 * start]
        if 2 * start <= samples[-1] and all(gap <= eps for gap in inside):
            return float(start)
    return None


def test_samples_are_those_of_the_curve(capsys: pytest.CaptureFixture[str]) -> None:
    """n_eps of every fleet from the whole curve (the command stops early), by its definition."""
    said = answer(*SMALL, "--methods", "guided:0.5", "--seed", "3", capsys=capsys)
    assert [cell["n"] for cell in said["methods"][0]["cells"]] == [3, 6]
    for cell in said["methods"][0]["cells"]:
        team = TeamProblem.random(cell["n"], 4, 1, 3)
        curve = learn(team, make_method("guided:0.5"), TheoryStep(), 600, cell_generator(3, cell["n"]))
        for found, factor in zip(cell["samples"], (3.0, 6.0)):
            each = [first_stay(curve.samples.tolist(), gaps.tolist(), gaps[0] / factor) for gaps in curve.gaps]
            assert (found["factor"], found["each"]) == (factor, each)
            assert found["censored"] == sum(n is None for n in each) / 4
            finite = sorted(n for n in each if n is not None)
            assert found["median"] == (finite[2] if len(finite) > 2 else None)


def test_a_floor_is_the_gap_at_the_optimum_of_the_mixture(capsys: pytest.CaptureFixture[str]) -> None:
    """Closed form, and eps below three floors have no n_eps."""
    biased = ("--option", "alignment=0.5", "--option", "reference_bias=0.6")
    sizes = ("--n", "2,3,4,5", "--fleets", "4", "--eps-factors", "2,1000", "--budget", "300")
    said = answer(*sizes, *biased, "--methods", "guided:0.8", capsys=capsys)["methods"][0]
    for cell in said["cells"]:
        team = TeamProblem.random(cell["n"], 4, 1, 0, 0.5, 0.6)
        exact = team.stationary_gap("guided", np.full(4, 0.8)) / team.gap(team.start())
        assert cell["floor"] == pytest.approx(float(np.median(exact)), rel=1e-6) and cell["floor"] > 1e-3
        assert cell["floor_settled"]
    assert said["factors_used"] == [] or max(said["factors_used"]) < 1000
    assert "no n_eps (floor)" in said["dropped"]
    honest = answer(*sizes, "--methods", "guided:0.8", capsys=capsys)["methods"][0]
    assert max(cell["floor"] for cell in honest["cells"]) < 1e-12


def test_own_system_in_python_as_the_docstring_shows() -> None:
    """The example runs, and finds p. Noise of variance N: p = 1; of variance 1: p = 0, each the other's control.

    Over 30 seeds p had a standard deviation of 0.04 in both: 0.25 is six of them (false alarm below 1e-8 a side).
    """
    code = textwrap.dedent(inspect.getdoc(samples).split("them):\n\n", 1)[1])  # type: ignore[union-attr]
    found = {}
    for name, source in (("grows", code), ("does not", code.replace("self.n_agents / roll_outs", "1.0 / roll_outs"))):
        space: dict[str, Any] = {}
        exec(source.replace("self.n_agents * one", "one") if name == "does not" else source, space)
        found[name] = space["fit"].p.exponent
    assert abs(found["grows"] - 1.0) < 0.25 and abs(found["does not"]) < 0.25
    bowl = space["Bowl"](4, runs=1)
    eta = np.linspace(0.0, 1.0, 1001)  # expected gap of a step, twice its sum: 4 (1 - eta)^2 + eta^2 N N / n
    for roll_outs in (1, 3):
        best = eta[(4.0 * (1.0 - eta) ** 2 + 16.0 * eta**2 / roll_outs).argmin()]
        assert abs(bowl.best_step(bowl.start(), "return", np.zeros(1), roll_outs)[0] - best) < 1e-3


def test_same_seed_same_numbers_and_every_option_has_an_effect(capsys: pytest.CaptureFixture[str]) -> None:
    plain = answer(*SMALL, capsys=capsys)["methods"]
    assert answer(*SMALL, capsys=capsys)["methods"] == plain
    changes = [("--seed", "1"), ("--step", "greedy"), ("--n", "3,5"), ("--fleets", "5"), ("--eps-factors", "3,4"),
               ("--budget", "100"), ("--methods", "return"), ("--option", "sigma=1"), ("--option", "alignment=0.5"),
               ("--system", "load_balancing")]  # fmt: skip
    for change in changes:
        assert answer(*SMALL, *change, capsys=capsys)["methods"] != plain, change


def test_fleets_of_a_larger_run_begin_with_those_of_a_smaller_one() -> None:
    words = {"n": "4", "seed": 0}
    few, many = (
        samples_runs.build_problem(4, samples_runs.make_request("linear_quadratic", [], fleets=count, **words))
        for count in (4, 6)
    )
    np.testing.assert_allclose(few.gap(few.start()), many.gap(many.start())[:4])


def test_text_shows_samples_powers_and_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(
        "samples", "--n", "2,3,4,6", "--fleets", "6", "--eps-factors", "2,4,20", "--budget", "400", capsys=capsys
    )
    assert code == 0 and max(map(len, out.splitlines())) <= 140
    said = answer("--n", "2,3,4,6", "--fleets", "6", "--eps-factors", "2,4,20", "--budget", "400", capsys=capsys)
    for method in said["methods"]:
        for power in method["exponents"].values():
            if power["value"] is not None:
                assert f"{power['value']:.2f} [{power['low']:.2f}, {power['high']:.2f}]".replace("-0.00", "0.00") in out
    assert [line.rsplit(": ", 1)[0] for line in err.splitlines()] == [
        f"{m}, N = {n}" for m in ("return", "guided:0.2") for n in (2, 3, 4, 6)
    ]
    short = run("samples", *SMALL, capsys=capsys)[1]
    assert "no p, q, q with log, p + q: too few N >= 1 in the top decade: 2" in short


def test_trained_policies_have_an_estimated_gap_and_no_floor(capsys: pytest.CaptureFixture[str]) -> None:
    """The numbers are those of `estimated_curve` on the same fleets."""
    asked = ("--system", "cloud", "--n", "3", "--fleets", "4", "--eps-factors", "1.5,4", "--budget", "4",
             "--option", "horizon=25", "--methods", "guidance_only")  # fmt: skip
    cell = answer(*asked, capsys=capsys)["methods"][0]["cells"][0]
    systems, seeds, _ = scored_fleets(3, 4, 0, horizon=25)
    curve = estimated_curve(systems, "guidance_only", 4, seeds)
    for found, factor in zip(cell["samples"], (1.5, 4.0)):
        each = [first_stay(curve.samples.tolist(), gaps.tolist(), gaps[0] / factor) for gaps in curve.gaps]
        assert found["each"] == each
    assert cell["floor"] is None
    code, out, _ = run("samples", *asked, capsys=capsys)
    assert code == 0 and "gap per agent to Best-Fit on held-out workloads" in out and "adam steps" in out


def test_runs_that_never_arrive_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    said = answer("--n", "3", "--fleets", "4", "--eps-factors", "1e6", "--budget", "100", capsys=capsys)
    cell = said["methods"][0]["cells"][0]["samples"][0]
    assert cell == {"factor": 1e6, "median": None, "low": None, "high": None, "censored": 1.0, "each": [None] * 4}
    out = run("samples", "--n", "3", "--fleets", "4", "--eps-factors", "1e6", "--budget", "100", capsys=capsys)[1]
    assert "100 %" in out


BAD: dict[str, tuple[list[str], str]] = {
    "eps factor of 1": (["--eps-factors", "10,1"], "eps-factors = 1.0 is not allowed: it must be a finite number in"),
    "eps factor below 1": (["--eps-factors", "0.5"], "eps-factors = 0.5 is not allowed"),
    "eps factor NaN": (["--eps-factors", "nan"], "eps-factors = 'nan' is not allowed"),
    "no eps factor": (["--eps-factors", ","], "eps-factors is empty: at least one value is needed"),
    "eps factor twice": (["--eps-factors", "10,10.0"], "eps-factors holds 10.0 more than once"),
    "no N": (["--n", ""], "n is empty: at least one value is needed"),
    "N of 0": (["--n", "0,8"], "n = 0.0 is not allowed: it must be an integer in [1, 1024]"),
    "half an agent": (["--n", "8.5"], "n = 8.5 is not allowed"),
    "N in words": (["--n", "eight"], "n = 'eight' is not allowed"),
    "N twice": (["--n", "8,8"], "n holds 8 more than once"),
    "too many agents": (["--n", "2000"], "n = 2000.0 is not allowed: it must be an integer in [1, 1024]"),
    "unknown system": (["--system", "chess"], "system = 'chess' is not allowed: it must be one of linear_quadratic"),
    "no optimum and nothing to tell policies apart": (
        ["--system", "cloud", "--n", "2", "--fleets", "4", "--option", "horizon=1"],
        "CloudScheduling with 2 agents has no optimum oracle, and only 0 of 32 fleets have an evaluation set",
    ),
    "budget of a trained policy": (["--system", "cloud", "--budget", "3"], "budget = 3 is not allowed: it must be an"),
    "episodes that make no whole update": (
        ["--system", "cloud", "--methods", "guidance_only,reinforce", "--budget", "41"], "episodes = 41 is not allowed"
    ),
    "method that starts at the goal": (["--system", "cloud", "--methods", "residual"], "'residual' is not allowed"),
    "empty step": (["--step", ""], "step = '' is not allowed"),
    "step of a trained policy": (["--system", "cloud", "--step", "greedy"], "step = 'greedy' is not allowed"),
    "credit for a trained policy": (["--system", "cloud", "--methods", "return"], "method = 'return' is not allowed"),
    "option of a trained policy": (["--system", "cloud", "--option", "sigma=1"], "'sigma' is not allowed"),
    "unknown method": (["--methods", "sarsa"], "method = 'sarsa' is not allowed: it must be return, difference"),
    "no method": (["--methods", ","], "methods is empty: at least one value is needed"),
    "method twice": (["--methods", "return,return"], "methods holds 'return' more than once"),
    "alpha above 1": (["--methods", "guided:1.5"], "alpha = 1.5 is not allowed: it must be a finite number in [0, 1]"),
    "alpha below 0": (["--methods", "guided:-0.1"], "alpha = -0.1 is not allowed"),
    "guided without alpha": (["--methods", "guided"], "method = 'guided' is not allowed"),
    "budget too small": (["--budget", "99"], "budget = 99 is not allowed: it must be an integer in [100, 1000000000]"),
    "negative budget": (["--budget", "-1"], "budget = -1 is not allowed"),
    "too few fleets": (["--fleets", "3"], "fleets = 3 is not allowed: it must be an integer in [4, 64]"),
    "unknown step": (["--step", "adam"], "step = 'adam' is not allowed: it must be one of theory, greedy"),
    "negative seed": (["--seed", "-1"], "seed = -1 is not allowed"),
    "option of the other system": (["--option", "reference=fluid"], "'reference' is not allowed: it must be one of al"),
    "option without a value": (["--option", "alignment"], "alignment"),
    "option out of range": (["--option", "alignment=2"], "alignment = 2 is not allowed"),
    "numbers too large to square": (["--option", "reference_bias=1e200"], "numbers must lie in +-1e+50"),
    "no noise": (["--option", "sigma=0"], "sigma = 0 is not allowed"),
    "temperature below the bound": (
        ["--system", "load_balancing", "--option", "temperature=0.001"], "temperature = 0.001 is not allowed"
    ),
    "temperature in words": (
        ["--system", "load_balancing", "--option", "temperature=hot"], "temperature = 'hot' is not allowed"
    ),
    "noise too large to square": (["--option", "sigma=1e200"], "sigma = 1e+200 is not allowed"),
    "reference too large to square": (
        ["--system", "load_balancing", "--option", "reference=biased:1e100"], "numbers must lie in +-1e+50"
    ),
    "unknown reference": (["--system", "load_balancing", "--option", "reference=best"], "reference = 'best' is not"),
    "nothing to choose": (["--system", "load_balancing", "--option", "n_candidates=1"], "n_candidates = 1 is not"),
}  # fmt: skip


@pytest.mark.parametrize("command, said", BAD.values(), ids=BAD.keys())
def test_bad_options(command: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run("samples", *command, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("error: ") and said in err
