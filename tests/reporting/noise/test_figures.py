"""Figures draw every replicate, say what the data say, and leave no global state behind."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from dgpg_verify.reporting import noise
from dgpg_verify.reporting.drawing.look import credit_look
from dgpg_verify.reporting.drawing.saving import svg_text
from dgpg_verify.reporting.drawing.spec import FigureSpec
from dgpg_verify.reporting.frame import Frames, NothingToDraw, Place, at, frames, where
from dgpg_verify.reporting.noise.credits import headline_credits
from dgpg_verify.reporting.wording import SETTINGS
from tests.reporting.synthetic_run import tables

GAME = Place("load_balancing", "sparse", "uniform")


@pytest.fixture(scope="module")
def made() -> Frames:
    return frames({k: [r for r in rows if (r.get("fleet") or 0) < 3] for k, rows in tables().items()})


def dots(figure: Figure) -> int:
    """Replicates drawn anywhere in the figure."""
    found = [c for ax in figure.axes for c in ax.collections if isinstance(c, PathCollection)]
    return sum(len(c.get_offsets()) for c in found if c.get_gid() == "replicates")


def test_variance_draws_every_fleet_of_every_drawn_credit(made: Frames) -> None:
    rows = at(made["moments"], GAME)
    drawn = where(rows, credit=headline_credits(rows))
    assert 0 < len(drawn) < len(rows)
    assert dots(noise.draw_variance(made, GAME)) == 2 * len(drawn)  # variance and noise-to-signal


def test_paired_ratio_draws_every_fleet(made: Frames) -> None:
    rows = where(made["moments"], sharing="independent")
    credits = [c for c in headline_credits(rows) if c != "difference"]
    assert dots(noise.draw_paired_ratio(made)) == len(where(rows, credit=credits))


def test_efficiencies_beyond_the_axis_sit_on_its_edges(made: Frames) -> None:
    changed = made["moments"].copy()
    changed.loc[changed.index[:3], "efficiency"] = 0.0
    changed.loc[changed.index[3:5], "efficiency"] = 17.0
    figure = noise.draw_efficiency({**made, "moments": changed})
    assert dots(figure) == dots(noise.draw_efficiency(made))
    caption = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert "3 fleets with efficiency 0 on the lower edge, 2 above 1.25 on the upper edge" in caption
    inside = [ax.get_ylim()[0] <= y <= ax.get_ylim()[1] * (1 + 1e-9) for ax in figure.axes for c in ax.collections
              if c.get_gid() == "replicates" for _, y in c.get_offsets()]  # fmt: skip
    assert inside and all(inside)


def test_cross_agent_draws_every_fleet(made: Frames) -> None:
    assert dots(noise.draw_cross_agent(made)) == len(made["cross_agent"])


def test_fixed_alpha_draws_every_alpha_and_every_optimum(made: Frames) -> None:
    expected = len(at(made["alpha"], GAME)) + len(at(made["optimal"], GAME))  # an optimum has a return share alone
    assert dots(noise.draw_fixed_alpha(made, GAME)) == expected


def test_fixed_alpha_shows_the_ratio_that_is_judged(made: Frames) -> None:
    alpha = made["alpha"].assign(ratio=made["alpha"]["n"] * 3.0)
    figure = noise.draw_fixed_alpha({**made, "alpha": alpha}, GAME)
    title = figure.texts[0].get_text().replace("\n", " ")
    assert "At fixed \u03b1 = 0.55 the noise relative to the signal goes like N^1.00 (sum)" in title
    assert figure.axes[0].get_ylabel() == "noise to signal"
    drawn = [y for c in figure.axes[0].collections if c.get_gid() == "replicates" for _, y in c.get_offsets()]
    assert drawn and set(drawn) <= set(alpha["ratio"])
    ends = [text.get_text() for text in figure.axes[0].texts]
    assert {"0.2", "0.4", "0.55", "0.6", "0.8", "0.9"} <= set(ends)


def test_of_many_settings_four_are_drawn_the_sum_among_them(made: Frames) -> None:
    sets = [made["alpha"].assign(setting=name) for name in ("sum", "mean", "mixed", "parts", "joint", "both")]
    figure = noise.draw_fixed_alpha({**made, "alpha": pd.concat(sets)}, GAME)
    assert len(figure.axes) == 8
    names = [SETTINGS[name].partition(": ")[0] for name in ("sum", "mixed", "parts", "both")]
    assert {ax.get_title() for ax in figure.axes} >= {*names}


def test_optimal_alpha_draws_every_fleet_in_each_series(made: Frames) -> None:
    rows = where(at(made["optimal"], GAME), setting="sum")
    assert dots(noise.draw_optimal_alpha(made, GAME)) == 6 * len(rows)


def test_an_optimum_that_no_fleet_tells_from_noise_is_said_to_be_so(made: Frames) -> None:
    lost = made | {"optimal": made["optimal"].assign(return_share=np.nan)}
    titles = [noise.draw_optimal_alpha(f, GAME).texts[0].get_text().split() for f in (made, lost)]
    assert ["cannot" in words for words in titles] == [False, True]
    assert "nan" not in titles[1]


def test_pointing_draws_every_row_once_and_says_not_reached(made: Frames) -> None:
    figure = noise.draw_pointing(made)
    rows = made["pointing"]
    ends = [line.get_xdata()[0] for ax in figure.axes for line in ax.lines if len(line.get_xdata()) == 1]
    assert sorted(ends) == sorted(rows["rollouts"].fillna(rows["rollouts"].max()))
    written = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert written.count("not reached") == 1


def test_pointing_names_dgpg_in_its_title_and_tells_its_settings_apart(made: Frames) -> None:
    title = noise.draw_pointing(made).texts[0].get_text().replace("\n", " ")
    assert "not reached with shared return, 8 with guidance, 8 to 77 with DG-PG, among 1500 agents" in title
    looks = [credit_look(f"guided:0.2/{setting}") for setting in ("parts", "mixed")]
    assert len({look.color for look in looks}) == len({look.marker for look in looks}) == 2


@pytest.mark.parametrize("slope", [0.97, 0.03])
def test_titles_come_from_the_fits(made: Frames, slope: float) -> None:
    fits = made["fits"].assign(exponent=slope, low=slope - 0.01, high=slope + 0.01)
    title = noise.draw_variance({**made, "fits": fits}, GAME).texts[0].get_text()
    assert f"N^{slope:.2f}" in title
    assert "grows" in title


def test_no_slope_is_claimed_without_a_fit(made: Frames) -> None:
    assert "N^" not in noise.draw_variance({**made, "fits": made["fits"].iloc[:0]}, GAME).texts[0].get_text()


@pytest.mark.parametrize("spec", noise.FIGURES, ids=lambda spec: spec.name)
def test_an_empty_table_is_said_not_drawn(spec: FigureSpec) -> None:
    with pytest.raises(NothingToDraw, match=spec.table):
        spec.make(frames({}))


@pytest.mark.parametrize("draw", [noise.draw_variance, noise.draw_fixed_alpha, noise.draw_optimal_alpha])
def test_one_fleet_and_one_n_can_be_drawn(made: Frames, draw: Callable[..., Figure]) -> None:
    small = {k: rows[(rows["n"] == 8) & (rows.get("fleet", rows["n"] * 0) == 0)] if "n" in rows else rows
             for k, rows in made.items()} | {"fits": made["fits"].iloc[:0]}  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg_text(draw(small, GAME), "one")


def test_nothing_global_changes(made: Frames) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before, opened = dict(matplotlib.rcParams), pyplot.get_fignums()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    svg_text(noise.draw_pointing(made), "x")
    assert dict(matplotlib.rcParams) == before
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    assert pyplot.get_fignums() == opened
