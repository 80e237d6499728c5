"""The command `scaling`: its numbers, its files, its verdicts; objects of one's own; too many agents."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dgpg_verify import measurement
from dgpg_verify.cli import files, memory
from dgpg_verify.cli.scaling import answer as scaling_answer
from dgpg_verify.contracts.named import is_plugin
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.statistics import fit_scaling, judge
from dgpg_verify.systems import LoadBalancingGame
from tests.cli.command import run

SMALL = ["scaling", "load_balancing", "--n", "8,4,2,16", "--fleets", "3", "--rollouts", "64"]
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def answer(*command: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    code, out, err = run(*command, "--json", capsys=capsys)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_numbers_are_those_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    """Each fleet is measured as `measure_gradients` measures it; exponents and verdicts are those of `fit_scaling`."""
    said = answer(*SMALL, "--seed", "5", "--credits", "return,difference", capsys=capsys)
    rows = said["fleets_measured"]
    assert [(row["n"], row["fleet"]) for row in rows[::2]] == [(n, r) for n in (2, 4, 8, 16) for r in range(3)]
    assert len({row["seed"] for row in rows}) == 12
    for row in rows:
        game = LoadBalancingGame.random(row["n"], seed=row["seed"])
        direct = measure_gradients(game, "uniform", ["return", "difference"], rollouts=64, seed=row["seed"],
                                   progress=False)[row["credit"]]  # fmt: skip
        assert row["variance"] == direct.variance.mean()
        assert row["noise_to_signal"] == direct.noise_to_signal.value
    for line in said["exponents"]:
        values = np.array([row[line["quantity"]] for row in rows if row["credit"] == line["credit"]], dtype=float)
        fit = fit_scaling([2, 4, 8, 16], values.reshape(4, 3), level=0.95)
        assert line["exponent"]["value"] == fit.exponent
        for question, power in (("O(1)", 0.0), ("O(N)", 1.0)):
            assert line[question]["label"] == judge(fit, power, relation="big_o").label
    for line in said["means"]:
        values = [row["variance"] for row in rows if (row["credit"], row["n"]) == (line["credit"], line["n"])]
        assert line["variance"]["value"] == pytest.approx(np.exp(np.mean(np.log(values))))


def test_table_csv_and_figure_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, csv = tmp_path / "new" / "folder", tmp_path / "mine.csv"
    code, text, _ = run(*SMALL, "--out", str(out), "--csv", str(csv), capsys=capsys)
    assert code == 0
    assert (out / "scaling.txt").read_text() == text
    assert (out / "scaling.csv").read_text() == csv.read_text()
    assert (out / "scaling.png").read_bytes().startswith(b"\x89PNG")
    table = pd.read_csv(csv)
    assert len(table) == 4 * 3 * 3 and set(table["credit"]) == {"return", "guidance", "difference"}
    lines = text.splitlines()
    head = next(k for k, line in enumerate(lines) if line.startswith("credit") and "exponent" in line)
    assert [line.split()[0] for line in lines[head + 1 : head + 7 : 2]] == ["return", "guidance", "difference"]
    code, _, err = run(*SMALL, "--out", str(out), capsys=capsys)
    assert (code, err.count("\n")) == (2, 1) and "is not empty" in err


def test_the_answer_in_python_prints_tabulates_and_draws() -> None:
    request = scaling_answer.make_request("load_balancing", "return,guidance", "2,4,8,16", "uniform", [], fleets=2,
                                          rollouts=32, seed=0, setting="sum", target=None)  # fmt: skip
    found = scaling_answer.scaling_answer(request)
    lines = repr(found).splitlines()
    assert lines[1].split() == ["credit", "quantity", "exponent", "of", "N", "O(1)?", "O(N)?"] and len(lines) == 6
    assert str(found.fits[0].fit.estimate) in lines[2] and " at 0x" not in repr(found)
    assert list(found.to_frame()["variance"]) == [row["variance"] for row in found.rows]
    assert len(found.to_frame()) == 2 * 4 * 2
    assert [ax.get_title("left") for ax in found.plot()] == ["Variance", "Noise-to-signal"]


def test_every_option_has_an_effect(capsys: pytest.CaptureFixture[str]) -> None:
    plain = answer(*SMALL, capsys=capsys)["fleets_measured"]
    assert answer(*SMALL, capsys=capsys)["fleets_measured"] == plain
    for change in (["--seed", "1"], ["--n", "2,4"], ["--fleets", "2"], ["--rollouts", "65"], ["--setting", "mean"],
                   ["--policy", "heuristic:capacity_proportional:0.5"], ["--credits", "return"],
                   ["--option", "cost=delay"], ["--target", "return"]):  # fmt: skip
        assert answer(*SMALL, *change, capsys=capsys)["fleets_measured"] != plain or change[0] == "--setting", change
    guided = [*SMALL, "--credits", "guided:0.5"]
    assert answer(*guided, capsys=capsys) != answer(*guided, "--setting", "mixed", capsys=capsys)


def test_too_few_sizes_leave_the_exponent_open_and_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(*SMALL, "--n", "2,4,8", capsys=capsys)
    assert code == 0
    assert "return, variance, exponent: too few N in the top decade: 3, where 4 are needed" in out


def test_the_examples_run_as_their_docstrings_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--n", "8,16,32,64", "--fleets", "6", "--rollouts", "128"]
    files = {"own_system.py": 80, "own_model.py": 80, "own_game.py": 120, "own_credit.py": 80}
    system, model, game, credit = (f"{EXAMPLES / name}" for name in files)
    for name in (f"{system}:Routing", f"{model}:charging", f"{game}:Channels"):
        said = answer("scaling", name, "--credits", "return,guidance,difference", *few, capsys=capsys)
        verdicts = {(line["credit"], line["quantity"]): line["O(1)"]["label"] for line in said["exponents"]}
        assert verdicts["return", "variance"] == "refuted"
        assert verdicts["guidance", "variance"] != "refuted"
    said = answer("scaling", "load_balancing", "--credits", f"return,{credit}:Excess", *few, capsys=capsys)
    assert {line["credit"] for line in said["exponents"]} == {"return", "excess"}
    for path, most in zip((system, model, game, credit), files.values()):
        assert len(Path(path).read_text().splitlines()) <= most
        ran = subprocess.run([sys.executable, path], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True,
                             text=True, timeout=120)  # fmt: skip
        assert ran.returncode == 0 and "256" in ran.stdout, ran.stderr


OWN = """
from tests.contracts.outsiders import Lights, Share
from dgpg_verify.policies import make_policy
half = Share("half")
def hall(n_agents, seed=0, lamps=1): return Lights(n_agents)
def wrong_size(n_agents, seed=0): return Lights(n_agents + 1)
class Broken(Lights):
    def step(self, state, actions): return None
def even(system, seed=0): return make_policy("uniform", system)
def few(system, seed=0): return make_policy("uniform", Lights(2))
def bad_credit(): return Share("bad", keeps_states="no")
number = 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my own.py").write_text(OWN)
    (tmp_path / "mymodule_of_a_test.py").write_text(OWN)
    (tmp_path / "torn.py").write_text("def f(:\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("place", ["my own.py", "mymodule_of_a_test"])
def test_objects_of_a_file_and_of_a_module(place: str, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["measure", f"{place}:hall", "--n", "3", "--rollouts", "16", "--policy", f"{place}:even"]
    said = answer(*words, "--credits", f"return,{place}:Share,{place}:half", "--option", "lamps=2", capsys=capsys)
    assert list(said["credits"]) == ["return", "share", "half"]
    code, _, err = run("train", f"{place}:hall", "--n", "3", "--episodes", "1", "--method", "mappo", capsys=capsys)
    assert code == 0, err


BAD = {
    "no module": (["nobody_has_this:X"], "there is no module 'nobody_has_this'; it must be a name"),
    "no file": (["none.py:X"], "there is no file 'none.py'"),
    "no object": (["my own.py:Hal"], "my own.py holds OWN, no 'Hal'"),
    "a file alone": (["torn.py"], "system = 'torn.py' is not allowed: it must be a name"),
    "a file that is not Python": (["torn.py:f"], "reading the file raised SyntaxError"),
    "no class": (["my own.py:number"], "it must be a class or function of (n_agents, seed=...)"),
    "another size": (["my own.py:wrong_size"], "has n_agents = 4: it must be 3"),
    "broken system": (["my own.py:Broken"], "Broken.step() returned NoneType: it must be Transition("),
    "unknown option": (["my own.py:hall", "--option", "lamp=2"], "raised TypeError"),
    "unknown credit": (["load_balancing", "--credits", "retrun:raw"], "credit = 'retrun:raw' is not allowed: there is"),
    "broken credit": (["load_balancing", "--credits", "my own.py:bad_credit"], "keeps_states = 'no' is not allowed"),
    "no credit": (["load_balancing", "--credits", "my own.py:number"], "lacks name, keeps_states, fit, __call__"),
    "policy of another size": (["my own.py:hall", "--policy", "my own.py:few"], "parameters has shape [2, 2] with"),
    "no such policy": (["load_balancing", "--policy", "my own.py:none"], "policy = 'my own.py:none' is not allowed"),
}  # fmt: skip


@pytest.mark.parametrize("command", [["measure", "--n", "3"], ["scaling", "--n", "3", "--fleets", "2"]], ids=["m", "s"])
@pytest.mark.parametrize("mistake", BAD)
def test_a_bad_object_is_one_line(
    command: list[str], mistake: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, said = BAD[mistake]
    said = said.replace("holds OWN", "holds hall, wrong_size, Broken, even, few, bad_credit")
    code, out, err = run(command[0], *words, *command[1:], capsys=capsys)
    assert (code, out) == (2, "") and said in err.splitlines()[-1], err


def test_names_of_the_package_are_no_plugins() -> None:
    for name in ("return:raw", "gae:central", "guided:0.5@gae:central", "heuristic:random:1", "linear@random:0.5",
                 "guidance:exact", "uniform", "normalised@gae:local"):  # fmt: skip
        assert not is_plugin(name), name
    for name in ("a.py:X", "a:X", "a.b:make", "/some/where/a.py:make"):
        assert is_plugin(name), name


@pytest.mark.parametrize("command", [["measure", "load_balancing", "--n", "1000000000"],
                         ["measure", "load_balancing", "--n", "300000", "--option", "n_candidates=all"],
                         ["scaling", "load_balancing", "--n", "4,100000000"],
                         ["train", "cloud", "--n", "10000000"]])  # fmt: skip
def test_more_agents_than_memory_are_refused_at_once(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 40.0 * memory.GIB)
    code, out, err = run(*command, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "GiB of memory, and 40 GiB are free" in err


def test_the_estimate_follows_the_shapes() -> None:
    """Sparse games grow like N, dense ones like N^2."""

    def needed(n: int, **options: Any) -> float:
        def build(size: int) -> Any:
            return LoadBalancingGame.random(size, **options)

        from dgpg_verify.policies import uniform_policy

        return memory.estimate(build, uniform_policy, n, 64, 3)

    assert needed(10**8) / needed(10**7) == pytest.approx(10, rel=0.1)
    assert needed(10**6, n_candidates="all") / needed(10**5, n_candidates="all") == pytest.approx(100, rel=0.1)
    assert memory.free_memory() is None or memory.free_memory() > 0  # type: ignore[operator]


@pytest.mark.parametrize("command", [[*SMALL, "--out", "/proc/x"], [*SMALL, "--csv", "/proc/x/y.csv"],
                         ["measure", "load_balancing", "--csv", "/proc/x/y.csv"], [*SMALL, "--csv", "."]])  # fmt: skip
def test_places_that_cannot_be_written_are_refused_before_any_work(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (measurement, scaling_answer):
        monkeypatch.setattr(place, "measure_gradients", None)
    code, out, err = run(*command, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1) and "--" in err


def test_the_try_of_a_folder_has_no_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A kill at that moment left a file that nothing removed."""
    seen = []
    usage = files.shutil.disk_usage
    monkeypatch.setattr(files.shutil, "disk_usage", lambda place: seen.extend(place.iterdir()) or usage(place))
    files.check_folder("--out", tmp_path)
    assert seen == []


def test_a_full_disk_is_noticed_before_any_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(files.InputError, match="10 bytes are free, 1 MiB is needed"):
        files.check_folder("--out", tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
