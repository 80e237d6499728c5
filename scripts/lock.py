"""Write requirements.lock and docs/licences.md from the environment of the interpreter that runs this.

    make lock                             every dependency as new as pyproject.toml allows
    make lock ARGS="-c requirements.lock" keep the versions that are pinned, add what is new

The environment holds the package with all its extras and nothing else, so that every line of the lock was installed
together with the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LOCK, LICENCES = ROOT / "requirements.lock", ROOT / "docs" / "licences.md"
PACKAGE = "dgpg-verify"
INSTALLER = "pip"
LOCK_HEAD = """\
# Every version that `make install` installs; written by scripts/lock.py (`make lock`), read by `pip install -c`.
# torch is among them: a looser range would pull several GB of GPU libraries on a machine that has a CPU build at hand.
"""
LICENCES_HEAD = """\
# Licences of the dependencies

What each package of `requirements.lock` says of itself; written by `scripts/lock.py` (`make lock`), and a test compares
it with the lock. *run* is installed with the package, *work* only with an extra: development, documentation, release.
The package contains none of them. On Linux the usual build of torch brings NVIDIA's libraries as packages of their own,
under NVIDIA's licence; the CPU build, which is the one locked here, does not.

| package | version | for | licence |
|---|---|---|---|
"""


def normal(name: str) -> str:
    """The name as package indices compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(name: str) -> set[str]:
    """Normal names of what an installed package needs without extras, and of what that needs in turn."""
    found: set[str] = set()
    waiting = [Requirement(name)]
    while waiting:
        wanted = waiting.pop()
        for text in distribution(wanted.name).requires or ():
            requirement = Requirement(text)
            applies = requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in (wanted.extras or {""})
            )
            if applies and normal(requirement.name) not in found:
                found.add(normal(requirement.name))
                waiting.append(requirement)
    return found


def licence(package: Distribution) -> str:
    """The licence expression, else the classifiers, else the first line of the licence field."""
    said = package.metadata
    classified = [text.rpartition(" :: ")[2] for text in said.get_all("Classifier", []) if text.startswith("License")]
    field = (said.get("License") or "").strip().splitlines()
    return said.get("License-Expression") or ", ".join(classified) or (field[0] if field else "not stated")


def public_version(package: Distribution) -> str:
    """Without the mark of a local build, such as +cpu."""
    return package.version.partition("+")[0]


def lock_text(packages: Iterable[Distribution]) -> str:
    return LOCK_HEAD + "".join(f"{normal(each.name)}=={public_version(each)}\n" for each in packages)


def licences_text(packages: Iterable[Distribution]) -> str:
    run = needed(PACKAGE)
    rows = [
        (normal(each.name), public_version(each), "run" if normal(each.name) in run else "work", licence(each))
        for each in packages
    ]
    return LICENCES_HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    found = {normal(package.name): package for package in distributions()}
    packages = [found[name] for name in sorted(found) if name not in (INSTALLER, PACKAGE)]
    LOCK.write_text(lock_text(packages))
    LICENCES.write_text(licences_text(packages))


if __name__ == "__main__":
    main()
