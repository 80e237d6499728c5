"""Figures of sample complexity: every fleet, floor and curve drawn, titles from the numbers, nothing left unsaid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from dgpg_verify.reporting import samples as figures
from dgpg_verify.reporting.drawing.spec import FigureSpec
from dgpg_verify.reporting.figures import FIGURES
from dgpg_verify.reporting.frame import NothingToDraw, frames
from dgpg_verify.reporting.samples import names
from dgpg_verify.reporting.samples.arrivals import HEADLINE
from dgpg_verify.reporting.samples.floors import LOWEST
from dgpg_verify.reporting.samples.names import alpha_of
from tests.reporting.drawn import Tables, changed, said, title, unknown_in
from tests.reporting.samples.synthetic_samples import FLEETS, NS, POWERS, SYSTEMS, complexity_tables

SPECS = [spec for spec in FIGURES if spec.table.startswith("complexity")]


@pytest.fixture(scope="module")
def made() -> Tables:
    return complexity_tables()


def scatters(ax: Axes) -> list[PathCollection]:
    found = [c for c in ax.collections if isinstance(c, PathCollection)]
    return [c for c in found if c.get_gid() == "replicates"]


def dots(figure: Figure, hollow: bool | None = None) -> int:
    """Replicates drawn; with `hollow` only those without (or with) a filled face."""
    every = [c for ax in figure.axes for c in scatters(ax)]
    return sum(len(c.get_offsets()) for c in every if hollow is None or (len(c.get_facecolors()) == 0) == hollow)


def curves(ax: Axes) -> list[tuple[np.ndarray, np.ndarray]]:
    lines = [line for line in ax.lines if line.get_gid() == "replicates"]
    return [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in lines]


def only(made: Tables, **which: Any) -> Tables:
    """Rows that agree with `which`, where a table has such fields at all."""
    return {name: [r for r in rows if all(r.get(k, v) == v for k, v in which.items())] for name, rows in made.items()}


def test_every_fleet_is_a_point_and_those_that_never_arrived_are_arrows(made: Tables) -> None:
    figure = figures.draw_samples_to_gap(frames(made))
    drawn = [r for r in made["complexity_arrivals"] if r["step_rule"] == "theory" and r["method"] in HEADLINE
             and r["factor"] in (10.0, 100.0, 300.0) and r["system"] in SYSTEMS[:2]]  # fmt: skip
    each = [value for row in drawn for value in row["each"]]
    assert len(figure.axes) == 3 * 2
    assert dots(figure, hollow=False) == sum(v is not None for v in each) > 0
    assert dots(figure, hollow=True) == sum(v is None for v in each) > 0
    assert "Measured but not drawn here" in said(figure) and "guidance alone" in said(figure)


def test_the_label_and_the_title_hold_the_fitted_power(made: Tables) -> None:
    law = {"system": "team/aligned", "method": "return", "step_rule": "theory", "what": "p"}
    fit = {"value": 0.777, "low": 0.7, "high": 0.8}
    tables = changed(made, "complexity_exponents", fit, **law)
    tables["complexity_exponents"].reverse()  # p is found by its name, wherever it stands
    figure = figures.draw_samples_to_gap(frames(tables))
    labels = " ".join(text.get_text() for ax in figure.axes for text in ax.texts)
    assert "p = 0.78 [0.70, 0.80]" in labels and "0.78 (shared return)" in title(figure)
    bare = figures.draw_samples_to_gap(frames({**made, "complexity_exponents": []}))
    assert "no power of N is fitted" in title(bare) and "shared return" in title(bare)


def test_curves_are_drawn_raw_above_and_scaled_below(made: Tables) -> None:
    power = 0.5
    one = only(made, system="team/aligned", method="return", step_rule="theory")
    figure = figures.draw_complexity_collapse(frames(changed(one, "complexity_exponents", {"value": power}, what="p")))
    above, below = figure.axes
    assert len(curves(above)) == len(curves(below)) == len(NS)
    for (x, y), (scaled, same), n in zip(curves(above), curves(below), sorted(NS, reverse=True)):
        np.testing.assert_allclose(scaled, x / n**power)
        np.testing.assert_array_equal(y, same)
        row = next(r for r in one["complexity_curves"] if r["n_agents"] == n)
        assert {*y.tolist()} <= {*row["median"]} and y[-1] == row["median"][-1] and y[0] == row["median"][1]
    exact = [r for r in one["complexity_curves"] if r["expected"] is not None]
    assert len(above.lines) == len(NS) + len(exact) and "Dashed: exact recursion" in said(figure)


def test_without_an_exponent_nothing_is_said_to_collapse(made: Tables) -> None:
    one = only(made, system="team/aligned", method="return", step_rule="theory")
    figure = figures.draw_complexity_collapse(frames({**one, "complexity_exponents": []}))
    assert len(figure.axes) == 1 and len(curves(figure.axes[0])) == len(NS)
    assert "no power of N could be fitted" in title(figure)
    both = only(made, system="team/aligned", step_rule="theory")
    bare = changed(both, "complexity_exponents", {"value": None}, method="return")
    columns = len(figures.draw_complexity_collapse(frames(bare)).axes) // 2
    below = figures.draw_complexity_collapse(frames(bare)).axes[columns]  # of the shared return
    assert not curves(below) and [text.get_text() for text in below.texts] == ["no p could\nbe fitted"]


def test_other_steps_are_drawn_where_the_theorys_were_not_measured(made: Tables) -> None:
    greedy = only(made, step_rule="greedy")
    assert "greedy oracle steps" in said(figures.draw_samples_to_gap(frames(greedy)))


def test_every_floor_is_drawn_and_small_ones_stand_on_the_edge(made: Tables) -> None:
    figure = figures.draw_complexity_floors(frames(made))
    assert dots(figure) == len(made["complexity_floors"])
    assert len(figure.axes) == len(SYSTEMS)
    places = np.concatenate([c.get_offsets()[:, 0] for ax in figure.axes for c in scatters(ax)])
    small = [r for r in made["complexity_floors"] if r["floor"] < LOWEST]
    assert small and (places == LOWEST).sum() == len(small)
    biased = {"system": "team/biased", "method": "guided:published", "n_agents": NS[-1]}
    sums = {**made, "complexity_floors": [r for r in made["complexity_floors"] if r["method"].startswith("guided:")]}
    other = figures.draw_complexity_floors(frames(changed(sums, "complexity_floors", {"floor": 0.123}, **biased)))
    assert "12 % (Team, biased reference)" in title(other) and "nothing (Team, aligned)" in title(other)


def test_floors_are_titled_by_the_readings_that_lead(made: Tables) -> None:
    """Where they were measured in the game with the fluid reference: at the largest N that it has of them."""
    old = [row for row in made["complexity_floors"] if row["method"] != "parts:published"]
    new = [{**row, "system": "game/fluid", "method": f"{setting}:published", "floor": floor, "n_agents": n}
           for setting, floor, n in (("both", 0.09, 32), ("mixed", 0.5, 8), ("mixed", 0.345, 32), ("mixed", 0.0, 16))
           for row in made["complexity_floors"][:1]]  # fmt: skip
    figure = figures.draw_complexity_floors(frames({**made, "complexity_floors": [*old, *new]}))
    assert "34 % (mixed), 9.0 % (both)" in title(figure) and "N = 32" in title(figure)


def test_sizes_that_more_systems_have_are_drawn_first(made: Tables) -> None:
    few = [{**row, "n_agents": n} for n in (2, 3, 5, 7, 9, 11, 13, 17) for row in made["complexity_floors"][:1]]
    figure = figures.draw_complexity_floors(frames({**made, "complexity_floors": [*made["complexity_floors"], *few]}))
    shown = [text.get_text() for legend in figure.findobj(match=_is_legend) for text in legend.get_texts()]
    assert {f"N = {n}" for n in NS} <= set(shown)


def test_runs_that_still_move_are_hollow(made: Tables) -> None:
    assert "still moving" in " ".join(
        text.get_text() for legend in figures.draw_complexity_floors(frames(made)).findobj(match=_is_legend)
        for text in legend.get_texts()
    )  # fmt: skip
    rest = changed(made, "complexity_floors", {"settled": True})
    assert "still moving" not in " ".join(
        text.get_text() for legend in figures.draw_complexity_floors(frames(rest)).findobj(match=_is_legend)
        for text in legend.get_texts()
    )  # fmt: skip


def _is_legend(artist: Any) -> bool:
    return type(artist).__name__ == "Legend"


@pytest.mark.parametrize(
    "method, alpha",
    [("return", 0.0), ("guidance", 1.0), ("guided:0.4", 0.4), ("guided:published", None), ("difference", None),
     ("guided:0.2@difference", None)],
)  # fmt: skip
def test_only_methods_with_one_alpha_have_a_place_on_its_axis(method: str, alpha: float | None) -> None:
    assert alpha_of(method) == alpha


def test_constants_and_predictions_are_all_drawn(made: Tables) -> None:
    figure = figures.draw_complexity_constants(frames(made))
    smoothness, mu, predicted = figure.axes
    sources = {(r["system"], r["source"]) for r in made["complexity_constants"]}
    assert len(curves(smoothness)) == len(curves(mu)) == len(sources)
    assert sum(len(c.get_offsets()) for c in scatters(predicted)) == len(made["complexity_predicted"])
    ratios = sorted(r["ratio"] for r in made["complexity_predicted"])
    assert f"{ratios[0]:.1f} to {ratios[-1]:.0f} times what was needed" in title(figure)
    assert "times 3.0 (Game with entropy, fluid reference)" in title(figure)  # (256 / 16)^0.4
    alone = figures.draw_complexity_constants(frames({"complexity_predicted": made["complexity_predicted"]}))
    assert len(alone.axes) == 1 and title(alone).startswith("The bound is")


@pytest.mark.parametrize("name, words", [
    ("mixed:0.2", "α = 0.2, mixed"), ("parts:published", "α 0.9 → 0.2, parts"),
    ("both:0.2", "α = 0.2, both"), ("dgpg/parts", "DG-PG, α 0.9 → 0.2, parts"),
    ("difference_replay", "difference reward, replayed"),
])  # fmt: skip
def test_settings_are_said_in_words(name: str, words: str) -> None:
    """Each setting has a look of its own, beside that of sums."""
    assert names.method(name) == words
    looks = {names.look(method) for method in ("guided:0.2", "mixed:0.2", "parts:0.2", "both:0.2")}
    assert len({(look.color, look.marker) for look in looks}) == 4


def test_names_are_words() -> None:
    assert names.method("guided:sqrt") == "\u03b1 = 1 \u2212 1/\u221aN"
    assert names.method("guided:0.2@difference") == "\u03b1 = 0.2 on difference reward"
    assert names.method("own_method") == "own method"
    assert names.step("theory wide") == "the theory's steps, one \u03b5, larger N" and names.step("other") == "other"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_empty_tables_are_refused_by_name(spec: FigureSpec) -> None:
    with pytest.raises(NothingToDraw, match=spec.table):
        spec.make(frames({}))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_numbers_that_are_not_known_do_not_stop_a_figure(spec: FigureSpec, made: Tables) -> None:
    blank = ("low", "high", "level", "expected", "verdict", "settled", "fleets", "censored", "eps", "ratio")
    short = {n: [r for r in rows if r["system"] in SYSTEMS[:2] and r.get("method", "return") in ("return", "guidance")]
             for n, rows in made.items()}  # fmt: skip
    bare = {n: [{k: None if k in blank else v for k, v in r.items()} for r in rows] for n, rows in short.items()}
    assert unknown_in(spec.make(frames(bare))) == []


@pytest.mark.parametrize("system", SYSTEMS[1:])
def test_one_system_alone_can_be_drawn(system: str, made: Tables) -> None:
    alone = only(made, system=system, method="return", step_rule="theory")
    for spec in SPECS:
        if alone[spec.table]:
            assert spec.make(frames(alone)).texts[0].get_text(), spec.name


def test_a_method_that_never_arrives_has_arrows_and_no_line(made: Tables) -> None:
    stuck = only(made, system="team/biased", method="guidance", step_rule="theory", factor=300.0)
    assert all(v is None for r in stuck["complexity_arrivals"] for v in r["each"])
    figure = figures.draw_samples_to_gap(frames(stuck))
    assert dots(figure, hollow=True) == FLEETS * len(NS) and dots(figure, hollow=False) == 0
    assert "no p:\nguidance alone" in [text.get_text() for ax in figure.axes for text in ax.texts]
    assert "the median fleet never arrives" in title(figure)


def test_there_are_four_figures_in_two_sections() -> None:
    assert [spec.claim for spec in SPECS] == ["C3", "C3", "C3", "A4"] and len(POWERS) == 11
