"""Figures of equilibria: every rate, step and point drawn, titles from the data, nothing lost in silence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver

from dgpg_verify.reporting import equilibria as figures
from dgpg_verify.reporting.drawing.look import styled
from dgpg_verify.reporting.drawing.spec import FigureSpec
from dgpg_verify.reporting.equilibria.laws import alpha_axis, bias_of, main_references, reference_name
from dgpg_verify.reporting.figures import FIGURES
from dgpg_verify.reporting.frame import frame, frames
from tests.reporting.drawn import Tables, changed, said, title, unknown_in
from tests.reporting.equilibria.synthetic_equilibria import ALPHAS, COSTS, MAIN, RULES, SIZES, equilibrium_tables, laws

EQUILIBRIA = [spec for spec in FIGURES if spec.claim.startswith("C2")]


@pytest.fixture(scope="module")
def made() -> Tables:
    return equilibrium_tables()


def dots(figure: Figure) -> int:
    """Points drawn, single ones and those joined by lines."""
    found = [c for ax in figure.axes for c in ax.collections if isinstance(c, PathCollection)]
    joined = [line for ax in figure.axes for line in ax.lines if line.get_gid() == "replicates"]
    return sum(len(c.get_offsets()) for c in found if c.get_gid() == "replicates") + sum(
        len(line.get_xdata()) for line in joined
    )


def test_every_rate_is_drawn_with_its_interval(made: Tables) -> None:
    figure = figures.draw_equilibrium_rates(frames(made))
    rows = made["equilibrium_rates"]
    above = [r for r in rows if (r["n_agents"], r["n_actions"]) == MAIN and not bias_of(r["reference"])]
    below = [r for r in rows if r["reference"] == "fluid"]
    assert len(figure.axes) == 2 * len(COSTS) and len({(r["n_agents"], r["n_actions"]) for r in below}) == len(SIZES)
    assert dots(figure) == len(above) + len(below)
    bars = [
        bar for ax in figure.axes for c in ax.collections if isinstance(c, LineCollection) for bar in c.get_segments()
    ]
    drawn = {tuple(np.round(bar[:, 1], 9)) for bar in bars}
    assert {(round(r["low"], 9), round(r["high"], 9)) for r in (*above, *below)} <= drawn


def test_title_of_the_rates_is_the_fluid_reference_at_the_end_of_the_schedule(made: Tables) -> None:
    law = {"cost": "delay", "reference": "fluid", "n_agents": MAIN[0], "n_actions": MAIN[1]}
    figure = figures.draw_equilibrium_rates(
        frames(changed(made, "equilibrium_rates", {"rate": 0.4242}, alpha=0.2, **law))
    )
    assert "α = 0.2" in title(figure) and "42 % (delay)" in title(figure)
    other = figures.draw_equilibrium_rates(
        frames(changed(made, "equilibrium_rates", {"rate": 0.4242}, alpha=0.9, **law))
    )
    assert "42 %" not in title(other)


def test_mixed_equilibria_are_no_points_among_the_pure_ones(made: Tables) -> None:
    extra = [{**r, "points": "mixed", "rate": 0.123} for r in made["equilibrium_rates"]]
    assert dots(
        figures.draw_equilibrium_rates(frames({"equilibrium_rates": made["equilibrium_rates"] + extra}))
    ) == dots(figures.draw_equilibrium_rates(frames(made)))


def test_rates_against_bias_hold_only_fluid_and_biased_references_of_one_size(made: Tables) -> None:
    figure = figures.draw_equilibrium_bias(frames(made))
    assert dots(figure) == len(COSTS) * 4 * 3  # four alphas; bias 0, 0.1, 0.3
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["0", "0.1", "0.3"]
    rows = [r for r in made["equilibrium_rates"] if (r["reference"], r["alpha"]) == ("biased:0.3", 0.2)]
    worst, best = (round(100 * f(r["rate"] for r in rows)) for f in (min, max))
    assert f"{worst} % to {best} % of fleets with bias 0.3" in title(figure)


def test_losses_are_drawn_for_every_reference_but_one_of_two_biases(made: Tables) -> None:
    figure = figures.draw_equilibrium_values(frames(made))
    drawn = [law for law in laws() if law[1] != "biased:0.1"]
    assert dots(figure) == len(drawn) * len(ALPHAS) * 2  # worst, reached
    assert "not drawn here (in records.json): fluid, biased by 10 %" in said(figure)
    costly = changed(made, "equilibrium_values", {"mean_loss": 0.5, "low": 0.4, "high": 0.6}, cost="mm1", which="worst",
                     reference="fluid", alpha=0.2)  # fmt: skip
    assert "50 % of the range of J (queueing cost (mm1))" in title(figures.draw_equilibrium_values(frames(costly)))


def test_limits_are_steps_that_end_at_the_share_ever_lost(made: Tables) -> None:
    figure = figures.draw_alpha_limits(frames(made))
    lines = [line for ax in figure.axes for line in ax.lines if line.get_gid() == "replicates"]
    drawn = [r for r in made["alpha_limits"] if r["reference"] != "biased:0.1"]
    assert len(lines) == len(drawn)
    ends = sorted(float(line.get_ydata()[-1]) for line in lines)
    np.testing.assert_allclose(ends, sorted(1.0 - r["share_never"] for r in drawn), atol=1e-12)
    assert all((np.diff(line.get_ydata()) >= 0).all() for line in lines)


def test_every_shift_is_drawn_and_the_title_is_the_largest_error(made: Tables) -> None:
    figure = figures.draw_equilibrium_shift(frames(made))
    assert dots(figure) == len(made["equilibrium_shift"])
    rows = [r for r in made["equilibrium_shift"] if r["kind"] == "entropy"]
    worst = max(r["largest_error"] / r["predicted"] for r in rows)
    assert f"games with entropy {worst:.2g}" in title(figure)
    one = {**made["equilibrium_shift"][0], "predicted": None}
    less = figures.draw_equilibrium_shift(frames({"equilibrium_shift": [one, *made["equilibrium_shift"][1:]]}))
    assert dots(less) == dots(figure) - 1 and "1 records without a shift or a prediction are not drawn" in said(less)


def test_a_point_is_the_mean_over_the_games_of_its_record() -> None:
    mean = {"kind": "team", "alpha": 0.1, "predicted": 0.2, "found": 0.2, "largest_error": 0.03, "fleets": 40}
    figure = figures.draw_equilibrium_shift(frames({"equilibrium_shift": [mean]}))
    assert dots(figure) == 1 and "team 0.15" in title(figure) and "the mean over 40 games" in said(figure)


def test_the_field_shows_both_gradients_and_says_what_is_lost_and_gained(made: Tables) -> None:
    figure = figures.draw_equilibrium_field(frames(made))
    arrows = [c for ax in figure.axes for c in ax.collections if isinstance(c, Quiver)]
    assert [len(c.U) for c in arrows] == [169 - 3, 169 - 2]  # none under a mark
    direction = np.hypot(arrows[0].U, arrows[0].V)
    assert direction == pytest.approx(direction[0]) and not np.allclose(arrows[0].U, arrows[1].U[: len(arrows[0].U)])
    assert "2 of 3 equilibria lost, 1 gained" in title(figure)
    record = made["equilibrium_field"][0]
    same = record | {f"mixed_equilibria_{i}": record[f"j_equilibria_{i}"] for i in (1, 2)}
    assert "0 of 3 equilibria lost, 0 gained" in title(
        figures.draw_equilibrium_field(frames({"equilibrium_field": [same]}))
    )


def test_tradeoff_draws_every_rule_of_either_system(made: Tables) -> None:
    figure = figures.draw_tradeoff(frames(made))
    lines = [line for ax in figure.axes for line in ax.lines if line.get_gid() == "replicates"]
    assert len(figure.axes) == 6 and len(lines) == 2 * 2 * len(RULES)
    assert "at least 98 % of the way" in title(figure) and "α = 0.2 moves it 20 %" in title(figure)
    wide = [{**r, "high": 2.0} for r in made["tradeoff"]]
    assert "No rule tried bounds the variance" in title(figures.draw_tradeoff(frames({"tradeoff": wide})))


def test_names_of_references() -> None:
    assert reference_name("biased:0.3") == "fluid, biased by 30\u00a0%"
    assert bias_of("fluid") == 0.0 and bias_of("biased:0.3") == 0.3
    assert bias_of("shuffled") is None and bias_of("biased:much") is None
    rows = [{"reference": r} for r in ("shuffled", "biased:0.05", "biased:0.2", "biased:0.5", "fluid", "own")]
    assert main_references(frame(rows)) == ["fluid", "biased:0.2", "shuffled", "own"]


@pytest.mark.parametrize("every", [True, False])
def test_ticks_in_alpha_do_not_touch(every: bool) -> None:
    with styled():
        figure = Figure(figsize=(12.0, 4.0))
        ax = figure.add_axes((0.1, 0.2, 0.19, 0.6))
        alpha_axis(ax, every=every)
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        boxes = [text.get_window_extent(renderer) for text in ax.get_xticklabels() if text.get_text()]
    assert len(boxes) == 6
    assert all(left.x1 + 3.0 < right.x0 for left, right in itertools.pairwise(boxes))


@pytest.mark.parametrize("spec", EQUILIBRIA, ids=lambda spec: spec.name)
def test_numbers_that_are_not_known_do_not_stop_a_figure(spec: FigureSpec, made: Tables) -> None:
    blank = ("low", "high", "nash_conv", "moved", "median_ratio", "words", "kind", "variance_exponent")
    bare = {n: [{k: None if k in blank and n != "equilibrium_shift" else v for k, v in r.items()} for r in rows]
            for n, rows in made.items()}  # fmt: skip
    assert unknown_in(spec.make(frames(bare))) == []


@pytest.mark.parametrize("cost", COSTS)
def test_one_cost_alone_can_be_drawn(cost: str, made: Tables) -> None:
    only = {name: [r for r in rows if r.get("cost", cost) == cost] for name, rows in made.items()}
    for spec in EQUILIBRIA:
        assert spec.make(frames(only)).texts[0].get_text(), spec.name


def test_there_are_seven_figures_in_three_sections() -> None:
    assert len(EQUILIBRIA) == 7 and {spec.claim for spec in EQUILIBRIA} == {"C2", "C2.2"}
