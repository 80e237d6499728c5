"""A figure from outside the package: an installed distribution names it, the page shows it in its claim's section."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgpg_verify.claims.run import run_claims
from dgpg_verify.core import InputError
from dgpg_verify.reporting import write_report
from dgpg_verify.reporting.figures import FIGURES, all_figures
from tests.reporting.synthetic_run import write_run

MODULE = """
from dgpg_verify.reporting.drawing.axes import n_axis, quiet
from dgpg_verify.reporting.drawing.look import Look
from dgpg_verify.reporting.drawing.marks import dots
from dgpg_verify.reporting.drawing.sheet import panels
from dgpg_verify.reporting.drawing.spec import FigureSpec
from dgpg_verify.reporting.frame import need


def draw(frames):
    rows = need(frames["squares"], "squares", "row")
    fig, axes = panels(1, 1, title="Squares grow", subtitle="", caption="Every dot one replicate.")
    n_axis(axes[0, 0], rows["n"])
    dots(axes[0, 0], rows["n"], rows["size"], Look("#0072b2"))
    quiet(axes[0, 0])
    return fig


def fail(frames):
    raise ValueError("no such colour")


FIGURE = FigureSpec("squares", "Squares against N", draw, "squares", "X1")
SEVERAL = [FIGURE, FigureSpec("cubes", "Cubes against N", draw, "cubes", "X1")]
BROKEN = FigureSpec("broken", "A broken one", fail, "squares", "X1")
PLACED = FigureSpec("placed", "One without places", draw, "squares", "X1", per_place=True)
TAKEN = FigureSpec("variance", "A name that is taken", draw, "squares", "X1")
OTHER = [FIGURE, "not a figure"]
"""
ROWS = [{"n": n, "size": float(n * n)} for n in (2, 4, 8)]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution on the path whose module holds figures; `offer` writes what it names."""
    home = tmp_path / "site"
    metadata = home / "squares-1.0.dist-info"
    metadata.mkdir(parents=True)
    (home / "squares_of_another_package.py").write_text(MODULE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: squares\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(home))
    return metadata


def offer(metadata: Path, name: str) -> None:
    module = "squares_of_another_package"
    (metadata / "entry_points.txt").write_text(f"[dgpg_verify.figures]\nsquares = {module}:{name}\n")


def page(folder: Path, rows: list[dict[str, float]] = ROWS) -> str:
    """The report of a run that wrote the outside table alone."""
    first = write_report(write_run(folder, tables={"squares": rows}))
    return "".join(path.read_text(encoding="utf-8") for path in (first, *folder.glob("further.html")))


def test_a_figure_of_an_installed_package_stands_in_its_section(installed: Path, tmp_path: Path) -> None:
    offer(installed, "FIGURE")
    text = page(tmp_path / "run")
    section = text.split('<section id="X1">')[1].split("</section>")[0]
    assert "Squares grow" in section and "<svg" in section and "figures/squares.png" in section
    assert (tmp_path / "run" / "figures" / "squares.svg").is_file()
    assert [spec.name for spec in all_figures()] == [*(spec.name for spec in FIGURES), "squares"]


def test_without_rows_it_is_missed_and_without_its_table_it_is_not(installed: Path, tmp_path: Path) -> None:
    offer(installed, "SEVERAL")
    text = page(tmp_path / "run", [])
    assert "Squares against N\u2019 is left out: table &#39;squares&#39; holds no row" in text
    assert "Cubes" not in text and '<section id="X1">' not in text


@pytest.mark.parametrize(("name", "error"), [("BROKEN", "no such colour"), ("PLACED", "KeyError")])
def test_one_that_fails_is_named_on_the_page(installed: Path, tmp_path: Path, name: str, error: str) -> None:
    offer(installed, name)
    text = page(tmp_path / "run")
    assert f"({name.lower()}) of another package failed" in text and error in text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("OTHER", r"entry point 'squares' of dgpg_verify\.figures is not a FigureSpec"),
        ("ABSENT", r"entry point 'squares' of dgpg_verify\.figures cannot be loaded"),
        ("TAKEN", r"figures holds 'variance' more than once"),
    ],
)
def test_what_is_no_figure_or_takes_a_name_is_refused(installed: Path, tmp_path: Path, name: str, message: str) -> None:
    offer(installed, name)
    with pytest.raises(InputError, match=message):
        page(tmp_path / "run")
    with pytest.raises(InputError, match=message):
        run_claims("A0", "smoke", out=tmp_path / "measured")
    assert not (tmp_path / "measured").exists()  # refused before anything is measured
