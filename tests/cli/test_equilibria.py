"""The command `equilibria`: what it says of a game or a team, against enumeration; bad input in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dgpg_verify.equilibria import Tables, joint_tables, random_tables
from dgpg_verify.systems import LinearQuadraticTeam, LoadBalancingGame
from tests.cli.command import run

Actions = tuple[int, ...]


def answer(*command: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    code, out, err = run("equilibria", *command, "--json", capsys=capsys)
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def gains(tables: Tables, alpha: Fraction) -> dict[Actions, Fraction]:
    """Largest gain in J_alpha of a change of one agent from each joint action, exact, in plain loops."""
    k, n = tables.n_actions, tables.n_agents
    value = {}
    for a in product(range(k), repeat=n):
        j, g = (Fraction(float(table[0][a])) for table in (tables.reward, tables.guidance))
        value[a] = (1 - alpha) * j - alpha * g
    return {
        a: max(value[(*a[:i], other, *a[i + 1 :])] - here for i in range(n) for other in range(k) if other != a[i])
        for a, here in value.items()
    }


def kind(gain: Fraction) -> str:
    return "-" if gain > 0 else "tied" if gain == 0 else "strict"


def equilibria(tables: Tables, alpha: Fraction | float) -> set[Actions]:
    return {a for a, gain in gains(tables, Fraction(alpha)).items() if gain <= 0}


@pytest.mark.parametrize("reference", ["fluid", "shuffled"])
@pytest.mark.parametrize("alpha", ["0", "0.2", "0.9", "1"])
def test_the_default_game_against_enumeration(alpha: str, reference: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts, kinds, values and exact alpha_c; at alpha = 0 nothing changes, at alpha = 1 only G counts."""
    tables = random_tables(1, 4, 3, "quadratic", reference, 0)
    base, here = equilibria(tables, 0), equilibria(tables, float(alpha))
    asked = [] if reference == "fluid" else ["--reference", reference]  # fluid is the default
    said = answer(*asked, "--alpha", alpha, "--rows", "100", capsys=capsys)
    assert said["equilibria"] == {"of_j": len(base), "of_j_alpha": len(here), "lost": len(base - here),
                                  "gained": len(here - base)}  # fmt: skip
    change = {tuple(row["actions"]): row["change"] for row in said["listed"]}
    assert change == {a: "gained" if a not in base else "kept" if a in here else "lost" for a in base | here}
    assert (said["joint_actions"], said["not_listed"]) == (81, 0)
    for which, pick in (("best", max), ("worst", min)):
        values = said["values"][which]
        assert values["of_j"] == pick(tables.reward[0][a] for a in base)
        assert values["of_j_alpha"] == pick(tables.reward[0][a] for a in here)
    in_j, in_alpha = (gains(tables, Fraction(float(share))) for share in ("0", alpha))
    for row in said["listed"]:
        actions = tuple(row["actions"])
        assert (row["reward"], row["guidance"]) == (tables.reward[0][actions], tables.guidance[0][actions])
        assert (row["in_j"], row["in_j_alpha"]) == (kind(in_j[actions]), kind(in_alpha[actions]))
        if row["change"] != "gained":
            check_limit(tables, actions, Fraction(row["alpha_c_exact"]), row["alpha_c"])
    assert alpha != "0" or said["equilibria"]["lost"] == said["equilibria"]["gained"] == 0


def check_limit(tables: Tables, actions: Actions, exact: Fraction, rounded: float) -> None:
    """An equilibrium up to and with alpha_c, none right above it."""
    assert rounded == float(exact)
    assert gains(tables, exact)[actions] <= 0
    assert exact == 1 or gains(tables, exact + Fraction(1, 10**18))[actions] > 0


def test_reached_point_and_signs_are_those_of_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """NashConv of the reached point by playing every pure change; the named violation moves J and G the same way."""
    tables = random_tables(1, 3, 2, "mm1", "shuffled", 4)
    said = answer("--agents", "3", "--candidates", "2", "--cost", "mm1", "--reference", "shuffled", "--seed", "4",
                  "--alpha", "0.7", capsys=capsys)  # fmt: skip
    reached, p = said["reached"], said["reached"]["policies"]

    def worth(rows: list[list[float]]) -> float:
        weights = {a: np.prod([row[k] for row, k in zip(rows, a)]) for a in product(range(2), repeat=3)}
        return float(sum(weight * tables.reward[0][a] for a, weight in weights.items()))

    best = [max(worth([*p[:i], [1.0 - k, float(k)], *p[i + 1 :]]) for k in (0, 1)) for i in range(3)]
    scale = float(np.abs(tables.reward).max())
    assert reached["reward"] == pytest.approx(worth(p), abs=1e-12 * scale)
    assert reached["nash_conv"] == pytest.approx(sum(best) - 3 * worth(p), abs=1e-11 * scale)
    found = said["violation"]
    assert not said["sign_agreement"] and found["change_j"] * found["change_g"] > 0
    here, there = tuple(found["actions"]), list(found["actions"])
    there[found["agent"]] = found["to"]
    for name, table in (("change_j", tables.reward[0]), ("change_g", tables.guidance[0])):
        assert found[name] == table[tuple(there)] - table[here]


def test_perfect_guidance_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    said = answer("--reference", "perfect", "--alpha", "0.9", capsys=capsys)
    assert said["sign_agreement"] and said["violation"] is None
    assert said["equilibria"]["lost"] == said["equilibria"]["gained"] == 0
    assert {row["alpha_c_exact"] for row in said["listed"]} == {"1"}


def test_every_option_has_an_effect(capsys: pytest.CaptureFixture[str]) -> None:
    plain = answer(capsys=capsys)
    assert answer(capsys=capsys) == plain
    changes = [("--agents", "3"), ("--candidates", "2"), ("--cost", "delay"), ("--reference", "biased:0.3"),
               ("--alpha", "0.9"), ("--seed", "1"), ("--option", "n_servers=6"), ("--rows", "1"),
               ("--system", "linear_quadratic")]  # fmt: skip
    assert len(plain["listed"]) > 1
    for change in changes:
        other = answer(*change, capsys=capsys)
        assert {**other, "game": "", "alpha": 0} != {**plain, "game": "", "alpha": 0}, change


TABLE = {"reward": [[4, 0], [0, 2]], "guidance": [[3, 4], [1, 0]]}  # (0, 0) is lost from alpha_c = 4 / (4 + 2)


def write(folder: Path, value: Any) -> str:
    path = folder / "mine.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


def test_a_table_worked_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, TABLE)
    at = {alpha: answer("--game", path, "--alpha", alpha, capsys=capsys) for alpha in ("0.6", "0.7")}
    first = at["0.6"]["listed"][0]
    assert (first["actions"], first["servers"], first["alpha_c_exact"], first["in_j"]) == (
        [0, 0],
        None,
        "2/3",
        "strict",
    )
    assert [row["change"] for row in at["0.6"]["listed"]] == ["kept", "kept"]
    assert [row["change"] for row in at["0.7"]["listed"]] == ["lost", "kept"]
    assert at["0.7"]["values"]["best"] == {"of_j": 4.0, "of_j_alpha": 2.0, "loss": 0.5}
    assert at["0.7"]["violation"] == {"actions": [0, 0], "agent": 0, "to": 1, "change_j": -4.0, "change_g": -2.0}


def test_three_forms_of_a_file_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A game by its recipe, by its numbers, and as two tables."""
    game = LoadBalancingGame.random(3, 5, n_candidates=2, reference="biased:0.3")
    tables = joint_tables(game)
    forms = [game.config(), replace(game, recipe=None).config()]
    forms.append({name: getattr(tables, name)[0].tolist() for name in ("reward", "guidance")})
    assert "n_agents" in forms[0] and "jobs" in forms[1]
    said = [answer("--game", write(tmp_path, form), "--alpha", "0.6", capsys=capsys) for form in forms]
    assert said[0] == said[1]
    for row in said[0]["listed"]:
        assert row["servers"] == [int(game.candidates[i, k]) for i, k in enumerate(row["actions"])]
        row["servers"] = None  # a table names no servers
    assert said[2] == said[0]


def test_a_team_by_its_recipe_and_by_its_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """theta_alpha solves the normal equations of J_alpha, and the shift law is exact."""
    team = LinearQuadraticTeam.random(4, 2, 0.5, 0.3)
    forms = [team.config(), replace(team, recipe=None).config()]
    first, second = (answer("--game", write(tmp_path, form), "--alpha", "0.4", capsys=capsys) for form in forms)
    drawn = answer("--system", "linear_quadratic", "--agents", "4", "--seed", "2", "--alpha", "0.4", "--option",
                   "alignment=0.5", "--option", "reference_bias=0.3", capsys=capsys)  # fmt: skip
    assert first == second == {**drawn, "team": first["team"]}
    z = np.zeros((len(team.weights), 4))
    for i, (rows, values) in enumerate(zip(team.index.tolist(), team.value.tolist())):
        z[rows, i] += values
    weight = 0.6 * team.weights.numpy() + 0.4
    aim = 0.6 * team.weights.numpy() * team.optimum.numpy() + 0.4 * team.reference_state.numpy()
    solved = np.linalg.solve(z.T @ (weight[:, None] * z), z.T @ aim)
    np.testing.assert_allclose([row["of_j_alpha"] for row in first["theta"]], solved, rtol=1e-10)
    assert first["predicted"] == pytest.approx(first["shift"], rel=1e-10)


@pytest.mark.parametrize("command", [[], ["--alpha", "1"], ["--agents", "6", "--rows", "2"], ["--agents", "1"],
                         ["--system", "linear_quadratic", "--agents", "25"]], ids=" ".join)  # fmt: skip
def test_text_is_a_short_table(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run("equilibria", *command, capsys=capsys)
    assert (code, err) == (0, "") and out.count("\n") > 5
    assert max(map(len, out.splitlines())) <= 140


@pytest.mark.parametrize("alpha", ["0", "1"])
def test_text_of_a_table(alpha: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("equilibria", "--game", write(tmp_path, TABLE), "--alpha", alpha, capsys=capsys)
    assert code == 0 and "servers" not in out and "2/3" in out  # alpha_c


BAD: dict[str, tuple[list[str], str]] = {
    "too many joint actions": (["--agents", "15"], "3^15 joint actions is not allowed: it must be in [1, 10000000]"),
    "no agent": (["--agents", "0"], "agents = 0 is not allowed: it must be an integer in [1, 60]"),
    "no candidate": (["--candidates", "0"], "candidates = 0 is not allowed"),
    "alpha above 1": (["--alpha", "1.5"], "alpha = 1.5 is not allowed: it must be a finite number in [0, 1]"),
    "alpha below 0": (["--alpha", "-0.1"], "alpha = -0.1 is not allowed"),
    "alpha NaN": (["--alpha", "nan"], "alpha = nan is not allowed"),
    "negative seed": (["--seed", "-1"], "seed = -1 is not allowed"),
    "no row": (["--rows", "0"], "rows = 0 is not allowed"),
    "unknown cost": (["--cost", "max"], "cost = 'max' is not allowed: it must be one of quadratic"),
    "unknown reference": (["--reference", "best"], "reference = 'best' is not allowed: it must be one of perfect"),
    "bias without a number": (["--reference", "biased:x"], "it must be one of fluid, biased:D"),
    "relaxed makespan": (["--reference", "speed_aware", "--cost", "makespan"], "cost of a speed_aware reference"),
    "costs that overflow": (["--reference", "biased:1e200"], "every entry must be finite"),
    "costs too large to compare": (["--reference", "biased:1e90"], "every entry must lie in [-1e+150, 1e+150]"),
    "unknown system": (["--system", "cloud"], "system = 'cloud' is not allowed"),
    "option of the other system": (["--option", "alignment=1"], "'alignment' is not allowed: it must be one of n_serv"),
    "fewer servers than candidates": (["--option", "n_servers=2"], "n_servers = 2 is not allowed"),
    "team with a cost": (["--system", "linear_quadratic", "--cost", "delay"], "--cost is not allowed with linear_quad"),
    "team with its size twice": (["--system", "linear_quadratic", "--option", "n_agents=3"], "'n_agents' is not allow"),
    "team out of range": (["--system", "linear_quadratic", "--option", "alignment=2"], "alignment = 2 is not allowed"),
    "team too large to square": (["--system", "linear_quadratic", "--option", "reference_bias=1e200"], "+-1e+50"),
    "team too large to solve": (["--system", "linear_quadratic", "--agents", "1001"], "an integer in [1, 1000]"),
    "file that is not there": (["--game", "no.json"], "no.json is missing"),
    "file beside --agents": (["--game", "no.json", "--agents", "3"], "--agents cannot stand beside --game"),
    "file beside --option": (["--game", "no.json", "--option", "n_servers=3"], "--option cannot stand beside --game"),
    "folder for a file": (["--game", "."], "cannot be read"),
}
GAME = {"jobs": [1, 2], "capacity": [1, 2], "background": [0, 0], "candidates": [[0, 1], [0, 1]], "weights": [1, 1],
        "target": [1, 1], "reference_state": [1, 1], "cost": "quadratic"}  # fmt: skip
SIDE = {"system": "linear_quadratic", "index": [[0], [1]], "value": [[1], [1]], "weights": [1, 1], "optimum": [1, 1],
        "reference_state": [0, 0]}  # fmt: skip
FILES: dict[str, tuple[Any, str]] = {
    "not JSON": ("{", "mine.json is not JSON at line 1"),
    "a list": ("[1]", "mine.json holds a list: it must be one object"),
    "nothing": ({}, "jobs, capacity, background, candidates, weights, target, reference_state, cost missing"),
    "NaN": ('{"reward": [NaN], "guidance": [1]}', "holds NaN"),
    "infinity": ('{"reward": [1e999], "guidance": [1]}', "holds 1e999: a number must be finite"),
    "number of 400 digits": (f'{{"reward": [{"9" * 400}], "guidance": [1]}}', "holds 9999"),
    "number of 5000 digits": (f'{{"reward": [{"9" * 5000}], "guidance": [1]}}', "a number must be finite"),
    "nested beyond reading": ('{"reward": ' + "[" * 10**5 + "]" * 10**5 + "}", "is nested too deep"),
    "ragged table": (TABLE | {"reward": [[1, 2], [3]]}, "reward[0] = [1, 2] is not allowed: it should be a numb"),
    "table that is not square": (TABLE | {"reward": [[1, 2, 3], [4, 5, 6]]}, "reward has shape (2, 3)"),
    "tables of two shapes": (TABLE | {"reward": [1, 2]}, "they must have one shape"),
    "one table": ({"reward": [1, 2]}, "guidance missing"),
    "unknown field": (TABLE | {"alpha": 0.2}, "field of mine.json = 'alpha' is not allowed"),
    "text in a table": (TABLE | {"reward": [["4", 0], [0, 2]]}, "reward[0][0] = '4' is not allowed: it should be"),
    "truth value in a table": (TABLE | {"reward": [[0, True], [0, 2]]}, "reward[0][1] = True is not allowed"),
    "entry too large": (TABLE | {"reward": [[0, 0], [1e151, 2]]}, "it should be at most 1e+150"),
    "61 agents": (f'{{"reward": {"[" * 61}1{"]" * 61}, "guidance": [1]}}', "depth of reward = 61 is not allowed"),
    "unknown field of a game": (GAME | {"speed": 1}, "'speed' is not allowed"),
    "half a server": (GAME | {"candidates": [[0, 0.5], [0, 1]]}, "candidates[0][1] = 0.5 is not allowed: it"),
    "server that is not there": (GAME | {"candidates": [[0, 2], [0, 1]]}, "candidates must name servers in [0, 1]"),
    "job of size 0": (GAME | {"jobs": [0, 1]}, "jobs[0] = 0.0 is not allowed"),
    "flat candidates": (GAME | {"candidates": [0, 1]}, "candidates[0] = 0 is not allowed: it should be a valid list"),
    "game too large": (GAME | {"jobs": [1] * 24, "candidates": [[0, 1]] * 24}, "2^24 joint actions is not allowed"),
    "recipe too large": ({"n_agents": 24}, "4^24 joint actions is not allowed"),
    "recipe with an unknown option": ({"n_agents": 3, "speed": 1}, "'speed' is not allowed"),
    "recipe with a name": ({"n_agents": 3, "name": "x"}, "'name' is not allowed: it must be one of n_candidates"),
    "101 agents": (f'{{"reward": {"[" * 101}1{"]" * 101}, "guidance": [1]}}', "depth of reward = 64 is not allowed"),
    "empty table": (TABLE | {"reward": []}, "reward has shape (1, 0)"),
    "empty rows": (TABLE | {"reward": [[], []]}, "reward has shape (2, 0): it must be [K, ..., K]"),
    "number for a table": (TABLE | {"reward": 3}, "reward = 3 is not allowed: it should be a valid list"),
    "negative entry too large": (TABLE | {"reward": [-1e151, 0]}, "reward[0] = -1e+151 is not allowed: it should be"),
    "ragged candidates": (GAME | {"candidates": [[0, 1], [0]]}, "candidates = [[0, 1], [0]] is not allowed: expected"),
    "truth value in a game": (GAME | {"jobs": [True, 1]}, "jobs[0] = True is not allowed: it should be a valid number"),
    "text for a number": (GAME | {"jobs": ["1", 1]}, "jobs[0] = '1' is not allowed: it should be a valid number"),
    "infinity in a game": (json.dumps(GAME).replace("[1, 2]", "[1e999, 2]", 1), "a number must be finite"),
    "61 jobs": (GAME | {"jobs": [1] * 61}, "it should have at most 60 items, not 61"),
    "number for a cost": (GAME | {"cost": 3}, "cost = 3 is not allowed: it should be a valid string"),
    "server below 0": (GAME | {"candidates": [[0, -1], [0, 1]]}, "[0][1] = -1 is not allowed: it should be at least 0"),
    "recipe of another system": ({"n_agents": 3, "system": "cloud"}, "system = 'cloud' is not allowed"),
    "team with a row that is not there": (SIDE | {"index": [[0], [5]]}, "index must name rows of Z in [0, 1]"),
    "team beyond squaring": (SIDE | {"value": [[1e60], [1]]}, "value[0][0] = 1e+60 is not allowed: it"),
}  # fmt: skip


def refused(command: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run("equilibria", *command, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("error: ") and said in err


@pytest.mark.parametrize("command, said", BAD.values(), ids=BAD.keys())
def test_bad_options(
    command: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(command, said, capsys)


@pytest.mark.parametrize("content, said", FILES.values(), ids=FILES.keys())
def test_bad_files(content: Any, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(["--game", write(tmp_path, content)], said, capsys)


@pytest.mark.parametrize("good", [TABLE, GAME, SIDE, {"n_agents": 3}], ids=["tables", "game", "team", "recipe"])
def test_what_the_bad_files_change_is_allowed(good: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer("--game", write(tmp_path, good), capsys=capsys)


NFG = 'NFG 1 R "x" { "a" "b" }'
TABLE_NFG = NFG + ' { 2 2 }\n"a comment" ' + "1 1 0 0 -.5 -.5 1/4 0.25"  # the first player's strategy changes fastest


def test_gambit_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Payoffs and outcomes, numbers and names of strategies: one game, and the same as a table in JSON."""
    (tmp_path / "g.nfg").write_text(TABLE_NFG)
    (tmp_path / "o.nfg").write_text(
        NFG + ' { { "x" "y" } { "u" "v" } } { { "one" 1, 1 } { "low" -1/2 -.5 } { "" .25 1/4 } } 1 0 2 3'
    )
    (tmp_path / "pull.nfg").write_text(NFG + " { 2 2 } 0 0 1 1 0 0 0 0")
    table = {"reward": [[1, -0.5], [0, 0.25]], "guidance": [[0, 0], [1, 0]]}
    pull = ["--guidance", str(tmp_path / "pull.nfg"), "--alpha", "0.4"]
    said = [answer("--game", str(tmp_path / name), *pull, capsys=capsys) for name in ("g.nfg", "o.nfg")]
    wanted = answer("--game", write(tmp_path, table), "--alpha", "0.4", capsys=capsys)
    for found in said:
        assert {**found, "game": ""} == {**wanted, "game": ""}
    alone = answer("--game", str(tmp_path / "g.nfg"), capsys=capsys)
    assert alone["game"] == "game of g.nfg, no guidance" and alone != wanted


BAD_NFG = {
    "nothing": ("", "x.nfg ends too early"),
    "another format": ('EFG 2 R "x" { "a" }', "begins with 'EFG 2 R'"),
    "different payoffs": (
        NFG + " { 2 2 } 1 -1 0 0 0 0 1 1",
        "no game of one reward: at profile [0, 0] the players get 1",
    ),
    "too few payoffs": (NFG + " { 2 2 } 1 1", "it has 2 payoffs: 2 for each of 4 profiles"),
    "a word": (NFG + " { 2 2 } 1 1 0 0 0 0 1 one", "no game in Gambit's .nfg format"),
    "division by 0": (NFG + " { 2 2 } 1 1 0 0 0 0 1 1/0", "no game in Gambit's .nfg format"),
    "different numbers of strategies": (NFG + " { 1 2 } 1 1 0 0", "reward has shape (1, 2)"),
    "an outcome that is not there": (NFG + ' { 1 1 } { { "" 1 1 } } 2', "outside [0, 1]"),
    "an outcome for three players": (NFG + ' { 1 2 } { { "" 1 1 1 } { "" 1 } } 1 2', "an outcome has 3 payoffs"),
    "too many profiles": (NFG + " { 99999 99999 } 1", "9999800001 profiles"),
    "infinite": (NFG + " { 1 1 } 1e999999 1", "no game in Gambit's .nfg format"),
    "players without strategies": (NFG + " { 2 } 1 1", "2 players have 1 numbers of strategies"),
}


@pytest.mark.parametrize("content, said", BAD_NFG.values(), ids=BAD_NFG.keys())
def test_bad_gambit_files(content: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.nfg").write_text(content)
    refused(["--game", str(tmp_path / "x.nfg")], said, capsys)


def test_guidance_goes_with_a_gambit_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(["--guidance", "g.nfg"], "--guidance goes with --game", capsys)
    refused(["--game", write(tmp_path, TABLE), "--guidance", "g.nfg"], "holds its own", capsys)
