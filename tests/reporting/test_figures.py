"""Figures draw every replicate, say what the data say, and leave no global state behind."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from dgpg_verify.reporting import noise as figures
from dgpg_verify.reporting.assumptions.locality import draw_locality
from dgpg_verify.reporting.drawing.lines import headline_credits
from dgpg_verify.reporting.drawing.saving import inline_svg, svg_text
from dgpg_verify.reporting.drawing.select import Group
from dgpg_verify.reporting.drawing.spec import FigureSpec
from dgpg_verify.reporting.drawing.style import spread
from dgpg_verify.reporting.figures import FIGURES
from dgpg_verify.reporting.frame import NothingToDraw, frames
from tests.reporting.synthetic_run import tables

GAME = Group("load_balancing", "sparse", "uniform")


@pytest.fixture(scope="module")
def made() -> dict[str, list[dict[str, Any]]]:
    return {k: [r for r in rows if (r.get("fleet") or 0) < 3] for k, rows in tables().items()}


def dots(figure: Figure) -> int:
    """Replicates drawn anywhere in the figure."""
    found = [c for ax in figure.axes for c in ax.collections if isinstance(c, PathCollection)]
    return sum(len(c.get_offsets()) for c in found if c.get_gid() == "replicates")


def of_game(rows: list[dict[str, Any]], **fields: Any) -> list[dict[str, Any]]:
    wanted = {"system": GAME.system, "policy": GAME.policy, **fields}
    return [row for row in rows if all(row.get(k) == v for k, v in wanted.items())]


def test_variance_draws_every_fleet_of_every_drawn_credit(made: dict[str, Any]) -> None:
    rows = of_game(made["moments"])
    credits = headline_credits(rows)
    expected = 2 * sum(row["credit"] in credits for row in rows)  # variance and noise-to-signal
    assert expected > 0
    assert dots(figures.draw_variance(made, GAME)) == expected


def test_paired_ratio_draws_every_fleet(made: dict[str, Any]) -> None:
    rows = of_game(made["moments"], sharing="independent")
    credits = [c for c in headline_credits(rows) if c != "difference"]
    assert dots(figures.draw_paired_ratio(made, GAME)) == sum(row["credit"] in credits for row in rows)


def test_efficiency_draws_zeros_on_the_edge(made: dict[str, Any]) -> None:
    changed = [dict(row) for row in made["moments"]]
    for row in changed[:3]:
        row["efficiency"] = 0.0
    before = dots(figures.draw_efficiency(made, GAME))
    figure = figures.draw_efficiency({**made, "moments": changed}, GAME)
    assert dots(figure) == before
    assert any("3 fleets with efficiency 0" in text.get_text().replace("\n", " ") for text in figure.texts)


def test_cross_agent_draws_every_fleet(made: dict[str, Any]) -> None:
    assert dots(figures.draw_cross_agent(made, GAME)) == len(of_game(made["cross_agent"]))


def test_fixed_alpha_draws_every_alpha_and_every_optimum(made: dict[str, Any]) -> None:
    expected = len(of_game(made["alpha"])) + 2 * len(of_game(made["optimal"]))  # optima: variance and return share
    assert dots(figures.draw_fixed_alpha(made, GAME)) == expected


def test_optimal_alpha_draws_every_fleet_in_each_series(made: dict[str, Any]) -> None:
    assert dots(figures.draw_optimal_alpha(made, GAME)) == 6 * len(of_game(made["optimal"], setting="sum"))


def test_pointing_draws_every_row_and_says_not_reached(made: dict[str, Any]) -> None:
    figure = figures.draw_pointing(made)
    assert dots(figure) == len(made["pointing"])
    written = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert "not reached" in written and any(text.startswith("more than") for text in written)


def test_locality_draws_every_fleet_of_the_audit(made: dict[str, Any]) -> None:
    assert dots(draw_locality(made)) == sum(row["audit"] == "A3" for row in made["assumptions"])


@pytest.mark.parametrize("slope", [0.97, 0.03])
def test_titles_come_from_the_fits(made: dict[str, Any], slope: float) -> None:
    fits = [{**fit, "exponent": slope, "low": slope - 0.1, "high": slope + 0.1} for fit in made["fits"]]
    title = figures.draw_variance({**made, "fits": fits}, GAME).texts[0].get_text()
    assert f"N^{slope:.2f}" in title
    assert ("grows" in title) == (slope > 0.1)


def test_no_slope_is_claimed_without_a_fit(made: dict[str, Any]) -> None:
    assert "N^" not in figures.draw_variance({**made, "fits": []}, GAME).texts[0].get_text()


@pytest.mark.parametrize("spec", FIGURES, ids=lambda spec: spec.name)
def test_an_empty_table_is_said_not_drawn(spec: FigureSpec) -> None:
    with pytest.raises(NothingToDraw, match=spec.table):
        spec.make(frames({}))


@pytest.mark.parametrize("draw", [figures.draw_variance, figures.draw_fixed_alpha, figures.draw_cross_agent])
def test_one_fleet_and_one_n_can_be_drawn(made: dict[str, Any], draw: Callable[..., Figure]) -> None:
    small = {k: [r for r in rows if r.get("n") == 8 and (r.get("fleet") or 0) == 0] for k, rows in made.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg_text(draw(small, GAME), "one")


def test_nothing_global_changes(made: dict[str, Any]) -> None:
    before = dict(matplotlib.rcParams)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    svg_text(figures.draw_cross_agent(made, GAME), "x")
    assert dict(matplotlib.rcParams) == before
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    pyplot = pytest.importorskip("matplotlib.pyplot")
    assert pyplot.get_fignums() == []


def test_the_same_tables_give_the_same_svg(made: dict[str, Any]) -> None:
    assert svg_text(figures.draw_cross_agent(made, GAME), "k") == svg_text(figures.draw_cross_agent(made, GAME), "k")


def test_inline_svg_is_selfcontained_and_keeps_its_text(made: dict[str, Any]) -> None:
    text = inline_svg(svg_text(figures.draw_cross_agent(made, GAME), "k"), "f7", 'a "title" <b>')
    assert "http" not in text and "xmlns" not in text
    assert text.count("<use") >= 3 * 8 * 3  # fleets, N, credits
    assert 'aria-label="a &quot;title&quot; &lt;b>"' in text
    assert "99.9" in text and "var(--ink" in text
    ids = {part.split('"')[0] for part in text.split(' id="')[1:]}
    used = {part.split('"')[0] for part in text.split('href="#')[1:]}
    assert used <= ids and all(name.startswith("f7-") for name in ids)


def test_labels_are_pushed_apart() -> None:
    heights = spread([0.5, 0.5, 0.51, 0.9], [0.1] * 4)
    assert all(b - a >= 0.1 - 1e-5 for a, b in pairwise(heights))
    assert heights[3] == pytest.approx(0.9, abs=0.02)
