"""What a stranger installs: wheel and sdist are whole and work in an empty folder, ranges and lock fit together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEPENDENCIES = [Requirement(text) for text in PROJECT["dependencies"]]
APART = ("export-check", "mutants")  # for one test, which holds other packages back, and for one campaign: not locked
EXTRAS = [
    Requirement(text) for name, extra in PROJECT["optional-dependencies"].items() if name not in APART for text in extra
]
LOCK = dict(re.findall(r"^([a-z0-9-]+)==(\S+)$", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
TEST_TOOLS = ("pytest", "_pytest", "pytest_benchmark", "hypothesis")


def _run(*command: str | Path, cwd: Path) -> str:
    """The output of a command that must succeed, with no module of this checkout at hand."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the sdist, as an installer does where it finds no wheel."""
    folder = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "hatchling", "build", "--directory", folder)
    _run(*build, "--target", "sdist", cwd=ROOT)
    (source,) = folder.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")
    _run(*build, "--target", "wheel", cwd=folder / source.name.removesuffix(".tar.gz"))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an empty environment into which the wheel was installed; it sees this one's packages, but no
    package that is installed here in editable mode."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder)
    python = folder / "bin" / "python"
    place = Path(_run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    seen = {sysconfig.get_path("purelib"), *(entry for entry in sys.path if entry.endswith("site-packages"))}
    (place / "seen.pth").write_text("\n".join(sorted(seen)))
    _run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", wheel, cwd=folder)
    return folder / "bin"


def test_the_wheel_holds_every_file_of_the_package_and_the_theorems(wheel: Path) -> None:
    def files(folder: Path) -> set[str]:
        return {
            path.relative_to(folder.parent).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    wanted = files(ROOT / "dgpg_verify") | {f"dgpg_verify/{name}" for name in files(ROOT / "theorems")}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == wanted
    assert {"dgpg_verify/theorems/test_ledger.py", "dgpg_verify/claims/recorded.toml"} < held


def test_an_installed_wheel_verifies_a_claim_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    """C1.5 is the claim that is measured fastest."""
    options = ("--claims", "C1.5", "--scale", "smoke", "--workers", "1")
    said = _run(installed / "dgpg-verify", "verify", *options, cwd=tmp_path)
    assert "C1.5" in said and "report: reports/smoke-seed0/index.html" in said
    assert (tmp_path / "reports" / "smoke-seed0" / "index.html").is_file()


def test_an_installed_wheel_tests_its_theorems(installed: Path, tmp_path: Path) -> None:
    """Without the checkout; settings of a project in which the environment lies have no say."""
    project = installed.parent
    (project / "conftest.py").write_text("raise RuntimeError('not yours')\n")
    (project / "pytest.ini").write_text("[pytest]\naddopts = --unknown\n")
    said = _run(installed / "dgpg-verify", "theorems", "-k", "test_row", cwd=tmp_path)
    assert "the rows of the ledger are measured with --benchmark" in said


def test_measuring_needs_no_tool_of_tests() -> None:
    """They are imported where theorems are tested and counterexamples searched for, nowhere else."""
    program = f"""
import sys
class Without:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in {TEST_TOOLS}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Without())
import dgpg_verify.claims.run
from dgpg_verify.cli.main import main
sys.argv = "dgpg-verify measure load_balancing --n 4 --rollouts 8".split()
main()
"""
    assert "guidance" in _run(sys.executable, "-c", program, cwd=ROOT)


@pytest.mark.parametrize("dependency", DEPENDENCIES, ids=str)
def test_a_dependency_has_a_lower_bound_and_no_upper_one(dependency: Requirement) -> None:
    assert [bound.operator for bound in dependency.specifier] == [">="]


@pytest.mark.parametrize("dependency", [*DEPENDENCIES, *EXTRAS], ids=str)
def test_the_lock_is_in_the_range(dependency: Requirement) -> None:
    assert LOCK[dependency.name] in dependency.specifier


def test_the_lock_pins_what_the_dependencies_need_in_turn() -> None:
    waiting, missing = [dependency.name for dependency in DEPENDENCIES], set()
    seen: set[str] = set()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        missing |= {name} - LOCK.keys()
        requires = [Requirement(text) for text in distribution(name).requires or ()]
        waiting += [each.name for each in requires if each.marker is None or each.marker.evaluate({"extra": ""})]
    assert {name for name in missing if not name.startswith(("nvidia-", "cuda-", "triton"))} == set()
    assert len(seen) > len(DEPENDENCIES)


def test_the_lock_names_versions_alone() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert len(LOCK) == len([line for line in lines if not line.startswith("#")])
    assert all(str(Version(version)) and "+" not in version for version in LOCK.values())


def test_every_locked_package_has_its_line_in_the_licences() -> None:
    text = (ROOT / "docs" / "licences.md").read_text()
    rows = re.findall(r"^\| (\S+) \| (\d\S*) \| (run|work) \| (.+) \|$", text, re.MULTILINE)
    assert {name: version for name, version, _, _ in rows} == LOCK
    assert [name for name, _, _, licence in rows if licence == "not stated"] == []
    assert {dependency.name for dependency in DEPENDENCIES} <= {name for name, _, use, _ in rows if use == "run"}
