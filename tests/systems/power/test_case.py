"""Power cases: a file by hand to its dispatch, copies, every bad entry by its place, and runs on a changed file."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.contracts import check_system
from dgpg_verify.core import InputError
from dgpg_verify.systems import PowerDispatch, make_system
from dgpg_verify.systems.power.case import read_case
from tests.cli.command import run
from tests.oracles.games.prices import dispatch_residual

GENERATORS: list[dict[str, Any]] = [
    {"name": "coal", "p_min": 10.0, "p_max": 100.0, "c2": 0.05, "c1": 10.0},
    {"name": "gas", "p_min": 0, "p_max": 60.0, "c2": 0.1, "c1": 13.0},
    {"name": "old", "p_min": 5.0, "p_max": 5.0, "c2": 1.0, "c1": 90.0},
]


def write(folder: Path, generators: list[Any] = GENERATORS, demand: Any = 95.0, **more: Any) -> Path:
    path = folder / "small.json"
    path.write_text(json.dumps({"demand": demand, "generators": generators, **more}))
    return path


def changed(place: int, **fields: Any) -> list[dict[str, Any]]:
    return [{**each, **fields} if at == place else each for at, each in enumerate(GENERATORS)]


def test_a_case_by_hand(tmp_path: Path) -> None:
    """0.1 p + 10 = 0.2 r + 13 and p + r = 90 give p = 70, r = 20 at 17 a MWh; the old one must run, at 100."""
    path = write(tmp_path, source="a textbook")
    game = PowerDispatch.random(3, case=str(path), reference="balanced", n_levels=4)
    assert game.reference_state.tolist() == pytest.approx([70.0, 20.0, 5.0, 0.0], abs=1e-9)
    assert game.levels.tolist() == [[10.0, 40.0, 70.0, 100.0], [0.0, 20.0, 40.0, 60.0], [5.0] * 4]
    fuel = 0.05 * 70**2 + 10 * 70 + 0.1 * 20**2 + 13 * 20 + 1 * 5**2 + 90 * 5
    assert float(game.cost_of(game.reference_state)) == pytest.approx(fuel, rel=1e-12)
    seen = game.observe(game.start(torch.empty(1, 1, 0)))
    assert game.joint_actions("merit_order", seen)[0].tolist()[:2] == [2, 1]
    check_system(game)
    packed = tmp_path / "small.json.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_case(packed).demand == 95.0


@pytest.mark.parametrize("beta", [0.01, 1.0, 100.0])
def test_the_optimum_of_a_case_has_one_incremental_cost(beta: float, tmp_path: Path) -> None:
    game = PowerDispatch.random(3, case=str(write(tmp_path)), beta=beta)
    lack = -float(game.reference_state[-1])
    assert dispatch_residual(game, game.reference_state[:-1].numpy(), beta * lack) < 1e-9 * max(1.0, beta)


def test_copies_are_dispatched_as_the_case_is(tmp_path: Path) -> None:
    path = str(write(tmp_path))
    once, four = (PowerDispatch.random(n, seed, case=path, reference="balanced") for n, seed in ((3, 0), (12, 7)))
    assert float(four.demand) == 4 * 95.0 and torch.equal(four.levels, once.levels.repeat(4, 1))
    np.testing.assert_allclose(four.reference_state[:-1], once.reference_state[:-1].repeat(4), rtol=1e-12)
    for n in (1, 2, 4, 10):
        with pytest.raises(InputError, match=f"n_agents = {n} is not allowed .* it must be 3, or a multiple"):
            PowerDispatch.random(n, case=path)


def test_config_rebuilds_the_case_and_a_drawn_game_keeps_its_own(tmp_path: Path) -> None:
    game = PowerDispatch.random(6, case=str(write(tmp_path)), normalised=True)
    recipe = json.loads(json.dumps(game.config()))
    assert recipe.pop("inputs").keys() == {"case"}
    again: Any = make_system(recipe.pop("system"), **recipe)
    assert torch.equal(again.levels, game.levels) and again.config() == game.config()
    drawn = PowerDispatch.random(6)
    assert not {"case", "inputs"} & {*drawn.config(), *drawn.with_reference(drawn.reference_state).config()}


PLACED = [{**each, "bus": bus} for each, bus in zip(GENERATORS, (1, 20, 20))]
NET: dict[str, Any] = {
    "generators": PLACED,
    "loads": [{"bus": 20, "p": 65.0}, {"bus": 3, "p": 30.0}],
    "branches": [
        {"name": "wide", "from": 1, "to": 3, "x": 0.1},
        {"from": 3, "to": 20, "x": 0.2, "limit": 35.0},
        {"from": 20, "to": 3, "x": 0.2, "limit": 70.0},
    ],
}


def wired(name: str, place: int, **fields: Any) -> dict[str, Any]:
    """The network with other fields of one entry of a list."""
    entries = [{**each, **fields} if at == place else each for at, each in enumerate(NET[name])]
    return {**NET, name: entries}


def test_a_case_with_lines_by_hand(tmp_path: Path) -> None:
    """70, 20 and 5 are best alone. From bus 1 all flows to bus 3, that has 30 of 95; half of what goes on takes each of
    two equal lines: 65/95 of bus 1's output less 30/95 of bus 20's, 40 in all, 20 on each. With 15 on one no more than
    30 goes on: 60 from bus 1, and 30 + 5 from bus 20."""
    path = write(tmp_path, **NET)
    game = PowerDispatch.random(3, case=str(path), reference="balanced", lines=True)
    assert game.reference_state.tolist() == pytest.approx([70.0, 20.0, 5.0, 0.0, 20.0, -20.0], abs=1e-8)
    assert game.limits is not None and game.limits.tolist() == [35.0, 70.0]
    tight = write(tmp_path, **wired("branches", 1, limit=15.0))
    game = PowerDispatch.random(3, case=str(tight), reference="balanced", lines=True)
    assert game.reference_state.tolist() == pytest.approx([60.0, 30.0, 5.0, 0.0, 15.0, -15.0], abs=1e-8)
    check_system(game)
    four = PowerDispatch.random(12, case=str(tight), reference="balanced", lines=True)
    np.testing.assert_allclose(four.reference_state[:12], game.reference_state[:3].repeat(4), atol=1e-8)
    assert four.n_lines == 2 and float(four.reference_state[13]) == pytest.approx(60.0, abs=1e-7)
    plain = PowerDispatch.random(3, case=str(path))
    assert plain.n_lines == 0 and len(plain.reference_state) == 4


def test_lines_need_a_branch_with_a_limit(tmp_path: Path) -> None:
    without = [*NET["branches"][:1], {"from": 3, "to": 20, "x": 0.2}]
    for changes in ({}, {**NET, "branches": without}):
        path = write(tmp_path, **changes)
        with pytest.raises(InputError, match=r"lines = True is not allowed .* which has no branch with a limit"):
            PowerDispatch.random(3, case=str(path), lines=True)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "straight": ({"generators": changed(1, c2=0)}, "generators[1].c2 = 0 must be a number > 0"),
    "concave": ({"generators": changed(1, c2=-0.1)}, "generators[1].c2 = -0.1 must be a number > 0"),
    "a text": ({"generators": changed(0, c1="10")}, "generators[0].c1 = '10' must be a number in [-1e+09, 1e+09]"),
    "a flag": ({"generators": changed(0, c1=True)}, "generators[0].c1 = True"),
    "not finite": ({"generators": changed(2, p_max=float("nan"))}, "generators[2].p_max = nan"),
    "too large": ({"generators": changed(2, p_max=1e10)}, "generators[2].p_max = 10000000000.0 must be"),
    "too long": ({"generators": changed(2, p_max=10**400)}, "generators[2].p_max = 1000"),
    "crossed": ({"generators": changed(1, p_min=61.0)}, "generators[1]: p_min = 61.0 must not lie above p_max = 60.0"),
    "missing": ({"generators": [{"p_min": 0, "p_max": 1, "c2": 1}]}, "generators[0].c1 is missing: it must be"),
    "misspelt": ({"generators": changed(0, c0=1.0)}, "generators[0].c0 is no field of a case"),
    "no generator": ({"generators": []}, "generators = [] must be a list with a generator at least"),
    "no list": ({"generators": 3}, "generators = 3 must be a list"),
    "no object": ({"generators": [3]}, "generators[0] = 3 must be an object"),
    "demand": ({"demand": None}, "demand = None must be a number"),
    "too much": ({"demand": 165.1}, "demand = 165.1 must lie in what the generators can give, [15, 165]"),
    "too little": ({"demand": 14.9}, "demand = 14.9 must lie"),
    "no bus": (
        {**NET, "generators": GENERATORS},
        "generators[2].bus is missing: it must be a whole number in [0, 1e+09]",
    ),
    "bus of text": (wired("loads", 1, bus="3"), "loads[1].bus = '3' must be a whole number"),
    "bus below 0": (wired("generators", 0, bus=-1), "generators[0].bus = -1 must be a whole number"),
    "broken bus": (wired("branches", 2, to=3.5), "branches[2].to = 3.5 must be a whole number"),
    "load of text": (wired("loads", 0, p="65"), "loads[0].p = '65' must be a number in"),
    "no load": ({**NET, "loads": []}, "loads are missing: loads and branches must be given together"),
    "no branch": ({**NET, "branches": []}, "branches are missing: loads and branches must be given together"),
    "other loads": (wired("loads", 0, p=64.0), "demand = 95.0, and loads add up to 94: they must agree"),
    "loop": (wired("branches", 1, to=3), "branches[1]: from = 3 and to = 3 must be two buses"),
    "short circuit": (wired("branches", 1, x=0), "branches[1]: x = 0.0 must be at least 1e-09 in size"),
    "beyond floats": (wired("branches", 1, x=-1e-320), "branches[1]: x = -1e-320 must be at least 1e-09 in size"),
    "full line": (wired("branches", 1, limit=0), "branches[1].limit = 0 must be a number > 0"),
    "null limit": (wired("branches", 1, limit=None), "branches[1].limit = None must be a number > 0"),
    "no end": ({**NET, "branches": [{"from": 1, "x": 1.0}]}, "branches[0].to is missing: it must be a whole number"),
    "own word": (wired("branches", 0, start=1), "branches[0].start is no field of a case"),
    "island": (wired("branches", 0, to=4), "generators[1].bus = 20 is not connected with bus 1"),
    "off the net": (wired("loads", 1, bus=7), "loads[1].bus = 7 is not connected with bus 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_entry_is_named(name: str, tmp_path: Path) -> None:
    changes, said = BAD[name]
    assert said in refusal(write(tmp_path, **changes))


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as refused:
        read_case(path)
    assert "\n" not in str(refused.value) and path.name in str(refused.value)
    return str(refused.value)


def test_every_bad_entry_is_named_at_once(tmp_path: Path) -> None:
    three = [{**each, "c2": -1.0, "p_max": "all"} for each in GENERATORS]
    said = refusal(write(tmp_path, three, demand="much"))
    assert said.count("must be") == 7 and all(f"generators[{place}].c2" in said for place in range(3))
    apart = refusal(write(tmp_path, **{**NET, "generators": GENERATORS, "loads": [{"bus": 8, "p": 1.0}]}))
    assert all(f"generators[{place}].bus is missing" in apart for place in range(3))
    assert "loads add up to 1:" in apart and "loads[0].bus = 8 is not connected" in apart
    lost = refusal(write(tmp_path, **{**NET, "loads": [{"bus": 100 + k, "p": 1.0} for k in range(95)]}))
    assert lost.count("is not connected") == 50 and lost.endswith("; and 45 more")
    many = refusal(write(tmp_path, [{**GENERATORS[0], "c1": "?"}] * 60))
    assert many.count("must be") == 50 and many.endswith("; and 10 more")


def test_files_that_are_no_case_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    for text, said in (
        ("name,p_min\na,1\n", "must be a JSON file"),
        ("[1]", "the file = [1] must be an object"),
        ("[" * 100_000, "must be a JSON file"),
        ('{"demand": 1, "demand": 2, "generators": []}', "'demand' is there twice in one object"),
        ('{"demand": 1}', "generators is missing"),
    ):
        path.write_text(text)
        assert said in refusal(path)
    path.write_bytes(b"\xff\xfe\x00")
    assert "must be JSON in UTF-8" in refusal(path)
    assert "must exist" in refusal(tmp_path / "none.json")


def test_runs_on_a_case_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path)
    monkeypatch.chdir(tmp_path)
    case = ["power_dispatch", "--option", "case=small.json", "--n"]
    code, out, err = run("measure", *case, "6", "--rollouts", "16", "--json", capsys=capsys)
    assert code == 0 and json.loads(out)["system"] == "power_dispatch", err
    code, out, err = run("measure", *case, "10", capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1) and "which has 3 generators" in err
    code, _, err = run("train", *case, "3", "--episodes", "2", "--workloads", "4", "--out", "r", capsys=capsys)
    assert code == 0, err
    monkeypatch.chdir("/")
    assert run("evaluate", str(tmp_path / "r"), "--workloads", "4", capsys=capsys)[0] == 0
    path.write_text(path.read_text().replace("95.0", "96.0"))
    code, out, err = run("evaluate", str(tmp_path / "r"), capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1) and "small.json' has changed since the run was trained" in err
