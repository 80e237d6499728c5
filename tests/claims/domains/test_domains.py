"""Predictions on other domains: what is measured is what it says, and a wrong prediction is refuted."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.domains import c7_traffic, c8_power, c9_rate_control, c10_inventory, design
from dgpg_verify.claims.domains.design import METHODS, RULES
from dgpg_verify.claims.domains.measure import (
    ALPHAS,
    RUNS,
    SAMPLED,
    divisions,
    imbalance_penalties,
    lost_at,
)
from dgpg_verify.claims.domains.questions import Prediction, ask_exponents
from dgpg_verify.claims.domains.rest import FORMULAS, crossed_floor, optimal_floor, selfish_floor
from dgpg_verify.claims.domains.training import BEST
from dgpg_verify.claims.series import Series, make_series
from dgpg_verify.claims.subjects import LARGER_FILES, NETWORK_FILES, TRACES, trace_digests
from dgpg_verify.core import Cell, Evidence
from dgpg_verify.reporting.pages.systems import CLAIMS
from dgpg_verify.samples import rest
from dgpg_verify.systems import make_system
from dgpg_verify.systems.best_response import distance_price, iterated_best_response
from dgpg_verify.systems.power.power_dispatch import PowerDispatch
from dgpg_verify.systems.resource_game import ResourceGame
from tests.claims.judging import judge
from tests.systems.roads.test_tntp import network as write_network
from tests.systems.roads.test_tntp import trips as write_trips

SAMPLED_PARTS = ("noise", "over_time", "rest")
MEASURED = ("noise", "small", "over_time")
MODULES = (c7_traffic, c8_power, c9_rate_control, c10_inventory)


def game(name: str, n: int, seed: int = 0, **options: object) -> ResourceGame:
    made = make_system(name, n, seed, **options)
    assert isinstance(made, ResourceGame)
    return made


def test_divisions_are_all_there_are() -> None:
    found = [tuple(row) for row in divisions(4, 3).tolist()]
    wanted = [row for row in itertools.product(range(5), repeat=3) if sum(row) == 4]
    assert sorted(found) == sorted(wanted)
    assert divisions(5, 2).tolist() == [[k, 5 - k] for k in range(6)]


@pytest.mark.parametrize("name", ["road_network:braess", "road_network:pigou"])
def test_lost_is_that_of_all_joint_actions(name: str) -> None:
    network = game(name, 4, reference="user_equilibrium")
    actions = torch.tensor(list(itertools.product(range(network.n_actions), repeat=4)))
    played = network.step(network.start(torch.zeros(len(actions), 1, 0)), actions)
    distance = 0.5 * ((played.x - played.reference) ** 2).sum(1)
    for alpha, lost in zip(ALPHAS, lost_at(network)):
        best = ((1.0 - alpha) * played.reward - alpha * distance).argmax()
        assert lost == pytest.approx(float(played.reward[best] / played.reward.max() - 1.0), abs=1e-12)


def test_the_imbalance_is_that_of_a_profile_no_generator_leaves() -> None:
    power = game("power_dispatch", 8, 3, gamma=0.0)
    assert isinstance(power, PowerDispatch)
    nearest = (power.levels - power.reference_state[:-1, None]).abs().argmin(1)
    chosen = iterated_best_response(power, distance_price(power), nearest)
    excess = float(power.levels.gather(1, chosen[:, None]).sum() - power.reference_state[:-1].sum())
    assert imbalance_penalties([power]) == pytest.approx([0.5 * excess**2 / 8])


def test_what_is_decided_late_is_a_row_of_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "MOST_STEPS", 10)
    for module in MODULES:
        late = module.CLAIM.decided_at
        assert isinstance(late, dict) and late
        rows = {row.key: row for row in module.CLAIM.design("smoke") if row.options["part"] in SAMPLED_PARTS}
        made = {key: replace(row, n_values=dict.fromkeys((4, 8), 2)) for key, row in rows.items()}
        evidence = [Evidence(c, module.CLAIM.measure(c), 0.0) for row in made.values() for c in row.cells(0)]
        assert late.keys() <= {row.row for row in judge(module.CLAIM, evidence, made)}


def test_the_table_of_systems_names_rows_of_the_ledger() -> None:
    named = {str(name) for claim in CLAIMS for name in claim.values() if re.match(r"C([789]|10)/", str(name))}
    for module in MODULES:
        tiny = {row.key: smaller(row) for row in module.CLAIM.design("smoke") if row.options["part"] in MEASURED}
        evidence = [Evidence(c, module.CLAIM.measure(c), 0.0) for row in tiny.values() for c in row.cells(0)]
        named -= {row.row for row in judge(module.CLAIM, evidence, tiny)}
    assert not named


def smaller(row: Row) -> Row:
    """The same with two games of four agents."""
    games = {"games": 2} if row.options["part"] == "small" else {}
    return replace(row, n_values={4: 2}, options={**row.options, **games})


@pytest.mark.parametrize("scale", ["smoke", "standard", "full"])
def test_every_prediction_has_its_row(scale: str) -> None:
    rows = {row.key: row for row in design.domain_design(scale)}
    for module in MODULES:
        for made in module.PREDICTIONS:
            exact = made.row in design.ANY_OUTPUT.values()
            if ("/rest/" in made.row or exact) and scale == "standard":
                continue  # measured at full scale, and a little at the smallest
            parts = {"imbalance_penalty": ("floor",), "floor": ("rest",)}.get(made.statistic, SAMPLED_PARTS)
            assert rows[made.row].options["part"] in parts
            assert made.credit not in SAMPLED or exact or rows[made.row].options["rollouts"] > 0
    assert all(row.stream and row.notes["where"] for row in rows.values())


def town(exponent: float) -> Series[Evidence]:
    """The town, had its guidance a variance like N^exponent."""
    row = {row.key: row for row in design.domain_design("standard")}[design.GRID]
    rng = np.random.default_rng(5)
    cells = row.cells(0)
    return make_series(
        row, [Evidence(c, {"guidance": c.n**exponent * np.exp(0.02 * rng.normal())}, 0.0) for c in cells]
    )


@pytest.mark.parametrize(("truth", "label"), [(0.0, "supported"), (0.4, "refuted"), (-0.4, "refuted")])
def test_a_wrong_prediction_is_refuted(truth: float, label: str) -> None:
    made = Prediction(design.GRID, "variance", "guidance", 0.0)
    [question] = ask_exponents({design.GRID: town(truth)}, [made])
    assert question.verdict.label == label and question.primary


def test_what_was_derived_after_looking_decides_nothing() -> None:
    made = Prediction(design.GRID, "variance", "guidance", 0.0, before=False)
    [question] = ask_exponents({design.GRID: town(0.0)}, [made])
    assert not question.primary and "after the first look" in str(question.sentence)


def test_the_guidances_samples_beside_floors_decide_nothing_and_all_else_there_does() -> None:
    counted, floor = (Prediction(design.REST_TOWN, name, "guidance", 0.0) for name in ("noise_to_signal", "floor"))
    assert not counted.decides and floor.decides
    assert Prediction(design.REST_TOWN, "noise_to_signal", "difference", 0.0).decides
    assert Prediction(design.BOTTLENECK, "noise_to_signal", "guidance", 0.0).decides


@pytest.mark.parametrize(("others", "label"), [(1.0, "supported"), (0.0, "refuted")])
def test_lines_are_asked_the_part_of_the_noise_that_others_cause(others: float, label: str) -> None:
    """Whatever the whole of it does; at full scale."""
    row = {row.key: row for row in c8_power.CLAIM.design("full")}[design.LINES]
    values = [{"guidance": 100.0 * c.n ** (1.0 - others), "guidance_cross": c.n**others} for c in row.cells(0)]
    evidence = [Evidence(cell, value, 0.0) for cell, value in zip(row.cells(0), values)]
    judged = {each.row: each for each in judge(c8_power.CLAIM, evidence, {row.key: row})}
    name = f"C8/{design.LINES}/others_variance/guidance"
    assert judged[name].primary and judged[name].verdict == label and c8_power.CLAIM.decided_at[name] == "full"


def test_lines_make_others_felt_where_the_balance_weighs_nothing() -> None:
    row = {row.key: row for row in design.domain_design("smoke")}[design.LINES]
    cell = replace(row.cells(0)[0], n=64)
    options = {"gamma": row.options["options"]["gamma"]}
    wired, plain = (
        c8_power.CLAIM.measure(replace(cell, options={**row.options, "options": asked}))
        for asked in (row.options["options"], options)
    )
    assert float(wired["guidance_cross"]) > 1e3 * float(plain["guidance_cross"]) > 0.0


def test_the_price_of_anarchy_and_its_control() -> None:
    rows = {row.key: row for row in c7_traffic.CLAIM.design("smoke") if row.options["part"] == "lost"}
    assert len(rows) == 4
    evidence = [Evidence(cell, c7_traffic.CLAIM.measure(cell), 0.0) for row in rows.values() for cell in row.cells(0)]
    judged = judge(c7_traffic.CLAIM, evidence, rows)
    assert {row.verdict for row in judged if row.kind == "claim"} == {"supported"}
    controls = [row for row in judged if row.kind == "control"]
    assert len(controls) == 8 and {row.verdict for row in controls} == {"refuted"}


def test_a_cell_is_a_function_of_itself_alone() -> None:
    row = {row.key: row for row in design.domain_design("smoke")}[design.BOTTLENECK_BALANCED]
    [cell, *_] = row.cells(3)
    small = replace(cell, n=8)
    assert isinstance(small, Cell)
    first, again = (c9_rate_control.CLAIM.measure(small) for _ in range(2))
    assert first == again and set(first) == {"guidance", "guidance_signal", "guidance_cross"}


def test_small_games_are_those_of_their_systems() -> None:
    rows = {row.key: row for row in design.domain_design("smoke") if row.options["part"] == "small"}
    assert rows.keys() == design.SMALL_GAMES.keys()
    for module in MODULES:
        mine = {
            r.key: replace(r, options={**r.options, "games": 3}) for r in module.CLAIM.design("smoke") if r.key in rows
        }
        evidence = [Evidence(cell, module.CLAIM.measure(cell), 0.0) for row in mine.values() for cell in row.cells(1)]
        judged = judge(module.CLAIM, evidence, mine)
        assert len(judged) == 2 * len(mine) and not any(row.primary for row in judged)
        assert all(item.values["relations"].shape[1] == 3 for item in evidence)


def test_training_is_scored_against_the_rule_of_the_field() -> None:
    rows = [row for row in c7_traffic.CLAIM.design("smoke") if row.options["part"] == "training"]
    assert [row.options["method"] for row in rows] == list(METHODS)
    values = {"learned": -5.0, "rule/random": -9.0, "rule/user_equilibrium": -5.5, "rule/iterated_best_response": -5.0}
    made = {row.key: row for row in rows}
    evidence = [Evidence(cell, values, 0.0) for row in rows for cell in row.cells(0)]
    judged = judge(c7_traffic.CLAIM, evidence, made)
    assert {round(row.estimate or 0.0, 3) for row in judged} == {1.143} and not any(row.primary for row in judged)
    assert c7_traffic.CLAIM.design("standard")[-1].options["part"] != "training"


def test_a_training_cell_holds_every_rule() -> None:
    row = next(r for r in c8_power.CLAIM.design("smoke") if r.options["part"] == "training")
    found = c8_power.CLAIM.measure(row.cells(0)[0])
    assert {"learned", "rule/random", f"rule/{RULES[design.POWER]}", f"rule/{BEST}"} <= set(found)


def real_rows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Row]:
    """The rows on the real network, with a small one in its place: two ways from 1 to 2, and back by the same."""
    lines = ("1 3 2 1 1 1 1;", "1 4 4 1 2 0.5 2;", "3 2 2 1 3 0 1;", "4 2 2 1 1 1 1;",
             "2 3 1 1 1 0 0;", "2 4 1 1 1 0 0;", "4 1 1 1 1 0 0;", "3 1 1 1 1 0 0;")  # fmt: skip
    (folder / "traffic").mkdir()
    write_network(folder / "traffic", *lines).rename(folder / NETWORK_FILES[0])
    write_trips(folder / "traffic", "2 : 7.0;", "Origin 2", "1 : 3.0;", total="10").rename(folder / NETWORK_FILES[1])
    monkeypatch.setenv(TRACES, str(folder))
    return {row.key: row for row in c7_traffic.CLAIM.design("full") if row.key.startswith(design.REAL)}


def test_the_real_network_has_rows_at_full_scale_where_its_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TRACES, raising=False)
    assert not any(row.key.startswith(design.REAL) for row in design.domain_design("full"))
    rows = real_rows(tmp_path, monkeypatch)
    assert len(rows) == len(METHODS) + 2 and rows.keys() >= {design.REAL_SELFISH, design.REAL_WHOLE}
    assert str(tmp_path) not in str([row.options for row in rows.values()])
    assert trace_digests().keys() == set(NETWORK_FILES)
    for scale in ("smoke", "standard"):
        assert not any(row.key.startswith(design.REAL) for row in design.domain_design(scale))
    (tmp_path / NETWORK_FILES[1]).unlink()
    assert not any(row.key.startswith(design.REAL) for row in design.domain_design("full"))


def test_the_larger_network_has_rows_where_its_files_are_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = real_rows(tmp_path, monkeypatch)
    for ours, theirs in zip(LARGER_FILES, NETWORK_FILES):
        (tmp_path / ours).write_bytes((tmp_path / theirs).read_bytes())
    rows = {row.key: row for row in c7_traffic.CLAIM.design("full")}
    larger = {key: row for key, row in rows.items() if key.startswith(f"{design.LARGER}/")}
    assert list(larger) == [f"{design.LARGER}/training/{method}" for method in METHODS]
    assert trace_digests().keys() == {*NETWORK_FILES, *LARGER_FILES}
    assert {key: row for key, row in rows.items() if key.startswith(design.REAL)} == without
    asked = {**larger[f"{design.LARGER}/training/dgpg"].options, "episodes": 8}
    small = {key: replace(row, n_values={8: 3}, options={**asked, "method": row.options["method"]})
             for key, row in larger.items()}  # fmt: skip
    evidence = [Evidence(c, c7_traffic.CLAIM.measure(c), 0.0) for row in small.values() for c in row.cells(0)]
    judged = {row.row: row for row in judge(c7_traffic.CLAIM, evidence, small)}
    assert judged.keys() == {f"C7/{key}/score" for key in larger}
    assert all(row.system == "Anaheim, N = 1400" and not row.primary for row in judged.values())


def test_a_cell_of_the_real_network_holds_both_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Selfish drivers cost more; the ends do not depend on what the row is guided to."""
    rows = real_rows(tmp_path, monkeypatch)
    found = []
    for key in (f"{design.REAL}/training/dgpg", design.REAL_SELFISH):
        small = replace(rows[key], n_values={8: 1}, options={**rows[key].options, "episodes": 64})
        [cell] = small.cells(0)
        found.append(c7_traffic.CLAIM.measure(cell))
        assert {"learned", "rule/random", f"rule/{RULES[design.TRAFFIC]}", f"rule/{BEST}"} <= set(found[-1])
    optimal, selfish = (found[0][f"end/{name}"] for name in design.ENDS)
    assert optimal > selfish + 0.01 and [found[1][f"end/{name}"] for name in design.ENDS] == [optimal, selfish]
    game = make_system("road_network", 8, cell.seed % 2**31, network=str(tmp_path / NETWORK_FILES[0]))
    assert isinstance(game, ResourceGame)
    assert optimal == pytest.approx(-float(game.cost_of(game.reference_state)), rel=1e-12)


@pytest.mark.parametrize(("learned", "label"), [(-103.0, "supported"), (-100.0, "refuted"), (-107.0, "refuted")])
def test_guidance_toward_selfish_drivers_is_asked_to_end_there(
    learned: float, label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the system optimum is as wrong as too far off."""
    rows = real_rows(tmp_path, monkeypatch)
    values = {"learned": learned, "rule/random": -120.0, "rule/user_equilibrium": -103.8, f"rule/{BEST}": -100.1,
              "end/system_optimum": -100.0, "end/user_equilibrium": -104.0, "above": 0.1}  # fmt: skip
    evidence = [Evidence(cell, values, 0.0) for row in rows.values() for cell in row.cells(0)]
    judged = {row.row: row for row in judge(c7_traffic.CLAIM, evidence, rows)}
    found = {name.rpartition("/")[2]: row.verdict for name, row in judged.items() if row.primary}
    above = "refuted" if learned == -100.0 else "supported"
    assert found == {"travel time": label, "price of anarchy": "supported", "above the optimum": above}
    reached = judged[f"C7/{design.REAL}/training/dgpg/score"]
    assert reached.estimate == pytest.approx((120.0 + learned) / 16.2)
    assert (
        f"{(-learned - 100) / 100:.2%} above the system optimum's, the user equilibrium's 4.00%" in reached.holds_when
    )


@pytest.mark.parametrize("reference, n, above", [
    ("system_optimum", 6, 0.0), ("system_optimum", 5, 1 / 75), ("system_optimum", 11, 1 / 363),
    ("user_equilibrium", 5, 0.0),
])  # fmt: skip
def test_whole_drivers_on_two_links_end_as_near_as_they_can(reference: str, n: int, above: float) -> None:
    """Half should take each link: an odd driver costs 1 / 4 N^2 above the 3 / 4 of halves. Selfish: all on one."""
    options = {"part": "whole", "system": "road_network", "options": {"network": "pigou", "reference": reference}}
    [cell] = Row("domains", "whole", {n: 1}, options).cells(0)
    assert c7_traffic.CLAIM.measure(cell)["above"] == pytest.approx(
        above, abs=2e-6
    )  # as well as the reference is known


def test_inventory_is_trained_at_one_setting_for_all_and_at_the_defaults() -> None:
    rows = {row.key: row for row in c10_inventory.CLAIM.design("smoke") if row.options["part"] == "training"}
    settings = [row.options["settings"] for row in rows.values()]
    assert settings == [design.STOCK_SETTINGS] * (len(METHODS) + 1) + [{}]
    values = {"learned": -9.5, "rule/random": -9.0, "rule/base_stock": -5.0, "rule/s_S": -6.0}
    evidence = [Evidence(cell, values, 0.0) for row in rows.values() for cell in row.cells(0)]
    judged = judge(c10_inventory.CLAIM, evidence, rows)
    assert len(judged) == len(rows) and {row.verdict for row in judged} == {"refuted"}
    assert {row.estimate for row in judged} == {-0.125}


def test_the_formulas_tend_to_what_was_predicted_of_many_drivers() -> None:
    many = 10**7
    assert optimal_floor(100) == pytest.approx(9 / 108) and optimal_floor(many) == pytest.approx(0.0, abs=1e-5)
    for alpha in (0.2, 1.0):
        assert selfish_floor(alpha)(many) == pytest.approx(36 * alpha**2 / (1 + alpha) ** 2, rel=1e-5)
    assert crossed_floor(1 / 3, 64) == 1.0


def test_no_exponent_of_floors_below_what_is_known_of_a_rest() -> None:
    """A single draw at the limit; above it the exponent is that of the floors."""
    made = Prediction(design.REST_TOWN, "floor", "guidance", 0.0)
    row = Row(
        "domains",
        made.row,
        dict.fromkeys((32, 64, 128, 256), 4),
        {"part": "rest", "system": "road_network", "policy": "uniform"},
        notes={"where": "here"},
    )
    cells = row.cells(0)

    def exponent(least: float) -> float | None:
        floors = [least, *(4.0 / cell.n for cell in cells[1:])]
        evidence = [Evidence(cell, {"floor/guidance": value}, 0.0) for cell, value in zip(cells, floors)]
        [asked] = ask_exponents({made.row: make_series(row, evidence)}, [made])
        return asked.verdict.estimate.value

    assert exponent(4.0 / 32) == pytest.approx(-1.0, abs=1e-6) and exponent(rest.RESTS) is None


def test_floors_by_formula_and_their_control() -> None:
    rows = {row.key: replace(row, n_values={8: 1}) for row in c7_traffic.CLAIM.design("smoke")
            if row.key in {key for key, _ in FORMULAS}}  # fmt: skip
    evidence = [Evidence(cell, c7_traffic.CLAIM.measure(cell), 0.0) for row in rows.values() for cell in row.cells(0)]
    assert all(item.values[f"settled/{run}"] for item in evidence for run in RUNS if run != "annealed")
    judged = [row for row in judge(c7_traffic.CLAIM, evidence, rows) if "/floor/" in row.row]
    assert {row.verdict for row in judged if row.kind == "claim"} == {"supported"}
    assert [row.verdict for row in judged if row.kind == "control"] == ["refuted"]
