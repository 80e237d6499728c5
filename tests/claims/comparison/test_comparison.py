"""The comparison of methods: what is measured is what it says, and what is joined is joined rightly."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.claims.comparison import measure, probes
from dgpg_verify.claims.comparison.c6_comparison import CLAIM
from dgpg_verify.claims.comparison.design import (
    BASES,
    CONTROL,
    CREDITS,
    FAMILY,
    LEARNED,
    LEARNED_CREDITS,
    NOISE,
    comparison_design,
    is_learned,
    limit_row,
    recursion_row,
)
from dgpg_verify.claims.comparison.measure import (
    alike_game,
    best_cost,
    extra_parameters,
    uniform_chances,
)
from dgpg_verify.claims.comparison.methods import METHODS, Compared, read_methods
from dgpg_verify.claims.comparison.probes import PROBES, is_unbiased, reads
from dgpg_verify.claims.comparison.properties import DIFFERENT
from dgpg_verify.claims.comparison.tables import comparison_tables, read_cell
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.noise.design import GAME
from dgpg_verify.claims.samples.measure.laws import NEVER
from dgpg_verify.claims.series import make_series
from dgpg_verify.core import Cell, Evidence, InputError, LedgerRow, Rollout, draw_noise
from dgpg_verify.credits import make_credit
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.oracles.games.load_balancing import load_balancing_moments
from dgpg_verify.policies import uniform_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.training import make_method
from tests.claims.judging import judge

NAMED_BY_THE_PAPER = {"dgpg", "mappo", "ippo", "happo", "difference", "shaped", "residual"}
SIZES = (64, 128, 256, 512)


def played(game: LoadBalancingGame, count: int = 8) -> Rollout:
    policy = uniform_policy(game)
    return collect(game, policy, draw_noise(1, 0, game, policy, count), keep_states=True)


def test_the_methods_can_be_made_and_the_papers_are_there() -> None:
    for method in METHODS:
        assert method.credit in ("", "guided") or make_credit(method.credit)
        assert not method.learner or make_method(method.learner).settings(dict(method.changes))
    assert {method.id.split("/")[0] for method in METHODS if method.named} >= NAMED_BY_THE_PAPER
    with pytest.raises(InputError, match="mappo"):
        read_methods(
            '[[method]]\nid = "mappo"\nname = "a"\nsource = "x"\n[[method]]\nid = "mappo"\nname = "b"\nsource = "y"'
        )


def test_all_methods_meet_the_same_draws() -> None:
    rows = comparison_design("full")
    for part in ("learning", "alike"):
        seeds = {tuple(cell.seed for cell in row.cells(0)[:2]) for row in rows if row.key.startswith(part)}
        assert len(seeds) == 1


def test_the_best_cost_is_that_of_all_joint_actions() -> None:
    game = LoadBalancingGame.random(4, seed=3)
    actions = torch.tensor(list(itertools.product(range(game.n_actions), repeat=4)))
    rewards = game.step(game.start(torch.zeros(len(actions), 1, 0)), actions).reward
    assert best_cost(game) == pytest.approx(-float(rewards.max()), rel=1e-9)


def test_in_the_game_of_the_alike_everyone_sees_the_same_and_the_best_costs_nothing() -> None:
    game = alike_game(4)
    seen = game.observe(game.start(torch.zeros(1, 1, 0))).features[0]
    assert torch.equal(seen, seen[:1].expand_as(seen)) and len(seen[0].unique(dim=0)) == 4
    assert best_cost(game) == pytest.approx(0.0, abs=1e-12)


def test_what_a_credit_reads() -> None:
    rollout = played(LoadBalancingGame.random(8, seed=1))
    wanted = {
        "return": {"own reward"},
        "gae:central": {"own reward"},
        "guidance": {"reference", "influence"},
        "expected_guidance:exact": {"reference", "influence"},
        "pathwise": {"reference"},  # the z of all actions, which it asks the system for
        "difference": {"own reward", "other rewards"},
        "counterfactual@exact": {"other rewards"},
        "score": set(),
        "expected_residual": {"own reward", "reference", "influence"},
        "branch": {"own reward", "other rewards"},
    }
    for name, what in wanted.items():
        found = reads(make_credit(name).fit([rollout]), rollout)
        assert {probe for probe, read in zip(PROBES, found, strict=True) if read} == what, name


def test_credits_that_are_called_unbiased_are() -> None:
    """Mean of 20 000 roll-outs against the exact gradient: 5 standard errors for each of some 350 numbers, so that a
    right credit fails one run in 5 000. Control: the guidance is told from grad J."""
    game = LoadBalancingGame.random(6, seed=2)
    policy, rollout = uniform_policy(game), played(game)
    exact = load_balancing_moments(game, uniform_chances(game)).objective_gradient
    found = measure_gradients(game, policy, list(CREDITS), rollouts=20_000, seed=0, progress=False)

    def off(name: str) -> float:
        mean, spread = (np.asarray(part) for part in (found[name].mean, found[name].variance))
        return float((np.abs(mean - exact).max(1) / np.sqrt(spread / 20_000)).max())

    known = [name for name in CREDITS if is_unbiased(make_credit(name).fit([rollout]), rollout)]
    assert {"return", "gae:central", "shaped", "difference", "counterfactual@exact"} <= set(known)
    assert max(off(name) for name in known) < 5.0
    assert "guidance" not in known and off("guidance") > 5.0


def test_learned_numbers_are_those_beyond_actors_and_values_of_the_state() -> None:
    game = LoadBalancingGame.random(4, seed=0)
    assert extra_parameters("mappo", game) == extra_parameters("difference", game) == 0
    assert (
        extra_parameters("value:vdn", game)
        == extra_parameters("value:iql", game)
        == 0
        < extra_parameters("value:qmix", game)
    )
    f, k, hidden = game.observe(game.start(torch.empty(1, 1, 0))).features.shape[-1], game.n_actions, 64
    assert extra_parameters("value:mean_field", game) == 4 * hidden * (k + 2 * (f + k))  # own slot; the mean, twice
    assert extra_parameters("residual_return", game) == 1


# ---- questions ----


def moments(n: int, variances: Mapping[str, float], names: Sequence[str] = CREDITS) -> dict[str, Any]:
    """A cell of the row `noise`: every credit's own variance, no covariances; sums over n agents."""
    ones, zeros = np.ones(len(names)), np.zeros(len(names))
    measured = {
        "names": list(names), "covariance": np.diag([n * variances.get(name, 1.0) for name in names]),
        "signal": n * np.outer(ones, ones), "value_means": zeros, "value_covariances": np.eye(len(names)),
        "rollouts": 1000, "objective_signal": float(n), "to_objective": n * ones,
    }  # fmt: skip
    return {f"measured/{key}": value for key, value in measured.items()} | {
        "unbiased": ["return"], "extra": zeros, "reads": np.zeros((len(names), len(PROBES)), dtype=bool),
        "seconds": ones, "fitting": zeros,
    }  # fmt: skip


def noise_row(growing: tuple[str, ...] = ("return", "gae:central", "gae:local")) -> tuple[Row, list[Evidence]]:
    """Variances like N for `growing`, like 1 for the others, with 1 % of noise."""
    row = replace(next(row for row in comparison_design("smoke") if row.key == NOISE), n_values=dict.fromkeys(SIZES, 6))
    rng = np.random.default_rng(0)
    found = []
    for cell in row.cells(0):
        noisy = {name: (cell.n if name in growing else 1.0) * rng.normal(1.0, 0.01) for name in CREDITS}
        found.append(Evidence(cell, moments(cell.n, noisy), 0.0))
    return row, found


def learned(
    method: Compared, grows: bool = False, score: float = 0.9, extra: float = 0.0, **more: float
) -> list[tuple[Row, Evidence]]:
    """Its cells of learning and of the alike: samples that grow with N or do not, of 1 / eps in any case."""
    rows = {row.key: row for row in comparison_design("full")}
    found = []
    for part in ("learning", "alike"):
        row = rows[f"{part}/{method.id}"]
        for cell in row.cells(0):
            found.append((row, Evidence(cell, _learned(cell, grows, score, extra, **more), 0.0)))
    return found


def _learned(
    cell: Cell, grows: bool, score: float, extra: float, power: float = 1.0, steps: float = 0.0, spread: float = 0.05
) -> dict[str, Any]:
    rng = np.random.default_rng(cell.seed)
    at = (
        32.0
        * (cell.n if grows else 8)
        * np.array([2.0, 4.0, 8.0, 16.0]) ** power
        * rng.uniform(1.0 - spread, 1.0 + spread, 4)
    )
    more = {"low": at[None] - 1.0, "high": at[None], "start": np.ones(1)} if "factors" in cell.options else {}
    return {"score": score, "steps": 20.0 + steps * cell.n, "extra_parameters": extra, "samples": np.array([0, 32]),
            "gap": np.array([1.0, 0.5])} | more  # fmt: skip


def recursion(method: Compared, p: float = 0.0, q: float = 1.0) -> list[tuple[Row, Evidence]]:
    """Its row of C3: arrivals like N^p (1 / eps)^q, a tenth of noise."""
    row = next(row for row in comparison_design("full") if row.key == recursion_row(method))
    found, factors = [], np.array(row.options["factors"])
    for cell in row.cells(0):
        fleets = row.options["fleets"]
        noise = np.random.default_rng(cell.seed).uniform(0.9, 1.1, (fleets, len(factors)))
        high = np.ceil(100.0 * cell.n**p * factors**q * noise)
        kept = {"start": np.ones(fleets), "floor": np.zeros(fleets), "settled": np.ones(fleets)}
        found.append((row, Evidence(cell, {"low": high - 1.0, "high": high, **kept}, 0.0)))
    return found


def at_rest(method: Compared, floor: float) -> list[tuple[Row, Evidence]]:
    """Its row of C3 in the game: noise-free runs that all end at the same share of the first gap."""
    row = next(row for row in comparison_design("full") if row.key == limit_row(method))
    count = row.options["fleets"]
    ends = {"start": np.ones(count), "floor": np.full(count, floor), "settled": np.ones(count)}
    return [(row, Evidence(cell, ends, 0.0)) for cell in row.cells(0)]


def ledger(*learners: list[tuple[Row, Evidence]], growing: tuple[str, ...] = ("return",)) -> dict[str, LedgerRow]:
    row, evidence = noise_row(growing)
    rows = {row.key: row}
    for learner in learners:
        rows |= {made.key: made for made, _ in learner}
        evidence = evidence + [found for _, found in learner]
    return {judged.row: judged for judged in judge(CLAIM, evidence, rows)}


def by_id(name: str) -> Compared:
    return next(method for method in METHODS if method.id == name)


def test_a_rival_with_all_five_refutes_that_it_lacks_one() -> None:
    rows = ledger(learned(by_id("difference")), recursion(by_id("difference")))
    assert rows["C6/difference/learning/p"].verdict == rows["C6/difference/learning/q"].verdict == "supported"
    assert rows["C6/difference/lacks one"].verdict == "refuted"
    assert rows["C6/difference/lacks one"].primary
    assert rows["C6/difference/samples/p"].verdict == rows["C6/difference/samples/q"].verdict == "supported"


@pytest.mark.parametrize(("p", "q", "what"), [(1.0, 1.0, "samples/p"), (0.0, 2.0, "samples/q")])
def test_samples_that_grow_are_a_lack(p: float, q: float, what: str) -> None:
    rows = ledger(learned(by_id("difference")), recursion(by_id("difference"), p, q))
    assert rows[f"C6/difference/{what}"].verdict == "refuted"
    assert rows["C6/difference/lacks one"].verdict == "supported"


@pytest.mark.parametrize(("what", "changes"), [
    ("learning/p", {"grows": True}), ("learning/q", {"power": 3.0, "spread": 0.4}),
])  # fmt: skip
def test_how_a_method_learns_stands_beside(what: str, changes: Mapping[str, Any]) -> None:
    rows = ledger(learned(by_id("difference"), **changes))
    assert rows[f"C6/difference/{what}"].verdict == "refuted"
    assert rows["C6/difference/lacks one"].verdict == "inconclusive"


@pytest.mark.parametrize(("what", "changes"), [
    ("alike", {"score": DIFFERENT - 0.4}),
    ("learned", {"extra": 3.0}), ("parallel", {"steps": 1.0}),
])  # fmt: skip
def test_one_property_that_fails_is_enough(what: str, changes: Mapping[str, Any]) -> None:
    rows = ledger(learned(by_id("difference"), **changes))
    assert rows[f"C6/difference/{what}"].verdict == "refuted"
    assert rows["C6/difference/lacks one"].verdict == "supported"


@pytest.mark.parametrize("floor, share", [(0.0, 1.0), (0.1, 0.0)])
def test_where_a_method_comes_to_rest_stands_beside(floor: float, share: float) -> None:
    """It is told, and decides nothing: the five are counted as without it."""
    method = by_id("dgpg/mixed")
    rows = ledger(learned(method), recursion(method), at_rest(method, floor))
    row = rows.pop("C6/dgpg/mixed/arrives")
    assert row.estimate == share and not row.primary and row.policy == method.name and "own reference" in row.statement
    without = ledger(learned(method), recursion(method))
    assert {name: found.verdict for name, found in rows.items() if "joint" not in name} == {
        name: found.verdict for name, found in without.items() if "joint" not in name
    }


def test_noise_that_grows_is_a_lack_and_what_was_not_measured_is_open() -> None:
    rows = ledger(growing=("difference",))
    assert rows["C6/difference/noise/noise_to_signal"].verdict == "refuted"
    assert rows["C6/difference/lacks one"].verdict == "supported"
    assert rows["C6/shaped/lacks one"].verdict == "inconclusive"
    assert not rows["C6/pathwise/lacks one"].primary


def test_a_reading_of_dgpg_must_have_all_five() -> None:
    rows = ledger(learned(by_id("dgpg/parts")), learned(by_id("dgpg/mixed"), score=0.1))
    assert rows["C6/dgpg/mixed/all five"].verdict == "refuted" and rows["C6/dgpg/mixed/all five"].reading == "mixed"
    assert rows["C6/dgpg/parts/all five"].verdict == "inconclusive"  # its noise is read from a row that is not here


def test_tables_hold_what_mixtures_read_and_take_and_runs_that_never_arrive() -> None:
    row, evidence = noise_row()
    for item in evidence:
        item.values["reads"][CREDITS.index("guidance"), 0] = True
    learning = next(row for row in comparison_design("full") if row.key == "learning/difference")
    cells = [Evidence(cell, _learned(cell, False, 0.9, 0.0), 0.0) for cell in learning.cells(0)]
    cells[0].values["high"][0, -1] = NEVER
    measured = {row.key: make_series(row, evidence), learning.key: make_series(learning, cells)}
    tables = comparison_tables(measured)
    found = {line["credit"]: line for line in tables["frontier"]}
    assert found["dgpg/parts"]["reads"] == found["guidance"]["reads"] == "reference"
    assert found["dgpg/parts"]["seconds"] == 2.0 and found["guidance"]["seconds"] == 1.0
    assert [line["samples"] is None for line in tables["compared_arrivals"]].count(True) == 1


def test_a_learned_credit_counts_before_its_learner() -> None:
    """VDN's mixer has no number of its own, the value that its credit is fitted with has."""
    row = next(row for row in comparison_design("full") if row.key == LEARNED)
    numbers = [257.0 * (name == "counterfactual@vdn") for name in LEARNED_CREDITS]
    values = moments(64, {}, LEARNED_CREDITS) | {"extra": np.array(numbers)}
    small = replace(row, n_values={64: 2})
    evidence = [Evidence(cell, values, 0.0) for cell in small.cells(0)]
    found = learned(by_id("vdn"))
    rows = {small.key: small} | {made.key: made for made, _ in found}
    judged = {r.row: r for r in judge(CLAIM, [*evidence, *(item for _, item in found)], rows)}
    assert judged["C6/vdn/learned"].estimate == 257.0 and judged["C6/vdn/lacks one"].verdict == "supported"


def test_the_teacher_of_the_alike_is_chance() -> None:
    rows = {row.key: row for row in comparison_design("full")}
    assert rows["alike/guided_search"].options["changes"]["heuristic"] == "random"
    assert rows["learning/guided_search"].options["changes"]["heuristic"] == "least_committed"


@pytest.mark.parametrize(("budget", "count"), [([6, 0], 6), ([0, 8], 32)])
def test_learned_parts_are_fitted_once_to_as_many_roll_outs_as_asked(
    budget: list[int], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = []

    class Spy:
        name, keeps_states = "counterfactual@vdn", False

        def fit(self, pilot: Sequence[Rollout]) -> Spy:
            fits.append(sum(len(rollout.reward) for rollout in pilot))
            return self

        def __call__(self, rollout: Rollout) -> torch.Tensor:
            return torch.zeros_like(rollout.active, dtype=torch.float64)

    usual = probes.make_credit
    monkeypatch.setattr(probes, "make_credit", lambda name: Spy() if name == Spy.name else usual(name))
    row = next(row for row in comparison_design("smoke") if row.key == NOISE)
    asked = {**row.options, "credits": [*BASES, Spy.name], "fitted_to": budget, "learned": [Spy.name], "rollouts": 64}
    CLAIM.measure(replace(row, n_values={4: 1}, options=asked).cells(0)[0])
    assert fits == [count]


@pytest.mark.parametrize("method", ["residual", "mappo"])
def test_a_run_is_scored_from_the_gap_that_all_start_with(method: str) -> None:
    row = next(row for row in comparison_design("smoke") if row.key == f"alike/{method}")
    short, longer = (
        CLAIM.measure(replace(row, n_values={4: 1}, options={**row.options, "episodes": count}).cells(0)[0])
        for count in (32, 64)
    )
    assert short["gap"][0] == longer["gap"][0] == pytest.approx(0.5 * 4 * 0.75)
    assert longer["score"] == pytest.approx(1.0 - longer["gap"][-1] / longer["gap"][0])
    assert short["steps"] == longer["steps"]  # of one iteration


def test_the_score_on_the_cloud_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    run = SimpleNamespace(scores=[(0, 0.1), (30, 0.8)], history=[SimpleNamespace(seconds=3.0)])
    monkeypatch.setattr(measure, "train", lambda *_, **__: run)
    row = next(row for row in comparison_design("full") if row.key == "cloud/mappo")
    assert CLAIM.measure(replace(row, n_values={2: 1}).cells(0)[0]) == {"score": 0.8, "seconds": 3.0}


def test_the_cloud_is_told_beside_the_five() -> None:
    row = next(row for row in comparison_design("full") if row.key == "cloud/difference")
    evidence = [Evidence(cell, {"score": 1.0 + 0.01 * cell.replicate}, 0.0) for cell in row.cells(0)]
    rows = {found.row: found for found in judge(CLAIM, evidence, {row.key: row})}
    assert rows["C6/difference/cloud/N=5"].verdict == "supported" and not rows["C6/difference/cloud/N=5"].primary
    assert rows["C6/difference/lacks one"].verdict == "inconclusive"
    assert rows["C6/difference/cloud/N=50"].n_values == (50,)


def test_a_cell_of_the_cloud_is_a_score() -> None:
    rows = {row.key: row for row in comparison_design("full")}
    row = rows["cloud/imitation"]
    assert "heuristic" not in row.options["changes"] and "heuristic" in rows["alike/imitation"].options["changes"]
    [cell] = replace(row, n_values={2: 1}, options={**row.options, "options": {"horizon": 5}, "episodes": 2}).cells(0)
    assert CLAIM.measure(cell).keys() == {"score", "seconds"}


def test_a_control_that_passes_is_a_fault() -> None:
    row = next(row for row in comparison_design("full") if row.key == f"alike/{CONTROL.id}")
    judged = {
        score: judge(CLAIM, [Evidence(cell, _learned(cell, False, score, 0.0), 0.0) for cell in row.cells(0)],
                     {row.key: row})
        for score in (0.0, 0.9)
    }  # fmt: skip
    [low], [high] = ([r for r in rows if r.kind == "control"] for rows in judged.values())
    assert low.expected_label == "refuted" == low.verdict
    assert high.verdict == "supported"


def test_short_runs_do_not_refute() -> None:
    row = next(row for row in comparison_design("smoke") if row.key == "alike/difference")
    evidence = [Evidence(cell, _learned(cell, False, 0.0, 0.0), 0.0) for cell in row.cells(0)]
    [found] = [r for r in judge(CLAIM, evidence, {row.key: row}) if r.row == "C6/difference/alike"]
    assert found.verdict == "inconclusive"


def test_the_mixtures_are_judged_as_run_by_the_exact_row() -> None:
    rows = [row for row in comparison_design("smoke") if row.key == GAME]
    small = replace(rows[0], n_values={16: 3, 32: 3, 64: 3, 128: 3})
    evidence = [Evidence(cell, CLAIM.measure(cell), 0.0) for cell in small.cells(0)]
    found = {row.row for row in judge(CLAIM, evidence, {small.key: small})}
    assert {f"C6/dgpg/{setting}/noise/paired_ratio" for setting in ("parts", "mixed", "joint", "both")} <= found


def test_cells_are_measured_as_their_rows_say() -> None:
    rows = [row for row in comparison_design("smoke") if row.key in (NOISE, "alike/difference")]
    for row in rows:
        small = replace(row, n_values={4: 1}, options={**row.options, **({"rollouts": 64} if row.key == NOISE else {})})
        [cell] = small.cells(0)
        values = CLAIM.measure(cell)
        assert np.isfinite(CLAIM.cost(cell)) and cell.claim == FAMILY
        if row.key == NOISE:
            measured = {row.key: make_series(small, [Evidence(cell, values, 0.0)])}
            table = comparison_tables(measured)["frontier"]
            plain = [m for m in METHODS if m.credit and not is_learned(m.credit)]
            assert len(table) == len({m.id if m.credit == "guided" else m.credit for m in plain})
            read = read_cell(measured[NOISE].flat[0])
            told = {line["credit"]: line for line in table}
            assert told["guidance"]["inner"] > 0.0 and told["gae:central"]["inner"] == told["gae:central"]["objective"]
            assert read["gae:central"].signal == pytest.approx(read.lengths["return"])
        else:
            assert values["gap"][0] == pytest.approx(0.5 * 4 * 0.75)
