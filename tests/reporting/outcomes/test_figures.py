"""Pictures of outcomes: which link is drawn where and how, what is too large, and that every number is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from dgpg_verify.reporting.frame import NothingToDraw
from dgpg_verify.reporting.outcomes import draw_merit_order, draw_rates, draw_road_map, draw_stock_levels
from dgpg_verify.reporting.outcomes.road_map import COLOURS, MOST_LINKS, WIDTHS

PLACES = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
START, END = np.array([0, 1, 0, 0]), np.array([1, 0, 2, 2])  # two ways between 0 and 1, two links from 0 to 2
LOADS = np.array([0.2, 1.0, 5.0, 0.7])
WORDS: dict[str, Any] = {"title": "Title", "subtitle": "", "source": "hand", "workloads": 3, "reference": "optimum",
                         "others": "For comparison."}  # fmt: skip


def map_of(places: Any = PLACES) -> Figure:
    names = ("Before", "After", "Optimum")
    details = {name: f"about {name.lower()}" for name in names}
    return draw_road_map(START, END, places, {name: LOADS * k for k, name in enumerate(names)}, details, **WORDS)


def drawn(figure: Figure, panel: int) -> list[tuple[Any, str, float]]:
    """Segment, colour and width of every link of a panel."""
    found = []
    for lines in figure.axes[panel].collections:
        if isinstance(lines, LineCollection):
            width = float(np.asarray(lines.get_linewidths())[0])
            found += [(s, to_hex(np.asarray(lines.get_colors())[0]), width) for s in lines.get_segments()]
    return found


def test_every_link_has_the_colour_and_width_of_its_load() -> None:
    figure = map_of()
    assert sorted(colour for _, colour, _ in drawn(figure, 1)) == sorted(COLOURS[k] for k in (0, 1, 2, 4))
    assert {colour for _, colour, _ in drawn(figure, 0)} == {COLOURS[0]}
    widths = {colour: width for _, colour, width in drawn(figure, 1)}
    assert [widths[COLOURS[k]] for k in (0, 1, 2, 4)] == [WIDTHS[k] for k in (0, 1, 2, 4)]


def test_links_lie_right_of_their_direction_and_beside_each_other() -> None:
    by_colour = {colour: np.asarray(segment) for segment, colour, _ in drawn(map_of(), 1)}
    there, back = by_colour[COLOURS[0]], by_colour[COLOURS[2]]
    assert (there[:, 1] < 0.0).all() and (back[:, 1] > 0.0).all(), "to the right of east is south, of west north"
    first, second = by_colour[COLOURS[4]], by_colour[COLOURS[1]]
    assert 0.0 < first[0, 0] < second[0, 0]


def test_maps_stand_beside_each_other_and_wide_ones_below() -> None:
    tall, wide = map_of(), map_of(PLACES * (10.0, 1.0))
    assert len({ax.get_position().x0 for ax in tall.axes}) == 3
    assert len({round(ax.get_position().x0, 6) for ax in wide.axes}) == 1
    assert len({ax.get_position().y0 for ax in wide.axes}) == 3


def test_a_map_says_what_stands_in_it() -> None:
    figure = map_of()
    text = "\n".join(part.get_text() for part in figure.findobj(lambda artist: hasattr(artist, "get_text")))
    for word in ("Title", "about after", "places: hand", "For comparison.", "4 and more", "Optimum"):
        assert word in text.replace("\n", " "), word


def test_too_many_links_are_not_drawn() -> None:
    ends = np.zeros(MOST_LINKS + 1, dtype=np.int64)
    with pytest.raises(NothingToDraw, match="3001 links are too many"):
        draw_road_map(ends, ends + 1, PLACES, {}, {}, **WORDS)


def test_generators_stand_in_the_order_of_their_incremental_cost() -> None:
    curves = {"before": (np.array([1.0, 2.0]), np.array([3.0, 1.0])), "after": (np.ones(2), np.ones(2)),
              "reference": (np.ones(2), np.ones(2))}  # fmt: skip
    figure = draw_merit_order(curves, 2.5, "Title", "", workloads=3, others="")
    stair = figure.axes[0].patches[0].get_data()
    assert stair.values.tolist() == [1.0, 3.0] and stair.edges.tolist() == [0.0, 2.0, 3.0]
    assert "demand 2.5" in [text.get_text() for text in figure.axes[0].texts]


def test_rates_stand_over_kellys_on_equal_axes() -> None:
    kelly = np.array([0.5, 1.0, 2.0])
    rates = {"Before": np.ones(3), "After": kelly}
    spans = {"Before": (kelly / 2, kelly * 2)}
    figure = draw_rates(kelly, rates, spans, dict.fromkeys(rates, "said"), "Title", "", workloads=3, others="")
    for ax, own in zip(figure.axes, rates.values()):
        assert ax.get_xlim() == ax.get_ylim()
        places = np.asarray(ax.collections[-1].get_offsets())
        np.testing.assert_allclose(places, np.stack([kelly, own], axis=1))
    assert [len(ax.collections) for ax in figure.axes] == [2, 1], "bars in the panel that has spans"


def test_every_retailer_stands_at_its_level_and_mean_position() -> None:
    levels, positions = np.array([4.0, 9.0]), np.array([[1.0, 9.0], [3.0, 9.0], [8.0, 12.0]])
    words = {"workloads": 3, "others": ""}
    figure = draw_stock_levels(levels, {"Before": positions}, {"Before": "far off"}, "Title", "", **words)
    found = [part for part in figure.axes[0].collections if isinstance(part, PathCollection)]
    assert [np.asarray(part.get_offsets()).tolist() for part in found] == [[[4.0, 4.0], [9.0, 10.0]]]
    assert "far off" in [text.get_text() for text in figure.axes[0].texts]
