"""The hash of the code behind `measure`: what it imports from the package, and nothing that judges or draws."""

from __future__ import annotations

from pathlib import Path

from dgpg_verify.claims.claim import all_claims
from dgpg_verify.claims.instrument.a0_4_training_verdicts import measure as a0_4
from dgpg_verify.claims.noise.measure import measure_noise
from dgpg_verify.claims.training.measure import measure_training
from dgpg_verify.runs.sources import ROOT, files_behind, measuring_hash, package_hash
from tests.claims import toy_claim as toy


def _names(module: str) -> set[str]:
    return {path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
            for path in files_behind(module)}  # fmt: skip


def test_everything_a_measurement_imports_is_behind_it() -> None:
    names = _names(measure_noise.__module__)
    assert {"claims/noise/measure.py", "claims/subjects.py", "measurement/gradients.py", "core/contract.py"} <= names
    assert {"systems/load_balancing.py", "systems/data/aws_instances.csv", "oracles/moments.py"} <= names
    assert not {name for name in names if name.startswith(("reporting/", "training/", "cli/"))}


def test_rooms_that_a_family_does_not_import_are_not_behind_it() -> None:
    assert "training/methods.py" in _names(measure_training.__module__)
    assert "training/methods.py" not in _names(measure_noise.__module__)


def test_judging_designing_and_drawing_measure_nothing_again() -> None:
    shared = ("claims/noise/measure", "claims/equilibria/measure", "claims/samples/measure", "claims/subjects")
    judging = ("questions.py", "tables.py", "design.py", "question.py", "series.py", "claim.py", "recorded.py")
    for claim in all_claims():
        names = {name for name in _names(claim.measure.__module__) if name.startswith("claims/")}
        own = f"claims/{claim.family}/"
        assert not {name for name in names if name.endswith(judging)}, claim.id
        assert all(name.startswith((own, *shared)) for name in names), claim.id


def test_a_changed_file_changes_the_hash(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from dgpg_verify.runs import sources

    before = measuring_hash(measure_noise)
    changed = tmp_path / "moments.py"
    changed.write_text("# another formula\n")
    genuine = sources.files_behind
    monkeypatch.setattr(sources, "files_behind", lambda module: [*genuine(module), changed])
    sources._hash_of.cache_clear()
    assert measuring_hash(measure_noise) != before
    sources._hash_of.cache_clear()


def test_a_measure_from_outside_the_package_counts_with_its_own_file() -> None:
    assert "toy_claim.py" in _names(toy.measure.__module__)
    assert measuring_hash(toy.measure) != measuring_hash(a0_4)


def test_the_package_has_one_hash() -> None:
    assert package_hash() == package_hash() and len(package_hash()) == 64
