"""The house rules that a script can check: import layers, file length, explicit randomness, no private places."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "dgpg_verify").rglob("*.py"))
CHECKED = [*SOURCES, *sorted((ROOT / "theorems").rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))  # these may set global states, to show that nothing reads them
LONGEST = 350
GLOBAL_RANDOMNESS = {
    "np.random": {
        "seed",
        "rand",
        "randn",
        "random",
        "normal",
        "uniform",
        "choice",
        "randint",
        "shuffle",
        "permutation",
    },
    "torch": {"manual_seed", "seed"},
    "random": {"seed", "random", "choice", "shuffle", "randint", "uniform", "gauss"},
}
TORCH_DRAWS = {"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial"}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    """Every call as (dotted name, node)."""
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _global_draws(text: str) -> list[str]:
    """Calls that read or set a global random state."""
    found = []
    for name, node in _calls(ast.parse(text)):
        room, _, what = name.rpartition(".")
        if what in GLOBAL_RANDOMNESS.get(room, ()):
            found.append(f"line {node.lineno}: {name}")
        if room == "torch" and what in TORCH_DRAWS and not any(k.arg == "generator" for k in node.keywords):
            found.append(f"line {node.lineno}: {name} without a generator")
    return found


def _unsafe_loads(text: str) -> list[str]:
    """Loads that could execute what a file holds."""
    return [
        f"line {node.lineno}: {name}"
        for name, node in _calls(ast.parse(text))
        if name == "pickle.load" or (name == "torch.load" and "weights_only" not in {k.arg for k in node.keywords})
    ]


def test_import_layers_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout


def test_every_room_stands_in_the_layers() -> None:
    """A room that the contract does not name would be checked by nobody."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    named = {part.strip() for layer in layers for part in re.split(r"[|:]", layer)}
    rooms = {path.parent.name for path in (ROOT / "dgpg_verify").glob("*/__init__.py")}
    assert {f"dgpg_verify.{room}" for room in rooms} <= named


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_one_concept_a_file(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("path", CHECKED, ids=_name)
def test_randomness_is_explicit_and_files_are_data(path: Path) -> None:
    text = path.read_text()
    assert not _global_draws(text)
    assert not _unsafe_loads(text)


def test_the_checks_above_can_fail() -> None:
    assert len(_global_draws("np.random.seed(0)\ntorch.rand(3)\ntorch.manual_seed(1)\nrandom.choice([1])")) == 4
    assert not _global_draws("torch.rand(3, generator=g)\nnp.random.default_rng(0).normal()\ng.manual_seed(1)")
    assert len(_unsafe_loads("torch.load(p)\npickle.load(f)")) == 2
    assert not _unsafe_loads("torch.load(p, weights_only=True)")


def test_test_files_have_names_of_their_own() -> None:
    """pytest imports them without packages, so two of one name would hide each other."""
    names = [path.name for path in (*CHECKED, *TESTS) if path.name.startswith("test_")]
    assert len(names) == len(set(names))
