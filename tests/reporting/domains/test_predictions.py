"""The figure of predictions: every draw, the predicted power beside what was found, names that tell variants apart."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from dgpg_verify.reporting.domains import FIGURES
from dgpg_verify.reporting.domains.predictions import draw_predictions
from dgpg_verify.reporting.frame import Frames, NothingToDraw, frames
from tests.reporting.synthetic_run import domains

NS = (64, 128, 256, 512)


def made(**changes: float) -> Frames:
    """Return like N and guidance like N^0 in two variants, three draws each; changes: credit -> exponent."""
    powers = {"return": 1.0, "guidance": 0.0} | changes
    records = [
        {"claim": "C7", "group": "a town", "series": series, "statistic": "variance", "credit": credit, "n": n,
         "fleet": fleet, "value": n ** powers[credit] * (1 + 0.1 * fleet), "predicted": float(credit == "return")}
        for credit, series in (("return", ""), ("guidance", ""), ("guidance", "balanced"))
        for n in NS
        for fleet in range(3)
    ]  # fmt: skip
    return frames({"domains": records})


def test_every_draw_and_every_variant_is_drawn() -> None:
    figure = draw_predictions(made(), "C7")
    [ax] = figure.axes
    drawn = [c for c in ax.collections if isinstance(c, PathCollection) and c.get_gid() == "replicates"]
    assert sum(len(c.get_offsets()) for c in drawn) == 3 * 3 * len(NS)
    assert {text.get_text() for text in ax.texts} >= {"return", "guidance", "guidance, balanced"}


def test_what_was_found_stands_beside_what_was_predicted() -> None:
    figure = draw_predictions(made(guidance=0.5), "C7")
    assert "N^0.50, predicted N^0" in {text.get_text() for text in figure.axes[0].texts}
    assert "N^0.50" in figure.texts[0].get_text()
    dashed = [
        line for line in figure.axes[0].lines if line.get_linestyle() == "--" and len(line.get_xdata()) == len(NS)
    ]
    slopes = [np.polyfit(np.log(line.get_xdata()), np.log(line.get_ydata()), 1)[0] for line in dashed]
    assert sorted(np.round(slopes, 6)) == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("claim", [spec.claim for spec in FIGURES])
def test_without_records_there_is_nothing_to_draw(claim: str) -> None:
    with pytest.raises(NothingToDraw, match="domains"):
        draw_predictions(frames({}), claim)


def test_only_statistics_with_a_unit_have_a_panel() -> None:
    records = domains()
    shares = [{**record, "statistic": "cross_agent_share"} for record in records]
    drawn, more = (draw_predictions(frames({"domains": rows}), "C7") for rows in (records, records + shares))
    assert len(drawn.axes) == len(more.axes)
