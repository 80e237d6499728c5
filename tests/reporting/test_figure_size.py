"""No figure holds more than can be read: at most 8 panels and 8 legend entries."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.spec import FigureSpec
from dgpg_verify.reporting.figures import FIGURES
from dgpg_verify.reporting.frame import Frames, frames
from tests.reporting.equilibria.synthetic_equilibria import equilibrium_tables
from tests.reporting.samples.synthetic_samples import complexity_tables
from tests.reporting.synthetic_run import tables
from tests.reporting.training.synthetic_training import training_tables

MOST = 8
VARIANTS = ("delay", "lognormal", "recorded", "rounded")  # of systems, as a full run has them


@pytest.fixture(scope="module")
def made() -> Frames:
    """All synthetic tables, with as many places as a full run has."""
    given = tables() | equilibrium_tables() | complexity_tables() | training_tables(seeds=2)
    few = {name: [row for row in rows if (row.get("fleet") or 0) < 2] for name, rows in given.items()}
    for name in ("moments", "cross_agent"):
        base = [row for row in few[name] if row["system"] == "load_balancing"]
        few[name] += [{**row, "system": f"load_balancing ({what})"} for what in VARIANTS for row in base]
        few[name] += [{**row, "policy": f"policy {k}"} for k in range(6) for row in base]
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
