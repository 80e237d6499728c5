"""C2.1, C2.2 and A2 on made-up cells with known answers: each label must come out, and only there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dgpg_verify.claims.equilibria.a2_alignment import CLAIM as ALIGNMENT
from dgpg_verify.claims.equilibria.c2_1_every_alpha import CLAIM as EVERY_ALPHA
from dgpg_verify.claims.equilibria.c2_1_every_alpha import PRIMARY
from dgpg_verify.claims.equilibria.c2_2_practical_reference import CLAIM as PRACTICAL
from dgpg_verify.claims.equilibria.design import QUADRATIC
from dgpg_verify.claims.equilibria.measure import counterexamples as counterexample_cells
from dgpg_verify.claims.equilibria.measure.alignment import POLICIES, UNDEFINED, cosines
from dgpg_verify.claims.equilibria.measure.games import measure_equilibria
from dgpg_verify.claims.equilibria.read import FEWEST_AUDITED, judge_audit
from dgpg_verify.core import Cell, Evidence, LedgerRow, to_json
from dgpg_verify.equilibria.counterexamples.files import load, load_all
from dgpg_verify.equilibria.games.tables import Tables
from tests.claims.equilibria.evidence import (
    aligned,
    cell_of,
    counterexample,
    game_cell,
    mixed,
    pure,
    readings,
    shift,
    team,
    tradeoff,
)
from tests.claims.judging import judge, measured_of

CLAIMS = (EVERY_ALPHA, PRACTICAL, ALIGNMENT)
LEAD = "C2.2/quadratic/fluid/N=4,K=3/pure/every alpha"
NO_GAIN = "C2.1/softmax/gained"


def evidence_of(cell: Cell) -> Evidence:
    return Evidence(cell, measure_equilibria(cell), 0.0)


def judged(claim: Any, *items: Evidence) -> dict[str, LedgerRow]:
    rows = {row.row: row for row in judge(claim, items)}
    assert len(rows) == len(judge(claim, items))  # no row hides another
    return rows


@pytest.mark.parametrize(
    "fleets, unequal, label",
    [(4000, 0, "supported"), (4000, 1, "supported"), (4000, 2000, "refuted"), (100, 0, "inconclusive"),
     (100, 50, "refuted"), (4000, 40, "inconclusive")],
)  # fmt: skip
def test_rate_of_equal_sets(fleets: int, unequal: int, label: str) -> None:
    """At least 99 % is asked for: all equal, half of them, too few to tell, and exactly 99 %."""
    row = judged(PRACTICAL, pure(fleets, unequal))[LEAD]
    assert row.verdict == label and row.primary
    assert (row.estimate, row.replicates) == (1 - unequal / fleets, fleets)


def test_batches_of_one_law_are_pooled() -> None:
    first = pure(100, 0)
    second = replace(pure(300, 300), cell=replace(first.cell, replicate=1))
    row = judged(PRACTICAL, first, second)[LEAD]
    assert (row.estimate, row.replicates, row.seeds, row.verdict) == (0.25, 400, (0, 1), "refuted")


def test_a_row_at_one_alpha_reads_that_alpha() -> None:
    item = pure(4000, 0)
    codes = np.zeros_like(item.values["relations"])
    codes[4] = codes[-1] = 1  # unequal at alpha = 0.5, and so for every alpha
    rows = judged(PRACTICAL, replace(item, values={**item.values, "relations": codes}))
    found = {key.rpartition("/")[2]: row.verdict for key, row in rows.items()}
    assert found == {"every alpha": "refuted", "alpha 0.2": "supported", "alpha 0.5": "refuted",
                     "alpha 0.9": "supported"}  # fmt: skip


def test_degenerate_games_are_left_out_and_said() -> None:
    key = "C2.2/quadratic/fluid/N=2,K=2/mixed/alpha 0.5"
    row = judged(PRACTICAL, mixed(2, [0] * 500 + [-1] * 20))[key]
    assert (row.verdict, row.replicates) == ("supported", 500) and "20 of 520 fleets not decided" in row.because
    assert judged(PRACTICAL, mixed(2, [-1] * 20))[key].verdict == "inconclusive"


def test_three_agents_can_only_be_seen_to_differ() -> None:
    """Points of one side that are none of the other prove a difference; finding none proves nothing."""
    key = "C2.2/quadratic/fluid/N=3,K=2/mixed/alpha 0.5"
    assert judged(PRACTICAL, mixed(3, [-1] * 4000))[key].verdict == "inconclusive"
    assert judged(PRACTICAL, mixed(3, [3] * 200 + [-1] * 200))[key].verdict == "refuted"


def test_stationary_points_of_teams_count_their_worst_alpha() -> None:
    key = "C2.2/linear_quadratic/alignment=0.5/bias=0.3/N=5/stationary"
    assert judged(PRACTICAL, team(400, (0.5, 0.3)))[key].verdict == "supported"
    assert judged(PRACTICAL, team(400, (0.5, 0.3), unequal=200))[key].verdict == "refuted"


def test_one_violating_fleet_refutes_a_theorem() -> None:
    first = np.arange(4000) == 0
    assert judged(EVERY_ALPHA, readings(4000, signs=True))[NO_GAIN].verdict == "supported"
    assert judged(EVERY_ALPHA, readings(4000, signs=True, gained=first))[NO_GAIN].verdict == "refuted"
    assert judged(EVERY_ALPHA, readings(2999, signs=True))[NO_GAIN].verdict == "inconclusive"
    assert judged(EVERY_ALPHA, readings(4000))[NO_GAIN].verdict == "inconclusive"  # no fleet has the condition
    # where the condition does not hold, or holds only because J = -cG + const, nothing is violated
    assert judged(EVERY_ALPHA, readings(4000, signs=~first, gained=first))[NO_GAIN].verdict == "supported"
    assert judged(EVERY_ALPHA, readings(4000, signs=True, perfect=first, gained=first))[NO_GAIN].replicates == 3999


def test_lost_without_a_tie_means_either_without_the_other() -> None:
    key, first = "C2.1/theorem/signs/lost without a tie", np.arange(4000) == 0
    assert judged(EVERY_ALPHA, readings(4000, signs=True, lost=first, tied=first))[key].verdict == "supported"
    assert judged(EVERY_ALPHA, readings(4000, signs=True, lost=first))[key].verdict == "refuted"
    assert judged(EVERY_ALPHA, readings(4000, signs=True, tied=first))[key].verdict == "refuted"


STORED = {f"C2.1/{reading}/{inclusion}": form for (reading, inclusion), form in PRIMARY.items() if form}


@pytest.mark.parametrize("key, form", STORED.items(), ids=STORED.keys())
def test_a_counterexample_refutes_unless_a_statement_is_false(key: str, form: str) -> None:
    true, false = (judged(EVERY_ALPHA, counterexample(form, failed)) for failed in ([], ["the change pays"]))
    assert (true[key].verdict, false[key].verdict) == ("refuted", "inconclusive")
    assert true[key].primary and "the change pays" in false[key].because


def test_a_stored_example_that_is_tampered_with_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the cell: as stored it refutes; with another gain its own check finds the false statement."""
    cell = cell_of("counterexample", 2, form="fluid-quadratic-gained")
    key = "C2.2/counterexample/fluid-quadratic-gained"
    assert judged(PRACTICAL, evidence_of(cell))[key].verdict == "refuted"
    monkeypatch.setattr(counterexample_cells, "load", lambda name: replace(load(name), gain=2 * load(name).gain))
    row = judged(PRACTICAL, evidence_of(cell))[key]
    assert row.verdict == "inconclusive" and "the change is worth what is stored" in row.because


def test_every_stored_counterexample_is_a_row_of_one_claim() -> None:
    items = [counterexample(name, []) for name in load_all()]
    found = [row for claim in CLAIMS for row in judge(claim, items)]
    assert len(found) == len(load_all()) and {row.verdict for row in found} == {"refuted"}


@pytest.mark.parametrize("form", QUADRATIC)
def test_quadratic_examples_hold(form: str) -> None:
    row = judged(EVERY_ALPHA, evidence_of(cell_of("quadratic", 2, form=form)))[f"C2.1/quadratic/{form}"]
    assert row.verdict == "refuted" and row.estimate != 0.0


@pytest.mark.parametrize("kind, right, wrong", [("team", 0.0, 1e-6), ("saddle", 1e-12, 1e-8)])
def test_an_exact_law_allows_rounding_only(kind: str, right: float, wrong: float) -> None:
    for size, label in ((right, "supported"), (wrong, "refuted")):
        row = judged(EVERY_ALPHA, shift(kind, lambda alpha, size=size: size + 0 * alpha))[f"C2.1/shift law/{kind}"]
        assert (row.verdict, row.kind, row.expected_label) == (label, "oracle", "supported")


def test_the_error_of_a_first_order_law_is_of_second_order() -> None:
    for power, label in ((2.0, "supported"), (1.0, "refuted")):
        row = judged(EVERY_ALPHA, shift("entropy", lambda alpha, power=power: alpha**power))["C2.1/shift law/entropy"]
        assert row.verdict == label and row.estimate == pytest.approx(power, abs=0.02)


def test_bounded_variance_an_agent_is_supported_and_growth_refuted() -> None:
    for exponent, label in ((1.0, "supported"), (2.0, "refuted")):
        row = judged(EVERY_ALPHA, *tradeoff(exponent))["C2.1/tradeoff/team/0.2"]
        assert row.verdict == label and row.estimate == pytest.approx(exponent - 1.0, abs=0.02)


def test_one_misaligned_fleet_refutes_the_audit_where_it_was_seen() -> None:
    clean, one = judged(ALIGNMENT, aligned(40, {})), judged(ALIGNMENT, aligned(40, {7: "uniform"}))
    law = "A2/load_balancing/quadratic/fluid"
    assert {row.verdict for row in clean.values()} == {"supported"}
    found = {name: one[f"{law}/{name}/joint"].verdict for name in POLICIES}
    assert found == dict.fromkeys(POLICIES, "supported") | {"uniform": "refuted"}
    for who in ("joint", "agent"):
        row = one[f"{law}/all policies/{who}"]
        assert (row.verdict, row.primary, row.estimate) == ("refuted", who == "joint", 1 / 40)


def test_an_audit_needs_fleets_that_have_a_cosine() -> None:
    clean, defined = np.zeros(20, dtype=bool), np.arange(20) < FEWEST_AUDITED
    assert judge_audit(clean, 0.95, defined).label == "supported"
    assert judge_audit(clean, 0.95, defined & (np.arange(20) > 0)).label == "inconclusive"
    assert judge_audit(clean, 0.95, ~clean & False).label == "inconclusive"
    assert judge_audit(np.array([True]), 0.95).label == "refuted"
    constant = np.zeros((FEWEST_AUDITED, 3, 3))  # J is the same whatever is done
    tables = Tables(constant, np.random.default_rng(0).normal(size=constant.shape))
    found = cosines(tables, np.full((FEWEST_AUDITED, 2, 2, 3), 1 / 3))
    assert (found["joint"] == UNDEFINED).all() and not found["negative"].any()


def test_no_witness_is_no_certificate() -> None:
    """Aligned everywhere is said only where every fleet is certified."""
    key = "A2/load_balancing/quadratic/fluid/N=2,K=2/every profile/simplex"
    most, none = np.arange(50) > 0, np.zeros(50, dtype=bool)
    cases = [(none, most, "inconclusive"), (none, ~none, "supported"), (~most, most, "refuted")]
    for negative, certain, label in cases:
        assert judged(ALIGNMENT, readings(50, simplex=certain, simplex_negative=negative))[key].verdict == label


def controls(perfect: int, shuffled: int, condition: bool, misaligned: dict[int, str]) -> list[LedgerRow]:
    """All controls: sets that differ in so many of 1000 fleets, failures without the condition, misaligned fleets."""
    failed = dict.fromkeys(("gained", "lost", "strict_lost"), condition)
    items = [pure(1000, perfect, "perfect"), pure(1000, shuffled, "shuffled"), readings(100, **failed)]
    items += [mixed(n, [equal] * 99 + [3] * perfect, "perfect") for n, equal in ((2, 0), (3, -1))]
    items += [aligned(40, misaligned, "perfect"), team(20, (1.0, 0.0), len(misaligned))]
    items.append(aligned(40, {} if misaligned else {3: "uniform"}, "shuffled"))
    return [row for claim in CLAIMS for row in judge(claim, items) if row.kind == "control"]


def test_controls_get_the_label_they_are_built_for_and_others_do_not() -> None:
    """One unequal fleet of a thousand, a shuffled reference that breaks too few: each control must notice."""
    right, wrong = controls(0, 900, True, {}), controls(1, 300, False, {5: "random"})
    assert len(right) == len(wrong) == 4 + 3 + 6
    assert [row.row for row in right if row.verdict != row.expected_label] == []
    assert [row.row for row in wrong if row.verdict == row.expected_label] == []


@pytest.fixture(scope="module")
def tiny() -> list[Evidence]:
    """Real cells of every kind, a handful of fleets each."""
    cells = [game_cell("pure", 4, 3, 3, cost, r) for cost in ("quadratic", "mm1") for r in ("fluid", "perfect")]
    cells += [game_cell("pure", 2, 2, 3), game_cell("readings", 2, 2, 3), game_cell("aligned", 4, 3, 3)]
    cells += [game_cell("mixed", n, 2, 2, reference=r) for n in (2, 3) for r in ("fluid", "perfect")]
    cells += [cell_of("team", 5, alignment=0.5, bias=0.3, fleets=2), cell_of("quadratic", 2, form="singular")]
    cells += [cell_of("shift", n, kind=kind, fleets=3) for kind, n in (("saddle", 2), ("entropy", 3), ("team", 4))]
    cells += [cell_of("tradeoff", n, r, kind=k) for k in ("team", "game") for n in (4, 6, 9, 13) for r in range(3)]
    cells += [cell_of("counterexample", 2, form="fluid-quadratic-gained")]
    return [evidence_of(cell) for cell in cells]


TABLES = {"equilibrium_rates", "equilibrium_values", "alpha_limits", "equilibrium_shift", "equilibrium_field",
          "tradeoff", "counterexamples", "annealing", "alignment", "declared"}  # fmt: skip
PLAIN = (str, int, float, type(None))


def test_tables_are_flat_json(tiny: list[Evidence]) -> None:
    made = EVERY_ALPHA.tables(measured_of(tiny))
    assert made.keys() == TABLES
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    for name, records in made.items():
        assert len({tuple(record) for record in records}) <= 2, name  # annealing and alignment join two kinds
        for record in records:
            for key, value in record.items():
                entries = value if isinstance(value, list) else [value]
                assert all(isinstance(entry, PLAIN) for entry in entries), (name, key)


def test_real_cells_are_judged_and_make_strict_json(tiny: list[Evidence]) -> None:
    for claim in CLAIMS:
        rows = judged(claim, *tiny)
        assert rows and all(key.startswith(f"{claim.id}/") for key in rows)
        json.dumps(to_json(list(rows.values())), allow_nan=False)
        assert not [row.row for row in rows.values() if not row.holds_when or "?" in row.holds_when or not row.because]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_run_of_other_claims_alone_gives_no_rows(claim: Any) -> None:
    assert judge(claim, []) == [] and claim.tables({}) == {}
