"""No figure holds more than can be read, at most 8 panels and 8 legend entries, and no page more than can be loaded."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.saving import inline_svg, svg_text
from dgpg_verify.reporting.drawing.spec import FigureSpec
from dgpg_verify.reporting.figures import FIGURES
from dgpg_verify.reporting.frame import Frames, frames
from tests.reporting.equilibria.synthetic_equilibria import equilibrium_tables
from tests.reporting.samples.synthetic_samples import complexity_tables
from tests.reporting.synthetic_run import arrived, balance_weights, compared, domains, fits, moments, tables
from tests.reporting.training.synthetic_training import training_tables

MOST = 8
MOST_BYTES = 3_000_000  # of a page
FIGURES_OF_A_PAGE = 45  # of which each may be as dense as the densest
REPORTS = Path(__file__).parents[2] / "reports"
VARIANTS = ("delay", "lognormal", "recorded", "rounded")  # of systems, as a full run has them


@pytest.fixture(scope="module")
def made() -> Frames:
    """All synthetic tables, with as many places as a full run has."""
    given = tables() | equilibrium_tables() | complexity_tables() | training_tables(seeds=2)
    given |= {
        "domains": domains(),
        "balance_weights": balance_weights(),
        "frontier": compared(),
        "compared_arrivals": arrived(),
    }
    few = {name: [row for row in rows if (row.get("fleet") or 0) < 2] for name, rows in given.items()}
    for name in ("moments", "cross_agent"):
        base = [row for row in few[name] if row["system"] == "load_balancing"]
        few[name] += [{**row, "system": f"load_balancing ({what})"} for what in VARIANTS for row in base]
        few[name] += [{**row, "policy": f"policy {k}"} for k in range(6) for row in base]
    local = [row for row in few["assumptions"] if row["audit"] == "A3" and row["system"] == "load_balancing"]
    few["assumptions"] += [{**row, "system": f"{row['system']}/{k}"} for k in range(5) for row in local]
    few["assumptions"] += [{**row, "system": f"domain {k}"} for k in range(3) for row in local]
    return frames(few)


def legend_entries(figure: Figure) -> int:
    legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend())]
    return sum(len(legend.get_texts()) for legend in legends)


@pytest.mark.parametrize("spec", FIGURES, ids=lambda spec: spec.name)
def test_every_figure_can_be_read(spec: FigureSpec, made: Frames) -> None:
    for place in spec.places(made, brief=True)[:1]:
        figure = spec.make(made, place)
        assert len(figure.axes) <= MOST
        assert legend_entries(figure) <= MOST
        assert figure.texts[0].get_text().strip()


def test_a_page_of_dense_figures_can_be_loaded() -> None:
    """Sixty fleets at thirteen N, as at full scale. Control: the same as plain SVG."""
    rows = [row for row in moments(fleets=60) if row["system"] == "load_balancing" and row["sharing"] == "independent"]
    more = [{**row, "n": row["n"] * 3 + 1} for row in rows]
    spec = next(spec for spec in FIGURES if spec.name == "variance")
    made = frames({"moments": [*rows, *more], "fits": fits()})
    figure = spec.make(made, spec.places(made)[0])
    plain = io.StringIO()
    FigureCanvasSVG(figure).print_svg(plain)
    room = (MOST_BYTES - 600_000) / FIGURES_OF_A_PAGE  # what is left by the tables
    assert len(inline_svg(svg_text(figure, "k"), "f1", "")) < room < len(plain.getvalue())


@pytest.mark.parametrize("page", sorted(REPORTS.glob("*/noise.html")), ids=lambda page: page.parent.name)
def test_the_page_on_noise_of_a_run_can_be_loaded(page: Path) -> None:
    assert page.stat().st_size <= MOST_BYTES
