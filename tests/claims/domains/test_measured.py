"""What the cells of the other domains hold, number by number, and how a false number is judged."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.claims.domains import c7_traffic, c9_rate_control, c10_inventory, design, measure
from dgpg_verify.claims.domains.measure import SAMPLED, drawn_games
from dgpg_verify.claims.domains.questions import Prediction, ask_share, domain_tables
from dgpg_verify.claims.series import Series, make_series
from dgpg_verify.claims.subjects import build_policy, build_system, one_shot_probabilities
from dgpg_verify.core import Cell, Evidence, LedgerRow
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.oracles import enumerate_moments
from dgpg_verify.oracles.games.guidance import guidance_moments
from tests.claims.judging import judge

ROWS = {row.key: row for row in design.domain_design("smoke")}
LATER = {row.key: row for row in design.domain_design("full", [design.STOCK])}


def small_cell(key: str, **options: Any) -> Cell:
    [cell] = replace(ROWS[key], n_values={6: 1}, options={**ROWS[key].options, **options}).cells(4)
    return cell


@pytest.mark.parametrize("key", [design.BOTTLENECK, design.BOTTLENECK_BALANCED])
def test_a_cell_of_noise_holds_means_over_agents_at_its_own_reference(key: str) -> None:
    cell = small_cell(key, rollouts=16)
    [game] = drawn_games(cell)
    p = one_shot_probabilities(game, build_policy("uniform", game, cell.seed))
    if key == design.BOTTLENECK_BALANCED:
        game = game.with_reference(game.mean_state(torch.as_tensor(p)))
    exact = guidance_moments(game, p)
    found = measure.measure_noise(cell)
    assert found["guidance"] == pytest.approx(float(np.mean(exact.variance)))
    assert found["guidance_signal"] == pytest.approx(float(np.mean([m @ m for m in exact.mean])))
    assert found["guidance_cross"] == pytest.approx(float(np.mean(exact.cross)))
    assert found["guidance_cross"] < found["guidance"] and set(SAMPLED) < found.keys()


@pytest.mark.parametrize("key", [design.WEIGHED[0.0], design.REST_POWER[0.5]])
def test_dispatch_has_the_noise_of_its_rewards_exactly(key: str) -> None:
    cell = small_cell(key, rollouts=16)
    [game] = drawn_games(cell)
    exact = enumerate_moments(game, one_shot_probabilities(game, build_policy("uniform", game, cell.seed)), SAMPLED)
    found = measure.measure_domain(cell)
    for name in SAMPLED:
        assert found[name] == pytest.approx(float(exact[name].variance.mean()), rel=1e-10)


def test_a_cell_over_time_holds_the_others_part() -> None:
    cell = small_cell(design.WAREHOUSE, rollouts=8, pick_freeze=4)
    system = build_system(cell)
    moments = measure_gradients(
        system, build_policy("uniform", system, cell.seed), ("return", "guidance"), rollouts=8,
        seed=cell.seed % 2**31, pick_freeze=4, progress=False,
    )["guidance"]  # fmt: skip
    found = measure.measure_over_time(cell)
    assert moments.cross_agent_share is not None
    assert found["guidance_cross"] == pytest.approx(float(moments.variance.mean()) * moments.cross_agent_share)


def test_a_training_cell_holds_the_last_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluations = [(0, SimpleNamespace(mean=-9.0)), (64, SimpleNamespace(mean=-3.0))]
    run = SimpleNamespace(
        evaluations=evaluations, history=[SimpleNamespace(seconds=2.0)],
        heldout=SimpleNamespace(returns={"random": torch.tensor([-8.0, -10.0])}),
    )  # fmt: skip
    monkeypatch.setattr(measure, "train", lambda *_, **__: run)
    [cell, *_] = ROWS[f"{design.TRAFFIC}/training/dgpg"].cells(0)
    assert measure.measure_training(cell) == {"learned": -3.0, "seconds": 2.0, "rule/random": -9.0}


def series(key: str, values: dict[str, Any]) -> Series[Evidence]:
    row = replace(ROWS.get(key) or LATER[key], n_values=dict.fromkeys((16, 32, 64, 128), 4))
    noise = np.random.default_rng(0)
    return make_series(row, [
        Evidence(c, {name: v * (1.0 + 0.001 * noise.normal()) for name, v in values.items()}, 0.0) for c in row.cells(0)
    ])  # fmt: skip


@pytest.mark.parametrize(("share", "label"), [(0.001, "supported"), (0.3, "refuted")])
def test_a_share_of_others_is_judged_as_in_the_claim_on_noise(share: float, label: str) -> None:
    [asked] = ask_share({design.SPARSE: series(design.SPARSE, {"guidance": 1.0, "guidance_cross": share})},
                        [design.SPARSE])  # fmt: skip
    assert asked.verdict.label == label


def inventory(key: str, share: float) -> LedgerRow:
    found = series(key, {"guidance": 1.0, "return": 1.0, "guidance_signal": 1.0, "guidance_cross": share})
    rows = judge(c10_inventory.CLAIM, found.evidence, {key: found.row})
    return next(row for row in rows if row.statistic == "share of others")


def test_retailers_with_suppliers_of_their_own_must_not_feel_each_other() -> None:
    assert inventory(design.SEPARATE, 0.0).verdict == "supported"
    assert inventory(design.SEPARATE, 0.01).verdict == "refuted"


@pytest.mark.parametrize("key", [design.WAREHOUSE, *design.LOADED.values()])
def test_a_warehouse_is_felt_from_a_twentieth_on(key: str) -> None:
    felt, not_felt = inventory(key, 0.2), inventory(key, 0.01)
    assert (felt.verdict, not_felt.verdict) == ("supported", "refuted")


def test_a_table_carries_what_was_predicted() -> None:
    made = Prediction(design.SPARSE, "variance", "guidance", -2.0)
    records = domain_tables("C9", [made], {design.SPARSE: series(design.SPARSE, {"guidance": 1.0})})["domains"]
    assert {record["predicted"] for record in records} == {-2.0} and len(records) == 16


def test_a_control_of_the_price_of_anarchy_is_not_primary() -> None:
    rows = {row.key: row for row in c7_traffic.CLAIM.design("smoke") if row.options["part"] == "lost"}
    evidence = [Evidence(c, {"lost": np.zeros(4)}, 0.0) for row in rows.values() for c in row.cells(0)]
    assert {row.kind for row in judge(c7_traffic.CLAIM, evidence, rows) if row.primary} == {"claim"}


def test_small_games_are_judged_at_every_alpha_and_by_any_negative_policy() -> None:
    key = f"{design.RATES}/four"
    row = replace(ROWS.get(key) or LATER[key], n_values={4: 1})
    [cell] = row.cells(0)
    held = dict(c9_rate_control.CLAIM.measure(replace(cell, options={**cell.options, "games": 3})))
    held["relations"] = np.zeros_like(held["relations"])  # equal at every single alpha ...
    held["relations"][-1] = 1  # ... and unequal over all of them
    held["negative"] = np.zeros_like(held["negative"])
    held["negative"][:, 0] = True  # at one policy of each game
    judged = {found.statistic: found for found in judge(c9_rate_control.CLAIM, [Evidence(cell, held, 0.0)], {key: row})}
    assert judged["share of games with equal sets"].estimate == 0.0
    assert judged["share of games with a negative cosine"].estimate == 1.0
