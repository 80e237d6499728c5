"""The figure and the table of the comparison of methods."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from dgpg_verify.reporting.comparison import FIGURES
from dgpg_verify.reporting.comparison.arrivals import draw_arrivals, median_arrivals, ordered
from dgpg_verify.reporting.comparison.frontier import common_sizes, draw_frontier, frontier_points, undominated
from dgpg_verify.reporting.comparison.table import PROPERTIES, method_table
from dgpg_verify.reporting.frame import NothingToDraw, frames
from tests.reporting.synthetic_run import arrived, compared, ledger_row


def test_points_are_ratios_of_means_over_fleets() -> None:
    rows = frames({"frontier": compared()})["frontier"]
    points = frontier_points(rows).set_index(["credit", "n"])
    noisy = points.loc[("gae:central", 100)]
    assert noisy["noise"] == pytest.approx(100.0) and noisy["angle"] == pytest.approx(0.0)
    assert noisy["price"] == pytest.approx(100.0 * 1.5)
    biased = points.loc[("guidance", 100)]
    assert biased["angle"] == pytest.approx(60.0) and biased["price"] == pytest.approx(2.0 * 1.5)
    still = points.loc[("pathwise", 100)]
    assert still["noise"] == 0.0 and still["price"] == pytest.approx(1.5)  # one roll-out at least


def test_who_is_beaten() -> None:
    points = frontier_points(frames({"frontier": compared()})["frontier"])
    assert undominated(points[points["n"] == 100]) == ["difference", "pathwise"]


def test_a_mean_step_that_is_not_told_from_0_has_no_place() -> None:
    lost = [{**row, "signal": -1.0} for row in compared() if row["credit"] == "guidance"]
    points = frontier_points(frames({"frontier": [*lost, *compared()[:6]]})["frontier"])
    assert points["angle"].isna().sum() == 2
    assert undominated(points[points["n"] == 100]) == ["gae:central"]


def test_the_figure_says_who_is_unbeaten() -> None:
    figure = draw_frontier(frames({"frontier": compared()}))
    title = " ".join(text.get_text() for text in figure.texts[:1])
    assert "2 of 5 credits are unbeaten" in title.replace("\n", " ") and "in no reading" in title.replace("\n", " ")
    shown = {label.get_text(): label.get_fontweight() for label in figure.axes[0].get_yticklabels()}
    assert shown["difference reward"] == "bold" and shown["dgpg/parts"] == "normal"
    assert any("Fitted in: difference reward 4 s." in text.get_text().replace("\n", " ") for text in figure.texts)
    assert [spec.name for spec in FIGURES] == ["frontier", "arrivals_compared"]


def test_only_sizes_at_which_all_credits_were_measured_are_drawn() -> None:
    more = [{**row, "n": 1000} for row in compared() if row["credit"] == "difference" and row["n"] == 100]
    assert common_sizes(frontier_points(frames({"frontier": compared() + more})["frontier"])) == [10, 100]
    assert draw_frontier(frames({"frontier": compared() + more})).texts[0].get_text().startswith("Among 100 agents")
    apart = [row for row in compared() if (row["credit"] == "difference") == (row["n"] == 10)]
    with pytest.raises(NothingToDraw, match="common N"):
        draw_frontier(frames({"frontier": apart}))


def test_without_credits_there_is_nothing_to_draw() -> None:
    with pytest.raises(NothingToDraw, match="frontier"):
        draw_frontier(frames({"frontier": []}))


def test_the_table_joins_the_rows_of_a_property() -> None:
    rows = [
        ledger_row("C6/dgpg/parts/noise/noise_to_signal", "C6"),
        ledger_row("C6/dgpg/parts/noise/paired_ratio", "C6", "refuted"),
        ledger_row("C6/dgpg/parts/learned", "C6", statement="DG-PG, parts: no extra learned part."),
        ledger_row("C6/dgpg/parts/all five", "C6", "refuted", policy="DG-PG, parts"),
        ledger_row("C6/dgpg/parts/cloud/N=10", "C6", estimate=0.9, n_values=(10,)),
        ledger_row("C6/dgpg/parts/cloud/N=5", "C6", estimate=0.8, n_values=(5,)),
        ledger_row("C6/dgpg/parts/arrives", "C6", "refuted", estimate=0.0125, replicates=80),
        ledger_row("C6/mappo, shared/alike", "C6", "refuted", kind="control"),
        ledger_row("C5/cost", "C5"),
    ]
    table = method_table(rows)
    assert table is not None
    [line] = table.lines
    found = dict(zip(PROPERTIES, line.answers, strict=True))
    assert line.method == "DG-PG, parts" and line.claim == "all five" and line.joined.row.endswith("all five")
    assert line.scores == "0.80 (N = 5), 0.90 (N = 10)"
    assert line.arrivals == "1 of 80" and replace(line, arrival=None).arrivals == ""
    assert found["noise"] is not None and found["noise"].text == "no"
    assert found["noise"].deciding.row.endswith("paired_ratio")
    assert found["learned"] is not None and found["learned"].text == "yes"
    assert found["samples"] is found["alike"] is None
    assert table.heads[PROPERTIES.index("learned")] == "no extra learned part"
    assert method_table(rows[-1:]) is None


def test_arrivals_are_upper_medians_and_half_that_never_arrive_are_none() -> None:
    points = median_arrivals(frames({"compared_arrivals": arrived()})["compared_arrivals"])
    table = points.set_index(["method", "n", "factor"])["samples"]
    assert table["quick", 64, 2.0] == 64.0 and table["slow", 64, 2.0] == 640.0
    assert math.isnan(table["slow", 64, 8.0])
    assert ordered(points, 64) == ["quick", "slow"]
    two = [row for row in arrived() if row["fleet"] < 2]  # one of two slow ones arrives: not yet half of them for sure
    points = median_arrivals(frames({"compared_arrivals": two})["compared_arrivals"])
    assert points.set_index(["method", "n", "factor"])["samples"].isna()["slow", 64, 8.0]


def test_the_figure_of_arrivals_counts_who_comes_near() -> None:
    figure = draw_arrivals(frames({"compared_arrivals": arrived()}))
    assert "1 of 2 methods come within 1/8" in figure.texts[0].get_text().replace("\n", " ")
    with pytest.raises(NothingToDraw, match="compared_arrivals"):
        draw_arrivals(frames({"compared_arrivals": []}))
