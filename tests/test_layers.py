"""The house rules that a script can check: import layers, sizes, names, explicit randomness."""

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
LONGEST_FUNCTION = 40  # lines without its docstring; complexity is ruff's to check (C901)
MOST_FILES = 15  # in a folder
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
CITED = re.compile(r"\bsee ([A-Z]{4,})\b|\b([A-Z]{4,})(?:\.md)?,? (?:section\b|[A-Z]\d)")  # a document as a source
SHIPPED = {path.stem for path in ROOT.glob("*.md")}
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


def _missing_sources(text: str) -> list[str]:
    """Documents that a text gives as a source and that are neither in the repository nor a name of its own code."""
    named = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return [word for words in CITED.findall(text) for word in words if word and word not in SHIPPED | named]


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


def _long_functions(text: str) -> list[str]:
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [function.name for function in functions if _lines(function) > LONGEST_FUNCTION]


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    said = ast.get_docstring(function) is not None
    return _span(function) - (_span(first) if said else 0)


def _span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _classes(text: str) -> list[str]:
    return [node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_functions_are_short(path: Path) -> None:
    assert _long_functions(path.read_text()) == []


def test_one_name_means_one_class() -> None:
    names = [name for path in SOURCES for name in _classes(path.read_text())]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_folders_can_be_read_at_a_glance() -> None:
    folders = {path.parent for path in SOURCES}
    assert [_name(folder) for folder in folders if len(list(folder.glob("*.py"))) > MOST_FILES] == []


@pytest.mark.parametrize("path", CHECKED, ids=_name)
def test_randomness_is_explicit_and_files_are_data(path: Path) -> None:
    text = path.read_text()
    assert not _global_draws(text)
    assert not _unsafe_loads(text)


@pytest.mark.parametrize("path", CHECKED, ids=_name)
def test_sources_are_there_to_be_read(path: Path) -> None:
    assert _missing_sources(path.read_text()) == []


def test_the_checks_above_can_fail() -> None:
    assert len(_global_draws("np.random.seed(0)\ntorch.rand(3)\ntorch.manual_seed(1)\nrandom.choice([1])")) == 4
    assert not _global_draws("torch.rand(3, generator=g)\nnp.random.default_rng(0).normal()\ng.manual_seed(1)")
    assert len(_unsafe_loads("torch.load(p)\npickle.load(f)")) == 2
    assert not _unsafe_loads("torch.load(p, weights_only=True)")
    assert _long_functions("def f():\n" + "    x = 1\n" * LONGEST_FUNCTION) == ["f"]
    assert not _long_functions('def f():\n    """Say.\n\n    So.\n    """\n' + "    x = 1\n" * (LONGEST_FUNCTION - 1))
    assert _missing_sources("# see DECLARED\n# CLAIMS section 5, FORMULAS.md F3") == ["DECLARED", "CLAIMS", "FORMULAS"]
    assert not _missing_sources("LIMIT = 3  # see LIMIT, and CHANGELOG section 2")
    assert _classes("class A:\n    class B: ...") == ["A", "B"]
